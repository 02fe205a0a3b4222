//! Client actions on orders: idempotent replay, precondition checks, first write, and waiting for the saga.

use std::sync::Arc;

use futures_util::StreamExt;
use jiff::Timestamp;
use tokio::sync::oneshot;
use tracing::{Instrument, Span};

use crate::bus::ChangeEvent;
use crate::capacity::{self, Reserved};
use crate::idempotency::{self, IdempotencyRecord};
use crate::order::{Order, OrderAction};
use crate::pauses;
use crate::planner::OrderPlanner;
use crate::problem::{Problem, ProblemCode};
use crate::request::{self, Actor, CreateOrder, OrderActionRequest};
use crate::saga;
use crate::status::Intent;
use crate::store::OrderLookup;
use crate::unit_of_work::UnitOfWork;
use crate::{OrderOutcome, Orders};
use domain::StoreError;
use telemetry::explain::propagate;

/// Attempts to apply an action to an order that changes concurrently.
pub(crate) const MAX_CONFLICT_RETRIES: usize = 4;

impl Orders {
    /// Creates an order, either planned only or placed.
    pub(super) async fn plan_or_place(
        &self,
        actor: &Actor,
        input: &CreateOrder,
        operation: &'static str,
        is_placed: bool,
    ) -> Result<OrderOutcome, StoreError> {
        let hash = idempotency::request_hash(input);
        if let Some(outcome) = self.find_replay(actor, &input.key, operation, &hash).await? {
            return Ok(outcome);
        }
        let mut problems = request::validate(input, &self.0.settings);
        if is_placed && input.contact.is_none() {
            problems.push(Problem::new(ProblemCode::ContactMissing).at_path(["input", "contact"]));
        }
        if !problems.is_empty() {
            return Ok(OrderOutcome::rejected(None, problems));
        }
        let now = self.0.clock.now();
        let context = &self.0;
        let mut order = match self.plan_unless_paused(actor, input, now, None).await {
            Ok(order) => order,
            Err(problems) => return Ok(OrderOutcome::rejected(None, problems)),
        };
        order.is_placed = is_placed;
        let mut work = UnitOfWork::new(order, &context.settings, now);
        if is_placed {
            work.set_intent(Intent::Hold);
        }
        let key = IdempotencyRecord::new(actor, &input.key, operation, hash, work.order.key);
        let reserved = match capacity::reserve(context, &work.order, &key.ticket(), is_placed).await {
            Ok(reserved) => reserved,
            Err(problems) => return Ok(OrderOutcome::rejected(None, problems)),
        };
        let hash = key.request_hash.clone();
        let result = if is_placed {
            self.write_and_run(None, work, key, reserved).await
        } else {
            let planned = saga::start_action(context, None, &mut work, Some(&key), false).await;
            planned.map(|_| OrderOutcome::current(work.order, false))
        };
        match result {
            Err(StoreError::KeyTaken) => {
                let seen = self.find_replay(actor, &input.key, operation, &hash).await?;
                seen.ok_or(StoreError::Outdated)
            }
            result => result,
        }
    }

    /// Plans an order whose sources are not paused, neither before nor after their facts were read. It replaces another one, if one is
    /// given.
    pub(crate) async fn plan_unless_paused(
        &self,
        actor: &Actor,
        input: &CreateOrder,
        now: Timestamp,
        replaced: Option<&Order>,
    ) -> Result<Order, Vec<Problem>> {
        let context = &self.0;
        let refused = pauses::refuse_new_order(context, input.lines.iter().map(|line| &line.source));
        if !refused.is_empty() {
            return Err(refused);
        }
        let planner = OrderPlanner {
            sources: &context.sources,
            accounts: context.accounts.as_ref(),
            settings: &context.settings,
            now,
            replaced,
        };
        let order = planner.plan(actor, input).await?;
        let refused = pauses::refuse_new_order(context, order.legs.iter().map(|leg| &leg.source));
        if refused.is_empty() { Ok(order) } else { Err(refused) }
    }

