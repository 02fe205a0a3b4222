//! Orphans: bookings that were found only at a vendor.

use std::time::Duration;

use crate::Orders;
use crate::idempotency;
use crate::operator::{OperatorOutcome, ResolveOrphan, ResolvedOrphan, at_input, check_refs};
use crate::order::Order;
use crate::problem::{Problem, ProblemCode};
use crate::request::{Actor, OrderActionRequest};
use crate::settlement::check_note;
use crate::store::OrderLookup;
use domain::time::{earlier, later};
use domain::{ExternalRef, OrderKey, SourceId, StoreError};

const OPERATION: &str = "resolveOrphan";
const DAY: Duration = Duration::from_secs(24 * 3600);

impl Orders {
    /// Ties something that was found only at a vendor to a leg, or declares it none of ours.
    pub async fn resolve_orphan(&self, actor: &Actor, request: &ResolveOrphan) -> Result<OperatorOutcome, StoreError> {
        let action = match self.begin_action(actor, OPERATION, &request.key, request).await? {
            Ok(action) => action,
            Err(outcome) => return Ok(outcome),
        };
        if let Err(code) = check_note(&request.note) {
            return Ok(OperatorOutcome::rejected(code, "note"));
        }
        let Some(source) = self.0.sources.get(&request.source) else {
            return Ok(OperatorOutcome::rejected(ProblemCode::UnknownSource, "source"));
        };
        let refs = check_refs(Some(source.vendor.name()), std::slice::from_ref(&request.reference));
        let Some(reference) = refs.and_then(|refs| refs.into_iter().next()) else {
            return Ok(OperatorOutcome::rejected(ProblemCode::ReferenceInvalid, "ref"));
        };
        if let Some((order, leg)) = request.leg {
            let found = self.find(actor, &OrderLookup::Key(order)).await?;
            let Some(order) = found.filter(|order| order.legs.get(leg).is_some_and(|leg| leg.source == request.source))
            else {
                return Ok(OperatorOutcome::rejected(ProblemCode::LegNotFound, "leg"));
            };
            if self.is_of_another_order(&order, leg, &request.source, &reference).await? {
                return Ok(OperatorOutcome::rejected(ProblemCode::ReferenceOfAnotherOrder, "ref"));
            }
            let refused = self.tie(actor, (order.key, leg), request, &reference).await?;
            if !refused.is_empty() {
                return Ok(OperatorOutcome { scheduled: 0, problems: refused });
            }
        }
        let orphan = ResolvedOrphan {
            source: request.source.clone(),
            reference,
            leg: request.leg,
            note: request.note.clone(),
            by: actor.caller.clone(),
            at: action.at,
        };
        match self.0.store.write_orphan(&action, &orphan).await {
            Ok(()) => Ok(OperatorOutcome::default()),
            Err(StoreError::Outdated) => Ok(OperatorOutcome::rejected(ProblemCode::ReferenceOfAnotherOrder, "ref")),
            Err(StoreError::KeyTaken) => self.replay_action(actor, &action, request).await,
            Err(error) => Err(error),
        }
    }

    /// Adds the identifier and the note to the order. Returns why that was refused; problems of its legs are no reason.
    async fn tie(
        &self,
        actor: &Actor,
        (order, leg): (OrderKey, usize),
        request: &ResolveOrphan,
        reference: &ExternalRef,
    ) -> Result<Vec<Problem>, StoreError> {
        let action = OrderActionRequest { key: request.key.clone(), order, if_version: None };
        let hash = idempotency::request_hash(request);
        let outcome = self
            .apply_action_with_hash(actor, &action, (OPERATION, None, "leg"), &hash, |work| {
                work.add_ref(leg, reference);
                work.add_note(&actor.caller, &request.note).map_err(|code| vec![at_input(code, "note")])
            })
            .await?;
        Ok(outcome.problems.into_iter().filter(|problem| !problem.path.is_empty()).collect())
    }

    /// Returns true if an identifier was tied to another leg, or an order of about the same time has it.
    async fn is_of_another_order(
        &self,
        order: &Order,
        leg: usize,
        source: &SourceId,
        reference: &ExternalRef,
    ) -> Result<bool, StoreError> {
        let tied = self.0.store.list_orphans(source).await?;
        let is_other = |other: OrderKey, number: usize| (other, number) != (order.key, leg);
        let is_tied = tied.iter().any(|orphan| {
            orphan.reference == *reference && orphan.leg.is_some_and(|(other, number)| is_other(other, number))
        });
        if is_tied {
            return Ok(true);
        }
        let (from, to) = (earlier(order.created_at, DAY), later(order.created_at, DAY));
        let around = self.0.store.list_orders_at(source, from, to).await?;
        let mut legs = around.iter().flat_map(|other| other.legs.iter().map(|leg| (other.key, leg)));
        Ok(legs
            .any(|(other, leg)| is_other(other, leg.number) && leg.source == *source && leg.refs.contains(reference)))
    }
}
