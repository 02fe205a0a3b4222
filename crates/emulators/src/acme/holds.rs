//! Reservations (`acme.md §4.2`): ten minutes, by instance and quantity, all or nothing.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::acme::Acme;
use crate::acme::book::{Book, HOLD, HeldPlaces, Reservation};
use crate::acme::paging::iso;
use crate::acme::refusal::{Refusal, body};

type Answer = Result<Json<Value>, Refusal>;
type House = State<Arc<Acme>>;

pub(super) fn router() -> Router<Arc<Acme>> {
    Router::new()
        .route("/v2/b2b/reservations", post(reserve).put(replace))
        .route("/v2/b2b/reservations/{id}", get(read).delete(release))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wish {
    #[serde(default)]
    id: Option<u64>,
    reservation_items: Vec<WishedPlaces>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WishedPlaces {
    event_id: String,
    quantity: u32,
}

impl Acme {
    /// Whether the places of a wish are free; a hold that is being replaced does not count against itself.
    fn check_places(&self, book: &Book, wish: &Wish) -> Result<(), Refusal> {
        let own = wish.id.and_then(|id| book.reservations.get(&id));
        for item in &wish.reservation_items {
            let show = self.show(book, &item.event_id).ok_or_else(|| Refusal::not_found("event instance"))?;
            if item.quantity == 0 {
                return Err(Refusal::invalid("quantity must be at least 1"));
            }
            if book.is_cancelled(&show) || show.end <= self.now() {
                return Err(Refusal::invalid("the event instance is not on sale"));
            }
            let same =
                |items: &[HeldPlaces]| items.iter().filter(|one| one.event_id == show.id).map(|one| one.quantity).sum();
            let given_back: u32 = own.map_or(0, |held| same(&held.items));
            let wanted: u32 =
                wish.reservation_items.iter().filter(|one| one.event_id == show.id).map(|one| one.quantity).sum();
            if wanted > book.counts(&show, self.now()).available + given_back {
                return Err(Refusal::not_enough_capacity());
            }
        }
        Ok(())
    }

    fn shown_hold(&self, held: &Reservation) -> Json<Value> {
        let item = |item: &HeldPlaces| json!({ "id": item.id, "reservationId": held.id, "eventId": item.event_id, "quantity": item.quantity });
        Json(json!({ "id": held.id, "expirationTimestamp": iso(held.expires_at, &self.zone),
            "reservationItems": held.items.iter().map(item).collect::<Vec<_>>() }))
    }
}

fn lines(book: &mut Book, wish: Wish) -> Vec<HeldPlaces> {
    let line =
        |item: WishedPlaces| HeldPlaces { id: book.draw(81_000), event_id: item.event_id, quantity: item.quantity };
    wish.reservation_items.into_iter().map(line).collect()
}

async fn reserve(State(acme): House, headers: HeaderMap, bytes: Bytes) -> Answer {
    let wish = Wish { id: None, ..body(&headers, &bytes)? };
    acme.keeper.change(|book| {
        book.expire(acme.now());
        acme.check_places(book, &wish)?;
        let id = book.draw(70_000);
        let held = Reservation { id, expires_at: acme.now() + HOLD, items: lines(book, wish) };
        let shown = acme.shown_hold(&held);
        book.reservations.insert(id, held);
        Ok(shown)
    })
}

/// Replaces the places of a hold and leaves its end as it is.
async fn replace(State(acme): House, headers: HeaderMap, bytes: Bytes) -> Answer {
    let wish: Wish = body(&headers, &bytes)?;
    let id = wish.id.ok_or_else(|| Refusal::invalid("the id belongs into the body"))?;
    acme.keeper.change(|book| {
        book.expire(acme.now());
        let expires_at = book.reservations.get(&id).ok_or_else(|| Refusal::not_found("reservation"))?.expires_at;
        acme.check_places(book, &wish)?;
        let held = Reservation { id, expires_at, items: lines(book, wish) };
        let shown = acme.shown_hold(&held);
        book.reservations.insert(id, held);
        Ok(shown)
    })
}

async fn read(State(acme): House, Path(id): Path<u64>) -> Answer {
    let now = acme.now();
    acme.keeper.read(|book| {
        let held = book.reservations.get(&id).filter(|held| held.expires_at > now);
        held.map(|held| acme.shown_hold(held)).ok_or_else(|| Refusal::not_found("reservation"))
    })
}

async fn release(State(acme): House, Path(id): Path<u64>) -> Answer {
    acme.keeper.change(|book| {
        book.expire(acme.now());
        let held = book.reservations.remove(&id).ok_or_else(|| Refusal::not_found("reservation"))?;
        Ok(acme.shown_hold(&held))
    })
}
