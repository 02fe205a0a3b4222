//! Orders as they are read, refunded and changed (`acme.md §4.4` to `§4.7`).

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query as Parameters, State};
use axum::http::HeaderMap;
use axum::routing::{get, post};
use axum::{Json, Router};
use jiff::fmt::strtime;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::acme::book::{Book, Item, Order, Ticket};
use crate::acme::paging::{Query, envelope, iso};
use crate::acme::refusal::{Refusal, body};
use crate::acme::{Acme, venue};

type Answer = Result<Json<Value>, Refusal>;
type House = State<Arc<Acme>>;

pub(super) fn router() -> Router<Arc<Acme>> {
    Router::new()
        .route("/v2/b2b/willcall/orders/{id}", get(will_call))
        .route("/v2/b2b/orders/detail/{id}", get(detail))
        .route("/v2/b2c/orders", get(search))
        .route("/v2/b2c/orders/search", get(search))
        .route("/v2/b2c/orders/event/{id}", get(orders_of))
        .route("/v2/b2c/orders/{id}", get(read))
        .route("/v2/b2b/b2b/refunds", post(refund))
        .route("/v1/b2b/b2b/refunds", post(refund))
        .route("/v2/b2b/orders/update", post(update))
}

/// An amount as orders write it: a string with two decimals (`acme.md §8.3`).
fn amount(decimal: Decimal) -> Value {
    json!(format!("{decimal:.2}"))
}

/// An order (`acme.md §7.4`); with its lines only when it is read alone.
pub(super) fn shown(acme: &Acme, order: &Order, with_items: bool) -> Value {
    let (total, original) = (order.total(), order.original_total());
    let primary = venue::organization(order.organization_id).map(|organization| organization.contact);
    let (first, last, mail) = primary.unwrap_or_default();
    let own = |name: &str| order.contact.get(name).map(String::as_str);
    let mut shown = json!({
        "id": order.id.to_string(), "orderNumber": (100_000_000 + order.id).to_string(), "tenantId": venue::TENANT,
        "organizationId": order.organization_id, "accountId": order.organization_id, "saleChannel": "reseller",
        "email": own("email").or(own("billingEmail")).unwrap_or(mail),
        "contactFirstName": own("billingFirstName").unwrap_or(first), "contactLastName": own("billingLastName").unwrap_or(last),
        "totalAmount": amount(total), "discountedTotalAmount": amount(total), "originalTotalAmount": amount(original),
        "paidAmount": amount(order.charged), "balanceAmount": amount((total - order.charged).max(Decimal::ZERO)),
        "refundAmount": amount(original - total), "checkInStatus": "NotCheckedIn",
        "createdOn": iso(order.created_at, &acme.zone),
    });
    for name in ["phoneNumber", "zipCode", "billingFirstName", "billingLastName", "billingEmail", "billingZipCode"] {
        if let Some(text) = own(name) {
            shown[name] = json!(text);
        }
    }
    if with_items {
        shown["orderItems"] = order.items.iter().map(line).collect();
    }
    shown
}

fn line(item: &Item) -> Value {
    let total = amount(item.unit_price * Decimal::from(item.quantity));
    json!({
        "itemId": item.id.to_string(), "itemType": "Event", "itemTypeId": item.person_type, "itemTypeName": item.person_name,
        "eventId": item.event_id, "eventName": item.event_name, "eventStartTime": item.event_date.as_millisecond(),
        "ticketingTypeId": item.person_type, "ticketingTypeName": item.person_name, "quantity": item.quantity,
        "originalQuantity": item.original_quantity, "unitPrice": amount(item.list_price),
        "discountedUnitPrice": amount(item.unit_price), "amount": total, "balanceAmount": "0.00",
    })
}

