//! Takes the orders through their steps, with what the emulated vendors have recorded.

use std::collections::BTreeMap;

use emulators::{PastEnd, PastItem, PastReceipt, PastSale, PastTicket};
use jiff::{SignedDuration, Timestamp};

use crate::formats::format_of;
use crate::purchase::{Fate, Purchase};
use crate::{HistoryError, Seller, Venue};
use domain::ordering::{
    Barcode, CompletedCancellation, ConfirmedSale, IssuedTicket, LookupOutcome, PlacedHold, Symbology, TicketState,
};
use domain::{Effect, ErrorKind, Money, OrderKey, RefusalReason, VendorError, VendorOperation};
use orders::decision::{SagaStep, SourceCall};
use orders::history::{OrderHistory, OutcomeOf, PastOrder, PastOutcome, PastPurchase};
use orders::{Actor, Leg, Order, Orders, Problem};

/// Time between the purchase and the confirmation of an order with one leg.
const TO_SELL: SignedDuration = SignedDuration::from_secs(2);
/// Time after which used tickets are read.
const TO_READ: SignedDuration = SignedDuration::from_mins(12);

/// Largest number of look-ups of a lost response, far more than the settle deadline allows.
const MAX_LOOKUPS: usize = 200;

/// An order with its purchase and the receipt of each leg.
struct Course {
    purchase: Purchase,
    history: OrderHistory,
    legs: Vec<LegOfVenue>,
}

/// A leg at a venue.
struct LegOfVenue {
    venue: usize,
    /// Lines of the order, which are the items of the sale.
    lines: Vec<usize>,
    receipt: Option<PastReceipt>,
}

