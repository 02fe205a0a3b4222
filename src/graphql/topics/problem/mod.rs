//! Expected failures as data: one interface with three types.

mod code;

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Context, Enum, ID, Interface, Object};
use catalog::Sourced;
use domain::PerformanceKey;
use domain::error::{ErrorKind, RefusalReason, VendorError};
use domain::money;
use domain::source;

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::scalars::{Locale, int, seconds};
use crate::graphql::topics::catalog::{Money, Performance};
use crate::graphql::topics::sources::Source;

pub use code::SchemaProblemCode;

/// The recommended next step of the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum Retry {
    /// A retry will not succeed.
    Never,
    /// Send the same request with the same idempotency key again, after a delay.
    SameKeyAfterDelay,
    /// Send the request again with a new idempotency key, after a delay: the same key returns the stored failure.
    WithNewKey,
    /// Query the current state first, then decide.
    AfterRequery,
    /// Change the input.
    WithNewInput,
}

/// An expected failure, returned as data rather than as an error.
#[derive(Interface)]
#[expect(clippy::duplicated_attributes, reason = "every field names its type, and two fields share one")]
#[graphql(
    field(name = "code", ty = "String", desc = "Stable code in UPPER_SNAKE_CASE, from a documented list."),
    field(
        name = "message",
        ty = "String",
        desc = "Message for visitors, in English, French or German.",
        arg(name = "locale", ty = "Option<Locale>", desc = "The preferred language.")
    ),
    field(name = "retry", ty = "Retry", desc = "The recommended next step of the client."),
    field(name = "retry_after_seconds", ty = "Option<i32>", desc = "Recommended delay before a retry, if known."),
    field(name = "source", ty = "Option<Source>", desc = "The source concerned."),
    field(name = "leg_id", ty = "Option<ID>", desc = "The leg concerned."),
    field(name = "path", ty = "Option<Vec<String>>", desc = "The path of the input field concerned."),
    field(name = "vendor_code", ty = "Option<String>", desc = "The vendor's own code, for support.")
)]
pub enum Problem {
    /// Any problem without fields of its own.
    General(GeneralProblem),
    /// The price has changed.
    PriceChanged(PriceChangedProblem),
    /// Not enough places are left.
    NotAvailable(NotAvailableProblem),
}

impl Problem {
    /// Converts the failure of a source.
    pub fn of(source: Option<Arc<source::Source>>, error: &VendorError) -> Self {
        Self::General(GeneralProblem::of(source, error))
    }
}

impl Ctx {
    /// Converts the failure of a source to a problem and logs it.
    pub fn problem(&self, error: &VendorError) -> Problem {
        self.log_failure(error);
        Problem::of(self.catalog().find_source(&error.source).cloned(), error)
    }
}

/// Any problem without fields of its own.
#[derive(Debug, Clone)]
pub struct GeneralProblem {
    /// The kind of problem.
    pub code: SchemaProblemCode,
    /// The recommended next step of the client.
    pub retry: Retry,
    /// Recommended delay.
    pub retry_after: Option<Duration>,
    /// The source concerned.
    pub source: Option<Source>,
    /// The leg concerned.
    pub leg: Option<ID>,
    /// The path of the input field concerned.
    pub path: Option<Vec<String>>,
    /// The vendor's own code.
    pub vendor_code: Option<String>,
}

impl GeneralProblem {
    /// Creates a problem with a code and a next step only.
    pub fn new(code: SchemaProblemCode, retry: Retry) -> Self {
        Self { code, retry, retry_after: None, source: None, leg: None, path: None, vendor_code: None }
    }

    /// Converts the failure of a source.
    pub fn of(source: Option<Arc<source::Source>>, error: &VendorError) -> Self {
        let (retry, vendor_code) = match &error.kind {
            kind if kind.is_transient() => (Retry::SameKeyAfterDelay, None),
            ErrorKind::Rejected(refusal) => (retry_after_rejection(&refusal.reason), refusal.vendor_code.clone()),
            _ => (Retry::Never, None),
        };
        Self {
            retry_after: error.retry_after,
            source: source.map(Source),
            vendor_code,
            ..Self::new(SchemaProblemCode::of(&error.kind), retry)
        }
    }
}

