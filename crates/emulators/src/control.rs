//! The control addresses of an emulator, under `/_emu/`. Ours, not the vendor's.
//!
//! `GET log`, `DELETE log`, `POST faults` (a scenario), `DELETE faults`, `POST go_on` (calls that hang), `POST down`, `POST up`,
//! `POST clock` (`{"advance_ms": n}`), `POST twist`, `GET holdings`. Any other word that is posted is a twist of that name, with `{"id": …, "value": …}`.

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::Value;

use crate::faults::{Scenario, Twist};
use crate::log::LoggedCall;
use crate::stage::Stage;

/// The path that all control addresses begin with.
pub const PREFIX: &str = "/_emu/";

#[derive(Deserialize)]
struct Advance {
    advance_ms: i64,
}

/// The control addresses of one stage.
pub fn router(stage: Arc<Stage>) -> Router {
    Router::new()
        .route("/_emu/log", get(log).delete(clear_log))
        .route("/_emu/faults", post(add_faults).delete(clear_faults))
        .route("/_emu/go_on", post(go_on))
        .route("/_emu/down", post(down))
        .route("/_emu/up", post(up))
        .route("/_emu/clock", post(advance))
        .route("/_emu/twist", post(twist))
        .route("/_emu/holdings", get(holdings))
        .route("/_emu/{*what}", post(named_twist))
        .with_state(stage)
}

async fn log(State(stage): State<Arc<Stage>>) -> Json<Vec<LoggedCall>> {
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

async fn go_on(State(stage): State<Arc<Stage>>) -> StatusCode {
    stage.go_on();
    StatusCode::NO_CONTENT
}

async fn down(State(stage): State<Arc<Stage>>) -> StatusCode {
    stage.set_down(true);
    StatusCode::NO_CONTENT
}

async fn up(State(stage): State<Arc<Stage>>) -> StatusCode {
    stage.set_down(false);
    StatusCode::NO_CONTENT
}

async fn advance(State(stage): State<Arc<Stage>>, Json(by): Json<Advance>) -> StatusCode {
    stage.clock.advance(by.advance_ms);
    StatusCode::NO_CONTENT
}

async fn twist(State(stage): State<Arc<Stage>>, Json(twist): Json<Twist>) -> Result<StatusCode, (StatusCode, String)> {
    stage.twist(&twist).map_err(|why| (StatusCode::BAD_REQUEST, why))?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a twist says beside its name.
#[derive(Default, Deserialize)]
struct Aim {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    value: Value,
}

async fn named_twist(
    State(stage): State<Arc<Stage>>,
    Path(what): Path<String>,
    aim: Option<Json<Aim>>,
) -> Result<StatusCode, (StatusCode, String)> {
    let Json(Aim { id, value }) = aim.unwrap_or_default();
    twist(State(stage), Json(Twist { what, id, value })).await
}

async fn holdings(State(stage): State<Arc<Stage>>) -> Json<Value> {
    Json(stage.holdings())
}
