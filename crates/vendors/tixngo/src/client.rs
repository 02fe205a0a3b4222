//! The endpoints, one function each (`tixngo.md §4`). Batches are split at the vendor's limit and halved if the vendor rejects
//! them as too large.

use std::collections::HashMap;

use domain::mobile::{AppStateUpdate, AppTicketKey};
use domain::{Batch, Effect, ErrorKind, RefusalReason, VendorError, VendorOperation};
use futures_util::future::BoxFuture;
use http_client::{RequestBody, VendorHttpClient, VendorRequest, VendorResponse};
use reqwest::Method;
use reqwest::header::HeaderName;
use secrecy::SecretString;
use serde::Serialize;
use url::Url;

use crate::assumptions::{self, FeedEntry, FeedPage, PushResponse, TicketResult};
use crate::facts::{Facts, Outcome};
use crate::wire::Tickets;

/// Client of one TIXnGO interface.
pub(super) struct Client {
    transport: VendorHttpClient,
    tickets_url: Url,
    header: HeaderName,
    api_key: SecretString,
    facts: Facts,
}

/// A ticket of a push, with its key.
pub(super) type KeyedItem<T> = (AppTicketKey, T);

impl Client {
    /// Creates a client for the interface at `tickets`.
    pub(super) fn new(
        transport: VendorHttpClient,
        tickets_url: Url,
        header: HeaderName,
        api_key: SecretString,
        facts: Facts,
    ) -> Self {
        Self { transport, tickets_url, header, api_key, facts }
    }

    /// Returns the inferred facts that apply to the channel.
    pub(super) fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Returns an error without a response behind it.
    pub(super) fn error(&self, op: VendorOperation, kind: ErrorKind) -> VendorError {
        VendorError::new(self.transport.source(), op, kind)
    }

    /// Returns a rejection of one ticket.
    pub(super) fn rejected(&self, reason: RefusalReason, code: Option<String>) -> VendorError {
        VendorError::rejected(self.transport.source(), VendorOperation::Deliver, reason, code)
    }

    /// `POST {T}`.
    pub(super) async fn inject<T: Serialize + Sync>(
        &self,
        items: &[KeyedItem<T>],
    ) -> Batch<AppTicketKey, AppStateUpdate> {
        self.push(None, items).await
    }

    /// `POST {T}/cancelled`.
    pub(super) async fn cancel<T: Serialize + Sync>(
        &self,
        items: &[KeyedItem<T>],
    ) -> Batch<AppTicketKey, AppStateUpdate> {
        self.push(Some("path_cancelled"), items).await
    }

    /// `POST {T}/controlled`.
    pub(super) async fn control<T: Serialize + Sync>(
        &self,
        items: &[KeyedItem<T>],
    ) -> Batch<AppTicketKey, AppStateUpdate> {
        self.push(Some("path_controlled"), items).await
    }

    /// `GET {T}/diff`: returns one page of the changes since `after`.
    pub(super) async fn read_changes(&self, after: Option<&str>) -> Result<FeedPage, VendorError> {
        let mut url = self.path_url("path_diff");
        let limit = self.facts.tickets_per_call.to_string();
        url.query_pairs_mut()
            .append_pair(assumptions::LIMIT, &limit)
            .append_pair(assumptions::PAGINATION_KEY, after.unwrap_or_default());
        let response = self.transport.send(self.call(VendorOperation::ReadDelivery, Method::GET, url)).await?;
        self.check_path(&response, "path_diff")?;
        let body = self.parse_response(&response)?;
        self.facts
            .read_page(body)
            .ok_or_else(|| response.malformed(&"a page of another shape: see assumptions.feed_shape"))
    }

    /// `GET {T}/{ticketId}`; the id may contain slashes and spaces.
    pub(super) async fn load_ticket(&self, ticket: &AppTicketKey) -> Result<FeedEntry, VendorError> {
        let url = self.url(&[ticket.as_str()]);
        let response = self.transport.send(self.call(VendorOperation::ReadDelivery, Method::GET, url)).await?;
        self.parse_response(&response)
    }

    async fn push<T: Serialize + Sync>(
        &self,
        path: Option<&'static str>,
        items: &[KeyedItem<T>],
    ) -> Batch<AppTicketKey, AppStateUpdate> {
        let mut batch = Batch::with_capacity(items.len());
        let most = match path {
            Some("path_controlled") => self.facts.controlled_tickets_per_call,
            _ => self.facts.tickets_per_call,
        };
        for part in items.chunks(most) {
            batch.extend(self.push_chunk(path, part).await);
        }
        batch
    }

