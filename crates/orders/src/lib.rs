//! Orders: one purchase over one or more sources, run as an orchestrated saga.
//!
//! - [`planning`] and [`decision`] are pure. Planning promises a guarantee; [`decision::decide`] picks the next steps
//!   of the saga.
//! - `saga` executes them: it writes each intent, calls the source, and writes the outcome. A leg that fails is
//!   compensated by canceling the legs that were already confirmed.
//! - [`lease`]: one runner owns an order at a time. Each write carries the fencing token of its lease, so a
//!   superseded runner cannot write.
//! - [`idempotency`]: a repeated request returns the order that the first one created; step keys are derived from
//!   order, leg and step, never drawn per attempt.
//! - [`change_feed`]: every write is published on the bus and stays readable in the feed.
//! - `recover` resumes orders after a crash and whenever one of their timers is due.
//!
//! An attempt whose response was lost has an unknown outcome: it is looked up, never guessed, and never sent again
//! under a new key.

mod actions;
mod amounts;
pub mod bus;
mod capacity;
pub mod change_feed;
mod change_held;
mod contact;
mod context;
pub mod decision;
mod facts;
mod hints;
pub mod history;
pub mod idempotency;
pub mod lease;
pub mod leg;
pub mod listing;
mod missing_tickets;
mod observe;
pub mod operator;
pub mod order;
mod outcome;
mod pauses;
pub mod periodic;
pub mod plan;
mod planner;
pub mod planning;
pub mod problem;
pub mod quote;
mod reconcile;
mod recover;
mod refresh;
mod replacement;
pub mod request;
mod saga;
pub mod sales;
pub mod search;
pub mod settings;
pub mod settlement;
mod source_calls;
pub mod state_machine;
pub mod status;
mod step_calls;
pub mod store;
mod store_retry;
#[cfg(test)]
mod tests;
mod unit_of_work;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use crate::bus::{ChangeBus, ChangeEvent, LocalChangeBus};
pub use crate::change_feed::{Feed, OrderChange, OrderChangeStream};
use crate::change_feed::{decode_cursor, encode_page};
use crate::context::OrdersContext;
use crate::hints::PendingHints;
use crate::leg::LegCancellation;
pub use crate::leg::{Attempt, AttemptOutcome, Leg, LegOperation, Ticket};
pub use crate::listing::{OrderCursor, OrderPage, OrderSort, PageRequest, SortColumn, SortValue};
pub use crate::operator::{
    AddNote, OperatorAction, OperatorOutcome, OperatorStore, PauseMode, PauseSource, ResolveOrphan, ResolvedOrphan,
    RetryLegs, SettleLeg, SourcePause,
};
pub use crate::order::{CurrencyTotals, FulfillmentPolicy, Line, Order, OrderAction, OrderNote};
use crate::pauses::SourcePauses;
pub use crate::planner::{SellingAccounts, leg_reference};
use crate::planning::legs_with_short_holds;
pub use crate::problem::{Problem, ProblemCode, ProblemDetail, RetryAdvice};
pub use crate::quote::{Quote, QuoteId};
pub use crate::reconcile::{ReconcileError, Reconciliation, StrayHold};
pub use crate::request::{
    Actor, CancelOrder, ChangeHeldOrder, CreateOrder, OrderActionRequest, OrderLineRequest, QuoteCancellation,
    UpdateContact,
};
pub use crate::sales::{
    SalesGroup, SalesGrouping, SalesPart, SalesPeriod, SalesScope, SalesSum, Sellers, UnresolvedSum,
};
pub use crate::search::{MAX_SEARCH_LENGTH, MAX_SEARCH_WORDS, SearchError, SearchWords};
pub use crate::settings::{CancellationPolicy, OrderSettings};
pub use crate::settlement::LegSettlement;
pub use crate::status::{Intent, LegStatus, OrderStatus};
pub use crate::store::{OrderFilter, OrderLookup, OrderStore, SaleFilter, Transition};
use crate::unit_of_work::UnitOfWork;
use ::change_feed::{FeedError, FeedPage, FeedSlice};
use domain::ordering::Barcode;
use domain::{Clock, OrderKey, Source, SourceId, StoreError};

/// Dependencies of [`Orders`].
pub struct OrdersDependencies {
    /// Configured sources, with their resilience and cache layers.
    pub sources: Vec<Source>,
    /// Durable store of orders.
    pub store: Arc<dyn OrderStore>,
    /// Bus on which order changes are published.
    pub bus: Arc<dyn ChangeBus>,
    /// Clock that supplies the current time.
    pub clock: Arc<dyn Clock>,
    /// Accounts of the resellers at the sources.
    pub accounts: Arc<dyn SellingAccounts>,
    /// Timeouts, intervals, limits and cancellation policies.
    pub settings: OrderSettings,
}

