//! Settling legs, trying them again, and notes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::actions::MAX_CONFLICT_RETRIES;
use crate::idempotency;
use crate::leg::Leg;
use crate::listing::{OrderCursor, PageRequest, SortColumn};
use crate::operator::{AddNote, OperatorOutcome, RetryLegs, SettleLeg, at_input, check_refs};
use crate::order::{Order, OrderAction};
use crate::problem::{Problem, ProblemCode};
use crate::request::{Actor, OrderActionRequest};
use crate::saga;
use crate::settlement::check_note;
use crate::status::OrderStatus;
use crate::store::{OrderFilter, OrderLookup};
use crate::unit_of_work::UnitOfWork;
use crate::{OrderOutcome, Orders};
use domain::time::later;
use domain::{OrderKey, SourceId, StoreError};

/// Largest number of legs that one request names.
pub const MAX_RETRIED_LEGS: usize = 10_000;
/// Largest rate of retries, in legs a minute.
const MAX_RATE: u32 = 6_000;
/// Orders read at once.
const PAGE: usize = 100;
/// Shortest time from now for which a retry is scheduled: timers that are due already are not written.
const SOON: Duration = Duration::from_millis(1);

/// Statuses of orders with legs that may wait for a retry.
const UNFINISHED: [OrderStatus; 6] = [
    OrderStatus::Holding,
    OrderStatus::Confirming,
    OrderStatus::Compensating,
    OrderStatus::Releasing,
    OrderStatus::Cancelling,
    OrderStatus::NeedsAttention,
];

impl Orders {
    /// Settles a leg that needs attention. The order goes on from there.
    pub async fn settle(&self, actor: &Actor, request: &SettleLeg) -> Result<OrderOutcome, StoreError> {
        if let Err(code) = check_note(&request.note) {
            return Ok(OrderOutcome::rejected(None, vec![at_input(code, "note")]));
        }
        if self.has_refs_of_another_order(actor, request).await? {
            return Ok(OrderOutcome::rejected(
                None,
                vec![at_input(ProblemCode::ReferenceOfAnotherOrder, "externalRefs")],
            ));
        }
        let action =
            OrderActionRequest { key: request.key.clone(), order: request.order, if_version: request.if_version };
        let hash = idempotency::request_hash(request);
        let name = ("settleLeg", Some(OrderAction::Settle), "leg");
        self.apply_action_with_hash(actor, &action, name, &hash, |work| {
            let Some(leg) = work.order.legs.get(request.leg) else {
                return Err(vec![at_input(ProblemCode::LegNotFound, "leg")]);
            };
            let Some(refs) = check_refs(self.vendor_of(leg), &request.refs) else {
                return Err(vec![at_input(ProblemCode::ReferenceInvalid, "externalRefs")]);
            };
            work.settle(request.leg, request.outcome, &refs, &actor.caller)
                .map_err(|problem| vec![problem.at_path(["input", "outcome"])])?;
            work.add_settlement_note(&actor.caller, &request.note);
            Ok(())
        })
        .await
    }

    /// Returns true if a reference of a settlement is known to be that of another leg.
    async fn has_refs_of_another_order(&self, actor: &Actor, request: &SettleLeg) -> Result<bool, StoreError> {
        let Some(order) = self.find(actor, &OrderLookup::Key(request.order)).await? else { return Ok(false) };
        let Some(leg) = order.legs.get(request.leg) else { return Ok(false) };
        let refs = check_refs(self.vendor_of(leg), &request.refs).unwrap_or_default();
        self.is_of_another_order(&order, leg, &refs).await
    }

    /// Adds a note to an order.
    pub async fn add_note(&self, actor: &Actor, request: &AddNote) -> Result<OrderOutcome, StoreError> {
        let action = OrderActionRequest { key: request.key.clone(), order: request.order, if_version: None };
        let hash = idempotency::request_hash(request);
        self.apply_action_with_hash(actor, &action, ("addOrderNote", None, "order"), &hash, |work| {
            work.add_note(&actor.caller, &request.text).map_err(|code| vec![at_input(code, "text")])
        })
        .await
    }

