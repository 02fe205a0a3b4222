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
use crate::failure::RecentFailures;
use crate::ids::SourceId;
use crate::incoming_webhook::IncomingWebhook;
use crate::money::Currency;
use crate::monthly_calls::MonthlyUse;
use crate::ordering::{HoldExtension, Ordering, Refunds};
use crate::turn::{RequestTurn, ReservationKey};

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
            /// A supplier that speaks OCTO.
            Octo,
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
    /// True if the hold requires a contact; otherwise only the confirmation sends it, if anything does.
    pub needs_contact_at_hold: bool,
    /// True if tickets can be delivered to a mobile app.
    pub delivers_to_app: bool,
    /// Confirmation order, lowest first: legs that may fail come first, legs that cannot be canceled come last.
    pub confirm_rank: u8,
    /// Requests of an order, by step.
    pub order_calls: OrderCalls,
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

/// Number of requests: all of them, and those that the limit of an endpoint counts as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CallCount {
    /// All requests.
    pub all: u32,
    /// Requests to the endpoint of the source that orders use most, if it has a limit of its own.
    pub endpoint: Option<(&'static str, u32)>,
}

/// Calls that a leg makes at a source at most, if nothing goes wrong: what is reserved before anything is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderCalls {
    /// Requests of a hold.
    pub hold: u32,
    /// Requests of a confirmation.
    pub confirm: u32,
    /// Requests that read the tickets.
    pub tickets: u32,
    /// Requests of a release or a cancellation, kept in reserve.
    pub undo: u32,
    /// Endpoint with a limit of its own that all requests but those of the hold go to, if there is one.
    pub endpoint: Option<&'static str>,
}

impl OrderCalls {
    /// Returns the requests of a leg that is sold.
    pub fn to_sell(self) -> CallCount {
        let after_hold = self.confirm + self.tickets;
        CallCount { all: self.hold + after_hold, endpoint: self.endpoint.map(|endpoint| (endpoint, after_hold)) }
    }

    /// Returns the requests of an undo.
    pub fn to_undo(self) -> CallCount {
        CallCount { all: self.undo, endpoint: self.endpoint.map(|endpoint| (endpoint, self.undo)) }
    }
}

/// Wish to reserve the calls of a leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapacityWish {
    /// Leg.
    pub key: ReservationKey,
    /// Identifies the request of the client when it is repeated after a refusal.
    pub ticket: String,
    /// Requests that sell the leg.
    pub to_sell: CallCount,
    /// Requests of an undo, kept in reserve.
    pub to_undo: CallCount,
    /// Time within which the leg must be sold.
    pub within: Duration,
    /// Time within which its undo must fit, too.
    pub undo_within: Duration,
    /// Time after which an unused reservation is forgotten.
    pub lifetime: Duration,
}

/// Order work that waits for the limits of a source.
#[derive(Debug, Clone, PartialEq)]
pub struct CapacityReport {
    /// Requests in a minute that the limit of the source allows. `None` without a limit.
    pub requests_per_minute: Option<f64>,
    /// Requests in a minute that the limit of each endpoint allows. `None` without such a limit.
    pub endpoint_requests_per_minute: Option<f64>,
    /// Order requests that wait for their turn.
    pub waiting: usize,
    /// Time until a request beyond those reserved would be sent.
    pub expected_wait: Duration,
    /// Calls of this month. `None` if they are not counted.
    pub month: Option<MonthlyUse>,
}

impl CapacityReport {
    /// Returns the number of orders that can be sold in a minute. `None` without a limit.
    pub fn orders_per_minute(&self, calls: OrderCalls) -> Option<f64> {
        let CallCount { all, endpoint } = calls.to_sell();
        let within = |requests: Option<f64>, calls: u32| requests.map(|requests| requests / f64::from(calls.max(1)));
        let of_all = within(self.requests_per_minute, all);
        let of_endpoint = endpoint.and_then(|(_, calls)| within(self.endpoint_requests_per_minute, calls));
        of_all.into_iter().chain(of_endpoint).reduce(f64::min)
    }
}

/// Capacity of a source for orders. Shared by replicas if the limit is.
#[async_trait]
pub trait OrderCapacity: Send + Sync {
    /// Returns the time until `calls` beyond those reserved could be sent.
    async fn time_for(&self, calls: CallCount) -> Duration;

    /// Reserves the calls of a leg if all fit in time, and returns the time until the last one of the sale can be sent. The error
    /// is the time after which the same wish is expected to fit; nothing is reserved then.
    async fn reserve(&self, wish: &CapacityWish) -> Result<Duration, Duration>;

    /// Gives back what is left of a reservation.
    async fn release(&self, key: ReservationKey);

    /// Sends no request at all for a while, as if the vendor had asked for it.
    fn stop_for(&self, time: Duration);

    /// Returns the current report.
    async fn report(&self) -> CapacityReport;
}

/// Place of a request that may be sent now. Free again when dropped.
pub struct RequestPlace(#[expect(dead_code, reason = "kept until it is dropped")] Option<Box<dyn Send>>);

impl RequestPlace {
    /// Keeps `held` until the request has ended.
    pub fn new(held: impl Send + 'static) -> Self {
        Self(Some(Box::new(held)))
    }

    /// A place of a source that limits nothing.
    pub fn unlimited() -> Self {
        Self(None)
    }
}

/// Queue of the requests to a source, across all callers, that keeps them within its limits.
#[async_trait]
pub trait RateLimiter: Send + Sync {
    /// Waits for the turn of one request and returns its place, which is free again when dropped. The error is the time after
    /// which its turn is expected, if that is later than the request may wait. Nothing was taken then.
    async fn acquire(&self, turn: RequestTurn) -> Result<RequestPlace, Duration>;

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
    /// The last failures, for operators.
    pub failures: Arc<RecentFailures>,
    /// Capacity for orders, if the requests of the source wait for their turn ([`TurnScope::wait`](crate::TurnScope::wait)). `None`
    /// if nothing limits them.
    pub capacity: Option<Arc<dyn OrderCapacity>>,
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
    /// Reads the webhooks of the vendor.
    pub incoming_webhook: Option<Arc<dyn IncomingWebhook>>,
}
