//! Batches are split to the vendor's size, and a batch with a poisoned key is bisected.

use domain::{ErrorKind, RefusalReason, VendorRefusal};
use testkit::FakeOutcome;

use super::*;

fn numbered(count: usize) -> Vec<EventKey> {
    (0..count).map(|number| EventKey::new(format!("e{number}"))).collect()
}

fn rejected() -> FakeOutcome {
    let reason = RefusalReason::InvalidInput { field: "event".to_owned() };
    FakeOutcome::Fail(ErrorKind::Rejected(VendorRefusal { reason, vendor_code: None }))
}

#[tokio::test(start_paused = true)]
async fn two_hundred_and_fifty_keys_with_a_limit_of_a_hundred_make_three_calls() {
    let (vendor, replica) = single_replica();
    let results = replica.catalog().load_events(&numbered(250)).await;
    assert!(results.len() == 250 && results.values().all(Result::is_ok));
    let mut sizes: Vec<_> = vendor.calls().iter().map(|call| call.keys.len()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [50, 100, 100]);
}

#[tokio::test(start_paused = true)]
async fn cached_keys_are_removed_before_a_batch_is_split() {
    let (vendor, replica) = single_replica();
    replica.catalog().load_events(&numbered(100)).await;
    replica.catalog().load_events(&numbered(200)).await;
    assert_eq!(vendor.calls().iter().map(|call| call.keys.len()).collect::<Vec<_>>(), [100, 100]);
}

#[tokio::test(start_paused = true)]
async fn one_poisoned_key_is_isolated_and_fails_alone() {
    for bad in [0, 37, 99] {
        let (vendor, replica) = single_replica();
        let name = format!("e{bad}");
        vendor.script(move |call| if call.keys.contains(&name) { rejected() } else { FakeOutcome::Succeed });
        let results = replica.catalog().load_events(&numbered(100)).await;
        let failed: Vec<_> =
            results.iter().filter(|(_, result)| result.is_err()).map(|(key, _)| key.as_str()).collect();
        assert_eq!(failed, [format!("e{bad}")]);
        assert!(vendor.call_count() <= 1 + 2 * 7, "{} calls", vendor.call_count());
    }
}

#[tokio::test(start_paused = true)]
async fn a_rejection_of_every_key_is_returned_after_one_bisection() {
    let (vendor, replica) = single_replica();
    vendor.always(rejected());
    let results = replica.catalog().load_events(&numbered(100)).await;
    assert!(results.len() == 100 && results.values().all(Result::is_err));
    assert_eq!(vendor.call_count(), 3);
}

#[tokio::test(start_paused = true)]
async fn missing_keys_do_not_cause_a_bisection() {
    let (vendor, replica) = single_replica();
    vendor.always(FakeOutcome::Fail(ErrorKind::NotFound));
    replica.catalog().load_events(&numbered(100)).await;
    assert_eq!(vendor.call_count(), 1);
}
