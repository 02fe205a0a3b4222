//! Reading, refunding and changing orders (`acme.md §4.4` to `§4.7`).

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

use crate::acme::error_response::{AcmeErrorResponse, parse_body};
use crate::acme::paging::{Query, envelope, format_instant};
use crate::acme::quirks::AcmeQuirks;
use crate::acme::state::{AcmeOrder, AcmeOrderItem, AcmeState, AcmeTicket};
use crate::acme::{AcmeEmulator, JsonResult, SharedAcme, venue};

pub(super) fn router() -> Router<Arc<AcmeEmulator>> {
    Router::new()
        .route("/v2/b2b/willcall/orders/{id}", get(read_will_call))
        .route("/v2/b2b/orders/detail/{id}", get(read_detail))
        .route("/v2/b2c/orders", get(search))
        .route("/v2/b2c/orders/search", get(search))
        .route("/v2/b2c/orders/event/{id}", get(list_orders_of_instance))
        .route("/v2/b2c/orders/{id}", get(read))
        .route("/v2/b2b/b2b/refunds", post(refund))
        .route("/v1/b2b/b2b/refunds", post(refund))
        .route("/v2/b2b/orders/update", post(update))
}

/// Formats an amount of an order: a string with two decimals (`acme.md §8.3`).
fn format_amount(decimal: Decimal) -> Value {
    json!(format!("{decimal:.2}"))
}

/// Serializes an order (`acme.md §7.4`). Lists omit its items.
pub(super) fn order_view(acme: &AcmeEmulator, quirks: &AcmeQuirks, order: &AcmeOrder, with_items: bool) -> Value {
    let (total, original) = (order.total(), order.original_total());
    let primary = venue::organization(order.organization_id).map(|organization| organization.contact);
    let (first, last, mail) = primary.unwrap_or_default();
    let own = |name: &str| order.contact.get(name).map(String::as_str);
    let mut shown = json!({
        "id": order.id.to_string(), "orderNumber": (100_000_000 + order.id).to_string(), "tenantId": venue::TENANT,
        "organizationId": order.organization_id, "accountId": order.organization_id, "saleChannel": "reseller",
        "email": own("email").or(own("billingEmail")).unwrap_or(mail),
        "contactFirstName": own("billingFirstName").unwrap_or(first), "contactLastName": own("billingLastName").unwrap_or(last),
        "totalAmount": format_amount(total), "discountedTotalAmount": format_amount(total), "originalTotalAmount": format_amount(original),
        "paidAmount": format_amount(order.charged), "balanceAmount": format_amount((total - order.charged).max(Decimal::ZERO)),
        "refundAmount": format_amount(original - total), "checkInStatus": "NotCheckedIn",
        "createdOn": format_instant(order.created_at, &acme.zone),
    });
    for name in ["phoneNumber", "zipCode", "billingFirstName", "billingLastName", "billingEmail", "billingZipCode"] {
        if let Some(text) = own(name) {
            shown[name] = json!(text);
        }
    }
    if with_items {
        shown["orderItems"] = order.items.iter().map(order_line_view).collect();
    }
    quirks.hide_contacts(&mut shown);
    shown
}

fn order_line_view(item: &AcmeOrderItem) -> Value {
    let total = format_amount(item.unit_price * Decimal::from(item.quantity));
    json!({
        "itemId": item.id.to_string(), "itemType": "Event", "itemTypeId": item.person_type, "itemTypeName": item.person_name,
        "eventId": item.event_id, "eventName": item.event_name, "eventStartTime": item.event_date.as_millisecond(),
        "ticketingTypeId": item.person_type, "ticketingTypeName": item.person_name, "quantity": item.quantity,
        "originalQuantity": item.original_quantity, "unitPrice": format_amount(item.list_price),
        "discountedUnitPrice": format_amount(item.unit_price), "amount": total, "balanceAmount": "0.00",
    })
}

/// Serializes an order with events and tickets. Only the order detail includes the payment; will call omits it.
fn order_detail_view(acme: &AcmeEmulator, quirks: &AcmeQuirks, order: &AcmeOrder, is_detail: bool) -> Value {
    let head = order_view(acme, quirks, order, false);
    let mut detail: Map<String, Value> = Map::new();
    detail.insert("orderId".to_owned(), head["id"].clone());
    let mut names = vec!["orderNumber", "email", "billingEmail", "contactFirstName", "contactLastName"];
    names.extend(["billingFirstName", "billingLastName", "phoneNumber"]);
    if is_detail {
        names.extend(["organizationId", "accountId"]);
        if !quirks.hidden_payments {
            detail.insert("paymentMethod".to_owned(), json!(order.payment_method));
            detail.insert("paymentId".to_owned(), json!(order.payment_id));
        }
        let name = venue::organization(order.organization_id).map_or("", |organization| organization.name);
        detail.insert("organizationName".to_owned(), json!(name));
    }
    detail.extend(names.into_iter().map(|name| (name.to_owned(), head[name].clone())));
    let mut events: Vec<Value> = Vec::new();
    for item in &order.items {
        if !events.iter().any(|event| event["eventId"] == item.event_id.as_str()) {
            events.push(
                json!({ "eventId": item.event_id, "eventName": item.event_name, "eventTemplateId": item.template_id,
                "admissionType": item.admission_type, "eventDate": format_instant(item.event_date, &acme.zone), "items": [] }),
            );
        }
        let event = events.iter_mut().find(|event| event["eventId"] == item.event_id.as_str());
        if let Some(items) = event.and_then(|event| event["items"].as_array_mut()) {
            items.push(detail_line_view(acme, quirks, item));
        }
    }
    detail.insert("eventItems".to_owned(), events.into());
    detail.into()
}

