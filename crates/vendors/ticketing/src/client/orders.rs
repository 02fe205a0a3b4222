//! Order endpoints: accounts, orders, payments, wallets (`ticketing.md §4.4`, `§4.10` to `§4.12`).

use jiff::Timestamp;
use reqwest::Method;
use serde::Serialize;
use url::Url;

use crate::client::{Client, ListRequest, empty_if_missing, is_resource_missing, rejects_forbidden};
use crate::map::time;
use crate::wire;
use domain::{Effect, RefusalReason, VendorError, VendorOperation};
use http_client::VendorResponse;

type ListResult<T> = Result<Vec<T>, VendorError>;

impl Client {
    /// `POST /accounts`. An existing account is `Conflict`. A lost response has no effect on sales: its effect is none.
    pub(crate) async fn open_account(
        &self,
        op: VendorOperation,
        account: &wire::NewAccount<'_>,
    ) -> Result<wire::Account, VendorError> {
        let refusal = |status| match status {
            400 => Some(RefusalReason::InvalidInput { field: "contact".to_owned() }),
            403 => Some(RefusalReason::Forbidden),
            409 => Some(RefusalReason::Conflict),
            _ => None,
        };
        let opened = async {
            let response = self.post(op, self.url("/accounts"), account).await?;
            self.read_json(&response, refusal)
        };
        opened.await.map_err(|error| error.with_effect(Effect::None))
    }

    /// `POST /lookups`: finds an account by its user name.
    pub(crate) async fn find_account(&self, username: &str) -> Result<Option<wire::Account>, VendorError> {
        let body = wire::AccountLookup { identification: username };
        let response = self.post(VendorOperation::LookUp, self.url("/lookups"), &body).await?;
        if is_resource_missing(&response) { Ok(None) } else { self.read_json(&response, rejects_forbidden).map(Some) }
    }

    /// `GET /accounts/{number}`.
    pub(crate) async fn account(&self, op: VendorOperation, number: &str) -> Result<wire::Account, VendorError> {
        let response = self.get(op, &format!("/accounts/{number}")).await?;
        self.read_json(&response, rejects_forbidden)
    }

    /// `POST /orders`. Two identical calls create two orders. A 400 means that it cannot be filled.
    pub(crate) async fn place_order(
        &self,
        op: VendorOperation,
        order: &wire::NewOrder<'_>,
    ) -> Result<wire::Order, VendorError> {
        let response = self.post(op, self.url("/orders"), order).await?;
        self.read_json(&response, |status| match status {
            400 => Some(RefusalReason::SoldOut { remaining: None }),
            403 => Some(RefusalReason::Forbidden),
            404 => Some(RefusalReason::NotOnSale),
            409 => Some(RefusalReason::Conflict),
            _ => None,
        })
    }

    /// `GET /orders/{number}`.
    pub(crate) async fn order(&self, number: &str) -> Result<wire::Order, VendorError> {
        let response = self.get(VendorOperation::LookUp, &format!("/orders/{number}")).await?;
        self.read_json(&response, rejects_forbidden)
    }

    /// `GET /orders` of one account, newest first.
    pub(crate) async fn orders_of(&self, customer: &str) -> ListResult<wire::Order> {
        let filters = [("customer", customer), ("sort", "date"), ("order", "desc")];
        let list = ListRequest {
            op: VendorOperation::LookUp,
            path: "/orders",
            filters: &filters,
            api_key: None,
            rejections: rejects_forbidden,
        };
        self.list_all_pages(&list).await.or_else(empty_if_missing)
    }

    /// `GET /orders` that the key may see, newest first, no further back than `from`.
    pub(crate) async fn orders_since(&self, from: Timestamp) -> ListResult<wire::Order> {
        let filters = [("sort", "date"), ("order", "desc")];
        let list = ListRequest {
            op: VendorOperation::ListOrders,
            path: "/orders",
            filters: &filters,
            api_key: None,
            rejections: rejects_forbidden,
        };
        self.list_pages(&list, |page| all_placed_before(page, from)).await.or_else(empty_if_missing)
    }

