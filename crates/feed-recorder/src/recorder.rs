//! The queue of observed values, and the task that records them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use change_feed::{ChangeKind, FactKey, FactPart, FactStore};
use domain::{Clock, SourceId};
use jiff::Timestamp;
use parking_lot::Mutex;
use source_stack::{CatalogCache, CatalogObserver, Observation};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;

use crate::FeedSettings;
use crate::batch::FactLedger;
use crate::object::{Observed, key};

/// Time between two looks at objects whose last entry is too recent.
const TICK: Duration = Duration::from_millis(500);
/// Time until states that the store has not taken are recorded again.
const RETRY: Duration = Duration::from_secs(5);
/// Maximum number of values that are compared at once.
const BATCH: usize = 256;

/// A message to the task.
enum Message {
    Catalog(SourceId, Timestamp, Observation),
    State { kind: ChangeKind, source: SourceId, key: String, part: &'static str, digest: String, at: Timestamp },
    Flush(oneshot::Sender<()>),
}

/// Takes observed values, compares them in its own task, and records changes. Nobody waits for it.
pub struct Recorder {
    sender: mpsc::Sender<Message>,
    /// Sources of which a value was not recorded.
    lossy: Arc<Mutex<BTreeSet<SourceId>>>,
    /// The states of sources and connections that were submitted last.
    states: Mutex<BTreeMap<(FactKey, &'static str), FactPart>>,
}

impl Recorder {
    /// Starts the task. It ends when all recorders are dropped.
    pub fn start(
        store: Arc<dyn FactStore>,
        cache: Arc<CatalogCache>,
        clock: Arc<dyn Clock>,
        settings: &FeedSettings,
        tasks: &TaskTracker,
    ) -> Arc<Self> {
        let (sender, receiver) = mpsc::channel(settings.queue.max(1));
        let lossy: Arc<Mutex<BTreeSet<SourceId>>> = Arc::default();
        let ledger = FactLedger::new(store, cache, clock, settings, Arc::clone(&lossy));
        tasks.spawn(record(receiver, ledger));
        Arc::new(Self { sender, lossy, states: Mutex::default() })
    }

    /// Submits the state of a source or a connection.
    pub(crate) fn submit(
        &self,
        kind: ChangeKind,
        (source, key): (&SourceId, &str),
        (part, digest): (&'static str, String),
        at: Timestamp,
    ) {
        let state = FactPart { digest: digest.clone(), at };
        self.states.lock().insert((self::key(kind, source, key), part), state);
        self.send(source, Message::State { kind, source: source.clone(), key: key.to_owned(), part, digest, at });
    }

    /// Submits the last states again, with their times: a full queue may have dropped them.
    pub fn submit_states_again(&self) {
        let states = self.states.lock().clone();
        for ((FactKey { kind, source, key }, part), FactPart { digest, at }) in states {
            self.send(&source.clone(), Message::State { kind, source, key, part, digest, at });
        }
    }

    /// Submits the state of a connection of a reseller.
    pub fn submit_connection(&self, reseller: &str, source: &SourceId, part: &'static str, state: &str, at: Timestamp) {
        let digest = crate::object::digest(&state);
        self.submit(ChangeKind::Connection, (source, reseller), (part, digest), at);
    }

    fn send(&self, source: &SourceId, message: Message) {
        let outcome = match self.sender.try_send(message) {
            Ok(()) => "queued",
            Err(TrySendError::Full(message) | TrySendError::Closed(message)) => {
                if matches!(message, Message::Catalog(..)) {
                    self.lossy.lock().insert(source.clone());
                }
                "dropped"
            }
        };
        let source = source.to_string();
        metrics::counter!("ticketgraph_feed_observations_total", "source" => source, "outcome" => outcome).increment(1);
        metrics::gauge!("ticketgraph_feed_queue").set((self.sender.max_capacity() - self.sender.capacity()) as f64);
    }

    /// Returns true if a value of a source was not recorded since the last call. It has to be observed again.
    pub fn take_lossy(&self, source: &SourceId) -> bool {
        self.lossy.lock().remove(source)
    }

    /// Waits until everything that was submitted before is recorded.
    pub async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        // Closed only when the service ends.
        if self.sender.send(Message::Flush(done)).await.is_ok() {
            let _ = flushed.await;
        }
    }
}

impl CatalogObserver for Recorder {
    fn observe(&self, source: &SourceId, at: Timestamp, value: Observation) {
        self.send(source, Message::Catalog(source.clone(), at, value));
    }
}

/// Records what is submitted until all recorders are dropped, then what still waits.
async fn record(mut receiver: mpsc::Receiver<Message>, mut ledger: FactLedger) {
    let mut messages = Vec::with_capacity(BATCH);
    let mut pending = Observed::default();
    let mut is_recorded = true;
    loop {
        if pending.objects.is_empty() {
            if receiver.recv_many(&mut messages, BATCH).await == 0 {
                return;
            }
        } else {
            tokio::select! {
                count = receiver.recv_many(&mut messages, BATCH) => if count == 0 {
                    ledger.record(&mut pending, true).await;
                    return;
                },
                () = tokio::time::sleep(if is_recorded { TICK } else { RETRY }) => {}
            }
        }
        let mut flushed = Vec::new();
        for message in messages.drain(..) {
            match message {
                Message::Catalog(source, at, value) => pending.add_observation(&source, at, &value),
                Message::State { kind, source, key: name, part, digest, at } => {
                    pending.add(key(kind, &source, &name), part, digest, at);
                }
                Message::Flush(done) => flushed.push(done),
            }
        }
        is_recorded = ledger.record(&mut pending, !flushed.is_empty()).await;
        for done in flushed {
            // Who waited may have left.
            let _ = done.send(());
        }
    }
}
