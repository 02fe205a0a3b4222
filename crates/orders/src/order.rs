//! Order: its lines, its legs at the sources, and their computed status and totals.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::amounts::{add, multiply, split_cancellation_fee, sum_by_currency};
use crate::leg::{Leg, Ticket};
use crate::plan::Plan;
use crate::problem::Problem;
use crate::status::{Intent, LegSnapshot, LegStatus, OrderStatus, order_status};
use domain::ordering::{Contact, DeliveryPreference, LegLine, LegRequest};
use domain::text::LocalizedText;
use domain::{Currency, EventKey, Locale, Money, OrderKey, PerformanceKey, Price, TicketTypeKey};

/// Effect of a failed leg on the other legs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum FulfillmentPolicy {
    /// Compensates the other legs.
    AllOrNothing,
    /// Keeps the other legs.
    BestEffort,
}

/// One purchase over one or more sources. Amounts keep the currency of their source; nothing is converted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Unique key, drawn once.
    pub key: OrderKey,
    /// Unique number for people.
    pub number: String,
    /// Number of writes, starting at 1.
    pub version: u64,
    /// API caller that created the order.
    pub caller: String,
    /// Reseller that sells the order.
    pub reseller: Option<String>,
    /// Reference chosen by the reseller.
    pub reseller_reference: Option<String>,
    /// Effect of a failed leg on the other legs.
    pub policy: FulfillmentPolicy,
    /// True for a test order, which sells nothing real.
    pub is_test: bool,
    /// Contact of the visitor. `None` until it is known: such an order can be held, and is not confirmed.
    pub contact: Option<Contact>,
    /// Contact under which the sources hold that require one at the hold, if it is not that of the visitor.
    pub hold_contact: Option<Contact>,
    /// Language of the visitor.
    pub locale: Option<Locale>,
    /// Preferred delivery of the tickets.
    pub delivery: DeliveryPreference,
    /// Order that this one replaces, or was to replace. Set once, when it is planned.
    pub replaces: Option<OrderKey>,
    /// Order that replaces this one, or is being held for that.
    pub replaced_by: Option<OrderKey>,
    /// Last requested intent.
    pub intent: Intent,
    /// True if held legs are confirmed without a further request.
    pub is_placed: bool,
    /// Plan made before booking.
    pub plan: Plan,
    /// Lines to buy.
    pub lines: Vec<Line>,
    /// One leg per source.
    pub legs: Vec<Leg>,
    /// Notes of people who looked after the order, oldest first.
    pub notes: Vec<OrderNote>,
    /// Issued tickets. Their barcodes are stored separately, see [`OrderStore`](crate::OrderStore).
    pub tickets: Vec<Ticket>,
    /// Time of planning.
    pub created_at: Timestamp,
    /// Time of the last change.
    pub updated_at: Timestamp,
}

/// Note of a person who looked after an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderNote {
    /// Time of the note.
    pub at: Timestamp,
    /// API caller that wrote it.
    pub by: String,
    /// Text.
    pub text: String,
}

/// One line of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Index of the leg.
    pub leg: usize,
    /// Event of the performance.
    pub event: EventKey,
    /// Title of the event when the order was planned. `None` if the event could not be loaded, and for orders of earlier versions.
    pub event_title: Option<LocalizedText>,
    /// Performance to attend.
    pub performance: PerformanceKey,
    /// Ticket type.
    pub ticket_type: TicketTypeKey,
    /// Number of tickets.
    pub quantity: u32,
    /// Planned price per ticket.
    pub unit_price: Price,
    /// Start of the performance, if it has one.
    pub starts_at: Option<Timestamp>,
    /// Day of the visit in the time zone of the venue, or in UTC for orders of earlier versions. `None` for open visits.
    pub visit_date: Option<Date>,
    /// End of sale, if the source specifies one.
    pub cutoff_at: Option<Timestamp>,
    /// True if the line was canceled.
    pub is_canceled: bool,
}

impl Line {
    /// Returns the planned price of the line.
    pub fn total(&self) -> Money {
        multiply(self.unit_price.retail, self.quantity)
    }
}

/// Action available to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OrderAction {
    /// Place holds.
    Hold,
    /// Extend the holds.
    ExtendHold,
    /// Hold other lines instead.
    Change,
    /// Confirm the held legs.
    Confirm,
    /// Release the holds.
    Release,
    /// Quote a cancellation.
    QuoteCancellation,
    /// Cancel the lines of a quote.
    Cancel,
    /// Settle a leg by the vendor's books.
    Settle,
    /// Look up or try again the legs that wait or need attention.
    Retry,
}

/// Totals in one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CurrencyTotals {
    /// Planned total.
    pub requested: Money,
    /// Total of held legs.
    pub held: Money,
    /// Total of confirmed lines that were not canceled: the amount to capture once the order is terminal.
    pub confirmed: Money,
    /// Refund of canceled lines.
    pub refunded: Money,
    /// Fee kept for canceled lines.
    pub fee: Money,
    /// Refund if everything were canceled now. `None` if nothing can be canceled.
    pub refundable: Option<Money>,
}

