//! One function per endpoint. Handles headers, paging and statuses; uses wire types only.

mod admissions;
mod authoring;
mod orders;

use reqwest::Method;
use reqwest::header::{ACCEPT, HeaderName};
use secrecy::SecretString;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use url::Url;

use crate::wire;
use domain::{ErrorKind, RefusalReason, VendorError, VendorOperation};
use http_client::{RequestBody, VendorHttpClient, VendorRequest, VendorResponse};

pub(super) use orders::CancelOutcome;

/// Largest number of pages read of one list.
const MAX_PAGES: usize = 500;
/// Largest number of entries of one list. As many keys may be loaded at once, because lists are not filtered by key.
pub(super) fn max_listed(page_size: usize) -> usize {
    page_size * MAX_PAGES
}

/// Address that the reference names for faults of the server (`ticketing.md §2.4`).
const SUPPORT: &str = "dev@ticketingevents.com";

/// Cause of a 412.
const VERSION_REJECTED: &str = "the vendor requires a newer client version";

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const CLIENT_VERSION: HeaderName = HeaderName::from_static("x-client-version");

/// HTTP client of one TickeTing account.
pub(super) struct Client {
    http: VendorHttpClient,
    base: Url,
    api_key: SecretString,
    version: String,
    /// Requested rows of a page; the server's default is 25 (`ticketing.md §3.2`).
    page_size: usize,
}

/// Maps a rejecting status of an endpoint to a reason; texts are never interpreted.
type Rejections = fn(u16) -> Option<RefusalReason>;

/// Request of a paged list.
struct ListRequest<'a> {
    op: VendorOperation,
    path: &'a str,
    filters: &'a [(&'a str, &'a str)],
    /// Replaces the account's own key.
    api_key: Option<&'a SecretString>,
    rejections: Rejections,
}

impl Client {
    /// Creates a client for the API at `base`.
    pub(super) fn new(
        http: VendorHttpClient,
        base: Url,
        api_key: SecretString,
        version: String,
        page_size: usize,
    ) -> Self {
        Self { http, base, api_key, version, page_size }
    }

    /// Returns the source that the client calls.
    pub(super) fn source(&self) -> &domain::SourceId {
        self.http.source()
    }

    /// Error that does not come from a response.
    pub(super) fn error(&self, op: VendorOperation, kind: ErrorKind) -> VendorError {
        VendorError::new(self.http.source(), op, kind)
    }

    /// Rejection, by our own rule or by the vendor's status.
    pub(super) fn rejected(&self, op: VendorOperation, reason: RefusalReason) -> VendorError {
        VendorError::rejected(self.http.source(), op, reason, None)
    }

    /// `GET /published-events`: public and published events of all hosts. `host` filters if the server supports it, which is not
    /// documented (`§4.6` \[C\]).
    pub(super) async fn published_events(
        &self,
        op: VendorOperation,
        host: Option<&str>,
    ) -> Result<Vec<wire::Event>, VendorError> {
        self.list_events_at(op, "/published-events", host).await
    }

    /// `GET /events` of a host, for its administrators: includes drafts and unlisted events (`§4.6`).
    pub(super) async fn events(&self, op: VendorOperation, host: &str) -> Result<Vec<wire::Event>, VendorError> {
        self.list_events_at(op, "/events", Some(host)).await
    }

    /// `GET /hosts/{host}/events` (`§4.5`): for keys below administrator the public ones.
    pub(super) async fn host_events(&self, op: VendorOperation, host: &str) -> Result<Vec<wire::Event>, VendorError> {
        self.list_events_at(op, &format!("/hosts/{host}/events"), None).await
    }

    async fn list_events_at(
        &self,
        op: VendorOperation,
        path: &str,
        host: Option<&str>,
    ) -> Result<Vec<wire::Event>, VendorError> {
        let filters: Vec<_> = host.map(|host| ("host", host)).into_iter().chain([("sort", "start")]).collect();
        let list = ListRequest { op, path, filters: &filters, api_key: None, rejections: no_rejections };
        self.list_all_pages(&list).await.or_else(empty_if_missing)
    }

