//! A person's hand on orders and sources: settle legs, try them again, note, tie orphans to orders, and pause sources.
//!
//! What concerns one order is an action on it, with its idempotency record. Everything else has a record of its own.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::Serialize;

use crate::actions::MAX_CONFLICT_RETRIES;
use crate::idempotency;
use crate::leg::Leg;
use crate::order::{Order, OrderAction};
use crate::problem::{Problem, ProblemCode};
use crate::request::{Actor, OrderActionRequest};
use crate::saga;
use crate::settlement::{LegSettlement, MAX_SETTLED_REFS, check_note};
use crate::status::OrderStatus;
use crate::store::{OrderCursor, OrderFilter, OrderLookup};
use crate::unit_of_work::UnitOfWork;
use crate::{OrderOutcome, Orders};
use domain::time::{earlier, later};
use domain::{ExternalRef, OrderKey, SourceId, StoreError};

/// Largest number of legs that one request tries again.
pub const MAX_RETRIED_LEGS: usize = 10_000;
/// Largest rate of retries, in legs a minute.
const MAX_RATE: u32 = 6_000;
/// Longest kind or value of a reference, in characters.
const MAX_REF_LENGTH: usize = 255;
/// Kind of the identifier of an orphan that has none but our own reference.
pub(crate) const OUR_REFERENCE: &str = "ticketgraph.reference";
/// Orders read at once.
const PAGE: usize = 100;
/// Shortest time from now for which a retry is scheduled: timers that are due already are not written.
const SOON: Duration = Duration::from_millis(1);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Statuses of orders with legs that may wait for a retry.
const UNFINISHED: [OrderStatus; 6] = [
    OrderStatus::Holding,
    OrderStatus::Confirming,
    OrderStatus::Compensating,
    OrderStatus::Releasing,
    OrderStatus::Cancelling,
    OrderStatus::NeedsAttention,
];

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
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    serde::Serialize,
    strum::IntoStaticStr,
    strum::EnumString,
    strum::VariantArray,
)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum PauseMode {
    /// New orders are refused; orders that have begun go on.
    RefuseNewOrders,
    /// No call is made at all.
    StopAllCalls,
}

impl PauseMode {
    /// Name in the store.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Parses a stored name.
    pub fn parse(name: &str) -> Option<Self> {
        name.parse().ok()
    }
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

    /// Stores or ends the pause of a source, together with the record of the request.
    async fn write_pause(
        &self,
        action: &OperatorAction,
        source: &SourceId,
        pause: Option<&SourcePause>,
    ) -> Result<(), StoreError>;

    /// Lists all pauses.
    async fn list_pauses(&self) -> Result<Vec<SourcePause>, StoreError>;

    /// Stores the decision about an orphan, together with the record of the request. A later decision replaces it.
    async fn write_orphan(&self, action: &OperatorAction, orphan: &ResolvedOrphan) -> Result<(), StoreError>;

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
    /// Settles a leg that needs attention. The order goes on from there.
    pub async fn settle(&self, actor: &Actor, request: &SettleLeg) -> Result<OrderOutcome, StoreError> {
        let rejected = |code, part| Ok(OrderOutcome::rejected(None, vec![at_input(code, part)]));
        if let Err(code) = check_note(&request.note) {
            return rejected(code, "note");
        }
        let action =
            OrderActionRequest { key: request.key.clone(), order: request.order, if_version: request.if_version };
        let hash = idempotency::request_hash(request);
        let name = ("settleLeg", Some(OrderAction::Settle));
        self.apply_action_with_hash(actor, &action, name, &hash, |work| {
            let Some(leg) = work.order.legs.get(request.leg) else {
                return Err(vec![at_input(ProblemCode::LegNotFound, "leg")]);
            };
            let Some(refs) = check_refs(self.vendor_of(leg), &request.refs) else {
                return Err(vec![at_input(ProblemCode::ReferenceInvalid, "externalRefs")]);
            };
            work.settle(request.leg, request.outcome, &refs, &actor.caller)
                .map_err(|problem| vec![problem.at_path(["input", "outcome"])])?;
            work.add_note(&actor.caller, &request.note).map_err(|code| vec![at_input(code, "note")])
        })
        .await
    }

