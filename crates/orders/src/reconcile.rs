//! Reconciliation: what a source holds under our account beside what the ledger holds, both ways.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::ledger::LedgerError;
use crate::leg::Leg;
use crate::order::Order;
use crate::shared::Shared;
use crate::status::LegStatus;
use domain::ordering::VendorSale;
use domain::{ErrorKind, ExternalRef, Operation, OrderKey, SourceId, VendorError};

/// What does not agree between a source and the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reconciliation {
    /// The source.
    pub source: SourceId,
    /// Begin of the window.
    pub from: Timestamp,
    /// End of the window.
    pub to: Timestamp,
    /// When it was looked at.
    pub checked_at: Timestamp,
    /// How many sales and holds agree.
    pub matched: u64,
    /// At the vendor, unknown or given up here: one reference each.
    pub orphans: Vec<ExternalRef>,
    /// Sold here, absent at the vendor.
    pub missing: Vec<(OrderKey, usize)>,
}

/// Why there is no reconciliation.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The source failed, or does not sell.
    #[error(transparent)]
    Source(#[from] VendorError),
    /// No such source.
    #[error("no such source")]
    UnknownSource,
}

/// Compares a source with the ledger over a window.
pub(crate) async fn reconcile(
    shared: &Shared,
    source: &SourceId,
    from: Timestamp,
    to: Timestamp,
) -> Result<Reconciliation, ReconcileError> {
    let configured = shared.sources.get(source).ok_or(ReconcileError::UnknownSource)?;
    let Some(ordering) = &configured.ordering else {
        return Err(VendorError::new(source, Operation::ListOrders, ErrorKind::Unsupported).into());
    };
    let orders = shared.ledger.orders_at(source, from, to).await?;
    let legs: Vec<(&Order, &Leg)> = legs_at(&orders, source);
    let performances: BTreeSet<_> = legs
        .iter()
        .flat_map(|(order, leg)| order.lines_of(leg.number).map(|(_, line)| line.performance.clone()))
        .collect();
    let performances: Vec<_> = performances.into_iter().collect();
    let references: Vec<String> = legs.iter().map(|(_, leg)| leg.reference.clone()).collect();
    let sales = ordering.list_sales(from, to, &performances, &references).await?;
    let (matched, orphans, missing) = compare(&legs, &sales, from, to);
    Ok(Reconciliation { source: source.clone(), from, to, checked_at: shared.clock.now(), matched, orphans, missing })
}

fn legs_at<'a>(orders: &'a [Order], source: &SourceId) -> Vec<(&'a Order, &'a Leg)> {
    let of_order = |order: &'a Order| order.legs.iter().map(move |leg| (order, leg));
    orders.iter().flat_map(of_order).filter(|(_, leg)| leg.source == *source).collect()
}

/// What agrees, what only the vendor has, and what only the ledger has.
fn compare(
    legs: &[(&Order, &Leg)],
    sales: &[VendorSale],
    from: Timestamp,
    to: Timestamp,
) -> (u64, Vec<ExternalRef>, Vec<(OrderKey, usize)>) {
    let mut matched = 0;
    let mut orphans = Vec::new();
    let mut seen = BTreeSet::new();
    for sale in sales {
        let leg = legs.iter().find(|(_, leg)| is_same(leg, sale));
        match leg {
            Some((order, leg)) if explains(leg.status, sale.is_sold) => {
                matched += 1;
                seen.insert((order.key, leg.number));
            }
            _ => orphans.extend(sale.refs.first().cloned().or_else(|| {
                sale.reference.as_ref().map(|reference| ExternalRef::new("ticketgraph.reference", reference.clone()))
            })),
        }
    }
    let is_due = |leg: &Leg| {
        leg.status == LegStatus::Confirmed && leg.confirmed_at.is_some_and(|sold| from <= sold && sold < to)
    };
    let missing = legs
        .iter()
        .filter(|(order, leg)| is_due(leg) && !seen.contains(&(order.key, leg.number)))
        .map(|(order, leg)| (order.key, leg.number))
        .collect();
    (matched, orphans, missing)
}

/// One thing at both sides. A reference of ours is not enough once the leg is sold and the vendor's own references are
/// known: a second sale under the same reference is an orphan.
fn is_same(leg: &Leg, sale: &VendorSale) -> bool {
    let by_reference = sale.reference.as_ref() == Some(&leg.reference);
    sale.refs.iter().any(|other| leg.refs.contains(other)) || by_reference && leg.confirmed_at.is_none()
}

/// Whether a leg that stands there may have this at its vendor.
fn explains(status: LegStatus, is_sold: bool) -> bool {
    match status {
        LegStatus::Confirmed
        | LegStatus::Confirming
        | LegStatus::Cancelling
        | LegStatus::OutcomeUnknown
        | LegStatus::NeedsAttention => true,
        LegStatus::Holding | LegStatus::Held | LegStatus::Releasing => !is_sold,
        LegStatus::Draft
        | LegStatus::HoldFailed
        | LegStatus::ConfirmFailed
        | LegStatus::Released
        | LegStatus::Expired
        | LegStatus::Cancelled => false,
    }
}
