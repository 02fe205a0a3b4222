//! Turn queue: requests wait for a shared limit in the order of their urgency, the earliest due time first.
//!
//! Only the first in the queue asks the limit, so a shared limit is asked by one request of each replica at a time. Requests that
//! need one of the limited places never keep a place while they wait for the limit, and do not stop others if no place is free.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use crate::rate_limit::{Endpoint, Refusal};

/// A request that asks for its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// Urgency; the smallest comes first.
    pub priority: u8,
    /// Within a priority, the earliest comes first.
    pub due: Instant,
    /// Time after which the turn is not wanted any more.
    pub latest: Instant,
    /// True if the request takes one of the places.
    pub takes_place: bool,
    /// Endpoint of the request.
    pub endpoint: Endpoint,
}

/// Position: urgency, due time, arrival.
type Rank = (u8, Instant, u64);

/// Queue in front of a limit.
pub struct TurnQueue {
    waiting: Arc<Waiting>,
    places: Arc<Semaphore>,
    /// Time between two requests at the steady rate of the limit; zero if it is unlimited.
    pace: Duration,
}

#[derive(Default)]
struct Waiting(Mutex<State>);

#[derive(Default)]
struct State {
    arrivals: u64,
    /// Time until which the limit is used up: those behind the first wait for one interval each.
    used_up_until: Option<Instant>,
    queue: BTreeMap<Rank, Waiter>,
}

struct Waiter {
    woken: Arc<Notify>,
    takes_place: bool,
    endpoint: Endpoint,
    /// Endpoint whose limit or pause it waits for, so that only those wait for it that the same endpoint concerns.
    set_aside: Option<&'static str>,
}

/// A granted place. Free again when dropped.
pub struct Place {
    permit: Option<OwnedSemaphorePermit>,
    waiting: Arc<Waiting>,
}

impl TurnQueue {
    /// Creates a queue with `places` for requests that take one. `pace` is the time between two requests at the steady rate.
    pub fn new(places: usize, pace: Duration) -> Self {
        Self { waiting: Arc::default(), places: Arc::new(Semaphore::new(places)), pace }
    }

    /// Waits until the request is the first that can be sent and `ask`, the limit, takes it. Requests that wait for a pause of
    /// their endpoint, or for its limit, hold up only those that it concerns.
    ///
    /// Fails with the time after which the turn is expected, as soon as that is after `turn.latest`. A request that was held up
    /// until after `latest` is not granted: its caller may have given it up.
    pub async fn acquire<F>(&self, turn: Turn, ask: impl Fn() -> F) -> Result<Place, Duration>
    where
        F: Future<Output = Result<(), Refusal>>,
    {
        let entry = Entry::enter(&self.waiting, turn);
        let mut has_waited = false;
        loop {
            let now = Instant::now();
            if has_waited && now > turn.latest {
                return Err(self.pace * (entry.ahead() + 1));
            }
            let (wait, asked) = match self.try_take_place(&entry, turn) {
                Attempt::Granted(mut permit) => match ask().await {
                    Ok(()) => return Ok(Place { permit, waiting: Arc::clone(&self.waiting) }),
                    Err(refusal) => {
                        if permit.take().is_some() {
                            // Who found no free place meanwhile finds this one.
                            self.waiting.wake_first(|other| other.takes_place && !entry.is(other));
                        }
                        entry.set_aside(refusal.endpoint);
                        if refusal.endpoint.is_none() {
                            self.waiting.0.lock().used_up_until = Some(Instant::now() + refusal.wait);
                        }
                        (refusal.wait, true)
                    }
                },
                Attempt::NotFirst(ahead) if self.waiting.is_used_up() => (self.pace * ahead, false),
                Attempt::BehindSetAside(endpoint) => {
                    entry.set_aside(Some(endpoint));
                    (Duration::ZERO, false)
                }
                // Those ahead may get their turn at once.
                Attempt::NotFirst(_) => (Duration::ZERO, false),
                Attempt::NoPlace => (Duration::ZERO, false),
            };
            let now = Instant::now();
            if now + wait > turn.latest {
                return Err(wait.max(self.pace));
            }
            // The first waits for the limit, the others for their predecessors or a place. All may be woken earlier.
            let until = if asked { now + wait } else { turn.latest };
            let is_woken = timeout_at(until, entry.woken.notified()).await.is_ok();
            if !is_woken && !asked {
                return Err(self.pace * (entry.ahead() + 1));
            }
            entry.set_aside(None);
            has_waited = true;
        }
    }

    /// Returns the number of waiting requests that take a place.
    pub fn waiting(&self) -> usize {
        self.waiting.0.lock().queue.values().filter(|waiter| waiter.takes_place).count()
    }

