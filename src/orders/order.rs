//! An order: lines to buy, legs at sources, and what became of them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::ids::StepKey;
use crate::domain::ordering::{Contact, DeliveryPreference, HoldSecures, LegLine, LegRequest, Symbology, TicketState};
use crate::domain::{
    Currency, EventKey, ExternalRef, LegShape, Locale, Money, OrderKey, PerformanceKey, Price, SourceId, TicketTypeKey,
};
use crate::orders::plan::Plan;
use crate::orders::problem::Problem;
use crate::orders::status::{Intent, LegStatus, LegView, OrderStatus, order_status};

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
    /// The tickets that were issued. Their codes are kept apart, see [`Ledger`](crate::orders::Ledger).
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

/// What a leg's source could do when the order was planned. A promise rests on it, so it does not move with the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegTraits {
    /// How it is booked.
    pub shape: LegShape,
    /// Sales can be undone at all.
    pub has_undo: bool,
    /// Undoing is proven to work.
    pub undo_is_proven: bool,
    /// Single lines can be undone.
    pub cancels_in_part: bool,
    /// Holds can be prolonged.
    pub extends_holds: bool,
    /// A repeated write with the same key acts once.
    pub honours_keys: bool,
    /// How long a slow but fine confirmation takes.
    pub slow_confirm: Duration,
    /// How long a hold lasts where its answer does not say.
    pub hold_ttl: Duration,
    /// Until when a sale may be undone; none: as long as the source agrees.
    pub cancel_until: Option<Timestamp>,
    /// What undoing costs the visitor, in hundredths of a percent.
    pub cancel_fee: u32,
}

/// A lost answer and its resolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unknown {
    /// What was asked.
    pub operation: LegOperation,
    /// Since when the outcome is unknown.
    pub since: Timestamp,
    /// When it is looked up next.
    pub next_check_at: Timestamp,
    /// When a human has to take over.
    pub settle_by: Timestamp,
}

/// A step that certainly did nothing and is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Again {
    /// Since when it fails.
    pub since: Timestamp,
    /// When it is tried next.
    pub at: Timestamp,
}

/// What shall be undone of a sold leg at the buyer's wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelWish {
    /// The quote that the buyer agreed to; it names the step.
    pub name: String,
    /// The numbers of the lines that go.
    pub lines: BTreeSet<usize>,
}

/// The part of an order that one source books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leg {
    /// Its number in the order, from 0.
    pub number: usize,
    /// The source that books it.
    pub source: SourceId,
    /// Our reference at the source.
    pub reference: String,
    /// Where it stands.
    pub status: LegStatus,
    /// What its source could do when it was planned.
    pub traits: LegTraits,
    /// Settings of the selling reseller in this source.
    pub account: BTreeMap<String, String>,
    /// What the vendor calls it.
    pub refs: Vec<ExternalRef>,
    /// When its hold ends.
    pub held_until: Option<Timestamp>,
    /// A hold may still stand at the vendor, though the leg is given up.
    pub leaves_hold: bool,
    /// What the hold sets aside.
    pub secures: Vec<HoldSecures>,
    /// What the hold said it will cost, where it did.
    pub held_total: Option<Money>,
    /// When it was sold.
    pub confirmed_at: Option<Timestamp>,
    /// What the source charged, where it said so.
    pub charged: Option<Money>,
    /// What the source gave back, where it said so.
    pub refunded: Option<Money>,
    /// A lost answer.
    pub unknown: Option<Unknown>,
    /// A step that is tried again.
    pub again: Option<Again>,
    /// What shall be undone.
    pub cancel: Option<CancelWish>,
    /// Its hold shall be prolonged.
    pub wants_extension: bool,
    /// When its tickets are read again, because codes were pending.
    pub tickets: Option<Again>,
    /// What went wrong with the last action.
    pub problems: Vec<Problem>,
    /// Every call that may have changed something at the vendor, in order.
    pub attempts: Vec<Attempt>,
}

impl Leg {
    /// It is held before it is sold.
    pub fn is_held_first(&self) -> bool {
        self.traits.shape == LegShape::HoldThenConfirm
    }

