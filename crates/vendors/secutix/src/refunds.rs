//! Undoing sales: by places, then read again (`secutix.md §5.7`). That a closed order takes it is inferred.

use std::collections::BTreeSet;

use async_trait::async_trait;

use crate::map::order::{self, kind};
use crate::sales::Sales;
use crate::wire::order::{CancelOperations, Movement, OrderDetails};
use domain::ids::StepKey;
use domain::ordering::{CancelLine, Cancelled, Found, LegRequest, Refunds};
use domain::{Effect, ErrorKind, ExternalRef, Operation, Reason, VendorError};

/// The places that shall go: those named, or all of a line that names none.
fn meant(refs: &[ExternalRef], lines: &[CancelLine]) -> BTreeSet<i64> {
    let held = order::lines_of(refs);
    let of_line = |line: &CancelLine| -> Vec<i64> {
        if line.tickets.is_empty() {
            return held.iter().filter(|(_, its)| **its == line.line).map(|(movement, _)| *movement).collect();
        }
        line.tickets.iter().filter(|one| one.kind == kind::MOVEMENT).filter_map(|one| one.value.parse().ok()).collect()
    };
    lines.iter().flat_map(of_line).collect()
}

/// Those of them that are not certainly void.
fn live(details: &OrderDetails, meant: &BTreeSet<i64>) -> BTreeSet<i64> {
    meant.iter().copied().filter(|id| !order::is_void(details, *id)).collect()
}

/// The lines of places.
fn lines_of(details: &OrderDetails, places: &BTreeSet<i64>) -> Vec<i64> {
    let is_meant = |movement: &&Movement| movement.movement_id.is_some_and(|id| places.contains(&id.0));
    let lines = details.movement_datas.0.iter().filter(is_meant).filter_map(|movement| Some(movement.operation_id?.0));
    lines.collect::<BTreeSet<_>>().into_iter().collect()
}

impl Sales {
    /// What became of the places that shall go, read from the vendor. What the line of a place costs is what comes back.
    async fn undone(
        &self,
        operation: Operation,
        before: &OrderDetails,
        after: &OrderDetails,
        meant: &BTreeSet<i64>,
    ) -> Result<Cancelled, VendorError> {
        let void: Vec<i64> = meant.iter().copied().filter(|id| order::is_void(after, *id)).collect();
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
        let till = self.shelf.till(operation).await?;
        let refunded = amount.and_then(|amount| self.money(operation, &till, before, amount).ok());
        let void = void.into_iter().map(|id| ExternalRef::new(kind::MOVEMENT, id.to_string())).collect();
        Ok(Cancelled { refunded, void })
    }
}

#[async_trait]
impl Refunds for Sales {
    async fn cancel(
        &self,
        _: &StepKey,
        _: &LegRequest,
        refs: &[ExternalRef],
        lines: &[CancelLine],
    ) -> Result<Cancelled, VendorError> {
        let operation = Operation::Cancel;
        let order_id = self.order_id(operation, refs)?;
        let meant = meant(refs, lines);
        if meant.is_empty() {
            return Err(self.client.rejected(operation, Reason::InvalidInput { field: "tickets".to_owned() }, None));
        }
        let before = self.details(operation, order_id).await?;
        let live_before = live(&before, &meant);
        let mut refusal = None;
        if !live_before.is_empty() {
            let operation_ids = lines_of(&before, &live_before);
            let movement_ids = live_before.into_iter().collect();
            let cancel = CancelOperations { order_id, operation_ids, movement_ids };
            match self.client.cancel_operations(&cancel).await {
                // A request that reached the vendor twice may be refused the second time, after the first one cancelled.
                Err(error) if matches!(error.kind, ErrorKind::Rejected(_)) => refusal = Some(error),
                outcome => outcome?,
            }
        }
        let unread = |error: VendorError| error.with_effect(Effect::Unknown);
        let after = self.details(operation, order_id).await.map_err(unread)?;
        if let Some(refusal) = refusal.filter(|_| !live(&after, &meant).is_empty()) {
            return Err(refusal);
        }
        let undone = self.undone(operation, &before, &after, &meant).await.map_err(unread)?;
        if undone.void.is_empty() {
            let error = self.client.error(operation, ErrorKind::Malformed).with_effect(Effect::Unknown);
            return Err(error.because("the vendor said that it cancelled, and every ticket is still good"));
        }
        Ok(undone)
    }

    async fn find_cancellation(
        &self,
        _: &StepKey,
        _: &LegRequest,
        refs: &[ExternalRef],
        lines: &[CancelLine],
    ) -> Result<Found<Cancelled>, VendorError> {
        let operation = Operation::LookUp;
        let details = self.client.order_details(self.order_id(operation, refs)?).await?;
        let meant = meant(refs, lines);
        // One call cancels all of its places or none: a place that is still good says that it was not done.
        if !live(&details, &meant).is_empty() {
            return Ok(Found::NotDone);
        }
        self.undone(operation, &details, &details, &meant).await.map(Found::Done)
    }
}