    /// `GET /events/{event}`.
    pub(super) async fn event(&self, op: VendorOperation, id: &str) -> Result<wire::Event, VendorError> {
        let response = self.send(self.call(op, Method::GET, self.url(&format!("/events/{id}")))).await?;
        self.read_json(&response, no_rejections)
    }

    /// `GET /hosts/{host}` (`ticketing.md §4.5`); `NotFound` if it does not exist.
    pub(super) async fn find_host(&self, op: VendorOperation, host: &str) -> Result<(), VendorError> {
        let response = self.send(self.call(op, Method::GET, self.url(&format!("/hosts/{host}")))).await?;
        if response.status.as_u16() == 404 {
            return Err(response.error(ErrorKind::NotFound));
        }
        self.check_status(&response, rejects_forbidden)
    }

    /// Base URL of the API.
    pub(super) fn base(&self) -> &Url {
        &self.base
    }

    /// The client version that is sent.
    pub(super) fn version(&self) -> &str {
        &self.version
    }

    /// True if an error means that our client version is too old (`ticketing.md §2.4`).
    pub(super) fn is_version_rejected(&self, error: &VendorError) -> bool {
        error.cause.as_ref().is_some_and(|cause| cause.to_string() == VERSION_REJECTED)
    }

    /// Reads all pages of a list.
    async fn list_all_pages<T: DeserializeOwned>(&self, list: &ListRequest<'_>) -> Result<Vec<T>, VendorError> {
        self.list_pages(list, |_| false).await
    }

    /// Reads the pages of a list until its end or until `is_enough`. Unreadable entries are skipped and counted; a list without
    /// a readable one is malformed.
    async fn list_pages<T: DeserializeOwned>(
        &self,
        list: &ListRequest<'_>,
        is_enough: impl Fn(&[T]) -> bool,
    ) -> Result<Vec<T>, VendorError> {
        let (mut entries, mut unreadable) = (Vec::new(), 0);
        for page in 1..=MAX_PAGES {
            let counters = [("page", page.to_string()), ("records", self.page_size.to_string())];
            let mut url = self.url(list.path);
            url.query_pairs_mut().extend_pairs(list.filters).extend_pairs(&counters);
            let call = self.call(list.op, Method::GET, url);
            let call = if let Some(key) = list.api_key { call.secret_header(API_KEY, key) } else { call };
            let response = self.send(call).await?;
            // Past the last page the vendor responds with 404, also when the list has shrunk in the meantime.
            if page > 1 && is_resource_missing(&response) {
                return response.readable_rows(entries, unreadable);
            }
            self.check_status(&response, list.rejections)?;
            let (read, length): (wire::Page<T>, usize) = read_page(&response)?;
            unreadable += length - read.entries.len();
            let records = read.records.map_or(self.page_size, |records| at_least_one(records.0));
            let is_last = read.total.map_or(length < records, |total| page * records >= at_least_one(total.0));
            let is_over = length == 0 || is_last || is_enough(&read.entries);
            entries.extend(read.entries);
            if is_over || page == MAX_PAGES {
                return response.readable_rows(entries, unreadable);
            }
        }
        Ok(entries)
    }

    /// Builds a call with the headers that every request needs (`§2.2`).
    fn call(&self, op: VendorOperation, method: Method, url: Url) -> VendorRequest {
        VendorRequest::new(op, method, url)
            .secret_header(API_KEY, &self.api_key)
            .header(CLIENT_VERSION, &self.version)
            .header(ACCEPT, "application/json")
    }