impl Order {
    /// Computes the status from the legs and the intent.
    pub fn status(&self) -> OrderStatus {
        let views: Vec<LegSnapshot> = self
            .legs
            .iter()
            .map(|leg| LegSnapshot {
                status: leg.status,
                has_pending_work: self.has_pending_work(leg),
                is_partially_canceled: self.lines_of(leg.number).any(|(_, line)| line.is_canceled),
                lacks_tickets: leg.lacks_tickets(),
            })
            .collect();
        order_status(self.intent, &views)
    }

    /// Returns true if nothing more happens by itself: every outcome is known, and no ticket is missing that is still expected.
    pub fn is_terminal(&self) -> bool {
        self.status().is_terminal() && !self.legs.iter().any(Leg::awaits_tickets)
    }

    /// Returns true if the intent still requires a step of this leg.
    pub fn has_pending_work(&self, leg: &Leg) -> bool {
        let (is_draft, is_held) = (leg.status == LegStatus::Draft, leg.status == LegStatus::Held);
        let is_sold = leg.status == LegStatus::Confirmed;
        let is_asked = match self.intent {
            Intent::None => false,
            Intent::Hold => is_draft && leg.requires_hold() || is_held && self.is_placed,
            Intent::Confirm => !self.is_blocked() && (is_held || is_draft && !leg.requires_hold()),
            Intent::Release => is_held || is_draft,
            Intent::Compensate => is_held || is_draft || is_sold && !leg.is_kept(),
            Intent::Cancel => is_sold && leg.cancellation.is_some(),
        };
        is_asked || leg.has_stray_hold
    }

    /// Returns true if a leg that needs an operator blocks the other legs of an all-or-nothing order.
    pub fn is_blocked(&self) -> bool {
        self.policy == FulfillmentPolicy::AllOrNothing
            && self.legs.iter().any(|leg| leg.status == LegStatus::NeedsAttention)
    }

    /// Returns true if no step is in progress or pending, and the order is not being replaced.
    pub fn is_idle(&self) -> bool {
        let is_idle = |leg: &Leg| !leg.status.is_in_flight() && !leg.extension_requested && !self.has_pending_work(leg);
        !self.is_being_replaced() && self.legs.iter().all(is_idle)
    }

    /// Returns the lines of a leg with their indexes.
    pub fn lines_of(&self, leg: usize) -> impl Iterator<Item = (usize, &Line)> {
        self.lines.iter().enumerate().filter(move |(_, line)| line.leg == leg)
    }

    /// Returns the day of the first visit. `None` if no line has a day.
    pub fn first_visit(&self) -> Option<Date> {
        self.lines.iter().filter_map(|line| line.visit_date).min()
    }

    /// Returns the planned total in the first currency by code. `None` without lines.
    pub fn first_total(&self) -> Option<Money> {
        sum_by_currency(self.lines.iter().map(Line::total)).into_iter().next()
    }

