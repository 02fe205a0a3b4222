//! A leg: the part of an order that one source books, its attempts and its tickets.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use crate::problem::Problem;
use crate::status::LegStatus;
use domain::ids::StepKey;
use domain::ordering::{HoldSecures, Symbology, TicketState};
use domain::{ExternalRef, LegShape, Money, SourceId};

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
    /// A leg of which nothing has been booked yet.
    pub fn new(number: usize, source: SourceId, reference: String, traits: LegTraits) -> Self {
        Self {
            number,
            source,
            reference,
            status: LegStatus::Draft,
            traits,
            account: BTreeMap::new(),
            refs: Vec::new(),
            held_until: None,
            leaves_hold: false,
            secures: Vec::new(),
            held_total: None,
            confirmed_at: None,
            charged: None,
            refunded: None,
            unknown: None,
            again: None,
            cancel: None,
            wants_extension: false,
            tickets: None,
            problems: Vec::new(),
            attempts: Vec::new(),
        }
    }

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
