//! One function an endpoint (`tixngo.md §4`). Batches are split at the vendor's limit, and halved where it says they are too large.

use std::collections::HashMap;

use futures_util::future::BoxFuture;
use reqwest::Method;
use reqwest::header::HeaderName;
use secrecy::SecretString;
use serde::Serialize;
use url::Url;

use crate::inferred::{self, FeedEntry, FeedPage, Results, TicketResult};
use crate::map;
use crate::wire::Tickets;
use domain::mobile::{AppSays, AppTicketKey};
use domain::{Batch, Effect, ErrorKind, Operation, Reason, VendorError};
use http_client::{Answer, Call, Payload, Transport};

/// Speaks to one TIXnGO interface.
pub(super) struct Client {
    transport: Transport,
    tickets: Url,
    header: HeaderName,
    api_key: SecretString,
}

/// A ticket of a push, with its key.
pub(super) type Item<T> = (AppTicketKey, T);

impl Client {
    /// A client for the interface at `tickets`.
    pub(super) fn new(transport: Transport, tickets: Url, header: HeaderName, api_key: SecretString) -> Self {
        Self { transport, tickets, header, api_key }
    }

    /// An error of our own.
    pub(super) fn error(&self, op: Operation, kind: ErrorKind) -> VendorError {
        VendorError::new(self.transport.source(), op, kind)
    }

    /// A refusal of one ticket.
    pub(super) fn rejected(&self, reason: Reason, code: Option<String>) -> VendorError {
        VendorError::rejected(self.transport.source(), Operation::Deliver, reason, code)
    }

    /// `POST {T}`.
    pub(super) async fn inject<T: Serialize + Sync>(&self, items: &[Item<T>]) -> Batch<AppTicketKey, AppSays> {
        self.push("", items).await
    }

    /// `POST {T}/cancelled`.
    pub(super) async fn cancel<T: Serialize + Sync>(&self, items: &[Item<T>]) -> Batch<AppTicketKey, AppSays> {
        self.push(inferred::CANCELLED, items).await
    }

    /// `POST {T}/controlled`.
    pub(super) async fn control<T: Serialize + Sync>(&self, items: &[Item<T>]) -> Batch<AppTicketKey, AppSays> {
        self.push(inferred::CONTROLLED, items).await
    }

    /// `GET {T}/diff`: one page of what changed since `after`.
    pub(super) async fn changes(&self, after: Option<&str>) -> Result<(Vec<FeedEntry>, FeedPage), VendorError> {
        let mut url = self.address(&[inferred::DIFF]);
        let limit = inferred::MOST_TICKETS.to_string();
        url.query_pairs_mut()
            .append_pair(inferred::LIMIT, &limit)
            .append_pair(inferred::PAGINATION_KEY, after.unwrap_or_default());
        let answer = self.transport.send(self.call(Operation::ReadDelivery, Method::GET, url)).await?;
        let page: FeedPage = self.understand(&answer)?;
        let entries = page.result.iter().map(|entry| serde_json::from_str(entry.get()));
        // A page with a hole would lose a change for ever once its key is kept.
        let entries = entries.collect::<Result<_, _>>().map_err(|fault| answer.malformed(&fault))?;
        Ok((entries, page))
    }

    /// `GET {T}/{ticketId}`; the id may hold slashes and blanks.
    pub(super) async fn ticket(&self, ticket: &AppTicketKey) -> Result<FeedEntry, VendorError> {
        let url = self.address(&[ticket.as_str()]);
        let answer = self.transport.send(self.call(Operation::ReadDelivery, Method::GET, url)).await?;
        self.understand(&answer)
    }

    async fn push<T: Serialize + Sync>(&self, path: &str, items: &[Item<T>]) -> Batch<AppTicketKey, AppSays> {
        let mut batch = Batch::with_capacity(items.len());
        for part in items.chunks(inferred::MOST_TICKETS) {
            batch.extend(self.push_part(path, part).await);
        }
        batch
    }

