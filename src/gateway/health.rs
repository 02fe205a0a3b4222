//! Liveness and readiness: `/health/live` and `/health/ready`.

use std::sync::Arc;

use async_trait::async_trait;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;

/// A component that the service depends on.
#[async_trait]
pub trait Dependency: Send + Sync {
    /// Name in the response.
    fn name(&self) -> String;
    /// Returns true if the service cannot work without it.
    fn is_required(&self) -> bool;
    /// Returns `Ok`, or a reason without addresses and secrets.
    async fn check(&self) -> Result<(), String>;
}

/// All dependencies listed by `/health/ready`.
#[derive(Clone, Default)]
pub struct Dependencies(pub Arc<Vec<Arc<dyn Dependency>>>);

#[derive(Serialize)]
struct LivenessBody {
    status: &'static str,
}

#[derive(Serialize)]
struct ReadinessBody {
    status: &'static str,
    dependencies: Vec<DependencyStatus>,
}

#[derive(Serialize)]
struct DependencyStatus {
    name: String,
    ok: bool,
    required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// `GET /health/live`: the process responds.
pub async fn live() -> impl axum::response::IntoResponse {
    Json(LivenessBody { status: "live" })
}

/// `GET /health/ready`: lists each dependency. The status is 503 if a required one is down, `degraded` if an optional
/// one is.
pub async fn ready(State(dependencies): State<Dependencies>) -> impl axum::response::IntoResponse {
    let checks = dependencies.0.iter().map(|dependency| async move {
        let outcome = dependency.check().await;
        DependencyStatus {
            name: dependency.name(),
            ok: outcome.is_ok(),
            required: dependency.is_required(),
            reason: outcome.err(),
        }
    });
    let dependencies = futures_util::future::join_all(checks).await;
    let (code, status) = if dependencies.iter().any(|status| status.required && !status.ok) {
        (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
    } else if dependencies.iter().any(|status| !status.ok) {
        (StatusCode::OK, "degraded")
    } else {
        (StatusCode::OK, "ready")
    };
    (code, Json(ReadinessBody { status, dependencies }))
}
