//! Responses of several payloads: queries with deferred fragments, and subscriptions.
//!
//! Payloads are events (`text/event-stream`, graphql-sse in distinct connections mode) or parts (`multipart/mixed`, RFC
//! 2046 §5.1, as Apollo Router sends them).

use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;

use async_graphql::{PathSegment, Response as GraphqlResponse, ServerError, Value};
use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, VARY};
use axum::http::{HeaderName, HeaderValue};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, unfold};
use futures_util::{FutureExt as _, Stream, StreamExt};
use serde::Serialize;
use tokio::time::timeout;

use crate::gateway::negotiate::{IncrementalFormat, PayloadStream};
use crate::gateway::observe::count_errors;
use crate::gateway::response_body::to_json_text;
use crate::graphql::base::deferred::{DeferredResult, DeferredResults};
use crate::graphql::json_writer::to_initial_json;

/// Time between two heartbeats of a subscription in parts, as Apollo Router sends them.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// Head of each part.
const PART_HEAD: &str = "\r\ncontent-type: application/json; charset=utf-8\r\n\r\n";
const BOUNDARY: &str = "graphql";

/// Sends a response of one payload.
pub fn single(stream: PayloadStream, payload: String) -> Response {
    send(stream, futures_util::stream::iter([payload]).boxed(), None)
}

/// Sends the initial response of a query, and its deferred fragments as they become ready.
pub fn deferred(stream: PayloadStream, initial: &GraphqlResponse, results: DeferredResults) -> Response {
    let (PayloadStream::Events(format) | PayloadStream::Multipart(format)) = stream;
    // The serializer writes UTF-8 only.
    let initial = String::from_utf8(to_initial_json(initial, true)).unwrap_or_default();
    let first = futures_util::stream::iter([initial]);
    let following = unfold(Some((results, 0)), move |state| async move {
        let (mut results, announced) = state?;
        match results.next().await {
            Some(ready) => {
                ready.iter().for_each(|result| {
                    count_errors(&result.errors);
                });
                let next = announced + ready.len();
                Some((subsequent(format, ready, announced), Some((results, next))))
            }
            None => Some((r#"{"hasNext":false}"#.to_owned(), None)),
        }
    });
    send(stream, first.chain(following).boxed(), None)
}

/// Sends the results of a subscription until it ends or `stop` resolves. Stopped streams end without a last message, so
/// that clients reconnect.
pub fn subscription(
    stream: PayloadStream,
    responses: BoxStream<'static, GraphqlResponse>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Response {
    let payloads = responses.map(move |response| match stream {
        PayloadStream::Events(_) => to_json_text(&response),
        // Errors outside of `payload` are errors of the transport, which ends with them.
        PayloadStream::Multipart(_) => format!(r#"{{"payload":{}}}"#, to_json_text(&response)),
    });
    send(stream, payloads.boxed(), Some(stop.boxed()))
}

/// Sends payloads. A subscription ends without a last message when its `stop` resolves.
fn send(stream: PayloadStream, payloads: BoxStream<'static, String>, stop: Option<BoxFuture<'static, ()>>) -> Response {
    let is_subscription = stop.is_some();
    let stop = stop.unwrap_or_else(|| pending().boxed());
    let mut response = match stream {
        PayloadStream::Events(_) => {
            let events = payloads
                .map(|payload| Event::default().event("next").data(payload))
                .chain(futures_util::stream::iter([Event::default().event("complete").data("")]))
                .take_until(stop);
            Sse::new(events.map(Ok::<Event, Infallible>)).keep_alive(KeepAlive::default()).into_response()
        }
        PayloadStream::Multipart(format) => {
            // Compression polls a body again after its end.
            let parts = parts(payloads, is_subscription).take_until(stop).fuse();
            let mut response = Response::new(Body::from_stream(parts.map(Ok::<Bytes, Infallible>)));
            response.headers_mut().insert(CONTENT_TYPE, multipart_type(format, is_subscription));
            response
        }
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(VARY, HeaderValue::from_static("accept, authorization, cookie, x-csrf-protection"));
    // Disables response buffering in proxies, which would delay payloads.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

fn multipart_type(format: IncrementalFormat, is_subscription: bool) -> HeaderValue {
    HeaderValue::from_static(match format {
        _ if is_subscription => "multipart/mixed; boundary=\"graphql\"; subscriptionSpec=1.0",
        IncrementalFormat::Defer20220824 => "multipart/mixed; boundary=\"graphql\"; deferSpec=20220824",
        IncrementalFormat::IncrementalV02 => "multipart/mixed; boundary=\"graphql\"; incrementalSpec=v0.2",
    })
}

/// Frames payloads as parts; a subscription has heartbeats between them. The delimiter after a part is sent with it: clients
/// read a part when they see its end.
fn parts(payloads: BoxStream<'static, String>, is_subscription: bool) -> impl Stream<Item = Bytes> {
    let opening = futures_util::stream::iter([Bytes::from(format!("--{BOUNDARY}"))]);
    let wait = if is_subscription { HEARTBEAT } else { Duration::MAX };
    let parts = unfold(Some(payloads), move |payloads| async move {
        let mut payloads = payloads?;
        Some(match timeout(wait, payloads.next()).await {
            Ok(Some(payload)) => (part(&payload), Some(payloads)),
            Ok(None) => (Bytes::from_static(b"--\r\n"), None),
            Err(_) => (part("{}"), Some(payloads)),
        })
    });
    opening.chain(parts)
}

fn part(payload: &str) -> Bytes {
    Bytes::from(format!("{PART_HEAD}{payload}\r\n--{BOUNDARY}"))
}

/// A payload after the initial one (graphql-spec #742 as of 2022-08-24; #1110 as `incrementalSpec=v0.2`).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Subsequent {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pending: Vec<Pending>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    incremental: Vec<Incremental>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    completed: Vec<Completed>,
    has_next: bool,
}

#[derive(Serialize)]
struct Pending {
    id: String,
    path: Vec<PathSegment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
}

#[derive(Serialize)]
struct Incremental {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    data: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<Vec<PathSegment>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<ServerError>,
}

#[derive(Serialize)]
struct Completed {
    id: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<ServerError>,
}

/// Serializes results that became ready together. `announced` results were sent before.
fn subsequent(format: IncrementalFormat, results: Vec<DeferredResult>, announced: usize) -> String {
    let mut payload =
        Subsequent { pending: Vec::new(), incremental: Vec::new(), completed: Vec::new(), has_next: true };
    for (index, result) in results.into_iter().enumerate() {
        let label = result.label.as_deref().map(str::to_owned);
        let (path, data, errors) = (result.path, result.data, result.errors);
        match format {
            IncrementalFormat::Defer20220824 => {
                payload.incremental.push(Incremental { id: None, data, path: Some(path), label, errors });
            }
            IncrementalFormat::IncrementalV02 => {
                let id = (announced + index).to_string();
                payload.pending.push(Pending { id: id.clone(), path, label });
                // A fragment without data has failed.
                let failure = if data == Value::Null {
                    errors
                } else {
                    payload.incremental.push(Incremental {
                        id: Some(id.clone()),
                        data,
                        path: None,
                        label: None,
                        errors,
                    });
                    Vec::new()
                };
                payload.completed.push(Completed { id, errors: failure });
            }
        }
    }
    // Values of the executor always serialize.
    serde_json::to_string(&payload).unwrap_or_default()
}
