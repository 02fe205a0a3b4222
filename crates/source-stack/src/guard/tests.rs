//! Behavior of the guard, with a paused clock.

use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use domain::{
    Catalog, Effect, Event, EventKey, Health, HealthState, Observed, RefusalReason, RequestClass, RequestTurn,
    TurnScope,
};
use testkit::{FakeCatalog, FakeOutcome, ScriptedKey, TokioClock, UnlimitedRateLimiter, traits};
use tokio::sync::Semaphore;
use tokio::time::{Instant, advance};

use super::*;
use crate::catalog_query::LayeredCatalog;
use crate::tests::{default_resilience, fake_catalog, outcome_unknown, source_id};

struct GuardedVendor {
    guard: Arc<Guard>,
    health: Arc<HealthTracker>,
    vendor: Arc<FakeCatalog>,
    catalog: LayeredCatalog<Guarded<dyn Catalog>>,
}

fn guarded() -> GuardedVendor {
    guarded_with(traits())
}

fn guarded_with(traits: SourceTraits) -> GuardedVendor {
    let clock = TokioClock::new();
    let health = Arc::new(HealthTracker::new(source_id(), clock.clone(), Arc::new(UnlimitedRateLimiter)));
    let guard = Arc::new(Guard::new(source_id(), &traits, default_resilience(), Arc::clone(&health), Arc::default()));
    let vendor = fake_catalog(&clock);
    let catalog = LayeredCatalog(Guarded::new(Arc::clone(&vendor) as Arc<dyn Catalog>, &guard));
    GuardedVendor { guard, health, vendor, catalog }
}

fn keys(names: &[&str]) -> Vec<EventKey> {
    names.iter().map(|name| EventKey::new(*name)).collect()
}

impl GuardedVendor {
    async fn load(&self, name: &str) -> Result<Observed<Arc<Event>>, VendorError> {
        self.catalog.load_events(&keys(&[name])).await.remove(&EventKey::new(name)).expect("a result")
    }

    /// Makes a write. `attempt` returns the result of each attempt by its number, from zero. Returns the number of attempts too.
    async fn write(
        &self,
        operation: VendorOperation,
        attempt: impl Fn(usize) -> Result<(), VendorError> + Send + Sync,
    ) -> (Result<(), VendorError>, usize) {
        let count = AtomicUsize::new(0);
        let attempt = || {
            let result = attempt(count.fetch_add(1, SeqCst));
            async {
                tokio::task::yield_now().await;
                result
            }
            .boxed()
        };
        let result = self.guard.call(operation, attempt).await;
        (result, count.load(SeqCst))
    }
}

fn failure(operation: VendorOperation, kind: ErrorKind) -> VendorError {
    VendorError::new(&source_id(), operation, kind)
}

/// Fails the first call, and lets all later ones succeed.
fn first_call(outcome: FakeOutcome) -> impl Fn(&ScriptedKey<'_>) -> FakeOutcome + Send + Sync {
    move |key| if key.call == 0 { outcome.clone() } else { FakeOutcome::Succeed }
}

#[tokio::test(start_paused = true)]
async fn a_transient_failure_is_retried() {
    let guarded = guarded();
    guarded.vendor.script(first_call(FakeOutcome::Fail(ErrorKind::Unavailable)));
    assert!(guarded.load("e1").await.is_ok());
    assert_eq!(guarded.vendor.call_count(), 2);
}

#[tokio::test(start_paused = true)]
async fn only_keys_with_a_transient_failure_are_retried() {
    let guarded = guarded();
    guarded.vendor.script(|key| match (key.call, key.key) {
        (0, "e2") => FakeOutcome::Fail(ErrorKind::Timeout),
        (_, "e3") => FakeOutcome::Fail(ErrorKind::NotFound),
        _ => FakeOutcome::Succeed,
    });
    let results = guarded.catalog.load_events(&keys(&["e1", "e2", "e3"])).await;
    assert_eq!(guarded.vendor.called_keys(), [vec!["e1", "e2", "e3"], vec!["e2"]]);
    let successes: Vec<_> = keys(&["e1", "e2", "e3"]).iter().map(|key| results[key].is_ok()).collect();
    assert_eq!(successes, [true, true, false]);
}