    /// Adds a note to an order.
    pub async fn add_note(&self, actor: &Actor, request: &AddNote) -> Result<OrderOutcome, StoreError> {
        let action = OrderActionRequest { key: request.key.clone(), order: request.order, if_version: None };
        let hash = idempotency::request_hash(request);
        let name = ("addOrderNote", None);
        self.apply_action_with_hash(actor, &action, name, &hash, |work| {
            work.add_note(&actor.caller, &request.text).map_err(|code| vec![at_input(code, "text")])
        })
        .await
    }

    /// Looks up, or tries again, legs that wait or need attention: now, or at a rate.
    pub async fn retry(&self, actor: &Actor, request: &RetryLegs) -> Result<OperatorOutcome, StoreError> {
        let interval = match request.rate {
            None => Duration::ZERO,
            Some(rate) => match u32::try_from(rate) {
                Ok(rate @ 1..=MAX_RATE) => Duration::from_secs(60) / rate,
                _ => return Ok(OperatorOutcome::rejected(ProblemCode::RateInvalid, "ratePerMinute")),
            },
        };
        if request.source.as_ref().is_some_and(|source| !self.0.sources.contains_key(source)) {
            return Ok(OperatorOutcome::rejected(ProblemCode::UnknownSource, "source"));
        }
        if request
            .legs
            .as_ref()
            .map_or(request.source.is_none(), |legs| legs.is_empty() || legs.len() > MAX_RETRIED_LEGS)
        {
            return Ok(OperatorOutcome::rejected(ProblemCode::LegNotFound, "legs"));
        }
        let mut action = match self.begin_action(actor, "retryLegs", &request.key, request).await? {
            Ok(action) => action,
            Err(outcome) => return Ok(outcome),
        };
        let mut retries = Retries { actor, interval, scheduled: 0, problems: Vec::new() };
        match &request.legs {
            Some(legs) => {
                let mut by_order: BTreeMap<OrderKey, Vec<usize>> = BTreeMap::new();
                legs.iter().for_each(|(order, leg)| by_order.entry(*order).or_default().push(*leg));
                for (order, legs) in by_order {
                    let is_wanted = |leg: &Leg| {
                        legs.contains(&leg.number) && request.source.as_ref().is_none_or(|it| *it == leg.source)
                    };
                    if self.retry_order(&mut retries, order, &is_wanted).await? < legs.len() {
                        retries.problems.extend(legs.iter().map(|_| at_input(ProblemCode::ActionNotAvailable, "legs")));
                    }
                }
            }
            None => self.retry_source(&mut retries, request.source.as_ref()).await?,
        }
        action.scheduled = retries.scheduled;
        match self.0.store.insert_action(&action).await {
            // The same request at the same time scheduled the same legs.
            Ok(()) | Err(StoreError::KeyTaken) => {}
            Err(error) => return Err(error),
        }
        Ok(OperatorOutcome { scheduled: retries.scheduled, problems: retries.problems })
    }

    /// Retries all legs of a source.
    async fn retry_source(&self, retries: &mut Retries<'_>, source: Option<&SourceId>) -> Result<(), StoreError> {
        let filter = OrderFilter {
            status: UNFINISHED.to_vec(),
            sources: source.into_iter().cloned().collect(),
            ..OrderFilter::default()
        };
        let mut after: Option<OrderCursor> = None;
        loop {
            let page = self.list(retries.actor, &filter, after.as_ref(), PAGE).await?;
            for order in &page.orders {
                let is_wanted = |leg: &Leg| Some(&leg.source) == source && leg.can_be_retried();
                if order.legs.iter().any(is_wanted) {
                    self.retry_order(retries, order.key, &is_wanted).await?;
                }
            }
            after = page.orders.last().map(OrderCursor::of);
            if !page.has_more || retries.scheduled >= MAX_RETRIED_LEGS as u64 {
                return Ok(());
            }
        }
    }

