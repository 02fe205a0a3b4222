//! Orders: one purchase over one or more sources, a truthful state per leg, nothing lost.
//!
//! [`plan`](mod@plan) (pure) → [`decide`](decide::decide) (pure, every rule) → `run` (write, call, write) → `recover`.

mod answer;
pub mod bus;
mod call;
mod create;
pub mod decide;
pub mod ledger;
pub mod order;
pub mod plan;
pub mod problem;
pub mod quote;
mod reconcile;
mod recover;
pub mod request;
pub mod rules;
mod run;
mod shared;
pub mod status;
mod watch;
mod work;

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::StreamExt;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::domain::ordering::Barcode;
use crate::domain::{Clock, OrderKey, Source, SourceId};
pub use crate::orders::bus::{ChangeBus, Heard, LocalBus};
use crate::orders::create::Planner;
pub use crate::orders::create::ResellerAccounts;
pub use crate::orders::ledger::{
    Change, Ledger, LedgerError, OrderBy, OrderCursor, OrderFilter, OrderPage, Slice, Transition,
};
use crate::orders::ledger::{KeyUse, Lease};
use crate::orders::order::CancelWish;
pub use crate::orders::order::{Leg, Line, Order, OrderAction, Policy, Ticket, Totals};
use crate::orders::plan::too_short;
pub use crate::orders::problem::{Detail, Problem, ProblemCode, Retry};
pub use crate::orders::quote::{Quote, QuoteId};
pub use crate::orders::reconcile::{ReconcileError, Reconciliation};
pub use crate::orders::request::{ActOnOrder, AskedLine, Asker, CancelOrder, CreateOrder, QuoteCancellation};
pub use crate::orders::rules::{Rules, Terms};
use crate::orders::shared::Shared;
pub use crate::orders::status::{Intent, LegStatus, OrderStatus};
pub use crate::orders::watch::Watching;
use crate::orders::work::Work;

/// How often an action is tried on an order that changes under it.
const TRIES: usize = 4;

/// What the room of orders is built from.
pub struct Parts {
    /// Every source, layered.
    pub sources: Vec<Source>,
    /// Where orders are kept.
    pub ledger: Arc<dyn Ledger>,
    /// Where changes are told.
    pub bus: Arc<dyn ChangeBus>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// What resellers are to the sources.
    pub accounts: Arc<dyn ResellerAccounts>,
    /// Deadlines, patience, limits, terms.
    pub rules: Rules,
}

/// What became of a mutation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderOutcome {
    /// The order as it is now; none: it was not made, or is not the asker's.
    pub order: Option<Order>,
    /// Expected failures: of the request, or of the legs.
    pub problems: Vec<Problem>,
    /// The key was seen before.
    pub replayed: bool,
}

impl OrderOutcome {
    fn refused(order: Option<Order>, problems: Vec<Problem>) -> Self {
        Self { order, problems, replayed: false }
    }

    fn now(order: Order, replayed: bool) -> Self {
        let problems = order.problems();
        Self { order: Some(order), problems, replayed }
    }
}

/// A ticket with its code.
#[derive(Debug, Clone)]
pub struct CodedTicket {
    /// The number of the ticket in its order.
    pub number: usize,
    /// The ticket.
    pub ticket: Ticket,
    /// Its code; none where none was given to us, or not yet. A secret.
    pub barcode: Option<Barcode>,
}

/// Orders over every source. Cheap to clone.
#[derive(Clone)]
pub struct Orders(Arc<Shared>);

impl Orders {
    /// Puts the room together. Nothing runs until [`start`](Self::start) or the first action.
    pub fn new(parts: Parts) -> Self {
        let Parts { sources, ledger, bus, clock, accounts, rules } = parts;
        let sources: HashMap<SourceId, Source> =
            sources.into_iter().map(|source| (source.id.clone(), source)).collect();
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        Self(Arc::new(Shared { sources, ledger, bus, clock, accounts, rules, tasks, stop }))
    }

    /// Takes over what was left by a crash, and looks for due orders from now on, in a task of its own.
    pub fn start(&self) {
        self.0.tasks.spawn(recover::watch(Arc::clone(&self.0)));
    }

    /// Takes over every order that is due now. Tells how many; they run on in their own tasks.
    pub async fn recover(&self) -> Result<usize, LedgerError> {
        recover::pass(&self.0).await
    }

