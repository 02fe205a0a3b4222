//! Whether the process lives, and whether it can do its work: `/health/live` and `/health/ready`.

use std::sync::Arc;

use async_trait::async_trait;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;

/// Something that the service needs, or is better with.
#[async_trait]
pub trait Dependency: Send + Sync {
    /// Its name in the answer.
    fn name(&self) -> String;
    /// Whether the service can do nothing useful without it.
    fn is_required(&self) -> bool;
    /// `Ok`, or the reason in our own words, without addresses or secrets.
    async fn check(&self) -> Result<(), String>;
}

/// Everything that `/health/ready` names.
#[derive(Clone, Default)]
pub struct Dependencies(pub Arc<Vec<Arc<dyn Dependency>>>);

#[derive(Serialize)]
struct Live {
    status: &'static str,
}

#[derive(Serialize)]
struct Ready {
    status: &'static str,
    dependencies: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    name: String,
    ok: bool,
    required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// The process answers.
pub async fn live() -> impl axum::response::IntoResponse {
    Json(Live { status: "live" })
}

/// Names each dependency; 503 where a required one is missing, `degraded` where another one is.
pub async fn ready(State(dependencies): State<Dependencies>) -> impl axum::response::IntoResponse {
    let checks = dependencies.0.iter().map(|dependency| async move {
        let outcome = dependency.check().await;
        Row { name: dependency.name(), ok: outcome.is_ok(), required: dependency.is_required(), reason: outcome.err() }
    });
    let dependencies = futures_util::future::join_all(checks).await;
    let (code, status) = if dependencies.iter().any(|row| row.required && !row.ok) {
        (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
    } else if dependencies.iter().any(|row| !row.ok) {
        (StatusCode::OK, "degraded")
    } else {
        (StatusCode::OK, "ready")
    };
    (code, Json(Ready { status, dependencies }))
}
