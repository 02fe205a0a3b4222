//! Expected failures, as data: a closed list of codes and what a client should do next. The texts live with the schema.

use std::time::Duration;

use domain::{ErrorKind, Money, PerformanceKey, Reason, SourceId, VendorError};

/// What a client should do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Retry {
    /// Nothing will change it.
    Never,
    /// Say the same again later, with the same key.
    SameKeyAfterDelay,
    /// Read the order, or the catalogue, again first.
    AfterRequery,
    /// Ask for something else.
    WithNewInput,
}

/// The closed list of expected failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ProblemCode {
    /// The key was used for another request; nothing was changed.
    IdempotencyKeyReused,
    /// The key is empty or longer than 128 characters.
    IdempotencyKeyInvalid,
    /// An order without lines.
    NoLines,
    /// More lines than an order may have.
    TooManyLines,
    /// A quantity below one.
    QuantityInvalid,
    /// More than one order may take.
    LimitExceeded,
    /// No such performance.
    UnknownPerformance,
    /// No such ticket type for the performance.
    UnknownTicketType,
    /// The ticket type and the performance belong to two sources.
    TicketTypeOfAnotherSource,
    /// A part of the contact is missing.
    ContactIncomplete,
    /// The address is none.
    EmailInvalid,
    /// Text that is too long.
    TextTooLong,
    /// No such reseller, or not the caller's.
    UnknownReseller,
    /// Sources for trying out beside real ones, or a test order at a real one.
    TestAndLiveMixed,
    /// The source does not do this.
    UnsupportedBySource,
    /// The source cannot be paid in this way.
    SettlementUnsupported,
    /// These sources cannot be bought all or nothing.
    NotCombinable,
    /// Shown, but not for sale.
    NotOnSale,
    /// Not enough left.
    NotAvailable,
    /// The price is another one.
    PriceChanged,
    /// No such order for this caller.
    OrderNotFound,
    /// The order changed since the client read it.
    VersionOutdated,
    /// The order is in a state that forbids the action.
    ActionNotAvailable,
    /// Work on the order is going on.
    OrderBusy,
    /// The holds end before the sale could be complete.
    HoldTooShort,
    /// The hold ran out.
    HoldExpired,
    /// The hold could not be prolonged.
    HoldNotExtended,
    /// No such quote for this caller.
    QuoteNotFound,
    /// The quote is too old, or the order changed since.
    QuoteExpired,
    /// Nothing of the order can be undone.
    NothingToCancel,
    /// Too late to undo.
    CancellationTooLate,
    /// The settlement was declined.
    PaymentDeclined,
    /// The source said no, for a reason that we have no word for.
    RefusedBySource,
    /// The source does not answer.
    SourceUnavailable,
    /// The source turns calls away for now.
    SourceBusy,
    /// The source answers what cannot be understood, or does not accept our credentials.
    SourceFault,
    /// The answer of the source was lost; it is being looked up.
    OutcomeUnknown,
    /// The answer was lost and the look-ups gave none before the settle deadline: an operator must ask the venue.
    OutcomeNeverKnown,
    /// A sale could not be undone: an operator must undo it at the venue.
    UndoRefused,
    /// The source gave money back, but tickets may still open the gate: an operator must void them at the venue.
    TicketsStillValid,
    /// The venue called off what was sold. It neither tells nor refunds by itself: the order can be cancelled.
    CalledOff,
}

impl ProblemCode {
    /// All of them.
    pub const ALL: [Self; 41] = [
        Self::IdempotencyKeyReused,
        Self::IdempotencyKeyInvalid,
        Self::NoLines,
        Self::TooManyLines,
        Self::QuantityInvalid,
        Self::LimitExceeded,
        Self::UnknownPerformance,
        Self::UnknownTicketType,
        Self::TicketTypeOfAnotherSource,
        Self::ContactIncomplete,
        Self::EmailInvalid,
        Self::TextTooLong,
        Self::UnknownReseller,
        Self::TestAndLiveMixed,
        Self::UnsupportedBySource,
        Self::SettlementUnsupported,
        Self::NotCombinable,
        Self::NotOnSale,
        Self::NotAvailable,
        Self::PriceChanged,
        Self::OrderNotFound,
        Self::VersionOutdated,
        Self::ActionNotAvailable,
        Self::OrderBusy,
        Self::HoldTooShort,
        Self::HoldExpired,
        Self::HoldNotExtended,
        Self::QuoteNotFound,
        Self::QuoteExpired,
        Self::NothingToCancel,
        Self::CancellationTooLate,
        Self::PaymentDeclined,
        Self::RefusedBySource,
        Self::SourceUnavailable,
        Self::SourceBusy,
        Self::SourceFault,
        Self::OutcomeUnknown,
        Self::OutcomeNeverKnown,
        Self::UndoRefused,
        Self::TicketsStillValid,
        Self::CalledOff,
    ];

