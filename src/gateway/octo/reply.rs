//! HTTP responses of OCTO: JSON, always with a code if something failed.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, VARY, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use octo_facade::OctoError;
use serde::Serialize;
use serde_json::Value;

/// A body and its status.
pub(super) struct Reply {
    status: StatusCode,
    body: Value,
    retry_after: Option<u64>,
}

impl Reply {
    /// Creates the response of a success: 200 for every method.
    pub(super) fn of(body: &impl Serialize) -> Result<Self, OctoError> {
        let body = serde_json::to_value(body).map_err(|error| {
            tracing::error!(%error, "a response could not be written");
            OctoError::internal()
        })?;
        Ok(Self { status: StatusCode::OK, body, retry_after: None })
    }

    /// Creates the response of a failure.
    pub(super) fn failed(error: OctoError) -> Self {
        let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, body: error.to_json(), retry_after: error.retry_after }
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(VARY, HeaderValue::from_static("authorization, accept-language, octo-capabilities, octo-env"));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
