//! One function per endpoint: builds the request, maps the status, and parses the response.

mod authoring;
mod orders;
mod probe;
mod words;

use std::collections::HashMap;
use std::time::Duration;

use jiff::civil::Date;
use parking_lot::Mutex;
use reqwest::Method;
use reqwest::header::{ACCEPT, HeaderName};
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use url::Url;

use crate::client::words::HasState;
use crate::map::days;
use crate::settings::{Facts, OrderLookup};
use crate::wire::Page;
use crate::wire::catalog::{Calendar, Instance, Summary, Template};
use domain::{ErrorKind, VendorError, VendorOperation};
use http_client::{VendorHttpClient, VendorRequest, VendorResponse};
use vendor_api::UnknownWords;

pub(crate) use orders::WriteOutcome;
use orders::error_code;
pub(crate) use probe::{Probe, ProbeResult};

/// Largest number of pages read of one list, so that an endless list ends.
const MAX_PAGES: usize = 200;
/// Largest number of pages of a search by an address that one leg uses.
const MAX_SEARCH_PAGES: usize = 5;
/// Concurrent reads (`acme.md §2.7`, INFERRED). Calls made for orders do not queue behind them.
const MAX_CONCURRENT_READS: usize = 4;

/// Paths that most calls start with.
const TEMPLATES: &[&str] = &["v2", "b2b", "event", "template"];
const INSTANCES: &[&str] = &["v2", "b2b", "event", "instances"];

/// HTTP client of one ACME tenant.
pub(crate) struct Client {
    http: VendorHttpClient,
    base: Url,
    api_key: SecretString,
    /// Required by every `/v2/b2c` call (`acme.md §2.3`).
    tenant_id: Option<String>,
    reads: Semaphore,
    /// Instances as last read, so that a hold needs not read what its order was planned with.
    recent_instances: Mutex<HashMap<String, (Instant, Instance)>>,
    facts: Facts,
    unknown_words: UnknownWords,
}

/// A list that is read page by page.
struct ListRequest {
    url: Url,
    /// True for one of `/v2/b2c`, where a 404 or an empty body is an empty list.
    is_b2c: bool,
    /// Maximum number of pages.
    max_pages: usize,
}

/// Time for which an instance may be used for a hold, which promises no price. A sale reads it again.
const RECENT: Duration = Duration::from_secs(60);

/// Filter of a list of instances.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DayQuery<'a> {
    /// Day in the tenant's time zone; the vendor recommends ranges of at most one day (`acme.md §4.1`).
    pub(crate) day: Date,
    /// Only instances of this template; `None` for all templates.
    pub(crate) template_id: Option<&'a str>,
    /// Include instances of private templates.
    pub(crate) include_private: bool,
}

impl Client {
    pub(crate) fn new(
        http: VendorHttpClient,
        base: Url,
        api_key: SecretString,
        tenant_id: Option<String>,
        facts: Facts,
    ) -> Self {
        Self {
            http,
            base,
            api_key,
            tenant_id,
            reads: Semaphore::new(MAX_CONCURRENT_READS),
            recent_instances: Mutex::default(),
            facts,
            unknown_words: UnknownWords::default(),
        }
    }

    /// True if the `/v2/b2c` endpoints can be read.
    pub(crate) fn reads_b2c(&self) -> bool {
        self.tenant_id.is_some()
    }

    /// True if orders can be looked up without their id.
    pub(crate) fn finds_orders(&self) -> bool {
        self.reads_b2c() && self.facts.order_lookup != OrderLookup::None
    }

    /// `GET template` (`acme.md §3.1`). Private templates and drafts are included only on request.
    pub(crate) async fn list_templates(
        &self,
        op: VendorOperation,
        with_all: bool,
    ) -> Result<Vec<Template>, VendorError> {
        let mut url = self.url(TEMPLATES, &[]);
        if with_all {
            url.query_pairs_mut().append_pair("type", "all");
        }
        self.list_pages(op, ListRequest { url, is_b2c: false, max_pages: MAX_PAGES }).await
    }

