//! One function an endpoint: builds the call, judges the status, reads the answer.

mod authoring;
mod orders;
mod probe;

use jiff::civil::Date;
use reqwest::Method;
use reqwest::header::{ACCEPT, HeaderName};
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::Semaphore;
use url::Url;

use crate::map::days;
use crate::wire::Page;
use crate::wire::catalog::{Calendar, Instance, Summary, Template};
use domain::{ErrorKind, Operation, VendorError};
use http_client::{Answer, Call, Transport};

pub(crate) use orders::Outcome;
use orders::fault as fault_code;
pub(crate) use probe::{Leave, Probe};

/// Entries of a page: the vendor's own default (`acme.md §2.6`).
const PAGE: usize = 100;
/// The most pages that are walked: a list that never ends is the vendor's fault.
const MOST_PAGES: usize = 200;
/// Reads in flight at once (`acme.md §2.7`, INFERRED). Calls of orders do not queue behind them.
const MOST_IN_FLIGHT: usize = 4;

/// The paths that most calls start from.
const TEMPLATES: &[&str] = &["v2", "b2b", "event", "template"];
const INSTANCES: &[&str] = &["v2", "b2b", "event", "instances"];

/// Asks one tenant of ACME.
pub(crate) struct Client {
    transport: Transport,
    base: Url,
    api_key: SecretString,
    /// Needed for every `/v2/b2c` call (`acme.md §2.3`).
    tenant_id: Option<String>,
    reads: Semaphore,
}

/// What a list of instances shall cover.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DayQuery<'a> {
    /// The day, in the tenant's zone: the vendor advises ranges of at most one (`acme.md §4.1`).
    pub(crate) day: Date,
    /// Only this template's; `None`: everybody's.
    pub(crate) template: Option<&'a str>,
    /// Also those of private templates.
    pub(crate) with_private: bool,
}

impl Client {
    pub(crate) fn new(transport: Transport, base: Url, api_key: SecretString, tenant_id: Option<String>) -> Self {
        Self { transport, base, api_key, tenant_id, reads: Semaphore::new(MOST_IN_FLIGHT) }
    }

    /// Whether `/v2/b2c` can be read.
    pub(crate) fn reads_b2c(&self) -> bool {
        self.tenant_id.is_some()
    }

    /// `GET template` (`acme.md §3.1`): private templates and drafts come along only on request.
    pub(crate) async fn list_templates(&self, op: Operation, with_all: bool) -> Result<Vec<Template>, VendorError> {
        let mut url = self.url(TEMPLATES, &[]);
        if with_all {
            url.query_pairs_mut().append_pair("type", "all");
        }
        self.walk(op, url, false).await
    }

    /// `GET template/{id}` (`acme.md §3.2 a`). An empty answer means not found, like a 404 (`acme.md §2.4`).
    pub(crate) async fn find_template(&self, op: Operation, id: &str) -> Result<Option<Template>, VendorError> {
        let answer = self.send(op, self.get(op, self.url(TEMPLATES, &[id]))).await?;
        one(&answer)
    }

    /// `GET instances` of one day (`acme.md §4.1`).
    pub(crate) async fn list_instances(
        &self,
        op: Operation,
        query: DayQuery<'_>,
        zone: &jiff::tz::TimeZone,
    ) -> Result<Vec<Instance>, VendorError> {
        self.walk(op, self.day_url(op, &[], query, zone)?, true).await
    }

    /// `GET instances/summaries` of one day (`acme.md §4.1`).
    pub(crate) async fn list_summaries(
        &self,
        op: Operation,
        query: DayQuery<'_>,
        zone: &jiff::tz::TimeZone,
    ) -> Result<Vec<Summary>, VendorError> {
        self.walk(op, self.day_url(op, &["summaries"], query, zone)?, true).await
    }

    /// `GET instances/{id}` (`acme.md §4.1`).
    pub(crate) async fn find_instance(&self, op: Operation, id: &str) -> Result<Option<Instance>, VendorError> {
        let answer = self.send(op, self.get(op, self.url(INSTANCES, &[id]))).await?;
        one(&answer)
    }