#[tokio::test(start_paused = true)]
async fn a_write_with_unknown_outcome_is_not_retried_without_idempotency_keys() {
    let guarded = guarded();
    let unknown = |_| Err(outcome_unknown(VendorOperation::Hold));
    let (result, attempts) = guarded.write(VendorOperation::Hold, unknown).await;
    assert_eq!((result.expect_err("unknown").effect, attempts), (Effect::Unknown, 1));
    let failed_first = |attempt| match attempt {
        0 => Err(failure(VendorOperation::Hold, ErrorKind::Unavailable)),
        _ => Ok(()),
    };
    let (result, attempts) = guarded.write(VendorOperation::Hold, failed_first).await;
    assert_eq!((result.is_ok(), attempts), (true, 2), "the first attempt had no effect");
}

#[tokio::test(start_paused = true)]
async fn a_later_rejection_does_not_revert_the_possible_effect_of_an_earlier_attempt() {
    let guarded = guarded_with(SourceTraits { honors_idempotency_keys: true, ..traits() });
    let sold_out =
        || VendorError::rejected(&source_id(), VendorOperation::Hold, RefusalReason::SoldOut { remaining: None }, None);
    let attempt = |number| Err(if number == 0 { outcome_unknown(VendorOperation::Hold) } else { sold_out() });
    let (result, attempts) = guarded.write(VendorOperation::Hold, attempt).await;
    assert_eq!((result.expect_err("rejected").effect, attempts), (Effect::Unknown, 2));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_during_a_write_leaves_its_effect_unknown() {
    let guarded = guarded();
    let started_at = Instant::now();
    let hanging = || std::future::pending::<Result<(), _>>().boxed();
    let error = guarded.guard.call(VendorOperation::Hold, hanging).await.expect_err("a timeout");
    assert_eq!((error.kind, error.effect), (ErrorKind::Timeout, Effect::Unknown));
    assert_eq!(started_at.elapsed(), default_resilience().deadlines.order);
    guarded.vendor.always(FakeOutcome::Hang);
    let error = guarded.load("e1").await.expect_err("a timeout");
    assert_eq!((error.kind, error.effect), (ErrorKind::Timeout, Effect::None));
}

#[tokio::test(start_paused = true)]
async fn retries_and_waits_share_one_deadline() {
    let guarded = guarded();
    guarded.vendor.script(|key| match key.call {
        0 => FakeOutcome::Throttle(Duration::from_secs(6)),
        _ => FakeOutcome::Hang,
    });
    let started_at = Instant::now();
    assert_eq!(guarded.load("e1").await.expect_err("late").kind, ErrorKind::Timeout);
    assert_eq!(started_at.elapsed(), default_resilience().deadlines.read);
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_waited_for_within_the_deadline_and_returned_beyond_it() {
    let guarded = guarded();
    guarded.vendor.script(first_call(FakeOutcome::Throttle(Duration::from_secs(3))));
    let started_at = Instant::now();
    assert!(guarded.load("e1").await.is_ok());
    assert!((3000..3400).contains(&started_at.elapsed().as_millis()), "{:?}", started_at.elapsed());

    guarded.vendor.always(FakeOutcome::Throttle(Duration::from_secs(60)));
    let started_at = Instant::now();
    let error = guarded.load("e1").await.expect_err("throttled");
    assert_eq!((error.kind, error.retry_after), (ErrorKind::RateLimited, Some(Duration::from_secs(60))));
    assert_eq!(started_at.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn an_open_circuit_rejects_calls_at_once_without_calling_the_source() {
    let guarded = guarded();
    guarded.vendor.always(FakeOutcome::Fail(ErrorKind::Unavailable));
    for _ in 0..3 {
        assert!(guarded.load("e1").await.is_err());
    }
    let (calls, started_at) = (guarded.vendor.call_count(), Instant::now());
    for _ in 0..100 {
        let error = guarded.load("e1").await.expect_err("an open circuit");
        assert_eq!((error.kind, error.effect), (ErrorKind::Unavailable, Effect::None));
        assert!(error.retry_after.is_some());
    }
    assert_eq!((guarded.vendor.call_count(), started_at.elapsed()), (calls, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_batch_counts_as_one_failure_if_every_key_failed_and_as_none_otherwise() {
    let guarded = guarded();
    guarded.vendor.script(|key| match key.key {
        "e1" => FakeOutcome::Succeed,
        _ => FakeOutcome::Fail(ErrorKind::Unavailable),
    });
    for _ in 0..20 {
        let results = guarded.catalog.load_events(&keys(&["e1", "e2", "e3"])).await;
        assert!(results[&EventKey::new("e1")].is_ok() && results[&EventKey::new("e2")].is_err());
    }
    assert!(guarded.load("e1").await.is_ok(), "the circuit opened");
}

#[tokio::test(start_paused = true)]
async fn rejections_and_missing_items_neither_open_the_circuit_nor_affect_health() {
    let guarded = guarded();
    guarded.vendor.always(FakeOutcome::Fail(ErrorKind::NotFound));
    let rejected = || VendorError::rejected(&source_id(), VendorOperation::Hold, RefusalReason::NotOnSale, None);
    for _ in 0..50 {
        assert_eq!(guarded.load("nope").await.expect_err("not found").kind, ErrorKind::NotFound);
        assert!(guarded.write(VendorOperation::Hold, |_| Err(rejected())).await.0.is_err());
    }
    assert_eq!(guarded.vendor.call_count(), 50);
    assert_eq!(guarded.health.report().state, HealthState::Up);
}

#[tokio::test(start_paused = true)]
async fn readers_that_use_every_permit_do_not_delay_an_order() {
    let guarded = guarded();
    let policy = default_resilience().bulkhead;
    let gate = Arc::new(Semaphore::new(0));
    let readers: Vec<_> = (0..policy.browsing)
        .map(|_| {
            let (guard, gate) = (Arc::clone(&guarded.guard), Arc::clone(&gate));
            tokio_util::task::TaskTracker::new().spawn(async move {
                let attempt = || {
                    let gate = Arc::clone(&gate);
                    let closed = |_| outcome_unknown(VendorOperation::LoadEvents);
                    async move { gate.acquire().await.map(|_| ()).map_err(closed) }.boxed()
                };
                guard.call(VendorOperation::LoadEvents, attempt).await
            })
        })
        .collect();
    tokio::task::yield_now().await;
    let started_at = Instant::now();
    assert!(matches!(guarded.write(VendorOperation::Confirm, |_| Ok(())).await, (Ok(()), 1)));
    assert_eq!(started_at.elapsed(), Duration::ZERO);
    let error = guarded.load("e1").await.expect_err("no permit");
    assert_eq!((error.kind, error.effect), (ErrorKind::RateLimited, Effect::None));
    assert_eq!(started_at.elapsed(), policy.max_wait);
    gate.add_permits(1);
    for reader in readers {
        assert!(reader.await.expect("a reader").is_ok());
    }
    assert!(guarded.load("e1").await.is_ok(), "permits were not returned");
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_hangs_up_returns_its_permit_and_its_probe() {
    let guarded = guarded();
    guarded.vendor.always(FakeOutcome::Fail(ErrorKind::Unavailable));
    while guarded.load("e1").await.expect_err("a failure").retry_after.is_none() {}
    advance(Duration::from_secs(2)).await;
    guarded.vendor.always(FakeOutcome::Hang);
    for _ in 0..40 {
        assert!(tokio::time::timeout(Duration::from_millis(5), guarded.load("e1")).await.is_err());
    }
    guarded.vendor.always(FakeOutcome::Succeed);
    assert!(guarded.load("e1").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn one_failed_attempt_in_twenty_fails_no_call_and_costs_at_most_a_tenth_more_attempts() {
    let guarded = guarded();
    guarded.vendor.script(|key| match key.call % 20 {
        7 => FakeOutcome::Fail(ErrorKind::Unavailable),
        _ => FakeOutcome::Succeed,
    });
    for _ in 0..5000 {
        assert!(guarded.load("e1").await.is_ok());
    }
    let calls = guarded.vendor.call_count();
    assert!((5001..=5500).contains(&calls), "{calls} calls");
}

#[tokio::test(start_paused = true)]
async fn the_retry_budget_limits_retries_of_a_source_that_keeps_failing() {
    let guarded = guarded();
    // Every second key always fails. The circuit stays closed, so only the retry budget limits the load.
    guarded.vendor.script(|key| match key.key {
        "e2" => FakeOutcome::Fail(ErrorKind::Unavailable),
        _ => FakeOutcome::Succeed,
    });
    for _ in 0..1000 {
        guarded.catalog.load_events(&keys(&["e1", "e2"])).await;
    }
    let calls = guarded.vendor.call_count();
    assert!((1000..=1000 + 100 + 10).contains(&calls), "{calls} calls");
}

#[tokio::test(start_paused = true)]
async fn health_falls_with_failures_recovers_with_successes_and_reports_each_change() {
    let guarded = guarded();
    let health = Arc::clone(&guarded.health);
    let up = health.report();
    let mut degraded = pin!(health.wait_for_change(&up));
    assert!(guarded.load("e1").await.is_ok());
    assert!(degraded.as_mut().now_or_never().is_none());

    guarded.vendor.always(FakeOutcome::Fail(ErrorKind::Malformed));
    guarded.load("e1").await.expect_err("malformed");
    let degraded = degraded.await;
    assert_eq!(degraded.state, HealthState::Degraded);

    let mut down = pin!(health.wait_for_change(&degraded));
    guarded.vendor.always(FakeOutcome::Fail(ErrorKind::Unavailable));
    for _ in 0..3 {
        guarded.load("e1").await.expect_err("unavailable");
    }
    let down = down.as_mut().now_or_never().expect("reported at once");
    assert_eq!((down.state, down.last_success_at), (HealthState::Down, Some(TokioClock::start())));

    guarded.vendor.always(FakeOutcome::Succeed);
    advance(Duration::from_secs(5)).await;
    assert!(guarded.load("e1").await.is_ok());
    let recovering = health.wait_for_change(&down).await;
    assert_eq!(recovering.state, HealthState::Degraded);
    assert!(guarded.load("e1").await.is_ok());
    // Without further calls, time alone ends the failure window, and the change is reported too.
    assert_eq!(health.wait_for_change(&recovering).await.state, HealthState::Up);
}

#[tokio::test(start_paused = true)]
async fn throttling_is_reported_and_is_not_a_failure_of_the_source() {
    let guarded = guarded();
    guarded.vendor.always(FakeOutcome::Throttle(Duration::from_secs(30)));
    guarded.load("e1").await.expect_err("throttled");
    let report = guarded.health.report();
    assert_eq!((report.state, report.throttled), (HealthState::Up, true));
    let started_at = Instant::now();
    assert!(!guarded.health.wait_for_change(&report).await.throttled);
    assert_eq!(started_at.elapsed().as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn a_key_without_a_result_from_the_port_is_an_internal_error_of_that_key_only() {
    let guarded = guarded();
    let results = guarded
        .guard
        .call_batch(
            VendorOperation::LoadEvents,
            vec![1, 2],
            |number| *number,
            |_| async { Batch::from([(1, Ok("one"))]) }.boxed(),
        )
        .await;
    assert!(results[&1].is_ok());
    assert_eq!(results[&2].as_ref().expect_err("missing").kind, ErrorKind::Internal);
}

/// An order call in the scope that gives its requests their turn.
fn order_scope() -> Arc<TurnScope> {
    TurnScope::new(RequestTurn::of(RequestClass::Settle))
}

#[tokio::test(start_paused = true)]
async fn an_order_call_that_waits_for_the_vendor_to_finish_takes_no_place() {
    let guarded = guarded();
    let places = default_resilience().bulkhead.checkout;
    let started_at = Instant::now();
    let calls = (0..places * 3).map(|_| {
        guarded.guard.call(VendorOperation::Confirm, || {
            async {
                tokio::time::sleep(Duration::from_secs(3)).await;
                Ok(())
            }
            .boxed()
        })
    });
    let done = futures_util::future::join_all(calls).await;
    assert!(done.iter().all(Result::is_ok));
    assert_eq!(started_at.elapsed(), Duration::from_secs(3), "all at once");
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_an_order_call_does_not_count_the_time_in_the_queue() {
    let guarded = guarded();
    let scope = order_scope();
    let call = guarded.guard.call(VendorOperation::Confirm, || {
        async {
            let scope = TurnScope::current().expect("the scope");
            let queue = async {
                tokio::time::sleep(Duration::from_secs(3600)).await;
                Ok(())
            };
            let turn = scope.wait(queue).await;
            turn.map_err(|wait| VendorError::awaiting_turn(&source_id(), VendorOperation::Confirm, wait))
        }
        .boxed()
    });
    assert!(scope.run(call).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_order_call_whose_turn_has_not_come_is_left_to_its_caller() {
    let guarded = guarded();
    let waits = |_| Err(VendorError::awaiting_turn(&source_id(), VendorOperation::Confirm, Duration::from_secs(1)));
    let (result, attempts) = guarded.write(VendorOperation::Confirm, waits).await;
    assert_eq!((result.expect_err("not sent").only_waits(), attempts), (true, 1));
}
