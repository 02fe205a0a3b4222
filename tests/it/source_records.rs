//! Records of sources on both databases: calls by month, kept snapshots, and requests that may be sent once in an interval.

use std::sync::Arc;
use std::time::Duration;

use domain::{CallsByClass, Month, RequestClass, Snapshot};
use jiff::Timestamp;
use store_sql::{CredentialKey, Stores, open_stores};

use crate::default_config::default_store_settings;
use crate::orders::database::Postgres;

async fn open(url: &str) -> Stores {
    open_stores(url, &[CredentialKey::new([7; 32])], &default_store_settings()).await.expect("the store opens")
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_806_000_000 + second).expect("a time")
}

async fn calls_are_added_up_by_account_month_and_class(stores: &Stores) {
    let counts = &stores.call_counts;
    let month = Month::of(at(0));
    let calls = |reads: u64| CallsByClass::from([(RequestClass::Read, reads), (RequestClass::Hold, 1)]);
    let first = counts.add_calls("opera", month, &calls(3)).await.expect("the store");
    assert_eq!(first, calls(3));
    let both = async |reads| counts.add_calls("opera", month, &calls(reads)).await.expect("the store");
    tokio::join!(both(4), both(5));
    let sum = CallsByClass::from([(RequestClass::Read, 12), (RequestClass::Hold, 3)]);
    assert_eq!(counts.add_calls("opera", month, &CallsByClass::new()).await.expect("the store"), sum);
    let nothing = CallsByClass::new();
    assert_eq!(counts.add_calls("club", month, &nothing).await.expect("the store"), nothing);
    let later = Month::of(at(40 * 24 * 3600));
    assert_eq!(counts.add_calls("opera", later, &nothing).await.expect("the store"), nothing);
}

async fn a_snapshot_is_replaced_and_returned_as_it_was(stores: &Stores) {
    let store = &stores.snapshots;
    assert_eq!(store.load_snapshot("catalog").await.expect("the store"), None);
    let old = Snapshot { read_at: at(0), changed_at: None, body: b"{}".to_vec() };
    let body = "{\"seasons\":[]}".repeat(200_000).into_bytes();
    let new = Snapshot { read_at: at(60), changed_at: Some(at(30)), body };
    store.save_snapshot("catalog", &old).await.expect("the store");
    assert_eq!(store.load_snapshot("catalog").await.expect("the store"), Some(old));
    store.save_snapshot("catalog", &new).await.expect("the store");
    assert_eq!(store.load_snapshot("catalog").await.expect("the store"), Some(new));
    assert_eq!(store.load_snapshot("other").await.expect("the store"), None);
}

async fn a_request_is_claimed_once_in_its_interval_by_whoever_comes_first(stores: &Stores) {
    let interval = Duration::from_secs(600);
    let claim = async |now: i64| {
        let store = Arc::clone(&stores.snapshots);
        store.claim_request("catalog", interval, at(now)).await.expect("the store")
    };
    // A pending request of the same name is no claim.
    stores.snapshots.save_pending_request("catalog", Some(17), at(0)).await.expect("the store");
    let (one, other) = tokio::join!(claim(0), claim(0));
    assert!(one.is_none() != other.is_none(), "{one:?} {other:?}");
    assert_eq!(claim(200).await, Some(Duration::from_secs(400)));
    assert_eq!((claim(600).await, claim(601).await), (None, Some(Duration::from_secs(599))));
    stores.snapshots.release_request("catalog").await.expect("the store");
    assert_eq!((claim(602).await, claim(603).await), (None, Some(Duration::from_secs(599))));
    assert_eq!(stores.snapshots.pending_request("catalog", at(-1)).await.expect("the store"), Some(17));
    assert_eq!(stores.snapshots.pending_request("catalog", at(0)).await.expect("the store"), None, "too old");
    assert_eq!(claim(100).await, None, "that of a clock that was ahead");
    stores.snapshots.save_pending_request("catalog", None, at(604)).await.expect("the store");
    assert_eq!(stores.snapshots.pending_request("catalog", at(-1)).await.expect("the store"), None);
}

async fn all(stores: &Stores) {
    calls_are_added_up_by_account_month_and_class(stores).await;
    a_snapshot_is_replaced_and_returned_as_it_was(stores).await;
    a_request_is_claimed_once_in_its_interval_by_whoever_comes_first(stores).await;
}

#[tokio::test]
async fn on_sqlite_sources_have_their_records() {
    let folder = tempfile::tempdir().expect("a folder");
    all(&open(&format!("sqlite://{}", folder.path().join("ledger.db").display())).await).await;
}

#[tokio::test]
async fn on_postgres_sources_have_their_records() {
    let Some(server) = Postgres::start() else { return };
    all(&open(server.url()).await).await;
}
