//! The one error that every port answers with.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::SourceId;
use crate::money::Money;

/// The outcome of each key of a batch. One bad key never fails its neighbours; every key asked for is answered.
pub type Batch<K, V> = HashMap<K, Result<V, VendorError>>;

/// What was asked of a source. Names the span, the histogram and the retry rule of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// Listing events.
    ListEvents,
    /// Reading events by key.
    LoadEvents,
    /// Reading the ticket types of events.
    LoadTicketTypes,
    /// Listing performances of events.
    ListPerformances,
    /// Reading performances by key.
    LoadPerformances,
    /// Asking what is free, and at which price.
    LoadAvailability,
    /// One row a day.
    LoadCalendar,
    /// Reading admission tokens.
    ReadTokens,
    /// Issuing, changing or revoking admission tokens.
    WriteTokens,
    /// Letting visitors in.
    Admit,
    /// Reading admissions.
    ReadAdmissions,
    /// Setting seats aside.
    Hold,
    /// Prolonging a hold.
    Extend,
    /// Turning a hold into a sale.
    Confirm,
    /// Giving a hold back.
    Release,
    /// Undoing a sale.
    Cancel,
    /// Finding out what became of an earlier order call.
    LookUp,
    /// Listing what the vendor has sold through us.
    ListOrders,
    /// Reading what the back office lets an API user edit.
    ReadAuthoring,
    /// Editing an event.
    WriteAuthoring,
    /// Checking how a reseller is set up.
    CheckConnection,
    /// Handing tickets to the mobile app.
    Deliver,
    /// Reading back where tickets stand in the mobile app.
    ReadDelivery,
    /// Asking whether a source is alive.
    Probe,
}

impl Operation {
    /// Whether the call only reads, so that repeating it is always safe.
    pub fn reads(self) -> bool {
        !matches!(
            self,
            Self::WriteTokens
                | Self::Admit
                | Self::Hold
                | Self::Extend
                | Self::Confirm
                | Self::Release
                | Self::Cancel
                | Self::WriteAuthoring
                | Self::Deliver
        )
    }

    /// Whether the call belongs to an order, and may use the reserved part of a budget.
    pub fn serves_an_order(self) -> bool {
        matches!(self, Self::Hold | Self::Extend | Self::Confirm | Self::Release | Self::Cancel | Self::LookUp)
    }

    /// The name in spans and metrics, snake case.
    pub fn name(self) -> &'static str {
        match self {
            Self::ListEvents => "list_events",
            Self::LoadEvents => "load_events",
            Self::LoadTicketTypes => "load_ticket_types",
            Self::ListPerformances => "list_performances",
            Self::LoadPerformances => "load_performances",
            Self::LoadAvailability => "load_availability",
            Self::LoadCalendar => "load_calendar",
            Self::ReadTokens => "read_tokens",
            Self::WriteTokens => "write_tokens",
            Self::Admit => "admit",
            Self::ReadAdmissions => "read_admissions",
            Self::Hold => "hold",
            Self::Extend => "extend",
            Self::Confirm => "confirm",
            Self::Release => "release",
            Self::Cancel => "cancel",
            Self::LookUp => "look_up",
            Self::ListOrders => "list_orders",
            Self::ReadAuthoring => "read_authoring",
            Self::WriteAuthoring => "write_authoring",
            Self::CheckConnection => "check_connection",
            Self::Deliver => "deliver",
            Self::ReadDelivery => "read_delivery",
            Self::Probe => "probe",
        }
    }
}

/// What a failed call may have done at the vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    /// Certainly nothing: it never left, it only reads, or the vendor clearly refused.
    None,
    /// Perhaps all of it: it was sent and no usable answer came back.
    Unknown,
}

/// Why the vendor said no, as a rule of business.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reason {
    /// Not enough left; how many are, where told.
    SoldOut {
        /// What is left, where the vendor tells.
        remaining: Option<u32>,
    },
    /// The price is another one now.
    PriceChanged {
        /// What it is now.
        now: Money,
    },
    /// The hold ran out before the sale was complete.
    HoldExpired,
    /// More than one order may take.
    LimitExceeded,
    /// Shown, but not for sale through us at present.
    NotOnSale,
    /// The settlement was declined.
    PaymentDeclined,
    /// Too late to undo, or otherwise no longer possible in this state.
    TooLate,
    /// The vendor calls the input wrong; which part, in our words.
    InvalidInput {
        /// The part that is wrong, in our words.
        field: String,
    },
    /// The thing is in a state that forbids the call.
    Conflict,
    /// Our credentials may not do this.
    Forbidden,
    /// A refusal that we have no word for.
    Other,
}

