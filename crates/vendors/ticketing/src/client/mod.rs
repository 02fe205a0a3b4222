//! One function an endpoint. Knows headers, paging and the meaning of statuses; knows nothing of our words.

mod events;
mod gate;
mod sales;

use reqwest::Method;
use reqwest::header::{ACCEPT, HeaderName};
use secrecy::SecretString;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use url::Url;

use crate::wire;
use domain::{ErrorKind, Operation, Reason, VendorError};
use http_client::{Answer, Call, Payload, Transport};

pub(super) use sales::Closed;

/// Entries asked for in one page; the server's own default is 25 (`ticketing.md §3.2`).
const PAGE: usize = 100;
/// A list longer than this many pages is not walked on.
const MOST_PAGES: usize = 500;
/// Entries that one walk over a list shows at most: as many keys may be read at once, since no call names them one by one.
pub(super) const MOST_LISTED: usize = PAGE * MOST_PAGES;

/// The cause of a 412.
const NEWER_VERSION: &str = "the vendor asks for a newer client version";

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const CLIENT_VERSION: HeaderName = HeaderName::from_static("x-client-version");

/// Speaks to one TickeTing account.
pub(super) struct Client {
    transport: Transport,
    base: Url,
    api_key: SecretString,
    version: String,
}

/// What a refusal of an endpoint means as a rule of business, by its status; texts are never looked at.
type Meaning = fn(u16) -> Option<Reason>;

/// A list to walk.
struct List<'a> {
    op: Operation,
    path: &'a str,
    filters: &'a [(&'a str, &'a str)],
    /// Another key than our own.
    key: Option<&'a SecretString>,
    means: Meaning,
}

impl Client {
    /// A client for the API under `base`.
    pub(super) fn new(transport: Transport, base: Url, api_key: SecretString, version: String) -> Self {
        Self { transport, base, api_key, version }
    }

    /// An error of our own, before or beside any call.
    pub(super) fn error(&self, op: Operation, kind: ErrorKind) -> VendorError {
        VendorError::new(self.transport.source(), op, kind)
    }

    /// A refusal of our own, or of the vendor where its status says it.
    pub(super) fn rejected(&self, op: Operation, reason: Reason) -> VendorError {
        VendorError::rejected(self.transport.source(), op, reason, None)
    }

    /// `GET /published-events`: public and published ones. `host` narrows where the server knows that filter (`§4.6`).
    pub(super) async fn published_events(&self, op: Operation, host: &str) -> Result<Vec<wire::Event>, VendorError> {
        self.events_under(op, "/published-events", host).await
    }

    /// `GET /events`, for administrators: drafts and unlisted ones too (`§4.6`).
    pub(super) async fn events(&self, op: Operation, host: &str) -> Result<Vec<wire::Event>, VendorError> {
        self.events_under(op, "/events", host).await
    }

    async fn events_under(&self, op: Operation, path: &str, host: &str) -> Result<Vec<wire::Event>, VendorError> {
        let filters = [("host", host), ("sort", "start")];
        let list = List { op, path, filters: &filters, key: None, means: no_meaning };
        self.whole(&list).await.or_else(none_if_gone)
    }

    /// `GET /events/{event}`.
    pub(super) async fn event(&self, op: Operation, id: &str) -> Result<wire::Event, VendorError> {
        let answer = self.send(self.call(op, Method::GET, self.address(&format!("/events/{id}")))).await?;
        self.read(&answer, no_meaning)
    }

    /// `GET /hosts/{host}` (`ticketing.md §4.5`): whether it is there.
    pub(super) async fn find_host(&self, op: Operation, host: &str) -> Result<(), VendorError> {
        let answer = self.send(self.call(op, Method::GET, self.address(&format!("/hosts/{host}")))).await?;
        if answer.status.as_u16() == 404 {
            return Err(answer.error(ErrorKind::NotFound));
        }
        self.accept(&answer, forbidden)
    }

    /// The address of the API.
    pub(super) fn base(&self) -> &Url {
        &self.base
    }

    /// The version that we say to speak.
    pub(super) fn version(&self) -> &str {
        &self.version
    }

    /// Whether a failure says that our version is too old (`ticketing.md §2.4`).
    pub(super) fn wants_newer_version(&self, error: &VendorError) -> bool {
        error.cause.as_ref().is_some_and(|cause| cause.to_string() == NEWER_VERSION)
    }

    /// Every entry of a list, page after page to the end.
    async fn whole<T: DeserializeOwned>(&self, list: &List<'_>) -> Result<Vec<T>, VendorError> {
        self.walk(list, |_| false).await
    }

    /// Walks a list to its end, or to the page behind which nothing is wanted. An entry that cannot be read is left out and logged.
    async fn walk<T: DeserializeOwned>(
        &self,
        list: &List<'_>,
        is_enough: impl Fn(&[T]) -> bool,
    ) -> Result<Vec<T>, VendorError> {
        let mut entries = Vec::new();
        for page in 1..=MOST_PAGES {
            let counters = [("page", page.to_string()), ("records", PAGE.to_string())];
            let mut url = self.address(list.path);
            url.query_pairs_mut().extend_pairs(list.filters).extend_pairs(&counters);
            let call = self.call(list.op, Method::GET, url);
            let call = if let Some(key) = list.key { call.secret_header(API_KEY, key) } else { call };
            let answer = self.send(call).await?;
            // Beyond the last page the vendor answers 404, also where the list has shrunk under us.
            if page > 1 && is_gone(&answer) {
                break;
            }
            self.accept(&answer, list.means)?;
            let (read, length) = page_of(&answer)?;
            let records = read.records.map_or(PAGE, |records| at_least_one(records.0));
            let is_last = read.total.map_or(length < records, |total| page * records >= at_least_one(total.0));
            let is_over = length == 0 || is_last || is_enough(&read.entries);
            entries.extend(read.entries);
            if is_over {
                break;
            }
        }
        Ok(entries)
    }

