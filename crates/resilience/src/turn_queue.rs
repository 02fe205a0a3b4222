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
mod tests {
    use futures_util::future::join_all;
    use tokio::time::sleep;

    use super::*;
    use crate::policy::{RateLimitPolicy, WindowLimit};
    use crate::rate_limit::{Gcra, GcraLimits, GcraRateLimiter};

    const SECOND: Duration = Duration::from_secs(1);

    fn turn(priority: u8, due: u32, takes_place: bool) -> Turn {
        let now = Instant::now();
        let endpoint = Endpoint::default();
        Turn { priority, due: now + SECOND * due, latest: now + SECOND * 600, takes_place, endpoint }
    }

    const ANY: Endpoint = Endpoint { limit: None, pause: None };

    /// A limit of one request a second.
    fn with_burst(burst: u32) -> GcraRateLimiter {
        let all = Gcra { interval: SECOND, burst, reserved: 0 };
        GcraRateLimiter::new(GcraLimits { all, each_endpoint: None })
    }

    /// A limit of one request a second, without a burst, whose first second is used up.
    fn one_per_second() -> GcraRateLimiter {
        let limiter = with_burst(1);
        limiter.try_acquire(true, ANY).expect("the first request");
        limiter
    }

    /// Lets all requests wait together and returns their names in the order of their turns.
    async fn sequence(turns: &[(&'static str, Turn)]) -> Vec<&'static str> {
        let (queue, limiter) = (TurnQueue::new(16, SECOND), one_per_second());
        let sent = Mutex::new(Vec::new());
        let requests = turns.iter().map(async |(name, turn)| {
            let place = queue.acquire(*turn, async || limiter.try_acquire(true, ANY)).await;
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
            let _place = queue.acquire(turn(priority, due, true), async || limiter.try_acquire(true, ANY)).await;
        };
        let undo = async {
            sleep(SECOND * 30).await;
            queue.acquire(turn(0, 75, true), async || limiter.try_acquire(true, ANY)).await.expect("a turn");
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
            queue.acquire(turn(1, 10, true), async || limiter.try_acquire(true, ANY)).await.map(|_| name)
        };
        let impatient = async {
            tokio::task::yield_now().await;
            let now = Instant::now();
            let turn = Turn { latest: now + SECOND * 2, ..turn(1, 20, true) };
            let refused = queue.acquire(turn, async || limiter.try_acquire(true, ANY)).await.err();
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
        let late = Turn { latest: now + SECOND * 2, ..turn(0, 0, true) };
        // The limit is free after a second, but this process wakes up after a minute.
        let asked = queue.acquire(late, async || limiter.try_acquire(true, ANY));
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
        let impatient = |takes_place| Turn { latest: now, ..turn(4, 0, takes_place) };
        let (first, second, read) = tokio::join!(
            queue.acquire(impatient(true), slow),
            queue.acquire(impatient(true), slow),
            queue.acquire(impatient(false), slow),
        );
        assert!(first.is_ok() && second.is_ok() && read.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn requests_that_come_together_share_a_free_burst_however_slow_the_limit_answers() {
        let (queue, limiter) = (TurnQueue::new(16, SECOND), with_burst(3));
        let read = async || {
            let now = Instant::now();
            let turn = Turn { latest: now + SECOND / 2, ..turn(4, 0, false) };
            let ask = async || {
                sleep(SECOND / 100).await;
                limiter.try_acquire(false, ANY)
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
            limiter.try_acquire(true, ANY)
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
            let endpoint = Endpoint { limit: None, pause: endpoint };
            let turn = Turn { endpoint, ..turn(0, due, true) };
            let place = queue.acquire(turn, async || limiter.try_acquire(true, endpoint)).await;
            place.map(|_| start.elapsed())
        };
        let (paused, other, next) = tokio::join!(send(Some("catalog"), 0), send(None, 1), send(Some("orders"), 2));
        assert_eq!((paused, other, next), (Ok(SECOND * 60), Ok(SECOND), Ok(SECOND * 2)));
    }

    #[tokio::test(start_paused = true)]
    async fn requests_to_an_endpoint_that_is_used_up_keep_their_order_and_hold_up_no_others() {
        let all = Gcra { interval: SECOND / 100, burst: 100, reserved: 0 };
        let each_endpoint = Some(Gcra { interval: SECOND, burst: 1, reserved: 0 });
        let limiter = GcraRateLimiter::new(GcraLimits { all, each_endpoint });
        let queue = TurnQueue::new(16, all.interval);
        let start = Instant::now();
        let asked = Mutex::new(0);
        let send = async |name: &'static str, due| {
            let endpoint = Endpoint { limit: Some(name), pause: None };
            let turn = Turn { endpoint, ..turn(0, due, true) };
            let ask = async || {
                *asked.lock() += 1;
                limiter.try_acquire(true, endpoint)
            };
            let place = queue.acquire(turn, ask).await;
            place.map(|_| (due, start.elapsed().as_secs()))
        };
        let orders = join_all([40, 30, 10, 20].map(|due| send("orders", due)));
        let others = join_all([50, 60].map(async |due| {
            tokio::task::yield_now().await;
            send("seats", due).await
        }));
        let (orders, others) = tokio::join!(orders, others);
        // The first one was alone when it came.
        assert_eq!(orders, [Ok((40, 0)), Ok((30, 3)), Ok((10, 1)), Ok((20, 2))]);
        assert_eq!(others, [Ok((50, 0)), Ok((60, 1))]);
        assert!(*asked.lock() <= 16, "{} questions for six requests", asked.lock());
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_reads_costs_orders_nothing() {
        let policy = RateLimitPolicy {
            all: WindowLimit { requests: 60, per: SECOND * 60 },
            each_endpoint: None,
            priority_percent: 25,
            max_wait: Duration::from_millis(500),
            replicas: 1,
        };
        let limits = GcraLimits::for_quota(&policy);
        let (limiter, queue) = (GcraRateLimiter::new(limits), TurnQueue::new(16, limits.all.interval));
        let read = async || loop {
            let now = Instant::now();
            let turn = Turn { latest: now + policy.max_wait, ..turn(4, 0, false) };
            if let Err(wait) = queue.acquire(turn, async || limiter.try_acquire(false, ANY)).await {
                sleep(wait.min(SECOND / 10)).await;
            }
        };
        let orders = async {
            sleep(SECOND * 60).await;
            let start = Instant::now();
            for _ in 0..45 {
                queue.acquire(turn(1, 60, true), async || limiter.try_acquire(true, ANY)).await.expect("a turn");
            }
            start.elapsed()
        };
        tokio::select! {
            _ = async { tokio::join!(read(), read(), read()) } => unreachable!("a flood never ends"),
            took = orders => assert!(took < SECOND * 62, "{took:?}"),
        }
    }
}
