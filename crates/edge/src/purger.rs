//! Sends purges to the edges, each in a task of its own.

use std::sync::Arc;
use std::time::Duration;

use metrics::{counter, gauge};
use parking_lot::Mutex;
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Client, Method};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use crate::pending::{PASSES, PendingPurge, PendingPurges, count_by_pass};
use crate::tag::EdgeTag;

/// Header with the purged tags, separated by spaces (Varnish, `vmod_xkey`).
const XKEY_PURGE: HeaderName = HeaderName::from_static("xkey-purge");
/// Tags of one request: less than 4 KiB, half of what Varnish accepts in a header.
const MAX_TAGS_PER_REQUEST: usize = 200;
/// Waits after failed attempts: the first one, which doubles, and the longest.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// Tag of a purge that only checks the edge: no response has it.
const CHECK_TAG: &str = "check";

/// Settings of purges.
#[derive(Debug, Clone)]
pub struct PurgeSettings {
    /// Edges.
    pub urls: Vec<Url>,
    /// Time limit of one request.
    pub timeout: Duration,
    /// Largest number of tags that wait for one edge; with more they are merged into coarser ones.
    pub queue: usize,
    /// Longest time for which an edge may serve a response; a purge is retried as long.
    pub entry_lifetime: Duration,
}

/// Failure of a purge. Contains no address and no text of the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PurgeError {
    /// No connection, or it broke.
    #[error("purges cannot be sent: no connection")]
    Unreachable,
    /// No response in time.
    #[error("purges are not confirmed in time")]
    Timeout,
    /// Another status than 2xx.
    #[error("purges are refused with status {0}")]
    Refused(u16),
}

/// State of an edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeStatus {
    /// Host, and port if it is not the usual one.
    pub name: String,
    /// Failure of the last attempt, if it failed.
    pub failure: Option<PurgeError>,
}

/// One edge and its purges.
struct Edge {
    name: String,
    url: Url,
    pending: Mutex<PendingPurges>,
    added: Notify,
    failure: Mutex<Option<PurgeError>>,
}

/// Sends purges to all edges.
pub struct Purger {
    edges: Vec<Arc<Edge>>,
    entry_lifetime: Duration,
    closing: CancellationToken,
    senders: TaskTracker,
}

impl Purger {
    /// Starts a sender for each edge.
    pub fn start(settings: PurgeSettings, client: &Client) -> Arc<Self> {
        let (closing, senders) = (CancellationToken::new(), TaskTracker::new());
        let PurgeSettings { urls, timeout, queue, entry_lifetime } = settings;
        let edges: Vec<Arc<Edge>> = urls.into_iter().map(|url| Arc::new(Edge::new(url, queue))).collect();
        for edge in &edges {
            senders.spawn(Arc::clone(edge).send_purges(client.clone(), timeout, closing.clone()));
        }
        senders.close();
        Arc::new(Self { edges, entry_lifetime, closing, senders })
    }

    /// Queues the purge of all responses with one of these tags. Never waits.
    pub fn purge(&self, tags: &[EdgeTag]) {
        let now = Instant::now();
        for edge in &self.edges {
            let (merged, pending) = {
                let mut pending = edge.pending.lock();
                (pending.add(tags.iter().cloned(), now, now + self.entry_lifetime), pending.len_by_pass())
            };
            edge.count("merged", merged);
            edge.record_pending(pending, &[]);
            edge.added.notify_one();
        }
    }

    /// Queues the purge of all responses.
    pub fn purge_everything(&self) {
        self.purge(&[EdgeTag::everything()]);
    }

    /// Returns the state of each edge.
    pub fn status(&self) -> Vec<EdgeStatus> {
        self.edges.iter().map(|edge| EdgeStatus { name: edge.name.clone(), failure: *edge.failure.lock() }).collect()
    }

    /// Sends what is pending once more, without further waits, and ends the senders. Calls after it have no effect.
    pub async fn close(&self) {
        self.closing.cancel();
        self.senders.wait().await;
    }
}

impl Edge {
    fn new(url: Url, queue: usize) -> Self {
        let name = edge_name(&url);
        gauge!("ticketgraph_edge_up", "edge" => name.clone()).set(1.0);
        let pending = Mutex::new(PendingPurges::new(queue));
        Self { name, url, pending, added: Notify::new(), failure: Mutex::new(None) }
    }

    fn count(&self, outcome: &'static str, tags: usize) {
        if tags > 0 {
            counter!("ticketgraph_edge_purges_total", "edge" => self.name.clone(), "outcome" => outcome)
                .increment(tags as u64);
        }
    }

