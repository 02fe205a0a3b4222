//! An ordering port whose calls all have the same outcome.

use std::collections::BTreeMap;

use async_trait::async_trait;
use domain::ids::StepKey;
use domain::ordering::{
    ConfirmedSale, Contact, DeliveryPreference, IssuedTicket, LegLine, LegRequest, LookupOutcome, Ordering, PlacedHold,
    SettlementRefusal, VendorSale,
};
use domain::{ExternalRef, LegShape, PerformanceKey, TicketTypeKey, VendorError};
use jiff::Timestamp;

use crate::records::price;

/// An ordering port whose calls all have the outcome that the function returns.
pub struct FakeOrdering(pub Box<dyn Fn() -> Result<(), VendorError> + Send + Sync>);

#[async_trait]
impl Ordering for FakeOrdering {
    fn shape(&self, _leg: &LegRequest) -> LegShape {
        LegShape::HoldThenConfirm
    }

    fn settlement_refusal(&self, _leg: &LegRequest) -> Option<SettlementRefusal> {
        None
    }

    async fn hold(&self, _key: &StepKey, _leg: &LegRequest) -> Result<PlacedHold, VendorError> {
        tokio::task::yield_now().await;
        (self.0)().map(|()| PlacedHold { refs: Vec::new(), expires_at: None, secures: Vec::new(), total: None })
    }

    async fn confirm(
        &self,
        _key: &StepKey,
        _leg: &LegRequest,
        _refs: &[ExternalRef],
    ) -> Result<ConfirmedSale, VendorError> {
        (self.0)().map(|()| ConfirmedSale { refs: Vec::new(), tickets: Vec::new(), total: None })
    }

    async fn release(&self, _key: &StepKey, _leg: &LegRequest, _refs: &[ExternalRef]) -> Result<(), VendorError> {
        (self.0)()
    }

    async fn find_hold(&self, _key: &StepKey, _leg: &LegRequest) -> Result<LookupOutcome<PlacedHold>, VendorError> {
        (self.0)().map(|()| LookupOutcome::NotDone)
    }

    async fn find_confirmation(
        &self,
        _key: &StepKey,
        _leg: &LegRequest,
        _refs: &[ExternalRef],
    ) -> Result<LookupOutcome<ConfirmedSale>, VendorError> {
        (self.0)().map(|()| LookupOutcome::NotDone)
    }

    async fn load_tickets(&self, _leg: &LegRequest, _refs: &[ExternalRef]) -> Result<Vec<IssuedTicket>, VendorError> {
        (self.0)().map(|()| Vec::new())
    }

    async fn list_sales(
        &self,
        _from: Timestamp,
        _to: Timestamp,
        _performances: &[PerformanceKey],
        _references: &[String],
    ) -> Result<Vec<VendorSale>, VendorError> {
        (self.0)().map(|()| Vec::new())
    }
}

/// A leg that buys one ticket for each performance.
pub fn leg(performances: &[&str]) -> LegRequest {
    let line = |(line, key): (usize, &&str)| LegLine {
        line,
        performance: PerformanceKey::new(*key),
        ticket_type: TicketTypeKey::new("adult"),
        quantity: 1,
        unit_price: price(1000).retail,
    };
    LegRequest {
        reference: "TG-1".to_owned(),
        lines: performances.iter().enumerate().map(line).collect(),
        contact: Some(Contact {
            first_name: "Ada".to_owned(),
            last_name: "Byron".to_owned(),
            email: "ada@example.org".to_owned(),
            phone: None,
            postal_code: None,
        }),
        account: BTreeMap::new(),
        locale: None,
        delivery: DeliveryPreference::Barcode,
        hold_waits_for_client: true,
    }
}
