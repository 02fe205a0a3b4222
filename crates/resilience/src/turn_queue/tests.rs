//! Tests of the turn queue.

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
    let send = async |priority| queue.acquire(turn(priority, 0, true), ask).await.map(|_| start.elapsed().as_secs());
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
