//! Cancels movements and reads the order again to verify it (`secutix.md §5.7`). That a closed order can be canceled is
//! inferred.

use std::collections::BTreeSet;

use async_trait::async_trait;
use domain::ids::StepKey;
use domain::ordering::{CancelLine, CompletedCancellation, LegRequest, LookupOutcome, Refunds};
use domain::{Effect, ErrorKind, ExternalRef, RefusalReason, VendorError, VendorOperation};

use crate::facts::Facts;
use crate::map::orders::{self, kind};
use crate::ordering::SecutixOrdering;
use crate::wire::orders::{CancelOperations, Movement, OrderDetails};

/// Returns the movements to cancel: the named tickets, or every movement of a line that names none.
fn requested_movements(refs: &[ExternalRef], lines: &[CancelLine]) -> BTreeSet<i64> {
    let held = orders::movement_lines(refs);
    let of_line = |line: &CancelLine| -> Vec<i64> {
        if line.tickets.is_empty() {
            return held.iter().filter(|(_, its)| **its == line.line).map(|(movement, _)| *movement).collect();
        }
        line.tickets.iter().filter(|one| one.kind == kind::MOVEMENT).filter_map(|one| one.value.parse().ok()).collect()
    };
    lines.iter().flat_map(of_line).collect()
}

/// Filters the movements that are not confirmed void.
fn still_valid(details: &OrderDetails, meant: &BTreeSet<i64>, facts: &Facts) -> BTreeSet<i64> {
    meant.iter().copied().filter(|id| !orders::is_ticket_void(details, *id, facts)).collect()
}

/// Returns the operations that the movements belong to.
fn operations_of(details: &OrderDetails, places: &BTreeSet<i64>) -> Vec<i64> {
    let is_meant = |movement: &&Movement| movement.movement_id.is_some_and(|id| places.contains(&id.0));
    let lines = details.movement_datas.0.iter().filter(is_meant).filter_map(|movement| Some(movement.operation_id?.0));
    lines.collect::<BTreeSet<_>>().into_iter().collect()
}

impl SecutixOrdering {
    /// Builds the cancellation from the order as read before and after. The refund is the unit price of each void movement's
    /// operation.
    async fn cancellation(
        &self,
        operation: VendorOperation,
        before: &OrderDetails,
        after: &OrderDetails,
        meant: &BTreeSet<i64>,
    ) -> Result<CompletedCancellation, VendorError> {
        let void: Vec<i64> =
            meant.iter().copied().filter(|id| orders::is_ticket_void(after, *id, self.client.facts())).collect();
        let price = |id: &i64| {
            let movement =
                before.movement_datas.0.iter().find(|movement| movement.movement_id.is_some_and(|its| its.0 == *id))?;
            let operations = before.operation_datas.0.iter();
            let line = operations
                .clone()
                .find(|line| line.operation_id.is_some() && line.operation_id == movement.operation_id)?;
            Some(line.unit_price?.0)
        };
        let amount: Option<i64> = void.iter().map(price).sum();
        let point_of_sale = self.snapshots.point_of_sale(operation).await?;
        let refunded = amount.and_then(|amount| self.money(operation, &point_of_sale, before, amount).ok());
        let void = void.into_iter().map(|id| ExternalRef::new(kind::MOVEMENT, id.to_string())).collect();
        Ok(CompletedCancellation { refunded, voided: void })
    }
}

#[async_trait]
impl Refunds for SecutixOrdering {
    async fn cancel(
        &self,
        _: &StepKey,
        _: &LegRequest,
        refs: &[ExternalRef],
        lines: &[CancelLine],
    ) -> Result<CompletedCancellation, VendorError> {
        let operation = VendorOperation::Cancel;
        let order_id = self.order_id(operation, refs)?;
        let meant = requested_movements(refs, lines);
        if meant.is_empty() {
            return Err(self.client.rejected(
                operation,
                RefusalReason::InvalidInput { field: "tickets".to_owned() },
                None,
            ));
        }
        let before = self.order_details(operation, order_id).await?;
        let live_before = still_valid(&before, &meant, self.client.facts());
        let mut refusal = None;
        if !live_before.is_empty() {
            let operation_ids = operations_of(&before, &live_before);
            let movement_ids = live_before.into_iter().collect();
            let cancel = CancelOperations { order_id, operation_ids, movement_ids };
            match self.client.cancel_operations(&cancel).await {
                // A request that reached the vendor twice may be rejected the second time, after the first one canceled.
                Err(error) if matches!(error.kind, ErrorKind::Rejected(_)) => refusal = Some(error),
                outcome => outcome?,
            }
        }
        let unread = |error: VendorError| error.with_effect(Effect::Unknown);
        let after = self.order_details(operation, order_id).await.map_err(unread)?;
        if let Some(refusal) = refusal.filter(|_| !still_valid(&after, &meant, self.client.facts()).is_empty()) {
            return Err(refusal);
        }
        let undone = self.cancellation(operation, &before, &after, &meant).await.map_err(unread)?;
        if undone.voided.is_empty() {
            let error = self.client.error(operation, ErrorKind::Malformed).with_effect(Effect::Unknown);
            return Err(error.with_cause("the vendor accepted the cancellation, but every ticket is still valid"));
        }
        Ok(undone)
    }

    async fn find_cancellation(
        &self,
        _: &StepKey,
        _: &LegRequest,
        refs: &[ExternalRef],
        lines: &[CancelLine],
    ) -> Result<LookupOutcome<CompletedCancellation>, VendorError> {
        let operation = VendorOperation::LookUp;
        let details = self.client.order_details(self.order_id(operation, refs)?).await?;
        let meant = requested_movements(refs, lines);
        // One call cancels all of its movements or none: a movement that is still valid proves that it was not applied.
        if !still_valid(&details, &meant, self.client.facts()).is_empty() {
            return Ok(LookupOutcome::NotDone);
        }
        self.cancellation(operation, &details, &details, &meant).await.map(LookupOutcome::Done)
    }
}