    /// Its undo gives everything back, for sure.
    pub fn undo_is_sure(&self) -> bool {
        self.traits.has_undo && self.traits.undo_is_proven
    }

    /// How often an operation was called for.
    pub fn count(&self, operation: LegOperation) -> usize {
        self.attempts.iter().filter(|attempt| attempt.operation == operation).count()
    }

    /// Its sale may be undone now.
    pub fn may_cancel(&self, now: Timestamp) -> bool {
        self.status == LegStatus::Confirmed
            && self.traits.has_undo
            && self.traits.cancel_until.is_none_or(|until| now < until)
    }
}

/// What a call is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LegOperation {
    /// Setting places aside.
    Hold,
    /// Prolonging a hold.
    Extend,
    /// Selling.
    Confirm,
    /// Giving a hold back.
    Release,
    /// Undoing a sale.
    Cancel,
}

impl LegOperation {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Hold, Self::Extend, Self::Confirm, Self::Release, Self::Cancel];

    /// The name in the ledger and the schema.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hold => "HOLD",
            Self::Extend => "EXTEND",
            Self::Confirm => "CONFIRM",
            Self::Release => "RELEASE",
            Self::Cancel => "CANCEL",
        }
    }

    /// The operation with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.name() == name)
    }
}

/// One call that may change something at the vendor. It is in the ledger before the call is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// What was asked.
    pub operation: LegOperation,
    /// The key of the step: the same for every attempt of it.
    pub key: StepKey,
    /// A hash of what the source was given.
    pub request_hash: String,
    /// When the call began.
    pub started_at: Timestamp,
    /// When the call is given up.
    pub deadline: Timestamp,
    /// When the outcome was written.
    pub ended_at: Option<Timestamp>,
    /// What came of it.
    pub outcome: AttemptOutcome,
    /// What kind of answer it was, in our words; for support.
    pub answer: Option<String>,
    /// The vendor's own code.
    pub vendor_code: Option<String>,
}

/// What came of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AttemptOutcome {
    /// Called, or about to be; after a crash this means unknown.
    InFlight,
    /// It was done.
    Succeeded,
    /// It certainly was not done.
    Rejected,
    /// Nobody knows.
    Unknown,
    /// A look-up found it done.
    ResolvedDone,
    /// A look-up found it not done.
    ResolvedNotDone,
}

impl AttemptOutcome {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::InFlight, Self::Succeeded, Self::Rejected, Self::Unknown, Self::ResolvedDone, Self::ResolvedNotDone];

    /// The name in the ledger and the schema.
    pub fn name(self) -> &'static str {
        match self {
            Self::InFlight => "IN_FLIGHT",
            Self::Succeeded => "SUCCEEDED",
            Self::Rejected => "REJECTED",
            Self::Unknown => "UNKNOWN",
            Self::ResolvedDone => "RESOLVED_DONE",
            Self::ResolvedNotDone => "RESOLVED_NOT_DONE",
        }
    }

    /// The outcome with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.name() == name)
    }
}

/// A ticket that was issued. Its code is not here: it is encrypted in the ledger and read on request only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// The line that it belongs to.
    pub line: usize,
    /// What the vendor calls it; the first one names it for cancellations.
    pub refs: Vec<ExternalRef>,
    /// Row and seat, where numbered.
    pub seat: Option<String>,
    /// Where it stands at the vendor.
    pub state: TicketState,
    /// How its code is printed; none: no code was given to us.
    pub symbology: Option<Symbology>,
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
        Some(crate::orders::rules::earlier(first, margin))
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
pub(in crate::orders) fn sum(amounts: impl IntoIterator<Item = Money>) -> Vec<Money> {
    let mut sums: BTreeMap<Currency, Money> = BTreeMap::new();
    for money in amounts {
        let sum = sums.entry(money.currency).or_insert(Money::zero(money.currency));
        *sum = plus(*sum, money);
    }
    sums.into_values().collect()
}

/// What undoing gives back and keeps. The fee is rounded down, for the visitor.
pub(in crate::orders) fn less_fee(total: Money, fee: u32) -> (Money, Money) {
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
