//! The door of the emulated TIXnGO: keys, limits, envelopes and errors (`tixngo.md §2.3` to `§2.6`; all of it inferred).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use axum::body::Body;
use axum::http::{HeaderMap, Response, StatusCode, header};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::tixngo::wire::{AUTH_HEADER, AUTH_HEADER_ALIAS, MOST_TICKETS};
use crate::tixngo::{CLUB_KEY, OPERA_KEY};

/// What an endpoint answers.
pub(super) type Outcome = Result<Value, Refusal>;

/// An answer that is not a success.
#[derive(Debug)]
pub(super) struct Refusal {
    status: u16,
    code: &'static str,
    message: &'static str,
    retry_after: Option<u32>,
}

impl Refusal {
    /// A refusal of the whole call.
    pub const fn new(status: u16, code: &'static str, message: &'static str) -> Self {
        Self { status, code, message, retry_after: None }
    }

    /// 404: no such address.
    pub fn no_endpoint() -> Self {
        Self::new(404, "NOT_FOUND", "no such endpoint")
    }

    /// The wire form.
    pub fn into_response(self) -> Response<Body> {
        let mut response = respond(self.status, &json!({"code": self.code, "message": self.message, "errors": []}));
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// An answer as JSON.
pub(super) fn respond(status: u16, body: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}

/// Whose key it is. The login of an interface authenticates nobody.
pub(super) fn organizer(headers: &HeaderMap) -> Result<&'static str, Refusal> {
    let key = headers.get(AUTH_HEADER).or_else(|| headers.get(AUTH_HEADER_ALIAS));
    match key.and_then(|key| key.to_str().ok()) {
        Some(OPERA_KEY) => Ok("OPERA"),
        Some(CLUB_KEY) => Ok("CLUB"),
        _ => Err(Refusal::new(401, "UNAUTHORIZED", "the API key is missing or unknown")),
    }
}

/// The tickets of a push.
pub(super) fn tickets(body: &[u8]) -> Result<Vec<Value>, Refusal> {
    let unreadable = || Refusal::new(400, "VALIDATION_ERROR", "the body must be an object with a list of tickets");
    let body: Value = serde_json::from_slice(body).map_err(|_| unreadable())?;
    let tickets = body.get("tickets").and_then(Value::as_array).ok_or_else(unreadable)?;
    if tickets.len() > MOST_TICKETS {
        return Err(Refusal::new(413, "TOO_MANY_TICKETS", "at most 1000 tickets a call"));
    }
    Ok(tickets.clone())
}

const CALLS_A_MINUTE: u32 = 120;

/// Counts calls by the minute.
#[derive(Default)]
pub(super) struct Limits(Mutex<HashMap<String, (i64, u32)>>);

impl Limits {
    /// Counts a call; 429 where it is one too many.
    pub fn admit(&self, organizer: &str, now: Timestamp) -> Result<(), Refusal> {
        let minute = now.as_second().div_euclid(60);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = counts.entry(organizer.to_owned()).or_insert((minute, 0));
        if entry.0 != minute {
            *entry = (minute, 0);
        }
        entry.1 += 1;
        if entry.1 <= CALLS_A_MINUTE {
            return Ok(());
        }
        let rest = u32::try_from(60 - now.as_second().rem_euclid(60)).unwrap_or(60);
        Err(Refusal { retry_after: Some(rest), ..Refusal::new(429, "TOO_MANY_REQUESTS", "too many calls") })
    }
}
