//! A catalog that records its calls and fails by script.

use std::collections::BTreeMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::{
    Availability, Batch, CalendarDay, Catalog, CatalogScope, Clock, ErrorKind, Event, EventKey, Observed, Performance,
    PerformanceKey, PerformanceWindow, SourceId, TicketType, VendorError, VendorOperation,
};
use jiff::civil::Date;
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use crate::records::{FakeRecords, GeneratedRecords};

/// Cause of every scripted failure. It must not reach a client.
pub const VENDOR_TEXT: &str = "hush: vendor text";

/// Outcome of one key of a call.
#[derive(Debug, Clone)]
pub enum FakeOutcome {
    /// Returns the record, or "not found".
    Succeed,
    /// Fails.
    Fail(ErrorKind),
    /// Is rate-limited, with a wait.
    Throttle(Duration),
    /// Succeeds after a while. The delays of several keys overlap.
    Delay(Duration),
    /// Never returns.
    Hang,
    /// Returns no result for the key.
    Omit,
    /// Panics.
    Panic,
}

/// One key of a call, as a script sees it.
pub struct ScriptedKey<'a> {
    /// Number of the call, from zero.
    pub call: usize,
    /// Operation of the call.
    pub operation: VendorOperation,
    /// All keys of the call.
    pub keys: &'a [String],
    /// The key whose outcome is chosen.
    pub key: &'a str,
}

type Script = Box<dyn Fn(&ScriptedKey<'_>) -> FakeOutcome + Send + Sync>;

/// A recorded call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedCall {
    /// Its operation.
    pub operation: VendorOperation,
    /// Its keys.
    pub keys: Vec<String>,
}

/// A catalog that serves records, records its calls, yields in each call, and fails by script before or after it acts.
pub struct FakeCatalog<R = GeneratedRecords> {
    /// The records. Tests change them.
    pub records: R,
    id: SourceId,
    clock: Arc<dyn Clock>,
    calls: Mutex<Vec<RecordedCall>>,
    script: Mutex<Script>,
    /// Calls wait for a permit before they return.
    gate: Semaphore,
}

impl<R: FakeRecords> FakeCatalog<R> {
    /// Creates a catalog in which every call succeeds.
    pub fn new(id: SourceId, clock: Arc<dyn Clock>, records: R) -> Arc<Self> {
        Arc::new(Self {
            records,
            id,
            clock,
            calls: Mutex::default(),
            script: Mutex::new(Box::new(|_| FakeOutcome::Succeed)),
            gate: Semaphore::new(Semaphore::MAX_PERMITS / 2),
        })
    }