/// Result of a mutation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderOutcome {
    /// The order in its current state. `None` if it was not created, or if the actor may not see it.
    pub order: Option<Order>,
    /// Expected failures of the request or of individual legs.
    pub problems: Vec<Problem>,
    /// True if the idempotency key had been used before by the same request.
    pub replayed: bool,
    /// Order whose legs the problems name, if it is not `order`.
    pub legs_of: Option<OrderKey>,
}

impl OrderOutcome {
    fn rejected(order: Option<Order>, problems: Vec<Problem>) -> Self {
        Self { order, problems, replayed: false, legs_of: None }
    }

    fn current(order: Order, replayed: bool) -> Self {
        let problems = order.problems();
        Self { order: Some(order), problems, replayed, legs_of: None }
    }
}

/// Ticket together with its barcode.
#[derive(Debug, Clone)]
pub struct TicketWithBarcode {
    /// Index of the ticket in its order.
    pub number: usize,
    /// The ticket without its barcode.
    pub ticket: Ticket,
    /// Barcode of the ticket. `None` if the source issues no barcode, or has not issued it yet. Secret.
    pub barcode: Option<Barcode>,
}

/// Orders over all sources. Cheap to clone.
#[derive(Clone)]
pub struct Orders(Arc<OrdersContext>);

impl Orders {
    /// Creates the service. No task runs before [`start`](Self::start) or the first action.
    pub fn new(parts: OrdersDependencies) -> Self {
        let OrdersDependencies { sources, store, bus, clock, accounts, settings } = parts;
        let sources: HashMap<SourceId, Source> =
            sources.into_iter().map(|source| (source.id.clone(), source)).collect();
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        Self(Arc::new(OrdersContext {
            sources,
            store,
            pauses: SourcePauses::default(),
            hints: PendingHints::default(),
            bus,
            clock,
            accounts,
            settings: Arc::new(settings),
            tasks,
            stop,
        }))
    }

    /// Starts the background tasks: resume due orders, refresh sold orders, and prune idempotency records.
    pub fn start(&self) {
        self.start_tasks(Duration::ZERO);
    }

    /// Starts the background tasks over orders that were just imported, which are as their sources have them: the first refresh comes
    /// after an interval.
    pub fn start_after_import(&self) {
        self.start_tasks(self.0.settings.refresh_interval);
    }

    fn start_tasks(&self, first_refresh: Duration) {
        self.0.tasks.spawn(pauses::load_periodically(Arc::clone(&self.0)));
        self.0.tasks.spawn(recover::claim_due_orders_periodically(Arc::clone(&self.0)));
        self.0.tasks.spawn(hints::follow_hints_periodically(Arc::clone(&self.0)));
        self.0.tasks.spawn(refresh::refresh_periodically(Arc::clone(&self.0), first_refresh));
        self.0.tasks.spawn(recover::prune_idempotency_records_periodically(Arc::clone(&self.0)));
    }

    /// Resumes every order that is due now and returns their number. Each runs on in its own task.
    pub async fn resume_due(&self) -> Result<usize, StoreError> {
        recover::claim_due_orders(&self.0).await
    }

