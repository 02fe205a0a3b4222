//! Client actions on orders: idempotent replay, precondition checks, first write, and waiting for the saga.

use std::sync::Arc;

use futures_util::StreamExt;

use crate::bus::ChangeEvent;
use crate::capacity;
use crate::idempotency::{self, IdempotencyRecord};
use crate::lease::Lease;
use crate::order::{Order, OrderAction};
use crate::planner::OrderPlanner;
use crate::problem::{Problem, ProblemCode};
use crate::request::{self, Actor, CreateOrder, OrderActionRequest};
use crate::saga;
use crate::status::Intent;
use crate::store::OrderLookup;
use crate::unit_of_work::UnitOfWork;
use crate::{OrderOutcome, Orders};
use domain::StoreError;

/// Attempts to apply an action to an order that changes concurrently.
const MAX_CONFLICT_RETRIES: usize = 4;

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
        let problems = request::validate(input, &self.0.settings);
        if !problems.is_empty() {
            return Ok(OrderOutcome::rejected(None, problems));
        }
        let now = self.0.clock.now();
        let context = &self.0;
        let planner = OrderPlanner {
            sources: &context.sources,
            accounts: context.accounts.as_ref(),
            settings: &context.settings,
            now,
        };
        let mut order = match planner.plan(actor, input).await {
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
        match saga::start_action(context, None, &mut work, Some(&key), is_placed).await {
            Ok(lease) if is_placed => {
                reserved.keep();
                self.run_and_wait(work.order, lease).await
            }
            Ok(_) => Ok(OrderOutcome::current(work.order, false)),
            Err(StoreError::KeyTaken) => {
                let seen = self.find_replay(actor, &input.key, operation, &key.request_hash).await?;
                seen.ok_or(StoreError::Outdated)
            }
            Err(error) => Err(error),
        }
    }

    /// Applies an action to an order.
    pub(super) async fn apply_action(
        &self,
        actor: &Actor,
        request: &OrderActionRequest,
        name: (&'static str, OrderAction),
        change: impl Fn(&mut UnitOfWork<'_>) -> Result<(), Vec<Problem>> + Send + Sync,
    ) -> Result<OrderOutcome, StoreError> {
        self.apply_action_with_hash(actor, request, name, &idempotency::request_hash(request), change).await
    }

    /// Applies an action to an order, for a request with the given hash.
    pub(super) async fn apply_action_with_hash(
        &self,
        actor: &Actor,
        request: &OrderActionRequest,
        (operation, action): (&'static str, OrderAction),
        hash: &str,
        change: impl Fn(&mut UnitOfWork<'_>) -> Result<(), Vec<Problem>> + Send + Sync,
    ) -> Result<OrderOutcome, StoreError> {
        let problem =
            |order, code, part| OrderOutcome::rejected(order, vec![Problem::new(code).at_path(["input", part])]);
        for _ in 0..MAX_CONFLICT_RETRIES {
            if let Some(outcome) = self.find_replay(actor, &request.key, operation, hash).await? {
                return Ok(outcome);
            }
            let Some(order) = self.find(actor, &OrderLookup::Key(request.order)).await? else {
                return Ok(problem(None, ProblemCode::OrderNotFound, "order"));
            };
            if request.if_version.is_some_and(|version| version != order.version) {
                return Ok(problem(Some(order), ProblemCode::VersionOutdated, "ifVersion"));
            }
            let now = self.0.clock.now();
            if !order.available_actions(now).contains(&action) {
                return Ok(problem(Some(order), ProblemCode::ActionNotAvailable, "order"));
            }
            let mut work = UnitOfWork::new(order, &self.0.settings, now);
            if let Err(problems) = change(&mut work) {
                return Ok(OrderOutcome::rejected(Some(work.before), problems));
            }
            let key = IdempotencyRecord::new(actor, &request.key, operation, hash.to_owned(), request.order);
            let before = work.before.clone();
            let is_first = capacity::is_needed(&before, action);
            let reserved = match capacity::reserve(&self.0, &before, &key.ticket(), is_first).await {
                Ok(reserved) => reserved,
                Err(problems) => return Ok(OrderOutcome::rejected(Some(before), problems)),
            };
            match saga::start_action(&self.0, Some(&before), &mut work, Some(&key), true).await {
                Ok(lease) => {
                    reserved.keep();
                    return self.run_and_wait(work.order, lease).await;
                }
                // Another write came first: evaluate the action again on the current state. The reservation may be used by it.
                Err(StoreError::Outdated | StoreError::KeyTaken) => {
                    reserved.keep();
                }
                Err(error) => return Err(error),
            }
        }
        let order = self.find(actor, &OrderLookup::Key(request.order)).await?;
        Ok(problem(order, ProblemCode::OrderBusy, "order"))
    }

    /// Runs the saga in its own task and waits at most
    /// [`OrderSettings::response_timeout`](crate::OrderSettings::response_timeout) for it.
    async fn run_and_wait(&self, order: Order, lease: Lease) -> Result<OrderOutcome, StoreError> {
        let key = order.key;
        let mut events = self.0.bus.subscribe();
        let runner = self.0.tasks.spawn(saga::run(Arc::clone(&self.0), order, lease));
        let settled = async {
            // A runner that panicked left the order to recovery, whose changes arrive on the same bus.
            let _ = runner.await;
            while let Some(event) = events.next().await {
                match event {
                    ChangeEvent::Changed(change) if change.order == key && !change.status.is_in_progress() => return,
                    ChangeEvent::Changed(_) => {}
                    ChangeEvent::Lagged => return,
                }
            }
        };
        // After the timeout the order continues, and the client reads its current status.
        let _ = tokio::time::timeout(self.0.settings.response_timeout, settled).await;
        let order = self.0.store.find(&OrderLookup::Key(key)).await?.ok_or(StoreError::Outdated)?;
        Ok(OrderOutcome::current(order, false))
    }
}
