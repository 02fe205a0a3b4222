//! A person's hand on orders and sources: settle legs, try them again, note, tie orphans to orders, and pause sources.
//!
//! What concerns one order is an action on it, with its idempotency record. Everything else has a record of its own.

mod legs;
mod orphans;
mod source_pauses;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::Serialize;

use crate::Orders;
use crate::idempotency;
use crate::leg::Leg;
use crate::problem::{Problem, ProblemCode};
use crate::request::Actor;
use crate::settlement::{LegSettlement, MAX_SETTLED_REFS};
use domain::{ExternalRef, OrderKey, SourceId, StoreError};

pub use legs::MAX_RETRIED_LEGS;
pub(crate) use legs::Retries;

/// Longest kind or value of a reference, in characters.
const MAX_REF_LENGTH: usize = 255;
/// Kind of the identifier of an orphan that has none but our own reference.
pub(crate) const OUR_REFERENCE: &str = "ticketgraph.reference";

/// Settlement of a leg.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SettleLeg {
    /// Idempotency key.
    #[serde(skip)]
    pub key: String,
    /// The order.
    pub order: OrderKey,
    /// Index of the leg.
    pub leg: usize,
    /// Version read by the caller; any other version is rejected.
    pub if_version: Option<u64>,
    /// Finding in the vendor's books.
    pub outcome: LegSettlement,
    /// Note for the order.
    pub note: String,
    /// The vendor's identifiers, kind and value.
    pub refs: Vec<(String, String)>,
}

/// Retry of legs that wait or need attention.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RetryLegs {
    /// Idempotency key.
    #[serde(skip)]
    pub key: String,
    /// The legs. `None`: all of the source.
    pub legs: Option<Vec<(OrderKey, usize)>>,
    /// The source. `None`: any.
    pub source: Option<SourceId>,
    /// Legs a minute. `None`: all at once, as fast as the source allows.
    pub rate: Option<i64>,
}

/// Note for an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AddNote {
    /// Idempotency key.
    #[serde(skip)]
    pub key: String,
    /// The order.
    pub order: OrderKey,
    /// Text.
    pub text: String,
}

/// Decision about something that was found only at a vendor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResolveOrphan {
    /// Idempotency key.
    #[serde(skip)]
    pub key: String,
    /// The source.
    pub source: SourceId,
    /// Kind and value of the vendor's identifier.
    pub reference: (String, String),
    /// Leg that it belongs to. `None`: it is none of ours.
    pub leg: Option<(OrderKey, usize)>,
    /// Reason.
    pub note: String,
}

/// Pause of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PauseSource {
    /// Idempotency key.
    #[serde(skip)]
    pub key: String,
    /// The source.
    pub source: SourceId,
    /// Extent of the pause.
    pub mode: PauseMode,
    /// Reason.
    pub note: String,
    /// End of the pause. `None`: until it is resumed.
    pub until: Option<Timestamp>,
}

/// Extent of a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, strum::IntoStaticStr, strum::EnumString)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum PauseMode {
    /// New orders are refused; orders that have begun go on.
    RefuseNewOrders,
    /// No call is made at all.
    StopAllCalls,
}

/// A paused source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourcePause {
    /// The source.
    pub source: SourceId,
    /// Extent of the pause.
    pub mode: PauseMode,
    /// Start of the pause.
    pub since: Timestamp,
    /// End of the pause. `None`: until it is resumed.
    pub until: Option<Timestamp>,
    /// Reason.
    pub note: String,
    /// API caller that paused it.
    pub by: String,
}

impl SourcePause {
    /// Returns true unless the pause is over.
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// Orphan about which a person has decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedOrphan {
    /// The source.
    pub source: SourceId,
    /// The vendor's identifier.
    pub reference: ExternalRef,
    /// Leg that it belongs to. `None`: it is none of ours.
    pub leg: Option<(OrderKey, usize)>,
    /// Reason.
    pub note: String,
    /// API caller that decided.
    pub by: String,
    /// Time of the decision.
    pub at: Timestamp,
}

/// Record of an operator's request that concerns no single order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorAction {
    /// Owner of the key.
    pub scope: String,
    /// Name of the mutation.
    pub operation: String,
    /// Idempotency key.
    pub key: String,
    /// Hash of the request.
    pub request_hash: String,
    /// Number of legs that were scheduled.
    pub scheduled: u64,
    /// Time of the request.
    pub at: Timestamp,
}

/// Durable store of what operators decided.
#[async_trait]
pub trait OperatorStore: Send + Sync {
    /// Finds the record of an idempotency key.
    async fn find_action(&self, scope: &str, operation: &str, key: &str) -> Result<Option<OperatorAction>, StoreError>;