/// The detailed order. Only the order detail tells how it was paid; will call shows what the guest needs.
fn detailed(acme: &Acme, order: &Order, is_detail: bool) -> Value {
    let head = shown(acme, order, false);
    let mut detail: Map<String, Value> = Map::new();
    detail.insert("orderId".to_owned(), head["id"].clone());
    let mut names = vec!["orderNumber", "email", "billingEmail", "contactFirstName", "contactLastName"];
    names.extend(["billingFirstName", "billingLastName", "phoneNumber"]);
    if is_detail {
        names.extend(["organizationId", "accountId"]);
        detail.insert("paymentMethod".to_owned(), json!(order.payment_method));
        detail.insert("paymentId".to_owned(), json!(order.payment_id));
        let name = venue::organization(order.organization_id).map_or("", |organization| organization.name);
        detail.insert("organizationName".to_owned(), json!(name));
    }
    detail.extend(names.into_iter().map(|name| (name.to_owned(), head[name].clone())));
    let mut events: Vec<Value> = Vec::new();
    for item in &order.items {
        if !events.iter().any(|event| event["eventId"] == item.event_id.as_str()) {
            events.push(
                json!({ "eventId": item.event_id, "eventName": item.event_name, "eventTemplateId": item.template_id,
                "admissionType": item.admission_type, "eventDate": iso(item.event_date, &acme.zone), "items": [] }),
            );
        }
        let event = events.iter_mut().find(|event| event["eventId"] == item.event_id.as_str());
        if let Some(items) = event.and_then(|event| event["items"].as_array_mut()) {
            items.push(detailed_line(acme, item));
        }
    }
    detail.insert("eventItems".to_owned(), events.into());
    detail.into()
}

fn detailed_line(acme: &Acme, item: &Item) -> Value {
    let ticket = |ticket: &Ticket| {
        json!({ "id": ticket.id.to_string(), "tenantId": venue::TENANT, "uuid": ticket.uuid, "ticketTypeId": item.person_type,
            "eventId": item.event_id, "ticketStatus": ticket.status,
            "checkInDate": ticket.checked_in.map(|at| iso(at, &acme.zone)) })
    };
    let count = Decimal::from(item.quantity);
    json!({
        "orderItemId": item.id.to_string(), "itemType": "Event", "itemTypeId": item.person_type,
        "itemTypeName": item.person_name, "ticketTypeId": item.person_type, "ticketTypeName": item.person_name,
        "quantity": item.quantity, "unitPrice": amount(item.list_price), "discountedUnitPrice": amount(item.unit_price),
        "subtotal": amount(item.list_price * count), "discountedSubtotal": amount(item.unit_price * count),
        "tickets": item.tickets.iter().map(ticket).collect::<Vec<_>>(),
    })
}

/// An order by its `id`; its guest-facing number names nothing here.
fn found<'a>(book: &'a Book, id: &str) -> Result<&'a Order, Refusal> {
    let order = id.parse().ok().and_then(|id: u64| book.orders.get(&id));
    order.ok_or_else(|| Refusal::not_found("order"))
}

async fn will_call(State(acme): House, Path(id): Path<String>) -> Answer {
    acme.keeper.read(|book| Ok(Json(detailed(&acme, found(book, &id)?, false))))
}

async fn detail(State(acme): House, Path(id): Path<String>) -> Answer {
    acme.keeper.read(|book| Ok(Json(detailed(&acme, found(book, &id)?, true))))
}

async fn read(State(acme): House, Path(id): Path<String>) -> Answer {
    acme.keeper.read(|book| Ok(Json(shown(&acme, found(book, &id)?, true))))
}

/// The orders of an instance, a bare array without lines.
async fn orders_of(State(acme): House, Path(id): Path<String>) -> Answer {
    acme.keeper.read(|book| {
        let is_of = |order: &&Order| order.items.iter().any(|item| item.event_id == id);
        Ok(Json(book.orders.values().filter(is_of).map(|order| shown(&acme, order, false)).collect()))
    })
}

