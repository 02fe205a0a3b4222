//! Orders of the past, as they would be if they had been placed at the time: for a sandbox that is not empty. No source is called; the
//! caller supplies the outcomes, and the same code as for every order applies them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::decision::SagaStep;
use crate::lease::{LeaseAfterWrite, Precondition};
use crate::order::{FulfillmentPolicy, Line, Order};
use crate::outcome::StepOutcome;
use crate::planner::OrderPlanner;
use crate::problem::{Problem, ProblemCode};
use crate::quote;
use crate::request::{Actor, CreateOrder};
use crate::settings::OrderSettings;
use crate::status::Intent;
use crate::store::{OrderTimer, OrderWrite, TicketCredential, Transition};
use crate::unit_of_work::{UnitOfWork, timers};
use crate::{Orders, request_cancellation};
use domain::ordering::{
    CompletedCancellation, ConfirmedSale, Contact, DeliveryPreference, IssuedTicket, LookupOutcome, PlacedHold,
};
use domain::time::later;
use domain::{Environment, Locale, OrderKey, SourceId, StoreError, VendorError};

/// Time between the steps of an order of the past.
const STEP: Duration = Duration::from_secs(1);
/// Largest number of rounds of steps, far more than any order has.
const MAX_ROUNDS: usize = 20;

/// A purchase of the past.
#[derive(Debug, Clone)]
pub struct PastPurchase {
    /// Key of the order.
    pub key: OrderKey,
    /// Time of the purchase.
    pub at: Timestamp,
    /// API caller, and the reseller that it belongs to.
    pub actor: Actor,
    /// Reference chosen by the reseller.
    pub reseller_reference: Option<String>,
    /// Visitor.
    pub contact: Contact,
    /// Language of the visitor.
    pub locale: Option<Locale>,
    /// Lines and their sources.
    pub lines: Vec<(SourceId, Line)>,
    /// True if the holds were confirmed without a further request.
    pub is_placed: bool,
}

/// Outcome of a step of the past.
#[derive(Debug)]
pub enum PastOutcome {
    /// Of a hold.
    Held(Result<PlacedHold, VendorError>),
    /// Of a confirmation.
    Confirmed(Result<ConfirmedSale, VendorError>),
    /// Of the look-up of a confirmation whose response was lost.
    FoundConfirmation(Result<LookupOutcome<ConfirmedSale>, VendorError>),
    /// Of a cancellation.
    Canceled(Result<CompletedCancellation, VendorError>),
}

impl From<PastOutcome> for StepOutcome {
    fn from(outcome: PastOutcome) -> Self {
        match outcome {
            PastOutcome::Held(result) => Self::Held(result),
            PastOutcome::Confirmed(result) => Self::Confirmed(result),
            PastOutcome::FoundConfirmation(result) => Self::FoundConfirmation(result),
            PastOutcome::Canceled(result) => Self::Canceled(result),
        }
    }
}

/// Returns the outcome of a step of an order. `None` ends the course of the order before the step.
pub type OutcomeOf<'a> = &'a mut dyn FnMut(&Order, SagaStep) -> Option<PastOutcome>;

impl Orders {
    /// Plans a purchase of the past, at the prices of its lines. Reads nothing from the sources. Fails if one of them is unknown, sells
    /// nothing, or is not a sandbox.
    pub fn plan_past(&self, purchase: &PastPurchase) -> Result<OrderHistory, Vec<Problem>> {
        let context = &self.0;
        for (id, _) in &purchase.lines {
            let source = context.sources.get(id).filter(|source| source.environment == Environment::Sandbox);
            if source.is_none_or(|source| source.ordering.is_none()) {
                return Err(vec![Problem::new(ProblemCode::UnsupportedBySource).for_source(id)]);
            }
        }
        let planner = OrderPlanner {
            sources: &context.sources,
            accounts: context.accounts.as_ref(),
            settings: &context.settings,
            now: purchase.at,
            replaced: None,
        };
        let PastPurchase { actor, lines, .. } = purchase;
        let input = CreateOrder {
            key: String::new(),
            reseller: None,
            reseller_reference: purchase.reseller_reference.clone(),
            policy: FulfillmentPolicy::AllOrNothing,
            is_test: true,
            lines: Vec::new(),
            contact: Some(purchase.contact.clone()),
            locale: purchase.locale.clone(),
            delivery: DeliveryPreference::Barcode,
        };
        let order = planner.draft_order(purchase.key, actor, &input, lines, actor.reseller.clone());
        let mut order = planner.settle_and_plan(order)?;
        order.is_placed = purchase.is_placed;
        Ok(OrderHistory::new(order, &context.settings))
    }
}