fn detail_line_view(acme: &AcmeEmulator, quirks: &AcmeQuirks, item: &AcmeOrderItem) -> Value {
    let ticket = |ticket: &AcmeTicket| {
        let word = match ticket.status.as_str() {
            "Active" => &quirks.ticket_word,
            _ => &quirks.refund_word,
        };
        let mut shown = json!({ "id": ticket.id.to_string(), "tenantId": venue::TENANT, "uuid": ticket.uuid, "ticketTypeId": item.person_type,
            "eventId": item.event_id, "ticketStatus": word.as_ref().unwrap_or(&ticket.status),
            "checkInDate": ticket.checked_in.map(|at| format_instant(at, &acme.zone)) });
        if let Some(word) = &quirks.check_in_word {
            shown["checkInDate"] = Value::Null;
            shown["checkInStatus"] = json!(if ticket.checked_in.is_some() { word } else { "NotCheckedIn" });
        }
        shown
    };
    let count = Decimal::from(item.quantity);
    json!({
        "orderItemId": item.id.to_string(), "itemType": "Event", "itemTypeId": item.person_type,
        "itemTypeName": item.person_name, "ticketTypeId": item.person_type, "ticketTypeName": item.person_name,
        "quantity": item.quantity, "unitPrice": format_amount(item.list_price), "discountedUnitPrice": format_amount(item.unit_price),
        "subtotal": format_amount(item.list_price * count), "discountedSubtotal": format_amount(item.unit_price * count),
        "tickets": item.tickets.iter().map(ticket).collect::<Vec<_>>(),
    })
}

/// Finds an order by `id`; the guest-facing order number is not accepted.
fn find_order<'a>(state: &'a AcmeState, id: &str) -> Result<&'a AcmeOrder, AcmeErrorResponse> {
    let order = id.parse().ok().and_then(|id: u64| state.orders.get(&id));
    order.ok_or_else(|| AcmeErrorResponse::not_found("order"))
}

async fn read_will_call(State(acme): SharedAcme, Path(id): Path<String>) -> JsonResult {
    acme.store.read(|state| Ok(Json(order_detail_view(&acme, &state.quirks, find_order(state, &id)?, false))))
}

async fn read_detail(State(acme): SharedAcme, Path(id): Path<String>) -> JsonResult {
    acme.store.read(|state| Ok(Json(order_detail_view(&acme, &state.quirks, find_order(state, &id)?, true))))
}

async fn read(State(acme): SharedAcme, Path(id): Path<String>) -> JsonResult {
    acme.store.read(|state| Ok(Json(order_view(&acme, &state.quirks, find_order(state, &id)?, true))))
}

/// Lists the orders of an instance: a bare array, orders without items.
async fn list_orders_of_instance(
    State(acme): SharedAcme,
    Path(id): Path<String>,
    Parameters(query): Parameters<Query>,
) -> JsonResult {
    acme.store.read(|state| {
        let is_of = |order: &&AcmeOrder| order.items.iter().any(|item| item.event_id == id);
        let listed = state.orders.values().filter(is_of).map(|order| order_view(&acme, &state.quirks, order, false));
        state.quirks.bare_page(listed.collect(), &query).map(Json)
    })
}

