//! Orders: one purchase over one or more sources, a truthful state per leg, nothing lost.
//!
//! [`plan`](mod@plan) (pure) → [`decide`](decide::decide) (pure, every rule) → `run` (write, call, write) → `recover`.

mod act;
mod answer;
pub mod bus;
mod call;
mod create;
pub mod decide;
mod facts;
pub mod ledger;
pub mod leg;
pub mod moves;
mod observe;
pub mod order;
pub mod plan;
pub mod problem;
pub mod quote;
mod reconcile;
mod recover;
mod refresh;
pub mod request;
pub mod rules;
mod run;
mod shared;
pub mod status;
#[cfg(test)]
mod tables;
#[cfg(test)]
mod walk;
mod watch;
mod work;

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use crate::bus::{ChangeBus, Heard, LocalBus};
pub use crate::create::SellingAccounts;
pub use crate::ledger::{Change, Ledger, LedgerError, OrderBy, OrderCursor, OrderFilter, OrderPage, Slice, Transition};
use crate::leg::CancelWish;
pub use crate::leg::{Attempt, AttemptOutcome, Leg, LegOperation, Ticket};
pub use crate::order::{Line, Order, OrderAction, Policy, Totals};
use crate::plan::too_short;
pub use crate::problem::{Detail, Problem, ProblemCode, Retry};
pub use crate::quote::{Quote, QuoteId};
pub use crate::reconcile::{ReconcileError, Reconciliation};
pub use crate::request::{ActOnOrder, AskedLine, Asker, CancelOrder, CreateOrder, QuoteCancellation};
pub use crate::rules::{Rules, Terms};
use crate::shared::Shared;
pub use crate::status::{Intent, LegStatus, OrderStatus};
pub use crate::watch::Watching;
use domain::ordering::Barcode;
use domain::{Clock, OrderKey, Source, SourceId};

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
    pub accounts: Arc<dyn SellingAccounts>,
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

    /// Takes over what was left by a crash, looks for due orders, and looks after what is sold, in tasks of its own.
    pub fn start(&self) {
        self.0.tasks.spawn(recover::watch(Arc::clone(&self.0)));
        self.0.tasks.spawn(refresh::watch(Arc::clone(&self.0)));
        self.0.tasks.spawn(recover::forget(Arc::clone(&self.0)));
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

    /// Asks the sources once what became of everything that is sold and not over, and keeps what changed: codes that came,
    /// visitors let in, performances called off. [`start`](Self::start) does this ever again.
    pub async fn look_after(&self) -> Result<(), LedgerError> {
        refresh::pass(&self.0).await
    }

    /// Asks the sources once what became of one order, whenever its days are, and keeps what changed. The order as it then is; none
    /// where there is none, or it is not the asker's.
    pub async fn refresh(&self, asker: &Asker, order: OrderKey) -> Result<Option<Order>, LedgerError> {
        let Some(known) = self.find(asker, &OrderBy::Key(order)).await? else { return Ok(None) };
        refresh::refresh(&self.0, known, false).await?;
        self.find(asker, &OrderBy::Key(order)).await
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
}
