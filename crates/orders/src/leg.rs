//! Leg: the part of an order that one source books, with its attempts and tickets.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use crate::problem::Problem;
use crate::settlement::LegSettlement;
use crate::status::LegStatus;
use domain::ids::StepKey;
use domain::ordering::{HoldSecures, Symbology, TicketState};
use domain::time::later;
use domain::{ExternalRef, LegShape, Money, SourceId};

/// Capabilities of the source at planning time. The guarantee depends on them, so later configuration changes do not
/// affect them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegCapabilities {
    /// Booking shape.
    pub shape: LegShape,
    /// True if a confirmed leg can be canceled.
    pub has_undo: bool,
    /// True if cancellation is proven to work.
    pub undo_is_proven: bool,
    /// True if single lines can be canceled.
    pub cancels_in_part: bool,
    /// True if holds can be extended.
    pub extends_holds: bool,
    /// True if a hold blocks seats, which a second hold would block twice.
    pub holds_seats: bool,
    /// True if the hold requires a contact.
    pub needs_contact_at_hold: bool,
    /// True if a repeated write with the same key acts once.
    pub honors_keys: bool,
    /// Duration of a slow but successful confirmation.
    pub slow_confirm: Duration,
    /// Lifetime of a hold whose response does not specify one.
    pub hold_ttl: Duration,
    /// End of the cancellation period. `None` if the source decides.
    pub cancel_until: Option<Timestamp>,
    /// Cancellation fee in hundredths of a percent.
    pub cancel_fee: u32,
}

/// Unknown outcome of an attempt, and the schedule of its lookups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownOutcome {
    /// Operation whose outcome is unknown.
    pub operation: LegOperation,
    /// Start of the unknown period.
    pub since: Timestamp,
    /// Time of the next lookup.
    pub next_lookup_at: Timestamp,
    /// Time at which an operator must take over.
    pub settle_deadline: Timestamp,
}

/// Schedule of a step that certainly had no effect and is retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetrySchedule {
    /// Time of the first failure.
    pub since: Timestamp,
    /// Time of the next attempt.
    pub next_at: Timestamp,
}

/// Search for tickets or codes of a sale that are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TicketSearch {
    /// Time since when they are missing.
    pub since: Timestamp,
    /// Time of the next read. `None`: only the refresh of sold orders reads them.
    pub next_at: Option<Timestamp>,
    /// End of the search. `None` until the settle deadline.
    pub end: Option<TicketSearchEnd>,
}

/// End of a search for tickets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TicketSearchEnd {
    /// They did not come until the settle deadline.
    NotFound,
    /// A person said that the sale stands without them.
    Accepted,
}

/// Cancellation of a confirmed leg that the client requested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegCancellation {
    /// Quote accepted by the client; part of the step key.
    pub quote: String,
    /// Indexes of the lines to cancel.
    pub lines: BTreeSet<usize>,
}

/// Part of an order that one source books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leg {
    /// Index in the order, starting at 0.
    pub number: usize,
    /// Source that books the leg.
    pub source: SourceId,
    /// Our reference at the source.
    pub reference: String,
    /// Current status.
    pub status: LegStatus,
    /// Capabilities of the source at planning time.
    pub capabilities: LegCapabilities,
    /// Account settings of the selling reseller at this source.
    pub account: BTreeMap<String, String>,
    /// References assigned by the vendor.
    pub refs: Vec<ExternalRef>,
    /// Expiry of the hold.
    pub hold_expires_at: Option<Timestamp>,
    /// True if the leg is abandoned but its hold may still exist at the vendor.
    pub has_stray_hold: bool,
    /// Resources that the hold secures.
    pub secures: Vec<HoldSecures>,
    /// Total reported by the hold, if any.
    pub held_total: Option<Money>,
    /// Time of the confirmation.
    pub confirmed_at: Option<Timestamp>,
    /// Amount charged by the source, if reported.
    pub charged: Option<Money>,
    /// Amount refunded by the source, if reported.
    pub refunded: Option<Money>,
    /// Unresolved attempt, if any.
    pub unknown: Option<UnknownOutcome>,
    /// Pending retry, if any.
    pub retry: Option<RetrySchedule>,
    /// Requested cancellation, if any.
    pub cancellation: Option<LegCancellation>,
    /// True if the client requested to extend the hold.
    pub extension_requested: bool,
    /// Finding of a person in the vendor's books, if the leg needed one.
    pub settled: Option<LegSettlement>,
    /// Search for tickets or codes of the sale that are missing.
    pub ticket_search: Option<TicketSearch>,
    /// Problems of the last action.
    pub problems: Vec<Problem>,
    /// Every call that may have had an effect at the vendor, oldest first.
    pub attempts: Vec<Attempt>,
}