    /// Stores the record of a request. Fails with [`StoreError::KeyTaken`] if the key was used.
    async fn insert_action(&self, action: &OperatorAction) -> Result<(), StoreError>;

    /// Stores the pause of a source, together with the record of the request. Fails with [`StoreError::Outdated`] if the source is
    /// paused already.
    async fn insert_pause(&self, action: &OperatorAction, pause: &SourcePause) -> Result<(), StoreError>;

    /// Ends the pause of a source, together with the record of the request. Fails with [`StoreError::Outdated`] if it is not paused.
    async fn delete_pause(&self, action: &OperatorAction, source: &SourceId) -> Result<(), StoreError>;

    /// Lists all pauses.
    async fn list_pauses(&self) -> Result<Vec<SourcePause>, StoreError>;

    /// Stores the decision about an orphan, together with the record of the request, beside earlier ones. Fails with
    /// [`StoreError::Outdated`] if it was tied to another leg.
    async fn write_orphan(&self, action: &OperatorAction, orphan: &ResolvedOrphan) -> Result<(), StoreError>;

    /// Takes a decision back, together with the record of its request.
    async fn delete_orphan(&self, action: &OperatorAction) -> Result<(), StoreError>;

    /// Lists the decisions about orphans of a source.
    async fn list_orphans(&self, source: &SourceId) -> Result<Vec<ResolvedOrphan>, StoreError>;
}

/// Outcome of a request that concerns no single order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OperatorOutcome {
    /// Number of legs that were scheduled.
    pub scheduled: u64,
    /// Expected failures.
    pub problems: Vec<Problem>,
}

impl OperatorOutcome {
    fn rejected(code: ProblemCode, part: &'static str) -> Self {
        Self { scheduled: 0, problems: vec![at_input(code, part)] }
    }
}

fn at_input(code: ProblemCode, part: &'static str) -> Problem {
    Problem::new(code).at_path(["input", part])
}

impl Orders {
    /// Returns the record of a new request, or the outcome of a key that is invalid or was used before.
    async fn begin_action<T: Serialize + Sync + ?Sized>(
        &self,
        actor: &Actor,
        operation: &str,
        key: &str,
        request: &T,
    ) -> Result<Result<OperatorAction, OperatorOutcome>, StoreError> {
        if let Some(problem) = idempotency::validate_key(key) {
            return Ok(Err(OperatorOutcome { scheduled: 0, problems: vec![problem] }));
        }
        let (scope, request_hash) = (actor.idempotency_scope(), idempotency::request_hash(request));
        if let Some(used) = self.0.store.find_action(&scope, operation, key).await? {
            let outcome = if used.request_hash == request_hash {
                OperatorOutcome { scheduled: used.scheduled, problems: Vec::new() }
            } else {
                OperatorOutcome::rejected(ProblemCode::IdempotencyKeyReused, "idempotencyKey")
            };
            return Ok(Err(outcome));
        }
        let (operation, key, at) = (operation.to_owned(), key.to_owned(), self.0.clock.now());
        Ok(Ok(OperatorAction { scope, operation, key, request_hash, scheduled: 0, at }))
    }

    /// Returns the outcome of a request with a key that was used at the same time.
    async fn replay_action<T: Serialize + Sync + ?Sized>(
        &self,
        actor: &Actor,
        action: &OperatorAction,
        request: &T,
    ) -> Result<OperatorOutcome, StoreError> {
        let outcome = self.begin_action(actor, &action.operation, &action.key, request).await?;
        outcome.err().ok_or(StoreError::KeyTaken)
    }

    /// Returns the name of the vendor of a leg, if its source is configured.
    fn vendor_of(&self, leg: &Leg) -> Option<&'static str> {
        self.0.sources.get(&leg.source).map(|source| source.vendor.name())
    }
}

/// Returns the references if each has a kind of the vendor and a value, both of a sensible length.
fn check_refs(vendor: Option<&str>, refs: &[(String, String)]) -> Option<Vec<ExternalRef>> {
    let is_valid = |(kind, value): &(String, String)| {
        let is_of_vendor = vendor.is_some_and(|vendor| {
            kind.strip_prefix(vendor).and_then(|rest| rest.strip_prefix('.')).is_some_and(|name| !name.is_empty())
        });
        let is_short = |text: &str| text.chars().count() <= MAX_REF_LENGTH && !text.chars().any(char::is_control);
        (is_of_vendor || kind == OUR_REFERENCE) && is_short(kind) && is_short(value) && !value.trim().is_empty()
    };
    let is_ok = refs.len() <= MAX_SETTLED_REFS && refs.iter().all(is_valid);
    is_ok.then(|| refs.iter().map(|(kind, value)| ExternalRef { kind: kind.clone(), value: value.clone() }).collect())
}
