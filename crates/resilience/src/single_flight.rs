//! Single-flight: concurrent identical calls share one upstream call and its result, including a failure.
//!
//! A caller joins a batch of keys. Keys that are already in flight are shared; for the others the caller gets a `Lead`, which it
//! runs in place or moves into a task of its own. In its own task, a leader that hangs up does not fail its followers.

use std::collections::HashMap;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::{FutureExt, Shared};
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tracing::Span;

/// Table of the calls in flight. Clones share the table.
pub struct SingleFlight<K, V> {
    in_flight: Arc<Mutex<InFlight<K, V>>>,
}

struct InFlight<K, V> {
    calls: HashMap<K, InFlightCall<V>>,
    last_batch: u64,
}

struct InFlightCall<V> {
    batch: u64,
    epoch: u64,
    result: SharedResult<V>,
    /// The span that followers are linked to.
    span: Span,
}

/// Result of a call in flight. Resolves to `None` if the call ended without a result: it panicked, timed out or was dropped.
pub struct SharedResult<V>(Shared<oneshot::Receiver<V>>);

/// Calls of one batch that are in flight. They end when this is dropped, also when its task panics.
struct InFlightGuard<K: Eq + Hash, V> {
    in_flight: Arc<Mutex<InFlight<K, V>>>,
    batch: u64,
    keys: Vec<K>,
}

/// A batch of keys that was joined.
pub struct Join<K: Eq + Hash, V> {
    /// One result per requested key, in the order of the keys.
    pub results: Vec<SharedResult<V>>,
    /// Number of keys whose call was already in flight.
    pub joined: usize,
    /// Calls that this caller has to make.
    pub lead: Lead<K, V>,
}

/// Calls that one caller makes for itself and for everyone who joins them. Dropping it ends them without a result.
pub struct Lead<K: Eq + Hash, V> {
    senders: Vec<oneshot::Sender<V>>,
    positions: Vec<usize>,
    guard: InFlightGuard<K, V>,
    span: Span,
}

impl<K: Clone + Eq + Hash, V: Clone> SingleFlight<K, V> {
    /// Joins the calls in flight for these keys and registers a call for every other key. Followers are linked to the current
    /// span of its leader.
    pub fn join(&self, keys: impl IntoIterator<Item = K>) -> Join<K, V> {
        self.join_at(0, keys, |_, _| true, Span::current)
    }

    /// Joins only calls whose key and epoch `is_current` accepts, and registers a call at `epoch` for every other key. A call
    /// started before an invalidation may return the old value, so it is replaced instead of joined. Followers are linked to
    /// `span`, which is entered in the table with the call: whoever joins a moment later finds it.
    pub fn join_at(
        &self,
        epoch: u64,
        keys: impl IntoIterator<Item = K>,
        is_current: impl Fn(&K, u64) -> bool,
        span: impl FnOnce() -> Span,
    ) -> Join<K, V> {
        let mut in_flight = self.in_flight.lock();
        in_flight.last_batch += 1;
        let batch = in_flight.last_batch;
        let guard = InFlightGuard { in_flight: Arc::clone(&self.in_flight), batch, keys: Vec::new() };
        let lead = Lead { senders: Vec::new(), positions: Vec::new(), guard, span: Span::none() };
        let mut span = Some(span);
        let mut join = Join { results: Vec::new(), joined: 0, lead };
        for (position, key) in keys.into_iter().enumerate() {
            let current = in_flight.calls.get(&key).filter(|call| is_current(&key, call.epoch));
            if let Some(call) = current {
                if call.batch != batch {
                    Span::current().follows_from(call.span.id());
                }
                join.joined += 1;
                join.results.push(call.result.clone());
                continue;
            }
            if let Some(span) = span.take() {
                join.lead.span = span();
            }
            let (sender, receiver) = oneshot::channel();
            let result = SharedResult(receiver.shared());
            let call = InFlightCall { batch, epoch, result: result.clone(), span: join.lead.span.clone() };
            in_flight.calls.insert(key.clone(), call);
            join.lead.guard.keys.push(key);
            join.lead.senders.push(sender);
            join.lead.positions.push(position);
            join.results.push(result);
        }
        join
    }
}

impl<K: Eq + Hash, V> Lead<K, V> {
    /// True if every key was already in flight.
    pub fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }

    /// The keys to fetch.
    pub fn keys(&self) -> &[K] {
        &self.guard.keys
    }

    /// Positions of `keys` among the keys that were joined.
    pub fn positions(&self) -> &[usize] {
        &self.positions
    }

    /// The span that followers are linked to. Disabled if there is nothing to fetch.
    pub fn span(&self) -> &Span {
        &self.span
    }

    /// Ends the calls with their results, in the order of `keys`. A missing result leaves its followers without one.
    pub fn finish(self, results: impl IntoIterator<Item = Option<V>>) {
        let Self { senders, guard, .. } = self;
        // Nobody joins a call that has ended.
        drop(guard);
        for (sender, result) in senders.into_iter().zip(results) {
            if let Some(result) = result {
                // Every caller may have hung up by now.
                let _ = sender.send(result);
            }
        }
    }
}