/// Searches orders by e-mail or telephone; without either the list is empty.
async fn search(State(acme): SharedAcme, Parameters(query): Parameters<Query>) -> JsonResult {
    let (email, phone) = (query.get("email"), query.get("phoneNumber"));
    let is_match = |order: &Value| {
        let is = |field: &str, wanted: Option<&String>| wanted.is_none_or(|text| order[field] == text.as_str());
        (email.is_some() || phone.is_some()) && is("email", email) && is("phoneNumber", phone)
    };
    let list = acme.store.read(|state| {
        let all = state.orders.values().map(|order| order_view(&acme, &state.quirks, order, false));
        all.collect::<Vec<_>>()
    });
    envelope(list.into_iter().filter(is_match).collect(), &query, "createdOn").map(Json)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RefundRequest {
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

/// Refunds by item and count. An unknown uuid is refunded too, and its ticket stays valid (`acme.md §8.13`).
async fn refund(State(acme): SharedAcme, headers: HeaderMap, bytes: Bytes) -> JsonResult {
    let request: RefundRequest = parse_body(&headers, &bytes)?;
    if !["Cancelled Event", "Miscellaneous"].contains(&request.incident_reason_code.as_str()) {
        return Err(AcmeErrorResponse::invalid("incidentReasonCode must be Cancelled Event or Miscellaneous"));
    }
    acme.store.update(|state| {
        let (id, quirks) = (find_order(state, &request.order_id)?.id, state.quirks.clone());
        let order = state.orders.get_mut(&id).ok_or_else(|| AcmeErrorResponse::not_found("order"))?;
        let items = request.refund_items.unwrap_or_else(|| all_items(order));
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
            events.push(refund_view(&acme, item, wanted.quantity));
        }
        order.incidents += 1;
        let back = before - order.total();
        let incident = format!("R-{}{:02}", order.id, order.incidents);
        Ok(Json(json!({ "incidentNumber": incident, "refundAmount": format_amount(back), "order": order_view(&acme, &quirks, order, true),
            "refundedEvents": events })))
    })
}

/// Returns refund items for the whole order, used when the request lists none (`acme.md §4.7`).
fn all_items(order: &AcmeOrder) -> Vec<RefundItem> {
    let all = |item: &AcmeOrderItem| RefundItem {
        order_item_id: item.id.to_string(),
        quantity: item.quantity,
        ticket_uuids: item.tickets.iter().map(|ticket| ticket.uuid.clone()).collect(),
    };
    order.items.iter().filter(|item| item.quantity > 0).map(all).collect()
}

fn check_refund(order: &AcmeOrder, items: &[RefundItem]) -> Result<(), AcmeErrorResponse> {
    for wanted in items {
        let item = order.items.iter().find(|item| item.id.to_string() == wanted.order_item_id);
        let item = item.ok_or_else(|| AcmeErrorResponse::invalid("no such orderItemId"))?;
        if wanted.quantity == 0 || wanted.quantity > item.quantity {
            return Err(AcmeErrorResponse::invalid("the quantity exceeds what was bought"));
        }
    }
    if items.is_empty() { Err(AcmeErrorResponse::invalid("nothing is left to refund")) } else { Ok(()) }
}

fn refund_view(acme: &AcmeEmulator, item: &AcmeOrderItem, quantity: u32) -> Value {
    let local = item.event_date.to_zoned(acme.zone.clone());
    let shown = |format: &str| strtime::format(format, &local).unwrap_or_default();
    json!({ "startDate": shown("%m/%d/%Y"), "startTime": shown("%I:%M %p"), "eventName": item.event_name, "refundedItems": [
        { "ticketType": item.person_name, "pricePerTicket": format_amount(item.unit_price), "refundedCount": quantity.to_string(),
          "totalRefunded": format_amount(item.unit_price * Decimal::from(quantity)) }] })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UpdateRequest {
    order_id: String,
    order_items: Vec<UpdateItem>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UpdateItem {
    order_item_id: String,
    quantity: u32,
}

/// Sets item quantities (`acme.md §4.6`): a smaller one refunds the difference, zero for all items cancels the order. A larger one is
/// rejected, because it would need a payment that resellers cannot make here.
async fn update(State(acme): SharedAcme, headers: HeaderMap, bytes: Bytes) -> JsonResult {
    let request: UpdateRequest = parse_body(&headers, &bytes)?;
    acme.store.update(|state| {
        let (id, quirks) = (find_order(state, &request.order_id)?.id, state.quirks.clone());
        let order = state.orders.get_mut(&id).ok_or_else(|| AcmeErrorResponse::not_found("order"))?;
        for wanted in &request.order_items {
            let item = order.items.iter().find(|item| item.id.to_string() == wanted.order_item_id);
            if item.ok_or_else(|| AcmeErrorResponse::invalid("no such orderItemId"))?.quantity < wanted.quantity {
                return Err(AcmeErrorResponse::invalid("increasing a quantity needs a payment"));
            }
        }
        for wanted in &request.order_items {
            let Some(item) = order.items.iter_mut().find(|item| item.id.to_string() == wanted.order_item_id) else {
                continue;
            };
            let going = (item.quantity - wanted.quantity) as usize;
            item.quantity = wanted.quantity;
            for ticket in item.tickets.iter_mut().rev().filter(|ticket| ticket.status == "Active").take(going) {
                ticket.status = "Refunded".to_owned();
            }
        }
        Ok(Json(order_view(&acme, &quirks, order, true)))
    })
}
