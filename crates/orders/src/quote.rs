//! Cancellation quotes: refund and fee before anything is canceled. Pure.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use uuid::Uuid;

use crate::amounts::{split_cancellation_fee, sum_by_currency};
use crate::leg::Leg;
use crate::order::Order;
use crate::problem::{Problem, ProblemCode};
use crate::settings::OrderSettings;
use crate::status::LegStatus;
use domain::ordering::TicketState;
use domain::time::later;
use domain::{Money, OrderKey};

/// Identifies a quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct QuoteId(pub Uuid);

/// Refund and fee for canceling some lines of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// Identifier of the quote.
    pub id: QuoteId,
    /// The quoted order.
    pub order: OrderKey,
    /// Indexes of the requested lines.
    pub lines: BTreeSet<usize>,
    /// Indexes of further lines that must be canceled too, because their source only cancels whole legs.
    pub must_also_cancel: BTreeSet<usize>,
    /// Refund per currency.
    pub refund: Vec<Money>,
    /// Fee per currency.
    pub fee: Vec<Money>,
    /// End of validity.
    pub expires_at: Timestamp,
}

impl Quote {
    /// Returns the indexes of all lines to cancel.
    pub fn all_lines(&self) -> BTreeSet<usize> {
        self.lines.union(&self.must_also_cancel).copied().collect()
    }

    /// Returns true if another quote has the same lines, refund and fee.
    pub fn agrees_with(&self, other: &Self) -> bool {
        self.all_lines() == other.all_lines() && self.refund == other.refund && self.fee == other.fee
    }
}

/// Quotes the cancellation of lines, or of everything cancelable if `wanted` is `None`. Each problem names its line.
pub fn quote(
    order: &Order,
    wanted: Option<&BTreeSet<usize>>,
    now: Timestamp,
    settings: &OrderSettings,
) -> Result<Quote, Vec<Problem>> {
    let lines = match wanted {
        Some(lines) => {
            let problems: Vec<_> = lines.iter().filter_map(|line| line_problem(order, *line, now)).collect();
            if !problems.is_empty() {
                return Err(problems);
            }
            lines.clone()
        }
        None => (0..order.lines.len()).filter(|line| line_problem(order, *line, now).is_none()).collect(),
    };
    if lines.is_empty() {
        return Err(vec![Problem::new(ProblemCode::NothingToCancel)]);
    }
    let mut must_also_cancel = BTreeSet::new();
    for leg in legs_of(order, &lines) {
        if !leg.capabilities.cancels_in_part {
            let others = order.lines_of(leg.number).filter(|(_, line)| !line.is_canceled).map(|(number, _)| number);
            must_also_cancel.extend(others.filter(|line| !lines.contains(line)));
        }
    }
    if let Some(problem) = must_also_cancel.iter().find_map(|line| line_problem(order, *line, now)) {
        return Err(vec![problem]);
    }
    let all: BTreeSet<usize> = lines.union(&must_also_cancel).copied().collect();
    let parts: Vec<(Money, Money)> = legs_of(order, &all)
        .flat_map(|leg| {
            canceled_amounts(order, leg, &all)
                .into_iter()
                .map(|money| split_cancellation_fee(money, leg.capabilities.cancel_fee))
        })
        .collect();
    let name = format!("quote of {lines:?} at version {} and {now}", order.version);
    Ok(Quote {
        id: QuoteId(order.key.step_key(0, &name).0),
        order: order.key,
        lines,
        must_also_cancel,
        refund: sum_by_currency(parts.iter().map(|(refund, _)| *refund)),
        fee: sum_by_currency(parts.iter().map(|(_, fee)| *fee)),
        expires_at: later(now, settings.quote_ttl),
    })
}

/// Returns the reason why a line cannot be canceled, if any.
fn line_problem(order: &Order, line: usize, now: Timestamp) -> Option<Problem> {
    let problem = |code| Problem::new(code).at_path(["input".to_owned(), "lines".to_owned(), line.to_string()]);
    let Some(requested) = order.lines.get(line) else { return Some(problem(ProblemCode::NothingToCancel)) };
    let leg = &order.legs[requested.leg];
    let code = if leg.status != LegStatus::Confirmed || requested.is_canceled {
        ProblemCode::NothingToCancel
    } else if !leg.capabilities.has_undo {
        ProblemCode::UnsupportedBySource
    } else if !leg.is_cancelable(now) || has_used_ticket(order, line) {
        ProblemCode::CancellationTooLate
    } else {
        return None;
    };
    Some(problem(code).for_source(&leg.source).on_leg(leg.number))
}

/// Returns true if a ticket of the line was used.
fn has_used_ticket(order: &Order, line: usize) -> bool {
    order.tickets.iter().any(|ticket| ticket.line == line && matches!(ticket.state, TicketState::Used(_)))
}

/// Returns the legs of the lines without duplicates.
fn legs_of<'a>(order: &'a Order, lines: &BTreeSet<usize>) -> impl Iterator<Item = &'a Leg> {
    let numbers: BTreeMap<usize, ()> = lines.iter().map(|line| (order.lines[*line].leg, ())).collect();
    numbers.into_keys().map(|leg| &order.legs[leg])
}

/// Returns the paid amounts of the lines to cancel: the charged total if the whole leg is canceled, otherwise the
/// planned prices.
fn canceled_amounts(order: &Order, leg: &Leg, lines: &BTreeSet<usize>) -> Vec<Money> {
    let is_whole = order.lines_of(leg.number).all(|(number, line)| lines.contains(&number) && !line.is_canceled);
    match leg.charged {
        Some(charged) if is_whole => vec![charged],
        _ => sum_by_currency(
            order.lines_of(leg.number).filter(|(number, _)| lines.contains(number)).map(|(_, line)| line.total()),
        ),
    }
}
