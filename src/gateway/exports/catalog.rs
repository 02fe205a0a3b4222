//! `GET /exports/catalog.ndjson`: the whole public catalog, one JSON object a line, to begin a mirror with.
//!
//! The first line has the cursor of the feed from before anything was read, so that whatever changes during the export is in the feed
//! after it. The last line says that the file is complete. Pages are read as the caller through the stages of every operation; one
//! page is in memory beside the one that the client reads.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Extension, Request, State};
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, VARY};
use axum::response::Response;
use serde_json::{Map, Value, json};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::{Sender, channel};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::gateway::auth::Principal;
use crate::gateway::exports::document::{executed_data, rejection_of_errors};
use crate::gateway::exports::stream::{Part, body_of, send};
use crate::gateway::exports::{Exports, reject_as_json};
use crate::gateway::graphql_http::AuthenticatedCaller;
use crate::gateway::operation::{OperationRequest, QUERIES_ONLY};
use crate::gateway::params::RequestParams;
use crate::gateway::rejection::RequestRejection;
use crate::gateway::request_id::RequestId;
use crate::gateway::state::{AppState, PeerAddress};
use crate::graphql::ErrorCode;

const START: &str = include_str!("catalog_start.graphql");
const EVENTS: &str = include_str!("catalog_events.graphql");
const PERFORMANCES: &str = include_str!("catalog_performances.graphql");

/// Events or performances of a page.
const PAGE_SIZE: usize = 20;
/// Attempts to read a page beyond the caller's vendor calls of a minute, and the time between two.
const MAX_ATTEMPTS: u32 = 15;
const ATTEMPT_PAUSE: Duration = Duration::from_secs(5);

/// An export of the catalog for one caller.
struct CatalogExport {
    state: Arc<AppState>,
    principal: Principal,
    request_id: String,
    exports: Exports,
}

/// Lines of the file, and what it contains so far.
#[derive(Default)]
struct Lines {
    text: Vec<u8>,
    counts: Map<String, Value>,
    objects: u64,
}

/// Serves the catalog, or an error.
pub async fn serve(State(state): State<Arc<AppState>>, exports: Extension<Exports>, request: Request) -> Response {
    let request = request.into_parts().0;
    let id = request.extensions.get::<RequestId>().map(|RequestId(id)| id.clone()).unwrap_or_default();
    let peer = request.extensions.get::<PeerAddress>().copied();
    let caller = match AuthenticatedCaller::authenticate(&state, &request.headers, peer).await {
        Ok(caller) => caller,
        Err(rejection) => return reject_as_json(&rejection, &id),
    };
    let principal = caller.principal.clone();
    let export = CatalogExport { state, principal, request_id: id.clone(), exports: exports.0 };
    let mut response = export.start(request.uri.query()).await.unwrap_or_else(|error| reject_as_json(&error, &id));
    if let Some(rate_limit_status) = &caller.rate_limit_status {
        rate_limit_status.add_headers(response.headers_mut());
    }
    response
}

impl CatalogExport {
    /// Reads the cursor and the sources, and starts the response. Errors are found before anything is sent.
    async fn start(self, query: Option<&str>) -> Result<Response, RequestRejection> {
        if query.is_some_and(|query| !query.is_empty()) {
            return Err(RequestRejection::bad_request("the export of the catalog has no parameters".to_owned()));
        }
        let place = self.exports.limit.try_acquire().ok_or_else(RequestRejection::overloaded)?;
        let first = self.execute(START, json!({}));
        let (first, permit) = self.exports.load_shed.run(first).await?;
        let (data, errors) = first?;
        if let Some(error) = errors.first() {
            return Err(rejection_of_errors(error));
        }
        let mut lines = Lines::default();
        let start = &data["changes"];
        lines.push("snapshot", json!({ "cursor": start["latestCursor"], "at": start["readAt"] }));
        for source in data["sources"].as_array().into_iter().flatten() {
            lines.push("source", source.clone());
        }
        let mut response = Response::new(self.stream(lines, [place, permit]));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson; charset=utf-8"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(VARY, HeaderValue::from_static("authorization, cookie, x-csrf-protection"));
        Ok(response)
    }

    /// Returns a body that begins with the lines and continues with those of all pages. Dropping it stops the export.
    fn stream(self, mut lines: Lines, places: [OwnedSemaphorePermit; 2]) -> Body {
        let (sender, receiver) = channel(1);
        let head = lines.take();
        let mut running = JoinSet::new();
        running.spawn(Box::pin(async move {
            let _places = places;
            let produced = tokio::select! {
                produced = self.produce(&sender, lines) => produced,
                () = self.state.wait_until_revoked(&self.principal) => Err("the caller lost its access"),
            };
            if let Err(reason) = produced {
                tracing::warn!(reason, "an export of the catalog ended before its last line");
            }
        }));
        body_of(head, receiver, running)
    }

