//! What undoing gives back, told before it is done. Pure.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use uuid::Uuid;

use crate::leg::Leg;
use crate::order::{Order, less_fee, sum};
use crate::problem::{Problem, ProblemCode};
use crate::rules::{Rules, later};
use crate::status::LegStatus;
use domain::ordering::TicketState;
use domain::{Money, OrderKey};

/// Names a quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct QuoteId(pub Uuid);

/// What undoing some lines of an order gives back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// Its name.
    pub id: QuoteId,
    /// The order.
    pub order: OrderKey,
    /// The lines that were asked for.
    pub lines: BTreeSet<usize>,
    /// Lines that go with them, because their source undoes whole orders only.
    pub must_also_cancel: BTreeSet<usize>,
    /// What the visitor gets back, a sum a currency.
    pub refund: Vec<Money>,
    /// What is kept, a sum a currency.
    pub fee: Vec<Money>,
    /// Until when the quote stands.
    pub expires_at: Timestamp,
}

impl Quote {
    /// Every line that goes.
    pub fn all_lines(&self) -> BTreeSet<usize> {
        self.lines.union(&self.must_also_cancel).copied().collect()
    }

    /// Promises the same as another quote.
    pub fn agrees_with(&self, other: &Self) -> bool {
        self.all_lines() == other.all_lines() && self.refund == other.refund && self.fee == other.fee
    }
}

/// Quotes lines of an order; none named: all that can be undone. The problem names the line that cannot.
pub fn quote(
    order: &Order,
    wanted: Option<&BTreeSet<usize>>,
    now: Timestamp,
    rules: &Rules,
) -> Result<Quote, Vec<Problem>> {
    let lines = match wanted {
        Some(lines) => {
            let problems: Vec<_> = lines.iter().filter_map(|line| refuse(order, *line, now)).collect();
            if !problems.is_empty() {
                return Err(problems);
            }
            lines.clone()
        }
        None => (0..order.lines.len()).filter(|line| refuse(order, *line, now).is_none()).collect(),
    };
    if lines.is_empty() {
        return Err(vec![Problem::new(ProblemCode::NothingToCancel)]);
    }
    let mut must_also_cancel = BTreeSet::new();
    for leg in legs_of(order, &lines) {
        if !leg.traits.cancels_in_part {
            let others = order.lines_of(leg.number).filter(|(_, line)| !line.is_cancelled).map(|(number, _)| number);
            must_also_cancel.extend(others.filter(|line| !lines.contains(line)));
        }
    }
    if let Some(problem) = must_also_cancel.iter().find_map(|line| refuse(order, *line, now)) {
        return Err(vec![problem]);
    }
    let all: BTreeSet<usize> = lines.union(&must_also_cancel).copied().collect();
    let parts: Vec<(Money, Money)> = legs_of(order, &all)
        .flat_map(|leg| goes(order, leg, &all).into_iter().map(|money| less_fee(money, leg.traits.cancel_fee)))
        .collect();
    let name = format!("quote of {lines:?} at version {} and {now}", order.version);
    Ok(Quote {
        id: QuoteId(order.key.step(0, &name).0),
        order: order.key,
        lines,
        must_also_cancel,
        refund: sum(parts.iter().map(|(back, _)| *back)),
        fee: sum(parts.iter().map(|(_, kept)| *kept)),
        expires_at: later(now, rules.quote_ttl),
    })
}

/// Why a line cannot be undone.
fn refuse(order: &Order, line: usize, now: Timestamp) -> Option<Problem> {
    let problem = |code| Problem::new(code).at(["input".to_owned(), "lines".to_owned(), line.to_string()]);
    let Some(asked) = order.lines.get(line) else { return Some(problem(ProblemCode::NothingToCancel)) };
    let leg = &order.legs[asked.leg];
    let code = if leg.status != LegStatus::Confirmed || asked.is_cancelled {
        ProblemCode::NothingToCancel
    } else if !leg.traits.has_undo {
        ProblemCode::UnsupportedBySource
    } else if !leg.may_cancel(now) || is_used(order, line) {
        ProblemCode::CancellationTooLate
    } else {
        return None;
    };
    Some(problem(code).of(&leg.source).on_leg(leg.number))
}

/// A visitor was let in with a ticket of the line.
fn is_used(order: &Order, line: usize) -> bool {
    order.tickets.iter().any(|ticket| ticket.line == line && matches!(ticket.state, TicketState::Used(_)))
}

/// The legs that lines belong to, each once.
fn legs_of<'a>(order: &'a Order, lines: &BTreeSet<usize>) -> impl Iterator<Item = &'a Leg> {
    let numbers: BTreeMap<usize, ()> = lines.iter().map(|line| (order.lines[*line].leg, ())).collect();
    numbers.into_keys().map(|leg| &order.legs[leg])
}

/// What the lines of a leg that go have cost: what the source charged where all go, else what was promised.
fn goes(order: &Order, leg: &Leg, lines: &BTreeSet<usize>) -> Vec<Money> {
    let is_whole = order.lines_of(leg.number).all(|(number, line)| lines.contains(&number) && !line.is_cancelled);
    match leg.charged {
        Some(charged) if is_whole => vec![charged],
        _ => sum(order.lines_of(leg.number).filter(|(number, _)| lines.contains(number)).map(|(_, line)| line.total())),
    }
}
