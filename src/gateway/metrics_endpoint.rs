//! `/metrics` in the Prometheus text format.

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

/// Renders metrics.
#[async_trait]
pub trait MetricsRenderer: Send + Sync {
    /// Returns all metrics with their current values.
    async fn render(&self) -> String;
}

#[async_trait]
impl<F: Fn() -> String + Send + Sync> MetricsRenderer for F {
    async fn render(&self) -> String {
        self()
    }
}

/// `GET /metrics`.
pub async fn metrics(State(renderer): State<Arc<dyn MetricsRenderer>>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], renderer.render().await)
}
