//! An order: lines to buy, legs at sources, and what became of them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use crate::leg::{Leg, Ticket};
use crate::plan::Plan;
use crate::problem::Problem;
use crate::status::{Intent, LegStatus, LegView, OrderStatus, order_status};
use domain::ordering::{Contact, DeliveryPreference, LegLine, LegRequest};
use domain::{Currency, EventKey, Locale, Money, OrderKey, PerformanceKey, Price, TicketTypeKey};

/// What a refused leg does to the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
pub enum Policy {
    /// It undoes them.
    AllOrNothing,
    /// They are kept.
    BestEffort,
}

/// One purchase over one or more sources. Money is kept as it was promised; nothing is converted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Its key, drawn once.
    pub key: OrderKey,
    /// Its number for people, unique.
    pub number: String,
    /// Counts every change, from 1.
    pub version: u64,
    /// Who ordered: a caller of the API.
    pub caller: String,
    /// The reseller that sells it.
    pub reseller: Option<String>,
    /// The reseller's own reference.
    pub reseller_reference: Option<String>,
    /// What a refused leg does to the others.
    pub policy: Policy,
    /// For trying out: nothing real is sold.
    pub is_test: bool,
    /// The visitor.
    pub contact: Contact,
    /// The language of the visitor.
    pub locale: Option<Locale>,
    /// How the tickets reach the visitor.
    pub delivery: DeliveryPreference,
    /// What was last wanted of it.
    pub intent: Intent,
    /// It is sold as soon as it is held, without asking again.
    pub is_placed: bool,
    /// What was guaranteed before anything was booked.
    pub plan: Plan,
    /// What is bought.
    pub lines: Vec<Line>,
    /// A leg for each source.
    pub legs: Vec<Leg>,
    /// The tickets that were issued. Their codes are kept apart, see [`Ledger`](crate::Ledger).
    pub tickets: Vec<Ticket>,
    /// When it was planned.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// One line of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The leg that it belongs to.
    pub leg: usize,
    /// The event visited.
    pub event: EventKey,
    /// The performance visited.
    pub performance: PerformanceKey,
    /// As what.
    pub ticket_type: TicketTypeKey,
    /// How many tickets.
    pub quantity: u32,
    /// What one was promised to cost.
    pub unit_price: Price,
    /// When the performance starts, where it has a time.
    pub starts_at: Option<Timestamp>,
    /// The last moment of sale, where told.
    pub cutoff_at: Option<Timestamp>,
    /// It was undone.
    pub is_cancelled: bool,
}

impl Line {
    /// What the line costs.
    pub fn total(&self) -> Money {
        times(self.unit_price.retail, self.quantity)
    }
}

/// What a client may ask of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OrderAction {
    /// Set places aside.
    Hold,
    /// Prolong the holds.
    ExtendHold,
    /// Sell.
    Confirm,
    /// Give the holds back.
    Release,
    /// Learn what undoing gives back.
    QuoteCancellation,
    /// Undo, by a quote.
    Cancel,
}

/// Sums in one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// What was asked for.
    pub requested: Money,
    /// What is held.
    pub held: Money,
    /// What is sold and not undone: the amount to capture once the order is terminal.
    pub confirmed: Money,
    /// What undoing all of it now would give back; none: nothing can be undone.
    pub refundable: Option<Money>,
}

impl Order {
    /// Where it stands: computed from its legs and its intent.
    pub fn status(&self) -> OrderStatus {
        let views: Vec<LegView> = self
            .legs
            .iter()
            .map(|leg| LegView {
                status: leg.status,
                has_work: self.has_work(leg),
                is_partly_cancelled: self.lines_of(leg.number).any(|(_, line)| line.is_cancelled),
            })
            .collect();
        order_status(self.intent, &views)
    }

    /// The intent still asks something of this leg.
    pub fn has_work(&self, leg: &Leg) -> bool {
        let (is_draft, is_held) = (leg.status == LegStatus::Draft, leg.status == LegStatus::Held);
        let is_sold = leg.status == LegStatus::Confirmed;
        let is_asked = match self.intent {
            Intent::None => false,
            Intent::Hold => is_draft && leg.is_held_first() || is_held && self.is_placed,
            Intent::Confirm => !self.is_stopped() && (is_held || is_draft && !leg.is_held_first()),
            Intent::Release => is_held || is_draft,
            Intent::Compensate => is_held || is_draft || is_sold,
            Intent::Cancel => is_sold && leg.cancel.is_some(),
        };
        is_asked || leg.leaves_hold
    }

    /// A leg that only a human can settle keeps the others of an all-or-nothing order from being sold or undone.
    pub fn is_stopped(&self) -> bool {
        self.policy == Policy::AllOrNothing && self.legs.iter().any(|leg| leg.status == LegStatus::NeedsAttention)
    }

    /// Nothing is going on and nothing is waited for.
    pub fn is_at_rest(&self) -> bool {
        self.legs.iter().all(|leg| !leg.status.is_in_flight() && !leg.wants_extension && !self.has_work(leg))
    }

    /// The lines of a leg with their numbers.
    pub fn lines_of(&self, leg: usize) -> impl Iterator<Item = (usize, &Line)> {
        self.lines.iter().enumerate().filter(move |(_, line)| line.leg == leg)
    }

    /// What a source is told about its leg.
    pub fn request(&self, leg: &Leg) -> LegRequest {
        let lines = self
            .lines_of(leg.number)
            .map(|(number, line)| LegLine {
                line: number,
                performance: line.performance.clone(),
                ticket_type: line.ticket_type.clone(),
                quantity: line.quantity,
                unit_price: line.unit_price.retail,
            })
            .collect();
        LegRequest {
            reference: leg.reference.clone(),
            lines,
            contact: self.contact.clone(),
            account: leg.account.clone(),
            locale: self.locale.clone(),
            delivery: self.delivery,
        }
    }

