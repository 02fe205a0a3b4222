//! A source: one configured vendor account, represented as a record of its capabilities.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

use crate::accounts::ResellerAccounts;
use crate::admissions::Admissions;
use crate::authoring::{Authoring, BackOffice, SectionAuthoring};
use crate::catalog::Catalog;
use crate::ids::SourceId;
use crate::money::Currency;
use crate::ordering::{HoldExtension, Ordering, Refunds};

/// Defines an enum with a variant per vendor: the only list of vendors outside their crates and the registry. The GraphQL schema defines
/// its enum with the same macro, so a new vendor is added once, here.
#[macro_export]
macro_rules! vendor_enum {
    ($(#[$attribute:meta])* pub enum $name:ident) => {
        $(#[$attribute])*
        pub enum $name {
            /// ACME Ticketing.
            Acme,
            /// SecuTix S-360.
            Secutix,
            /// TickeTing.
            Ticketing,
        }
    };
}

vendor_enum! {
    /// The vendors.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, IntoStaticStr, VariantArray)]
    #[serde(rename_all = "lowercase")]
    #[strum(serialize_all = "lowercase")]
    pub enum VendorKind
}

impl VendorKind {
    /// All vendors.
    pub const ALL: &[Self] = <Self as VariantArray>::VARIANTS;

    /// Returns the name used in the configuration and in ids, in lower case.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// Live or sandbox. An order never mixes the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// Live: real tickets and money.
    Live,
    /// Sandbox: test data.
    Sandbox,
}

/// Limits and behavioral traits of a source. What it can do at all is expressed by its capabilities instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceTraits {
    /// Maximum number of keys in one batch: as many as one call accepts or one pass over a list returns.
    pub max_batch: usize,
    /// Lifetime of a hold if the vendor's response does not contain it.
    pub hold_ttl: Duration,
    /// Duration of a slow but successful confirmation. A hold that expires sooner is not confirmed.
    pub slow_confirm_duration: Duration,
    /// True if a repeated write with the same idempotency key takes effect once.
    pub honors_idempotency_keys: bool,
    /// True if an order can be looked up by this service's reference after a lost response.
    pub finds_by_our_reference: bool,
    /// True if single tickets of an order can be canceled.
    pub cancels_in_part: bool,
    /// True if canceling a completed sale reliably succeeds. Such legs are confirmed first.
    pub undo_is_proven: bool,
    /// True if paid orders are settled on account or with a configured payment instrument.
    pub settles_on_account: bool,
    /// True if some legs are sold by the hold itself.
    pub commits_at_hold: bool,
    /// True if confirmed orders contain their barcodes immediately.
    pub barcode_at_confirm: bool,
    /// True if holds are for specific seats.
    pub holds_seats: bool,
    /// True if tickets can be delivered to a mobile app.
    pub delivers_to_app: bool,
    /// Confirmation order, lowest first: legs that may fail come first, legs that cannot be canceled come last.
    pub confirm_rank: u8,
    /// Number of days ahead that a list of performances covers by default.
    pub horizon_days: u16,
}

/// A request quota: a number of requests per time window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Number of requests.
    pub requests: u32,
    /// Length of the window.
    pub per: Duration,
}

/// Health of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum HealthState {
    /// The source responds.
    Up,
    /// The source responds, but some recent calls failed.
    Degraded,
    /// The source does not respond.
    Down,
}

/// Health report of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthReport {
    /// Health state.
    pub state: HealthState,
    /// Time since which the state has held.
    pub since: Timestamp,
    /// True if calls are being rejected by the rate limiter.
    pub throttled: bool,
    /// Time of the last successful call.
    pub last_success_at: Option<Timestamp>,
    /// Time of the last failure attributed to the vendor.
    pub last_failure_at: Option<Timestamp>,
    /// Remaining requests in the current window, if a rate limit is set.
    pub remaining_requests: Option<u32>,
}

impl HealthReport {
    /// Returns true if both reports have the same state and throttling, so that observers need no update.
    pub fn is_equivalent(&self, other: &Self) -> bool {
        (self.state, self.throttled) == (other.state, other.throttled)
    }
}

/// Health of a source, maintained by the resilience layer around its calls.
#[async_trait]
pub trait Health: Send + Sync {
    /// Returns the current report.
    fn report(&self) -> HealthReport;

    /// Waits until the report is no longer equivalent to `last` and returns it. Returns immediately if it already differs.
    async fn wait_for_change(&self, last: &HealthReport) -> HealthReport;
}

/// Limits the rate of requests to a source, across all callers.
#[async_trait]
pub trait RateLimiter: Send + Sync {
    /// Acquires a permit for one request, after a short wait if that suffices. Order calls may use the reserved part of the
    /// quota. `endpoint` is the endpoint with a limit of its own that the request calls, if any. Fails with the time after
    /// which a permit will be available.
    async fn acquire(&self, serves_an_order: bool, endpoint: Option<&'static str>) -> Result<(), Duration>;

    /// Blocks requests for this long, after the vendor responded with "too many requests": those to one endpoint, or all.
    fn pause(&self, endpoint: Option<&'static str>, wait: Duration);

    /// Returns the remaining requests in the current window, or `None` if no rate limit is set.
    fn remaining(&self) -> Option<u32>;
}

/// One configured vendor account with its capabilities. A capability that is `None` is not supported; there is no other way
/// to express that.
#[derive(Clone)]
pub struct Source {
    /// Key in the configuration.
    pub id: SourceId,
    /// Vendor.
    pub vendor: VendorKind,
    /// Venue, tenant or host, as configured.
    pub institution: String,
    /// Live or sandbox.
    pub environment: Environment,
    /// Time zone of the source.
    pub time_zone: jiff::tz::TimeZone,
    /// Currency of its prices, if there is only one.
    pub currency: Option<Currency>,
    /// Limits and behavioral traits.
    pub traits: SourceTraits,
    /// Health.
    pub health: Arc<dyn Health>,
    /// Reads the catalog.
    pub catalog: Arc<dyn Catalog>,
    /// Sells tickets.
    pub ordering: Option<Arc<dyn Ordering>>,
    /// Extends holds.
    pub hold_extension: Option<Arc<dyn HoldExtension>>,
    /// Cancels sales.
    pub refunds: Option<Arc<dyn Refunds>>,
    /// Manages staff credentials and admits visitors.
    pub admissions: Option<Arc<dyn Admissions>>,
    /// Checks reseller accounts.
    pub accounts: Option<Arc<dyn ResellerAccounts>>,
    /// Creates and edits events.
    pub authoring: Option<Arc<dyn Authoring>>,
    /// Edits the sections of an event.
    pub section_authoring: Option<Arc<dyn SectionAuthoring>>,
    /// Edits schedules, resources, add-ons and memberships of an event.
    pub back_office: Option<Arc<dyn BackOffice>>,
}
