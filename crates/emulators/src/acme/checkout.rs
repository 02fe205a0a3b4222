//! The organization check-out (`acme.md §4.3`): validates the request, books it and issues the tickets.

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

use crate::acme::error_response::{AcmeErrorResponse, parse_body};
use crate::acme::instances::{EventInstance, is_channel_enabled};
use crate::acme::state::{AcmeOrder, AcmeOrderItem, AcmeState, AcmeTicket};
use crate::acme::{AcmeEmulator, JsonResult, sales, venue};

pub(super) fn router() -> Router<Arc<AcmeEmulator>> {
    Router::new().route("/v2/b2b/orders/organizations/{id}", post(check_out))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CheckOutRequest {
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
    events: Vec<RequestedEvent>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestedEvent {
    event_id: String,
    items: Vec<RequestedItem>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RequestedItem {
    event_id: String,
    person_type_id: String,
    item_type: String,
    quantity: u32,
    amount: String,
}

impl RequestedItem {
    /// Requests tickets of a type for an instance.
    pub(super) fn of_past(event_id: &str, person_type_id: &str, quantity: u32) -> Self {
        Self {
            event_id: event_id.to_owned(),
            person_type_id: person_type_id.to_owned(),
            item_type: "Event".to_owned(),
            quantity,
            amount: String::new(),
        }
    }
}

/// A requested item with its price and the seats that one of it takes.
pub(super) struct PricedLine<'a> {
    item: &'a RequestedItem,
    instance: EventInstance,
    person_name: String,
    list_price: Decimal,
    unit_price: Decimal,
    seats: u32,
}

async fn check_out(
    State(acme): State<Arc<AcmeEmulator>>,
    Path(id): Path<u64>,
    headers: HeaderMap,
    bytes: Bytes,
) -> JsonResult {
    let request_uuid = request_uuid(&headers)?;
    let organization = venue::organization(id).ok_or_else(|| AcmeErrorResponse::not_found("organization"))?;
    acme.store.update(|state| {
        state.expire(acme.now());
        // Only successful orders count as duplicates: a rejected request may be sent again.
        let earlier = request_uuid.as_ref().and_then(|uuid| state.request_uuids.get(uuid));
        let earlier = earlier.and_then(|order| state.orders.get(order));
        if earlier.is_some_and(|order| state.quirks.remembers_uuid(order.created_at, acme.now())) {
            return Err(AcmeErrorResponse::duplicate_request());
        }
        let request: CheckOutRequest = parse_body(&headers, &bytes)?;
        check_header_fields(id, &request)?;
        let priced = acme.price_lines(state, &request)?;
        check_amounts(&request, &priced, organization.pays_later, state.quirks.unit_amounts)?;
        acme.check_capacity(state, &request, &priced)?;
        let order = acme.create_order(state, id, &request, priced);
        if let Some(uuid) = request_uuid {
            state.request_uuids.insert(uuid, order.id);
        }
        if let Some(reservation) = request.reservation_id.filter(|_| !state.quirks.holds_stay) {
            state.reservations.remove(&reservation);
        }
        let shown = sales::order_view(&acme, &state.quirks, &order, true);
        state.orders.insert(order.id, order);
        Ok(Json(shown))
    })
}

/// Parses the idempotency header (`acme.md §2.3`): a lower-case 8-4-4-4-12 UUID.
fn request_uuid(headers: &HeaderMap) -> Result<Option<String>, AcmeErrorResponse> {
    let Some(text) = headers.get("x-acme-request-uuid") else { return Ok(None) };
    let text = text.to_str().unwrap_or_default();
    let is_uuid = text.len() == 36 && Uuid::parse_str(text).is_ok() && text == text.to_ascii_lowercase();
    is_uuid
        .then(|| Some(text.to_owned()))
        .ok_or_else(|| AcmeErrorResponse::invalid("x-acme-request-uuid must be a UUID"))
}

fn check_header_fields(id: u64, request: &CheckOutRequest) -> Result<(), AcmeErrorResponse> {
    let named = [request.organization_id, request.account_id];
    if named.iter().all(Option::is_none) || named.iter().flatten().any(|named| *named != id) {
        return Err(AcmeErrorResponse::invalid("organizationId must equal the path"));
    }
    if request.sale_channel != "reseller" {
        return Err(AcmeErrorResponse::invalid("saleChannel must be reseller"));
    }
    match request.payment_method.as_str() {
        "Voucher" | "Check" if request.payment_id.is_empty() => Err(AcmeErrorResponse::invalid("paymentId is missing")),
        "Voucher" | "Check" | "Cash" | "CreditCard" => Ok(()),
        _ => Err(AcmeErrorResponse::invalid("paymentMethod must be Cash, Check, CreditCard or Voucher")),
    }
}

fn parse_decimal(text: &str, name: &str) -> Result<Decimal, AcmeErrorResponse> {
    text.parse().map_err(|_| AcmeErrorResponse::invalid(format!("{name} must be a decimal string")))
}

/// Checks that item totals are quantity times price and that the charge is their sum. Organizations that pay later may charge less.
/// `is_unit` compares the amount of an item with the price of one ticket.
fn check_amounts(
    request: &CheckOutRequest,
    priced: &[PricedLine<'_>],
    pays_later: bool,
    is_unit: bool,
) -> Result<(), AcmeErrorResponse> {
    let mut total = Decimal::ZERO;
    for line in priced {
        let due = line.unit_price * Decimal::from(line.item.quantity);
        let expected = if is_unit { line.unit_price } else { due };
        if parse_decimal(&line.item.amount, "amount")? != expected {
            return Err(AcmeErrorResponse::invalid("amount must be quantity times price"));
        }
        total += due;
    }
    let charge = parse_decimal(&request.charge_amount, "chargeAmount")?;
    if charge == total || (pays_later && charge < total && !charge.is_sign_negative()) {
        Ok(())
    } else {
        Err(AcmeErrorResponse::invalid("chargeAmount must be the sum of the amounts"))
    }
}

impl AcmeEmulator {
    fn price_lines<'a>(
        &self,
        state: &AcmeState,
        request: &'a CheckOutRequest,
    ) -> Result<Vec<PricedLine<'a>>, AcmeErrorResponse> {
        let mut priced = Vec::new();
        for event in &request.events {
            let instance = self
                .find_instance(state, &event.event_id)
                .ok_or_else(|| AcmeErrorResponse::not_found("event instance"))?;
            let is_open = !state.is_canceled(&instance) && instance.end > self.now() && instance.is_sold_on("reseller");
            if !is_open {
                return Err(AcmeErrorResponse::invalid("the event instance is not on sale"));
            }
            for item in &event.items {
                if item.event_id != event.event_id || item.item_type != "Event" || item.quantity == 0 {
                    return Err(AcmeErrorResponse::invalid(
                        "an item needs its eventId, the itemType Event and a quantity",
                    ));
                }
                priced.push(price_line(state, &instance, item)?);
            }
        }
        if priced.is_empty() { Err(AcmeErrorResponse::invalid("events must not be empty")) } else { Ok(priced) }
    }

    /// Checks the capacity beyond the seats of the hold. An expired hold is ignored (INFERRED, `acme.md §5`).
    fn check_capacity(
        &self,
        state: &AcmeState,
        request: &CheckOutRequest,
        priced: &[PricedLine<'_>],
    ) -> Result<(), AcmeErrorResponse> {
        let reservation = request.reservation_id.and_then(|id| state.reservations.get(&id));
        let mut needed: BTreeMap<&str, (u32, &EventInstance)> = BTreeMap::new();
        for line in priced {
            needed.entry(&line.instance.id).or_insert((0, &line.instance)).0 += line.item.quantity * line.seats;
        }
        for (id, (places, instance)) in needed {
            let own = reservation.map_or(0, |reservation| {
                reservation.items.iter().filter(|item| item.event_id == id).map(|item| item.quantity).sum::<u32>()
            });
            if places > state.instance_counts(instance, self.now()).available + own {
                return Err(AcmeErrorResponse::not_enough_capacity());
            }
        }
        Ok(())
    }

    fn create_order(
        &self,
        state: &mut AcmeState,
        organization_id: u64,
        request: &CheckOutRequest,
        priced: Vec<PricedLine<'_>>,
    ) -> AcmeOrder {
        let id = state.next_id(900_000);
        let text = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
        AcmeOrder {
            id,
            organization_id,
            created_at: self.now(),
            contact: request.rest.iter().filter_map(text).collect(),
            payment_method: request.payment_method.clone(),
            payment_id: request.payment_id.clone(),
            charged: request.charge_amount.parse().unwrap_or_default(),
            items: priced.into_iter().map(|line| order_item(state, line)).collect(),
            incidents: 0,
        }
    }
}

/// Finds the price of a requested item.
pub(super) fn price_line<'a>(
    state: &AcmeState,
    instance: &EventInstance,
    item: &'a RequestedItem,
) -> Result<PricedLine<'a>, AcmeErrorResponse> {
    let list = state.price_list(instance);
    let lines = list["prices"].as_array().into_iter().flatten();
    let mut lines = lines.filter(|line| line["personType"]["id"] == item.person_type_id.as_str());
    let line = lines.find(|line| is_channel_enabled(&line["salesChannels"], "reseller"));
    let line = line.ok_or_else(|| AcmeErrorResponse::invalid("the ticket type is not in the price list"))?;
    let amount = |name: &str| line[name].to_string().parse::<Decimal>().ok();
    let list_price = amount("price").unwrap_or_default();
    let children = line["personType"]["children"].as_array().into_iter().flatten();
    let places: u64 = children.filter_map(|child| child["quantity"].as_u64()).sum();
    Ok(PricedLine {
        item,
        instance: instance.clone(),
        person_name: line["personType"]["name"].as_str().unwrap_or_default().to_owned(),
        list_price,
        unit_price: amount("discountedPrice").unwrap_or(list_price).min(list_price),
        seats: u32::try_from(places).unwrap_or(u32::MAX).max(1),
    })
}

/// Books a requested item and issues its tickets.
pub(super) fn order_item(state: &mut AcmeState, line: PricedLine<'_>) -> AcmeOrderItem {
    let id = state.next_id(910_000);
    let ticket = |state: &mut AcmeState| {
        let id = state.next_id(920_000);
        let uuid = Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("harbor ticket {id}").as_bytes());
        AcmeTicket { id, uuid: uuid.to_string(), status: "Active".to_owned(), checked_in: None }
    };
    let text = |name: &str| line.instance.template[name].as_str().unwrap_or_default().to_owned();
    AcmeOrderItem {
        id,
        event_id: line.instance.id.clone(),
        event_name: text("name"),
        template_id: line.instance.template_id().to_owned(),
        admission_type: text("admissionType"),
        event_date: line.instance.start,
        person_type: line.item.person_type_id.clone(),
        person_name: line.person_name,
        list_price: line.list_price,
        unit_price: line.unit_price,
        quantity: line.item.quantity,
        original_quantity: line.item.quantity,
        seats: line.seats,
        tickets: (0..line.item.quantity).map(|_| ticket(state)).collect(),
    }
}
