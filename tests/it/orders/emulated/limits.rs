//! Orders at once at a vendor that enforces its limit: what is admitted is confirmed, and the rest is refused before anything is held.

use std::sync::Arc;
use std::time::Duration;

use orders::{CreateOrder, FulfillmentPolicy, OrderOutcome, OrderStatus, Orders, ProblemCode, RetryAdvice};
use resilience::{RateLimitPolicy, WindowLimit};
use source_stack::LocalRateLimiter;
use tokio::time::{Instant, sleep};

use crate::orders::database::Stage;
use crate::orders::emulated::audit::audit;
use crate::orders::emulated::venues::{BookingStyle, Venues};
use crate::orders::world::storefront;

/// The limit of the second vendor, SecuTix: the usual 60 calls a minute, in a hurry.
const CALLS: u32 = 40;
const WINDOW: Duration = Duration::from_secs(4);
const TICK: Duration = Duration::from_millis(20);

async fn limited_venues() -> Venues {
    let client = http_client::ConnectionPools::new(Duration::from_secs(4)).expect("a client");
    let style = BookingStyle::Held;
    let unlimited = Venues::open(style, Stage::Sqlite.ledger().await, &client, &[]).await;
    let mut lines = unlimited.find_lines(style).await;
    lines.iter_mut().for_each(|line| line.line.quantity = 1);
    let all = WindowLimit { requests: CALLS, per: WINDOW };
    let policy =
        RateLimitPolicy { all, each_endpoint: None, priority_percent: 25, max_wait: Duration::ZERO, replicas: 1 };
    let limiter = Arc::new(LocalRateLimiter::new(Some(&policy), 16, Duration::ZERO));
    let ledger = Stage::Sqlite.ledger().await;
    let mut venues = Venues::open_limited(style, ledger, &client, &lines, Some((limiter, CALLS, WINDOW))).await;
    venues.world.settings.promise = WINDOW;
    venues
}

/// Lets the time of the emulators pass with the real time until `done`.
async fn pass_time(venues: &Venues, orders: &Orders, done: impl AsyncFn() -> bool) {
    let begun = Instant::now();
    while !done().await {
        assert!(begun.elapsed() < Duration::from_secs(30), "the orders do not end");
        sleep(TICK).await;
        venues.world.clock.advance(TICK);
        orders.resume_due().await.expect("the store");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_admitted_is_confirmed_and_the_rest_is_refused_before_anything_is_held() {
    let venues = limited_venues().await;
    let orders = venues.world.process();
    let place = async |input: &CreateOrder| orders.place(&storefront(), input).await.expect("the store");
    let inputs: Vec<CreateOrder> = (0..13).map(|_| venues.world.input(FulfillmentPolicy::AllOrNothing)).collect();
    let mut admitted = Vec::new();
    let mut refused = Vec::new();
    for input in inputs {
        let OrderOutcome { order, problems, .. } = place(&input).await;
        match order {
            Some(order) => admitted.push(order.key),
            None => refused.push((input, problems)),
        }
    }
    assert_eq!((admitted.len(), refused.len()), (10, 3), "four calls each, reserved: {refused:?}");
    for (_, problems) in &refused {
        let [problem] = &problems[..] else { panic!("{problems:?}") };
        let reported = (problem.code, problem.source.as_ref().map(|source| source.as_str()), problem.retry());
        assert_eq!(reported, (ProblemCode::SourceBusy, Some("opera"), RetryAdvice::SameKeyAfterDelay));
    }
    let refused_at = Instant::now();
    refused.sort_by_key(|(_, problems)| problems[0].retry_after);
    for (input, problems) in &refused {
        let wait = problems[0].retry_after.expect("a time");
        pass_time(&venues, &orders, async || refused_at.elapsed() >= wait).await;
        let repeated = place(input).await;
        let order = repeated.order.unwrap_or_else(|| panic!("after {wait:?}: {:?}", repeated.problems));
        admitted.push(order.key);
    }
    let end = async |key| venues.world.read(key).await;
    let all_ended = async || {
        for key in &admitted {
            let order = end(*key).await;
            if !order.status().is_terminal() || order.legs.iter().any(|leg| leg.awaits_tickets()) {
                return false;
            }
        }
        true
    };
    pass_time(&venues, &orders, all_ended).await;
    for key in &admitted {
        let order = end(*key).await;
        assert_eq!((order.status(), order.problems()), (OrderStatus::Confirmed, Vec::new()));
        assert_eq!(audit(&venues, &order), Vec::<String>::new());
    }
    let calls = venues.calls();
    let refused_calls = calls.iter().flatten().filter(|call| [429, 509].contains(&call.status)).count();
    assert_eq!(refused_calls, 0, "our limit keeps theirs");
}

#[tokio::test(flavor = "multi_thread")]
async fn carts_that_are_held_and_forgotten_keep_no_room_from_others() {
    let venues = limited_venues().await;
    let orders = venues.world.process();
    let hold = async || {
        let input = venues.world.input(FulfillmentPolicy::AllOrNothing);
        let order = orders.create(&storefront(), &input).await.expect("the store").order.expect("an order");
        let asked = orders.hold(&storefront(), &venues.world.act(order.key)).await.expect("the store");
        assert_eq!(asked.problems, Vec::new());
        let is_held = async || venues.world.read(order.key).await.status() == OrderStatus::Held;
        pass_time(&venues, &orders, is_held).await;
    };
    for _ in 0..4 {
        let begun = Instant::now();
        hold().await;
        pass_time(&venues, &orders, async || begun.elapsed() >= WINDOW / 4).await;
    }
    hold().await;
}
