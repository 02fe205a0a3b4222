//! Whole answers as bytes: told again while they hold, and made once for all who ask the same at the same time.
//!
//! Only reads of the catalogue come here (`graphql::promise`), and what is kept has no error and no problem in it. Who asks matters
//! by what it may see. A flight runs in its own task, so that a leader that hangs up never hurts its followers; its failure is
//! shared by all who waited for it, never repeated one after another.

mod coding;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_graphql::Response;
use axum::body::Bytes;
use futures_util::future::{FutureExt, Shared};
use metrics::{Counter, counter};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;
use tracing::{Id, Instrument, Span};

use crate::graphql::promise::Promise;
use crate::graphql::viewer::Viewer;
use crate::graphql::writer::to_json;

pub use coding::Coding;

/// How many answers there are room for, roughly; their bytes decide.
const USUAL_ANSWERS: usize = 4_000;

/// Where an answer comes down, for all who wait for it.
type Landing = Shared<oneshot::Receiver<Landed>>;

/// What is asked, whoever asks.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Asked {
    /// The digest of the document, however it is laid out and whatever alias its only root field has.
    pub document: u128,
    /// Its operation.
    pub operation: Option<Arc<str>>,
    /// The variables, as canonical JSON.
    pub variables: String,
}

/// What an answer is an answer to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Question {
    /// What is asked.
    pub asked: Arc<Asked>,
    /// What the caller may see.
    pub sight: Sight,
}

/// What decides over what a caller may see.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sight {
    scopes: u32,
    reseller: Option<String>,
}

impl Sight {
    /// That of a viewer.
    pub fn of(viewer: &Viewer) -> Self {
        let scopes = viewer.scopes.iter().fold(0, |sum, scope| sum | 1 << *scope as u32);
        Self { scopes, reseller: viewer.reseller.clone() }
    }
}

/// An answer without errors, as bytes.
#[derive(Clone)]
pub struct Ready {
    /// The body, as JSON.
    pub body: Bytes,
    /// Where it is kept; none: it holds for those who asked for it just now.
    kept: Option<(Arc<Question>, Arc<Promise>)>,
}

impl Ready {
    /// The same with this one key below `data`, where there is one: documents that are alike but for it share an answer.
    #[must_use]
    pub fn under(self, key: Option<&str>) -> Self {
        const BEFORE: &[u8] = b"{\"data\":{\"";
        let Some(key) = key else { return self };
        let Some(known) = self.body.strip_prefix(BEFORE) else { return self };
        let length = known.iter().position(|byte| *byte == b'"').unwrap_or_default();
        if &known[..length] == key.as_bytes() {
            return self;
        }
        Self { body: [BEFORE, key.as_bytes(), &known[length..]].concat().into(), kept: None }
    }
}

/// What came down.
#[derive(Clone)]
pub enum Landed {
    /// An answer for all.
    Ready(Ready),
    /// One with errors, and the text of the document that they point into.
    Flawed(Arc<Response>, Arc<str>),
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Slot {
    question: Arc<Question>,
    coding: Coding,
}

struct Kept {
    body: Bytes,
    promise: Arc<Promise>,
}

type Memory = Cache<Slot, Arc<Kept>, ByBytes>;

/// What an answer takes of the room.
#[derive(Clone)]
struct ByBytes;

impl Weighter<Slot, Arc<Kept>> for ByBytes {
    fn weight(&self, slot: &Slot, kept: &Arc<Kept>) -> u64 {
        (kept.body.len() + kept.promise.weight() + slot.question.asked.variables.len() + 200) as u64
    }
}

/// The flights under way, by question and generation, each with the span that it is told in.
type Flights = Arc<Mutex<HashMap<(Arc<Question>, u64), (Landing, Option<Id>)>>>;

/// The memory of answers, and the flights that make them.
pub struct Answers {
    kept: Arc<Memory>,
    flights: Flights,
    deadline: Duration,
    tasks: TaskTracker,
    counts: Counts,
}

/// Counters that are looked up once.
struct Counts {
    told_again: Counter,
    joined: Counter,
    made: Counter,
}

/// A flight is over when this is dropped, also when its task panics.
struct Crew {
    flights: Flights,
    key: (Arc<Question>, u64),
}

impl Answers {
    /// A memory of at most so many bytes, the compressed forms counted. A flight is given up after `deadline`.
    pub fn new(max_bytes: u64, deadline: Duration, tasks: TaskTracker) -> Self {
        let kept = Arc::new(Cache::with_weighter(USUAL_ANSWERS, max_bytes, ByBytes));
        let count = |outcome: &'static str| counter!("ticketgraph_answers_total", "outcome" => outcome);
        let counts = Counts { told_again: count("told_again"), joined: count("joined"), made: count("made") };
        Self { kept, flights: Arc::default(), deadline, tasks, counts }
    }

