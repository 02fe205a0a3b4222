//! Emulator of the demo vendor: five events, holds and orders in memory.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{delete, get};
use axum::{Json, Router};
use domain::Clock;
use emulators::{Emulator, PastSales, SandboxClock, StateChange};
use jiff::ToSpan;
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Value, json};

/// The emulated vendor.
pub(crate) struct DemoEmulator {
    clock: Arc<SandboxClock>,
    state: Mutex<DemoState>,
}

#[derive(Default)]
struct DemoState {
    holds: Vec<Value>,
    orders: Vec<Value>,
    next_id: u32,
}

#[derive(Deserialize)]
struct ByReference {
    reference: String,
}

type Reply = (StatusCode, Json<Value>);

impl DemoEmulator {
    pub(crate) fn new(clock: Arc<SandboxClock>) -> Arc<Self> {
        Arc::new(Self { clock, state: Mutex::default() })
    }

    /// The last event is a draft.
    fn events(&self) -> Vec<Value> {
        let state = self.state.lock();
        let taken = |id: &str| -> u64 {
            let items = state.holds.iter().chain(&state.orders).flat_map(|one| one["items"].as_array()).flatten();
            items.filter(|item| item["event"] == id).filter_map(|item| item["quantity"].as_u64()).sum()
        };
        let event = |number: i64| {
            let id = format!("event-{number}");
            let start = self.clock.now() + (24 * number).hours();
            json!({ "title": format!("Event {number}"), "start": start, "price": 1000 * number, "left": 40 - taken(&id),
                "published": number < 5, "id": id })
        };
        (1..=5).map(event).collect()
    }
}

impl DemoState {
    /// Stores an object under a new id, or returns the one of an earlier request with the same idempotency key.
    fn create(
        list: &mut Vec<Value>,
        next_id: &mut u32,
        headers: &HeaderMap,
        object: impl FnOnce(String) -> Value,
    ) -> Value {
        let key = headers["idempotency-key"].to_str().expect("a key").to_owned();
        if let Some(known) = list.iter().find(|one| one["key"] == key) {
            return known.clone();
        }
        *next_id += 1;
        let mut object = object(format!("id-{next_id}"));
        object["key"] = key.into();
        list.push(object.clone());
        object
    }
}

async fn create_hold(State(demo): State<Arc<DemoEmulator>>, headers: HeaderMap, Json(body): Json<Value>) -> Reply {
    let expires = demo.clock.now() + 10.minutes();
    let DemoState { holds, next_id, .. } = &mut *demo.state.lock();
    let hold = DemoState::create(
        holds,
        next_id,
        &headers,
        |id| json!({ "id": id, "reference": body["reference"], "items": body["items"], "expires": expires }),
    );
    (StatusCode::CREATED, Json(hold))
}

async fn create_order(State(demo): State<Arc<DemoEmulator>>, headers: HeaderMap, Json(body): Json<Value>) -> Reply {
    let events = demo.events();
    let placed = demo.clock.now();
    let DemoState { holds, orders, next_id } = &mut *demo.state.lock();
    let hold = holds.iter().find(|hold| hold["id"] == body["hold"]).cloned();
    let is_repeat = orders.iter().any(|order| order["reference"] == body["reference"]);
    if hold.is_none() && !is_repeat {
        return (StatusCode::CONFLICT, Json(Value::Null));
    }
    let order = DemoState::create(orders, next_id, &headers, |id| {
        let items = hold.map(|hold| hold["items"].clone()).unwrap_or_default();
        let (mut tickets, mut total) = (Vec::new(), 0);
        for item in items.as_array().into_iter().flatten() {
            let price =
                events.iter().find(|event| event["id"] == item["event"]).and_then(|event| event["price"].as_i64());
            for _ in 0..item["quantity"].as_u64().unwrap_or(0) {
                total += price.unwrap_or(0);
                tickets.push(
                    json!({ "id": format!("{id}-{}", tickets.len()), "event": item["event"], "state": "issued" }),
                );
            }
        }
        json!({ "id": id, "reference": body["reference"], "items": items, "placed": placed, "total": total,
            "tickets": tickets })
    });
    holds.retain(|hold| hold["id"] != body["hold"]);
    (StatusCode::CREATED, Json(order))
}

async fn list_holds(State(demo): State<Arc<DemoEmulator>>, Query(query): Query<ByReference>) -> Json<Value> {
    let state = demo.state.lock();
    Json(state.holds.iter().filter(|hold| hold["reference"] == query.reference).cloned().collect())
}

async fn release_hold(State(demo): State<Arc<DemoEmulator>>, Path(id): Path<String>) -> StatusCode {
    demo.state.lock().holds.retain(|hold| hold["id"] != id);
    StatusCode::NO_CONTENT
}

async fn list_orders(State(demo): State<Arc<DemoEmulator>>) -> Json<Value> {
    Json(demo.state.lock().orders.clone().into())
}

async fn list_events(State(demo): State<Arc<DemoEmulator>>) -> Json<Value> {
    Json(demo.events().into())
}

impl Emulator for DemoEmulator {
    fn name(&self) -> &'static str {
        "demo"
    }

    fn router(self: Arc<Self>) -> Router {
        Router::new()
            .route("/events", get(list_events))
            .route("/holds", get(list_holds).post(create_hold))
            .route("/holds/{id}", delete(release_hold))
            .route("/orders", get(list_orders).post(create_order))
            .with_state(self)
    }

    fn past_sales(&self) -> Option<&dyn PastSales> {
        None
    }

    fn apply_change(&self, _: &StateChange) -> Result<(), String> {
        Err("no change is supported".to_owned())
    }

    fn inventory(&self) -> Value {
        let state = self.state.lock();
        json!({ "holds": state.holds, "orders": state.orders })
    }

    fn action(&self, _: &str, _: &[u8]) -> String {
        String::new()
    }
}
