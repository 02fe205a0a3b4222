//! Selling: a hold, then an order that uses it. Both honor idempotency keys and are found by our reference.

use async_trait::async_trait;
use domain::ids::StepKey;
use domain::ordering::{
    ConfirmedSale, DeliveryPreference, HoldSecures, IssuedTicket, LegRequest, LookupOutcome, Ordering, PlacedHold,
    SettlementRefusal, VendorSale,
};
use domain::{ErrorKind, ExternalRef, LegShape, PerformanceKey, VendorError, VendorOperation};
use jiff::Timestamp;

use crate::map::{HOLD_REF, ORDER_REF};
use crate::wire::{Hold, NewOrder, Order};
use crate::{DemoSource, map};

impl DemoSource {
    async fn find_order(&self, leg: &LegRequest) -> Result<Option<Order>, VendorError> {
        let orders = self.client.list_orders(VendorOperation::LookUp).await?;
        Ok(orders.into_iter().find(|order| order.reference == leg.reference))
    }
}

fn placed_hold(hold: &Hold) -> PlacedHold {
    PlacedHold {
        refs: vec![ExternalRef::new(HOLD_REF, hold.id.as_str())],
        expires_at: Some(hold.expires),
        secures: vec![HoldSecures::Capacity, HoldSecures::Price],
        total: None,
    }
}

fn hold_id(refs: &[ExternalRef]) -> Option<&str> {
    refs.iter().find(|reference| reference.kind == HOLD_REF).map(|reference| reference.value.as_str())
}

#[async_trait]
impl Ordering for DemoSource {
    fn shape(&self, _leg: &LegRequest) -> LegShape {
        LegShape::HoldThenConfirm
    }

    fn settlement_refusal(&self, leg: &LegRequest) -> Option<SettlementRefusal> {
        (leg.delivery == DeliveryPreference::MobileApp).then_some(SettlementRefusal::UnsupportedDelivery)
    }

    async fn hold(&self, key: &StepKey, leg: &LegRequest) -> Result<PlacedHold, VendorError> {
        Ok(placed_hold(&self.client.hold(key, &map::new_hold(leg)).await?))
    }

    async fn confirm(
        &self,
        key: &StepKey,
        leg: &LegRequest,
        refs: &[ExternalRef],
    ) -> Result<ConfirmedSale, VendorError> {
        let missing =
            || self.client.error(VendorOperation::Confirm, ErrorKind::Internal).with_cause("the leg has no hold");
        let new = NewOrder { reference: &leg.reference, hold: hold_id(refs).ok_or_else(missing)? };
        Ok(map::sale(self.client.order(key, &new).await?, leg, &self.defaults))
    }

    async fn release(&self, _key: &StepKey, _leg: &LegRequest, refs: &[ExternalRef]) -> Result<(), VendorError> {
        match hold_id(refs) {
            Some(id) => self.client.release(id).await,
            None => Ok(()),
        }
    }

    async fn find_hold(&self, _key: &StepKey, leg: &LegRequest) -> Result<LookupOutcome<PlacedHold>, VendorError> {
        let holds = self.client.list_holds(&leg.reference).await?;
        Ok(holds.first().map_or(LookupOutcome::NotDone, |hold| LookupOutcome::Done(placed_hold(hold))))
    }

    async fn find_confirmation(
        &self,
        _key: &StepKey,
        leg: &LegRequest,
        _refs: &[ExternalRef],
    ) -> Result<LookupOutcome<ConfirmedSale>, VendorError> {
        Ok(match self.find_order(leg).await? {
            Some(order) => LookupOutcome::Done(map::sale(order, leg, &self.defaults)),
            None => LookupOutcome::NotDone,
        })
    }

    async fn load_tickets(&self, leg: &LegRequest, _refs: &[ExternalRef]) -> Result<Vec<IssuedTicket>, VendorError> {
        Ok(self.find_order(leg).await?.map(|order| map::tickets(order, leg)).unwrap_or_default())
    }

    async fn list_sales(
        &self,
        from: Timestamp,
        to: Timestamp,
        _performances: &[PerformanceKey],
        _references: &[String],
    ) -> Result<Vec<VendorSale>, VendorError> {
        let mut orders = self.client.list_orders(VendorOperation::ListOrders).await?;
        orders.retain(|order| from <= order.placed && order.placed < to);
        let sale = |order: Order| VendorSale {
            refs: vec![ExternalRef::new(ORDER_REF, order.id)],
            reference: Some(order.reference),
            is_sold: true,
        };
        Ok(orders.into_iter().map(sale).collect())
    }
}