    /// An answer that still holds.
    pub fn find(&self, question: &Arc<Question>) -> Option<Ready> {
        let slot = Slot { question: Arc::clone(question), coding: Coding::Identity };
        let kept = self.kept.get(&slot)?;
        if !kept.promise.holds() {
            self.kept.remove(&slot);
            return None;
        }
        self.counts.told_again.increment(1);
        Some(Ready { body: kept.body.clone(), kept: Some((slot.question, Arc::clone(&kept.promise))) })
    }

    /// Makes an answer, or joins whoever is making it since that moment. None: the flight was lost.
    pub async fn make<F>(
        &self,
        question: &Arc<Question>,
        (moment, text): (u64, &Arc<str>),
        run: impl FnOnce() -> F,
    ) -> Option<Landed>
    where
        F: Future<Output = (Response, Option<Promise>)> + Send + 'static,
    {
        // What left before something became untrue brings the old answer.
        let key = (Arc::clone(question), moment);
        let (landing, sender) = {
            let mut flights = lock(&self.flights);
            match flights.get(&key) {
                Some((landing, leader)) => {
                    Span::current().follows_from(leader.clone());
                    (landing.clone(), None)
                }
                None => {
                    let (sender, receiver) = oneshot::channel();
                    let landing = receiver.shared();
                    flights.insert(key.clone(), (landing.clone(), Span::current().id()));
                    (landing, Some(sender))
                }
            }
        };
        match sender {
            None => self.counts.joined.increment(1),
            Some(sender) => {
                self.counts.made.increment(1);
                let crew = Crew { flights: Arc::clone(&self.flights), key };
                let (run, deadline, kept, text) = (run(), self.deadline, Arc::clone(&self.kept), Arc::clone(text));
                let flight = async move {
                    if let Ok((response, promise)) = tokio::time::timeout(deadline, run).await {
                        let landed = land(&kept, &crew.key.0, response, promise, text);
                        drop(crew);
                        // That all have hung up is fine: what holds is kept.
                        let _ = sender.send(landed);
                    }
                };
                self.tasks.spawn(flight.in_current_span());
            }
        }
        landing.await.ok()
    }

    /// Forgets all that is kept.
    pub fn forget(&self) {
        self.kept.clear();
    }

    /// How many answers are kept, their compressed forms counted, and roughly how many bytes they take.
    pub fn usage(&self) -> (u64, u64) {
        (self.kept.len() as u64, self.kept.weight())
    }

    /// The body in a coding; what is kept is compressed once.
    pub fn coded(&self, ready: &Ready, coding: Coding) -> Option<Bytes> {
        let (question, promise) = ready.kept.as_ref()?;
        if coding == Coding::Identity {
            return Some(ready.body.clone());
        }
        let slot = Slot { question: Arc::clone(question), coding };
        if let Some(known) = self.kept.get(&slot).filter(|known| Arc::ptr_eq(&known.promise, promise)) {
            return Some(known.body.clone());
        }
        let body = coding.press(&ready.body)?;
        self.kept.insert(slot, Arc::new(Kept { body: body.clone(), promise: Arc::clone(promise) }));
        Some(body)
    }
}

/// Keeps an answer that holds for some time.
fn land(
    kept: &Memory,
    question: &Arc<Question>,
    response: Response,
    promise: Option<Promise>,
    text: Arc<str>,
) -> Landed {
    if !response.errors.is_empty() {
        return Landed::Flawed(Arc::new(response), text);
    }
    let body = Bytes::from(to_json(&response));
    let promise = promise.map(Arc::new);
    if let Some(promise) = &promise {
        let slot = Slot { question: Arc::clone(question), coding: Coding::Identity };
        kept.insert(slot, Arc::new(Kept { body: body.clone(), promise: Arc::clone(promise) }));
    }
    Landed::Ready(Ready { body, kept: promise.map(|promise| (Arc::clone(question), promise)) })
}

/// The same answer for another who asked: its errors carry the name of that request.
pub fn retold(response: &Response, request_id: &str) -> Response {
    let mut errors = response.errors.clone();
    for error in &mut errors {
        error.extensions.get_or_insert_default().set("requestId", request_id);
    }
    let mut told = Response::new(response.data.clone());
    told.extensions.clone_from(&response.extensions);
    told.errors = errors;
    told
}

impl Drop for Crew {
    fn drop(&mut self) {
        lock(&self.flights).remove(&self.key);
    }
}

fn lock<T>(flights: &Mutex<T>) -> MutexGuard<'_, T> {
    flights.lock().unwrap_or_else(PoisonError::into_inner)
}