    /// The stable name for clients, upper snake case.
    pub fn name(self) -> &'static str {
        match self {
            Self::IdempotencyKeyReused => "IDEMPOTENCY_KEY_REUSED",
            Self::IdempotencyKeyInvalid => "IDEMPOTENCY_KEY_INVALID",
            Self::NoLines => "NO_LINES",
            Self::TooManyLines => "TOO_MANY_LINES",
            Self::QuantityInvalid => "QUANTITY_INVALID",
            Self::LimitExceeded => "LIMIT_EXCEEDED",
            Self::UnknownPerformance => "UNKNOWN_PERFORMANCE",
            Self::UnknownTicketType => "UNKNOWN_TICKET_TYPE",
            Self::TicketTypeOfAnotherSource => "TICKET_TYPE_OF_ANOTHER_SOURCE",
            Self::ContactIncomplete => "CONTACT_INCOMPLETE",
            Self::EmailInvalid => "EMAIL_INVALID",
            Self::TextTooLong => "TEXT_TOO_LONG",
            Self::UnknownReseller => "UNKNOWN_RESELLER",
            Self::TestAndLiveMixed => "TEST_AND_LIVE_MIXED",
            Self::UnsupportedBySource => "UNSUPPORTED_BY_SOURCE",
            Self::SettlementUnsupported => "SETTLEMENT_UNSUPPORTED",
            Self::NotCombinable => "NOT_COMBINABLE",
            Self::NotOnSale => "NOT_ON_SALE",
            Self::NotAvailable => "NOT_AVAILABLE",
            Self::PriceChanged => "PRICE_CHANGED",
            Self::OrderNotFound => "ORDER_NOT_FOUND",
            Self::VersionOutdated => "VERSION_OUTDATED",
            Self::ActionNotAvailable => "ACTION_NOT_AVAILABLE",
            Self::OrderBusy => "ORDER_BUSY",
            Self::HoldTooShort => "HOLD_TOO_SHORT",
            Self::HoldExpired => "HOLD_EXPIRED",
            Self::HoldNotExtended => "HOLD_NOT_EXTENDED",
            Self::QuoteNotFound => "QUOTE_NOT_FOUND",
            Self::QuoteExpired => "QUOTE_EXPIRED",
            Self::NothingToCancel => "NOTHING_TO_CANCEL",
            Self::CancellationTooLate => "CANCELLATION_TOO_LATE",
            Self::PaymentDeclined => "PAYMENT_DECLINED",
            Self::RefusedBySource => "REFUSED_BY_SOURCE",
            Self::SourceUnavailable => "SOURCE_UNAVAILABLE",
            Self::SourceBusy => "SOURCE_BUSY",
            Self::SourceFault => "SOURCE_FAULT",
            Self::OutcomeUnknown => "OUTCOME_UNKNOWN",
            Self::OutcomeNeverKnown => "OUTCOME_NEVER_KNOWN",
            Self::UndoRefused => "UNDO_REFUSED",
            Self::TicketsStillValid => "TICKETS_STILL_VALID",
            Self::CalledOff => "CALLED_OFF",
        }
    }

    /// The code with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.name() == name)
    }

    /// What a client should do next.
    pub fn retry(self) -> Retry {
        match self {
            Self::SourceUnavailable | Self::SourceBusy | Self::OrderBusy => Retry::SameKeyAfterDelay,
            Self::PriceChanged
            | Self::VersionOutdated
            | Self::ActionNotAvailable
            | Self::OutcomeUnknown
            | Self::NotAvailable
            | Self::CalledOff
            | Self::QuoteExpired => Retry::AfterRequery,
            Self::OrderNotFound
            | Self::QuoteNotFound
            | Self::NothingToCancel
            | Self::CancellationTooLate
            | Self::SourceFault
            | Self::RefusedBySource
            | Self::OutcomeNeverKnown
            | Self::UndoRefused
            | Self::TicketsStillValid => Retry::Never,
            _ => Retry::WithNewInput,
        }
    }
}

