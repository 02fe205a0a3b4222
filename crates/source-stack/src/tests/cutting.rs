//! Batches at the vendor's size, and batches with a key that spoils them.

use super::*;
use crate::fake::Fate;
use domain::{ErrorKind, Reason, Refusal};

fn numbered(count: usize) -> Vec<EventKey> {
    (0..count).map(|number| EventKey::new(format!("e{number}"))).collect()
}

fn refused() -> Fate {
    let reason = Reason::InvalidInput { field: "event".to_owned() };
    Fate::Fail(ErrorKind::Rejected(Refusal { reason, vendor_code: None }))
}

#[tokio::test(start_paused = true)]
async fn two_hundred_and_fifty_keys_at_a_limit_of_a_hundred_make_three_calls() {
    let (vendor, replica) = alone();
    let answers = replica.catalog().load_events(&numbered(250)).await;
    assert!(answers.len() == 250 && answers.values().all(Result::is_ok));
    let mut sizes: Vec<_> = vendor.calls().iter().map(Vec::len).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [50, 100, 100]);
}

#[tokio::test(start_paused = true)]
async fn known_keys_are_taken_out_before_a_batch_is_cut() {
    let (vendor, replica) = alone();
    replica.catalog().load_events(&numbered(100)).await;
    replica.catalog().load_events(&numbered(200)).await;
    assert_eq!(vendor.calls().iter().map(Vec::len).collect::<Vec<_>>(), [100, 100]);
}

#[tokio::test(start_paused = true)]
async fn one_key_that_makes_the_vendor_refuse_its_batch_is_found_and_fails_alone() {
    for bad in [0, 37, 99] {
        let (vendor, replica) = alone();
        let name = format!("e{bad}");
        vendor.script_batches(move |keys, _| if keys.contains(&name) { refused() } else { Fate::Answer });
        let answers = replica.catalog().load_events(&numbered(100)).await;
        let failed: Vec<_> =
            answers.iter().filter(|(_, answer)| answer.is_err()).map(|(key, _)| key.as_str()).collect();
        assert_eq!(failed, [format!("e{bad}")]);
        assert!(vendor.calls().len() <= 1 + 2 * 7, "{} calls", vendor.calls().len());
    }
}

#[tokio::test(start_paused = true)]
async fn a_vendor_that_refuses_everything_is_believed_after_one_halving() {
    let (vendor, replica) = alone();
    vendor.script(|_, _| refused());
    let answers = replica.catalog().load_events(&numbered(100)).await;
    assert!(answers.len() == 100 && answers.values().all(Result::is_err));
    assert_eq!(vendor.calls().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn keys_that_the_vendor_does_not_know_are_no_reason_to_halve() {
    let (vendor, replica) = alone();
    vendor.script(|_, _| Fate::Fail(ErrorKind::NotFound));
    replica.catalog().load_events(&numbered(100)).await;
    assert_eq!(vendor.calls().len(), 1);
}