/// The course of an order of the past.
pub struct OrderHistory {
    work: UnitOfWork,
    transitions: Vec<Transition>,
    credentials: Vec<TicketCredential>,
}

impl OrderHistory {
    fn new(order: Order, settings: &Arc<OrderSettings>) -> Self {
        let created_at = order.created_at;
        let work = UnitOfWork::new(order, settings, created_at);
        let mut history = Self { work, transitions: Vec::new(), credentials: Vec::new() };
        history.work.set_intent(Intent::Hold);
        history.record("requested");
        history
    }

    /// Returns the order as it was at the last step.
    pub fn order(&self) -> &Order {
        &self.work.order
    }

    /// Takes the steps that are due at a time and after it, until nothing is left to do.
    pub fn proceed(&mut self, at: Timestamp, outcome_of: OutcomeOf<'_>) {
        self.work.now = at;
        for _ in 0..MAX_ROUNDS {
            let steps = self.work.next_steps();
            let outcomes: Option<Vec<PastOutcome>> =
                steps.iter().map(|step| outcome_of(&self.work.order, *step)).collect();
            let Some(outcomes) = outcomes.filter(|outcomes| !outcomes.is_empty()) else { break };
            steps.iter().for_each(|step| self.work.record_attempt(*step));
            self.record("legs");
            self.work.now = later(self.work.now, STEP);
            for (step, outcome) in steps.iter().zip(outcomes) {
                self.work.record_outcome(step.leg, outcome.into());
            }
        }
        self.record("legs");
    }

    /// Cancels lines, or everything cancelable. Fails if that was not possible at the time.
    pub fn cancel(
        &mut self,
        at: Timestamp,
        lines: Option<&BTreeSet<usize>>,
        outcome_of: OutcomeOf<'_>,
    ) -> Result<(), Vec<Problem>> {
        let quote = quote::quote(&self.work.order, lines, at, &self.work.settings)?;
        self.work.now = at;
        request_cancellation(&mut self.work, &quote);
        self.record("requested");
        self.proceed(at, outcome_of);
        Ok(())
    }

    /// Applies the tickets of a leg as they were read at a time.
    pub fn read_tickets(&mut self, at: Timestamp, leg: usize, tickets: Vec<IssuedTicket>) {
        self.work.now = at;
        self.work.record_outcome(leg, StepOutcome::Tickets(Ok(tickets)));
        self.record("requested");
    }

    /// Records what a write of the order would store.
    fn record(&mut self, cause: &str) {
        if !self.work.is_changed() {
            return;
        }
        self.transitions.extend(self.work.finish(cause));
        for credential in self.work.credentials.drain(..) {
            self.credentials.retain(|other| other.ticket != credential.ticket);
            self.credentials.push(credential);
        }
        self.work.mark_written();
    }

    /// Ends the course at a time.
    pub fn finish(self, now: Timestamp) -> PastOrder {
        let Self { work, transitions, credentials } = self;
        let timers = timers(&work.order, false, now);
        PastOrder { order: work.order, transitions, credentials, timers }
    }
}

/// An order of the past, with everything that is stored of it.
#[derive(Debug, Clone)]
pub struct PastOrder {
    /// The order.
    pub order: Order,
    transitions: Vec<Transition>,
    credentials: Vec<TicketCredential>,
    timers: Vec<OrderTimer>,
}

impl PastOrder {
    /// Returns the write that stores the order.
    pub fn write(&self) -> OrderWrite<'_> {
        OrderWrite {
            transitions: &self.transitions,
            credentials: &self.credentials,
            timers: &self.timers,
            ..OrderWrite::new(Precondition::New, &self.order, LeaseAfterWrite::Released)
        }
    }
}

/// Import of orders into a store.
#[async_trait]
pub trait OrderImport: Send + Sync {
    /// Writes orders in one transaction. Returns false, and writes nothing, if the store has any order. Fails in a store that other
    /// processes may use.
    async fn import(&self, orders: &[PastOrder]) -> Result<bool, StoreError>;
}
