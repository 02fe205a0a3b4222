//! Expected failures as data: a closed list of codes and the advised client reaction. Texts live with the schema.

use std::time::Duration;

use domain::{ErrorKind, Money, PerformanceKey, RefusalReason, SourceId, VendorError};

/// Advised client reaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RetryAdvice {
    /// Do not retry.
    Never,
    /// Repeat the same request later with the same key.
    SameKeyAfterDelay,
    /// Repeat the request later with a new key. The same key would return the stored failure.
    WithNewKey,
    /// Read the order or the catalog again first.
    AfterRequery,
    /// Change the input.
    WithNewInput,
}

/// Closed list of expected failures.
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
pub enum ProblemCode {
    /// The key was used for another request; nothing was changed.
    IdempotencyKeyReused,
    /// The key is empty or longer than 128 characters.
    IdempotencyKeyInvalid,
    /// The order has no lines.
    NoLines,
    /// The order has too many lines.
    TooManyLines,
    /// The quantity is below one.
    QuantityInvalid,
    /// The quantity exceeds the limit of one order.
    LimitExceeded,
    /// The performance does not exist.
    UnknownPerformance,
    /// The ticket type does not exist for the performance.
    UnknownTicketType,
    /// The ticket type and the performance belong to different sources.
    TicketTypeOfAnotherSource,
    /// A part of the contact is missing.
    ContactIncomplete,
    /// The order has no contact, which this requires.
    ContactMissing,
    /// The email address is invalid.
    EmailInvalid,
    /// A text is too long.
    TextTooLong,
    /// The reseller does not exist or is not the one of the caller.
    UnknownReseller,
    /// Sandbox and live sources are mixed, or a test order contains a live source.
    TestAndLiveMixed,
    /// The source does not support this.
    UnsupportedBySource,
    /// The source does not support this kind of settlement.
    SettlementUnsupported,
    /// The sources cannot be combined in an all-or-nothing order.
    NotCombinable,
    /// The performance is listed but not on sale.
    NotOnSale,
    /// Not enough tickets are left.
    NotAvailable,
    /// The price has changed.
    PriceChanged,
    /// The order does not exist or the caller may not see it.
    OrderNotFound,
    /// The order has changed since the client read it.
    VersionOutdated,
    /// The status of the order does not allow the action.
    ActionNotAvailable,
    /// The order is being processed.
    OrderBusy,
    /// The holds expire before all confirmations could complete.
    HoldTooShort,
    /// The hold has expired.
    HoldExpired,
    /// The hold could not be extended.
    HoldNotExtended,
    /// The quote does not exist or the caller may not see it.
    QuoteNotFound,
    /// The quote has expired, or the order has changed since.
    QuoteExpired,
    /// Nothing of the order can be canceled.
    NothingToCancel,
    /// The cancellation period is over.
    CancellationTooLate,
    /// The payment was declined.
    PaymentDeclined,
    /// The source rejected the request for an unmapped reason.
    RefusedBySource,
    /// The source is unavailable, or its response cannot be read.
    SourceUnavailable,
    /// The source is rate limited.
    SourceBusy,
    /// The source rejected our credentials, or this service failed.
    SourceFault,
    /// The response of the source was lost; its outcome is being looked up.
    OutcomeUnknown,
    /// No lookup resolved the outcome before the settle deadline: an operator must ask the venue.
    OutcomeNeverKnown,
    /// A confirmed leg could not be canceled: an operator must cancel it at the venue.
    UndoRefused,
    /// The source refunded the sale, but tickets may still open the gate: an operator must void them at the venue.
    TicketsStillValid,
    /// The source sold the tickets but does not return them or their codes: after the settle deadline an operator must ask the venue.
    TicketsMissing,
    /// The leg does not exist or the caller may not see it.
    LegNotFound,
    /// The leg does not wait for this settlement: it needs no attention, or asks something else.
    SettlementNotPossible,
    /// A person settled the leg as sold, but the source has no such sale: ask the venue again.
    SettlementContradicted,
    /// The reference of the vendor is empty, too long, or of another vendor; or there are too many.
    ReferenceInvalid,
    /// The reference belongs to another order.
    ReferenceOfAnotherOrder,
    /// A note is missing.
    NoteMissing,
    /// The order has too many notes.
    TooManyNotes,
    /// The rate is below one or above 6,000 a minute.
    RateInvalid,
    /// The source does not exist.
    UnknownSource,
    /// The source is paused.
    SourcePaused,
    /// The source is not paused.
    SourceNotPaused,
    /// The time is over already.
    TimeInvalid,
    /// The venue canceled the performance. It neither notifies nor refunds by itself; the order can be canceled.
    CalledOff,
}

impl ProblemCode {
    /// All variants.
    pub const ALL: &[Self] = <Self as strum::VariantArray>::VARIANTS;

    /// Stable name for clients, in upper snake case.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Parses a name.
    pub fn parse(name: &str) -> Option<Self> {
        name.parse().ok()
    }

    /// Returns the advised client reaction.
    pub fn retry(self) -> RetryAdvice {
        match self {
            Self::SourceUnavailable | Self::SourceBusy | Self::SourcePaused | Self::OrderBusy => {
                RetryAdvice::SameKeyAfterDelay
            }
            Self::PriceChanged
            | Self::VersionOutdated
            | Self::ActionNotAvailable
            | Self::SettlementNotPossible
            | Self::SourceNotPaused
            | Self::OutcomeUnknown
            | Self::NotAvailable
            | Self::TicketsMissing
            | Self::CalledOff
            | Self::QuoteExpired => RetryAdvice::AfterRequery,
            Self::OrderNotFound
            | Self::QuoteNotFound
            | Self::NothingToCancel
            | Self::CancellationTooLate
            | Self::SourceFault
            | Self::RefusedBySource
            | Self::OutcomeNeverKnown
            | Self::UndoRefused
            | Self::SettlementContradicted
            | Self::LegNotFound
            | Self::TooManyNotes
            | Self::TicketsStillValid => RetryAdvice::Never,
            _ => RetryAdvice::WithNewInput,
        }
    }
}

