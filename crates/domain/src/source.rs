//! A source: one configured vendor account, as a record of what it can do.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::accounts::ResellerAccounts;
use crate::admissions::Admissions;
use crate::authoring::{Authoring, BackOffice, Sectioning};
use crate::catalog::Catalog;
use crate::ids::SourceId;
use crate::money::Currency;
use crate::ordering::{HoldExtension, Ordering, Refunds};

/// The companies. The one place outside vendor folders that lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VendorKind {
    /// ACME Ticketing.
    Acme,
    /// SecuTix S-360.
    Secutix,
    /// TickeTing.
    Ticketing,
}

impl VendorKind {
    /// The name in configurations and identifiers, lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Acme => "acme",
            Self::Secutix => "secutix",
            Self::Ticketing => "ticketing",
        }
    }
}

/// Real or for trying out. An order never mixes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// Real tickets and money.
    Live,
    /// For trying out.
    Sandbox,
}

/// How a leg of an order behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum LegShape {
    /// Held first, sold by a second step.
    HoldThenConfirm,
    /// Sold by one step; nothing to hold.
    ConfirmOnly,
    /// The hold already is the sale; must never run in the hold phase.
    CommitsAtHold,
}

/// Numbers and habits of a source; never abilities, those are the capabilities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Most keys that are asked about at once: as many as one call may name, or as one walk over a list shows.
    pub max_batch: usize,
    /// How long a hold lasts, where the vendor does not say it in the answer.
    pub hold_ttl: Duration,
    /// How long a slow but fine confirmation takes; holds shorter than this are not confirmed.
    pub slow_confirm: Duration,
    /// Whether a repeated write with the same key acts once.
    pub honours_idempotency_keys: bool,
    /// Whether an order can be found by our reference after a lost answer.
    pub finds_by_our_reference: bool,
    /// Whether single tickets of an order can be cancelled.
    pub cancels_in_part: bool,
    /// Whether a completed sale can be undone for sure; such legs confirm first.
    pub undo_is_proven: bool,
    /// Whether paid orders settle on account or by a configured instrument.
    pub settles_on_account: bool,
    /// Whether some legs are sold by the hold itself.
    pub commits_at_hold: bool,
    /// Whether confirmed orders carry their codes at once.
    pub barcode_at_confirm: bool,
    /// Whether holds name seats.
    pub holds_seats: bool,
    /// Whether tickets can go to a mobile app.
    pub delivers_to_app: bool,
    /// Order of confirmation, lowest first: what may fail first, what cannot be undone last.
    pub confirm_rank: u8,
    /// Days ahead that a list of performances covers by itself.
    pub horizon_days: u16,
}

/// Requests allowed in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// How many.
    pub requests: u32,
    /// In which time.
    pub per: Duration,
}

/// How a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum HealthState {
    /// Answers.
    Up,
    /// Answers, but some calls failed lately.
    Degraded,
    /// Does not answer.
    Down,
}

/// What is known about the health of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthReport {
    /// How it is.
    pub state: HealthState,
    /// Since when.
    pub since: Timestamp,
    /// Whether calls are being turned away for lack of budget.
    pub throttled: bool,
    /// Last good answer.
    pub last_success_at: Option<Timestamp>,
    /// Last failure that was the vendor's.
    pub last_failure_at: Option<Timestamp>,
    /// Requests left in the current window, where a budget is set.
    pub remaining_budget: Option<u32>,
}

impl HealthReport {
    /// Whether another report says the same to whoever watches: the state, and whether calls are turned away.
    pub fn says_the_same(&self, other: &Self) -> bool {
        (self.state, self.throttled) == (other.state, other.throttled)
    }
}

/// Tells how a source is; kept by whoever guards its calls.
#[async_trait]
pub trait Health: Send + Sync {
    /// The present report.
    fn report(&self) -> HealthReport;

    /// Waits for the first report that does not say the same as the one that is known; at once where it does not already.
    async fn changed(&self, known: &HealthReport) -> HealthReport;
}

/// Requests that may still be sent to a source, shared by all who ask it.
#[async_trait]
pub trait Budget: Send + Sync {
    /// Takes one request, waiting a little where that is enough. Order calls may use the reserved part.
    /// An error says how long to wait before there is room again.
    async fn take(&self, serves_an_order: bool) -> Result<(), Duration>;

    /// The vendor said "too many": nothing goes out for this long.
    fn pause(&self, wait: Duration);

    /// Requests left in the current window; `None` where no budget is set.
    fn remaining(&self) -> Option<u32>;
}

/// One configured vendor account: what it is and what it can do.
/// `None` is the only way to say "cannot".
#[derive(Clone)]
pub struct Source {
    /// The key in the configuration.
    pub id: SourceId,
    /// The company.
    pub vendor: VendorKind,
    /// The venue, tenant or host, as configured.
    pub institution: String,
    /// Real or for trying out.
    pub environment: Environment,
    /// IANA zone of the source.
    pub time_zone: jiff::tz::TimeZone,
    /// The currency of its prices, where it has only one.
    pub currency: Option<Currency>,
    /// Numbers and habits.
    pub facts: Facts,
    /// How it is.
    pub health: Arc<dyn Health>,
    /// Telling what it sells.
    pub catalog: Arc<dyn Catalog>,
    /// Selling.
    pub ordering: Option<Arc<dyn Ordering>>,
    /// Prolonging holds.
    pub hold_extension: Option<Arc<dyn HoldExtension>>,
    /// Undoing sales.
    pub refunds: Option<Arc<dyn Refunds>>,
    /// Staff credentials and the gate.
    pub admissions: Option<Arc<dyn Admissions>>,
    /// Checking how resellers are set up.
    pub accounts: Option<Arc<dyn ResellerAccounts>>,
    /// Making and changing events.
    pub authoring: Option<Arc<dyn Authoring>>,
    /// Changing the parts of the place of an event.
    pub sectioning: Option<Arc<dyn Sectioning>>,
    /// Arranging what belongs to an event.
    pub back_office: Option<Arc<dyn BackOffice>>,
}