impl Leg {
    /// Creates a leg that has not been booked.
    pub fn new(number: usize, source: SourceId, reference: String, capabilities: LegCapabilities) -> Self {
        Self {
            number,
            source,
            reference,
            status: LegStatus::Draft,
            capabilities,
            account: BTreeMap::new(),
            refs: Vec::new(),
            hold_expires_at: None,
            has_stray_hold: false,
            secures: Vec::new(),
            held_total: None,
            confirmed_at: None,
            charged: None,
            refunded: None,
            unknown: None,
            retry: None,
            cancellation: None,
            extension_requested: false,
            settled: None,
            ticket_search: None,
            problems: Vec::new(),
            attempts: Vec::new(),
        }
    }

    /// Returns true if the leg is held before it is confirmed.
    pub fn requires_hold(&self) -> bool {
        self.capabilities.shape == LegShape::HoldThenConfirm
    }

    /// Returns true if the leg is held before it is confirmed, and its source requires a contact for that.
    pub fn needs_contact_at_hold(&self) -> bool {
        self.requires_hold() && self.capabilities.needs_contact_at_hold
    }

    /// Returns true if cancellation is supported and proven to refund the sale.
    pub fn has_proven_undo(&self) -> bool {
        self.capabilities.has_undo && self.capabilities.undo_is_proven
    }

    /// Returns true if the leg is sold and tickets or barcodes are missing that are still looked for.
    pub fn awaits_tickets(&self) -> bool {
        self.next_ticket_read().is_some() && !self.lacks_tickets()
    }

    /// Returns true if the leg is sold, its tickets or codes did not come until the settle deadline, and nobody said how that ended.
    pub fn lacks_tickets(&self) -> bool {
        let end = self.ticket_search.and_then(|search| search.end);
        self.status == LegStatus::Confirmed && end == Some(TicketSearchEnd::NotFound)
    }

    /// Returns the time of the next read of tickets that are missing.
    pub fn next_ticket_read(&self) -> Option<Timestamp> {
        self.ticket_search.filter(|_| self.status == LegStatus::Confirmed)?.next_at
    }

    /// Returns the time of the next look-up, retry, or read of missing tickets.
    pub fn next_check_at(&self) -> Option<Timestamp> {
        let lookup = self.unknown.map(|unknown| unknown.next_lookup_at);
        lookup.or(self.retry.map(|schedule| schedule.next_at)).or(self.next_ticket_read())
    }

    /// Returns the time at which a hold ends by itself that may be left at the vendor: its response was lost and no look-up found it, or
    /// it could not be given back yet. `None` if none is left.
    pub fn stray_hold_ends_at(&self, now: Timestamp) -> Option<Timestamp> {
        let is_lost =
            |attempt: &&Attempt| attempt.operation == LegOperation::Hold && attempt.outcome == AttemptOutcome::Unknown;
        let lost = self.attempts.iter().filter(is_lost);
        let ends = lost.map(|attempt| later(attempt.ended_at.unwrap_or(attempt.deadline), self.capabilities.hold_ttl));
        let known = self.hold_expires_at.filter(|_| self.has_stray_hold);
        ends.chain(known).max().filter(|end| *end > now)
    }