/// A business refusal: data for the client, not a fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The reason in our words.
    pub reason: Reason,
    /// The vendor's own code (never its prose), for support. Letters, digits and `._-` only, at most 64.
    pub vendor_code: Option<String>,
}

/// What went wrong, by what can be done about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ErrorKind {
    /// The vendor does not know it.
    NotFound,
    /// A business no.
    Rejected(Refusal),
    /// Someone asked for what the source cannot do.
    Unsupported,
    /// The vendor does not accept our credentials or client version.
    Unauthorized,
    /// Too many requests, or our own budget for the vendor is used up.
    RateLimited,
    /// No useful answer: connection refused, torn, or a 5xx.
    Unavailable,
    /// No answer in time.
    Timeout,
    /// An answer that we cannot read.
    Malformed,
    /// Our own mistake.
    Internal,
}

impl ErrorKind {
    /// A short, stable, bounded name for logs and metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Rejected(_) => "rejected",
            Self::Unsupported => "unsupported",
            Self::Unauthorized => "unauthorized",
            Self::RateLimited => "rate_limited",
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
            Self::Malformed => "malformed",
            Self::Internal => "internal",
        }
    }

    /// Whether the same call may work in a moment.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::RateLimited | Self::Unavailable | Self::Timeout)
    }
}

/// A port could not do what it was asked. Cheap to clone: one failure is shared by all who waited for it.
#[derive(Debug, Clone)]
pub struct VendorError {
    /// The source that was asked.
    pub source: SourceId,
    /// What was asked of it.
    pub operation: Operation,
    /// What went wrong.
    pub kind: ErrorKind,
    /// What a failed write may have done.
    pub effect: Effect,
    /// How long the vendor, or our own breaker or budget, asks to wait.
    pub retry_after: Option<Duration>,
    /// For the log only; never shown to a client.
    pub cause: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl VendorError {
    /// An error without effect, as every read has it.
    pub fn new(source: &SourceId, operation: Operation, kind: ErrorKind) -> Self {
        Self { source: source.clone(), operation, kind, effect: Effect::None, retry_after: None, cause: None }
    }

    /// A business refusal: certain to have done nothing.
    pub fn rejected(source: &SourceId, operation: Operation, reason: Reason, vendor_code: Option<String>) -> Self {
        let vendor_code = vendor_code.as_deref().and_then(plain_code);
        Self::new(source, operation, ErrorKind::Rejected(Refusal { reason, vendor_code }))
    }

    /// Says what the failed write may have done.
    #[must_use]
    pub fn with_effect(mut self, effect: Effect) -> Self {
        self.effect = effect;
        self
    }

    /// Says how long to wait before asking again.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait;
        self
    }

    /// Keeps the technical cause for the log.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.cause = Some(Arc::from(cause.into()));
        self
    }

    /// The same failure for every key of a batch.
    pub fn for_all<K: Clone + Eq + std::hash::Hash, V>(&self, keys: &[K]) -> Batch<K, V> {
        keys.iter().map(|key| (key.clone(), Err(self.clone()))).collect()
    }
}

impl fmt::Display for VendorError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} at {}: {}", self.operation.name(), self.source, self.kind.name())?;
        if let Some(cause) = &self.cause {
            write!(out, " ({cause})")?;
        }
        Ok(())
    }
}

impl std::error::Error for VendorError {}

/// Keeps a vendor's code only when it is one: prose, which may hold a visitor's data, is dropped.
fn plain_code(code: &str) -> Option<String> {
    let plain =
        !code.is_empty() && code.len() <= 64 && code.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    plain.then(|| code.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vendors_prose_is_never_taken_for_a_code() {
        let source = SourceId::new("opera");
        let code =
            |text: &str| match VendorError::rejected(&source, Operation::Hold, Reason::Other, Some(text.to_owned()))
                .kind
            {
                ErrorKind::Rejected(refusal) => refusal.vendor_code,
                other => panic!("{other:?}"),
            };
        assert_eq!(code("error.order.availability").as_deref(), Some("error.order.availability"));
        assert_eq!(code("Sorry, Ada Guest <ada@example.org>"), None);
    }
}