    /// Chooses the outcome of every key of every call.
    pub fn script(&self, script: impl Fn(&ScriptedKey<'_>) -> FakeOutcome + Send + Sync + 'static) {
        *self.script.lock() = Box::new(script);
    }

    /// Gives every call the same outcome.
    pub fn always(&self, outcome: FakeOutcome) {
        self.script(move |_| outcome.clone());
    }

    /// Gives the calls of one operation the same outcome, and lets all others succeed.
    pub fn always_in(&self, operation: VendorOperation, outcome: FakeOutcome) {
        self.script(move |key| if key.operation == operation { outcome.clone() } else { FakeOutcome::Succeed });
    }

    /// Keeps every call from returning until `open_gate`.
    pub fn close_gate(&self) {
        self.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    /// Lets waiting and later calls return.
    pub fn open_gate(&self) {
        self.gate.add_permits(Semaphore::MAX_PERMITS / 2);
    }

    /// Returns the recorded calls.
    pub fn calls(&self) -> Vec<RecordedCall> {
        self.calls.lock().clone()
    }

    /// Returns the keys of each recorded call.
    pub fn called_keys(&self) -> Vec<Vec<String>> {
        self.calls.lock().iter().map(|call| call.keys.clone()).collect()
    }

    /// Returns the number of recorded calls.
    pub fn call_count(&self) -> usize {
        self.calls.lock().len()
    }

    /// Returns the number of calls of each operation, in alphabetical order.
    pub fn call_counts(&self) -> Vec<(&'static str, usize)> {
        let mut counts = BTreeMap::new();
        for call in self.calls.lock().iter() {
            *counts.entry(call.operation.name()).or_insert(0) += 1;
        }
        counts.into_iter().collect()
    }

    /// Clears the recorded calls.
    pub fn clear_calls(&self) {
        self.calls.lock().clear();
    }

    /// Runs one call: records it, and returns a result per key.
    async fn run<K: Clone + Eq + Hash, V>(
        &self,
        operation: VendorOperation,
        keys: &[K],
        name: impl Fn(&K) -> String,
        find: impl Fn(&K) -> Option<V>,
    ) -> Batch<K, V> {
        let names: Vec<String> = keys.iter().map(name).collect();
        let number = {
            let mut calls = self.calls.lock();
            calls.push(RecordedCall { operation, keys: names.clone() });
            calls.len() - 1
        };
        tokio::task::yield_now().await;
        self.gate.acquire().await.expect("a gate").forget();
        let error = |kind| VendorError::new(&self.id, operation, kind);
        let outcome =
            |name: &String| (self.script.lock())(&ScriptedKey { call: number, operation, keys: &names, key: name });
        let outcomes: Vec<FakeOutcome> = names.iter().map(outcome).collect();
        let delay = outcomes.iter().filter_map(|outcome| match outcome {
            FakeOutcome::Delay(wait) => Some(*wait),
            _ => None,
        });
        if let Some(wait) = delay.max() {
            tokio::time::sleep(wait).await;
        }
        let mut results = Batch::new();
        for (key, outcome) in keys.iter().zip(outcomes) {
            let result = match outcome {
                FakeOutcome::Succeed | FakeOutcome::Delay(_) => find(key).ok_or_else(|| error(ErrorKind::NotFound)),
                FakeOutcome::Fail(kind) => Err(error(kind).with_cause(VENDOR_TEXT)),
                FakeOutcome::Throttle(wait) => Err(error(ErrorKind::RateLimited).with_retry_after(Some(wait))),
                FakeOutcome::Hang => std::future::pending().await,
                FakeOutcome::Omit => continue,
                FakeOutcome::Panic => panic!("a bug in a vendor crate"),
            };
            results.insert(key.clone(), result);
        }
        results
    }

    /// Runs one call without keys. Ports other than the catalog use it.
    pub async fn run_single(&self, operation: VendorOperation) -> Result<(), VendorError> {
        self.run(operation, &[()], |()| String::new(), |()| Some(())).await.remove(&()).unwrap_or(Ok(()))
    }

    fn observed<T>(&self, value: T) -> Observed<T> {
        Observed::live(value, self.clock.now())
    }
}

#[async_trait]
impl<R: FakeRecords> Catalog for FakeCatalog<R> {
    async fn list_events(&self, scope: CatalogScope) -> Result<Observed<Arc<Vec<Arc<Event>>>>, VendorError> {
        let find = |scope: &CatalogScope| Some(self.observed(self.records.list(*scope)));
        let name = |scope: &CatalogScope| format!("{scope:?}");
        self.run(VendorOperation::ListEvents, &[scope], name, find).await.remove(&scope).expect("a result")
    }

    async fn load_events(&self, keys: &[EventKey]) -> Batch<EventKey, Observed<Arc<Event>>> {
        let find = |key: &EventKey| self.records.event(key).map(|event| self.observed(event));
        self.run(VendorOperation::LoadEvents, keys, EventKey::to_string, find).await
    }

    async fn load_ticket_types(&self, events: &[EventKey]) -> Batch<EventKey, Observed<Arc<Vec<TicketType>>>> {
        let find = |key: &EventKey| self.records.ticket_types(key).map(|listed| self.observed(listed));
        self.run(VendorOperation::LoadTicketTypes, events, EventKey::to_string, find).await
    }

    async fn list_performances(
        &self,
        events: &[EventKey],
        window: &PerformanceWindow,
    ) -> Batch<EventKey, Observed<Arc<Vec<Arc<Performance>>>>> {
        let find = |key: &EventKey| self.records.performances(key, window).map(|listed| self.observed(listed));
        self.run(VendorOperation::ListPerformances, events, EventKey::to_string, find).await
    }

    async fn load_performances(&self, keys: &[PerformanceKey]) -> Batch<PerformanceKey, Observed<Arc<Performance>>> {
        let find = |key: &PerformanceKey| self.records.performance(key).map(|found| self.observed(found));
        self.run(VendorOperation::LoadPerformances, keys, PerformanceKey::to_string, find).await
    }

    /// Returns the availability that was listed with a performance, if it is not older than `max_age`.
    async fn load_availability(
        &self,
        performances: &[Observed<Arc<Performance>>],
        max_age: Duration,
    ) -> Batch<PerformanceKey, Observed<Arc<Availability>>> {
        let listed: BTreeMap<_, _> = performances.iter().map(|item| (item.value.key.clone(), item)).collect();
        let keys: Vec<_> = performances.iter().map(|item| item.value.key.clone()).collect();
        let find = |key: &PerformanceKey| match &listed[key].value.listed_availability {
            Some(availability) if listed[key].freshness.is_within(max_age, self.clock.now()) => {
                Some(Observed { value: Arc::clone(availability), freshness: listed[key].freshness })
            }
            _ => self.records.availability(key).map(|availability| self.observed(availability)),
        };
        self.run(VendorOperation::LoadAvailability, &keys, PerformanceKey::to_string, find).await
    }

    async fn load_calendar(&self, events: &[EventKey], from: Date, to: Date) -> Batch<EventKey, Arc<Vec<CalendarDay>>> {
        let find = |key: &EventKey| self.records.calendar(key, from, to);
        self.run(VendorOperation::LoadCalendar, events, EventKey::to_string, find).await
    }
}
