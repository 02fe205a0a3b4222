//! Change of a held order: other lines are held in a new order, which replaces the old one once it is held.

use std::sync::Arc;

use futures_util::StreamExt;
use jiff::Timestamp;
use tokio::sync::oneshot;
use tracing::{Instrument, Span};

use crate::actions::MAX_CONFLICT_RETRIES;
use crate::bus::{ChangeEvent, ChangeEventStream};
use crate::capacity::Reserved;
use crate::idempotency::{self, IdempotencyRecord};
use crate::order::{Order, OrderAction};
use crate::problem::{Problem, ProblemCode, ProblemDetail};
use crate::replacement;
use crate::request::{self, Actor, ChangeHeldOrder, CreateOrder, line_path};
use crate::saga;
use crate::status::Intent;
use crate::store::OrderLookup;
use crate::unit_of_work::UnitOfWork;
use crate::{OrderOutcome, Orders};
use domain::{OrderKey, StoreError};
use telemetry::explain::propagate;

/// Name of the mutation, which owns its idempotency keys.
const OPERATION: &str = "changeHeldOrder";

impl Orders {
    /// Holds other lines in place of those of a held order, and releases that one afterwards. Returns the new order once it is held,
    /// or while that is not decided within [`OrderSettings::response_timeout`](crate::OrderSettings::response_timeout). If it cannot
    /// be held, returns the old order, which stays held, with the problems of the new one.
    pub async fn change_held(&self, actor: &Actor, change: &ChangeHeldOrder) -> Result<OrderOutcome, StoreError> {
        let hash = idempotency::request_hash(change);
        if let Some(outcome) = Box::pin(self.repeat_change(actor, change, &hash)).await? {
            return Ok(outcome);
        }
        let Some(old) = self.find(actor, &OrderLookup::Key(change.action.order)).await? else {
            return Ok(OrderOutcome::rejected(None, vec![at_input(ProblemCode::OrderNotFound, "order")]));
        };
        let mut problems: Vec<Problem> = refusal(&old, change, self.0.clock.now()).into_iter().collect();
        problems.extend(request::validate_lines(&change.lines, &self.0.settings));
        if !problems.is_empty() {
            return Ok(OrderOutcome::rejected(Some(old), problems));
        }
        let new = match Box::pin(self.plan_replacement(&old, change)).await {
            Ok(new) => new,
            Err(problems) => return Ok(OrderOutcome::rejected(Some(old), problems)),
        };
        let record = IdempotencyRecord::new(actor, &change.action.key, OPERATION, hash, new.key);
        let reserved = match replacement::reserve(&self.0, &new, &record.ticket()).await {
            Ok(reserved) => reserved,
            Err(problems) => return Ok(OrderOutcome::rejected(Some(old), problems)),
        };
        let mut work = UnitOfWork::new(new, &self.0.settings, self.0.clock.now());
        match saga::start_action(&self.0, None, &mut work, Some(&record), false).await {
            Ok(_) => Box::pin(self.begin_change(actor, change, work.order.key, Some(reserved), false)).await,
            Err(StoreError::KeyTaken) => {
                let seen = Box::pin(self.repeat_change(actor, change, &record.request_hash)).await?;
                seen.ok_or(StoreError::Outdated)
            }
            Err(error) => Err(error),
        }
    }

    /// Continues a change whose new order is stored. `None` if the idempotency key was not used before.
    async fn repeat_change(
        &self,
        actor: &Actor,
        change: &ChangeHeldOrder,
        hash: &str,
    ) -> Result<Option<OrderOutcome>, StoreError> {
        let Some(seen) = self.find_replay(actor, &change.action.key, OPERATION, hash).await? else { return Ok(None) };
        match seen.order {
            Some(new) => self.begin_change(actor, change, new.key, None, true).await.map(Some),
            None => Ok(Some(seen)),
        }
    }

