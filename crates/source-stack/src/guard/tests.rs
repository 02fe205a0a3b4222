//! What the guard promises, with a paused clock.

use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use futures_util::FutureExt;
use tokio::sync::Semaphore;
use tokio::time::{Instant, advance};

use super::*;
use crate::fake::{FakeCatalog, Fate, NoBudget, RuntimeClock, facts, lost, source_id};
use crate::question::Layered;
use domain::{Catalog, Effect, Event, EventKey, Health, HealthState, Observed, Reason};

struct Bench {
    guard: Arc<Guard>,
    pulse: Arc<Pulse>,
    vendor: Arc<FakeCatalog>,
    catalog: Layered<Guarded<dyn Catalog>>,
}

fn bench() -> Bench {
    bench_with(facts())
}

fn bench_with(facts: Facts) -> Bench {
    let clock = RuntimeClock::new();
    let pulse = Arc::new(Pulse::new(source_id(), clock.clone(), Arc::new(NoBudget)));
    let guard = Arc::new(Guard::new(source_id(), &facts, Policy::default(), Arc::clone(&pulse)));
    let vendor = FakeCatalog::new(clock);
    let catalog = Layered(Guarded::new(Arc::clone(&vendor) as Arc<dyn Catalog>, &guard));
    Bench { guard, pulse, vendor, catalog }
}

fn keys(names: &[&str]) -> Vec<EventKey> {
    names.iter().map(|name| EventKey::new(*name)).collect()
}

impl Bench {
    async fn load(&self, name: &str) -> Result<Observed<Arc<Event>>, VendorError> {
        self.catalog.load_events(&keys(&[name])).await.remove(&EventKey::new(name)).expect("an answer")
    }

    /// Writes with a vendor that answers each attempt by its number, from 0.
    async fn write(
        &self,
        operation: Operation,
        attempt: impl Fn(usize) -> Result<(), VendorError> + Send + Sync,
    ) -> (Result<(), VendorError>, usize) {
        let count = AtomicUsize::new(0);
        let ask = || {
            let answer = attempt(count.fetch_add(1, SeqCst));
            async {
                tokio::task::yield_now().await;
                answer
            }
            .boxed()
        };
        let answer = self.guard.call(operation, ask).await;
        (answer, count.load(SeqCst))
    }
}

fn failing(operation: Operation, kind: ErrorKind) -> VendorError {
    VendorError::new(&source_id(), operation, kind)
}

