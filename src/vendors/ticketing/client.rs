//! One function an endpoint. Knows headers, paging and the meaning of statuses; knows nothing of our words.

use reqwest::Method;
use reqwest::header::{ACCEPT, HeaderName};
use secrecy::SecretString;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::value::RawValue;
use url::Url;

use crate::domain::{ErrorKind, Operation, VendorError};
use crate::transport::{Answer, Call, Transport};
use crate::vendors::ticketing::wire;

/// Entries asked for in one page; the server's own default is 25 (`ticketing.md §3.2`).
const PAGE: usize = 100;
/// A list longer than this many pages is not walked on.
const MOST_PAGES: usize = 500;

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const CLIENT_VERSION: HeaderName = HeaderName::from_static("x-client-version");

/// Speaks to one TickeTing account.
pub(super) struct Client {
    transport: Transport,
    base: Url,
    api_key: SecretString,
    version: String,
}

impl Client {
    /// A client for the API under `base`.
    pub(super) fn new(transport: Transport, base: Url, api_key: SecretString, version: String) -> Self {
        Self { transport, base, api_key, version }
    }

    /// An error of our own, before or beside any call.
    pub(super) fn error(&self, operation: Operation, kind: ErrorKind) -> VendorError {
        VendorError::new(self.transport.source(), operation, kind)
    }

    /// `GET /published-events`: public and published ones. `host` narrows where the server knows that filter (`§4.6`).
    pub(super) async fn published_events(&self, op: Operation, host: &str) -> Result<Vec<wire::Event>, VendorError> {
        self.list(op, "/published-events", &[("host", host), ("sort", "start")], None).await.or_else(none_if_gone)
    }

    /// `GET /events`, for administrators: drafts and unlisted ones too (`§4.6`).
    pub(super) async fn events(&self, op: Operation, host: &str) -> Result<Vec<wire::Event>, VendorError> {
        self.list(op, "/events", &[("host", host), ("sort", "start")], None).await.or_else(none_if_gone)
    }

    /// `GET /events/{event}`.
    pub(super) async fn event(&self, op: Operation, id: &str) -> Result<wire::Event, VendorError> {
        self.read(self.call(op, Method::GET, self.address(&format!("/events/{id}")))).await
    }

    /// Every entry of a list, page after page to the end. An entry that cannot be read is left out and logged.
    async fn list<T: DeserializeOwned>(
        &self,
        op: Operation,
        path: &str,
        filters: &[(&str, &str)],
        key: Option<&SecretString>,
    ) -> Result<Vec<T>, VendorError> {
        let mut entries = Vec::new();
        for page in 1..=MOST_PAGES {
            let counters = [("page", page.to_string()), ("records", PAGE.to_string())];
            let mut url = self.address(path);
            url.query_pairs_mut().extend_pairs(filters).extend_pairs(&counters);
            let mut call = self.call(op, Method::GET, url);
            if let Some(key) = key {
                call = call.secret_header(API_KEY, key);
            }
            let answer = self.transport.send(call).await?;
            // Beyond the last page the vendor answers 404, also where the list has shrunk under us.
            if page > 1 && is_gone(&answer) {
                break;
            }
            let read: wire::Page = self.understand(&answer)?;
            let (length, records) = (read.entries.len(), read.records.map_or(PAGE, |records| at_least_one(records.0)));
            entries.extend(read.entries.iter().filter_map(|entry| self.entry(&answer, entry)));
            let is_last = read.total.map_or(length < records, |total| page * records >= at_least_one(total.0));
            if length == 0 || is_last {
                break;
            }
        }
        Ok(entries)
    }

    fn entry<T: DeserializeOwned>(&self, answer: &Answer, entry: &RawValue) -> Option<T> {
        serde_json::from_str(entry.get()).map_err(|fault| answer.malformed(&fault)).ok()
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

    async fn read<T: DeserializeOwned>(&self, call: Call) -> Result<T, VendorError> {
        let answer = self.transport.send(call).await?;
        self.understand(&answer)
    }

    fn understand<T: DeserializeOwned>(&self, answer: &Answer) -> Result<T, VendorError> {
        if answer.status.is_success() { answer.json() } else { Err(self.complaint(answer)) }
    }

    /// What a status means wherever the endpoint gives it no meaning of its own (`§2.4`, `§2.5`).
    fn complaint(&self, answer: &Answer) -> VendorError {
        match answer.status.as_u16() {
            412 => {
                tracing::error!(
                    source = %self.transport.source(),
                    client_version = self.version,
                    "TickeTing refuses our client version: set `client_version` to the one that it asks for",
                );
                answer.error(ErrorKind::Unauthorized).because("the vendor asks for a newer client version")
            }
            404 if !is_gone(answer) => {
                tracing::error!(source = %self.transport.source(), "TickeTing does not know an address that we built");
                answer.error(ErrorKind::Internal).because("the vendor does not know the endpoint")
            }
            _ => answer.refused(),
        }
    }
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

fn at_least_one(count: i64) -> usize {
    usize::try_from(count).unwrap_or(0).max(1)
}
