//! Coalescing: who asks what is being asked already, waits for that answer.
//!
//! It stands below the near cache, since only misses come here, and above the far one, so that a flight reads and fills the shared
//! store once. A flight runs in its own task, under the guard's deadline: a leader that hangs up never hurts its followers, and
//! each follower keeps its own deadline by no longer waiting. A failure is shared by all who waited for it, never repeated one
//! after another. Only reads come through here: writes have no layer of this kind.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::{FutureExt, Shared, join_all};
use metrics::counter;
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, Span};

use crate::cache::{FlightKey, Marks};
use crate::question::{Layer, Question};
use domain::{Batch, Catalog, ErrorKind, SourceId, VendorError};
use telemetry::explain::{carry, note};

/// Where the answer of a flight comes down, for all who wait for it.
type Landing<A> = Shared<oneshot::Receiver<Result<A, VendorError>>>;

/// Lets those who ask the same at the same time share one question.
pub(super) struct Coalesced {
    source: SourceId,
    inner: Arc<dyn Catalog>,
    marks: Arc<Marks>,
    tasks: TaskTracker,
    flights: Arc<Mutex<Flights>>,
}

#[derive(Default)]
struct Flights {
    in_the_air: HashMap<FlightKey, Flight>,
    departures: u64,
}

struct Flight {
    number: u64,
    /// The moment of the marks at which it left.
    asked_at: u64,
    /// A `Landing` of the answer's type.
    landing: Box<dyn Any + Send>,
    /// What followers are linked to.
    span: Span,
}

/// The flights of one batch. They are over when this is dropped, also when their task panics.
struct Crew {
    flights: Arc<Mutex<Flights>>,
    number: u64,
    keys: Vec<FlightKey>,
}

/// What a batch is split into: places to wait at, and what still has to be asked.
struct Boarding<Q: Question> {
    waiting: Vec<(Q::Key, Landing<Q::Answer>)>,
    items: Vec<Q::Item>,
    senders: HashMap<Q::Key, oneshot::Sender<Result<Q::Answer, VendorError>>>,
    crew: Crew,
    span: Span,
}

impl Coalesced {
    pub(super) fn new(source: SourceId, inner: Arc<dyn Catalog>, marks: Arc<Marks>, tasks: TaskTracker) -> Self {
        Self { source, inner, marks, tasks, flights: Arc::default() }
    }

    /// Joins the flights that are in the air; announces one flight for everything else.
    fn board<Q: Question>(&self, question: &Q, items: Vec<Q::Item>) -> Boarding<Q> {
        let asked_at = self.marks.moment();
        let mut flights = lock(&self.flights);
        flights.departures += 1;
        let number = flights.departures;
        let crew = Crew { flights: Arc::clone(&self.flights), number, keys: Vec::new() };
        let mut boarding = Boarding::<Q> {
            waiting: Vec::with_capacity(items.len()),
            items: Vec::new(),
            senders: HashMap::new(),
            crew,
            span: Span::none(),
        };
        for item in items {
            let key = Q::key(&item);
            let slot = question.slot(&self.source, &item);
            let flight_key = FlightKey { slot, max_age: question.max_age() };
            // What left before something was made void brings the old answer.
            let joined = flights
                .in_the_air
                .get(&flight_key)
                .filter(|flight| !self.marks.is_void(&flight_key.slot, flight.asked_at));
            let landing_of = |flight: &Flight| {
                Some((flight.landing.downcast_ref::<Landing<Q::Answer>>()?.clone(), flight.span.id()))
            };
            if let Some((landing, leader)) = joined.and_then(landing_of) {
                Span::current().follows_from(leader);
                boarding.waiting.push((key, landing));
                continue;
            }
            if boarding.items.is_empty() {
                boarding.span = self.span_of::<Q>();
            }
            let (sender, receiver) = oneshot::channel();
            let landing: Landing<Q::Answer> = receiver.shared();
            let flight = Flight { number, asked_at, landing: Box::new(landing.clone()), span: boarding.span.clone() };
            flights.in_the_air.insert(flight_key.clone(), flight);
            boarding.crew.keys.push(flight_key);
            boarding.senders.insert(key.clone(), sender);
            boarding.items.push(item);
            boarding.waiting.push((key, landing));
        }
        boarding
    }

    fn span_of<Q: Question>(&self) -> Span {
        tracing::info_span!("flight", source = self.source.as_str(), operation = Q::OPERATION.name())
    }

    fn depart<Q: Question>(&self, question: Q, boarding: Boarding<Q>) -> Vec<(Q::Key, Landing<Q::Answer>)> {
        let Boarding { waiting, items, mut senders, crew, span } = boarding;
        let joined = waiting.len() - items.len();
        if joined > 0 {
            counter!("ticketgraph_coalesced_total", "source" => self.source.to_string()).increment(joined as u64);
            note(self.source.as_str(), Q::OPERATION.name(), |noted| noted.coalesced += joined as u64);
        }
        if !items.is_empty() {
            let inner = Arc::clone(&self.inner);
            let flight = async move {
                let answers = question.ask(&*inner, items).await;
                // Nobody boards a flight that has landed.
                drop(crew);
                for (key, answer) in answers {
                    if let Some(sender) = senders.remove(&key) {
                        // That all have hung up is fine: the answer is remembered below.
                        let _ = sender.send(answer);
                    }
                }
            };
            self.tasks.spawn(carry(flight.instrument(span)));
        }
        waiting
    }
}

impl Layer for Coalesced {
    fn source(&self) -> &SourceId {
        &self.source
    }

    async fn answer<Q: Question>(&self, question: Q, items: Vec<Q::Item>) -> Batch<Q::Key, Q::Answer> {
        let boarding = self.board(&question, items);
        let waiting = self.depart(question, boarding);
        let landed = waiting.into_iter().map(|(key, landing)| async move {
            let answer = landing.await.unwrap_or_else(|_| {
                Err(VendorError::new(&self.source, Q::OPERATION, ErrorKind::Internal).because("the flight was lost"))
            });
            (key, answer)
        });
        join_all(landed).await.into_iter().collect()
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        let mut flights = lock(&self.flights);
        for key in &self.keys {
            // A later flight may have taken the place.
            if flights.in_the_air.get(key).is_some_and(|flight| flight.number == self.number) {
                flights.in_the_air.remove(key);
            }
        }
    }
}

fn lock(flights: &Mutex<Flights>) -> MutexGuard<'_, Flights> {
    flights.lock().unwrap_or_else(PoisonError::into_inner)
}