    /// `GET template/{id}` (`acme.md §3.2 a`). An empty response means not found, like a 404 (`acme.md §2.4`).
    pub(crate) async fn find_template(&self, op: VendorOperation, id: &str) -> Result<Option<Template>, VendorError> {
        let response = self.send(op, self.get(op, self.url(TEMPLATES, &[id]))).await?;
        optional_json(&response)
    }

    /// `GET instances` of one day (`acme.md §4.1`).
    pub(crate) async fn list_instances(
        &self,
        op: VendorOperation,
        query: DayQuery<'_>,
        zone: &jiff::tz::TimeZone,
    ) -> Result<Vec<Instance>, VendorError> {
        self.list_stated(op, self.day_url(op, &[], query, zone)?).await
    }

    /// `GET instances/summaries` of one day (`acme.md §4.1`).
    pub(crate) async fn list_summaries(
        &self,
        op: VendorOperation,
        query: DayQuery<'_>,
        zone: &jiff::tz::TimeZone,
    ) -> Result<Vec<Summary>, VendorError> {
        self.list_stated(op, self.day_url(op, &["summaries"], query, zone)?).await
    }

    /// Reads rows with states, and logs the states that are unknown.
    async fn list_stated<T: DeserializeOwned + HasState>(
        &self,
        op: VendorOperation,
        url: Url,
    ) -> Result<Vec<T>, VendorError> {
        let rows: Vec<T> = self.list_pages(op, ListRequest { url, is_b2c: false, max_pages: MAX_PAGES }).await?;
        self.report_states(rows.iter().map(HasState::state));
        Ok(rows)
    }

    /// `GET instances/{id}` (`acme.md §4.1`).
    pub(crate) async fn find_instance(&self, op: VendorOperation, id: &str) -> Result<Option<Instance>, VendorError> {
        let response = self.send(op, self.get(op, self.url(INSTANCES, &[id]))).await?;
        let instance: Option<Instance> = optional_json(&response)?;
        if let Some(instance) = &instance {
            self.report_states([instance.state.as_deref()]);
            let mut recent = self.recent_instances.lock();
            recent.retain(|_, (read_at, _)| read_at.elapsed() < RECENT);
            recent.insert(id.to_owned(), (Instant::now(), instance.clone()));
        }
        Ok(instance)
    }

    /// Returns an instance that was read a moment ago, or reads it.
    pub(crate) async fn recent_instance(&self, op: VendorOperation, id: &str) -> Result<Option<Instance>, VendorError> {
        let recent = self.recent_instances.lock().get(id).cloned();
        match recent.filter(|(read_at, _)| read_at.elapsed() < RECENT) {
            Some((_, instance)) => Ok(Some(instance)),
            None => self.find_instance(op, id).await,
        }
    }

    /// `GET templates/calendar`, or the calendar of one template (`acme.md §4.9`). Requires a tenant id.
    pub(crate) async fn load_calendar(
        &self,
        op: VendorOperation,
        template: Option<&str>,
        (from, to): (Date, Date),
        zone: &jiff::tz::TimeZone,
    ) -> Result<Calendar, VendorError> {
        let mut url = self.url(&["v2", "b2c", "event", "templates"], template.as_slice());
        extend_path(&mut url, &["calendar"]);
        let (begin, end) =
            days::day_bounds(from, zone).zip(days::day_bounds(to, zone)).ok_or_else(|| self.internal(op))?;
        url.query_pairs_mut()
            .append_pair("startTime", &begin.0)
            .append_pair("endTime", &end.1)
            .append_pair("saleChannel", "reseller");
        let response = self.send(op, self.get_b2c(op, url)).await?;
        if response.status.is_success() { response.json() } else { Err(response.status_error()) }
    }

    fn day_url(
        &self,
        op: VendorOperation,
        below: &[&str],
        query: DayQuery<'_>,
        zone: &jiff::tz::TimeZone,
    ) -> Result<Url, VendorError> {
        let mut url = self.url(INSTANCES, below);
        let (begin, end) = days::day_bounds(query.day, zone).ok_or_else(|| self.internal(op))?;
        let mut pairs = url.query_pairs_mut();
        pairs.append_pair("startTime", &begin).append_pair("endTime", &end);
        if let Some(template) = query.template_id {
            pairs.append_pair("templateId", template);
        }
        if query.include_private {
            pairs.append_pair("type", "all");
        }
        pairs.append_pair("salesChannel", "reseller");
        drop(pairs);
        Ok(url)
    }

