//! Control endpoints of an emulator under `/_emu/`. They are not part of the vendor's interface.
//!
//! `GET log`, `DELETE log`, `POST faults` (a scenario), `DELETE faults`, `POST release` (hung calls), `POST down`, `POST up`,
//! `POST clock` (`{"advance_ms": n}`), `POST change` (a state change), `GET inventory`. `POST NAME` with `{"id": …, "value": …}` applies
//! the state change of that name.

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::Value;

use crate::faults::{Scenario, StateChange};
use crate::log::LoggedCall;
use crate::stage::Stage;

/// Path prefix of all control endpoints.
pub(crate) const CONTROL_PREFIX: &str = "/_emu/";

#[derive(Deserialize)]
struct ClockAdvance {
    advance_ms: i64,
}

/// Builds the control endpoints of a stage.
pub(crate) fn router(stage: Arc<Stage>) -> Router {
    Router::new()
        .route("/_emu/log", get(list_calls).delete(clear_log))
        .route("/_emu/faults", post(add_faults).delete(clear_faults))
        .route("/_emu/release", post(release_hung_calls))
        .route("/_emu/down", post(set_down))
        .route("/_emu/up", post(set_up))
        .route("/_emu/clock", post(advance_clock))
        .route("/_emu/change", post(change_state))
        .route("/_emu/inventory", get(inventory))
        .route("/_emu/{*name}", post(named_change))
        .with_state(stage)
}

async fn list_calls(State(stage): State<Arc<Stage>>) -> Json<Vec<LoggedCall>> {
    Json(stage.log.all())
}

async fn clear_log(State(stage): State<Arc<Stage>>) -> StatusCode {
    stage.log.clear();
    StatusCode::NO_CONTENT
}

async fn add_faults(State(stage): State<Arc<Stage>>, Json(scenario): Json<Scenario>) -> StatusCode {
    stage.faults.add(scenario);
    StatusCode::NO_CONTENT
}

async fn clear_faults(State(stage): State<Arc<Stage>>) -> StatusCode {
    stage.faults.clear();
    StatusCode::NO_CONTENT
}

async fn release_hung_calls(State(stage): State<Arc<Stage>>) -> StatusCode {
    stage.release_hung_calls();
    StatusCode::NO_CONTENT
}

async fn set_down(State(stage): State<Arc<Stage>>) -> StatusCode {
    stage.set_down(true);
    StatusCode::NO_CONTENT
}

async fn set_up(State(stage): State<Arc<Stage>>) -> StatusCode {
    stage.set_down(false);
    StatusCode::NO_CONTENT
}

async fn advance_clock(State(stage): State<Arc<Stage>>, Json(by): Json<ClockAdvance>) -> StatusCode {
    stage.clock.advance(by.advance_ms);
    StatusCode::NO_CONTENT
}

async fn change_state(
    State(stage): State<Arc<Stage>>,
    Json(change): Json<StateChange>,
) -> Result<StatusCode, (StatusCode, String)> {
    stage.change_state(&change).map_err(|error| (StatusCode::BAD_REQUEST, error))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Body of a state change whose name is in the path.
#[derive(Default, Deserialize)]
struct NamedChange {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    value: Value,
}

async fn named_change(
    State(stage): State<Arc<Stage>>,
    Path(name): Path<String>,
    change: Option<Json<NamedChange>>,
) -> Result<StatusCode, (StatusCode, String)> {
    let Json(NamedChange { id, value }) = change.unwrap_or_default();
    change_state(State(stage), Json(StateChange { name, id, value })).await
}

async fn inventory(State(stage): State<Arc<Stage>>) -> Json<Value> {
    Json(stage.inventory())
}