    async fn produce(&self, sender: &Sender<Part>, mut lines: Lines) -> Result<(), &'static str> {
        let mut after = Value::Null;
        loop {
            let (data, errors) = self.page(EVENTS, json!({ "first": PAGE_SIZE, "after": after })).await?;
            lines.push_errors(&errors);
            let events = &data["events"];
            lines.push_problems(&events["problems"], &Value::Null);
            let nodes = events["nodes"].as_array().ok_or("events could not be read")?;
            let ids: Vec<Value> = nodes.iter().map(|event| event["id"].clone()).collect();
            nodes.iter().for_each(|event| lines.push("event", event.clone()));
            self.send(sender, &mut lines).await?;
            for id in ids {
                self.produce_performances(sender, &mut lines, &id).await?;
            }
            if events["pageInfo"]["hasNextPage"] != true {
                break;
            }
            after = events["pageInfo"]["endCursor"].clone();
        }
        lines.push_end();
        self.send(sender, &mut lines).await?;
        send(sender, Part::End, self.exports.limits.write_timeout).await
    }

    async fn produce_performances(
        &self,
        sender: &Sender<Part>,
        lines: &mut Lines,
        event: &Value,
    ) -> Result<(), &'static str> {
        let mut after = Value::Null;
        loop {
            let variables = json!({ "event": event, "first": PAGE_SIZE, "after": after });
            let (data, errors) = self.page(PERFORMANCES, variables).await?;
            lines.push_errors(&errors);
            let performances = &data["event"]["performances"];
            lines.push_problems(&performances["problems"], event);
            for performance in performances["nodes"].as_array().into_iter().flatten() {
                lines.push("performance", performance.clone());
            }
            self.send(sender, lines).await?;
            // An event that has gone since it was listed has none; its end is in the feed.
            if performances["pageInfo"]["hasNextPage"] != true {
                return Ok(());
            }
            after = performances["pageInfo"]["endCursor"].clone();
        }
    }

    async fn send(&self, sender: &Sender<Part>, lines: &mut Lines) -> Result<(), &'static str> {
        if lines.objects > self.exports.limits.catalog_objects {
            return Err("the catalog has more objects than an export may have");
        }
        if lines.text.is_empty() {
            return Ok(());
        }
        send(sender, Part::Rows(lines.take()), self.exports.limits.write_timeout).await
    }

    /// Reads a page, again after a pause while the caller has used up its vendor calls of the minute.
    async fn page(&self, document: &'static str, variables: Value) -> Result<(Value, Vec<Value>), &'static str> {
        for _ in 0..MAX_ATTEMPTS {
            let page =
                timeout(self.exports.load_shed.response_timeout, self.execute(document, variables.clone())).await;
            match page.map_err(|_| "a page was not ready in time")? {
                Ok(page) => return Ok(page),
                Err(rejection) if rejection.code == ErrorCode::RateLimited => tokio::time::sleep(ATTEMPT_PAUSE).await,
                Err(rejection) => return Err(rejection.code.as_str()),
            }
        }
        Err(ErrorCode::RateLimited.as_str())
    }

    /// Executes a document and returns its data and errors.
    async fn execute(&self, document: &'static str, variables: Value) -> Result<(Value, Vec<Value>), RequestRejection> {
        let Value::Object(variables) = variables else { return Err(RequestRejection::internal_error()) };
        let operation = OperationRequest {
            params: RequestParams { variables, ..RequestParams::default() },
            body: None,
            viewer: Arc::clone(&self.principal.viewer),
            request_id: self.request_id.clone(),
            allowed_types: QUERIES_ONLY,
            accepts_deferred: false,
        };
        executed_data(Box::pin(self.state.pipeline.run_fixed(document, operation)).await)
    }
}

impl Lines {
    /// Adds an object as a line with its type.
    fn push(&mut self, kind: &'static str, object: Value) {
        let mut line = Map::from_iter([("type".to_owned(), Value::from(kind))]);
        if let Value::Object(fields) = object {
            line.extend(fields);
        }
        self.text.extend(Value::Object(line).to_string().into_bytes());
        self.text.push(b'\n');
        let count = self.counts.get(kind).and_then(Value::as_u64).unwrap_or(0) + 1;
        self.counts.insert(kind.to_owned(), count.into());
        self.objects += 1;
    }

    /// Adds the sources that failed, each with its code.
    fn push_problems(&mut self, problems: &Value, event: &Value) {
        for problem in problems.as_array().into_iter().flatten() {
            self.push("problem", json!({ "code": problem["code"], "source": problem["source"], "event": event }));
        }
    }

    /// Adds the fields that could not be read, each with its code and path.
    fn push_errors(&mut self, errors: &[Value]) {
        for error in errors {
            self.push("problem", json!({ "code": error["extensions"]["code"], "path": error["path"] }));
        }
    }

    fn push_end(&mut self) {
        let counts = std::mem::take(&mut self.counts);
        self.push("end", json!({ "counts": counts }));
    }

    fn take(&mut self) -> Bytes {
        std::mem::take(&mut self.text).into()
    }
}