    /// Sends purges when they are due, until `closing`.
    async fn send_purges(self: Arc<Self>, client: Client, timeout: Duration, closing: CancellationToken) {
        let mut failures = 0;
        while !closing.is_cancelled() {
            let due = self.take_due(Instant::now());
            if due.is_empty() {
                self.wait_until_due(&closing).await;
                continue;
            }
            match self.send(&client, timeout, due).await {
                Ok(()) => failures = 0,
                Err(retry_from) => {
                    failures += 1;
                    tokio::select! {
                        () = sleep_until(retry_from + backoff(failures)) => {}
                        () = closing.cancelled() => {}
                    }
                }
            }
        }
        // Each tag once, also those whose next pass is not due yet.
        let last = Instant::now() + Duration::from_secs(3600);
        loop {
            let rest = self.take_due(last);
            if rest.is_empty() || self.send_once(&client, timeout, &rest).await.is_err() {
                return;
            }
            self.count("sent", rest.len());
        }
    }

    fn take_due(&self, until: Instant) -> Vec<(EdgeTag, PendingPurge)> {
        let (expired, due, left) = {
            let mut pending = self.pending.lock();
            let expired = pending.remove_expired(Instant::now());
            (expired, pending.take_due(until, MAX_TAGS_PER_REQUEST), pending.len_by_pass())
        };
        self.count("expired", expired);
        self.record_pending(left, &due);
        due
    }

    fn record_pending(&self, queued: [usize; PASSES], in_flight: &[(EdgeTag, PendingPurge)]) {
        let in_flight = count_by_pass(in_flight.iter().map(|(_, purge)| purge));
        for (index, tags) in queued.into_iter().enumerate() {
            let labels = [("edge", self.name.clone()), ("pass", (index + 1).to_string())];
            gauge!("ticketgraph_edge_purges_pending", &labels).set((tags + in_flight[index]) as f64);
        }
    }

    async fn wait_until_due(&self, closing: &CancellationToken) {
        let due = self.pending.lock().next_due();
        let wait = async {
            match due {
                Some(due) => sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = wait => {}
            () = self.added.notified() => {}
            () = closing.cancelled() => {}
        }
    }

    /// Sends one request. Its purges are repeated later if the edge accepts them, otherwise retried. The error is the time from which
    /// to wait.
    async fn send(&self, client: &Client, timeout: Duration, due: Vec<(EdgeTag, PendingPurge)>) -> Result<(), Instant> {
        let outcome = self.send_once(client, timeout, &due).await;
        let (now, tags) = (Instant::now(), due.len());
        self.record(outcome.err());
        let merged = match outcome {
            Ok(()) => self.pending.lock().repeat(due, now),
            Err(_) => self.pending.lock().retry(due, now),
        };
        self.count(if outcome.is_ok() { "sent" } else { "failed" }, tags);
        self.count("merged", merged);
        outcome.map_err(|_| now)
    }

    async fn send_once(
        &self,
        client: &Client,
        timeout: Duration,
        purges: &[(EdgeTag, PendingPurge)],
    ) -> Result<(), PurgeError> {
        let tags: Vec<&str> = purges.iter().map(|(tag, _)| tag.as_str()).collect();
        send(client, &self.url, timeout, &tags.join(" ")).await
    }

    /// Records the outcome of an attempt; a change is a log line.
    fn record(&self, failure: Option<PurgeError>) {
        let before = std::mem::replace(&mut *self.failure.lock(), failure);
        gauge!("ticketgraph_edge_up", "edge" => self.name.clone()).set(if failure.is_none() { 1.0 } else { 0.0 });
        match (before, failure) {
            (None, Some(error)) => {
                tracing::warn!(edge = self.name, %error, "an edge may serve old responses until they expire: purges are retried");
            }
            (Some(_), None) => tracing::info!(edge = self.name, "the edge accepts purges again"),
            _ => {}
        }
    }
}

/// Checks that an edge accepts purges, by one with a tag that no response has.
///
/// # Errors
///
/// The edge cannot be reached in time, or refuses.
pub async fn check_edge(client: &Client, url: &Url, timeout: Duration) -> Result<(), PurgeError> {
    send(client, url, timeout, CHECK_TAG).await
}

async fn send(client: &Client, url: &Url, timeout: Duration, tags: &str) -> Result<(), PurgeError> {
    let method = Method::from_bytes(b"PURGE").map_err(|_| PurgeError::Unreachable)?;
    let value = HeaderValue::from_str(tags).map_err(|_| PurgeError::Unreachable)?;
    let response = client.request(method, url.clone()).header(XKEY_PURGE, value).timeout(timeout).send().await;
    match response {
        Ok(response) if response.status().is_success() => Ok(()),
        Ok(response) => Err(PurgeError::Refused(response.status().as_u16())),
        Err(error) if error.is_timeout() => Err(PurgeError::Timeout),
        Err(_) => Err(PurgeError::Unreachable),
    }
}

/// Returns host and port of a URL, with its path if there is one.
fn edge_name(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}{port}{}", url.host_str().unwrap_or_default(), url.path().trim_end_matches('/'))
}

fn backoff(failures: u32) -> Duration {
    BACKOFF.0.saturating_mul(1 << failures.saturating_sub(1).min(10)).min(BACKOFF.1)
}
