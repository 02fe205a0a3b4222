//! Counts operations that were refused, for the callers that they are of.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_graphql::{Response, Value};
use futures_util::StreamExt;

use crate::gateway::operation::OperationOutcome;
use crate::graphql::ErrorCode;
use crate::graphql::base::callers::{CallerEvent, CallerRegistry};
use crate::graphql::base::viewer::Viewer;

/// Counts a refusal, of an operation or of fields of its response, once. A subscription is counted at its first event with a
/// refusal; fragments that are delivered later are not looked at.
pub(super) fn record_refusal(
    callers: &Arc<CallerRegistry>,
    viewer: &Arc<Viewer>,
    outcome: OperationOutcome,
) -> OperationOutcome {
    match outcome {
        OperationOutcome::Rejected(rejection) => {
            if let Some(event) = refusal(rejection.code.as_str()) {
                callers.record(viewer, event, 1);
            }
            OperationOutcome::Rejected(rejection)
        }
        OperationOutcome::Stream(events) => {
            let (callers, viewer, is_counted) = (Arc::clone(callers), Arc::clone(viewer), AtomicBool::new(false));
            let record = move |event: &Response| {
                if has_forbidden(event) && !is_counted.swap(true, Ordering::Relaxed) {
                    callers.record(&viewer, CallerEvent::Forbidden, 1);
                }
            };
            OperationOutcome::Stream(events.inspect(record).boxed())
        }
        OperationOutcome::Response(response) => {
            record_forbidden(callers, viewer, &response);
            OperationOutcome::Response(response)
        }
        OperationOutcome::Deferred(response, results) => {
            record_forbidden(callers, viewer, &response);
            OperationOutcome::Deferred(response, results)
        }
        OperationOutcome::Cached(cached) => OperationOutcome::Cached(cached),
    }
}

fn record_forbidden(callers: &CallerRegistry, viewer: &Viewer, response: &Response) {
    if has_forbidden(response) {
        callers.record(viewer, CallerEvent::Forbidden, 1);
    }
}

fn has_forbidden(response: &Response) -> bool {
    let code_of = |error: &async_graphql::ServerError| error.extensions.as_ref()?.get("code").cloned();
    let codes = response.errors.iter().filter_map(code_of);
    codes.into_iter().any(|code| matches!(code, Value::String(code) if refusal(&code) == Some(CallerEvent::Forbidden)))
}

fn refusal(code: &str) -> Option<CallerEvent> {
    if code == ErrorCode::Forbidden.as_str() {
        Some(CallerEvent::Forbidden)
    } else if code == ErrorCode::RateLimited.as_str() {
        Some(CallerEvent::RateLimited)
    } else {
        None
    }
}
