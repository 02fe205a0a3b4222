//! Tests of the log.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::StoreError;
use jiff::Timestamp;
use parking_lot::Mutex;
use testkit::ManualClock;

use super::*;

#[derive(Default)]
struct MemoryStore {
    entries: Mutex<Vec<AuditEntry>>,
    is_down: Mutex<bool>,
}

#[async_trait]
impl AuditStore for MemoryStore {
    async fn append_audit(&self, entry: &AuditEntry) -> Result<(), StoreError> {
        if *self.is_down.lock() {
            return Err(StoreError::Failed("down".into()));
        }
        tokio::task::yield_now().await;
        self.entries.lock().push(entry.clone());
        Ok(())
    }

    async fn list_audit(&self, _: &AuditFilter, _: Option<i64>, _: usize) -> Result<AuditPage, StoreError> {
        Ok(AuditPage { entries: Vec::new(), has_more: false })
    }

    async fn delete_audit(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut entries = self.entries.lock();
        let all = entries.len();
        entries.retain(|entry| entry.at >= before);
        Ok((all - entries.len()) as u64)
    }
}

fn log() -> (AuditLog, Arc<MemoryStore>, Arc<ManualClock>) {
    let (store, clock) = (Arc::new(MemoryStore::default()), ManualClock::at("2027-03-14T09:00:00Z"));
    (AuditLog::new(store.clone(), clock.clone(), Duration::from_secs(7200)), store, clock)
}

fn actor(id: &str) -> AuditActor {
    AuditActor { id: id.to_owned(), name: id.to_owned(), reseller: None }
}

#[tokio::test]
async fn reads_of_codes_are_recorded_once_an_hour_for_each_caller_and_order() {
    let (log, store, clock) = log();
    let (one, other) = (OrderKey::random(), OrderKey::random());
    let read = || log.record_codes_read(actor("mara"), one, "A1");
    let (first, second) = tokio::join!(read(), read());
    first.and(second).expect("recorded");
    read().await.expect("recorded");
    log.record_codes_read(actor("vera"), one, "A1").await.expect("recorded");
    log.record_codes_read(actor("mara"), other, "B2").await.expect("recorded");
    assert_eq!(store.entries.lock().len(), 3);
    clock.advance(Duration::from_secs(3600));
    log.record_codes_read(actor("mara"), one, "A1").await.expect("recorded");
    assert_eq!(store.entries.lock().len(), 4);
}

#[tokio::test]
async fn a_read_that_could_not_be_recorded_is_an_error_and_not_remembered() {
    let (log, store, _) = log();
    let order = OrderKey::random();
    *store.is_down.lock() = true;
    for _ in 0..2 {
        assert!(log.record_codes_read(actor("mara"), order, "A1").await.is_err());
    }
    *store.is_down.lock() = false;
    log.record_codes_read(actor("mara"), order, "A1").await.expect("recorded");
    assert_eq!(store.entries.lock().len(), 1);
}

#[tokio::test]
async fn entries_older_than_the_retention_are_deleted() {
    let (log, store, clock) = log();
    log.record(actor("mara"), AuditAction::SignedIn, AuditSubject::NONE).await.expect("recorded");
    clock.advance(Duration::from_secs(7200));
    assert_eq!(log.delete_old().await.expect("a deletion"), 0);
    clock.advance(Duration::from_secs(1));
    assert_eq!(log.delete_old().await.expect("a deletion"), 1);
    assert!(store.entries.lock().is_empty());
}

#[test]
fn every_action_parses_from_its_name() {
    assert!(AuditAction::ALL.iter().all(|action| action.as_str().parse() == Ok(*action)));
}