    /// Looks up, or tries again, legs that wait or need attention: now, or at a rate. Goes on if the caller leaves.
    pub async fn retry(&self, actor: &Actor, request: &RetryLegs) -> Result<OperatorOutcome, StoreError> {
        if interval(request.rate).is_none() {
            return Ok(OperatorOutcome::rejected(ProblemCode::RateInvalid, "ratePerMinute"));
        }
        if request.source.as_ref().is_some_and(|source| !self.0.sources.contains_key(source)) {
            return Ok(OperatorOutcome::rejected(ProblemCode::UnknownSource, "source"));
        }
        let names_legs = |legs: &Vec<_>| (1..=MAX_RETRIED_LEGS).contains(&legs.len());
        if !request.legs.as_ref().map_or(request.source.is_some(), names_legs) {
            return Ok(OperatorOutcome::rejected(ProblemCode::LegNotFound, "legs"));
        }
        let mut action = match self.begin_action(actor, "retryLegs", &request.key, request).await? {
            Ok(action) => action,
            Err(outcome) => return Ok(outcome),
        };
        let (orders, caller, wanted) = (self.clone(), actor.clone(), request.clone());
        let scheduling = self.0.tasks.spawn(async move {
            let outcome = orders.schedule_retries(&caller, &wanted).await?;
            action.scheduled = outcome.scheduled;
            match orders.0.store.insert_action(&action).await {
                // The same request at the same time scheduled the same legs.
                Ok(()) | Err(StoreError::KeyTaken) => Ok(outcome),
                Err(error) => Err(error),
            }
        });
        // A task that panicked scheduled what it did; the same key goes on.
        scheduling.await.unwrap_or(Err(StoreError::Outdated))
    }

    async fn schedule_retries(&self, actor: &Actor, request: &RetryLegs) -> Result<OperatorOutcome, StoreError> {
        let interval = interval(request.rate).unwrap_or_default();
        let mut retries = Retries { actor, interval, after_change: Duration::ZERO, scheduled: 0, problems: Vec::new() };
        match (&request.legs, &request.source) {
            (Some(legs), source) => self.retry_named(&mut retries, legs, source.as_ref()).await?,
            (None, Some(source)) => self.retry_source(&mut retries, source).await?,
            (None, None) => {}
        }
        Ok(OperatorOutcome { scheduled: retries.scheduled, problems: retries.problems })
    }

    /// Retries the legs that a request names.
    async fn retry_named(
        &self,
        retries: &mut Retries<'_>,
        legs: &[(OrderKey, usize)],
        source: Option<&SourceId>,
    ) -> Result<(), StoreError> {
        let mut by_order: BTreeMap<OrderKey, BTreeMap<usize, usize>> = BTreeMap::new();
        for (index, (order, leg)) in legs.iter().enumerate() {
            by_order.entry(*order).or_default().entry(*leg).or_insert(index);
        }
        for (order, indexes) in by_order {
            let is_wanted =
                |_: &Order, leg: &Leg| indexes.contains_key(&leg.number) && source.is_none_or(|it| *it == leg.source);
            let (code, done) = self.retry_order(retries, order, &is_wanted).await?;
            for (leg, index) in &indexes {
                if !done.contains(leg) {
                    let path = ["input".to_owned(), "legs".to_owned(), index.to_string()];
                    retries.problems.push(Problem::new(code).at_path(path));
                }
            }
        }
        Ok(())
    }

