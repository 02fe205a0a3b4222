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
}

impl ReconciliationReport {
    /// Creates the report and loads its legs.
    pub(super) async fn of(ctx: &Ctx, report: Reconciliation) -> Result<Self, ApiError> {
        let source =
            ctx.catalog().find_source(&report.source).cloned().ok_or_else(|| ApiError::new(ErrorCode::SourceGone))?;
        let mut orders = HashMap::new();
        for (key, _) in &report.missing {
            if !orders.contains_key(key)
                && let Some(order) = ctx.orders()?.find(&ctx.actor(), &OrderLookup::Key(*key)).await?
            {
                orders.insert(*key, Arc::new(order));
            }
        }
        let missing = report.missing.iter().filter_map(|(key, leg)| VendorOrder::find(orders.get(key)?, *leg));
        Ok(Self {
            from: DateTime::utc(report.from),
            to: DateTime::utc(report.to),
            checked_at: DateTime::utc(report.checked_at),
            matched: int(u32::try_from(report.matched).unwrap_or(u32::MAX)),
            orphans: ExternalRef::list(&source, &report.orphans),
            missing: missing.collect(),
            source: Source(source),
        })
    }
}