    /// A call with the headers that every request carries (`§2.2`).
    fn call(&self, op: Operation, method: Method, url: Url) -> Call {
        Call::new(op, method, url)
            .secret_header(API_KEY, &self.api_key)
            .header(CLIENT_VERSION, &self.version)
            .header(ACCEPT, "application/json")
    }

    /// A path under the base.
    fn address(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        url
    }

    fn json<T: Serialize>(&self, op: Operation, body: &T) -> Result<Payload, VendorError> {
        Payload::json(body).map_err(|fault| self.error(op, ErrorKind::Internal).because(fault))
    }

    /// Writes with our own key; the meaning of the answer is left to the endpoint.
    async fn write<T: Serialize>(
        &self,
        op: Operation,
        method: Method,
        path: &str,
        body: Option<&T>,
    ) -> Result<Answer, VendorError> {
        let mut call = self.call(op, method, self.address(path));
        if let Some(body) = body {
            call = call.payload(self.json(op, body)?);
        }
        self.send(call).await
    }

    async fn send(&self, call: Call) -> Result<Answer, VendorError> {
        self.transport.send(call).await
    }

    /// Reads the body of a success.
    fn read<T: DeserializeOwned>(&self, answer: &Answer, means: Meaning) -> Result<T, VendorError> {
        self.accept(answer, means)?;
        answer.json()
    }

    /// Lets any success pass: the bodies of `PUT` and `DELETE` mean nothing (`§2.6`).
    fn accept(&self, answer: &Answer, means: Meaning) -> Result<(), VendorError> {
        if answer.status.is_success() { Ok(()) } else { Err(self.complaint(answer, means)) }
    }

    /// What a status means: to the endpoint, else wherever it may come from (`§2.4`, `§2.5`).
    fn complaint(&self, answer: &Answer, means: Meaning) -> VendorError {
        let source = self.transport.source();
        let status = answer.status.as_u16();
        if let Some(reason) = means(status).filter(|_| status != 404 || is_gone(answer)) {
            let fault = answer.refused();
            return VendorError::rejected(source, fault.operation, reason, Some(status.to_string()));
        }
        match status {
            412 => {
                tracing::error!(
                    %source,
                    client_version = self.version,
                    "TickeTing refuses our client version: set `client_version` to the one that it asks for",
                );
                answer.error(ErrorKind::Unauthorized).because(NEWER_VERSION)
            }
            404 if !is_gone(answer) => {
                tracing::error!(%source, "TickeTing does not know an address that we built");
                answer.error(ErrorKind::Internal).because("the vendor does not know the endpoint")
            }
            _ => answer.refused(),
        }
    }
}

/// A page, and how many entries it had. Where it cannot be read as a whole it is read entry by entry, so that one bad entry does not
/// cost its neighbours.
fn page_of<T: DeserializeOwned>(answer: &Answer) -> Result<(wire::Page<T>, usize), VendorError> {
    if let Ok(whole) = serde_json::from_slice::<wire::Page<T>>(&answer.body) {
        let length = whole.entries.len();
        return Ok((whole, length));
    }
    let unread: wire::Page<Box<RawValue>> = answer.json()?;
    let entry = |entry: &RawValue| serde_json::from_str(entry.get()).map_err(|fault| answer.malformed(&fault)).ok();
    let entries = unread.entries.iter().map(Box::as_ref).filter_map(entry).collect();
    Ok((wire::Page { total: unread.total, records: unread.records, entries }, unread.entries.len()))
}

/// Whether a 404 means that the resource is gone, and not that the endpoint never was (`§2.4`, form B and form A): only the latter
/// speaks of a `message` and of no `error`.
fn is_gone(answer: &Answer) -> bool {
    #[derive(Default, Deserialize)]
    struct Complaint {
        error: Option<IgnoredAny>,
        message: Option<IgnoredAny>,
    }
    let complaint: Complaint = serde_json::from_slice(&answer.body).unwrap_or_default();
    answer.status.as_u16() == 404 && (complaint.error.is_some() || complaint.message.is_none())
}

/// A list that the vendor knows nothing of holds nothing.
fn none_if_gone<T>(fault: VendorError) -> Result<Vec<T>, VendorError> {
    if fault.kind == ErrorKind::NotFound { Ok(Vec::new()) } else { Err(fault) }
}

/// Where refusals have no meaning of their own.
fn no_meaning(_: u16) -> Option<Reason> {
    None
}

/// Where the key is good and may not do this.
fn forbidden(status: u16) -> Option<Reason> {
    (status == 403).then_some(Reason::Forbidden)
}

fn at_least_one(count: i64) -> usize {
    usize::try_from(count).unwrap_or(0).max(1)
}
