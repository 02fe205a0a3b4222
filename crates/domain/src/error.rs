//! The error type returned by every port.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use crate::ids::SourceId;
use crate::money::Money;

/// Result of a batch call, per key. Contains every requested key; one failed key never fails the others.
pub type Batch<K, V> = HashMap<K, Result<V, VendorError>>;

/// An operation at a source. Determines the span name, the histogram and the retry rule of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum VendorOperation {
    /// Listing events.
    ListEvents,
    /// Loading events by key.
    LoadEvents,
    /// Loading the ticket types of events.
    LoadTicketTypes,
    /// Listing performances of events.
    ListPerformances,
    /// Loading performances by key.
    LoadPerformances,
    /// Loading availability and offers.
    LoadAvailability,
    /// Loading an event calendar.
    LoadCalendar,
    /// Reading admission tokens.
    ReadTokens,
    /// Issuing, changing or revoking admission tokens.
    WriteTokens,
    /// Admitting visitors.
    Admit,
    /// Reading admissions.
    ReadAdmissions,
    /// Placing a hold.
    Hold,
    /// Extending a hold.
    Extend,
    /// Confirming a hold as a sale.
    Confirm,
    /// Releasing a hold.
    Release,
    /// Canceling a sale.
    Cancel,
    /// Looking up the outcome of an earlier order call.
    LookUp,
    /// Listing the orders placed at the vendor through this service.
    ListOrders,
    /// Reading editable data from the back office.
    ReadAuthoring,
    /// Editing an event.
    WriteAuthoring,
    /// Checking the setup of a reseller.
    CheckConnection,
    /// Delivering tickets to the mobile app.
    Deliver,
    /// Reading the status of tickets in the mobile app.
    ReadDelivery,
    /// Probing whether a source is reachable.
    Probe,
}

impl VendorOperation {
    /// Returns true if the operation only reads, so that retrying is always safe.
    pub fn is_read_only(self) -> bool {
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

    /// Returns true if the operation belongs to an order and may use the reserved part of the rate limit.
    pub fn is_order_call(self) -> bool {
        matches!(self, Self::Hold | Self::Extend | Self::Confirm | Self::Release | Self::Cancel | Self::LookUp)
    }

    /// Returns the name used in spans and metrics, in snake case.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// Possible effect of a failed call at the vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    /// Certainly no effect: the request was never sent, it only reads, or the vendor clearly rejected it.
    None,
    /// Unknown: the request was sent, but no usable response was received.
    Unknown,
}

/// Business reason for a rejection by the vendor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RefusalReason {
    /// Not enough vacancies.
    SoldOut {
        /// Remaining vacancies, if the vendor reports them.
        remaining: Option<u32>,
    },
    /// The price has changed.
    PriceChanged {
        /// Current price.
        now: Money,
    },
    /// The hold expired before the sale was complete.
    HoldExpired,
    /// The quantity exceeds the limit per order.
    LimitExceeded,
    /// Listed, but currently not sold through this service.
    NotOnSale,
    /// The payment was declined.
    PaymentDeclined,
    /// Too late to cancel, or no longer possible in the current state.
    TooLate,
    /// The vendor rejected the input.
    InvalidInput {
        /// Invalid field, under this service's name for it.
        field: String,
    },
    /// The object is in a state that does not permit the operation.
    Conflict,
    /// The credentials of this service lack the permission.
    Forbidden,
    /// Any other reason.
    Other,
}

/// A business rejection: returned to the client as data, not as an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VendorRefusal {
    /// Reason.
    pub reason: RefusalReason,
    /// The vendor's own code for support, never its message. At most 64 letters, digits and `._-`.
    pub vendor_code: Option<String>,
}

/// Kind of failure, classified by the possible reaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum ErrorKind {
    /// The object does not exist at the vendor.
    NotFound,
    /// The vendor rejected the request for a business reason.
    Rejected(VendorRefusal),
    /// The source does not support the operation.
    Unsupported,
    /// The vendor does not accept the credentials or the client version of this service.
    Unauthorized,
    /// Too many requests: rejected by the vendor or by this service's own rate limiter.
    RateLimited,
    /// No usable response: connection refused or broken, or a 5xx status.
    Unavailable,
    /// No response in time.
    Timeout,
    /// The response cannot be parsed.
    Malformed,
    /// A bug in this service.
    Internal,
}

impl ErrorKind {
    /// Returns a short stable name for logs and metric labels.
    pub fn name(&self) -> &'static str {
        self.into()
    }

    /// Returns true if the same call may succeed shortly.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::RateLimited | Self::Unavailable | Self::Timeout)
    }
}