    /// What a leg was promised to cost, one sum a currency.
    pub fn promised(&self, leg: usize) -> Vec<Money> {
        sum(self.lines_of(leg).map(|(_, line)| line.total()))
    }

    /// When the first hold ends, less a margin; none: nothing is held.
    pub fn hold_expires_at(&self, margin: Duration) -> Option<Timestamp> {
        let held = self.legs.iter().filter(|leg| leg.status == LegStatus::Held);
        let first = held.filter_map(|leg| leg.held_until).min()?;
        Some(crate::rules::earlier(first, margin))
    }

    /// What a client may ask of it now.
    pub fn available_actions(&self, now: Timestamp) -> Vec<OrderAction> {
        if !self.is_at_rest() {
            return Vec::new();
        }
        let any = |fits: &dyn Fn(&Leg) -> bool| self.legs.iter().any(fits);
        let sellable = |leg: &Leg| match leg.status {
            LegStatus::Held => leg.held_until.is_none_or(|until| now < until),
            LegStatus::Draft => !leg.is_held_first(),
            _ => false,
        };
        let is_open = |leg: &Leg| matches!(leg.status, LegStatus::Held | LegStatus::Draft);
        let confirms = match self.policy {
            Policy::AllOrNothing => self.legs.iter().all(sellable),
            Policy::BestEffort => any(&sellable) && !any(&|leg| leg.status == LegStatus::Draft && leg.is_held_first()),
        };
        let cancels = any(&|leg| leg.may_cancel(now));
        let actions = [
            (OrderAction::Hold, self.intent == Intent::None && any(&Leg::is_held_first)),
            (OrderAction::ExtendHold, any(&|leg| leg.status == LegStatus::Held && leg.traits.extends_holds)),
            (OrderAction::Confirm, confirms && !any(&|leg| leg.status == LegStatus::NeedsAttention)),
            (OrderAction::Release, any(&is_open)),
            (OrderAction::QuoteCancellation, cancels),
            (OrderAction::Cancel, cancels),
        ];
        actions.into_iter().filter_map(|(action, is_there)| is_there.then_some(action)).collect()
    }

    /// The sums, a row a currency, by ascending code.
    pub fn totals(&self, now: Timestamp) -> Vec<Totals> {
        let currencies: BTreeSet<Currency> = self.lines.iter().map(|line| line.total().currency).collect();
        currencies.into_iter().map(|currency| self.totals_in(currency, now)).collect()
    }

    fn totals_in(&self, currency: Currency, now: Timestamp) -> Totals {
        let zero = Money::zero(currency);
        let mut totals = Totals { requested: zero, held: zero, confirmed: zero, refundable: None };
        for leg in &self.legs {
            let promised = self.promised(leg.number).into_iter().find(|money| money.currency == currency);
            let Some(promised) = promised else { continue };
            totals.requested = plus(totals.requested, promised);
            let told = |money: Option<Money>| money.filter(|money| money.currency == currency).unwrap_or(promised);
            match leg.status {
                LegStatus::Held => totals.held = plus(totals.held, told(leg.held_total)),
                LegStatus::Confirmed | LegStatus::Cancelling => {
                    let sold = self.sold(leg, told(leg.charged));
                    totals.confirmed = plus(totals.confirmed, sold);
                    if leg.may_cancel(now) {
                        let (back, _) = less_fee(sold, leg.traits.cancel_fee);
                        totals.refundable = Some(plus(totals.refundable.unwrap_or(zero), back));
                    }
                }
                _ => {}
            }
        }
        totals
    }

    /// What is left of a sold leg's total after lines were undone.
    fn sold(&self, leg: &Leg, total: Money) -> Money {
        let gone = self.lines_of(leg.number).filter(|(_, line)| line.is_cancelled).map(|(_, line)| line.total());
        let gone = sum(gone).into_iter().find(|money| money.currency == total.currency);
        gone.map_or(total, |gone| Money { amount: (total.amount - gone.amount).max(0), ..total })
    }

    /// What went wrong with its legs, by leg.
    pub fn problems(&self) -> Vec<Problem> {
        self.legs.iter().flat_map(|leg| leg.problems.iter().cloned()).collect()
    }
}

/// Sums, one a currency, by ascending code.
pub(crate) fn sum(amounts: impl IntoIterator<Item = Money>) -> Vec<Money> {
    let mut sums: BTreeMap<Currency, Money> = BTreeMap::new();
    for money in amounts {
        let sum = sums.entry(money.currency).or_insert(Money::zero(money.currency));
        *sum = plus(*sum, money);
    }
    sums.into_values().collect()
}

/// What undoing gives back and keeps. The fee is rounded down, for the visitor.
pub(crate) fn less_fee(total: Money, fee: u32) -> (Money, Money) {
    let kept = i128::from(total.amount) * i128::from(fee.min(10_000)) / 10_000;
    let kept = i64::try_from(kept).unwrap_or(total.amount);
    (Money { amount: total.amount - kept, ..total }, Money { amount: kept, ..total })
}

/// The sum of two amounts of one currency. Amounts are checked when an order is planned, so that sums fit.
fn plus(left: Money, right: Money) -> Money {
    Money { amount: left.amount.saturating_add(right.amount), ..left }
}

fn times(money: Money, count: u32) -> Money {
    Money { amount: money.amount.saturating_mul(count.into()), ..money }
}
