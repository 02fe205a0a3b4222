//! Comparison of a vendor's records with the ledger.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::SimpleObject;
use orders::{OrderLookup, Reconciliation};

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::error::{ApiError, ErrorCode};
use crate::graphql::base::scalars::{DateTime, int};
use crate::graphql::topics::orders::leg::VendorOrder;
use crate::graphql::topics::sources::{ExternalRef, Source};

/// Comparison of the vendor's records of our account with the ledger, for one source and window.
#[derive(SimpleObject)]
pub(super) struct ReconciliationReport {
    /// The source.
    source: Source,
    /// Start of the window.
    from: DateTime,
    /// End of the window.
    to: DateTime,
    /// Time of the comparison.
    checked_at: DateTime,
    /// Number of sales and holds that agree.
    matched: i32,
    /// Sales at the vendor that are unknown or failed in the ledger.
    orphans: Vec<ExternalRef>,
    /// Legs confirmed in the ledger that are absent at the vendor.
    missing: Vec<VendorOrder>,
    /// Legs whose hold may be left at the vendor, because its response was lost. It ends by itself.
    stray_holds: Vec<StrayHold>,
}

/// A hold that may be left at the vendor.
#[derive(SimpleObject)]
pub(super) struct StrayHold {
    /// The leg.
    leg: VendorOrder,
    /// Time at which the hold ends by itself.
    ends_at: DateTime,
}

impl ReconciliationReport {
    /// Creates the report and loads its legs.
    pub(super) async fn of(ctx: &Ctx, report: Reconciliation) -> Result<Self, ApiError> {
        let source =
            ctx.catalog().find_source(&report.source).cloned().ok_or_else(|| ApiError::new(ErrorCode::SourceGone))?;
        let mut orders = HashMap::new();
        let of_strays = report.stray_holds.iter().map(|stray| stray.leg);
        for (key, _) in &report.missing.iter().copied().chain(of_strays).collect::<Vec<_>>() {
            if !orders.contains_key(key)
                && let Some(order) = ctx.orders()?.find(&ctx.actor(), &OrderLookup::Key(*key)).await?
            {
                orders.insert(*key, Arc::new(order));
            }
        }
        let stray_holds = report.stray_holds.iter().filter_map(|stray| {
            let (key, leg) = stray.leg;
            Some(StrayHold { leg: VendorOrder::find(orders.get(&key)?, leg)?, ends_at: DateTime::utc(stray.ends_at) })
        });
        let stray_holds = stray_holds.collect();
        let missing = report.missing.iter().filter_map(|(key, leg)| VendorOrder::find(orders.get(key)?, *leg));
        Ok(Self {
            from: DateTime::utc(report.from),
            to: DateTime::utc(report.to),
            checked_at: DateTime::utc(report.checked_at),
            matched: int(u32::try_from(report.matched).unwrap_or(u32::MAX)),
            orphans: ExternalRef::list(&source, &report.orphans),
            missing: missing.collect(),
            stray_holds,
            source: Source(source),
        })
    }
}
