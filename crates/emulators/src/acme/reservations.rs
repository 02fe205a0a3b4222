//! Reservations (`acme.md §4.2`): ten minutes, by instance and quantity, all or nothing.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::acme::error_response::{AcmeErrorResponse, parse_body};
use crate::acme::paging::format_instant;
use crate::acme::state::{AcmeState, HOLD_DURATION, Reservation, ReservationItem};
use crate::acme::{AcmeEmulator, JsonResult, SharedAcme};

pub(super) fn router() -> Router<Arc<AcmeEmulator>> {
    Router::new()
        .route("/v2/b2b/reservations", post(reserve).put(replace))
        .route("/v2/b2b/reservations/{id}", get(read).delete(release))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReservationRequest {
    #[serde(default)]
    id: Option<u64>,
    reservation_items: Vec<RequestedItem>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestedItem {
    event_id: String,
    quantity: u32,
}

impl AcmeEmulator {
    /// Checks that the requested seats are available. Seats of the reservation being replaced count as available.
    fn check_availability(&self, state: &AcmeState, request: &ReservationRequest) -> Result<(), AcmeErrorResponse> {
        let own = request.id.and_then(|id| state.reservations.get(&id));
        for item in &request.reservation_items {
            let instance = self
                .find_instance(state, &item.event_id)
                .ok_or_else(|| AcmeErrorResponse::not_found("event instance"))?;
            if item.quantity == 0 {
                return Err(AcmeErrorResponse::invalid("quantity must be at least 1"));
            }
            if state.is_canceled(&instance) || instance.end <= self.now() {
                return Err(AcmeErrorResponse::invalid("the event instance is not on sale"));
            }
            let same = |items: &[ReservationItem]| {
                items.iter().filter(|one| one.event_id == instance.id).map(|one| one.quantity).sum()
            };
            let given_back: u32 = own.map_or(0, |reservation| same(&reservation.items));
            let wanted: u32 = request
                .reservation_items
                .iter()
                .filter(|one| one.event_id == instance.id)
                .map(|one| one.quantity)
                .sum();
            if wanted > state.instance_counts(&instance, self.now()).available + given_back {
                return Err(AcmeErrorResponse::not_enough_capacity());
            }
        }
        Ok(())
    }

    fn reservation_view(&self, reservation: &Reservation) -> Json<Value> {
        let item = |item: &ReservationItem| json!({ "id": item.id, "reservationId": reservation.id, "eventId": item.event_id, "quantity": item.quantity });
        Json(json!({ "id": reservation.id, "expirationTimestamp": format_instant(reservation.expires_at, &self.zone),
            "reservationItems": reservation.items.iter().map(item).collect::<Vec<_>>() }))
    }
}

fn reservation_items(state: &mut AcmeState, request: ReservationRequest) -> Vec<ReservationItem> {
    let line = |item: RequestedItem| ReservationItem {
        id: state.next_id(81_000),
        event_id: item.event_id,
        quantity: item.quantity,
    };
    request.reservation_items.into_iter().map(line).collect()
}

/// Returns an unused id of a hold.
pub(super) fn next_id(state: &mut AcmeState) -> u64 {
    state.next_id(70_000)
}

async fn reserve(State(acme): SharedAcme, headers: HeaderMap, bytes: Bytes) -> JsonResult {
    let request = ReservationRequest { id: None, ..parse_body(&headers, &bytes)? };
    acme.store.update(|state| {
        state.expire(acme.now());
        acme.check_availability(state, &request)?;
        let id = next_id(state);
        let reservation =
            Reservation { id, expires_at: acme.now() + HOLD_DURATION, items: reservation_items(state, request) };
        let shown = acme.reservation_view(&reservation);
        state.reservations.insert(id, reservation);
        Ok(shown)
    })
}

/// Replaces the seats of a reservation and keeps its expiry.
async fn replace(State(acme): SharedAcme, headers: HeaderMap, bytes: Bytes) -> JsonResult {
    let request: ReservationRequest = parse_body(&headers, &bytes)?;
    let id = request.id.ok_or_else(|| AcmeErrorResponse::invalid("the body must contain the id"))?;
    acme.store.update(|state| {
        state.expire(acme.now());
        let expires_at =
            state.reservations.get(&id).ok_or_else(|| AcmeErrorResponse::not_found("reservation"))?.expires_at;
        acme.check_availability(state, &request)?;
        let reservation = Reservation { id, expires_at, items: reservation_items(state, request) };
        let shown = acme.reservation_view(&reservation);
        state.reservations.insert(id, reservation);
        Ok(shown)
    })
}

async fn read(State(acme): SharedAcme, Path(id): Path<u64>) -> JsonResult {
    let now = acme.now();
    acme.store.read(|state| {
        let reservation = state.reservations.get(&id).filter(|reservation| reservation.expires_at > now);
        reservation
            .map(|reservation| acme.reservation_view(reservation))
            .ok_or_else(|| AcmeErrorResponse::not_found("reservation"))
    })
}

async fn release(State(acme): SharedAcme, Path(id): Path<u64>) -> JsonResult {
    acme.store.update(|state| {
        state.expire(acme.now());
        let reservation = state.reservations.remove(&id).ok_or_else(|| AcmeErrorResponse::not_found("reservation"))?;
        Ok(acme.reservation_view(&reservation))
    })
}
