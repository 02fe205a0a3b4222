//! Exports as CSV files: `/exports/orders.csv`, `/exports/statement.csv` and `/exports/statement_breakdown.csv`.
//!
//! `/exports/catalog.ndjson` is in [`catalog`](self::catalog()).
//!
//! An export executes GraphQL documents of its own as the caller, page by page, through the stages of every operation
//! ([`pipeline`](crate::gateway::pipeline)): scopes, limits and errors are those of the fields. At most three
//! pages are in memory. A failure after the first page cuts the connection, so that no client takes the file for complete.

mod breakdown;
mod catalog;
mod csv_text;
pub(in crate::gateway) mod document;
mod parameters;
mod rows;
mod stream;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, VARY};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;

use crate::gateway::concurrency_limit::{ConcurrencyLimit, LoadShed};
use crate::gateway::exports::document::{Export, ExportFile};
use crate::gateway::exports::rows::Page;
use crate::gateway::exports::stream::Producer;
use crate::gateway::graphql_http::{AuthenticatedCaller, reject};
use crate::gateway::negotiate::MediaType;
use crate::gateway::rejection::RequestRejection;
use crate::gateway::request_id::RequestId;
use crate::gateway::state::{AppState, PeerAddress};
use crate::graphql::ErrorCode;

/// Limits of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportLimits {
    /// Orders of one file.
    pub orders: u64,
    /// Lines of the catalog.
    pub catalog_objects: u64,
    /// Time for a client to accept a page.
    pub write_timeout: Duration,
    /// Exports at the same time, through one listener: they may take long, and leave places for everybody else.
    pub in_flight: usize,
}

/// Limits of a file, and the places in flight, which all exports share.
#[derive(Clone)]
pub struct Exports {
    /// Limits of a file.
    pub limits: ExportLimits,
    /// Limit on operations in flight. An export holds one place until its last page.
    pub load_shed: LoadShed,
    /// Limit on exports.
    pub limit: ConcurrencyLimit,
}

/// `GET /exports/orders.csv`: one row per order and currency, newest order first.
pub async fn orders(State(state): State<Arc<AppState>>, exports: Extension<Exports>, request: Request) -> Response {
    serve(&state, exports.0, &request.into_parts().0, ExportFile::Orders).await
}

/// `GET /exports/statement.csv`: one row per reseller, source and currency.
pub async fn statement(State(state): State<Arc<AppState>>, exports: Extension<Exports>, request: Request) -> Response {
    serve(&state, exports.0, &request.into_parts().0, ExportFile::Statement).await
}

/// `GET /exports/statement_breakdown.csv`: the rows of the statement by event or ticket type.
pub async fn breakdown(State(state): State<Arc<AppState>>, exports: Extension<Exports>, request: Request) -> Response {
    serve(&state, exports.0, &request.into_parts().0, ExportFile::Breakdown).await
}

pub use catalog::serve as catalog;

/// Authenticates the caller, counts a request, and serves the file or an error.
async fn serve(
    state: &Arc<AppState>,
    exports: Exports,
    request: &axum::http::request::Parts,
    file: ExportFile,
) -> Response {
    let id = request.extensions.get::<RequestId>().map(|RequestId(id)| id.clone()).unwrap_or_default();
    let peer = request.extensions.get::<PeerAddress>().copied();
    let caller = match AuthenticatedCaller::authenticate(state, &request.headers, peer).await {
        Ok(caller) => caller,
        Err(rejection) => return reject_as_json(&rejection, &id),
    };
    let query = request.uri.query().unwrap_or_default();
    let mut response = match start(state, exports, &caller, (file, query), &id).await {
        Ok(response) => response,
        Err(rejection) => reject_as_json(&rejection, &id),
    };
    if let Some(rate_limit_status) = &caller.rate_limit_status {
        rate_limit_status.add_headers(response.headers_mut());
    }
    response
}

/// Loads the first page and starts the response. Errors are found before anything is sent.
async fn start(
    state: &Arc<AppState>,
    exports: Exports,
    caller: &AuthenticatedCaller,
    (file, query): (ExportFile, &str),
    id: &str,
) -> Result<Response, RequestRejection> {
    let parameters = parameters::parse(query, file.parameters())?;
    let has_bom = parameters.has_bom;
    let export = Export::new(file, parameters, Arc::clone(&caller.principal.viewer), id.to_owned());
    let place = exports.limit.try_acquire().ok_or_else(RequestRejection::overloaded)?;
    let (first, permit) = exports.load_shed.run(export.load_page(&state.pipeline, None)).await?;
    let mut first = first?;
    check_total(&first, exports.limits)?;
    if !state.record(caller.principal.viewer.to_audit_actor(), file.audit_action()).await {
        return Err(RequestRejection::ledger_unavailable());
    }
    let head = csv_text::head(file.columns(), has_bom).and_then(|head| csv_text::append(head, &first.rows));
    let head = head.map_err(|_| RequestRejection::internal_error())?;
    let disposition = format!("attachment; filename=\"{}\"", export.file_name());
    let body = match first.next.take() {
        None => Body::from(head),
        Some(next) => {
            let (state, principal) = (Arc::clone(state), caller.principal.clone());
            Producer { state, export, principal, exports, places: [place, permit] }.stream(head, first.count, next)
        }
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8; header=present"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(VARY, HeaderValue::from_static("authorization, cookie, x-csrf-protection"));
    // The days of the name were read as days before.
    if let Ok(disposition) = HeaderValue::from_str(&disposition) {
        headers.insert(CONTENT_DISPOSITION, disposition);
    }
    Ok(response)
}

/// Rejects an export of too many orders. One whose orders could not be counted in time is cut at the limit.
fn check_total(page: &Page, limits: ExportLimits) -> Result<(), RequestRejection> {
    let allowed = limits.orders;
    let Some(found) = page.total.filter(|total| *total > allowed) else { return Ok(()) };
    let message = format!(
        "the export has {found} orders; {allowed} are allowed: narrow the range by `createdFrom` and `createdTo`"
    );
    Err(RequestRejection::new(StatusCode::BAD_REQUEST, ErrorCode::OperationTooLarge, message))
}

/// Builds the response of a rejection: JSON with the status of the rejection.
fn reject_as_json(rejection: &RequestRejection, id: &str) -> Response {
    let mut response = reject(rejection, MediaType::GraphqlResponse, id);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(MediaType::Json.content_type()));
    response
}