    /// Resolves a path below the base URL.
    fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        url
    }

    fn json<T: Serialize>(&self, op: VendorOperation, body: &T) -> Result<RequestBody, VendorError> {
        RequestBody::json(body).map_err(|error| self.error(op, ErrorKind::Internal).with_cause(error))
    }

    /// Sends a write with the account's own key; the endpoint interprets the response.
    async fn write<T: Serialize>(
        &self,
        op: VendorOperation,
        method: Method,
        path: &str,
        body: Option<&T>,
    ) -> Result<VendorResponse, VendorError> {
        let mut call = self.call(op, method, self.url(path));
        if let Some(body) = body {
            call = call.payload(self.json(op, body)?);
        }
        self.send(call).await
    }

    async fn send(&self, call: VendorRequest) -> Result<VendorResponse, VendorError> {
        let report = call.report();
        let response = self.http.send(call).await?;
        // The reference asks to send these four to an administrator (`ticketing.md §2.4` \[C\]).
        if response.status.as_u16() == 500 {
            tracing::error!(
                source = %self.http.source(),
                method = %report.method,
                endpoint = report.path,
                headers = report.header_names(),
                payload = report.masked_payload(),
                "TickeTing has a fault: send method, endpoint, headers and payload of this line to {SUPPORT}",
            );
        }
        Ok(response)
    }

    /// Parses the body of a success.
    fn read_json<T: DeserializeOwned>(
        &self,
        response: &VendorResponse,
        rejections: Rejections,
    ) -> Result<T, VendorError> {
        self.check_status(response, rejections)?;
        response.json()
    }

    /// Accepts any success: the bodies of `PUT` and `DELETE` are meaningless (`§2.6`).
    fn check_status(&self, response: &VendorResponse, rejections: Rejections) -> Result<(), VendorError> {
        if response.status.is_success() { Ok(()) } else { Err(self.status_error(response, rejections)) }
    }

    /// Maps an error status: by the endpoint's own reasons, otherwise by its general meaning (`§2.4`, `§2.5`).
    fn status_error(&self, response: &VendorResponse, rejections: Rejections) -> VendorError {
        let source = self.http.source();
        let status = response.status.as_u16();
        if let Some(reason) = rejections(status).filter(|_| status != 404 || is_resource_missing(response)) {
            let error = response.status_error();
            return VendorError::rejected(source, error.operation, reason, Some(status.to_string()));
        }
        match status {
            412 => {
                tracing::error!(
                    %source,
                    client_version = self.version,
                    "TickeTing rejects our client version: set `client_version` to the required one",
                );
                response.error(ErrorKind::Unauthorized).with_cause(VERSION_REJECTED)
            }
            404 if !is_resource_missing(response) => {
                tracing::error!(%source, "TickeTing does not know an endpoint that we call");
                response.error(ErrorKind::Internal).with_cause("the vendor does not know the endpoint")
            }
            _ => response.status_error(),
        }
    }
}

/// Parses a page and its entry count. If it is malformed as a whole, it is parsed entry by entry, so that one bad entry
/// does not cost the others.
fn read_page<T: DeserializeOwned>(response: &VendorResponse) -> Result<(wire::Page<T>, usize), VendorError> {
    if let Ok(whole) = serde_json::from_slice::<wire::Page<T>>(response.json_body()) {
        let length = whole.entries.len();
        return Ok((whole, length));
    }
    let unread: wire::Page<Box<RawValue>> = response.json()?;
    let entry = |entry: &RawValue| serde_json::from_str(entry.get()).map_err(|error| response.malformed(&error)).ok();
    let entries = unread.entries.iter().map(Box::as_ref).filter_map(entry).collect();
    Ok((wire::Page { total: unread.total, records: unread.records, entries }, unread.entries.len()))
}

/// True if a 404 means that the resource does not exist, not that the endpoint does not (`§2.4`, form B and form A):
/// only the latter has a `message` and no `error`.
fn is_resource_missing(response: &VendorResponse) -> bool {
    #[derive(Default, Deserialize)]
    struct Complaint {
        error: Option<IgnoredAny>,
        message: Option<IgnoredAny>,
    }
    let complaint: Complaint = serde_json::from_slice(response.json_body()).unwrap_or_default();
    response.status.as_u16() == 404 && (complaint.error.is_some() || complaint.message.is_none())
}

/// A list of a missing resource is empty.
fn empty_if_missing<T>(error: VendorError) -> Result<Vec<T>, VendorError> {
    if error.kind == ErrorKind::NotFound { Ok(Vec::new()) } else { Err(error) }
}

/// For endpoints whose rejections have no specific reason.
fn no_rejections(_: u16) -> Option<RefusalReason> {
    None
}

/// For endpoints where 403 means that a valid key lacks the permission.
fn rejects_forbidden(status: u16) -> Option<RefusalReason> {
    (status == 403).then_some(RefusalReason::Forbidden)
}

fn at_least_one(count: i64) -> usize {
    usize::try_from(count).unwrap_or(0).max(1)
}
