//! Envelopes and errors (`tixngo.md §2.4` to `§2.6`; all INFERRED).

use axum::body::Body;
use axum::http::{Response, StatusCode, header};
use serde_json::{Value, json};

use crate::tixngo::wire::MAX_TICKETS;

/// Result of an endpoint.
pub(super) type EndpointResult = Result<Value, TixngoErrorResponse>;

/// An error response.
#[derive(Debug)]
pub(super) struct TixngoErrorResponse {
    status: u16,
    code: &'static str,
    message: &'static str,
    retry_after: Option<u32>,
}

impl TixngoErrorResponse {
    /// Creates an error response for the whole call.
    pub(super) const fn new(status: u16, code: &'static str, message: &'static str) -> Self {
        Self { status, code, message, retry_after: None }
    }

    /// 429, with the seconds until the next call is accepted.
    pub(super) fn rate_limited(retry_after: u32) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new(429, "TOO_MANY_REQUESTS", "too many calls") }
    }

    /// 404 for an unknown path.
    pub(super) fn unknown_endpoint() -> Self {
        Self::new(404, "NOT_FOUND", "no such endpoint")
    }

    /// Serializes the error response.
    pub(super) fn into_response(self) -> Response<Body> {
        let mut response =
            json_response(self.status, &json!({"code": self.code, "message": self.message, "errors": []}));
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// Builds a JSON response.
pub(super) fn json_response(status: u16, body: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}

/// Parses the tickets of a push.
pub(super) fn parse_tickets(body: &[u8]) -> Result<Vec<Value>, TixngoErrorResponse> {
    let unreadable =
        || TixngoErrorResponse::new(400, "VALIDATION_ERROR", "the body must be an object with a list of tickets");
    let body: Value = serde_json::from_slice(body).map_err(|_| unreadable())?;
    let tickets = body.get("tickets").and_then(Value::as_array).ok_or_else(unreadable)?;
    if tickets.len() > MAX_TICKETS {
        return Err(TixngoErrorResponse::new(413, "TOO_MANY_TICKETS", "at most 1000 tickets per call"));
    }
    Ok(tickets.clone())
}
