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

use crate::rate_limit::Refusal;

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
    /// True while it waits for a pause of its endpoint only, so that nobody waits for it.
    is_paused: bool,
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
    /// their endpoint do not hold up others.
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
                        entry.set_paused(refusal.is_of_endpoint);
                        if !refusal.is_of_endpoint {
                            self.waiting.0.lock().used_up_until = Some(Instant::now() + refusal.wait);
                        }
                        (refusal.wait, true)
                    }
                },
                Attempt::NotFirst(ahead) if self.waiting.is_used_up() => (self.pace * ahead, false),
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
            entry.set_paused(false);
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
        if ahead > 0 {
            return Attempt::NotFirst(ahead);
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
    /// First, but no place is free.
    NoPlace,
}

impl Waiting {
    fn is_used_up(&self) -> bool {
        self.0.lock().used_up_until.is_some_and(|until| Instant::now() < until)
    }

    fn wake_first(&self, fits: impl Fn(&Waiter) -> bool) {
        if let Some(waiter) = self.0.lock().queue.values().find(|waiter| !waiter.is_paused && fits(waiter)) {
            waiter.woken.notify_one();
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

/// A request in the queue. Leaves it when dropped.
struct Entry<'q> {
    waiting: &'q Waiting,
    rank: Rank,
    woken: Arc<Notify>,
}

impl<'q> Entry<'q> {
    fn enter(waiting: &'q Waiting, turn: Turn) -> Self {
        let mut state = waiting.0.lock();
        state.arrivals += 1;
        let rank = (turn.priority, turn.due, state.arrivals);
        let woken = Arc::new(Notify::new());
        state.queue.insert(rank, Waiter { woken: Arc::clone(&woken), takes_place: turn.takes_place, is_paused: false });
        Self { waiting, rank, woken }
    }

    fn is(&self, waiter: &Waiter) -> bool {
        Arc::ptr_eq(&self.woken, &waiter.woken)
    }

    fn ahead_where(&self, fits: impl Fn(&Waiter) -> bool) -> u32 {
        let state = self.waiting.0.lock();
        let ahead = state.queue.range(..self.rank).filter(|(_, waiter)| !waiter.is_paused && fits(waiter)).count();
        u32::try_from(ahead).unwrap_or(u32::MAX)
    }

    /// Steps aside while the endpoint of the request is paused, or back to its place.
    fn set_paused(&self, is_paused: bool) {
        let was_paused = {
            let mut state = self.waiting.0.lock();
            state.queue.get_mut(&self.rank).is_some_and(|waiter| std::mem::replace(&mut waiter.is_paused, is_paused))
        };
        if is_paused && !was_paused {
            self.waiting.wake_first(|_| true);
            self.waiting.wake_first(|waiter| !waiter.takes_place);
        }
    }

    fn ahead(&self) -> u32 {
        self.ahead_where(|_| true)
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        let mut state = self.waiting.0.lock();
        state.queue.remove(&self.rank);
        drop(state);
        self.waiting.wake_first(|_| true);
        self.waiting.wake_first(|waiter| !waiter.takes_place);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use tokio::time::sleep;

    use super::*;
    use crate::policy::RateLimitPolicy;
    use crate::rate_limit::{Gcra, GcraRateLimiter};

    const SECOND: Duration = Duration::from_secs(1);

    fn turn(priority: u8, due: u32, takes_place: bool) -> Turn {
        let now = Instant::now();
        Turn { priority, due: now + SECOND * due, latest: now + SECOND * 600, takes_place }
    }

    /// A limit of one request a second, without a burst, whose first second is used up.
    fn one_per_second() -> GcraRateLimiter {
        let limiter = GcraRateLimiter::new(Gcra { interval: SECOND, burst: 1, reserved: 0 });
        limiter.try_acquire(true, None).expect("the first request");
        limiter
    }

    /// Lets all requests wait together and returns their names in the order of their turns.
    async fn sequence(turns: &[(&'static str, Turn)]) -> Vec<&'static str> {
        let (queue, limiter) = (TurnQueue::new(16, SECOND), one_per_second());
        let sent = Mutex::new(Vec::new());
        let requests = turns.iter().map(async |(name, turn)| {
            let place = queue.acquire(*turn, async || limiter.try_acquire(true, None)).await;
            sent.lock().push(*name);
            drop(place.expect("a turn"));
        });
        join_all(requests).await;
        sent.into_inner()
    }

    #[tokio::test(start_paused = true)]
    async fn the_most_urgent_comes_first_and_among_equals_the_earliest_due() {
        let turns = [
            ("read", turn(4, 0, false)),
            ("late hold", turn(1, 300, true)),
            ("early hold", turn(1, 100, true)),
            ("confirmation of a long hold", turn(0, 900, true)),
            ("confirmation of a short hold", turn(0, 60, true)),
            ("undo", turn(0, 75, true)),
        ];
        let expected =
            ["confirmation of a short hold", "undo", "confirmation of a long hold", "early hold", "late hold", "read"];
        assert_eq!(sequence(&turns).await, expected);
    }

    #[tokio::test(start_paused = true)]
    async fn an_undo_is_not_starved_by_holds_and_confirmations_that_keep_coming() {
        let (queue, limiter) = (TurnQueue::new(16, SECOND), one_per_second());
        let start = Instant::now();
        let flood = async |priority: u8, due: u32| loop {
            let _place = queue.acquire(turn(priority, due, true), async || limiter.try_acquire(true, None)).await;
        };
        let undo = async {
            sleep(SECOND * 30).await;
            queue.acquire(turn(0, 75, true), async || limiter.try_acquire(true, None)).await.expect("a turn");
            start.elapsed()
        };
        let floods = async { tokio::join!(flood(1, 10), flood(1, 10), flood(0, 900), flood(0, 900)) };
        tokio::select! {
            _ = floods => unreachable!("a flood never ends"),
            after = undo => assert!(after <= SECOND * 32, "{after:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_that_comes_too_late_is_refused_at_once_with_the_time_to_come_back() {
        let (queue, limiter) = (TurnQueue::new(16, SECOND), one_per_second());
        let patient = async |name: &'static str| {
            queue.acquire(turn(1, 10, true), async || limiter.try_acquire(true, None)).await.map(|_| name)
        };
        let impatient = async {
            tokio::task::yield_now().await;
            let now = Instant::now();
            let turn = Turn { priority: 1, due: now + SECOND * 20, latest: now + SECOND * 2, takes_place: true };
            let refused = queue.acquire(turn, async || limiter.try_acquire(true, None)).await.err();
            (refused, now.elapsed())
        };
        let (one, two, three, refused) = tokio::join!(patient("1"), patient("2"), patient("3"), impatient);
        assert_eq!((one, two, three), (Ok("1"), Ok("2"), Ok("3")));
        assert_eq!(refused, (Some(SECOND * 3), Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_slept_through_its_latest_time_is_not_sent() {
        let (queue, limiter) = (TurnQueue::new(16, Duration::ZERO), one_per_second());
        let now = Instant::now();
        let late = Turn { priority: 0, due: now, latest: now + SECOND * 2, takes_place: true };
        // The limit is free after a second, but this process wakes up after a minute.
        let asked = queue.acquire(late, async || limiter.try_acquire(true, None));
        let mut asked = std::pin::pin!(asked);
        assert!(futures_util::poll!(&mut asked).is_pending());
        tokio::time::advance(SECOND * 60).await;
        assert!(asked.await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_is_taken_only_while_a_request_runs_and_reads_pass_those_that_wait_for_one() {
        let queue = TurnQueue::new(1, Duration::ZERO);
        let free = async || Ok(());
        let running = queue.acquire(turn(1, 0, true), free).await.expect("a turn");
        let mut second = std::pin::pin!(queue.acquire(turn(0, 0, true), free));
        assert!(futures_util::poll!(&mut second).is_pending(), "no place");
        assert!(queue.acquire(turn(4, 0, false), free).await.is_ok(), "a read needs none");
        assert_eq!(queue.waiting(), 1);
        drop(running);
        assert!(second.await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_limit_nobody_waits_for_others_that_ask() {
        let queue = TurnQueue::new(2, Duration::ZERO);
        let now = Instant::now();
        let slow = async || {
            sleep(SECOND).await;
            Ok(())
        };
        let impatient = |takes_place| Turn { priority: 4, due: now, latest: now, takes_place };
        let (first, second, read) = tokio::join!(
            queue.acquire(impatient(true), slow),
            queue.acquire(impatient(true), slow),
            queue.acquire(impatient(false), slow),
        );
        assert!(first.is_ok() && second.is_ok() && read.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn requests_that_come_together_share_a_free_burst_however_slow_the_limit_answers() {
        let (queue, limiter) =
            (TurnQueue::new(16, SECOND), GcraRateLimiter::new(Gcra { interval: SECOND, burst: 3, reserved: 0 }));
        let read = async || {
            let now = Instant::now();
            let turn = Turn { priority: 4, due: now, latest: now + SECOND / 2, takes_place: false };
            let ask = async || {
                sleep(SECOND / 100).await;
                limiter.try_acquire(false, None)
            };
            queue.acquire(turn, ask).await.is_ok()
        };
        assert_eq!(tokio::join!(read(), read(), read(), read()), (true, true, true, false));
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_given_back_by_a_refused_request_is_found_by_the_one_that_waits_for_it() {
        let (queue, limiter) = (TurnQueue::new(1, SECOND), one_per_second());
        let ask = async || {
            sleep(SECOND / 100).await;
            limiter.try_acquire(true, None)
        };
        let start = Instant::now();
        let send =
            async |priority| queue.acquire(turn(priority, 0, true), ask).await.map(|_| start.elapsed().as_secs());
        let urgent = async {
            sleep(SECOND / 200).await;
            send(0).await
        };
        assert_eq!(tokio::join!(send(1), urgent), (Ok(2), Ok(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_to_a_paused_endpoint_does_not_hold_up_others() {
        let (queue, limiter) = (TurnQueue::new(16, SECOND), one_per_second());
        limiter.pause(Some("catalog"), SECOND * 60);
        let start = Instant::now();
        let send = async |endpoint, due| {
            let place = queue.acquire(turn(0, due, true), async || limiter.try_acquire(true, endpoint)).await;
            place.map(|_| start.elapsed())
        };
        let (paused, other, next) = tokio::join!(send(Some("catalog"), 0), send(None, 1), send(Some("orders"), 2));
        assert_eq!((paused, other, next), (Ok(SECOND * 60), Ok(SECOND), Ok(SECOND * 2)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_reads_costs_orders_nothing() {
        let policy = RateLimitPolicy {
            requests: 60,
            per: SECOND * 60,
            priority_percent: 25,
            max_wait: Duration::from_millis(500),
            replicas: 1,
        };
        let limiter = GcraRateLimiter::new(Gcra::for_quota(&policy));
        let queue = TurnQueue::new(16, Gcra::for_quota(&policy).interval);
        let read = async || loop {
            let now = Instant::now();
            let turn = Turn { priority: 4, due: now, latest: now + policy.max_wait, takes_place: false };
            if let Err(wait) = queue.acquire(turn, async || limiter.try_acquire(false, None)).await {
                sleep(wait.min(SECOND / 10)).await;
            }
        };
        let orders = async {
            sleep(SECOND * 60).await;
            let start = Instant::now();
            for _ in 0..45 {
                queue.acquire(turn(1, 60, true), async || limiter.try_acquire(true, None)).await.expect("a turn");
            }
            start.elapsed()
        };
        tokio::select! {
            _ = async { tokio::join!(read(), read(), read()) } => unreachable!("a flood never ends"),
            took = orders => assert!(took < SECOND * 62, "{took:?}"),
        }
    }
}
