//! A source and what it can do.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object};

use crate::graphql::ctx::Ctx;
use crate::graphql::delivery::DeliveryChannel;
use crate::graphql::id;
use crate::graphql::scalars::{CurrencyCode, TimeZone};
use crate::graphql::sources::health::SourceHealth;
use crate::graphql::sources::vendor_kind::VendorKind;
use domain::ids;
use domain::source;

/// Real or for trying out. An order never mixes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "source::Environment")]
pub enum Environment {
    /// Real tickets and money.
    Live,
    /// For trying out.
    Sandbox,
}

/// Something that a source may be able to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum Capability {
    /// Selling tickets.
    Ordering,
    /// Setting places aside before the sale.
    Hold,
    /// Prolonging a hold.
    HoldExtend,
    /// Naming the seats that a hold sets aside.
    Seats,
    /// Cancelling single tickets of an order.
    PartialCancel,
    /// Telling before a cancellation what it gives back.
    RefundQuote,
    /// Finding an order by our reference after a lost answer.
    LookupByOurReference,
    /// Giving the codes of tickets along with the sale.
    BarcodeAtConfirm,
    /// Selling on account, or with a configured instrument.
    SettleOnAccount,
    /// Some legs are sold by the hold itself.
    CommitsAtHold,
    /// Staff credentials that let visitors in.
    AdmissionTokens,
    /// Editing events.
    EventAuthoring,
    /// Handing tickets to a mobile app.
    MobileAppDelivery,
}

/// What a source can do, out of its capabilities and facts.
pub(in crate::graphql) fn capabilities(source: &source::Source) -> Vec<Capability> {
    let (sells, facts) = (source.ordering.is_some(), &source.facts);
    [
        (Capability::Ordering, sells),
        (Capability::Hold, sells),
        (Capability::HoldExtend, source.hold_extension.is_some()),
        (Capability::Seats, sells && facts.holds_seats),
        (Capability::PartialCancel, source.refunds.is_some() && facts.cancels_in_part),
        // Vendors tell no refund beforehand: it is worked out of the terms of the order, for whoever can cancel.
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

/// One configured vendor account: a vendor, one of its institutions (venue, tenant, host), one environment.
#[derive(Clone)]
pub struct Source(pub Arc<source::Source>);

impl std::fmt::Debug for Source {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.id.fmt(out)
    }
}

/// One configured vendor account: a vendor, one of its institutions (venue, tenant, host), one environment.
#[Object]
impl Source {
    /// Names the source in the whole graph. Opaque.
    pub async fn id(&self) -> ID {
        id::source_id(&self.0.id)
    }

    /// The key under [sources] in the configuration.
    async fn name(&self) -> &str {
        self.0.id.as_str()
    }

    /// The company whose system it is.
    async fn vendor(&self) -> VendorKind {
        self.0.vendor.into()
    }

    /// The venue, tenant or host, as configured.
    async fn institution(&self) -> &str {
        &self.0.institution
    }

    /// Real or for trying out.
    async fn environment(&self) -> Environment {
        self.0.environment.into()
    }

    /// The zone of its days and times.
    async fn time_zone(&self) -> TimeZone {
        TimeZone(self.0.time_zone.iana_name().unwrap_or("UTC").to_owned())
    }

    /// The currency of its prices, where it has only one.
    async fn default_currency(&self) -> Option<CurrencyCode> {
        self.0.currency.map(CurrencyCode)
    }

    /// What it can do.
    async fn capabilities(&self) -> Vec<Capability> {
        capabilities(&self.0)
    }

    /// The channel that puts its tickets into a mobile app; null: there is none.
    async fn delivery(&self, ctx: &Context<'_>) -> Option<DeliveryChannel> {
        let deliveries = Ctx::of(ctx).services.deliveries.as_ref()?;
        deliveries.channel_of(&self.0.id).map(DeliveryChannel::of)
    }

    /// How it is.
    async fn health(&self) -> SourceHealth {
        SourceHealth { source: Arc::clone(&self.0), report: self.0.health.report() }
    }
}

/// A vendor's own identifier.
pub struct ExternalRef {
    pub(in crate::graphql) source: Arc<source::Source>,
    pub(in crate::graphql) reference: ids::ExternalRef,
}

impl ExternalRef {
    /// The identifiers that a source gave to something.
    pub fn all(source: &Arc<source::Source>, references: &[ids::ExternalRef]) -> Vec<Self> {
        references.iter().map(|reference| Self { source: Arc::clone(source), reference: reference.clone() }).collect()
    }
}

/// A vendor's own identifier, for support and for looking things up there.
#[Object]
impl ExternalRef {
    /// The source whose vendor uses it.
    async fn source(&self) -> Source {
        Source(Arc::clone(&self.source))
    }

    /// What is named, in the vendor's word, lower case with a dot after the vendor.
    async fn kind(&self) -> &str {
        &self.reference.kind
    }

    /// The identifier as the vendor writes it.
    async fn value(&self) -> &str {
        &self.reference.value
    }
}
