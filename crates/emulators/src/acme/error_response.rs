//! Error responses (`acme.md §2.5`). The types begin with `EMU_`, to distinguish them from ACME's own.

use axum::Json;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde_json::json;

/// An error response: status, code, type and message.
#[derive(Debug)]
pub(super) struct AcmeErrorResponse {
    status: StatusCode,
    code: u32,
    kind: &'static str,
    message: String,
    retry_after: Option<u64>,
}

impl AcmeErrorResponse {
    fn new(status: StatusCode, code: u32, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, kind, message: message.into(), retry_after: None }
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, 90_401, "EMU_UNAUTHORIZED", "The key is missing or unknown")
    }

    pub(super) fn forbidden(right: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, 90_403, "EMU_FORBIDDEN", format!("The user lacks {right}"))
    }

    pub(super) fn not_found(object: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, 90_404, "EMU_NOT_FOUND", format!("No such {object}"))
    }

    pub(super) fn invalid(why: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, 90_400, "EMU_INVALID_INPUT", why)
    }

    pub(super) fn not_enough_capacity() -> Self {
        Self::new(StatusCode::BAD_REQUEST, 90_410, "EMU_NOT_ENOUGH_CAPACITY", "Not enough capacity is left")
    }

    /// Status 409, documented for repeated request UUIDs (`acme.md §2.4`).
    pub(super) fn duplicate_request() -> Self {
        Self::new(StatusCode::CONFLICT, 90_409, "EMU_DUPLICATE_REQUEST", "The request UUID was used before")
    }

    pub(super) fn published_one_way() -> Self {
        let message = "A published template cannot become a draft again";
        Self::new(StatusCode::BAD_REQUEST, 90_411, "EMU_PUBLISHED_ONE_WAY", message)
    }

    pub(super) fn rate_limited() -> Self {
        let refusal = Self::new(StatusCode::TOO_MANY_REQUESTS, 90_429, "EMU_RATE_LIMITED", "Too many requests");
        Self { retry_after: Some(1), ..refusal }
    }
}

impl IntoResponse for AcmeErrorResponse {
    fn into_response(self) -> Response {
        let body = Json(json!({ "code": self.code, "type": self.kind, "message": self.message }));
        let mut response = (self.status, body).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// Parses a JSON body. The content type is compared case-insensitively (`acme.md §2.3`).
pub(super) fn parse_body<T: DeserializeOwned>(headers: &HeaderMap, bytes: &[u8]) -> Result<T, AcmeErrorResponse> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.to_ascii_lowercase().starts_with("application/json") {
        return Err(AcmeErrorResponse::invalid("Content-Type must be application/json"));
    }
    serde_json::from_slice(bytes).map_err(|fault| AcmeErrorResponse::invalid(fault.to_string()))
}