    /// Reads all pages of a list. `page` and `pageSize` are always sent, and the next page is requested while one has as many rows
    /// as requested: a bare array need not be the whole list (`acme.md §2.6` \[C\]).
    async fn list_pages<T: DeserializeOwned>(
        &self,
        op: VendorOperation,
        list: ListRequest,
    ) -> Result<Vec<T>, VendorError> {
        let (mut entries, mut unreadable) = (Vec::new(), 0);
        let mut last_ids = Vec::new();
        let size = self.facts.page_size.map_or("-1".to_owned(), |size| size.to_string());
        for page in 1..=list.max_pages {
            let mut url = list.url.clone();
            url.query_pairs_mut().append_pair("page", &page.to_string()).append_pair("pageSize", &size);
            let call = if list.is_b2c { self.get_b2c(op, url) } else { self.get(op, url) };
            let response = self.send(op, call).await?;
            let is_end = response.status.as_u16() == 404 && (list.is_b2c || page > 1);
            let is_empty = list.is_b2c && response.status.is_success() && is_blank(&response);
            if is_end || is_empty {
                return response.readable_rows(entries, unreadable);
            }
            if !response.status.is_success() {
                return Err(response.status_error());
            }
            let body = response.json::<Value>()?;
            if list.is_b2c && body.is_null() {
                return response.readable_rows(entries, unreadable);
            }
            let read = Page::from_json(body, self.facts.page_size)
                .ok_or_else(|| response.malformed(&"neither a list nor a page"))?;
            // A server without paging returns the same page again.
            if page > 1 && last_ids == read.ids {
                return response.readable_rows(entries, unreadable);
            }
            let is_full = read.is_full();
            unreadable += read.unreadable();
            entries.extend(read.entries);
            if !is_full || page == list.max_pages {
                return response.readable_rows(entries, unreadable);
            }
            last_ids = read.ids;
        }
        Ok(entries)
    }

    fn url(&self, path: &[&str], below: &[&str]) -> Url {
        let mut url = self.base.clone();
        extend_path(&mut url, path);
        extend_path(&mut url, below);
        url
    }

    fn get(&self, op: VendorOperation, url: Url) -> VendorRequest {
        self.call(op, Method::GET, url)
    }

    fn get_b2c(&self, op: VendorOperation, url: Url) -> VendorRequest {
        let tenant = self.tenant_id.as_deref().unwrap_or_default();
        self.get(op, url).header(HeaderName::from_static("x-b2c-tenant-id"), tenant)
    }

    fn call(&self, op: VendorOperation, method: Method, url: Url) -> VendorRequest {
        VendorRequest::new(op, method, url)
            .header(ACCEPT, "application/json")
            .secret_header(HeaderName::from_static("x-acme-api-key"), &self.api_key)
    }

    /// Sends a call. At most four catalog reads run at once.
    async fn send(&self, op: VendorOperation, call: VendorRequest) -> Result<VendorResponse, VendorError> {
        let _turn =
            if op.is_order_call() { None } else { Some(self.reads.acquire().await.map_err(|_| self.internal(op))?) };
        self.http.send(call).await
    }

    fn internal(&self, op: VendorOperation) -> VendorError {
        VendorError::new(self.http.source(), op, ErrorKind::Internal)
    }
}

fn extend_path(url: &mut Url, path: &[&str]) {
    // Only a URL without a host has no path; the settings rule that out.
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
}

/// Parses an object; `None` for a 404 or an empty response.
fn optional_json<T: DeserializeOwned>(response: &VendorResponse) -> Result<Option<T>, VendorError> {
    match response.status.as_u16() {
        404 => Ok(None),
        200..=299 if is_blank(response) => Ok(None),
        200..=299 => response.json::<Option<T>>(),
        _ => Err(response.status_error()),
    }
}

fn is_blank(response: &VendorResponse) -> bool {
    response.body.iter().all(u8::is_ascii_whitespace)
}
