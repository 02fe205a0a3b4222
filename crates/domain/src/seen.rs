//! Responses of vendors as an operator sees them: where a request went, and what came back. No value, no secret, no text of the vendor.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use crate::error::VendorOperation;

/// Number of responses that are kept of one call.
const MAX_RESPONSES: usize = 50;
/// Longest part of a path that is shown.
const MAX_SEGMENT: usize = 40;

/// A request and its response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SeenResponse {
    /// Operation that the request served.
    #[serde(skip)]
    pub operation: VendorOperation,
    /// HTTP method.
    pub method: String,
    /// Path, with `{id}` for each part that may be an identifier.
    pub path: String,
    /// HTTP status. `None`: there was no response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Media type of the body, without parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Path of the field that did not fit, and the type that was expected and seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub misfit: Option<String>,
    /// Settings of the table `assumptions` that lack a word of the response.
    #[serde(skip)]
    pub unknown_words: Vec<&'static str>,
}

impl SeenResponse {
    /// Creates a request that has no response yet.
    pub fn new(operation: VendorOperation, method: &str, path: &str) -> Self {
        let segments: Vec<&str> = path.split('/').map(|part| if is_identifier(part) { "{id}" } else { part }).collect();
        Self {
            operation,
            method: method.to_owned(),
            path: segments.join("/"),
            status: None,
            content_type: None,
            misfit: None,
            unknown_words: Vec::new(),
        }
    }
}

impl SeenResponse {
    /// Returns true if the body is declared as JSON.
    pub fn is_json(&self) -> bool {
        self.content_type.as_deref().is_some_and(|name| name == "application/json" || name.ends_with("+json"))
    }
}

impl fmt::Display for SeenResponse {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.method, self.path)?;
        match self.status {
            Some(status) => write!(out, " -> {status}")?,
            None => write!(out, " -> no response")?,
        }
        if let Some(content_type) = &self.content_type {
            write!(out, " {content_type}")?;
        }
        if let Some(misfit) = &self.misfit {
            write!(out, ", {misfit}")?;
        }
        Ok(())
    }
}

/// Names of versions and of short parts such as `b2b` are shown; everything else with a digit may be an identifier.
fn is_identifier(part: &str) -> bool {
    let version = part.strip_prefix('v').is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit() || b == b'_'));
    let is_short_name = part.len() <= 3 && part.bytes().any(|b| b.is_ascii_alphabetic());
    let is_plain = part.chars().all(|c| c.is_ascii_alphabetic() || "-_.…".contains(c));
    !(version || is_short_name || is_plain && part.len() <= MAX_SEGMENT)
}

tokio::task_local! {
    static SEEN: Arc<Mutex<Vec<SeenResponse>>>;
}

/// Runs a call and returns what its requests met, oldest first. An outer call sees them, too.
pub async fn observe_responses<F: Future>(call: F) -> (F::Output, Vec<SeenResponse>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let output = SEEN.scope(Arc::clone(&seen), call).await;
    let seen = std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner));
    seen.iter().cloned().for_each(record_response);
    (output, seen)
}

/// Wraps `work` so that it records responses for the current call, whichever task polls it.
pub fn propagate_responses<F: Future>(work: F) -> impl Future<Output = F::Output> {
    let seen = SEEN.try_with(Arc::clone).ok();
    async move {
        match seen {
            Some(seen) => SEEN.scope(seen, work).await,
            None => work.await,
        }
    }
}

/// Records a response of the current call.
pub fn record_response(response: SeenResponse) {
    with_seen(|seen| {
        if seen.len() < MAX_RESPONSES {
            seen.push(response);
        }
    });
}

/// Records the field that did not fit in the last response of the current call.
pub fn record_misfit(misfit: &str) {
    with_seen(|seen| {
        if let Some(last) = seen.last_mut() {
            last.misfit = Some(misfit.to_owned());
        }
    });
}

/// Records that a setting of the table `assumptions` lacks a word of the last response of the current call.
pub fn record_unknown_word(setting: &'static str) {
    with_seen(|seen| {
        if let Some(last) = seen.last_mut().filter(|last| !last.unknown_words.contains(&setting)) {
            last.unknown_words.push(setting);
        }
    });
}

fn with_seen(change: impl FnOnce(&mut Vec<SeenResponse>)) {
    // Outside of a call nobody wants to know.
    let _ = SEEN.try_with(|seen| change(&mut seen.lock().unwrap_or_else(PoisonError::into_inner)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_not_part_of_a_path() {
        for (path, expected) in [
            ("/v2/b2b/event/templates/66f0aa10c3d2e4b5a6978001", "/v2/b2b/event/templates/{id}"),
            ("/v2/b2b/orders/organizations/5120", "/v2/b2b/orders/organizations/{id}"),
            (
                "/tnai/backend-apis/catalogService/v1_33/getPOSConfig",
                "/tnai/backend-apis/catalogService/v1_33/getPOSConfig",
            ),
            ("/v3/hosts/17201149984410/events", "/v3/hosts/{id}/events"),
            ("/v2/b2c/orders/search", "/v2/b2c/orders/search"),
            ("/orders/ada@example.org", "/orders/{id}"),
        ] {
            assert_eq!(SeenResponse::new(VendorOperation::Probe, "GET", path).path, expected);
        }
    }

    #[tokio::test]
    async fn a_call_knows_its_own_responses_and_an_outer_one_all() {
        let response = |path: &str| SeenResponse::new(VendorOperation::Probe, "GET", path);
        let (inner, outer) = observe_responses(async {
            record_response(response("/a"));
            let ((), inner) = observe_responses(async {
                record_response(response("/b"));
                record_misfit("`x`: expected a number");
            })
            .await;
            inner
        })
        .await;
        assert_eq!(inner[0].to_string(), "GET /b -> no response, `x`: expected a number");
        assert_eq!((inner.len(), outer.len(), outer[1] == inner[0]), (1, 2, true));
        record_response(response("/outside"));
    }

    #[tokio::test]
    async fn a_task_records_for_the_call_that_started_it() {
        let ((), seen) = observe_responses(async {
            let response = SeenResponse::new(VendorOperation::Probe, "GET", "/a");
            let mut tasks = tokio::task::JoinSet::new();
            tasks.spawn(propagate_responses(async {
                record_response(response);
                record_unknown_word("status_words");
                record_unknown_word("status_words");
            }));
            tasks.join_all().await;
        })
        .await;
        assert_eq!((seen.len(), &seen[0].unknown_words), (1, &vec!["status_words"]));
    }
}
