//! Actions of clients: seen before or new, allowed or not, then written, begun and waited for.

use std::sync::Arc;

use futures_util::StreamExt;

use crate::bus::Heard;
use crate::create::Planner;
use crate::ledger::{KeyUse, Lease, LedgerError, OrderBy};
use crate::order::{Order, OrderAction};
use crate::problem::{Problem, ProblemCode};
use crate::request::{self, ActOnOrder, Asker, CreateOrder};
use crate::run;
use crate::status::Intent;
use crate::work::Work;
use crate::{OrderOutcome, Orders};
use domain::OrderKey;

/// How often an action is tried on an order that changes under it.
const TRIES: usize = 4;

impl Orders {
    /// Opens an order: only planned, or placed.
    pub(super) async fn open(
        &self,
        asker: &Asker,
        input: &CreateOrder,
        operation: &'static str,
        is_placed: bool,
    ) -> Result<OrderOutcome, LedgerError> {
        let hash = request::hash(input);
        if let Some(outcome) = self.seen(asker, &input.key, operation, &hash).await? {
            return Ok(outcome);
        }
        let problems = request::check(input, &self.0.rules);
        if !problems.is_empty() {
            return Ok(OrderOutcome::refused(None, problems));
        }
        let now = self.0.clock.now();
        let shared = &self.0;
        let planner =
            Planner { sources: &shared.sources, accounts: shared.accounts.as_ref(), rules: &shared.rules, now };
        let mut order = match planner.plan(asker, input).await {
            Ok(order) => order,
            Err(problems) => return Ok(OrderOutcome::refused(None, problems)),
        };
        order.is_placed = is_placed;
        let mut work = Work::on(order, &shared.rules, now);
        if is_placed {
            work.want(Intent::Hold);
        }
        let key = key_use(asker, &input.key, operation, hash, work.order.key);
        match run::begin(shared, None, &mut work, Some(&key), is_placed).await {
            Ok(lease) if is_placed => self.drive(work.order, lease).await,
            Ok(_) => Ok(OrderOutcome::now(work.order, false)),
            Err(LedgerError::KeyTaken) => {
                let seen = self.seen(asker, &input.key, operation, &key.request_hash).await?;
                seen.ok_or(LedgerError::Outdated)
            }
            Err(error) => Err(error),
        }
    }

    /// Does an action on an order.
    pub(super) async fn act(
        &self,
        asker: &Asker,
        act: &ActOnOrder,
        name: (&'static str, OrderAction),
        change: impl Fn(&mut Work<'_>) -> Result<(), Vec<Problem>> + Send + Sync,
    ) -> Result<OrderOutcome, LedgerError> {
        self.act_as(asker, act, name, &request::hash(act), change).await
    }

    /// Does an action on an order, for a request with this hash.
    pub(super) async fn act_as(
        &self,
        asker: &Asker,
        act: &ActOnOrder,
        (operation, action): (&'static str, OrderAction),
        hash: &str,
        change: impl Fn(&mut Work<'_>) -> Result<(), Vec<Problem>> + Send + Sync,
    ) -> Result<OrderOutcome, LedgerError> {
        let problem = |order, code, part| OrderOutcome::refused(order, vec![Problem::new(code).at(["input", part])]);
        for _ in 0..TRIES {
            if let Some(outcome) = self.seen(asker, &act.key, operation, hash).await? {
                return Ok(outcome);
            }
            let Some(order) = self.find(asker, &OrderBy::Key(act.order)).await? else {
                return Ok(problem(None, ProblemCode::OrderNotFound, "order"));
            };
            if act.if_version.is_some_and(|version| version != order.version) {
                return Ok(problem(Some(order), ProblemCode::VersionOutdated, "ifVersion"));
            }
            let now = self.0.clock.now();
            if !order.available_actions(now).contains(&action) {
                return Ok(problem(Some(order), ProblemCode::ActionNotAvailable, "order"));
            }
            let mut work = Work::on(order, &self.0.rules, now);
            if let Err(problems) = change(&mut work) {
                return Ok(OrderOutcome::refused(Some(work.before), problems));
            }
            let key = key_use(asker, &act.key, operation, hash.to_owned(), act.order);
            let before = work.before.clone();
            match run::begin(&self.0, Some(&before), &mut work, Some(&key), true).await {
                Ok(lease) => return self.drive(work.order, lease).await,
                // Somebody was faster: look again at what there is now.
                Err(LedgerError::Outdated | LedgerError::KeyTaken) => {}
                Err(error) => return Err(error),
            }
        }
        let order = self.find(asker, &OrderBy::Key(act.order)).await?;
        Ok(problem(order, ProblemCode::OrderBusy, "order"))
    }

    /// The answer for a key that was seen before, or that cannot be used.
    async fn seen(
        &self,
        asker: &Asker,
        key: &str,
        operation: &str,
        hash: &str,
    ) -> Result<Option<OrderOutcome>, LedgerError> {
        if let Some(problem) = request::check_key(key) {
            return Ok(Some(OrderOutcome::refused(None, vec![problem])));
        }
        let Some(used) = self.0.ledger.find_key(&asker.scope(), operation, key).await? else { return Ok(None) };
        if used.request_hash != hash {
            let problem = Problem::new(ProblemCode::IdempotencyKeyReused).at(["input", "idempotencyKey"]);
            return Ok(Some(OrderOutcome::refused(None, vec![problem])));
        }
        let order = self.0.ledger.find(&OrderBy::Key(used.order)).await?;
        Ok(order.map(|order| OrderOutcome::now(order, true)))
    }

    /// Runs an order in its own task, and waits for it no longer than a client should.
    async fn drive(&self, order: Order, lease: Lease) -> Result<OrderOutcome, LedgerError> {
        let key = order.key;
        let mut heard = self.0.bus.subscribe();
        let runner = self.0.tasks.spawn(run::run(Arc::clone(&self.0), order, lease));
        let settled = async {
            // A runner that panicked left the order to recovery; its changes are heard like any other's.
            let _ = runner.await;
            while let Some(heard) = heard.next().await {
                match heard {
                    Heard::Changed(change) if change.order == key && !change.status.is_under_way() => return,
                    Heard::Changed(_) => {}
                    Heard::Missed => return,
                }
            }
        };
        // Time is up: the order goes on, and the client reads where it stands.
        let _ = tokio::time::timeout(self.0.rules.answer_within, settled).await;
        let order = self.0.ledger.find(&OrderBy::Key(key)).await?.ok_or(LedgerError::Outdated)?;
        Ok(OrderOutcome::now(order, false))
    }
}

fn key_use(asker: &Asker, key: &str, operation: &str, request_hash: String, order: OrderKey) -> KeyUse {
    KeyUse { scope: asker.scope(), operation: operation.to_owned(), key: key.to_owned(), request_hash, order }
}