/// More about a problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Detail {
    /// A price that is another one.
    Price {
        /// What was promised.
        was: Money,
        /// What it is.
        now: Money,
    },
    /// A performance with too little left.
    Left {
        /// Which performance.
        performance: Option<PerformanceKey>,
        /// How many are left, where told.
        remaining: Option<u32>,
        /// How many were wanted.
        wanted: u32,
    },
}

/// An expected failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What it is.
    pub code: ProblemCode,
    /// The source concerned.
    pub source: Option<SourceId>,
    /// The leg concerned, by its number in the order.
    pub leg: Option<usize>,
    /// The part of the input that is wrong, as the schema names it; empty: none.
    pub path: Vec<String>,
    /// The vendor's own code, for support.
    pub vendor_code: Option<String>,
    /// How long the source asks to wait.
    pub retry_after: Option<Duration>,
    /// More about it.
    pub detail: Option<Detail>,
}

impl Problem {
    /// A problem of which only the code is known.
    pub fn new(code: ProblemCode) -> Self {
        Self { code, source: None, leg: None, path: Vec::new(), vendor_code: None, retry_after: None, detail: None }
    }

    /// Names the part of the input that is wrong.
    #[must_use]
    pub fn at<S: Into<String>>(mut self, path: impl IntoIterator<Item = S>) -> Self {
        self.path = path.into_iter().map(Into::into).collect();
        self
    }

    /// Names the source concerned.
    #[must_use]
    pub fn of(mut self, source: &SourceId) -> Self {
        self.source = Some(source.clone());
        self
    }

    /// Names the leg concerned.
    #[must_use]
    pub fn on_leg(mut self, leg: usize) -> Self {
        self.leg = Some(leg);
        self
    }

    /// Says more.
    #[must_use]
    pub fn with(mut self, detail: Detail) -> Self {
        self.detail = Some(detail);
        self
    }

    /// A failure of a source, in our words. The vendor's prose stays behind.
    pub fn from_vendor(error: &VendorError) -> Self {
        let mut problem = Self::new(code_of(&error.kind)).of(&error.source);
        problem.retry_after = error.retry_after;
        if let ErrorKind::Rejected(refusal) = &error.kind {
            problem.vendor_code.clone_from(&refusal.vendor_code);
            problem.detail = match &refusal.reason {
                Reason::SoldOut { remaining } => {
                    Some(Detail::Left { performance: None, remaining: *remaining, wanted: 0 })
                }
                _ => None,
            };
        }
        problem
    }
}

/// The code for a failure of a source.
fn code_of(kind: &ErrorKind) -> ProblemCode {
    match kind {
        ErrorKind::NotFound => ProblemCode::RefusedBySource,
        ErrorKind::Unsupported => ProblemCode::UnsupportedBySource,
        ErrorKind::RateLimited => ProblemCode::SourceBusy,
        ErrorKind::Unavailable | ErrorKind::Timeout => ProblemCode::SourceUnavailable,
        ErrorKind::Unauthorized | ErrorKind::Malformed | ErrorKind::Internal => ProblemCode::SourceFault,
        ErrorKind::Rejected(refusal) => match refusal.reason {
            Reason::SoldOut { .. } => ProblemCode::NotAvailable,
            Reason::PriceChanged { .. } => ProblemCode::PriceChanged,
            Reason::HoldExpired => ProblemCode::HoldExpired,
            Reason::LimitExceeded => ProblemCode::LimitExceeded,
            Reason::NotOnSale => ProblemCode::NotOnSale,
            Reason::PaymentDeclined => ProblemCode::PaymentDeclined,
            Reason::TooLate => ProblemCode::CancellationTooLate,
            Reason::InvalidInput { .. } | Reason::Conflict | Reason::Forbidden | Reason::Other => {
                ProblemCode::RefusedBySource
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_own_name_and_is_read_back() {
        let mut names: Vec<_> = ProblemCode::ALL.iter().map(|code| code.name()).collect();
        assert!(ProblemCode::ALL.iter().all(|code| ProblemCode::parse(code.name()) == Some(*code)));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ProblemCode::ALL.len());
    }
}