    /// Counts the attempts of an operation that reached the source or may have.
    pub fn attempt_count(&self, operation: LegOperation) -> usize {
        self.sent_attempts(operation).count()
    }

    /// Returns the attempts of an operation that reached the source or may have.
    pub(crate) fn sent_attempts(&self, operation: LegOperation) -> impl Iterator<Item = &Attempt> {
        let sent =
            move |attempt: &&Attempt| attempt.operation == operation && attempt.result.as_deref() != Some(NOT_SENT);
        self.attempts.iter().filter(sent)
    }

    /// Returns true if the leg can be canceled now.
    pub fn is_cancelable(&self, now: Timestamp) -> bool {
        self.status == LegStatus::Confirmed
            && self.capabilities.has_undo
            && self.capabilities.cancel_until.is_none_or(|until| now < until)
    }
}

/// Operation of an attempt.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    strum::IntoStaticStr,
    strum::EnumString,
    strum::VariantArray,
)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum LegOperation {
    /// Place a hold.
    Hold,
    /// Extend a hold.
    Extend,
    /// Confirm the sale.
    Confirm,
    /// Release a hold.
    Release,
    /// Cancel a confirmed leg.
    Cancel,
}

impl LegOperation {
    /// All variants.
    pub const ALL: &[Self] = <Self as strum::VariantArray>::VARIANTS;

    /// Name in the store and the schema.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Parses a stored name.
    pub fn parse(name: &str) -> Option<Self> {
        name.parse().ok()
    }
}

/// Result of an attempt that was put off, because its turn in the queue of the source had not come.
pub(crate) const NOT_SENT: &str = "not_sent";

/// One call that may have an effect at the vendor. Stored before the call is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Operation of the call.
    pub operation: LegOperation,
    /// Idempotency key of the step, equal for all its attempts.
    pub key: StepKey,
    /// Hash of the request.
    pub request_hash: String,
    /// Start of the call. Once its outcome is stored, without the time in the queue of the source: the time of its last request, or
    /// earlier by the duration of its requests.
    pub started_at: Timestamp,
    /// Time at which the call is abandoned.
    pub deadline: Timestamp,
    /// Time at which the outcome was stored.
    pub ended_at: Option<Timestamp>,
    /// Outcome of the call.
    pub outcome: AttemptOutcome,
    /// Kind of the response, for support.
    pub result: Option<String>,
    /// Error code of the vendor.
    pub vendor_code: Option<String>,
}

/// Outcome of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::IntoStaticStr, strum::EnumString, strum::VariantArray)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum AttemptOutcome {
    /// In progress. Becomes unknown if the process dies.
    InFlight,
    /// Took effect.
    Succeeded,
    /// Certainly had no effect.
    Rejected,
    /// May have taken effect.
    Unknown,
    /// A lookup found the effect.
    ResolvedDone,
    /// A lookup found no effect.
    ResolvedNotDone,
}

impl AttemptOutcome {
    /// Returns true if the call certainly took effect.
    pub(crate) fn took_effect(self) -> bool {
        matches!(self, Self::Succeeded | Self::ResolvedDone)
    }

    /// All variants.
    pub const ALL: &[Self] = <Self as strum::VariantArray>::VARIANTS;

    /// Name in the store and the schema.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Parses a stored name.
    pub fn parse(name: &str) -> Option<Self> {
        name.parse().ok()
    }
}

/// Issued ticket. Its barcode is stored encrypted and loaded only on request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Index of the order line.
    pub line: usize,
    /// References assigned by the vendor; the first one identifies the ticket in cancellations.
    pub refs: Vec<ExternalRef>,
    /// Row and seat, if numbered.
    pub seat: Option<String>,
    /// State at the vendor.
    pub state: TicketState,
    /// Symbology of the barcode. `None` if the source issued no barcode.
    pub symbology: Option<Symbology>,
}
