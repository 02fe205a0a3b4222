//! Suppliers and products.

use octo_facade::OctoError;
use octo_facade::facts::{EventFacts, IdOnly, Nodes, ProblemFacts};
use octo_facade::problem::to_error;
use octo_facade::product::{ProductContext, product as to_product, supplier as to_supplier};
use octo_facade::wire::{OctoProduct, OctoSupplier};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::gateway::octo::documents::{ALLOWED, EVENT, PRODUCT, PRODUCTS};
use crate::gateway::octo::exchange::{Exchange, Seller, read};
use crate::gateway::octo::failures::{name_nothing, of_errors};
use crate::gateway::octo::reply::Reply;

/// Events of a page with all their fields, and of a page of ids.
const PAGE_SIZE: usize = 20;
const ID_PAGE_SIZE: usize = 100;

/// Position in a list.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PageInfo {
    /// True if more rows follow.
    pub(super) has_next_page: bool,
    /// Cursor of the last row.
    pub(super) end_cursor: Option<String>,
}

/// A page of a list.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page<T> {
    /// Failures of the source.
    pub(super) problems: Vec<ProblemFacts>,
    /// Rows.
    #[serde(flatten)]
    pub(super) rows: Nodes<T>,
    /// Position.
    pub(super) page_info: PageInfo,
}

#[derive(Deserialize)]
struct EventsResult<T> {
    events: Page<T>,
}

/// `GET /suppliers`.
pub(super) async fn suppliers(exchange: &Exchange<'_>) -> Result<Reply, OctoError> {
    let base = exchange.suppliers_url();
    let suppliers: Vec<OctoSupplier> =
        exchange.sellers().await?.iter().map(|seller| to_supplier(&seller.source, &base)).collect();
    Reply::of(&suppliers)
}

/// `GET /supplier`.
pub(super) async fn supplier(exchange: &Exchange<'_>) -> Result<Reply, OctoError> {
    let seller = exchange.seller().await?;
    Reply::of(&to_supplier(&seller.source, &exchange.suppliers_url()))
}

/// `GET /products`.
pub(super) async fn products(exchange: &Exchange<'_>) -> Result<Reply, OctoError> {
    let seller = exchange.seller().await?;
    let limit = exchange.settings().max_products;
    let mut products: Vec<OctoProduct> = Vec::new();
    let mut after = None;
    loop {
        let page: Page<EventFacts> = load_page(exchange, PRODUCTS, &seller, (PAGE_SIZE, after)).await?;
        products.extend(page.rows.nodes.iter().map(|event| convert(exchange, &seller, event)));
        if products.len() > limit {
            tracing::error!(source = %seller.source.name, limit, "a supplier has more products than a list may have");
            return Err(OctoError::internal());
        }
        match page.page_info {
            PageInfo { has_next_page: true, end_cursor: Some(cursor) } => after = Some(cursor),
            _ => return Reply::of(&products),
        }
    }
}

/// `GET /products/{id}`.
pub(super) async fn product(exchange: &Exchange<'_>) -> Result<Reply, OctoError> {
    let seller = exchange.seller().await?;
    let id = exchange.product_id();
    let variables = json!({ "id": id, "content": exchange.capabilities.has_content(), "locale": exchange.language() });
    let found = exchange.query_parts(PRODUCT, variables).await?;
    let event = checked_event(exchange, &seller, id, found).await?;
    Reply::of(&convert(exchange, &seller, &event))
}

fn convert(exchange: &Exchange<'_>, seller: &Seller, event: &EventFacts) -> OctoProduct {
    let settings = exchange.settings();
    let cutoff = settings.cancellation_cutoffs.get(&seller.source.name).copied();
    let context = ProductContext {
        source: &seller.source,
        max_units: settings.max_units,
        cancellation_cutoff: cutoff.unwrap_or_default(),
        has_pricing: exchange.capabilities.has_pricing(),
        has_content: exchange.capabilities.has_content(),
    };
    to_product(event, &context)
}

/// Finds an event of the supplier that the caller may sell.
///
/// # Errors
///
/// There is none, or the supplier cannot be reached.
pub(super) async fn find_event(exchange: &Exchange<'_>, seller: &Seller, id: &str) -> Result<EventFacts, OctoError> {
    let found = exchange.query_parts(EVENT, json!({ "id": id })).await?;
    checked_event(exchange, seller, id, found).await
}

/// Returns the event of a result if the caller may sell it.
async fn checked_event(
    exchange: &Exchange<'_>,
    seller: &Seller,
    id: &str,
    (mut data, errors): (Value, Vec<Value>),
) -> Result<EventFacts, OctoError> {
    let unknown = || OctoError::product(Some(id));
    if data["event"].is_null() {
        return Err(if name_nothing(&errors) { unknown() } else { of_errors(&errors) });
    }
    if !errors.is_empty() {
        return Err(of_errors(&errors));
    }
    let event: EventFacts = read(data["event"].take())?;
    if event.source.id != seller.source.id || !event.is_listed() || !is_allowed(exchange, seller, &event).await? {
        return Err(unknown());
    }
    Ok(event)
}

/// Returns true if the caller's reseller may sell an event.
async fn is_allowed(exchange: &Exchange<'_>, seller: &Seller, event: &EventFacts) -> Result<bool, OctoError> {
    if seller.reseller.is_none() {
        return Ok(true);
    }
    let mut after = None;
    loop {
        let page: Page<IdOnly> = load_page(exchange, ALLOWED, seller, (ID_PAGE_SIZE, after)).await?;
        if page.rows.nodes.iter().any(|allowed| allowed.id == event.id) {
            return Ok(true);
        }
        match page.page_info {
            PageInfo { has_next_page: true, end_cursor: Some(cursor) } => after = Some(cursor),
            _ => return Ok(false),
        }
    }
}

async fn load_page<T: DeserializeOwned>(
    exchange: &Exchange<'_>,
    document: &'static str,
    seller: &Seller,
    (first, after): (usize, Option<String>),
) -> Result<Page<T>, OctoError> {
    let variables = json!({
        "sources": [seller.source.id], "reseller": seller.reseller, "first": first, "after": after,
        "content": exchange.capabilities.has_content(), "locale": exchange.language(),
    });
    let EventsResult { events } = exchange.query(document, variables).await?;
    match events.problems.first() {
        Some(problem) => Err(to_error(problem, "")),
        None => Ok(events),
    }
}