#[tokio::test(start_paused = true)]
async fn a_failure_in_passing_is_seen_by_nobody() {
    let bench = bench();
    bench.vendor.script(|call, _| if call == 0 { Fate::Fail(ErrorKind::Unavailable) } else { Fate::Answer });
    assert!(bench.load("e1").await.is_ok());
    assert_eq!(bench.vendor.calls().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn only_the_keys_that_failed_in_passing_are_asked_for_again() {
    let bench = bench();
    bench.vendor.script(|call, key| match (call, key) {
        (0, "e2") => Fate::Fail(ErrorKind::Timeout),
        (_, "e3") => Fate::Fail(ErrorKind::NotFound),
        _ => Fate::Answer,
    });
    let answers = bench.catalog.load_events(&keys(&["e1", "e2", "e3"])).await;
    assert_eq!(bench.vendor.calls(), [vec!["e1", "e2", "e3"], vec!["e2"]]);
    let kinds: Vec<_> = keys(&["e1", "e2", "e3"]).iter().map(|key| answers[key].is_ok()).collect();
    assert_eq!(kinds, [true, true, false]);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_may_have_acted_is_not_sent_again_to_a_vendor_that_honours_no_keys() {
    let bench = bench();
    let (answer, attempts) = bench.write(Operation::Hold, |_| Err(lost(Operation::Hold))).await;
    assert_eq!((answer.expect_err("lost").effect, attempts), (Effect::Unknown, 1));
    let refused = |attempt| if attempt == 0 { Err(failing(Operation::Hold, ErrorKind::Unavailable)) } else { Ok(()) };
    assert!(matches!(bench.write(Operation::Hold, refused).await, (Ok(()), 2)), "nothing had been done by the first");
}

#[tokio::test(start_paused = true)]
async fn what_an_attempt_may_have_done_is_not_taken_back_by_a_later_refusal() {
    let bench = bench_with(Facts { honours_idempotency_keys: true, ..facts() });
    let sold_out = || VendorError::rejected(&source_id(), Operation::Hold, Reason::SoldOut { remaining: None }, None);
    let attempt = |number| Err(if number == 0 { lost(Operation::Hold) } else { sold_out() });
    let (answer, attempts) = bench.write(Operation::Hold, attempt).await;
    assert_eq!((answer.expect_err("refused").effect, attempts), (Effect::Unknown, 2));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_fires_on_a_write_says_that_it_may_have_acted() {
    let bench = bench();
    let begun = Instant::now();
    let hung = bench.guard.call(Operation::Hold, || std::future::pending::<Result<(), _>>().boxed()).await;
    let error = hung.expect_err("a timeout");
    assert_eq!((error.kind, error.effect), (ErrorKind::Timeout, Effect::Unknown));
    assert_eq!(begun.elapsed(), Policy::default().deadlines.order);
    bench.vendor.script(|_, _| Fate::Hang);
    let error = bench.load("e1").await.expect_err("a timeout");
    assert_eq!((error.kind, error.effect), (ErrorKind::Timeout, Effect::None));
}

#[tokio::test(start_paused = true)]
async fn repeats_and_waits_share_one_deadline() {
    let bench = bench();
    bench.vendor.script(|call, _| if call == 0 { Fate::Throttle(Duration::from_secs(6)) } else { Fate::Hang });
    let begun = Instant::now();
    assert_eq!(bench.load("e1").await.expect_err("late").kind, ErrorKind::Timeout);
    assert_eq!(begun.elapsed(), Policy::default().deadlines.read);
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_the_vendor_asks_for_is_obeyed_within_the_deadline_and_handed_on_beyond_it() {
    let bench = bench();
    bench.vendor.script(|call, _| if call == 0 { Fate::Throttle(Duration::from_secs(3)) } else { Fate::Answer });
    let begun = Instant::now();
    assert!(bench.load("e1").await.is_ok());
    assert!((3000..3400).contains(&begun.elapsed().as_millis()), "{:?}", begun.elapsed());

    bench.vendor.script(|_, _| Fate::Throttle(Duration::from_secs(60)));
    let begun = Instant::now();
    let error = bench.load("e1").await.expect_err("throttled");
    assert_eq!((error.kind, error.retry_after), (ErrorKind::RateLimited, Some(Duration::from_secs(60))));
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_dead_source_is_not_asked_any_more_and_its_fields_fail_at_once() {
    let bench = bench();
    bench.vendor.script(|_, _| Fate::Fail(ErrorKind::Unavailable));
    for _ in 0..3 {
        assert!(bench.load("e1").await.is_err());
    }
    let (calls, begun) = (bench.vendor.calls().len(), Instant::now());
    for _ in 0..100 {
        let error = bench.load("e1").await.expect_err("left alone");
        assert_eq!((error.kind, error.effect), (ErrorKind::Unavailable, Effect::None));
        assert!(error.retry_after.is_some());
    }
    assert_eq!((bench.vendor.calls().len(), begun.elapsed()), (calls, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_batch_counts_as_one_failure_when_every_key_failed_and_as_none_when_one_did_not() {
    let bench = bench();
    bench.vendor.script(|_, key| if key == "e1" { Fate::Answer } else { Fate::Fail(ErrorKind::Unavailable) });
    for _ in 0..20 {
        let answers = bench.catalog.load_events(&keys(&["e1", "e2", "e3"])).await;
        assert!(answers[&EventKey::new("e1")].is_ok() && answers[&EventKey::new("e2")].is_err());
    }
    assert!(bench.load("e1").await.is_ok(), "the breaker opened");
}

#[tokio::test(start_paused = true)]
async fn refusals_and_unknown_things_leave_the_source_open_and_well() {
    let bench = bench();
    bench.vendor.script(|_, _| Fate::Fail(ErrorKind::NotFound));
    let full = || VendorError::rejected(&source_id(), Operation::Hold, Reason::NotOnSale, None);
    for _ in 0..50 {
        assert_eq!(bench.load("nope").await.expect_err("unknown").kind, ErrorKind::NotFound);
        assert!(bench.write(Operation::Hold, |_| Err(full())).await.0.is_err());
    }
    assert_eq!(bench.vendor.calls().len(), 50);
    assert_eq!(bench.pulse.report().state, HealthState::Up);
}

#[tokio::test(start_paused = true)]
async fn readers_that_fill_every_place_never_keep_an_order_waiting() {
    let bench = bench();
    let gate = Arc::new(Semaphore::new(0));
    let readers: Vec<_> = (0..32)
        .map(|_| {
            let (guard, gate) = (Arc::clone(&bench.guard), Arc::clone(&gate));
            tokio_util::task::TaskTracker::new().spawn(async move {
                let ask = || {
                    let gate = Arc::clone(&gate);
                    async move { gate.acquire().await.map(|_| ()).map_err(|_| lost(Operation::LoadEvents)) }.boxed()
                };
                guard.call(Operation::LoadEvents, ask).await
            })
        })
        .collect();
    tokio::task::yield_now().await;
    let begun = Instant::now();
    assert!(matches!(bench.write(Operation::Confirm, |_| Ok(())).await, (Ok(()), 1)));
    assert_eq!(begun.elapsed(), Duration::ZERO);
    let error = bench.load("e1").await.expect_err("no place");
    assert_eq!((error.kind, error.effect), (ErrorKind::RateLimited, Effect::None));
    assert_eq!(begun.elapsed(), Policy::default().bulkhead.longest_wait);
    gate.add_permits(1);
    for reader in readers {
        assert!(reader.await.expect("a reader").is_ok());
    }
    assert!(bench.load("e1").await.is_ok(), "places were not given back");
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_hangs_up_gives_its_place_and_its_probe_back() {
    let bench = bench();
    bench.vendor.script(|_, _| Fate::Fail(ErrorKind::Unavailable));
    while bench.load("e1").await.expect_err("dead").retry_after.is_none() {}
    advance(Duration::from_secs(2)).await;
    bench.vendor.script(|_, _| Fate::Hang);
    for _ in 0..40 {
        assert!(tokio::time::timeout(Duration::from_millis(5), bench.load("e1")).await.is_err());
    }
    bench.vendor.script(|_, _| Fate::Answer);
    assert!(bench.load("e1").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn one_failed_attempt_in_twenty_is_seen_by_nobody_and_costs_at_most_a_tenth_more_calls() {
    let bench = bench();
    bench.vendor.script(|call, _| if call % 20 == 7 { Fate::Fail(ErrorKind::Unavailable) } else { Fate::Answer });
    for _ in 0..5000 {
        assert!(bench.load("e1").await.is_ok());
    }
    let calls = bench.vendor.calls().len();
    assert!((5001..=5500).contains(&calls), "{calls} calls");
}

#[tokio::test(start_paused = true)]
async fn a_sick_source_is_asked_no_more_than_a_share_of_repeats() {
    let bench = bench();
    // Every second key fails always: the breaker stays closed, so the budget of repeats has to hold the wave.
    bench.vendor.script(|_, key| if key == "e2" { Fate::Fail(ErrorKind::Unavailable) } else { Fate::Answer });
    for _ in 0..1000 {
        bench.catalog.load_events(&keys(&["e1", "e2"])).await;
    }
    let calls = bench.vendor.calls().len();
    assert!((1000..=1000 + 100 + 10).contains(&calls), "{calls} calls");
}

#[tokio::test(start_paused = true)]
async fn health_goes_down_with_failures_and_up_again_with_answers_and_tells_each_change() {
    let bench = bench();
    let pulse = Arc::clone(&bench.pulse);
    let well = pulse.report();
    let mut doubted = pin!(pulse.changed(&well));
    assert!(bench.load("e1").await.is_ok());
    assert!(doubted.as_mut().now_or_never().is_none());

    bench.vendor.script(|_, _| Fate::Fail(ErrorKind::Malformed));
    bench.load("e1").await.expect_err("malformed");
    let doubted = doubted.await;
    assert_eq!(doubted.state, HealthState::Degraded);

    let mut dead = pin!(pulse.changed(&doubted));
    bench.vendor.script(|_, _| Fate::Fail(ErrorKind::Unavailable));
    for _ in 0..3 {
        bench.load("e1").await.expect_err("dead");
    }
    let dead = dead.as_mut().now_or_never().expect("told at once");
    assert_eq!((dead.state, dead.last_success_at), (HealthState::Down, Some(RuntimeClock::start())));

    bench.vendor.script(|_, _| Fate::Answer);
    advance(Duration::from_secs(5)).await;
    assert!(bench.load("e1").await.is_ok());
    let mending = pulse.changed(&dead).await;
    assert_eq!(mending.state, HealthState::Degraded);
    assert!(bench.load("e1").await.is_ok());
    // Nobody asks anything any more: time alone mends it, and is told too.
    assert_eq!(pulse.changed(&mending).await.state, HealthState::Up);
}

#[tokio::test(start_paused = true)]
async fn being_throttled_is_told_and_is_no_failure_of_the_source() {
    let bench = bench();
    bench.vendor.script(|_, _| Fate::Throttle(Duration::from_secs(30)));
    bench.load("e1").await.expect_err("throttled");
    let report = bench.pulse.report();
    assert_eq!((report.state, report.throttled), (HealthState::Up, true));
    let began = Instant::now();
    assert!(!bench.pulse.changed(&report).await.throttled);
    assert_eq!(began.elapsed().as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn a_port_that_leaves_out_a_key_is_our_own_mistake_and_costs_that_key_only() {
    let bench = bench();
    let answers = bench
        .guard
        .call_batch(
            Operation::LoadEvents,
            vec![1, 2],
            |number| *number,
            |_| async { Batch::from([(1, Ok("one"))]) }.boxed(),
        )
        .await;
    assert!(answers[&1].is_ok());
    assert_eq!(answers[&2].as_ref().expect_err("left out").kind, ErrorKind::Internal);
}
