//! The organisation check-out (`acme.md §4.3`): validates everything, books at once, makes the tickets.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::routing::post;
use axum::{Json, Router};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use crate::acme::book::{Book, Item, Order, Ticket};
use crate::acme::instances::{Show, allows};
use crate::acme::refusal::{Refusal, body};
use crate::acme::{Acme, sales, venue};

pub(super) fn router() -> Router<Arc<Acme>> {
    Router::new().route("/v2/b2b/orders/organizations/{id}", post(check_out))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CheckOut {
    #[serde(default)]
    organization_id: Option<u64>,
    #[serde(default)]
    account_id: Option<u64>,
    sale_channel: String,
    #[serde(default)]
    reservation_id: Option<u64>,
    payment_method: String,
    #[serde(default)]
    payment_id: String,
    charge_amount: String,
    events: Vec<Bought>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bought {
    event_id: String,
    items: Vec<BoughtItem>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BoughtItem {
    event_id: String,
    person_type_id: String,
    item_type: String,
    quantity: u32,
    amount: String,
}

/// A line as the vendor sees it: what it costs, and how many places it takes.
struct Priced<'a> {
    item: &'a BoughtItem,
    show: Show,
    person_name: String,
    list_price: Decimal,
    unit_price: Decimal,
    places: u32,
}

async fn check_out(State(acme): State<Arc<Acme>>, Path(id): Path<u64>, headers: HeaderMap, bytes: Bytes) -> Answer {
    let request = request_uuid(&headers)?;
    let organization = venue::organization(id).ok_or_else(|| Refusal::not_found("organization"))?;
    acme.keeper.change(|book| {
        book.expire(acme.now());
        // Only orders that were made count as seen: a refused request may be sent again, and be refused again.
        if request.as_ref().is_some_and(|uuid| book.requests.contains_key(uuid)) {
            return Err(Refusal::duplicate_request());
        }
        let wish: CheckOut = body(&headers, &bytes)?;
        check_head(id, &wish)?;
        let priced = acme.price(book, &wish)?;
        check_amounts(&wish, &priced, organization.pays_later)?;
        acme.check_capacity(book, &wish, &priced)?;
        let order = acme.book(book, id, &wish, priced);
        if let Some(uuid) = request {
            book.requests.insert(uuid, order.id);
        }
        if let Some(reservation) = wish.reservation_id {
            book.reservations.remove(&reservation);
        }
        let shown = sales::shown(&acme, &order, true);
        book.orders.insert(order.id, order);
        Ok(Json(shown))
    })
}

type Answer = Result<Json<Value>, Refusal>;

/// The guard against doubles (`acme.md §2.3`): a lower-case 8-4-4-4-12 UUID.
fn request_uuid(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let Some(text) = headers.get("x-acme-request-uuid") else { return Ok(None) };
    let text = text.to_str().unwrap_or_default();
    let is_uuid = text.len() == 36 && Uuid::parse_str(text).is_ok() && text == text.to_ascii_lowercase();
    is_uuid.then(|| Some(text.to_owned())).ok_or_else(|| Refusal::invalid("x-acme-request-uuid must be a UUID"))
}

fn check_head(id: u64, wish: &CheckOut) -> Result<(), Refusal> {
    let named = [wish.organization_id, wish.account_id];
    if named.iter().all(Option::is_none) || named.iter().flatten().any(|named| *named != id) {
        return Err(Refusal::invalid("organizationId must equal the path"));
    }
    if wish.sale_channel != "reseller" {
        return Err(Refusal::invalid("saleChannel must be reseller"));
    }
    match wish.payment_method.as_str() {
        "Voucher" | "Check" if wish.payment_id.is_empty() => Err(Refusal::invalid("paymentId is missing")),
        "Voucher" | "Check" | "Cash" | "CreditCard" => Ok(()),
        _ => Err(Refusal::invalid("paymentMethod is Cash, Check, CreditCard or Voucher")),
    }
}

fn decimal(text: &str, name: &str) -> Result<Decimal, Refusal> {
    text.parse().map_err(|_| Refusal::invalid(format!("{name} must be a decimal string")))
}

/// Line totals must be quantity times price, the charge their sum; less only for an organisation that pays later.
fn check_amounts(wish: &CheckOut, priced: &[Priced<'_>], pays_later: bool) -> Result<(), Refusal> {
    let mut total = Decimal::ZERO;
    for line in priced {
        let due = line.unit_price * Decimal::from(line.item.quantity);
        if decimal(&line.item.amount, "amount")? != due {
            return Err(Refusal::invalid("amount must be quantity times price"));
        }
        total += due;
    }
    let charge = decimal(&wish.charge_amount, "chargeAmount")?;
    if charge == total || (pays_later && charge < total && !charge.is_sign_negative()) {
        Ok(())
    } else {
        Err(Refusal::invalid("chargeAmount must be the sum of the amounts"))
    }
}

impl Acme {
    fn price<'a>(&self, book: &Book, wish: &'a CheckOut) -> Result<Vec<Priced<'a>>, Refusal> {
        let mut priced = Vec::new();
        for event in &wish.events {
            let show = self.show(book, &event.event_id).ok_or_else(|| Refusal::not_found("event instance"))?;
            let is_open = !book.is_cancelled(&show) && show.end > self.now() && show.sells_on("reseller");
            if !is_open {
                return Err(Refusal::invalid("the event instance is not on sale"));
            }
            for item in &event.items {
                if item.event_id != event.event_id || item.item_type != "Event" || item.quantity == 0 {
                    return Err(Refusal::invalid("an item needs its eventId, the itemType Event and a quantity"));
                }
                priced.push(price_line(book, &show, item)?);
            }
        }
        if priced.is_empty() { Err(Refusal::invalid("events must not be empty")) } else { Ok(priced) }
    }

    /// What the hold does not cover is taken from what is free; a hold that ran out counts as none (INFERRED, `acme.md §5`).
    fn check_capacity(&self, book: &Book, wish: &CheckOut, priced: &[Priced<'_>]) -> Result<(), Refusal> {
        let held = wish.reservation_id.and_then(|id| book.reservations.get(&id));
        let mut needed: BTreeMap<&str, (u32, &Show)> = BTreeMap::new();
        for line in priced {
            needed.entry(&line.show.id).or_insert((0, &line.show)).0 += line.item.quantity * line.places;
        }
        for (id, (places, show)) in needed {
            let own = held.map_or(0, |held| {
                held.items.iter().filter(|item| item.event_id == id).map(|item| item.quantity).sum::<u32>()
            });
            if places > book.counts(show, self.now()).available + own {
                return Err(Refusal::not_enough_capacity());
            }
        }
        Ok(())
    }

    fn book(&self, book: &mut Book, organization_id: u64, wish: &CheckOut, priced: Vec<Priced<'_>>) -> Order {
        let id = book.draw(900_000);
        let text = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
        Order {
            id,
            organization_id,
            created_at: self.now(),
            contact: wish.rest.iter().filter_map(text).collect(),
            payment_method: wish.payment_method.clone(),
            payment_id: wish.payment_id.clone(),
            charged: wish.charge_amount.parse().unwrap_or_default(),
            items: priced.into_iter().map(|line| item(book, line)).collect(),
            incidents: 0,
        }
    }
}

fn price_line<'a>(book: &Book, show: &Show, item: &'a BoughtItem) -> Result<Priced<'a>, Refusal> {
    let list = book.price_list(show);
    let lines = list["prices"].as_array().into_iter().flatten();
    let mut lines = lines.filter(|line| line["personType"]["id"] == item.person_type_id.as_str());
    let line = lines.find(|line| allows(&line["salesChannels"], "reseller"));
    let line = line.ok_or_else(|| Refusal::invalid("the ticket type is not in the price list"))?;
    let amount = |name: &str| line[name].to_string().parse::<Decimal>().ok();
    let list_price = amount("price").unwrap_or_default();
    let children = line["personType"]["children"].as_array().into_iter().flatten();
    let places: u64 = children.filter_map(|child| child["quantity"].as_u64()).sum();
    Ok(Priced {
        item,
        show: show.clone(),
        person_name: line["personType"]["name"].as_str().unwrap_or_default().to_owned(),
        list_price,
        unit_price: amount("discountedPrice").unwrap_or(list_price).min(list_price),
        places: u32::try_from(places).unwrap_or(u32::MAX).max(1),
    })
}

fn item(book: &mut Book, line: Priced<'_>) -> Item {
    let id = book.draw(910_000);
    let ticket = |book: &mut Book| {
        let id = book.draw(920_000);
        let uuid = Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("harbor ticket {id}").as_bytes());
        Ticket { id, uuid: uuid.to_string(), status: "Active".to_owned(), checked_in: None }
    };
    let text = |name: &str| line.show.template[name].as_str().unwrap_or_default().to_owned();
    Item {
        id,
        event_id: line.show.id.clone(),
        event_name: text("name"),
        template_id: line.show.template_id().to_owned(),
        admission_type: text("admissionType"),
        event_date: line.show.start,
        person_type: line.item.person_type_id.clone(),
        person_name: line.person_name,
        list_price: line.list_price,
        unit_price: line.unit_price,
        quantity: line.item.quantity,
        original_quantity: line.item.quantity,
        places: line.places,
        tickets: (0..line.item.quantity).map(|_| ticket(book)).collect(),
    }
}