impl<V: Clone> Future for SharedResult<V> {
    type Output = Option<V>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll_unpin(context).map(Result::ok)
    }
}

impl<V> Clone for SharedResult<V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K, V> Clone for SingleFlight<K, V> {
    fn clone(&self) -> Self {
        Self { in_flight: Arc::clone(&self.in_flight) }
    }
}

impl<K, V> Default for SingleFlight<K, V> {
    fn default() -> Self {
        Self { in_flight: Arc::new(Mutex::new(InFlight { calls: HashMap::new(), last_batch: 0 })) }
    }
}

impl<K: Eq + Hash, V> Drop for InFlightGuard<K, V> {
    fn drop(&mut self) {
        let mut in_flight = self.in_flight.lock();
        for key in &self.keys {
            // A later call may have replaced this one.
            if in_flight.calls.get(key).is_some_and(|call| call.batch == self.batch) {
                in_flight.calls.remove(key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use tracing::{Id, Subscriber};
    use tracing_subscriber::layer::{Context as SpanContext, Layer, SubscriberExt};
    use tracing_subscriber::registry::LookupSpan;

    use super::*;

    /// Notes which span was linked to which, by their names.
    #[derive(Clone, Default)]
    struct Links(Arc<Mutex<Vec<(&'static str, &'static str)>>>);

    impl<S: Subscriber + for<'s> LookupSpan<'s>> Layer<S> for Links {
        fn on_follows_from(&self, span: &Id, follows: &Id, spans: SpanContext<'_, S>) {
            let name = |id| spans.metadata(id).map_or("", |metadata| metadata.name());
            self.0.lock().push((name(span), name(follows)));
        }
    }

    #[test]
    fn whoever_joins_is_linked_to_the_leader_from_the_first_moment() {
        let links = Links::default();
        let _subscriber = tracing::subscriber::set_default(tracing_subscriber::registry().with(links.clone()));
        let flights = SingleFlight::<&str, u8>::default();
        let leader = tracing::info_span!("leader").in_scope(|| flights.join(["a", "a"]));
        let other = flights.join_at(0, ["b"], |_, _| true, || tracing::info_span!("flight"));
        let follower = tracing::info_span!("follower").in_scope(|| flights.join(["a", "b"]));
        assert_eq!((leader.joined, other.joined, follower.joined), (1, 0, 2));
        assert_eq!(*links.0.lock(), [("follower", "leader"), ("follower", "flight")]);
    }

    #[tokio::test]
    async fn identical_concurrent_calls_share_one_result() {
        let flights = SingleFlight::default();
        let leader = flights.join(["a", "b", "a"]);
        assert_eq!((leader.lead.keys(), leader.lead.positions(), leader.joined), (&["a", "b"][..], &[0, 1][..], 1));
        let follower = flights.join(["b", "c"]);
        assert_eq!((follower.lead.keys(), follower.lead.positions(), follower.joined), (&["c"][..], &[1][..], 1));
        leader.lead.finish([Some(1), Some(2)]);
        follower.lead.finish([Some(3)]);
        assert_eq!(join_all(leader.results).await, [Some(1), Some(2), Some(1)]);
        assert_eq!(join_all(follower.results).await, [Some(2), Some(3)]);
    }

    #[tokio::test]
    async fn a_finished_call_is_not_joined() {
        let flights = SingleFlight::default();
        flights.join(["a"]).lead.finish([Some(1)]);
        let next = flights.join(["a"]);
        assert_eq!((next.joined, next.lead.is_empty()), (0, false));
    }

    #[tokio::test]
    async fn a_dropped_leader_leaves_its_followers_without_a_result() {
        let flights = SingleFlight::<&str, u8>::default();
        let leader = flights.join(["a"]);
        let follower = flights.join(["a"]);
        drop(leader.lead);
        assert_eq!(join_all(follower.results).await, [None]);
        assert!(!flights.join(["a"]).lead.is_empty());
    }

    #[tokio::test]
    async fn an_outdated_call_is_replaced_and_does_not_remove_its_successor() {
        let flights = SingleFlight::default();
        let outdated = flights.join_at(1, ["a"], |_, _| true, Span::current);
        let successor = flights.join_at(2, ["a"], |_, epoch| epoch >= 2, Span::current);
        assert!(!successor.lead.is_empty());
        outdated.lead.finish([Some("old")]);
        let follower = flights.join_at(2, ["a"], |_, epoch| epoch >= 2, Span::current);
        assert_eq!(follower.joined, 1, "the successor is still in flight");
        successor.lead.finish([Some("new")]);
        assert_eq!(join_all(outdated.results).await, [Some("old")]);
        assert_eq!(join_all(follower.results).await, [Some("new")]);
    }
}