/// Reason why a call was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NotSent {
    /// A request of the call waits for its turn in our own queue.
    AwaitsTurn,
    /// The source failed too often lately, so that it is left alone for a while.
    CircuitOpen,
}

/// Failure of a port call. Cheap to clone, so that concurrent callers can share one failure.
#[derive(Debug, Clone)]
pub struct VendorError {
    /// Source of the call.
    pub source: SourceId,
    /// Operation of the call.
    pub operation: VendorOperation,
    /// Kind of failure.
    pub kind: ErrorKind,
    /// Possible effect of a failed write.
    pub effect: Effect,
    /// Time to wait before a retry, as requested by the vendor, the circuit breaker or the rate limiter.
    pub retry_after: Option<Duration>,
    /// Reason why no request was sent, if none was.
    pub not_sent: Option<NotSent>,
    /// Technical cause for the log. Never shown to a client.
    pub cause: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl VendorError {
    /// Creates an error without an effect at the vendor, as every failed read is.
    pub fn new(source: &SourceId, operation: VendorOperation, kind: ErrorKind) -> Self {
        Self {
            source: source.clone(),
            operation,
            kind,
            effect: Effect::None,
            retry_after: None,
            not_sent: None,
            cause: None,
        }
    }

    /// Creates the error of a request that was not sent, because its turn in our own queue is expected only after `wait`.
    pub fn awaiting_turn(source: &SourceId, operation: VendorOperation, wait: Duration) -> Self {
        let error = Self::new(source, operation, ErrorKind::RateLimited).with_retry_after(Some(wait));
        Self { not_sent: Some(NotSent::AwaitsTurn), ..error }
    }

    /// Returns true if nothing happened except that the turn of the call has not come: it is neither an answer of the vendor nor
    /// an attempt, and is made later.
    pub fn only_waits(&self) -> bool {
        self.not_sent == Some(NotSent::AwaitsTurn) && self.effect == Effect::None
    }

    /// Creates the error of a call that was not made, because the circuit of the source is open for the next `wait`.
    pub fn circuit_open(source: &SourceId, operation: VendorOperation, wait: Duration) -> Self {
        let error = Self::new(source, operation, ErrorKind::Unavailable).with_retry_after(Some(wait));
        Self { not_sent: Some(NotSent::CircuitOpen), ..error }
    }

    /// Returns true if nothing was sent: the call says nothing about what it would have done, and is not an attempt.
    pub fn was_not_sent(&self) -> bool {
        self.not_sent.is_some() && self.effect == Effect::None
    }

    /// Creates a business rejection, which certainly had no effect.
    pub fn rejected(
        source: &SourceId,
        operation: VendorOperation,
        reason: RefusalReason,
        vendor_code: Option<String>,
    ) -> Self {
        let vendor_code = vendor_code.as_deref().and_then(sanitize_code);
        Self::new(source, operation, ErrorKind::Rejected(VendorRefusal { reason, vendor_code }))
    }

    /// Sets the possible effect of the failed write.
    #[must_use]
    pub fn with_effect(mut self, effect: Effect) -> Self {
        self.effect = effect;
        self
    }

    /// Sets the time to wait before a retry.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait;
        self
    }

    /// Sets the technical cause for the log.
    #[must_use]
    pub fn with_cause(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.cause = Some(Arc::from(cause.into()));
        self
    }

    /// Returns this failure for every key of a batch.
    pub fn to_batch<K: Clone + Eq + std::hash::Hash, V>(&self, keys: &[K]) -> Batch<K, V> {
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

/// Returns the vendor's code if it has the form of a code. Prose, which may contain personal data, is dropped.
fn sanitize_code(code: &str) -> Option<String> {
    let plain =
        !code.is_empty() && code.len() <= 64 && code.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    plain.then(|| code.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vendor_message_is_never_accepted_as_a_code() {
        let source = SourceId::new("opera");
        let code = |text: &str| match VendorError::rejected(
            &source,
            VendorOperation::Hold,
            RefusalReason::Other,
            Some(text.to_owned()),
        )
        .kind
        {
            ErrorKind::Rejected(refusal) => refusal.vendor_code,
            other => panic!("{other:?}"),
        };
        assert_eq!(code("error.order.availability").as_deref(), Some("error.order.availability"));
        assert_eq!(code("Sorry, Ada Guest <ada@example.org>"), None);
    }
}