    /// Retries all legs of a source. Reports a problem if some orders were busy; a request with another key retries those.
    async fn retry_source(&self, retries: &mut Retries<'_>, source: &SourceId) -> Result<(), StoreError> {
        let filter =
            OrderFilter { status: UNFINISHED.to_vec(), sources: vec![source.clone()], ..OrderFilter::default() };
        let (mut after, mut is_busy): (Option<OrderCursor>, bool) = (None, false);
        loop {
            let page = self.list(retries.actor, &filter, &PageRequest::newest(after, PAGE)).await?;
            for order in &page.orders {
                let is_wanted = |_: &Order, leg: &Leg| leg.source == *source && leg.can_be_retried();
                if order.legs.iter().any(|leg| is_wanted(order, leg)) {
                    let (code, _) = self.retry_order(retries, order.key, &is_wanted).await?;
                    is_busy |= code == ProblemCode::OrderBusy;
                }
            }
            after = page.orders.last().map(|order| OrderCursor::of(order, SortColumn::Created));
            if !page.has_more {
                break;
            }
        }
        if is_busy {
            retries.problems.push(at_input(ProblemCode::OrderBusy, "source"));
        }
        Ok(())
    }

    /// Schedules the retries of some legs of an order. Returns those that were, and why the others were not.
    pub(crate) async fn retry_order(
        &self,
        retries: &mut Retries<'_>,
        order: OrderKey,
        is_wanted: &(dyn Fn(&Order, &Leg) -> bool + Send + Sync),
    ) -> Result<(ProblemCode, BTreeSet<usize>), StoreError> {
        for _ in 0..MAX_CONFLICT_RETRIES {
            let Some(order) = self.find(retries.actor, &OrderLookup::Key(order)).await? else {
                return Ok((ProblemCode::LegNotFound, BTreeSet::new()));
            };
            let now = self.0.clock.now();
            let mut work = UnitOfWork::new(order, &self.0.settings, now);
            let is_wanted = |leg: &&Leg| is_wanted(&work.order, leg);
            let legs: Vec<usize> = work.order.legs.iter().filter(is_wanted).map(|leg| leg.number).collect();
            let earliest = later(work.order.updated_at, retries.after_change);
            let mut scheduled = BTreeSet::new();
            for leg in legs {
                let at = later(now, retries.wait(scheduled.len())).max(earliest);
                if work.retry(leg, at, &retries.actor.caller) {
                    scheduled.insert(leg);
                }
            }
            if scheduled.is_empty() {
                return Ok((ProblemCode::ActionNotAvailable, scheduled));
            }
            let before = work.before.clone();
            match saga::start_action(&self.0, Some(&before), &mut work, None, false).await {
                Ok(_) => {
                    retries.scheduled += scheduled.len() as u64;
                    return Ok((ProblemCode::ActionNotAvailable, scheduled));
                }
                Err(StoreError::Outdated) => {}
                Err(error) => return Err(error),
            }
        }
        Ok((ProblemCode::OrderBusy, BTreeSet::new()))
    }
}

/// Returns the time between two legs. `None` if the rate is out of range.
fn interval(rate: Option<i64>) -> Option<Duration> {
    let Some(rate) = rate else { return Some(Duration::ZERO) };
    let rate = u32::try_from(rate).ok().filter(|rate| (1..=MAX_RATE).contains(rate))?;
    Some(Duration::from_secs(60) / rate)
}

/// Retries that a request has scheduled so far.
pub(crate) struct Retries<'a> {
    actor: &'a Actor,
    /// Time between two legs.
    interval: Duration,
    /// Shortest time between the last change of an order and its retry.
    after_change: Duration,
    scheduled: u64,
    problems: Vec<Problem>,
}

impl<'a> Retries<'a> {
    /// Creates retries at once, but not sooner than this time after the last change of an order.
    pub(crate) fn after_change(actor: &'a Actor, wait: Duration) -> Self {
        Self { actor, interval: Duration::ZERO, after_change: wait, scheduled: 0, problems: Vec::new() }
    }

    /// Returns the time until the next leg, after some more of the current order.
    fn wait(&self, more: usize) -> Duration {
        let legs = self.scheduled.saturating_add(more as u64);
        self.interval.saturating_mul(u32::try_from(legs).unwrap_or(u32::MAX)).max(SOON)
    }
}
