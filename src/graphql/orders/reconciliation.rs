//! What a vendor holds beside what the ledger holds.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::SimpleObject;

use crate::graphql::ctx::Ctx;
use crate::graphql::error::{Code, Fault};
use crate::graphql::orders::leg::VendorOrder;
use crate::graphql::scalars::{DateTime, int};
use crate::graphql::sources::{ExternalRef, Source};
use orders::{OrderBy, Reconciliation};

/// What the vendor holds under our account beside what our ledger holds, for one source and window.
#[derive(SimpleObject)]
pub struct ReconciliationReport {
    /// The source.
    source: Source,
    /// Begin of the window.
    from: DateTime,
    /// End of the window.
    to: DateTime,
    /// When it was looked at.
    checked_at: DateTime,
    /// How many sales and holds agree.
    matched: i32,
    /// At the vendor, unknown or failed here.
    orphans: Vec<ExternalRef>,
    /// Confirmed here, absent at the vendor.
    missing: Vec<VendorOrder>,
}

impl ReconciliationReport {
    /// The report with its legs read.
    pub async fn of(ctx: &Ctx, report: Reconciliation) -> Result<Self, Fault> {
        let source =
            ctx.federation().find_source(&report.source).cloned().ok_or_else(|| Fault::new(Code::SourceGone))?;
        let mut orders = HashMap::new();
        for (key, _) in &report.missing {
            if !orders.contains_key(key)
                && let Some(order) = ctx.orders()?.find(&ctx.asker(), &OrderBy::Key(*key)).await?
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
            orphans: ExternalRef::all(&source, &report.orphans),
            missing: missing.collect(),
            source: Source(source),
        })
    }
}