/// Makes the orders of purchases.
pub(crate) fn run(
    orders: &Orders,
    venues: &[Venue<'_>],
    sellers: &[Seller],
    purchases: Vec<Purchase>,
    now: Timestamp,
) -> Result<Vec<PastOrder>, HistoryError> {
    let planned =
        purchases.into_iter().enumerate().map(|(number, purchase)| plan(orders, venues, sellers, number, purchase));
    let mut courses = planned.collect::<Result<Vec<_>, _>>()?;
    for venue in 0..venues.len() {
        record_sales(venues, venue, &mut courses)?;
    }
    courses.into_iter().map(|course| course.end(venues, now)).collect()
}

fn refused(problems: Vec<Problem>) -> HistoryError {
    HistoryError::Refused(problems.into_iter().map(|problem| problem.code).collect())
}

fn plan(
    orders: &Orders,
    venues: &[Venue<'_>],
    sellers: &[Seller],
    number: usize,
    purchase: Purchase,
) -> Result<Course, HistoryError> {
    let Seller { caller, reseller, .. } = &sellers[purchase.seller];
    let lines = purchase.lines.iter().map(|line| {
        let venue = &venues[line.venue];
        (venue.source.clone(), line.order_line(venue))
    });
    let prefix = reseller.as_ref().map(|name| name.chars().take(3).collect::<String>().to_ascii_uppercase());
    let past = PastPurchase {
        key: OrderKey::of_name(&format!("https://ticketgraph.example/sandbox/history/{number}")),
        at: purchase.at,
        actor: Actor { caller: caller.clone(), reseller: reseller.clone() },
        reseller_reference: prefix.map(|prefix| format!("{prefix}-{}", 100_000 + number * 7)),
        contact: purchase.contact.clone(),
        locale: purchase.locale.clone(),
        lines: lines.collect(),
        is_placed: purchase.fate != Fate::Expired,
    };
    let history = orders.plan_past(&past).map_err(refused)?;
    let order = history.order();
    let legs = order.legs.iter().map(|leg| LegOfVenue {
        venue: venues.iter().position(|venue| venue.source == leg.source).unwrap_or_default(),
        lines: order.lines_of(leg.number).map(|(line, _)| line).collect(),
        receipt: None,
    });
    let legs = legs.collect();
    Ok(Course { purchase, history, legs })
}

/// Records the sales of a venue at its emulated vendor.
fn record_sales(venues: &[Venue<'_>], number: usize, courses: &mut [Course]) -> Result<(), HistoryError> {
    let venue = &venues[number];
    let mut sold: Vec<(usize, usize)> = Vec::new();
    let mut sales = Vec::new();
    for (at, course) in courses.iter().enumerate().filter(|(_, course)| course.purchase.fate != Fate::Refused) {
        for (leg, _) in course.legs.iter().enumerate().filter(|(_, leg)| leg.venue == number) {
            sold.push((at, leg));
            sales.push(course.sale(venue, leg));
        }
    }
    let receipts = venue.sales.record(&venue.institution, &sales);
    for ((at, leg), receipt) in sold.into_iter().zip(receipts) {
        let receipt = receipt.ok_or_else(|| HistoryError::NotRecorded(venue.source.clone()))?;
        courses[at].legs[leg].receipt = Some(receipt);
    }
    Ok(())
}

impl Course {
    /// Returns the sale of a leg.
    fn sale(&self, venue: &Venue<'_>, number: usize) -> PastSale {
        let format = format_of(venue.vendor);
        let leg = &self.history.order().legs[number];
        let own = |key: &&str| leg.account.get(*key).or_else(|| venue.account.get(*key)).cloned();
        let item = |line: &usize| {
            let bought = &self.purchase.lines[*line];
            PastItem {
                performance: bought.offer.performance.clone(),
                ticket_type: bought.ticket_type.id.clone(),
                section: bought.ticket_type.section.clone(),
                quantity: bought.quantity,
                is_refunded: self.purchase.fate.refunds(*line),
            }
        };
        PastSale {
            at: self.purchase.at + TO_SELL,
            reference: leg.reference.clone(),
            buyer: format.buyer.as_ref().and_then(own).unwrap_or_default(),
            contact: (format.contact)(&self.purchase.contact, &leg.reference),
            items: self.legs[number].lines.iter().map(item).collect(),
            end: match self.purchase.fate {
                Fate::Expired | Fate::Lost => PastEnd::Expired,
                _ => PastEnd::Sold(self.purchase.used_at),
            },
        }
    }

    /// Takes the order to its end.
    fn end(self, venues: &[Venue<'_>], now: Timestamp) -> Result<PastOrder, HistoryError> {
        let Self { purchase, mut history, legs } = self;
        let mut outcome_of =
            |order: &Order, step: SagaStep| outcome(order, step, &legs[step.leg], venues, &purchase.fate);
        history.proceed(purchase.at, &mut outcome_of);
        match &purchase.fate {
            Fate::Kept | Fate::Refused => {}
            Fate::Expired => history.proceed(now.min(hold_end(history.order())), &mut outcome_of),
            Fate::Lost => look_up(&mut history, &mut outcome_of),
            Fate::Canceled(at, lines) => {
                history.cancel(*at, lines.as_ref(), &mut outcome_of).map_err(refused)?;
            }
        }
        if let Some(used_at) = purchase.used_at {
            for (number, leg) in
                legs.iter().enumerate().filter(|(_, leg)| format_of(venues[leg.venue].vendor).reports_use)
            {
                let tickets = leg.tickets(venues, TicketState::Used(Some(used_at)));
                history.read_tickets(used_at + TO_READ, number, tickets);
            }
        }
        Ok(history.finish(now))
    }
}

/// Returns the time at which the last hold has expired.
fn hold_end(order: &Order) -> Timestamp {
    let ends = order.legs.iter().filter_map(|leg| leg.hold_expires_at);
    ends.max().unwrap_or(order.created_at)
}

/// Looks up a lost confirmation until a person has to take over.
fn look_up(history: &mut OrderHistory, outcome_of: OutcomeOf<'_>) {
    for _ in 0..MAX_LOOKUPS {
        let Some(unknown) = history.order().legs.iter().find_map(|leg| leg.unknown) else { return };
        history.proceed(unknown.next_lookup_at, outcome_of);
    }
}

/// Returns the outcome of a step, as the vendor's receipt shows it.
fn outcome(
    order: &Order,
    step: SagaStep,
    of_venue: &LegOfVenue,
    venues: &[Venue<'_>],
    fate: &Fate,
) -> Option<PastOutcome> {
    let format = format_of(venues[of_venue.venue].vendor);
    let leg = &order.legs[step.leg];
    let Some(receipt) = &of_venue.receipt else {
        let sold_out = RefusalReason::SoldOut { remaining: Some(0) };
        let refusal = VendorError::rejected(&leg.source, VendorOperation::Hold, sold_out, None);
        return (step.call == SourceCall::Hold).then_some(PastOutcome::Held(Err(refusal)));
    };
    let total = order.planned_totals(step.leg).into_iter().next();
    match step.call {
        SourceCall::Hold => Some(PastOutcome::Held(Ok(PlacedHold {
            refs: (format.held)(receipt, &of_venue.lines),
            expires_at: None,
            secures: format.secures.to_vec(),
            total: total.filter(|_| format.hold_has_total),
        }))),
        SourceCall::Confirm if *fate == Fate::Lost => {
            let lost = VendorError::new(&leg.source, VendorOperation::Confirm, ErrorKind::Timeout);
            Some(PastOutcome::Confirmed(Err(lost.with_effect(Effect::Unknown))))
        }
        SourceCall::FindConfirmation => Some(PastOutcome::FoundConfirmation(Ok(LookupOutcome::Undetermined))),
        SourceCall::Confirm => Some(PastOutcome::Confirmed(Ok(ConfirmedSale {
            refs: (format.sold)(receipt, &of_venue.lines),
            tickets: of_venue.tickets(venues, TicketState::Issued),
            total: total.and_then(|total| Money::from_major(receipt.total, total.currency).ok()),
        }))),
        SourceCall::Cancel => Some(PastOutcome::Canceled(Ok(cancellation(order, leg)))),
        _ => None,
    }
}

/// Returns the cancellation of the lines that are to be canceled, fully refunded.
fn cancellation(order: &Order, leg: &Leg) -> CompletedCancellation {
    let is_meant = |line: usize| leg.cancellation.as_ref().is_none_or(|wish| wish.lines.contains(&line));
    let lines: BTreeMap<usize, Money> = order
        .lines_of(leg.number)
        .filter(|(line, _)| is_meant(*line))
        .map(|(line, meant)| (line, meant.total()))
        .collect();
    let refunded = lines.values().copied().reduce(|sum, more| sum.checked_add(more).unwrap_or(sum));
    let void = order.tickets.iter().filter(|ticket| lines.contains_key(&ticket.line));
    CompletedCancellation { refunded, voided: void.filter_map(|ticket| ticket.refs.first().cloned()).collect() }
}

impl LegOfVenue {
    /// Returns the tickets of the receipt in a state.
    fn tickets(&self, venues: &[Venue<'_>], state: TicketState) -> Vec<IssuedTicket> {
        let format = format_of(venues[self.venue].vendor);
        let ticket = |ticket: &PastTicket| {
            Some(IssuedTicket {
                line: *self.lines.get(ticket.item)?,
                refs: (format.ticket)(ticket),
                barcode: Some(Barcode { symbology: Symbology::Qr, value: ticket.code.clone().into() }),
                seat: None,
                state,
            })
        };
        self.receipt.iter().flat_map(|receipt| &receipt.tickets).filter_map(ticket).collect()
    }
}