/// Orders by e-mail or telephone; without either there are none.
async fn search(State(acme): House, Parameters(query): Parameters<Query>) -> Answer {
    let (email, phone) = (query.get("email"), query.get("phoneNumber"));
    let is_meant = |order: &Value| {
        let is = |field: &str, wanted: Option<&String>| wanted.is_none_or(|text| order[field] == text.as_str());
        (email.is_some() || phone.is_some()) && is("email", email) && is("phoneNumber", phone)
    };
    let list =
        acme.keeper.read(|book| book.orders.values().map(|order| shown(&acme, order, false)).collect::<Vec<_>>());
    envelope(list.into_iter().filter(is_meant).collect(), &query, "createdOn").map(Json)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Refund {
    order_id: String,
    incident_reason_code: String,
    #[serde(default)]
    refund_items: Option<Vec<RefundItem>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RefundItem {
    order_item_id: String,
    quantity: u32,
    #[serde(default, rename = "ticketUUIDs")]
    ticket_uuids: Vec<String>,
}

/// Refunds by line and count. A uuid that is not known refunds all the same, and its ticket stays valid (`acme.md §8.13`).
async fn refund(State(acme): House, headers: HeaderMap, bytes: Bytes) -> Answer {
    let wish: Refund = body(&headers, &bytes)?;
    if !["Cancelled Event", "Miscellaneous"].contains(&wish.incident_reason_code.as_str()) {
        return Err(Refusal::invalid("incidentReasonCode is Cancelled Event or Miscellaneous"));
    }
    acme.keeper.change(|book| {
        let id = found(book, &wish.order_id)?.id;
        let order = book.orders.get_mut(&id).ok_or_else(|| Refusal::not_found("order"))?;
        let items = wish.refund_items.unwrap_or_else(|| everything(order));
        check_refund(order, &items)?;
        let before = order.total();
        let mut events = Vec::new();
        for wanted in &items {
            let Some(item) = order.items.iter_mut().find(|item| item.id.to_string() == wanted.order_item_id) else {
                continue;
            };
            item.quantity -= wanted.quantity;
            for ticket in item.tickets.iter_mut().filter(|ticket| wanted.ticket_uuids.contains(&ticket.uuid)) {
                ticket.status = "Refunded".to_owned();
            }
            events.push(refunded(&acme, item, wanted.quantity));
        }
        order.incidents += 1;
        let back = before - order.total();
        let incident = format!("R-{}{:02}", order.id, order.incidents);
        Ok(Json(json!({ "incidentNumber": incident, "refundAmount": amount(back), "order": shown(&acme, order, true),
            "refundedEvents": events })))
    })
}

/// A refund without lines is of everything (`acme.md §4.7`).
fn everything(order: &Order) -> Vec<RefundItem> {
    let all = |item: &Item| RefundItem {
        order_item_id: item.id.to_string(),
        quantity: item.quantity,
        ticket_uuids: item.tickets.iter().map(|ticket| ticket.uuid.clone()).collect(),
    };
    order.items.iter().filter(|item| item.quantity > 0).map(all).collect()
}

fn check_refund(order: &Order, items: &[RefundItem]) -> Result<(), Refusal> {
    for wanted in items {
        let item = order.items.iter().find(|item| item.id.to_string() == wanted.order_item_id);
        let item = item.ok_or_else(|| Refusal::invalid("no such orderItemId"))?;
        if wanted.quantity == 0 || wanted.quantity > item.quantity {
            return Err(Refusal::invalid("more than was bought"));
        }
    }
    if items.is_empty() { Err(Refusal::invalid("nothing is left to refund")) } else { Ok(()) }
}

fn refunded(acme: &Acme, item: &Item, quantity: u32) -> Value {
    let local = item.event_date.to_zoned(acme.zone.clone());
    let shown = |format: &str| strtime::format(format, &local).unwrap_or_default();
    json!({ "startDate": shown("%m/%d/%Y"), "startTime": shown("%I:%M %p"), "eventName": item.event_name, "refundedItems": [
        { "ticketType": item.person_name, "pricePerTicket": amount(item.unit_price), "refundedCount": quantity.to_string(),
          "totalRefunded": amount(item.unit_price * Decimal::from(quantity)) }] })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Update {
    order_id: String,
    order_items: Vec<UpdateItem>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UpdateItem {
    order_item_id: String,
    quantity: u32,
}

/// Sets lines to a new total (`acme.md §4.6`): less refunds the difference, zero everywhere cancels. More is refused: it would need
/// a payment, which no reseller makes this way.
async fn update(State(acme): House, headers: HeaderMap, bytes: Bytes) -> Answer {
    let wish: Update = body(&headers, &bytes)?;
    acme.keeper.change(|book| {
        let id = found(book, &wish.order_id)?.id;
        let order = book.orders.get_mut(&id).ok_or_else(|| Refusal::not_found("order"))?;
        for wanted in &wish.order_items {
            let item = order.items.iter().find(|item| item.id.to_string() == wanted.order_item_id);
            if item.ok_or_else(|| Refusal::invalid("no such orderItemId"))?.quantity < wanted.quantity {
                return Err(Refusal::invalid("a larger quantity needs a payment"));
            }
        }
        for wanted in &wish.order_items {
            let Some(item) = order.items.iter_mut().find(|item| item.id.to_string() == wanted.order_item_id) else {
                continue;
            };
            let going = (item.quantity - wanted.quantity) as usize;
            item.quantity = wanted.quantity;
            for ticket in item.tickets.iter_mut().rev().filter(|ticket| ticket.status == "Active").take(going) {
                ticket.status = "Refunded".to_owned();
            }
        }
        Ok(Json(shown(&acme, order, true)))
    })
}