    /// Plans the order that replaces a held one: for the same seller and visitor, with other lines.
    async fn plan_replacement(&self, old: &Order, change: &ChangeHeldOrder) -> Result<Order, Vec<Problem>> {
        let input = CreateOrder {
            key: String::new(),
            reseller: None,
            reseller_reference: old.reseller_reference.clone(),
            policy: old.policy,
            is_test: old.is_test,
            lines: change.lines.clone(),
            contact: old.contact.clone(),
            locale: old.locale.clone(),
            delivery: old.delivery,
        };
        let seller = Actor { caller: old.caller.clone(), reseller: old.reseller.clone() };
        let planned = self.plan_unless_paused(&seller, &input, self.0.clock.now(), Some(old)).await;
        let new = planned.map_err(|problems| {
            problems.into_iter().map(|problem| at_change_input(problem, change)).collect::<Vec<_>>()
        })?;
        if new.is_test != old.is_test {
            return Err(vec![at_input(ProblemCode::TestAndLiveMixed, "lines")]);
        }
        // What is not held would be sold without the old order being released, or the other way around.
        let never_held = new.legs.iter().filter(|leg| !leg.requires_hold());
        let problems: Vec<Problem> = never_held
            .map(|leg| Problem::new(ProblemCode::UnsupportedBySource).for_source(&leg.source))
            .map(|problem| at_change_input(problem, change))
            .collect();
        if problems.is_empty() { Ok(new) } else { Err(problems) }
    }

    /// Lets a stored draft replace the old order, unless it does already, and returns the outcome. Nothing was sent to a source
    /// before.
    async fn begin_change(
        &self,
        actor: &Actor,
        change: &ChangeHeldOrder,
        new: OrderKey,
        mut reserved: Option<Reserved>,
        replayed: bool,
    ) -> Result<OrderOutcome, StoreError> {
        let mut events = self.0.bus.subscribe();
        for _ in 0..MAX_CONFLICT_RETRIES {
            let Some(old) = self.find(actor, &OrderLookup::Key(change.action.order)).await? else {
                return Ok(OrderOutcome::rejected(None, vec![at_input(ProblemCode::OrderNotFound, "order")]));
            };
            // Read after the old order: a draft that somebody has started since is no draft any more.
            let new = self.0.store.find(&OrderLookup::Key(new)).await?.ok_or(StoreError::Outdated)?;
            if new.intent != Intent::None || old.replaced_by == Some(new.key) {
                self.advance_change(&old);
                return self.wait_for_change(&mut events, old.key, new.key, replayed).await;
            }
            let outdated = || (new.contact != old.contact).then(|| at_input(ProblemCode::VersionOutdated, "order"));
            if let Some(problem) = refusal(&old, change, self.0.clock.now()).or_else(outdated) {
                match self.discard_draft(old, new, problem).await {
                    // Another request with the same key was first: the draft is its own.
                    Err(StoreError::Outdated) => continue,
                    discarded => return discarded,
                }
            }
            let reserved = match reserved.take() {
                Some(reserved) => reserved,
                None => {
                    let record = IdempotencyRecord::new(actor, &change.action.key, OPERATION, String::new(), new.key);
                    match replacement::reserve(&self.0, &new, &record.ticket()).await {
                        Ok(reserved) => reserved,
                        Err(problems) => return Ok(OrderOutcome::rejected(Some(old), problems)),
                    }
                }
            };
            match self.start_change(&old, new.key, reserved).await {
                Ok(()) => return self.wait_for_change(&mut events, old.key, new.key, replayed).await,
                Err(StoreError::Outdated) => {}
                Err(error) => return Err(error),
            }
        }
        let old = self.find(actor, &OrderLookup::Key(change.action.order)).await?;
        Ok(OrderOutcome::rejected(old, vec![at_input(ProblemCode::OrderBusy, "order")]))
    }

    /// Drops a draft that cannot replace the old order any more.
    async fn discard_draft(&self, old: Order, new: Order, problem: Problem) -> Result<OrderOutcome, StoreError> {
        let (context, problems) = (Arc::clone(&self.0), vec![problem.clone()]);
        let given_up = self.run_to_end(async move { replacement::give_up(&context, new, &problems).await }).await;
        given_up.unwrap_or(Ok(()))?;
        Ok(OrderOutcome::rejected(Some(old), vec![problem]))
    }

    /// Marks the old order as replaced, which takes all actions from it, and runs the change in a task of its own: a client that
    /// leaves in the middle does not stop it.
    async fn start_change(&self, old: &Order, new: OrderKey, reserved: Reserved) -> Result<(), StoreError> {
        let (started, is_started) = oneshot::channel();
        let (context, span) = (Arc::clone(&self.0), Span::current());
        let mut work = UnitOfWork::new(old.clone(), &context.settings, context.clock.now());
        work.order.replaced_by = Some(new);
        self.0.tasks.spawn(propagate(async move {
            let old = work.before.clone();
            let first_write = saga::start_action(&context, Some(&old), &mut work, None, false);
            match first_write.instrument(span.clone()).await {
                Ok(_) => {
                    // The client may have left.
                    let _ = started.send(Ok(()));
                    replacement::advance(&context, old.key, Some(reserved)).instrument(span).await;
                }
                Err(error) => {
                    // The request that came first may use the reservation.
                    if matches!(error, StoreError::Outdated | StoreError::KeyTaken) {
                        reserved.keep();
                    }
                    let _ = started.send(Err(error));
                }
            }
        }));
        // Without a result the task panicked; the order shows whether it was written.
        is_started.await.unwrap_or(Err(StoreError::Outdated))
    }

