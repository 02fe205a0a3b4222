//! Concurrent identical queries share one call.

use domain::ErrorKind;
use futures_util::future::join_all;
use testkit::FakeOutcome;
use tokio::task::yield_now;
use tokio::time::timeout;

use super::*;
use crate::Invalidation;

#[tokio::test(start_paused = true)]
async fn a_thousand_identical_concurrent_queries_make_one_call() {
    let (vendor, replica) = single_replica();
    let results = join_all((0..1000).map(|_| replica.event("e1"))).await;
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(vendor.called_keys(), [["e1"]]);
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_hangs_up_does_not_fail_its_followers() {
    let (vendor, replica) = single_replica();
    vendor.close_gate();
    let mut leader = Box::pin(replica.event("e1"));
    assert!(futures_util::poll!(&mut leader).is_pending());
    let mut follower = Box::pin(replica.event("e1"));
    assert!(futures_util::poll!(&mut follower).is_pending());
    drop(leader);
    vendor.open_gate();
    assert!(follower.await.is_ok());
    assert_eq!(vendor.call_count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_value_is_cached_even_if_every_caller_hung_up() {
    let (vendor, replica) = single_replica();
    vendor.close_gate();
    assert!(timeout(Duration::from_millis(10), replica.event("e1")).await.is_err());
    vendor.open_gate();
    replica.settle().await;
    assert!(replica.event("e1").await.is_ok());
    assert_eq!(vendor.call_count(), 1);
}

#[tokio::test(start_paused = true)]
async fn one_failure_is_shared_by_all_waiting_callers_and_not_repeated_for_each() {
    let (vendor, replica) = single_replica();
    vendor.always(FakeOutcome::Fail(ErrorKind::Malformed));
    let results = join_all((0..100).map(|_| replica.event("e1"))).await;
    assert!(results.iter().all(|result| result.as_ref().is_err_and(|error| error.kind == ErrorKind::Malformed)));
    assert_eq!(vendor.call_count(), 1);
    assert!(replica.event("e1").await.is_err());
    assert_eq!(vendor.call_count(), 2, "a failure was cached");
}

#[tokio::test(start_paused = true)]
async fn a_batch_joins_calls_in_flight_and_fetches_the_remaining_keys_at_once() {
    let (vendor, replica) = single_replica();
    vendor.close_gate();
    let (one, two) = (keys(&["e1", "e2"]), keys(&["e2", "e3", "e4", "e3"]));
    let mut first = Box::pin(replica.catalog().load_events(&one));
    assert!(futures_util::poll!(&mut first).is_pending());
    let mut second = Box::pin(replica.catalog().load_events(&two));
    assert!(futures_util::poll!(&mut second).is_pending());
    vendor.open_gate();
    assert_eq!((first.await.len(), second.await.len()), (2, 3));
    assert_eq!(vendor.called_keys(), [vec!["e1", "e2"], vec!["e3", "e4"]]);
}

#[tokio::test(start_paused = true)]
async fn a_query_after_an_invalidation_does_not_join_a_call_from_before_it() {
    let (vendor, replica) = single_replica();
    vendor.close_gate();
    let mut before = Box::pin(replica.availability("p1", 0));
    assert!(futures_util::poll!(&mut before).is_pending());
    yield_now().await;
    yield_now().await;
    replica.cache.invalidate(Invalidation::Performances(source_id(), performances(&["p1"])));
    let mut after = Box::pin(replica.availability("p1", 0));
    assert!(futures_util::poll!(&mut after).is_pending());
    vendor.open_gate();
    assert!(before.await.is_ok() && after.await.is_ok());
    assert_eq!(vendor.call_count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_vendor_crate_fails_the_waiting_callers_and_no_later_ones() {
    let (vendor, replica) = single_replica();
    vendor.script(|call| if call.call == 0 { FakeOutcome::Panic } else { FakeOutcome::Succeed });
    let results = join_all((0..3).map(|_| replica.event("e1"))).await;
    assert!(results.iter().all(|result| result.as_ref().is_err_and(|error| error.kind == ErrorKind::Internal)));
    assert!(replica.event("e1").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn different_queries_for_the_same_key_do_not_share_a_call() {
    let (vendor, replica) = single_replica();
    let one = keys(&["e1"]);
    let (events, ticket_types) =
        tokio::join!(replica.catalog().load_events(&one), replica.catalog().load_ticket_types(&one));
    assert!(events[&one[0]].is_ok() && ticket_types[&one[0]].is_ok());
    assert_eq!(vendor.call_count(), 2);
}