    /// Applies an action to an order.
    pub(super) async fn apply_action(
        &self,
        actor: &Actor,
        request: &OrderActionRequest,
        (operation, action): (&'static str, OrderAction),
        change: impl Fn(&mut UnitOfWork) -> Result<(), Vec<Problem>> + Send + Sync,
    ) -> Result<OrderOutcome, StoreError> {
        let name = (operation, Some(action), "order");
        self.apply_action_with_hash(actor, request, name, &idempotency::request_hash(request), change).await
    }

    /// Applies an action to an order, for a request with the given hash. Without an action, the change is always
    /// possible. `field` is the input that names the order.
    pub(super) async fn apply_action_with_hash(
        &self,
        actor: &Actor,
        request: &OrderActionRequest,
        (operation, action, field): (&'static str, Option<OrderAction>, &'static str),
        hash: &str,
        change: impl Fn(&mut UnitOfWork) -> Result<(), Vec<Problem>> + Send + Sync,
    ) -> Result<OrderOutcome, StoreError> {
        let problem =
            |order, code, part| OrderOutcome::rejected(order, vec![Problem::new(code).at_path(["input", part])]);
        for _ in 0..MAX_CONFLICT_RETRIES {
            if let Some(outcome) = self.find_replay(actor, &request.key, operation, hash).await? {
                return Ok(outcome);
            }
            let Some(order) = self.find(actor, &OrderLookup::Key(request.order)).await? else {
                return Ok(problem(None, ProblemCode::OrderNotFound, field));
            };
            if request.if_version.is_some_and(|version| version != order.version) {
                return Ok(problem(Some(order), ProblemCode::VersionOutdated, "ifVersion"));
            }
            let now = self.0.clock.now();
            if action.is_some_and(|action| !order.permits(action, now)) {
                return Ok(problem(Some(order), ProblemCode::ActionNotAvailable, field));
            }
            let mut work = UnitOfWork::new(order, &self.0.settings, now);
            // The write fails while somebody runs the order: what is still in flight was left by a runner that is lost.
            work.resume();
            if let Err(problems) = change(&mut work) {
                return Ok(OrderOutcome::rejected(Some(work.before), problems));
            }
            let key = IdempotencyRecord::new(actor, &request.key, operation, hash.to_owned(), request.order);
            let before = work.before.clone();
            let is_first = action.is_some_and(|action| capacity::is_needed(&before, action));
            let booked = before.legs.iter().filter(|_| is_first).map(|leg| &leg.source);
            let refused = pauses::refuse_new_order(&self.0, booked);
            if !refused.is_empty() {
                return Ok(OrderOutcome::rejected(Some(before), refused));
            }
            let reserved = match capacity::reserve(&self.0, &before, &key.ticket(), is_first).await {
                Ok(reserved) => reserved,
                Err(problems) => return Ok(OrderOutcome::rejected(Some(before), problems)),
            };
            match self.write_and_run(Some(before), work, key, reserved).await {
                // Another write came first: evaluate the action again on the current state.
                Err(StoreError::Outdated | StoreError::KeyTaken) => {}
                result => return result,
            }
        }
        let order = self.find(actor, &OrderLookup::Key(request.order)).await?;
        Ok(problem(order, ProblemCode::OrderBusy, field))
    }

    /// Runs work to its end, also if the caller leaves in the middle. `None` if the work panicked.
    pub async fn run_to_end<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Option<T> {
        self.0.tasks.spawn(propagate(work.in_current_span())).await.ok()
    }

    /// Writes the first change of an action and runs its order, in a task of its own: a client that leaves in the middle leaves no
    /// order without a runner. Waits at most [`OrderSettings::response_timeout`](crate::OrderSettings::response_timeout) for it.
    async fn write_and_run(
        &self,
        basis: Option<Order>,
        mut work: UnitOfWork,
        idempotency: IdempotencyRecord,
        reserved: Reserved,
    ) -> Result<OrderOutcome, StoreError> {
        let order = work.order.key;
        let mut events = self.0.bus.subscribe();
        let (started, is_started) = oneshot::channel();
        let (context, span) = (Arc::clone(&self.0), Span::current());
        let runner = self.0.tasks.spawn(propagate(async move {
            let first_write = saga::start_action(&context, basis.as_ref(), &mut work, Some(&idempotency), true);
            match first_write.instrument(span.clone()).await {
                Ok(lease) => {
                    reserved.keep();
                    let run = span.in_scope(|| saga::run(context, work.order, lease));
                    drop(span);
                    // The client may have left.
                    let _ = started.send(Ok(()));
                    run.await;
                }
                Err(error) => {
                    // The write that came first may use the reservation of the order.
                    if basis.is_some() && matches!(error, StoreError::Outdated | StoreError::KeyTaken) {
                        reserved.keep();
                    }
                    let _ = started.send(Err(error));
                }
            }
        }));
        // Without a result the task panicked; the order shows whether it was written.
        is_started.await.unwrap_or(Err(StoreError::Outdated))?;
        let settled = async {
            // A runner that panicked left the order to recovery, whose changes arrive on the same bus.
            let _ = runner.await;
            while let Some(event) = events.next().await {
                match event {
                    ChangeEvent::Changed(change) if change.order == order && !change.status.is_in_progress() => return,
                    ChangeEvent::Changed(_) => {}
                    ChangeEvent::Lagged => return,
                }
            }
        };
        // After the timeout the order continues, and the client reads its current status.
        let _ = tokio::time::timeout(self.0.settings.response_timeout, settled).await;
        let order = self.0.store.find(&OrderLookup::Key(order)).await?.ok_or(StoreError::Outdated)?;
        Ok(OrderOutcome::current(order, false))
    }
}
