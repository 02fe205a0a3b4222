//! Sums of sales, which the store computes over many orders without loading them.

use jiff::Timestamp;

use crate::Orders;
use crate::request::Actor;
use domain::text::LocalizedText;
use domain::{Currency, EventKey, SourceId, StoreError, TicketTypeKey};

/// Period of confirmations, from its begin to before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SalesPeriod {
    /// First instant of the period.
    pub begin: Timestamp,
    /// First instant after the period.
    pub end: Timestamp,
}

/// Sellers whose legs are summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sellers<'a> {
    /// The reseller with this key.
    Reseller(&'a str),
    /// The own shop: orders without a reseller.
    Direct,
    /// Every reseller, and the own shop.
    All,
}

impl<'a> Sellers<'a> {
    /// Returns the key of the only reseller. `None`: only a caller without a reseller may see the sales.
    pub fn reseller(self) -> Option<&'a str> {
        match self {
            Self::Reseller(key) => Some(key),
            Self::Direct | Self::All => None,
        }
    }
}

/// Legs to sum: those of some sellers at one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SalesScope<'a> {
    /// The sellers.
    pub sellers: Sellers<'a>,
    /// The source.
    pub source: &'a SourceId,
}

/// Sales of one seller in one currency that were confirmed in one period. Amounts are in minor units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SalesSum {
    /// Index of the period.
    pub period: usize,
    /// Key of the reseller. `None`: direct sales.
    pub reseller: Option<String>,
    /// Currency of the amounts: that of the amount charged by the source, or else the first one of the planned total.
    pub currency: Currency,
    /// Number of orders.
    pub orders: u32,
    /// Number of tickets sold, including those canceled later.
    pub tickets_sold: u32,
    /// Number of tickets canceled.
    pub tickets_voided: u32,
    /// Number of tickets used.
    pub tickets_used: u32,
    /// Amount charged by the source, or else the planned total.
    pub gross: i64,
    /// Amount refunded: the one reported by the source, or else that of the canceled lines without the cancellation fee, which is
    /// rounded down in favor of the visitor. At most the amount charged, per order.
    pub refunded: i64,
}

/// Number of orders of one seller in one currency whose outcome at the source is unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnresolvedSum {
    /// Key of the reseller. `None`: direct sales.
    pub reseller: Option<String>,
    /// First currency of the planned total.
    pub currency: Currency,
    /// Number of orders.
    pub orders: u32,
}

/// Grouping of sales.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SalesGrouping {
    /// Event.
    Event,
    /// Ticket type of an event.
    TicketType,
}

/// Event or ticket type that sales are grouped by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SalesGroup {
    /// Event.
    pub event: EventKey,
    /// Title of the event as one of the orders has it. `None` if it was not recorded.
    pub event_title: Option<LocalizedText>,
    /// Ticket type. `None` if the group is the event.
    pub ticket_type: Option<TicketTypeKey>,
}

/// Part of the sales in one currency. The amounts of a leg are divided among its lines by their planned amounts, so that the parts add up
/// to the sums. Amounts are in minor units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SalesPart {
    /// The group. `None` for everything else.
    pub group: Option<SalesGroup>,
    /// Number of orders.
    pub orders: u32,
    /// Number of tickets sold, including those canceled later.
    pub tickets_sold: u32,
    /// Number of tickets canceled.
    pub tickets_voided: u32,
    /// Number of tickets used.
    pub tickets_used: u32,
    /// Share of the amounts charged.
    pub gross: i64,
    /// Share of the amounts refunded.
    pub refunded: i64,
}

impl Orders {
    /// Sums the sales of sellers at a source by the period of their confirmation, seller and currency. Empty if the actor may not
    /// see them.
    pub async fn sum_sales(
        &self,
        actor: &Actor,
        scope: SalesScope<'_>,
        periods: &[SalesPeriod],
    ) -> Result<Vec<SalesSum>, StoreError> {
        if !actor.can_see(scope.sellers.reseller()) {
            return Ok(Vec::new());
        }
        self.0.store.sum_sales(scope, periods).await
    }

    /// Lists the sales of a reseller at a source by event or ticket type, see [`OrderStore::list_sales_parts`](crate::OrderStore::list_sales_parts). Empty if the actor may not
    /// see them.
    pub async fn list_sales_parts(
        &self,
        actor: &Actor,
        scope: SalesScope<'_>,
        (period, currency): (SalesPeriod, Currency),
        wanted: (SalesGrouping, u32),
    ) -> Result<Vec<SalesPart>, StoreError> {
        if !actor.can_see(scope.sellers.reseller()) {
            return Ok(Vec::new());
        }
        self.0.store.list_sales_parts(scope, period, currency, wanted).await
    }

    /// Lists the sources of all legs, also of those that are not configured any more.
    pub async fn list_leg_sources(&self) -> Result<Vec<SourceId>, StoreError> {
        self.0.store.list_sources().await
    }

    /// Counts the orders of sellers that were created in a period and whose outcome at a source is unknown, by seller and currency.
    /// Empty if the actor may not see them.
    pub async fn sum_unresolved(
        &self,
        actor: &Actor,
        scope: SalesScope<'_>,
        created: SalesPeriod,
    ) -> Result<Vec<UnresolvedSum>, StoreError> {
        if !actor.can_see(scope.sellers.reseller()) {
            return Ok(Vec::new());
        }
        self.0.store.sum_unresolved(scope, created).await
    }
}