    fn push_part<'a, T: Serialize + Sync>(
        &'a self,
        path: &'a str,
        items: &'a [Item<T>],
    ) -> BoxFuture<'a, Batch<AppTicketKey, AppSays>> {
        Box::pin(async move {
            let answer = match self.post(path, items).await {
                Ok(answer) => answer,
                Err(fault) => return self.for_each(items, &fault),
            };
            if answer.status.as_u16() == 413 && items.len() > 1 {
                let (first, second) = items.split_at(items.len() / 2);
                let mut batch = self.push_part(path, first).await;
                batch.extend(self.push_part(path, second).await);
                return batch;
            }
            match self.understand::<Results>(&answer) {
                Ok(results) => self.sort_out(items, results, &answer),
                Err(fault) => self.for_each(items, &fault),
            }
        })
    }

    async fn post<T: Serialize + Sync>(&self, path: &str, items: &[Item<T>]) -> Result<Answer, VendorError> {
        let body = Tickets { tickets: items.iter().map(|(_, item)| item).collect() };
        let payload =
            Payload::json(&body).map_err(|fault| self.error(Operation::Deliver, ErrorKind::Internal).because(fault))?;
        let url = if path.is_empty() { self.tickets.clone() } else { self.address(&[path]) };
        self.transport.send(self.call(Operation::Deliver, Method::POST, url).payload(payload)).await
    }

    /// Success is per ticket. One that the answer does not speak of may or may not have been taken.
    fn sort_out<T>(&self, items: &[Item<T>], results: Results, answer: &Answer) -> Batch<AppTicketKey, AppSays> {
        let mut told: HashMap<String, TicketResult> =
            results.result.into_iter().map(|result| (result.ticket_id.clone(), result)).collect();
        let outcome = |key: &AppTicketKey| {
            let unheard = || answer.error(ErrorKind::Malformed).with_effect(Effect::Unknown);
            self.outcome(&told.remove(key.as_str()).ok_or_else(unheard)?).ok_or_else(unheard)?
        };
        let mut outcome = outcome;
        items.iter().map(|(key, _)| (key.clone(), outcome(key))).collect()
    }

    /// What became of a ticket; `None` where the outcome is no word that we know.
    fn outcome(&self, result: &TicketResult) -> Option<Result<AppSays, VendorError>> {
        let says = || result.status.as_deref().map_or(AppSays::Unknown, map::says);
        match result.outcome.as_deref()? {
            inferred::ACCEPTED => Some(Ok(says())),
            inferred::REJECTED => {
                let fault = result.errors.as_ref().and_then(|errors| errors.first());
                let code = fault.and_then(|fault| fault.code.clone());
                Some(Err(match map::reason(fault) {
                    Some(reason) => self.rejected(reason, code),
                    None => self.error(Operation::Deliver, ErrorKind::NotFound),
                }))
            }
            _ => None,
        }
    }

    fn for_each<T>(&self, items: &[Item<T>], fault: &VendorError) -> Batch<AppTicketKey, AppSays> {
        items.iter().map(|(key, _)| (key.clone(), Err(fault.clone()))).collect()
    }

    fn call(&self, op: Operation, method: Method, url: Url) -> Call {
        Call::new(op, method, url).secret_header(self.header.clone(), &self.api_key)
    }

    fn address(&self, parts: &[&str]) -> Url {
        let mut url = self.tickets.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.extend(parts);
        }
        url
    }

    fn understand<T: serde::de::DeserializeOwned>(&self, answer: &Answer) -> Result<T, VendorError> {
        match answer.status.as_u16() {
            200..=299 => answer.json(),
            401 => {
                tracing::error!(source = %self.transport.source(), "TIXnGO does not know our key: delivery stands still");
                Err(answer.refused())
            }
            403 => Err(VendorError::rejected(
                self.transport.source(),
                answer.refused().operation,
                Reason::Forbidden,
                Some("403".to_owned()),
            )),
            _ => Err(answer.refused()),
        }
    }
}