/// The recommended next step after a rejection.
fn retry_after_rejection(reason: &RefusalReason) -> Retry {
    match reason {
        RefusalReason::SoldOut { .. }
        | RefusalReason::PriceChanged { .. }
        | RefusalReason::HoldExpired
        | RefusalReason::LimitExceeded
        | RefusalReason::PaymentDeclined
        | RefusalReason::InvalidInput { .. } => Retry::WithNewInput,
        RefusalReason::Conflict => Retry::AfterRequery,
        RefusalReason::NotOnSale | RefusalReason::TooLate | RefusalReason::Forbidden | RefusalReason::Other => {
            Retry::Never
        }
    }
}

/// Any problem without fields of its own.
#[Object]
impl GeneralProblem {
    /// Stable code in UPPER_SNAKE_CASE, from a documented list.
    async fn code(&self) -> String {
        self.code.as_str().to_owned()
    }

    /// Message for visitors, in English, French or German.
    async fn message(&self, #[graphql(desc = "The preferred language.")] locale: Option<Locale>) -> String {
        self.code.message(locale.as_ref().map(|locale| locale.0.as_str())).to_owned()
    }

    /// The recommended next step of the client.
    async fn retry(&self) -> Retry {
        self.retry
    }

    /// Recommended delay before a retry, if known.
    async fn retry_after_seconds(&self) -> Option<i32> {
        // Rounded up, so that a retry after the delay is not too early.
        self.retry_after.map(seconds)
    }

    /// The source concerned.
    async fn source(&self) -> Option<Source> {
        self.source.clone()
    }

    /// The leg concerned.
    async fn leg_id(&self) -> Option<ID> {
        self.leg.clone()
    }

    /// The path of the input field concerned.
    async fn path(&self) -> Option<Vec<String>> {
        self.path.clone()
    }

    /// The vendor's own code, for support.
    async fn vendor_code(&self) -> Option<String> {
        self.vendor_code.clone()
    }
}

/// The price has changed.
pub struct PriceChangedProblem {
    /// The fields that all problems share.
    pub general: GeneralProblem,
    /// The expected price.
    pub was: money::Money,
    /// The current price.
    pub now: money::Money,
}

impl Deref for PriceChangedProblem {
    type Target = GeneralProblem;

    fn deref(&self) -> &GeneralProblem {
        &self.general
    }
}

/// The price has changed.
#[Object]
impl PriceChangedProblem {
    #[graphql(flatten)]
    async fn general(&self) -> &GeneralProblem {
        &self.general
    }

    /// The expected price.
    async fn was(&self) -> Money {
        Money(self.was)
    }

    /// The current price.
    async fn now(&self) -> Money {
        Money(self.now)
    }
}

/// Not enough places are left.
pub struct NotAvailableProblem {
    /// The fields that all problems share.
    pub general: GeneralProblem,
    /// Number of places left, if reported.
    pub remaining: Option<u32>,
    /// The performance without enough places, if known.
    pub performance: Option<Sourced<PerformanceKey>>,
    /// The requested number of places.
    pub wanted: u32,
}

impl Deref for NotAvailableProblem {
    type Target = GeneralProblem;

    fn deref(&self) -> &GeneralProblem {
        &self.general
    }
}

/// Not enough places are left.
#[Object]
impl NotAvailableProblem {
    #[graphql(flatten)]
    async fn general(&self) -> &GeneralProblem {
        &self.general
    }

    /// Number of places left, if the source reports it.
    async fn remaining(&self) -> Option<i32> {
        self.remaining.map(int)
    }

    /// The next performances of the same event with enough places, at most three. Empty if the source cannot be
    /// reached.
    async fn alternatives(&self, ctx: &Context<'_>) -> Vec<Performance> {
        let Some(performance) = &self.performance else { return Vec::new() };
        let found = Ctx::of(ctx).catalog().find_alternatives(performance, self.wanted).await;
        found.unwrap_or_default().into_iter().map(Performance::without_event).collect()
    }
}