    fn try_take_place(&self, entry: &Entry<'_>, turn: Turn) -> Attempt {
        // Without a limit there is nothing to wait for except a place.
        let has_limit = !self.pace.is_zero();
        let ahead = if turn.takes_place {
            entry.ahead_where(|_| has_limit)
        } else {
            let has_place = self.places.available_permits() > 0;
            entry.ahead_where(|waiter| has_limit && (!waiter.takes_place || has_place))
        };
        if ahead.count > 0 {
            return ahead.set_aside.map_or(Attempt::NotFirst(ahead.count), Attempt::BehindSetAside);
        }
        if !turn.takes_place {
            return Attempt::Granted(None);
        }
        match Arc::clone(&self.places).try_acquire_owned() {
            Ok(permit) => Attempt::Granted(Some(permit)),
            Err(_) => {
                // Those behind that need no place go on.
                self.waiting.wake_first(|waiter| !waiter.takes_place);
                Attempt::NoPlace
            }
        }
    }
}

enum Attempt {
    /// First, with a place if it takes one.
    Granted(Option<OwnedSemaphorePermit>),
    /// So many come first.
    NotFirst(u32),
    /// Those that come first wait for this endpoint only.
    BehindSetAside(&'static str),
    /// First, but no place is free.
    NoPlace,
}

impl Waiting {
    fn is_used_up(&self) -> bool {
        self.0.lock().used_up_until.is_some_and(|until| Instant::now() < until)
    }

    fn wake_first(&self, fits: impl Fn(&Waiter) -> bool) {
        self.wake(|waiter| waiter.set_aside.is_none() && fits(waiter));
    }

    fn wake(&self, fits: impl Fn(&Waiter) -> bool) {
        if let Some(waiter) = self.0.lock().queue.values().find(|waiter| fits(waiter)) {
            waiter.woken.notify_one();
        }
    }

    /// Wakes those that come first now: the first of all, of those that need no place, and of those at the same endpoint.
    fn wake_next(&self, endpoint: Endpoint) {
        self.wake_first(|_| true);
        self.wake_first(|waiter| !waiter.takes_place);
        for name in [endpoint.limit, endpoint.pause].into_iter().flatten() {
            self.wake(|waiter| waiter.endpoint.is_concerned_by(name));
            self.wake(|waiter| waiter.set_aside == Some(name) && !waiter.takes_place);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.permit.take().is_some() {
            self.waiting.wake_first(|_| true);
        }
    }
}

/// Those that come before a request.
struct Ahead {
    count: u32,
    /// Endpoint that all of them wait for, if it is one.
    set_aside: Option<&'static str>,
}

/// A request in the queue. Leaves it when dropped.
struct Entry<'q> {
    waiting: &'q Waiting,
    rank: Rank,
    endpoint: Endpoint,
    woken: Arc<Notify>,
}

impl<'q> Entry<'q> {
    fn enter(waiting: &'q Waiting, turn: Turn) -> Self {
        let mut state = waiting.0.lock();
        state.arrivals += 1;
        let rank = (turn.priority, turn.due, state.arrivals);
        let woken = Arc::new(Notify::new());
        let (takes_place, endpoint) = (turn.takes_place, turn.endpoint);
        state.queue.insert(rank, Waiter { woken: Arc::clone(&woken), takes_place, endpoint, set_aside: None });
        Self { waiting, rank, endpoint, woken }
    }

    fn is(&self, waiter: &Waiter) -> bool {
        Arc::ptr_eq(&self.woken, &waiter.woken)
    }

    /// Returns those that come first. Those that wait for other endpoints do not.
    fn ahead_where(&self, fits: impl Fn(&Waiter) -> bool) -> Ahead {
        let state = self.waiting.0.lock();
        let concerns = |waiter: &Waiter| waiter.set_aside.is_none_or(|name| self.endpoint.is_concerned_by(name));
        let mut ahead = Ahead { count: 0, set_aside: None };
        let mut is_only_endpoint = true;
        for (_, waiter) in state.queue.range(..self.rank).filter(|(_, waiter)| concerns(waiter) && fits(waiter)) {
            ahead.count += 1;
            is_only_endpoint &= waiter.set_aside.is_some();
            ahead.set_aside = waiter.set_aside.filter(|_| is_only_endpoint);
        }
        ahead
    }

    /// Steps aside while an endpoint of the request is paused or used up, or back to its place.
    fn set_aside(&self, endpoint: Option<&'static str>) {
        let before = {
            let mut state = self.waiting.0.lock();
            state.queue.get_mut(&self.rank).and_then(|waiter| std::mem::replace(&mut waiter.set_aside, endpoint))
        };
        if endpoint.is_some() && before.is_none() {
            self.waiting.wake_next(Endpoint::default());
        }
    }

    fn ahead(&self) -> u32 {
        self.ahead_where(|_| true).count
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        let mut state = self.waiting.0.lock();
        state.queue.remove(&self.rank);
        drop(state);
        self.waiting.wake_next(self.endpoint);
    }
}

#[cfg(test)]
mod tests;