    /// Stops new steps, lets calls in flight write their outcome, and waits for them.
    pub async fn close(&self) {
        self.0.stop.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    /// Waits until no order runs in this process. Only usable without [`start`](Self::start).
    pub async fn wait_until_idle(&self) {
        self.0.tasks.close();
        self.0.tasks.wait().await;
        self.0.tasks.reopen();
    }

    /// Returns the settings of orders.
    pub fn settings(&self) -> &OrderSettings {
        &self.0.settings
    }

    /// Plans and prices an order without booking anything.
    pub async fn create(&self, actor: &Actor, input: &CreateOrder) -> Result<OrderOutcome, StoreError> {
        self.plan_or_place(actor, input, "createOrder", false).await
    }

    /// Plans, holds and confirms in one request. Returns within [`OrderSettings::response_timeout`]; the order may
    /// still be in progress then.
    pub async fn place(&self, actor: &Actor, input: &CreateOrder) -> Result<OrderOutcome, StoreError> {
        self.plan_or_place(actor, input, "placeOrder", true).await
    }

    /// Places a hold at every source that supports holds.
    pub async fn hold(&self, actor: &Actor, action: &OrderActionRequest) -> Result<OrderOutcome, StoreError> {
        self.apply_action(actor, action, ("holdOrder", OrderAction::Hold), |work| {
            work.set_intent(Intent::Hold);
            Ok(())
        })
        .await
    }

    /// Extends the holds at the sources that support it.
    pub async fn extend(&self, actor: &Actor, action: &OrderActionRequest) -> Result<OrderOutcome, StoreError> {
        self.apply_action(actor, action, ("extendHold", OrderAction::ExtendHold), |work| {
            for number in 0..work.order.legs.len() {
                let leg = work.leg_mut(number);
                leg.problems.clear();
                if leg.status == LegStatus::Held && leg.capabilities.extends_holds {
                    leg.extension_requested = true;
                } else if leg.status == LegStatus::Held {
                    work.add_problem(number, Problem::new(ProblemCode::HoldNotExtended));
                }
            }
            Ok(())
        })
        .await
    }

    /// Confirms the held legs. Confirming accepts a price that changed after the order was planned.
    pub async fn confirm(&self, actor: &Actor, action: &OrderActionRequest) -> Result<OrderOutcome, StoreError> {
        self.apply_action(actor, action, ("confirmOrder", OrderAction::Confirm), |work| {
            let short = legs_with_short_holds(&work.order, work.now);
            if !short.is_empty() {
                let problem = |leg: usize| {
                    Problem::new(ProblemCode::HoldTooShort).for_source(&work.order.legs[leg].source).on_leg(leg)
                };
                return Err(short.into_iter().map(problem).collect());
            }
            if work.order.contact.is_none() {
                return Err(vec![Problem::new(ProblemCode::ContactMissing).at_path(["input", "order"])]);
            }
            work.set_intent(Intent::Confirm);
            Ok(())
        })
        .await
    }

    /// Releases the holds.
    pub async fn release(&self, actor: &Actor, action: &OrderActionRequest) -> Result<OrderOutcome, StoreError> {
        self.apply_action(actor, action, ("releaseOrder", OrderAction::Release), |work| {
            work.set_intent(Intent::Release);
            Ok(())
        })
        .await
    }

    /// Quotes the refund of a cancellation. The quote is valid for [`OrderSettings::quote_ttl`].
    pub async fn quote(
        &self,
        actor: &Actor,
        request: &QuoteCancellation,
    ) -> Result<Result<Quote, Vec<Problem>>, StoreError> {
        let Some(order) = self.find(actor, &OrderLookup::Key(request.order)).await? else {
            return Ok(Err(vec![Problem::new(ProblemCode::OrderNotFound).at_path(["input", "order"])]));
        };
        let now = self.0.clock.now();
        if !order.is_idle() {
            return Ok(Err(vec![Problem::new(ProblemCode::ActionNotAvailable).at_path(["input", "order"])]));
        }
        match quote::quote(&order, request.lines.as_ref(), now, &self.0.settings) {
            Ok(quote) => {
                self.0.store.insert_quote(&quote).await?;
                Ok(Ok(quote))
            }
            Err(problems) => Ok(Err(problems)),
        }
    }

    /// Cancels the quoted lines. Rejects a quote that has expired or that would be different now.
    pub async fn cancel(&self, actor: &Actor, request: &CancelOrder) -> Result<OrderOutcome, StoreError> {
        let problem = |code| Ok(OrderOutcome::rejected(None, vec![Problem::new(code).at_path(["input", "quote"])]));
        let Some(quote) = self.0.store.find_quote(&request.quote).await? else {
            return problem(ProblemCode::QuoteNotFound);
        };
        if self.find(actor, &OrderLookup::Key(quote.order)).await?.is_none() {
            return problem(ProblemCode::QuoteNotFound);
        }
        let action = OrderActionRequest { key: request.key.clone(), order: quote.order, if_version: None };
        let hash = idempotency::request_hash(&(quote.id.0, &request.reason));
        let name = ("cancelOrder", Some(OrderAction::Cancel), "quote");
        self.apply_action_with_hash(actor, &action, name, &hash, |work| {
            let requoted = quote::quote(&work.order, Some(&quote.lines), work.now, &work.settings);
            if work.now >= quote.expires_at || !requoted.is_ok_and(|requoted| requoted.agrees_with(&quote)) {
                return Err(vec![Problem::new(ProblemCode::QuoteExpired).at_path(["input", "quote"])]);
            }
            request_cancellation(work, &quote);
            work.set_reason(request.reason.as_deref());
            Ok(())
        })
        .await
    }

    /// Finds an order that the actor may see.
    pub async fn find(&self, actor: &Actor, by: &OrderLookup) -> Result<Option<Order>, StoreError> {
        let by = match by {
            OrderLookup::ResellerReference(reference, _) if actor.reseller.is_some() => {
                OrderLookup::ResellerReference(reference.clone(), actor.reseller.clone())
            }
            other => other.clone(),
        };
        let order = self.0.store.find(&by).await?;
        Ok(order.filter(|order| actor.can_see(order.reseller.as_deref())))
    }

    /// Lists a page of the orders that the actor may see.
    pub async fn list(&self, actor: &Actor, filter: &OrderFilter, page: &PageRequest) -> Result<OrderPage, StoreError> {
        self.0.store.list(&visible(actor, filter), page).await
    }

    /// Counts the orders that [`list`](Self::list) lists. Returns `None` if that takes too long.
    pub async fn count(&self, actor: &Actor, filter: &OrderFilter) -> Result<Option<u64>, StoreError> {
        self.0.store.count(&visible(actor, filter)).await
    }

    /// Returns a page of the status transitions of an order for a client, after a cursor or from the start.
    pub async fn page_transitions(
        &self,
        order: OrderKey,
        after: Option<&str>,
        first: usize,
    ) -> Result<FeedPage<Transition>, FeedError> {
        let store = self.0.store.as_ref();
        let after = decode_cursor(store, Feed::Transitions, after)?;
        encode_page(store, Feed::Transitions, after, self.list_transitions(order, after, first).await?)
    }

    /// Lists the entries of the change feed after a position; position 0 is the start of the feed.
    pub async fn list_changes(
        &self,
        actor: &Actor,
        after: u64,
        first: usize,
    ) -> Result<FeedSlice<OrderChange>, StoreError> {
        self.0.store.list_changes(after, first, actor.reseller.as_deref()).await
    }

    /// Lists the status transitions of an order after a position; position 0 is the start.
    pub async fn list_transitions(
        &self,
        order: OrderKey,
        after: u64,
        first: usize,
    ) -> Result<FeedSlice<Transition>, StoreError> {
        self.0.store.list_transitions(order, after, first).await
    }

    /// Loads the tickets of an order with their barcodes. The caller is responsible for authorization.
    pub async fn load_tickets(&self, order: &Order) -> Result<Vec<TicketWithBarcode>, StoreError> {
        let codes = self.0.store.load_credentials(order.key).await?;
        let mut codes: HashMap<usize, Barcode> = codes.into_iter().map(|code| (code.ticket, code.barcode)).collect();
        let coded = order.tickets.iter().enumerate();
        let coded = coded.map(|(number, ticket)| TicketWithBarcode {
            number,
            ticket: ticket.clone(),
            barcode: codes.remove(&number),
        });
        Ok(coded.collect())
    }

    /// Refreshes every sold order whose performances are not over, once: pending barcodes, admissions and canceled
    /// performances. [`start`](Self::start) repeats this periodically.
    pub async fn refresh_sold(&self) -> Result<(), StoreError> {
        refresh::refresh_sold_orders(&self.0).await
    }

    /// Refreshes one order from its sources, whatever the date of its performances, and returns it. `None` if there
    /// is no such order or the actor may not see it.
    pub async fn refresh(&self, actor: &Actor, order: OrderKey) -> Result<Option<Order>, StoreError> {
        let Some(current) = self.find(actor, &OrderLookup::Key(order)).await? else { return Ok(None) };
        refresh::refresh_order(&self.0, current, false).await?;
        self.find(actor, &OrderLookup::Key(order)).await
    }

    /// Compares the sales of a source with the stored orders over a time window.
    pub async fn reconcile(
        &self,
        source: &SourceId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Reconciliation, ReconcileError> {
        reconcile::reconcile(&self.0, source, from, to).await
    }

    /// Returns the time until the limits of its sources let an order be sold. `None` if no wait is foreseen.
    pub async fn expected_wait(&self, order: &Order) -> Option<Duration> {
        capacity::expected_wait(&self.0, order).await
    }

    /// Subscribes to the changes of one order, or of all orders that the actor may see.
    pub async fn subscribe(&self, actor: &Actor, order: Option<OrderKey>) -> Result<OrderChangeStream, StoreError> {
        change_feed::watch(&self.0, actor.clone(), order).await
    }
}

/// Returns a filter for the orders that the actor may see.
fn visible(actor: &Actor, filter: &OrderFilter) -> OrderFilter {
    let reseller = actor.reseller.clone().or_else(|| filter.reseller.clone());
    OrderFilter { reseller, ..filter.clone() }
}

/// Requests the cancellation of the lines of a quote.
fn request_cancellation(work: &mut UnitOfWork, quote: &Quote) {
    work.set_intent(Intent::Cancel);
    for number in 0..work.order.legs.len() {
        let lines = work.order.lines_of(number).map(|(line, _)| line);
        let lines: BTreeSet<usize> = lines.filter(|line| quote.all_lines().contains(line)).collect();
        if !lines.is_empty() {
            work.leg_mut(number).cancellation = Some(LegCancellation { quote: quote.id.0.to_string(), lines });
        }
    }
}