    /// Builds the request that a source receives for its leg.
    pub fn leg_request(&self, leg: &Leg) -> LegRequest {
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
            contact: self.contact_at(leg).cloned(),
            account: leg.account.clone(),
            locale: self.locale.clone(),
            delivery: self.delivery,
            hold_waits_for_client: !self.is_placed,
        }
    }

    /// Returns the planned total of a leg per currency.
    pub fn planned_totals(&self, leg: usize) -> Vec<Money> {
        sum_by_currency(self.lines_of(leg).map(|(_, line)| line.total()))
    }

    /// Returns the earliest hold expiry minus `margin`. `None` if no leg is held.
    pub fn hold_expires_at(&self, margin: Duration) -> Option<Timestamp> {
        let held = self.legs.iter().filter(|leg| leg.status == LegStatus::Held);
        let first = held.filter_map(|leg| leg.hold_expires_at).min()?;
        Some(domain::time::earlier(first, margin))
    }

    /// Returns true if the action is available now.
    pub(crate) fn permits(&self, action: OrderAction, now: Timestamp) -> bool {
        match action {
            OrderAction::Settle | OrderAction::Retry => self.operator_actions().contains(&action),
            _ => self.available_actions(now).contains(&action),
        }
    }

    /// Returns the actions available to an operator now.
    pub fn operator_actions(&self) -> Vec<OrderAction> {
        let actions = [(OrderAction::Settle, self.can_be_settled()), (OrderAction::Retry, self.can_be_retried())];
        actions.into_iter().filter_map(|(action, is_there)| is_there.then_some(action)).collect()
    }

    /// Returns the actions available to the client now; those of an operator are not among them.
    pub fn available_actions(&self, now: Timestamp) -> Vec<OrderAction> {
        if !self.is_idle() || self.is_unheld_replacement() {
            return Vec::new();
        }
        let any = |fits: &dyn Fn(&Leg) -> bool| self.legs.iter().any(fits);
        let sellable = |leg: &Leg| match leg.status {
            LegStatus::Held => leg.hold_expires_at.is_none_or(|until| now < until),
            LegStatus::Draft => !leg.requires_hold(),
            _ => false,
        };
        let is_open = |leg: &Leg| matches!(leg.status, LegStatus::Held | LegStatus::Draft);
        let confirms = match self.policy {
            FulfillmentPolicy::AllOrNothing => self.legs.iter().all(sellable),
            FulfillmentPolicy::BestEffort => {
                any(&sellable) && !any(&|leg| leg.status == LegStatus::Draft && leg.requires_hold())
            }
        };
        let cancels = any(&|leg| leg.is_cancelable(now));
        let actions = [
            (OrderAction::Hold, self.intent == Intent::None && any(&Leg::requires_hold)),
            (OrderAction::ExtendHold, any(&|leg| leg.status == LegStatus::Held && leg.capabilities.extends_holds)),
            (OrderAction::Change, self.can_be_replaced(now)),
            (OrderAction::Confirm, confirms && !any(&|leg| leg.status == LegStatus::NeedsAttention)),
            (OrderAction::Release, any(&is_open)),
            (OrderAction::QuoteCancellation, cancels),
            (OrderAction::Cancel, cancels),
        ];
        actions.into_iter().filter_map(|(action, is_there)| is_there.then_some(action)).collect()
    }

    /// Returns the totals per currency, in ascending order of currency code.
    pub fn totals(&self, now: Timestamp) -> Vec<CurrencyTotals> {
        self.totals_of_legs(now, |_| true)
    }

    /// Returns the totals of some legs per currency, in ascending order of currency code.
    pub fn totals_of_legs(&self, now: Timestamp, is_wanted: impl Fn(&Leg) -> bool) -> Vec<CurrencyTotals> {
        let legs: Vec<&Leg> = self.legs.iter().filter(|leg| is_wanted(leg)).collect();
        let lines = legs.iter().flat_map(|leg| self.lines_of(leg.number));
        let currencies: BTreeSet<Currency> = lines.map(|(_, line)| line.total().currency).collect();
        currencies.into_iter().map(|currency| self.totals_in(&legs, currency, now)).collect()
    }

    fn totals_in(&self, legs: &[&Leg], currency: Currency, now: Timestamp) -> CurrencyTotals {
        let zero = Money::zero(currency);
        let mut totals = CurrencyTotals {
            requested: zero,
            held: zero,
            confirmed: zero,
            refunded: zero,
            fee: zero,
            refundable: None,
        };
        for leg in legs {
            let promised = self.planned_totals(leg.number).into_iter().find(|money| money.currency == currency);
            let Some(promised) = promised else { continue };
            totals.requested = add(totals.requested, promised);
            let reported_or_planned =
                |money: Option<Money>| money.filter(|money| money.currency == currency).unwrap_or(promised);
            let (refunded, fee) = self.refund_and_fee(leg, currency);
            totals.refunded = add(totals.refunded, refunded);
            totals.fee = add(totals.fee, fee);
            match leg.status {
                LegStatus::Held => totals.held = add(totals.held, reported_or_planned(leg.held_total)),
                LegStatus::Confirmed | LegStatus::Cancelling => {
                    let confirmed = self.remaining_total(leg, reported_or_planned(leg.charged));
                    totals.confirmed = add(totals.confirmed, confirmed);
                    if leg.is_cancelable(now) {
                        let (refund, _) = split_cancellation_fee(confirmed, leg.capabilities.cancel_fee);
                        totals.refundable = Some(add(totals.refundable.unwrap_or(zero), refund));
                    }
                }
                _ => {}
            }
        }
        totals
    }

    /// Returns refund and fee of the canceled lines of a leg: as its source reported them, or by the terms of the plan.
    fn refund_and_fee(&self, leg: &Leg, currency: Currency) -> (Money, Money) {
        let Some(canceled) = self.total_of_canceled_lines(leg, currency) else {
            return (Money::zero(currency), Money::zero(currency));
        };
        match leg.refunded.filter(|refunded| refunded.currency == currency) {
            Some(refunded) => (refunded, Money { amount: (canceled.amount - refunded.amount).max(0), ..canceled }),
            None => split_cancellation_fee(canceled, leg.capabilities.cancel_fee),
        }
    }

    /// Returns the total of a confirmed leg minus its canceled lines.
    fn remaining_total(&self, leg: &Leg, total: Money) -> Money {
        let canceled = self.total_of_canceled_lines(leg, total.currency);
        canceled.map_or(total, |canceled| Money { amount: (total.amount - canceled.amount).max(0), ..total })
    }

    /// Returns the planned total of the canceled lines of a leg. `None` if there is none in the currency.
    fn total_of_canceled_lines(&self, leg: &Leg, currency: Currency) -> Option<Money> {
        let canceled = self.lines_of(leg.number).filter(|(_, line)| line.is_canceled).map(|(_, line)| line.total());
        sum_by_currency(canceled).into_iter().find(|money| money.currency == currency)
    }

    /// Returns the problems of all legs, in leg order.
    pub fn problems(&self) -> Vec<Problem> {
        self.legs.iter().flat_map(|leg| leg.problems.iter().cloned()).collect()
    }
}