    fn push_chunk<'a, T: Serialize + Sync>(
        &'a self,
        path: Option<&'static str>,
        items: &'a [KeyedItem<T>],
    ) -> BoxFuture<'a, Batch<AppTicketKey, AppStateUpdate>> {
        Box::pin(async move {
            let response = match self.post(path, items).await {
                Ok(response) => response,
                Err(error) => return self.fail_all(items, &error),
            };
            if response.status.as_u16() == 413 && items.len() > 1 {
                let (first, second) = items.split_at(items.len() / 2);
                let mut batch = self.push_chunk(path, first).await;
                batch.extend(self.push_chunk(path, second).await);
                return batch;
            }
            let read = || {
                if let Some(key) = path {
                    self.check_path(&response, key)?;
                }
                let body = self.parse_response(&response)?;
                let unreadable = || response.malformed(&"a response of another shape: see assumptions.answer_shape");
                self.facts.read_answer(body).ok_or_else(unreadable)
            };
            match read() {
                Ok(results) => self.match_results(items, results, &response),
                Err(error) => self.fail_all(items, &error),
            }
        })
    }

    async fn post<T: Serialize + Sync>(
        &self,
        path: Option<&'static str>,
        items: &[KeyedItem<T>],
    ) -> Result<VendorResponse, VendorError> {
        let body = Tickets { tickets: items.iter().map(|(_, item)| item).collect() };
        let payload = RequestBody::json(&body)
            .map_err(|error| self.error(VendorOperation::Deliver, ErrorKind::Internal).with_cause(error))?;
        let url = path.map_or_else(|| self.tickets_url.clone(), |key| self.path_url(key));
        self.transport.send(self.call(VendorOperation::Deliver, Method::POST, url).payload(payload)).await
    }

    /// Matches results to tickets: success is per ticket. The outcome of a ticket that the response omits is unknown.
    fn match_results<T>(
        &self,
        items: &[KeyedItem<T>],
        results: PushResponse,
        response: &VendorResponse,
    ) -> Batch<AppTicketKey, AppStateUpdate> {
        let mut by_id: HashMap<String, TicketResult> =
            results.result.into_iter().map(|result| (result.ticket_id.clone(), result)).collect();
        let mut outcome = |key: &AppTicketKey| {
            let unknown = || response.error(ErrorKind::Malformed).with_effect(Effect::Unknown);
            self.ticket_outcome(&by_id.remove(key.as_str()).ok_or_else(unknown)?).ok_or_else(unknown)?
        };
        items.iter().map(|(key, _)| (key.clone(), outcome(key))).collect()
    }

    /// Maps the result of one ticket; `None` if its outcome is an unknown value.
    fn ticket_outcome(&self, result: &TicketResult) -> Option<Result<AppStateUpdate, VendorError>> {
        let state =
            || result.status.as_deref().map_or(AppStateUpdate::Unknown, |status| self.facts.parse_status(status));
        match self.facts.outcome(result.outcome.as_deref()?)? {
            Outcome::Accepted => Some(Ok(state())),
            Outcome::Rejected => {
                let error = result.errors.as_ref().and_then(|errors| errors.first());
                let code = error.and_then(|error| error.code.clone());
                Some(Err(match self.facts.rejection_reason(error) {
                    Some(reason) => self.rejected(reason, code),
                    None => self.error(VendorOperation::Deliver, ErrorKind::NotFound),
                }))
            }
        }
    }

    fn fail_all<T>(&self, items: &[KeyedItem<T>], error: &VendorError) -> Batch<AppTicketKey, AppStateUpdate> {
        items.iter().map(|(key, _)| (key.clone(), Err(error.clone()))).collect()
    }

    fn call(&self, op: VendorOperation, method: Method, url: Url) -> VendorRequest {
        VendorRequest::new(op, method, url).secret_header(self.header.clone(), &self.api_key)
    }

    /// Returns the address of one of the paths that are inferred, by its setting.
    fn path_url(&self, key: &str) -> Url {
        let path = match key {
            "path_cancelled" => &self.facts.path_cancelled,
            "path_controlled" => &self.facts.path_controlled,
            _ => &self.facts.path_diff,
        };
        self.url(&path.split('/').collect::<Vec<_>>())
    }

    /// Returns an error if the server does not know a path that is inferred: nothing was refused, and nothing done.
    fn check_path(&self, response: &VendorResponse, key: &str) -> Result<(), VendorError> {
        if response.status.as_u16() != 404 {
            return Ok(());
        }
        tracing::error!(
            source = %self.transport.source(), setting = key,
            "TIXnGO does not know the path: correct it in the assumptions of the delivery channel"
        );
        let error = response.error(ErrorKind::Unavailable).with_effect(Effect::None);
        Err(error.with_cause(format!("the path is not known to the server: see assumptions.{key}")))
    }

    fn url(&self, parts: &[&str]) -> Url {
        let mut url = self.tickets_url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.extend(parts);
        }
        url
    }

    fn parse_response<T: serde::de::DeserializeOwned>(&self, response: &VendorResponse) -> Result<T, VendorError> {
        match response.status.as_u16() {
            200..=299 => response.json(),
            401 => {
                tracing::error!(source = %self.transport.source(), "TIXnGO rejects our API key; deliveries are stopped");
                Err(response.status_error())
            }
            403 => Err(VendorError::rejected(
                self.transport.source(),
                response.status_error().operation,
                RefusalReason::Forbidden,
                Some("403".to_owned()),
            )),
            _ => Err(response.status_error()),
        }
    }
}
