//! Expected failures as data: one interface, three types.

mod code;

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Context, Enum, ID, Interface, Object};

use crate::graphql::catalog::{Money, Performance};
use crate::graphql::ctx::Ctx;
use crate::graphql::scalars::{Locale, int};
use crate::graphql::sources::Source;
use catalog::Sourced;
use domain::PerformanceKey;
use domain::error::{ErrorKind, Reason, VendorError};
use domain::money;
use domain::source;

pub use code::ProblemCode;

/// What a client should do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum Retry {
    /// Nothing will make this work.
    Never,
    /// Send the same request again, with the same idempotency key, after a while.
    SameKeyAfterDelay,
    /// Ask for the present state first, then decide.
    AfterRequery,
    /// Change the input.
    WithNewInput,
}

/// Something expected went wrong: data, not a fault.
#[derive(Interface)]
#[expect(clippy::duplicated_attributes, reason = "each field names its type, and two have the same")]
#[graphql(
    field(name = "code", ty = "String", desc = "Stable, UPPER_SNAKE_CASE, from a documented list."),
    field(
        name = "message",
        ty = "String",
        desc = "Safe to show to a visitor. In English, French or German.",
        arg(name = "locale", ty = "Option<Locale>", desc = "The language that is wanted.")
    ),
    field(name = "retry", ty = "Retry", desc = "What a client should do next."),
    field(name = "retry_after_seconds", ty = "Option<i32>", desc = "How long to wait first, where that is known."),
    field(name = "source", ty = "Option<Source>", desc = "The source that it is about."),
    field(name = "leg_id", ty = "Option<ID>", desc = "The leg of an order that it is about."),
    field(name = "path", ty = "Option<Vec<String>>", desc = "The part of the input that it is about."),
    field(name = "vendor_code", ty = "Option<String>", desc = "The vendor's own code, for support.")
)]
pub enum Problem {
    /// Any problem without fields of its own.
    General(GeneralProblem),
    /// The price is another one now.
    PriceChanged(PriceChangedProblem),
    /// Not enough places are left.
    NotAvailable(NotAvailableProblem),
}

impl Problem {
    /// The problem that a failed call of a source is.
    pub fn of(source: Option<Arc<source::Source>>, error: &VendorError) -> Self {
        Self::General(GeneralProblem::of(source, error))
    }
}

/// Any problem without fields of its own.
#[derive(Debug, Clone)]
pub struct GeneralProblem {
    /// What kind of problem it is.
    pub code: ProblemCode,
    /// What a client should do next.
    pub retry: Retry,
    /// How long to wait first.
    pub retry_after: Option<Duration>,
    /// The source that it is about.
    pub source: Option<Source>,
    /// The leg of an order that it is about.
    pub leg: Option<ID>,
    /// The part of the input that it is about.
    pub path: Option<Vec<String>>,
    /// The vendor's own code.
    pub vendor_code: Option<String>,
}

impl GeneralProblem {
    /// A problem of which only the kind and the next step are known.
    pub fn new(code: ProblemCode, retry: Retry) -> Self {
        Self { code, retry, retry_after: None, source: None, leg: None, path: None, vendor_code: None }
    }

    /// The problem that a failed call of a source is.
    pub fn of(source: Option<Arc<source::Source>>, error: &VendorError) -> Self {
        let (retry, vendor_code) = match &error.kind {
            kind if kind.is_transient() => (Retry::SameKeyAfterDelay, None),
            ErrorKind::Rejected(refusal) => (retry_after(&refusal.reason), refusal.vendor_code.clone()),
            _ => (Retry::Never, None),
        };
        Self {
            retry_after: error.retry_after,
            source: source.map(Source),
            vendor_code,
            ..Self::new(ProblemCode::of(&error.kind), retry)
        }
    }
}

/// What a client should do after a refusal.
fn retry_after(reason: &Reason) -> Retry {
    match reason {
        Reason::SoldOut { .. }
        | Reason::PriceChanged { .. }
        | Reason::HoldExpired
        | Reason::LimitExceeded
        | Reason::PaymentDeclined
        | Reason::InvalidInput { .. } => Retry::WithNewInput,
        Reason::Conflict => Retry::AfterRequery,
        Reason::NotOnSale | Reason::TooLate | Reason::Forbidden | Reason::Other => Retry::Never,
    }
}

/// Any problem without fields of its own.
#[Object]
impl GeneralProblem {
    /// Stable, UPPER_SNAKE_CASE, from a documented list.
    async fn code(&self) -> String {
        self.code.as_str().to_owned()
    }

    /// Safe to show to a visitor. In English, French or German.
    async fn message(&self, #[graphql(desc = "The language that is wanted.")] locale: Option<Locale>) -> String {
        self.code.message(locale.as_ref().map(|locale| locale.0.as_str())).to_owned()
    }

    /// What a client should do next.
    async fn retry(&self) -> Retry {
        self.retry
    }

    /// How long to wait first, where that is known.
    async fn retry_after_seconds(&self) -> Option<i32> {
        // Rounded up: whoever comes a little late is let in.
        self.retry_after.map(|wait| int(u32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u32::MAX)))
    }

    /// The source that it is about.
    async fn source(&self) -> Option<Source> {
        self.source.clone()
    }

    /// The leg of an order that it is about.
    async fn leg_id(&self) -> Option<ID> {
        self.leg.clone()
    }

    /// The part of the input that it is about.
    async fn path(&self) -> Option<Vec<String>> {
        self.path.clone()
    }

    /// The vendor's own code, for support.
    async fn vendor_code(&self) -> Option<String> {
        self.vendor_code.clone()
    }
}

/// The price is another one now.
pub struct PriceChangedProblem {
    /// What every problem tells.
    pub general: GeneralProblem,
    /// The price that was expected.
    pub was: money::Money,
    /// The price at present.
    pub now: money::Money,
}

impl Deref for PriceChangedProblem {
    type Target = GeneralProblem;

    fn deref(&self) -> &GeneralProblem {
        &self.general
    }
}

/// The price is another one now.
#[Object]
impl PriceChangedProblem {
    #[graphql(flatten)]
    async fn general(&self) -> &GeneralProblem {
        &self.general
    }

    /// The price that was expected.
    async fn was(&self) -> Money {
        Money(self.was)
    }

    /// The price at present.
    async fn now(&self) -> Money {
        Money(self.now)
    }
}

/// Not enough places are left.
pub struct NotAvailableProblem {
    /// What every problem tells.
    pub general: GeneralProblem,
    /// How many are left, where told.
    pub remaining: Option<u32>,
    /// What has too little left, where that is known.
    pub performance: Option<Sourced<PerformanceKey>>,
    /// How many were wanted.
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

    /// How many are left, where the source tells.
    async fn remaining(&self) -> Option<i32> {
        self.remaining.map(int)
    }

    /// The next performances of the same event that still have enough, at most three. Empty where the source cannot be asked.
    async fn alternatives(&self, ctx: &Context<'_>) -> Vec<Performance> {
        let Some(performance) = &self.performance else { return Vec::new() };
        let found = Ctx::of(ctx).federation().find_alternatives(performance, self.wanted).await;
        found.unwrap_or_default().into_iter().map(Performance::alone).collect()
    }
}
