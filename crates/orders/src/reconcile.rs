//! Reconciliation: compares the sales of our account at a source with the stored orders, in both directions.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::context::OrdersContext;
use crate::leg::Leg;
use crate::operator::OUR_REFERENCE;
use crate::order::Order;
use crate::status::LegStatus;
use domain::StoreError;
use domain::ordering::VendorSale;
use domain::{ErrorKind, ExternalRef, OrderKey, SourceId, VendorError, VendorOperation};

/// Differences between a source and the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reconciliation {
    /// The source.
    pub source: SourceId,
    /// Start of the window.
    pub from: Timestamp,
    /// End of the window.
    pub to: Timestamp,
    /// Time of the comparison.
    pub checked_at: Timestamp,
    /// Number of sales and holds that match.
    pub matched: u64,
    /// References of sales at the vendor that are unknown or abandoned here, one each.
    pub orphans: Vec<ExternalRef>,
    /// Legs confirmed here but absent at the vendor: order and leg index.
    pub missing: Vec<(OrderKey, usize)>,
    /// Legs whose hold may be left at the vendor, and the time at which it ends by itself.
    pub stray_holds: Vec<StrayHold>,
}

/// Hold that may be left at the vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StrayHold {
    /// Order and leg index.
    pub leg: (OrderKey, usize),
    /// Time at which it ends by itself.
    pub ends_at: Timestamp,
}

/// Failure of a reconciliation.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The source failed, or does not support ordering.
    #[error(transparent)]
    Source(#[from] VendorError),
    /// The source does not exist.
    #[error("no such source")]
    UnknownSource,
}

/// Compares a source with the store over a time window.
pub(crate) async fn reconcile(
    context: &OrdersContext,
    source: &SourceId,
    from: Timestamp,
    to: Timestamp,
) -> Result<Reconciliation, ReconcileError> {
    let configured = context.sources.get(source).ok_or(ReconcileError::UnknownSource)?;
    let Some(ordering) = &configured.ordering else {
        return Err(VendorError::new(source, VendorOperation::ListOrders, ErrorKind::Unsupported).into());
    };
    let orders = context.store.list_orders_at(source, from, to).await?;
    let legs: Vec<(&Order, &Leg)> = legs_at_source(&orders, source);
    let performances: BTreeSet<_> = legs
        .iter()
        .flat_map(|(order, leg)| order.lines_of(leg.number).map(|(_, line)| line.performance.clone()))
        .collect();
    let performances: Vec<_> = performances.into_iter().collect();
    let references: Vec<String> = legs.iter().map(|(_, leg)| leg.reference.clone()).collect();
    let sales = ordering.list_sales(from, to, &performances, &references).await?;
    let (matched, mut orphans, missing) = compare(&legs, &sales, from, to);
    let resolved = context.store.list_orphans(source).await?;
    orphans.retain(|orphan| resolved.iter().all(|other| other.reference != *orphan));
    let now = context.clock.now();
    let stray = |(order, leg): &(&Order, &Leg)| {
        Some(StrayHold { leg: (order.key, leg.number), ends_at: leg.stray_hold_ends_at(now)? })
    };
    let stray_holds = legs.iter().filter_map(stray).collect();
    Ok(Reconciliation { source: source.clone(), from, to, checked_at: now, matched, orphans, missing, stray_holds })
}

fn legs_at_source<'a>(orders: &'a [Order], source: &SourceId) -> Vec<(&'a Order, &'a Leg)> {
    let of_order = |order: &'a Order| order.legs.iter().map(move |leg| (order, leg));
    orders.iter().flat_map(of_order).filter(|(_, leg)| leg.source == *source).collect()
}

/// Matches vendor sales with legs.
fn compare(
    legs: &[(&Order, &Leg)],
    sales: &[VendorSale],
    from: Timestamp,
    to: Timestamp,
) -> (u64, Vec<ExternalRef>, Vec<(OrderKey, usize)>) {
    let mut matched = 0;
    let mut orphans = Vec::new();
    let mut matched_legs = BTreeSet::new();
    for sale in sales {
        let leg = legs.iter().find(|(order, leg)| is_same_sale(order, leg, sale));
        match leg {
            Some((order, leg)) if accounts_for(leg.status, sale.is_sold) => {
                matched += 1;
                matched_legs.insert((order.key, leg.number));
            }
            _ => orphans.extend(sale.refs.first().cloned().or_else(|| {
                sale.reference.as_ref().map(|reference| ExternalRef::new(OUR_REFERENCE, reference.clone()))
            })),
        }
    }
    let is_due = |leg: &Leg| {
        leg.status == LegStatus::Confirmed
            && leg.confirmed_at.is_some_and(|confirmed_at| from <= confirmed_at && confirmed_at < to)
    };
    let missing = legs
        .iter()
        .filter(|(order, leg)| is_due(leg) && !matched_legs.contains(&(order.key, leg.number)))
        .map(|(order, leg)| (order.key, leg.number))
        .collect();
    (matched, orphans, missing)
}

/// Returns true if leg and sale are the same booking: by an identifier of the leg or of one of its tickets, which may have come
/// after the sale. Our reference alone identifies a leg only before its confirmation; a second sale under the reference of a
/// confirmed leg is an orphan.
fn is_same_sale(order: &Order, leg: &Leg, sale: &VendorSale) -> bool {
    let by_reference = sale.reference.as_ref() == Some(&leg.reference);
    let lines: Vec<usize> = order.lines_of(leg.number).map(|(line, _)| line).collect();
    let tickets = order.tickets.iter().filter(|ticket| lines.contains(&ticket.line));
    let mut known = leg.refs.iter().chain(tickets.flat_map(|ticket| &ticket.refs));
    known.any(|own| sale.refs.contains(own)) || by_reference && leg.confirmed_at.is_none()
}

/// Returns true if a leg with this status may have such a booking at its vendor.
fn accounts_for(status: LegStatus, is_sold: bool) -> bool {
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