    /// Moves a change on whose runner may be lost.
    fn advance_change(&self, old: &Order) {
        if !old.is_being_replaced() {
            return;
        }
        let (context, old) = (Arc::clone(&self.0), old.key);
        let advance = async move { replacement::advance(&context, old, None).await };
        self.0.tasks.spawn(propagate(advance.in_current_span()));
    }

    /// Waits until it is decided which order remains, at most for the response timeout, and returns that one. While it is not
    /// decided, returns the new one.
    async fn wait_for_change(
        &self,
        events: &mut ChangeEventStream,
        old: OrderKey,
        new: OrderKey,
        replayed: bool,
    ) -> Result<OrderOutcome, StoreError> {
        let read = |key| async move { self.0.store.find(&OrderLookup::Key(key)).await?.ok_or(StoreError::Outdated) };
        let decided = async {
            loop {
                let order = read(old).await?;
                if !order.is_being_replaced() || order.replaced_by != Some(new) {
                    return Ok(());
                }
                // Each decision is a change of the old order.
                loop {
                    match events.next().await {
                        Some(ChangeEvent::Changed(change)) if change.order != old => {}
                        Some(_) => break,
                        None => return Ok(()),
                    }
                }
            }
        };
        if let Ok(Err(error)) = tokio::time::timeout(self.0.settings.response_timeout, decided).await {
            return Err(error);
        }
        let (old, new) = (read(old).await?, read(new).await?);
        if old.replaced_by == Some(new.key) && matches!(old.intent, Intent::Hold | Intent::Release) {
            return Ok(OrderOutcome::current(new, replayed));
        }
        let problems = failure(&new);
        Ok(OrderOutcome { order: Some(old), problems, replayed, legs_of: Some(new.key) })
    }
}

fn at_input(code: ProblemCode, part: &str) -> Problem {
    Problem::new(code).at_path(["input", part])
}

/// Returns the reason why an order cannot be changed now.
fn refusal(old: &Order, change: &ChangeHeldOrder, now: Timestamp) -> Option<Problem> {
    if change.action.if_version.is_some_and(|version| version != old.version) {
        return Some(at_input(ProblemCode::VersionOutdated, "ifVersion"));
    }
    (!old.permits(OrderAction::Change, now)).then(|| at_input(ProblemCode::ActionNotAvailable, "order"))
}

/// Moves a problem of the plan to the field of this input that causes it. The legs of the plan are stored nowhere.
fn at_change_input(mut problem: Problem, change: &ChangeHeldOrder) -> Problem {
    problem.leg = None;
    match problem.path.get(1).map(String::as_str) {
        Some("lines") => problem,
        Some("contact") => problem.at_path(["input", "order"]),
        _ => {
            let source = problem.source.clone();
            let line = change.lines.iter().position(|line| Some(&line.source) == source.as_ref());
            match line {
                Some(line) => problem.at_path(line_path(line, "performance")),
                None => problem.at_path(["input", "lines"]),
            }
        }
    }
}

/// Returns the problems of a new order that could not be held, at the lines that they concern.
fn failure(new: &Order) -> Vec<Problem> {
    let mut problems = new.problems();
    for problem in &mut problems {
        // It concerned the request, and no leg.
        if !problem.path.is_empty() {
            (problem.leg, problem.source) = (None, None);
            continue;
        }
        let wanted = match &problem.detail {
            Some(ProblemDetail::Remaining { performance, .. }) => performance.as_ref(),
            _ => None,
        };
        let lines = || new.lines_of(problem.leg.unwrap_or(0));
        let line = lines().find(|(_, line)| Some(&line.performance) == wanted).or_else(|| lines().next());
        let part = match problem.code {
            ProblemCode::NotAvailable | ProblemCode::LimitExceeded => "quantity",
            ProblemCode::PriceChanged => "expectedUnitPrice",
            _ => "performance",
        };
        problem.path = line_path(line.map_or(0, |(number, _)| number), part);
    }
    if problems.is_empty() {
        // It was held and given back before it replaced the old order.
        problems.push(at_input(ProblemCode::ActionNotAvailable, "order"));
    }
    problems
}
