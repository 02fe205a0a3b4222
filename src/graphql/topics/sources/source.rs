//! A source and its capabilities.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object};
use domain::ids;
use domain::source;

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::id;
use crate::graphql::base::scalars::{CurrencyCode, TimeZone};
use crate::graphql::base::viewer::Scope;
use crate::graphql::topics::deliveries::DeliveryChannel;
use crate::graphql::topics::sources::capacity::SourceCapacity;
use crate::graphql::topics::sources::failure::SourceFailure;
use crate::graphql::topics::sources::health::SourceHealth;
use crate::graphql::topics::sources::pause::SourcePause;
use crate::graphql::topics::sources::vendor_kind::VendorKindEnum;

/// Live or sandbox. An order never mixes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(name = "Environment", remote = "source::Environment")]
pub enum EnvironmentEnum {
    /// Real tickets and money.
    Live,
    /// Test data.
    Sandbox,
}

/// A capability of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum Capability {
    /// Selling tickets.
    Ordering,
    /// Holding places before the sale.
    Hold,
    /// Extend a hold.
    HoldExtend,
    /// Naming the seats of a hold.
    Seats,
    /// Canceling single tickets of an order.
    PartialCancel,
    /// Quoting the refund before a cancellation.
    RefundQuote,
    /// Finding an order by our reference after a lost response.
    LookupByOurReference,
    /// Returning the codes of tickets with the confirmation.
    BarcodeAtConfirm,
    /// Selling on account, or with a configured payment instrument.
    SettleOnAccount,
    /// Selling some legs with the hold itself.
    CommitsAtHold,
    /// Staff credentials that admit visitors.
    AdmissionTokens,
    /// Mutations of events.
    EventAuthoring,
    /// Delivering tickets to a mobile app.
    MobileAppDelivery,
}

/// Derives the capabilities from the source's ports and facts.
pub(in crate::graphql) fn capabilities(source: &source::Source) -> Vec<Capability> {
    let (sells, facts) = (source.ordering.is_some(), &source.traits);
    [
        (Capability::Ordering, sells),
        (Capability::Hold, sells),
        (Capability::HoldExtend, source.hold_extension.is_some()),
        (Capability::Seats, sells && facts.holds_seats),
        (Capability::PartialCancel, source.refunds.is_some() && facts.cancels_in_part),
        // No vendor quotes a refund; it is computed from the terms of the order wherever cancellation is supported.
        (Capability::RefundQuote, source.refunds.is_some()),
        (Capability::LookupByOurReference, sells && facts.finds_by_our_reference),
        (Capability::BarcodeAtConfirm, sells && facts.barcode_at_confirm),
        (Capability::SettleOnAccount, sells && facts.settles_on_account),
        (Capability::CommitsAtHold, sells && facts.commits_at_hold),
        (Capability::AdmissionTokens, source.admissions.is_some()),
        (Capability::EventAuthoring, source.authoring.is_some()),
        (Capability::MobileAppDelivery, facts.delivers_to_app),
    ]
    .into_iter()
    .filter_map(|(capability, can)| can.then_some(capability))
    .collect()
}

/// A configured vendor account: one vendor, one of its institutions (venue, tenant or host), one environment.
#[derive(Clone)]
pub struct Source(pub Arc<source::Source>);

impl std::fmt::Debug for Source {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.id.fmt(out)
    }
}

/// A configured vendor account: one vendor, one of its institutions (venue, tenant or host), one environment.
#[Object]
impl Source {
    /// Global id of the source. Opaque.
    pub async fn id(&self) -> ID {
        id::source_id(&self.0.id)
    }

    /// The key under [sources] in the configuration.
    async fn name(&self) -> &str {
        self.0.id.as_str()
    }

    /// The vendor.
    async fn vendor(&self) -> VendorKindEnum {
        self.0.vendor.into()
    }

    /// The venue, tenant or host, as configured.
    async fn institution(&self) -> &str {
        &self.0.institution
    }

    /// Live or sandbox.
    async fn environment(&self) -> EnvironmentEnum {
        self.0.environment.into()
    }

    /// The time zone of its days and times.
    async fn time_zone(&self) -> TimeZone {
        TimeZone(self.0.time_zone.iana_name().unwrap_or("UTC").to_owned())
    }

    /// The currency of its prices, if it has only one.
    async fn default_currency(&self) -> Option<CurrencyCode> {
        self.0.currency.map(CurrencyCode)
    }

    /// The capabilities.
    async fn capabilities(&self) -> Vec<Capability> {
        capabilities(&self.0)
    }

    /// The delivery channel to a mobile app. Null if there is none.
    async fn delivery(&self, ctx: &Context<'_>) -> Option<DeliveryChannel> {
        let deliveries = Ctx::of(ctx).services.deliveries.as_ref()?;
        deliveries.channel_of(&self.0.id).map(DeliveryChannel::new)
    }

    /// The health state.
    async fn health(&self) -> SourceHealth {
        SourceHealth { source: Arc::clone(&self.0), report: self.0.health.report() }
    }

    /// The pause of the source. Null unless an operator paused it.
    async fn paused(&self, ctx: &Context<'_>) -> Option<SourcePause> {
        let ctx = Ctx::of(ctx);
        let pause = ctx.services.orders.as_ref()?.pause_of(&self.0.id)?;
        Some(SourcePause::of(pause, ctx.viewer.has_scope(Scope::Admin)))
    }

    /// The last failures by kind and missing setting, newest first, as this replica has seen them. Null for callers without the scope
    /// `admin`.
    async fn last_failures(&self, ctx: &Context<'_>) -> Option<Vec<SourceFailure>> {
        let is_operator = Ctx::of(ctx).viewer.has_scope(Scope::Admin);
        is_operator.then(|| self.0.failures.list().into_iter().map(SourceFailure::new).collect())
    }

    /// The order work that waits for the limits of the source.
    async fn capacity(&self) -> SourceCapacity {
        SourceCapacity::of(&self.0).await
    }
}

/// An identifier at the vendor.
pub struct ExternalRef {
    pub(in crate::graphql) source: Arc<source::Source>,
    pub(in crate::graphql) reference: ids::ExternalRef,
}

impl ExternalRef {
    /// Converts the identifiers that a source assigned.
    pub fn list(source: &Arc<source::Source>, references: &[ids::ExternalRef]) -> Vec<Self> {
        references.iter().map(|reference| Self { source: Arc::clone(source), reference: reference.clone() }).collect()
    }
}

/// An identifier at the vendor, for support and for look-ups in the vendor's system.
#[Object]
impl ExternalRef {
    /// The source of the identifier.
    async fn source(&self) -> Source {
        Source(Arc::clone(&self.source))
    }

    /// The kind of identifier in the vendor's terms, in lower case, prefixed with the vendor and a dot.
    async fn kind(&self) -> &str {
        &self.reference.kind
    }

    /// The identifier as the vendor writes it.
    async fn value(&self) -> &str {
        &self.reference.value
    }
}