    /// `GET templates/calendar`, or that of one template (`acme.md §4.9`). Needs a tenant id.
    pub(crate) async fn load_calendar(
        &self,
        op: Operation,
        template: Option<&str>,
        (from, to): (Date, Date),
        zone: &jiff::tz::TimeZone,
    ) -> Result<Calendar, VendorError> {
        let mut url = self.url(&["v2", "b2c", "event", "templates"], template.as_slice());
        extend(&mut url, &["calendar"]);
        let (begin, end) = days::borders(from, zone).zip(days::borders(to, zone)).ok_or_else(|| self.internal(op))?;
        url.query_pairs_mut()
            .append_pair("startTime", &begin.0)
            .append_pair("endTime", &end.1)
            .append_pair("saleChannel", "reseller");
        let answer = self.send(op, self.get_b2c(op, url)).await?;
        if answer.status.is_success() { answer.json() } else { Err(answer.refused()) }
    }

    fn day_url(
        &self,
        op: Operation,
        below: &[&str],
        query: DayQuery<'_>,
        zone: &jiff::tz::TimeZone,
    ) -> Result<Url, VendorError> {
        let mut url = self.url(INSTANCES, below);
        let (begin, end) = days::borders(query.day, zone).ok_or_else(|| self.internal(op))?;
        let mut pairs = url.query_pairs_mut();
        pairs.append_pair("startTime", &begin).append_pair("endTime", &end);
        if let Some(template) = query.template {
            pairs.append_pair("templateId", template);
        }
        if query.with_private {
            pairs.append_pair("type", "all");
        }
        pairs.append_pair("salesChannel", "reseller");
        drop(pairs);
        Ok(url)
    }

    /// Reads a list to its end. Pages follow while a page of the envelope is full; a bare array is whole (`acme.md §2.6`).
    async fn walk<T: DeserializeOwned>(&self, op: Operation, url: Url, is_paged: bool) -> Result<Vec<T>, VendorError> {
        let mut entries = Vec::new();
        let mut last_body = None;
        for page in 1..=MOST_PAGES {
            let mut url = url.clone();
            if is_paged || page > 1 {
                url.query_pairs_mut().append_pair("page", &page.to_string()).append_pair("pageSize", &PAGE.to_string());
            }
            let answer = self.send(op, self.get(op, url)).await?;
            if !answer.status.is_success() {
                return Err(answer.refused());
            }
            // A server that knows no pages gives the same one again.
            if last_body.as_ref() == Some(&answer.body) {
                break;
            }
            let read =
                Page::read(answer.json::<Value>()?, PAGE).ok_or_else(|| answer.malformed(&"neither list nor page"))?;
            let is_full = read.is_full();
            entries.extend(read.entries);
            if !is_full {
                break;
            }
            last_body = Some(answer.body);
        }
        Ok(entries)
    }

    fn url(&self, path: &[&str], below: &[&str]) -> Url {
        let mut url = self.base.clone();
        extend(&mut url, path);
        extend(&mut url, below);
        url
    }

    fn get(&self, op: Operation, url: Url) -> Call {
        self.call(op, Method::GET, url)
    }

    fn get_b2c(&self, op: Operation, url: Url) -> Call {
        let tenant = self.tenant_id.as_deref().unwrap_or_default();
        self.get(op, url).header(HeaderName::from_static("x-b2c-tenant-id"), tenant)
    }

    fn call(&self, op: Operation, method: Method, url: Url) -> Call {
        Call::new(op, method, url)
            .header(ACCEPT, "application/json")
            .secret_header(HeaderName::from_static("x-acme-api-key"), &self.api_key)
    }

    /// Sends a call; reads of the catalogue at most four at once.
    async fn send(&self, op: Operation, call: Call) -> Result<Answer, VendorError> {
        let _turn =
            if op.serves_an_order() { None } else { Some(self.reads.acquire().await.map_err(|_| self.internal(op))?) };
        self.transport.send(call).await
    }

    fn internal(&self, op: Operation) -> VendorError {
        VendorError::new(self.transport.source(), op, ErrorKind::Internal)
    }
}

fn extend(url: &mut Url, path: &[&str]) {
    // Only an address without a host has no path; the settings are checked for that.
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
}

/// One object, or none for a 404 or an answer that says nothing.
fn one<T: DeserializeOwned>(answer: &Answer) -> Result<Option<T>, VendorError> {
    match answer.status.as_u16() {
        404 => Ok(None),
        200..=299 if answer.body.iter().all(u8::is_ascii_whitespace) => Ok(None),
        200..=299 => answer.json::<Option<T>>(),
        _ => Err(answer.refused()),
    }
}