    /// Schedules the retries of some legs of an order and returns their number. An order that is being processed needs none.
    async fn retry_order(
        &self,
        retries: &mut Retries<'_>,
        order: OrderKey,
        is_wanted: &(dyn Fn(&Leg) -> bool + Send + Sync),
    ) -> Result<usize, StoreError> {
        for _ in 0..MAX_CONFLICT_RETRIES {
            let Some(order) = self.find(retries.actor, &OrderLookup::Key(order)).await? else { return Ok(0) };
            let now = self.0.clock.now();
            let mut work = UnitOfWork::new(order, &self.0.settings, now);
            let wanted: Vec<usize> =
                work.order.legs.iter().filter(|leg| is_wanted(leg)).map(|leg| leg.number).collect();
            let mut scheduled = 0;
            for leg in wanted {
                let at = later(now, retries.wait(scheduled));
                scheduled += usize::from(work.retry(leg, at, &retries.actor.caller));
            }
            if scheduled == 0 {
                return Ok(0);
            }
            let before = work.before.clone();
            match saga::start_action(&self.0, Some(&before), &mut work, None, false).await {
                Ok(_) => {
                    retries.scheduled += scheduled as u64;
                    return Ok(scheduled);
                }
                Err(StoreError::Outdated) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(0)
    }

    /// Ties something that was found only at a vendor to a leg, or declares it none of ours.
    pub async fn resolve_orphan(&self, actor: &Actor, request: &ResolveOrphan) -> Result<OperatorOutcome, StoreError> {
        if let Err(code) = check_note(&request.note) {
            return Ok(OperatorOutcome::rejected(code, "note"));
        }
        let Some(source) = self.0.sources.get(&request.source) else {
            return Ok(OperatorOutcome::rejected(ProblemCode::UnknownSource, "source"));
        };
        let refs = check_refs(Some(source.vendor.name()), std::slice::from_ref(&request.reference));
        let Some(reference) = refs.and_then(|refs| refs.into_iter().next()) else {
            return Ok(OperatorOutcome::rejected(ProblemCode::ReferenceInvalid, "ref"));
        };
        let action = match self.begin_action(actor, "resolveOrphan", &request.key, request).await? {
            Ok(action) => action,
            Err(outcome) => return Ok(outcome),
        };
        if let Some((order, leg)) = request.leg {
            let found = self.find(actor, &OrderLookup::Key(order)).await?;
            let Some(order) = found.filter(|order| order.legs.get(leg).is_some_and(|leg| leg.source == request.source))
            else {
                return Ok(OperatorOutcome::rejected(ProblemCode::LegNotFound, "leg"));
            };
            if self.is_of_another_order(&order, leg, &request.source, &reference).await? {
                return Ok(OperatorOutcome::rejected(ProblemCode::ReferenceOfAnotherOrder, "ref"));
            }
            let note = AddNoteAndRef { leg, reference: reference.clone(), note: request.note.clone() };
            let outcome = self.tie(actor, order.key, &request.key, &note).await?;
            if !outcome.problems.is_empty() {
                return Ok(OperatorOutcome { scheduled: 0, problems: outcome.problems });
            }
        }
        let orphan = ResolvedOrphan {
            source: request.source.clone(),
            reference,
            leg: request.leg,
            note: request.note.clone(),
            by: actor.caller.clone(),
            at: action.at,
        };
        match self.0.store.write_orphan(&action, &orphan).await {
            Ok(()) | Err(StoreError::KeyTaken) => Ok(OperatorOutcome::default()),
            Err(error) => Err(error),
        }
    }

    /// Adds the identifier and the note to the order.
    async fn tie(
        &self,
        actor: &Actor,
        order: OrderKey,
        key: &str,
        tied: &AddNoteAndRef,
    ) -> Result<OrderOutcome, StoreError> {
        let action = OrderActionRequest { key: key.to_owned(), order, if_version: None };
        let hash = idempotency::request_hash(&(tied.leg, &tied.note));
        let name = ("resolveOrphan", None);
        self.apply_action_with_hash(actor, &action, name, &hash, |work| {
            work.add_ref(tied.leg, &tied.reference);
            work.add_note(&actor.caller, &tied.note).map_err(|code| vec![at_input(code, "note")])
        })
        .await
    }

    /// Returns true if an identifier was tied to another leg, or an order of about the same time has it.
    async fn is_of_another_order(
        &self,
        order: &Order,
        leg: usize,
        source: &SourceId,
        reference: &ExternalRef,
    ) -> Result<bool, StoreError> {
        let tied = self.0.store.list_orphans(source).await?;
        let is_other = |other: OrderKey, number: usize| (other, number) != (order.key, leg);
        let is_tied = tied.iter().any(|orphan| {
            orphan.reference == *reference && orphan.leg.is_some_and(|(other, number)| is_other(other, number))
        });
        if is_tied {
            return Ok(true);
        }
        let (from, to) = (earlier(order.created_at, DAY), later(order.created_at, DAY));
        let around = self.0.store.list_orders_at(source, from, to).await?;
        let mut legs = around.iter().flat_map(|other| other.legs.iter().map(|leg| (other.key, leg)));
        Ok(legs
            .any(|(other, leg)| is_other(other, leg.number) && leg.source == *source && leg.refs.contains(reference)))
    }

    /// Pauses a source.
    pub async fn pause_source(&self, actor: &Actor, request: &PauseSource) -> Result<OperatorOutcome, StoreError> {
        if let Err(code) = check_note(&request.note) {
            return Ok(OperatorOutcome::rejected(code, "note"));
        }
        if !self.0.sources.contains_key(&request.source) {
            return Ok(OperatorOutcome::rejected(ProblemCode::UnknownSource, "source"));
        }
        let now = self.0.clock.now();
        if request.until.is_some_and(|until| until <= now) {
            return Ok(OperatorOutcome::rejected(ProblemCode::TimeInvalid, "until"));
        }
        let action = match self.begin_action(actor, "pauseSource", &request.key, request).await? {
            Ok(action) => action,
            Err(outcome) => return Ok(outcome),
        };
        self.0.pauses.load(&self.0).await?;
        if self.pause_of(&request.source).is_some() {
            return Ok(OperatorOutcome::rejected(ProblemCode::SourcePaused, "source"));
        }
        let pause = SourcePause {
            source: request.source.clone(),
            mode: request.mode,
            since: now,
            until: request.until,
            note: request.note.clone(),
            by: actor.caller.clone(),
        };
        self.write_pause(&action, &request.source, Some(&pause)).await
    }

    /// Ends the pause of a source.
    pub async fn resume_source(
        &self,
        actor: &Actor,
        key: &str,
        source: &SourceId,
    ) -> Result<OperatorOutcome, StoreError> {
        if !self.0.sources.contains_key(source) {
            return Ok(OperatorOutcome::rejected(ProblemCode::UnknownSource, "source"));
        }
        let action = match self.begin_action(actor, "resumeSource", key, &source).await? {
            Ok(action) => action,
            Err(outcome) => return Ok(outcome),
        };
        self.0.pauses.load(&self.0).await?;
        if self.pause_of(source).is_none() {
            return Ok(OperatorOutcome::rejected(ProblemCode::SourceNotPaused, "source"));
        }
        self.write_pause(&action, source, None).await
    }

    async fn write_pause(
        &self,
        action: &OperatorAction,
        source: &SourceId,
        pause: Option<&SourcePause>,
    ) -> Result<OperatorOutcome, StoreError> {
        match self.0.store.write_pause(action, source, pause).await {
            Ok(()) | Err(StoreError::KeyTaken) => {}
            Err(error) => return Err(error),
        }
        tracing::warn!(source = source.as_str(), by = action.scope, paused = pause.is_some(), "source pause changed");
        self.0.pauses.load(&self.0).await?;
        Ok(OperatorOutcome::default())
    }

    /// Returns the pause of a source, if it is paused now.
    pub fn pause_of(&self, source: &SourceId) -> Option<SourcePause> {
        self.0.pauses.find(source, self.0.clock.now())
    }

    /// Returns the record of a new request, or the outcome of a key that is invalid or was used before.
    async fn begin_action<T: Serialize + Sync>(
        &self,
        actor: &Actor,
        operation: &'static str,
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

    /// Returns the name of the vendor of a leg, if its source is configured.
    fn vendor_of(&self, leg: &Leg) -> Option<&'static str> {
        self.0.sources.get(&leg.source).map(|source| source.vendor.name())
    }
}

/// Identifier and note that are added to an order.
struct AddNoteAndRef {
    leg: usize,
    reference: ExternalRef,
    note: String,
}

/// Retries that a request has scheduled so far.
struct Retries<'a> {
    actor: &'a Actor,
    /// Time between two legs.
    interval: Duration,
    scheduled: u64,
    problems: Vec<Problem>,
}

impl Retries<'_> {
    /// Returns the time until the next leg, after some more of the current order.
    fn wait(&self, more: usize) -> Duration {
        let before =
            u32::try_from(self.scheduled).unwrap_or(u32::MAX).saturating_add(u32::try_from(more).unwrap_or(u32::MAX));
        self.interval.saturating_mul(before).max(SOON)
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
