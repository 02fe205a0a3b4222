//! The plan of an order: in which sequence its legs are sold, what is guaranteed, and what may be lost. Pure.

use jiff::Timestamp;

use crate::leg::Leg;
use crate::order::{Order, Policy, less_fee, sum};
use crate::problem::{Problem, ProblemCode};
use domain::{LegShape, Money};

/// What is guaranteed before anything is booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Guarantee {
    /// One leg: it is sold or it is not.
    Atomic,
    /// Several legs: all are sold, or what was sold is undone with everything given back.
    Compensated,
    /// Anything else.
    BestEffort,
}

impl Guarantee {
    /// The name in the ledger and the schema.
    pub fn name(self) -> &'static str {
        match self {
            Self::Atomic => "ATOMIC",
            Self::Compensated => "COMPENSATED",
            Self::BestEffort => "BEST_EFFORT",
        }
    }

    /// The guarantee with this name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Atomic, Self::Compensated, Self::BestEffort].into_iter().find(|guarantee| guarantee.name() == name)
    }
}

/// What may go wrong with a leg, known before anything is booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RiskKind {
    /// It cannot be undone.
    NoUndo,
    /// It can be undone by the papers, but nobody has seen it work.
    UndoUnproven,
    /// Undoing it costs a fee.
    UndoCosts,
    /// It is not held before it is sold: it may be gone by then.
    NotHeld,
    /// Its price may move until it is sold.
    PriceMayMove,
    /// A lost answer can only be resolved by looking it up.
    AnswerMayBeLost,
}

impl RiskKind {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::NoUndo, Self::UndoUnproven, Self::UndoCosts, Self::NotHeld, Self::PriceMayMove, Self::AnswerMayBeLost];

    /// The name in the ledger.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoUndo => "NO_UNDO",
            Self::UndoUnproven => "UNDO_UNPROVEN",
            Self::UndoCosts => "UNDO_COSTS",
            Self::NotHeld => "NOT_HELD",
            Self::PriceMayMove => "PRICE_MAY_MOVE",
            Self::AnswerMayBeLost => "ANSWER_MAY_BE_LOST",
        }
    }

    /// The kind with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// What may go wrong, and with which leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Risk {
    /// What.
    pub kind: RiskKind,
    /// With which leg.
    pub leg: usize,
}

/// What is promised before anything is booked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What is guaranteed.
    pub guarantee: Guarantee,
    /// The legs in the sequence in which they are sold; they are undone in reverse.
    pub confirm_sequence: Vec<usize>,
    /// What may go wrong.
    pub risks: Vec<Risk>,
    /// What may be paid for and not given back although not everything could be had, a sum a currency.
    pub worst_case_loss: Vec<Money>,
}

impl Plan {
    /// Nothing is promised yet.
    pub fn none() -> Self {
        Self {
            guarantee: Guarantee::BestEffort,
            confirm_sequence: Vec::new(),
            risks: Vec::new(),
            worst_case_loss: Vec::new(),
        }
    }
}

/// Plans the legs of an order. `ranks` is the rank of confirmation of each leg's source.
///
/// Fails with [`ProblemCode::NotCombinable`] where all or nothing is asked of two legs that can be neither held nor undone.
pub fn plan(order: &Order, ranks: &[u8], now: Timestamp) -> Result<Plan, Vec<Problem>> {
    let all_or_nothing = order.policy == Policy::AllOrNothing;
    let stubborn: Vec<&Leg> = order.legs.iter().filter(|leg| !leg.is_held_first() && !leg.traits.has_undo).collect();
    if all_or_nothing && stubborn.len() > 1 {
        let refuse = |leg: &&Leg| Problem::new(ProblemCode::NotCombinable).of(&leg.source).on_leg(leg.number);
        return Err(stubborn.iter().map(refuse).collect());
    }
    let mut sequence: Vec<usize> = (0..order.legs.len()).collect();
    sequence.sort_by_key(|number| {
        let leg = &order.legs[*number];
        (!comes_back_whole(leg, now), leg.is_held_first(), ranks.get(*number).copied().unwrap_or(u8::MAX), *number)
    });
    let before_last = &sequence[..sequence.len().saturating_sub(1)];
    let guarantee = if order.legs.len() == 1 {
        Guarantee::Atomic
    } else if all_or_nothing && before_last.iter().all(|leg| comes_back_whole(&order.legs[*leg], now)) {
        Guarantee::Compensated
    } else {
        Guarantee::BestEffort
    };
    let worst_case_loss = sum(before_last.iter().flat_map(|leg| loss(order, &order.legs[*leg], now)))
        .into_iter()
        .filter(|money| money.amount > 0)
        .collect();
    let risks = order.legs.iter().flat_map(|leg| risks(order, leg, now)).collect();
    Ok(Plan { guarantee, confirm_sequence: sequence, risks, worst_case_loss })
}

/// Undoing the leg right after its sale surely gives everything back.
fn comes_back_whole(leg: &Leg, now: Timestamp) -> bool {
    leg.undo_is_sure() && leg.traits.cancel_fee == 0 && leg.traits.cancel_until.is_none_or(|until| now < until)
}

/// What is lost when the leg was sold and a later one fails.
fn loss(order: &Order, leg: &Leg, now: Timestamp) -> Vec<Money> {
    let promised = order.promised(leg.number);
    if !leg.undo_is_sure() || leg.traits.cancel_until.is_some_and(|until| until <= now) {
        return promised;
    }
    promised.into_iter().map(|money| less_fee(money, leg.traits.cancel_fee).1).collect()
}

fn risks(order: &Order, leg: &Leg, now: Timestamp) -> Vec<Risk> {
    let too_late = leg.traits.cancel_until.is_some_and(|until| until <= now);
    let price_moves = order.lines_of(leg.number).any(|(_, line)| line.unit_price.guaranteed_until.is_none());
    let kinds = [
        (RiskKind::NoUndo, !leg.traits.has_undo || too_late),
        (RiskKind::UndoUnproven, leg.traits.has_undo && !leg.traits.undo_is_proven),
        (RiskKind::UndoCosts, leg.traits.has_undo && leg.traits.cancel_fee > 0),
        (RiskKind::NotHeld, leg.traits.shape != LegShape::HoldThenConfirm),
        (RiskKind::PriceMayMove, price_moves),
        (RiskKind::AnswerMayBeLost, !leg.traits.honours_keys),
    ];
    let number = leg.number;
    kinds.into_iter().filter_map(|(kind, applies)| applies.then_some(Risk { kind, leg: number })).collect()
}

/// The held legs whose holds end before the slow case of the sales up to theirs is through.
pub fn too_short(order: &Order, now: Timestamp) -> Vec<usize> {
    use crate::rules::later;
    use crate::status::LegStatus;

    let mut needed = std::time::Duration::ZERO;
    let mut short = Vec::new();
    for number in &order.plan.confirm_sequence {
        let leg = &order.legs[*number];
        if !matches!(leg.status, LegStatus::Held | LegStatus::Draft) {
            continue;
        }
        needed += leg.traits.slow_confirm;
        let ends_early = leg.held_until.is_some_and(|until| until < later(now, needed));
        if leg.status == LegStatus::Held && ends_early {
            short.push(*number);
        }
    }
    short
}
