//! One question, many who wait for its answer.

use futures_util::future::join_all;
use tokio::task::yield_now;
use tokio::time::timeout;

use super::*;
use crate::Invalidation;
use crate::fake::Fate;
use domain::ErrorKind;

#[tokio::test(start_paused = true)]
async fn a_thousand_who_ask_the_same_at_once_make_one_call() {
    let (vendor, replica) = alone();
    let answers = join_all((0..1000).map(|_| replica.event("e1"))).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(vendor.calls(), [["e1"]]);
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_hangs_up_does_not_hurt_its_followers() {
    let (vendor, replica) = alone();
    vendor.shut_gate();
    let mut leader = Box::pin(replica.event("e1"));
    assert!(futures_util::poll!(&mut leader).is_pending());
    let mut follower = Box::pin(replica.event("e1"));
    assert!(futures_util::poll!(&mut follower).is_pending());
    drop(leader);
    vendor.open_gate();
    assert!(follower.await.is_ok());
    assert_eq!(vendor.calls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_nobody_waits_for_any_more_is_remembered() {
    let (vendor, replica) = alone();
    vendor.shut_gate();
    assert!(timeout(Duration::from_millis(10), replica.event("e1")).await.is_err());
    vendor.open_gate();
    replica.settle().await;
    assert!(replica.event("e1").await.is_ok());
    assert_eq!(vendor.calls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn one_failure_is_shared_by_all_who_waited_and_not_repeated_for_each() {
    let (vendor, replica) = alone();
    vendor.script(|_, _| Fate::Fail(ErrorKind::Malformed));
    let answers = join_all((0..100).map(|_| replica.event("e1"))).await;
    assert!(answers.iter().all(|answer| answer.as_ref().is_err_and(|error| error.kind == ErrorKind::Malformed)));
    assert_eq!(vendor.calls().len(), 1);
    assert!(replica.event("e1").await.is_err());
    assert_eq!(vendor.calls().len(), 2, "a failure is not remembered");
}

#[tokio::test(start_paused = true)]
async fn a_batch_joins_what_is_in_the_air_and_asks_for_the_rest_at_once() {
    let (vendor, replica) = alone();
    vendor.shut_gate();
    let (one, two) = (keys(&["e1", "e2"]), keys(&["e2", "e3", "e4", "e3"]));
    let mut first = Box::pin(replica.catalog().load_events(&one));
    assert!(futures_util::poll!(&mut first).is_pending());
    let mut second = Box::pin(replica.catalog().load_events(&two));
    assert!(futures_util::poll!(&mut second).is_pending());
    vendor.open_gate();
    assert_eq!((first.await.len(), second.await.len()), (2, 3));
    assert_eq!(vendor.calls(), [vec!["e1", "e2"], vec!["e3", "e4"]]);
}

#[tokio::test(start_paused = true)]
async fn who_asks_after_something_changed_does_not_get_the_answer_from_before() {
    let (vendor, replica) = alone();
    vendor.shut_gate();
    let mut before = Box::pin(replica.free("p1", 0));
    assert!(futures_util::poll!(&mut before).is_pending());
    yield_now().await;
    yield_now().await;
    replica.cache.forget(Invalidation::Performances(source_id(), performances(&["p1"])));
    let mut after = Box::pin(replica.free("p1", 0));
    assert!(futures_util::poll!(&mut after).is_pending());
    vendor.open_gate();
    assert!(before.await.is_ok() && after.await.is_ok());
    assert_eq!(vendor.calls().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_mistake_in_a_vendor_folder_fails_those_who_waited_and_nobody_later() {
    let (vendor, replica) = alone();
    vendor.script(|call, _| if call == 0 { Fate::Panic } else { Fate::Answer });
    let answers = join_all((0..3).map(|_| replica.event("e1"))).await;
    assert!(answers.iter().all(|answer| answer.as_ref().is_err_and(|error| error.kind == ErrorKind::Internal)));
    assert!(replica.event("e1").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn different_questions_about_the_same_thing_are_not_mixed_up() {
    let (vendor, replica) = alone();
    let one = keys(&["e1"]);
    let (events, kinds) = tokio::join!(replica.catalog().load_events(&one), replica.catalog().load_ticket_types(&one));
    assert!(events[&one[0]].is_ok() && kinds[&one[0]].is_ok());
    assert_eq!(vendor.calls().len(), 2);
}
