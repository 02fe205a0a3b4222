//! A vendor of any size: the emulator's events, multiplied with other ids. It implements the TickeTing wire format and
//! counts calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use domain::SystemClock;
use emulators::ticketing::HOST;
use emulators::{Options, Sandbox};
use serde_json::{Value, json};
use tokio_util::task::TaskTracker;

use crate::plain::listen;

struct SyntheticVendor {
    events: Vec<Value>,
    delay: Duration,
    calls: AtomicUsize,
    /// Every n-th call fails with 503; 0: none.
    fails_each: AtomicUsize,
}

#[derive(serde::Deserialize)]
struct Page {
    #[serde(default = "one")]
    page: usize,
    #[serde(default = "hundred")]
    records: usize,
}

fn one() -> usize {
    1
}

fn hundred() -> usize {
    100
}

/// Serves this many events; each response is delayed.
pub(crate) async fn serve(size: usize, delay: Duration) {
    let events = multiplied(&template().await, size);
    let crowd =
        Arc::new(SyntheticVendor { events, delay, calls: AtomicUsize::new(0), fails_each: AtomicUsize::new(0) });
    let router = Router::new()
        .route("/v3/published-events", get(list))
        .route("/v3/events", get(list))
        .route(
            "/calls",
            get(|State(crowd): State<Arc<SyntheticVendor>>| async move { crowd.calls.load(SeqCst).to_string() }),
        )
        .route("/fails/{each}", get(set_failing))
        .with_state(crowd);
    listen(router).await;
}

async fn list(State(crowd): State<Arc<SyntheticVendor>>, Query(page): Query<Page>) -> Response {
    let number = crowd.calls.fetch_add(1, SeqCst) + 1;
    if !crowd.delay.is_zero() {
        tokio::time::sleep(crowd.delay).await;
    }
    let each = crowd.fails_each.load(SeqCst);
    if each > 0 && number.is_multiple_of(each) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let begin = (page.page.saturating_sub(1) * page.records).min(crowd.events.len());
    let end = (begin + page.records).min(crowd.events.len());
    let entries = &crowd.events[begin..end];
    Json(json!({ "total": crowd.events.len(), "page": page.page, "records": page.records, "entries": entries }))
        .into_response()
}

async fn set_failing(
    State(crowd): State<Arc<SyntheticVendor>>,
    axum::extract::Path(each): axum::extract::Path<usize>,
) -> StatusCode {
    crowd.fails_each.store(each, SeqCst);
    StatusCode::NO_CONTENT
}

/// Reads the events of the emulator.
async fn template() -> Vec<Value> {
    let sandbox =
        Sandbox::start(Options::for_tests(Arc::new(SystemClock), TaskTracker::new())).await.expect("a vendor");
    let base = sandbox.base_url("ticketing").expect("an address");
    let client = http_client::build_client().expect("a client");
    let url = format!("{base}/published-events?host={HOST}&sort=start&page=1&records=100");
    let request = client.get(url).header("x-api-key", emulators::ticketing::ADMINISTRATOR_KEY);
    let answer = request.header("x-client-version", "3.0.0").send().await.expect("a response");
    let text = answer.text().await.expect("text");
    let page: Value = serde_json::from_str(&text).expect("JSON");
    page["entries"].as_array().unwrap_or_else(|| panic!("no events: {text}")).clone()
}

/// Returns this many events with ids of their own.
fn multiplied(template: &[Value], size: usize) -> Vec<Value> {
    let on_sale: Vec<&Value> =
        template.iter().filter(|event| event["sections"].as_array().is_some_and(|all| all.len() >= 3)).collect();
    let of = if on_sale.is_empty() { template.iter().collect() } else { on_sale };
    (0..size)
        .map(|number| {
            let event = of[number % of.len()];
            let id = event["self"].as_str().and_then(|uri| uri.rsplit('/').next()).expect("an id");
            let text = event.to_string().replace(id, &format!("{}{number:06}", &id[..id.len().min(8)]));
            serde_json::from_str(&text).expect("JSON")
        })
        .collect()
}
