//! Orphans: bookings that were found only at a vendor.

use std::time::Duration;

use crate::Orders;
use crate::idempotency;
use crate::leg::Leg;
use crate::operator::{OperatorOutcome, ResolveOrphan, ResolvedOrphan, at_input, check_refs};
use crate::order::Order;
use crate::problem::{Problem, ProblemCode};
use crate::request::{Actor, OrderActionRequest};
use crate::settlement::check_note;
use crate::store::OrderLookup;
use domain::time::{earlier, later};
use domain::{ExternalRef, OrderKey, StoreError};

const OPERATION: &str = "resolveOrphan";
const DAY: Duration = Duration::from_secs(24 * 3600);

impl Orders {
    /// Ties something that was found only at a vendor to a leg, or declares it none of ours.
    ///
    /// The decision is written first, so that no other request ties the same identifier, and then the order. A request that is
    /// repeated ties the order again, because the first one may have ended in between.
    pub async fn resolve_orphan(&self, actor: &Actor, request: &ResolveOrphan) -> Result<OperatorOutcome, StoreError> {
        let action = match self.begin_action(actor, OPERATION, &request.key, request).await? {
            Ok(action) => action,
            Err(outcome) if !outcome.problems.is_empty() => return Ok(outcome),
            Err(_) => return self.tie_again(actor, request).await,
        };
        let reference = match self.check_orphan(actor, request).await? {
            Ok(reference) => reference,
            Err(outcome) => return Ok(outcome),
        };
        let orphan = ResolvedOrphan {
            source: request.source.clone(),
            reference,
            leg: request.leg,
            note: request.note.clone(),
            by: actor.caller.clone(),
            at: action.at,
        };
        match self.0.store.write_orphan(&action, &orphan).await {
            Ok(()) => {}
            Err(StoreError::Outdated) => {
                return Ok(OperatorOutcome::rejected(ProblemCode::ReferenceOfAnotherOrder, "ref"));
            }
            Err(StoreError::KeyTaken) => {
                let outcome = self.replay_action(actor, &action, request).await?;
                return if outcome.problems.is_empty() { self.tie_again(actor, request).await } else { Ok(outcome) };
            }
            Err(error) => return Err(error),
        }
        let refused = self.tie(actor, request, &orphan.reference).await?;
        if !refused.is_empty() {
            self.0.store.delete_orphan(&action).await?;
        }
        Ok(OperatorOutcome { scheduled: 0, problems: refused })
    }

    /// Returns the identifier of a request that is valid, or the outcome of one that is not.
    async fn check_orphan(
        &self,
        actor: &Actor,
        request: &ResolveOrphan,
    ) -> Result<Result<ExternalRef, OperatorOutcome>, StoreError> {
        if let Err(code) = check_note(&request.note) {
            return Ok(Err(OperatorOutcome::rejected(code, "note")));
        }
        if !self.0.sources.contains_key(&request.source) {
            return Ok(Err(OperatorOutcome::rejected(ProblemCode::UnknownSource, "source")));
        }
        let Some(reference) = self.orphan_reference(request) else {
            return Ok(Err(OperatorOutcome::rejected(ProblemCode::ReferenceInvalid, "ref")));
        };
        let Some((order, leg)) = request.leg else { return Ok(Ok(reference)) };
        let found = self.find(actor, &OrderLookup::Key(order)).await?;
        let Some(order) = found.filter(|order| order.legs.get(leg).is_some_and(|leg| leg.source == request.source))
        else {
            return Ok(Err(OperatorOutcome::rejected(ProblemCode::LegNotFound, "leg")));
        };
        let tied = std::slice::from_ref(&reference);
        if self.is_of_another_order(&order, &order.legs[leg], tied).await? {
            return Ok(Err(OperatorOutcome::rejected(ProblemCode::ReferenceOfAnotherOrder, "ref")));
        }
        Ok(Ok(reference))
    }

    /// Returns the identifier of a request, if its kind is one of the source's vendor.
    fn orphan_reference(&self, request: &ResolveOrphan) -> Option<ExternalRef> {
        let vendor = self.0.sources.get(&request.source)?.vendor.name();
        check_refs(Some(vendor), std::slice::from_ref(&request.reference))?.into_iter().next()
    }

    /// Ties the order of a request that was carried out before. Changes nothing if it is tied.
    async fn tie_again(&self, actor: &Actor, request: &ResolveOrphan) -> Result<OperatorOutcome, StoreError> {
        let Some(reference) = self.orphan_reference(request) else { return Ok(OperatorOutcome::default()) };
        Ok(OperatorOutcome { scheduled: 0, problems: self.tie(actor, request, &reference).await? })
    }

    /// Adds the identifier and the note to the order, if the request names one. Returns why that was refused; problems of its legs
    /// are no reason.
    async fn tie(
        &self,
        actor: &Actor,
        request: &ResolveOrphan,
        reference: &ExternalRef,
    ) -> Result<Vec<Problem>, StoreError> {
        let Some((order, leg)) = request.leg else { return Ok(Vec::new()) };
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
    pub(super) async fn is_of_another_order(
        &self,
        order: &Order,
        leg: &Leg,
        refs: &[ExternalRef],
    ) -> Result<bool, StoreError> {
        if refs.is_empty() {
            return Ok(false);
        }
        let is_other = |other: OrderKey, number: usize| (other, number) != (order.key, leg.number);
        let tied = self.0.store.list_orphans(&leg.source).await?;
        let is_tied = tied.iter().any(|orphan| {
            refs.contains(&orphan.reference) && orphan.leg.is_some_and(|(other, number)| is_other(other, number))
        });
        if is_tied {
            return Ok(true);
        }
        let (from, to) = (earlier(order.created_at, DAY), later(order.created_at, DAY));
        let around = self.0.store.list_orders_at(&leg.source, from, to).await?;
        let mut legs = around.iter().flat_map(|other| other.legs.iter().map(|leg| (other.key, leg)));
        Ok(legs.any(|(other, one)| {
            is_other(other, one.number) && one.source == leg.source && one.refs.iter().any(|known| refs.contains(known))
        }))
    }
}
