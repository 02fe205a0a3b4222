//! `/metrics`: the text that Prometheus reads.

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

/// Renders the metrics.
#[async_trait]
pub trait Exposition: Send + Sync {
    /// Everything as it is now.
    async fn render(&self) -> String;
}

#[async_trait]
impl<F: Fn() -> String + Send + Sync> Exposition for F {
    async fn render(&self) -> String {
        self()
    }
}

/// `GET /metrics`.
pub async fn metrics(State(exposition): State<Arc<dyn Exposition>>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], exposition.render().await)
}