/// Details of a problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProblemDetail {
    /// Price change.
    Price {
        /// Planned price.
        was: Money,
        /// Current price.
        now: Money,
    },
    /// Too few tickets left.
    Remaining {
        /// Performance concerned, if identified.
        performance: Option<PerformanceKey>,
        /// Number of tickets left, if the source reports it.
        remaining: Option<u32>,
        /// Number of tickets requested.
        wanted: u32,
    },
}

/// Expected failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Code of the problem.
    pub code: ProblemCode,
    /// Source concerned.
    pub source: Option<SourceId>,
    /// Index of the leg concerned.
    pub leg: Option<usize>,
    /// Path of the invalid input in schema names, or empty.
    pub path: Vec<String>,
    /// Error code of the vendor, for support.
    pub vendor_code: Option<String>,
    /// Wait requested by the source.
    pub retry_after: Option<Duration>,
    /// Details of the problem.
    pub detail: Option<ProblemDetail>,
}

impl Problem {
    /// Creates a problem without details.
    pub fn new(code: ProblemCode) -> Self {
        Self { code, source: None, leg: None, path: Vec::new(), vendor_code: None, retry_after: None, detail: None }
    }

    /// Returns the advised client reaction. The outcome of a leg is stored with its order, and the same key replays it: only a
    /// new key tries again.
    pub fn retry(&self) -> RetryAdvice {
        match self.code.retry() {
            RetryAdvice::SameKeyAfterDelay if self.leg.is_some() => RetryAdvice::WithNewKey,
            advice => advice,
        }
    }

    /// Sets the path of the invalid input.
    #[must_use]
    pub fn at_path<S: Into<String>>(mut self, path: impl IntoIterator<Item = S>) -> Self {
        self.path = path.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the source concerned.
    #[must_use]
    pub fn for_source(mut self, source: &SourceId) -> Self {
        self.source = Some(source.clone());
        self
    }

    /// Sets the leg concerned.
    #[must_use]
    pub fn on_leg(mut self, leg: usize) -> Self {
        self.leg = Some(leg);
        self
    }

    /// Sets the details.
    #[must_use]
    pub fn with_detail(mut self, detail: ProblemDetail) -> Self {
        self.detail = Some(detail);
        self
    }

    /// Maps a failure of a source. The vendor's message is not included.
    pub fn from_vendor(error: &VendorError) -> Self {
        let mut problem = Self::new(code_for(&error.kind)).for_source(&error.source);
        problem.retry_after = error.retry_after;
        if let ErrorKind::Rejected(refusal) = &error.kind {
            problem.vendor_code.clone_from(&refusal.vendor_code);
            problem.detail = match &refusal.reason {
                RefusalReason::SoldOut { remaining } => {
                    Some(ProblemDetail::Remaining { performance: None, remaining: *remaining, wanted: 0 })
                }
                _ => None,
            };
        }
        problem
    }
}

/// Maps the kind of a failure to a code.
fn code_for(kind: &ErrorKind) -> ProblemCode {
    match kind {
        ErrorKind::NotFound => ProblemCode::RefusedBySource,
        ErrorKind::Unsupported => ProblemCode::UnsupportedBySource,
        ErrorKind::RateLimited => ProblemCode::SourceBusy,
        // A garbled response is often one of many, so the request may be repeated.
        ErrorKind::Unavailable | ErrorKind::Timeout | ErrorKind::Malformed => ProblemCode::SourceUnavailable,
        ErrorKind::Unauthorized | ErrorKind::Internal => ProblemCode::SourceFault,
        ErrorKind::Rejected(refusal) => match refusal.reason {
            RefusalReason::SoldOut { .. } => ProblemCode::NotAvailable,
            RefusalReason::PriceChanged { .. } => ProblemCode::PriceChanged,
            RefusalReason::HoldExpired => ProblemCode::HoldExpired,
            RefusalReason::LimitExceeded => ProblemCode::LimitExceeded,
            RefusalReason::NotOnSale => ProblemCode::NotOnSale,
            RefusalReason::PaymentDeclined => ProblemCode::PaymentDeclined,
            RefusalReason::TooLate => ProblemCode::CancellationTooLate,
            RefusalReason::InvalidInput { .. }
            | RefusalReason::Conflict
            | RefusalReason::Forbidden
            | RefusalReason::Other => ProblemCode::RefusedBySource,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_garbled_response_may_be_asked_for_again_and_a_wrong_credential_not() {
        let advice = |kind: ErrorKind| {
            let error = VendorError::new(&SourceId::new("opera"), domain::VendorOperation::LoadEvents, kind);
            Problem::from_vendor(&error).code.retry()
        };
        assert_eq!(advice(ErrorKind::Malformed), RetryAdvice::SameKeyAfterDelay);
        assert_eq!(advice(ErrorKind::Unauthorized), RetryAdvice::Never);
    }

    #[test]
    fn every_code_has_a_unique_name_that_parses_back() {
        let mut names: Vec<_> = ProblemCode::ALL.iter().map(|code| code.name()).collect();
        assert!(ProblemCode::ALL.iter().all(|code| ProblemCode::parse(code.name()) == Some(*code)));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ProblemCode::ALL.len());
    }
}