    /// Begins no new step, lets calls in flight write their outcome, and waits for them.
    pub async fn close(&self) {
        self.0.stop.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    /// Waits until every order that runs here has come to rest. Only without [`start`](Self::start).
    pub async fn settled(&self) {
        self.0.tasks.close();
        self.0.tasks.wait().await;
        self.0.tasks.reopen();
    }

    /// The numbers that orders go by.
    pub fn rules(&self) -> &Rules {
        &self.0.rules
    }

    /// Plans and prices an order; books nothing.
    pub async fn create(&self, asker: &Asker, input: &CreateOrder) -> Result<OrderOutcome, LedgerError> {
        self.open(asker, input, "createOrder", false).await
    }

    /// Plans, holds and sells in one go. Answers within [`Rules::answer_within`]; the order may still be under way.
    pub async fn place(&self, asker: &Asker, input: &CreateOrder) -> Result<OrderOutcome, LedgerError> {
        self.open(asker, input, "placeOrder", true).await
    }

    /// Sets places aside at every source that holds.
    pub async fn hold(&self, asker: &Asker, act: &ActOnOrder) -> Result<OrderOutcome, LedgerError> {
        self.act(asker, act, ("holdOrder", OrderAction::Hold), |work| {
            work.want(Intent::Hold);
            Ok(())
        })
        .await
    }

    /// Prolongs the holds, where the sources can.
    pub async fn extend(&self, asker: &Asker, act: &ActOnOrder) -> Result<OrderOutcome, LedgerError> {
        self.act(asker, act, ("extendHold", OrderAction::ExtendHold), |work| {
            for number in 0..work.order.legs.len() {
                let leg = work.leg(number);
                leg.problems.clear();
                if leg.status == LegStatus::Held && leg.traits.extends_holds {
                    leg.wants_extension = true;
                } else if leg.status == LegStatus::Held {
                    work.add_problem(number, Problem::new(ProblemCode::HoldNotExtended));
                }
            }
            Ok(())
        })
        .await
    }

    /// Sells what is held. A price that changed since the order was planned is agreed to by this.
    pub async fn confirm(&self, asker: &Asker, act: &ActOnOrder) -> Result<OrderOutcome, LedgerError> {
        self.act(asker, act, ("confirmOrder", OrderAction::Confirm), |work| {
            let short = too_short(&work.order, work.now);
            if !short.is_empty() {
                let problem =
                    |leg: usize| Problem::new(ProblemCode::HoldTooShort).of(&work.order.legs[leg].source).on_leg(leg);
                return Err(short.into_iter().map(problem).collect());
            }
            work.want(Intent::Confirm);
            Ok(())
        })
        .await
    }

    /// Gives the holds back.
    pub async fn release(&self, asker: &Asker, act: &ActOnOrder) -> Result<OrderOutcome, LedgerError> {
        self.act(asker, act, ("releaseOrder", OrderAction::Release), |work| {
            work.want(Intent::Release);
            Ok(())
        })
        .await
    }

    /// Tells what undoing gives back. The quote stands for [`Rules::quote_ttl`].
    pub async fn quote(
        &self,
        asker: &Asker,
        asked: &QuoteCancellation,
    ) -> Result<Result<Quote, Vec<Problem>>, LedgerError> {
        let Some(order) = self.find(asker, &OrderBy::Key(asked.order)).await? else {
            return Ok(Err(vec![Problem::new(ProblemCode::OrderNotFound).at(["input", "order"])]));
        };
        let now = self.0.clock.now();
        if !order.is_at_rest() {
            return Ok(Err(vec![Problem::new(ProblemCode::ActionNotAvailable).at(["input", "order"])]));
        }
        match quote::quote(&order, asked.lines.as_ref(), now, &self.0.rules) {
            Ok(quote) => {
                self.0.ledger.keep_quote(&quote).await?;
                Ok(Ok(quote))
            }
            Err(problems) => Ok(Err(problems)),
        }
    }

    /// Undoes what a quote named. Refused where the quote is too old, or would not be the same now.
    pub async fn cancel(&self, asker: &Asker, asked: &CancelOrder) -> Result<OrderOutcome, LedgerError> {
        let problem = |code| Ok(OrderOutcome::refused(None, vec![Problem::new(code).at(["input", "quote"])]));
        let Some(quote) = self.0.ledger.find_quote(&asked.quote).await? else {
            return problem(ProblemCode::QuoteNotFound);
        };
        if self.find(asker, &OrderBy::Key(quote.order)).await?.is_none() {
            return problem(ProblemCode::QuoteNotFound);
        }
        let act = ActOnOrder { key: asked.key.clone(), order: quote.order, if_version: None };
        let hash = request::hash(&(quote.id.0, &asked.reason));
        let name = ("cancelOrder", OrderAction::Cancel);
        self.act_as(asker, &act, name, &hash, |work| {
            let again = quote::quote(&work.order, Some(&quote.lines), work.now, work.rules);
            if work.now >= quote.expires_at || !again.is_ok_and(|again| again.agrees_with(&quote)) {
                return Err(vec![Problem::new(ProblemCode::QuoteExpired).at(["input", "quote"])]);
            }
            work.want(Intent::Cancel);
            for number in 0..work.order.legs.len() {
                let lines = work.order.lines_of(number).map(|(line, _)| line);
                let lines: std::collections::BTreeSet<usize> =
                    lines.filter(|line| quote.all_lines().contains(line)).collect();
                if !lines.is_empty() {
                    work.leg(number).cancel = Some(CancelWish { name: quote.id.0.to_string(), lines });
                }
            }
            work.because(asked.reason.as_deref());
            Ok(())
        })
        .await
    }

    /// Finds an order that the asker may see.
    pub async fn find(&self, asker: &Asker, by: &OrderBy) -> Result<Option<Order>, LedgerError> {
        let by = match by {
            OrderBy::ResellerReference(reference, _) if asker.reseller.is_some() => {
                OrderBy::ResellerReference(reference.clone(), asker.reseller.clone())
            }
            other => other.clone(),
        };
        let found = self.0.ledger.find(&by).await?;
        Ok(found.filter(|order| asker.sees(order.reseller.as_deref())))
    }

    /// Lists orders that the asker may see, youngest first.
    pub async fn list(
        &self,
        asker: &Asker,
        filter: &OrderFilter,
        after: Option<&OrderCursor>,
        first: usize,
    ) -> Result<OrderPage, LedgerError> {
        let mut filter = filter.clone();
        if asker.reseller.is_some() {
            filter.reseller.clone_from(&asker.reseller);
        }
        self.0.ledger.list(&filter, after, first).await
    }

    /// The feed of changes after a place; 0 is its begin.
    pub async fn changes(&self, asker: &Asker, after: u64, first: usize) -> Result<Slice<Change>, LedgerError> {
        self.0.ledger.changes(after, first, asker.reseller.as_deref()).await
    }

    /// What moved in an order after a place; 0 is its begin.
    pub async fn timeline(&self, order: OrderKey, after: u64, first: usize) -> Result<Slice<Transition>, LedgerError> {
        self.0.ledger.transitions(order, after, first).await
    }

    /// The tickets of an order with their codes. The caller answers for who may see them.
    pub async fn tickets(&self, order: &Order) -> Result<Vec<CodedTicket>, LedgerError> {
        let codes = self.0.ledger.credentials(order.key).await?;
        let mut codes: HashMap<usize, Barcode> = codes.into_iter().map(|code| (code.ticket, code.barcode)).collect();
        let coded = order.tickets.iter().enumerate();
        let coded = coded.map(|(number, ticket)| CodedTicket {
            number,
            ticket: ticket.clone(),
            barcode: codes.remove(&number),
        });
        Ok(coded.collect())
    }

    /// Compares a source with the ledger over a window.
    pub async fn reconcile(
        &self,
        source: &SourceId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Reconciliation, ReconcileError> {
        reconcile::reconcile(&self.0, source, from, to).await
    }

    /// Watches one order, or all that the asker sees.
    pub async fn subscribe(&self, asker: &Asker, order: Option<OrderKey>) -> Result<Watching, LedgerError> {
        watch::watch(&self.0, asker.clone(), order).await
    }

    async fn open(
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

    async fn act(
        &self,
        asker: &Asker,
        act: &ActOnOrder,
        name: (&'static str, OrderAction),
        change: impl Fn(&mut Work<'_>) -> Result<(), Vec<Problem>> + Send + Sync,
    ) -> Result<OrderOutcome, LedgerError> {
        self.act_as(asker, act, name, &request::hash(act), change).await
    }

    async fn act_as(
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