    /// `DELETE /orders/{number}`. A 409 leaves the order's state open; the caller reads it.
    pub(crate) async fn cancel_order(&self, number: &str) -> Result<CancelOutcome, VendorError> {
        let url = self.url(&format!("/orders/{number}"));
        let response = self.send(self.call(VendorOperation::Release, Method::DELETE, url)).await?;
        match response.status.as_u16() {
            409 => Ok(CancelOutcome::NotOpen),
            404 if is_resource_missing(&response) => Ok(CancelOutcome::Closed),
            _ => self.check_status(&response, rejects_forbidden).map(|()| CancelOutcome::Closed),
        }
    }

    /// `POST {payments}`: the body contains the card and is never logged. A 409 is `Conflict`: the order must be read
    /// again.
    pub(crate) async fn pay(&self, link: Url, card: &wire::Payment<'_>) -> Result<wire::PaymentResult, VendorError> {
        let response = self.post(VendorOperation::Confirm, link, card).await?;
        if response.status.as_u16() == 400 {
            tracing::error!(source = %self.http.source(), "TickeTing rejected the configured payment card");
        }
        self.read_json(&response, |status| match status {
            400 => Some(RefusalReason::PaymentDeclined),
            403 => Some(RefusalReason::Forbidden),
            404 => Some(RefusalReason::HoldExpired),
            409 => Some(RefusalReason::Conflict),
            _ => None,
        })
    }

    /// `POST {refunds}`, for administrators: refunds the whole order.
    pub(crate) async fn refund(&self, link: Url, reason: &str) -> Result<wire::PaymentResult, VendorError> {
        let response = self.post(VendorOperation::Cancel, link, &wire::Refund { reason }).await?;
        self.read_json(&response, |status| match status {
            400 => Some(RefusalReason::Other),
            403 => Some(RefusalReason::Forbidden),
            409 => Some(RefusalReason::Conflict),
            _ => None,
        })
    }

    /// `GET /accounts/{number}/tickets`.
    pub(crate) async fn wallet(&self, account: &str) -> ListResult<wire::Ticket> {
        let path = format!("/accounts/{account}/tickets");
        let op = VendorOperation::LookUp;
        self.list_all_pages(&ListRequest {
            op,
            path: &path,
            filters: &[],
            api_key: None,
            rejections: rejects_forbidden,
        })
        .await
    }

    /// Resolves a link of an order below the base URL or on the same server. Any other server would receive our key,
    /// and a card.
    pub(crate) fn resolve_link(&self, link: &str) -> Option<Url> {
        if let Ok(url) = Url::parse(link) {
            return (url.origin() == self.base.origin()).then_some(url);
        }
        let base = self.base.path().trim_end_matches('/');
        let path = link.strip_prefix(base).filter(|rest| rest.starts_with('/') && !base.is_empty()).unwrap_or(link);
        Some(self.url(&format!("/{}", path.trim_start_matches('/'))))
    }

    async fn get(&self, op: VendorOperation, path: &str) -> Result<VendorResponse, VendorError> {
        self.send(self.call(op, Method::GET, self.url(path))).await
    }

    async fn post<T: Serialize>(&self, op: VendorOperation, url: Url, body: &T) -> Result<VendorResponse, VendorError> {
        let call = self.call(op, Method::POST, url).payload(self.json(op, body)?);
        self.send(call).await
    }
}

/// Outcome of canceling an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CancelOutcome {
    /// It is closed, or never existed.
    Closed,
    /// It was no longer open.
    NotOpen,
}

/// True if a page proves that all following orders were placed before `from`: it is in descending order and entirely
/// older.
fn all_placed_before(page: &[wire::Order], from: Timestamp) -> bool {
    let placed: Vec<_> = page.iter().filter_map(|order| time::parse_server_instant(order.placed.as_deref())).collect();
    let runs_backwards = placed.first() > placed.last() && placed.is_sorted_by(|a, b| a >= b);
    runs_backwards && placed.iter().all(|at| *at < from)
}
