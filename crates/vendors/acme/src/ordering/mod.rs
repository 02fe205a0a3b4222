//! Selling: reservation, organization check-out, will-call tickets (`acme.md §5`).

mod lookup;
mod refunds;
mod sent;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::join_all;
use jiff::Timestamp;

use crate::client::{Client, DayQuery, WriteOutcome};
use crate::map::checkout::{self, CheckOutOptions, RequestedLine};
use crate::map::keys::InstanceRef;
use crate::map::{SourceDefaults, tickets};
use crate::settings::Voucher;
use crate::wire::WireTime;
use crate::wire::catalog::Instance;
use crate::wire::lenient;
use crate::wire::orders::{Order, ReservationItem};
use domain::ids::StepKey;
use domain::ordering::{
    ConfirmedSale, DeliveryPreference, HoldSecures, IssuedTicket, LegRequest, LookupOutcome, Ordering, PlacedHold,
    SettlementRefusal, VendorSale,
};
use domain::{
    Clock, Effect, ErrorKind, ExternalRef, LegShape, Money, PerformanceKey, RefusalReason, SourceId, VendorError,
    VendorOperation,
};

pub(crate) use lookup::KnownPayments;
pub(crate) use sent::SentCheckOuts;

/// Reference kind of a hold.
const RESERVATION_REF: &str = "acme.reservation";
/// Reference kind of an order, as used in paths.
const ORDER_REF: &str = "acme.order";
/// Reference kind of an order, as shown to guests.
const ORDER_NUMBER_REF: &str = "acme.order_number";

/// Sells for one tenant.
pub(crate) struct AcmeOrdering {
    pub(crate) source: SourceId,
    pub(crate) client: Arc<Client>,
    pub(crate) defaults: SourceDefaults,
    pub(crate) clock: Arc<dyn Clock>,
    /// Buying organization when the leg names none.
    pub(crate) organization_id: Option<String>,
    pub(crate) voucher: Voucher,
    pub(crate) sent: SentCheckOuts,
    pub(crate) payments: KnownPayments,
}

impl AcmeOrdering {
    fn error(&self, op: VendorOperation, kind: ErrorKind) -> VendorError {
        VendorError::new(&self.source, op, kind)
    }

    fn rejected(&self, op: VendorOperation, reason: RefusalReason) -> VendorError {
        VendorError::rejected(&self.source, op, reason, None)
    }

    /// Error of a write whose response leaves its outcome open.
    fn unknown_outcome(&self, op: VendorOperation) -> VendorError {
        self.error(op, ErrorKind::Unavailable).with_effect(Effect::Unknown)
    }

    /// Buying organization: the reseller's own takes precedence over that of the source.
    fn organization<'a>(&'a self, leg: &'a LegRequest) -> Option<&'a str> {
        leg.account.get("organization_id").or(self.organization_id.as_ref()).map(String::as_str)
    }

    fn requested_lines<'a>(
        &self,
        op: VendorOperation,
        leg: &'a LegRequest,
    ) -> Result<Vec<RequestedLine<'a>>, VendorError> {
        checkout::requested_lines(leg).map_err(|reason| self.rejected(op, reason))
    }

    /// Returns the capacity that a leg needs. A sale reads the current instances, because prices may have changed since they were
    /// displayed (`acme.md §8.18`); a hold may use those of its plan. The outer error is a failed read, the inner one a line that
    /// can no longer be sold.
    async fn required_capacity(
        &self,
        wanted: &[RequestedLine<'_>],
        is_sale: bool,
    ) -> Result<Result<Vec<ReservationItem>, RefusalReason>, VendorError> {
        let ids: BTreeSet<&str> = wanted.iter().map(|wanted| wanted.instance.id.as_str()).collect();
        let read = ids.into_iter().map(|id| async move {
            let found = match is_sale {
                true => self.client.find_instance(VendorOperation::LookUp, id).await,
                false => self.client.recent_instance(VendorOperation::LookUp, id).await,
            };
            found.map(|instance| instance.map(|instance| (id.to_owned(), instance)))
        });
        let mut instances: HashMap<String, Instance> = HashMap::new();
        for found in join_all(read).await {
            instances.extend(found?);
        }
        Ok(checkout::required_capacity(wanted, &instances, &self.defaults, self.clock.now()))
    }

    /// Returns the remaining count of the first instance that has less than the leg needs.
    async fn remaining_if_short(
        &self,
        wanted: &[RequestedLine<'_>],
        places: &[ReservationItem],
    ) -> Result<Option<u32>, VendorError> {
        let mut seen = BTreeSet::new();
        for one in wanted.iter().filter(|one| seen.insert(&one.instance.id)) {
            let needed = places.iter().find(|places| places.event_id == one.instance.id);
            let query = DayQuery { day: one.instance.day, template_id: Some(one.template), include_private: true };
            let rows = self.client.list_summaries(VendorOperation::LookUp, query, &self.defaults.time_zone).await?;
            let row = rows.iter().find(|row| row.id.to_string() == one.instance.id);
            let left = row.and_then(|row| lenient::unsigned(&row.available));
            if let (Some(left), Some(needed)) = (left, needed)
                && left < needed.quantity
            {
                return Ok(Some(left));
            }
        }
        Ok(None)
    }

    /// Determines why a write was rejected. The vendor's codes are not documented, so the facts are read again. If they
    /// cannot be read, the rejection stands without a specific reason.
    async fn rejection_reason(&self, wanted: &[RequestedLine<'_>], reservation: Option<&str>) -> RefusalReason {
        let places = match self.required_capacity(wanted, true).await {
            Ok(Ok(places)) => places,
            Ok(Err(reason)) => return reason,
            Err(_) => return RefusalReason::Other,
        };
        let is_short = self.remaining_if_short(wanted, &places).await.ok().flatten();
        let Some(id) = reservation else {
            return is_short.map_or(RefusalReason::Other, |left| RefusalReason::SoldOut { remaining: Some(left) });
        };
        match self.client.find_reservation(VendorOperation::LookUp, id).await {
            Ok(None) => RefusalReason::HoldExpired,
            _ => RefusalReason::Other,
        }
    }

    async fn check_out(
        &self,
        key: &StepKey,
        leg: &LegRequest,
        wanted: &[RequestedLine<'_>],
        refs: &[ExternalRef],
    ) -> Result<WriteOutcome<Order>, VendorError> {
        let op = VendorOperation::Confirm;
        let organization = self.organization(leg).ok_or_else(|| self.error(op, ErrorKind::Unsupported))?;
        let no_contact = || self.rejected(op, RefusalReason::InvalidInput { field: "contact".to_owned() });
        let contact = leg.contact.as_ref().ok_or_else(no_contact)?;
        let charges_voucher = self.voucher == Voucher::Charged;
        let reservation = find_ref(refs, RESERVATION_REF);
        let currency = self.defaults.currency;
        let item_amount = self.defaults.facts.item_amount;
        let terms = CheckOutOptions { contact, organization, reservation, charges_voucher, currency, item_amount };
        let body = checkout::check_out(leg, wanted, &terms);
        self.sent.record(key, self.clock.now());
        self.client.check_out(op, key, organization, &body).await
    }

    /// Loads a sale with its tickets. If the tickets cannot be read yet, the sale is returned without them: they can be
    /// loaded later, while the order id is only in this response.
    async fn load_sale(&self, order_id: &str, total: Option<Money>, wanted: &[RequestedLine<'_>]) -> ConfirmedSale {
        let detail = self.client.find_order(VendorOperation::LookUp, order_id).await.ok().flatten();
        let number = detail.as_ref().and_then(|order| order.order_number.as_ref());
        let mut refs = vec![ExternalRef::new(ORDER_REF, order_id)];
        refs.extend(number.map(|number| ExternalRef::new(ORDER_NUMBER_REF, number.to_string())));
        let tickets = detail.map(|order| tickets::issued_tickets(&order, wanted, &self.defaults)).unwrap_or_default();
        ConfirmedSale { refs, tickets, total }
    }

    fn to_instant(&self, time: Option<&WireTime>) -> Option<Timestamp> {
        time.and_then(|time| time.instant(&self.defaults.time_zone))
    }
}

/// Returns the value of the first reference of a kind.
fn find_ref<'a>(refs: &'a [ExternalRef], kind: &str) -> Option<&'a str> {
    refs.iter().find(|one| one.kind == kind).map(|one| one.value.as_str())
}

#[async_trait]
impl Ordering for AcmeOrdering {
    /// Open admission may skip the hold (`acme.md §4.2`); a leg with any timed line is held.
    fn shape(&self, leg: &LegRequest) -> LegShape {
        let is_open = |line: &domain::ordering::LegLine| {
            InstanceRef::parse(&line.performance).is_some_and(|instance| !instance.is_timed)
        };
        if leg.lines.iter().all(is_open) { LegShape::ConfirmOnly } else { LegShape::HoldThenConfirm }
    }

    fn settlement_refusal(&self, leg: &LegRequest) -> Option<SettlementRefusal> {
        match (self.organization(leg), leg.delivery) {
            (None, _) => Some(SettlementRefusal::NoAccount { setting: Some("organization_id") }),
            (_, DeliveryPreference::MobileApp) => Some(SettlementRefusal::UnsupportedDelivery),
            _ => None,
        }
    }

    async fn hold(&self, _: &StepKey, leg: &LegRequest) -> Result<PlacedHold, VendorError> {
        let op = VendorOperation::Hold;
        let wanted = self.requested_lines(op, leg)?;
        let places = self.required_capacity(&wanted, false).await?.map_err(|reason| self.rejected(op, reason))?;
        match self.client.reserve(op, &places).await? {
            WriteOutcome::Done(held) => Ok(PlacedHold {
                refs: vec![ExternalRef::new(RESERVATION_REF, held.id.to_string())],
                expires_at: self.to_instant(held.expiration_timestamp.as_ref()),
                secures: vec![HoldSecures::Capacity],
                total: None,
            }),
            WriteOutcome::Rejected(code) => {
                let reason = self.rejection_reason(&wanted, None).await;
                Err(VendorError::rejected(&self.source, op, reason, code))
            }
            WriteOutcome::Duplicate => Err(self.unknown_outcome(op)),
        }
    }

    async fn confirm(
        &self,
        key: &StepKey,
        leg: &LegRequest,
        refs: &[ExternalRef],
    ) -> Result<ConfirmedSale, VendorError> {
        let op = VendorOperation::Confirm;
        let wanted = self.requested_lines(op, leg)?;
        self.required_capacity(&wanted, true).await?.map_err(|reason| self.rejected(op, reason))?;
        match self.check_out(key, leg, &wanted, refs).await? {
            WriteOutcome::Done(order) => {
                Ok(self.load_sale(&order.id.to_string(), checkout::order_total(&order, &self.defaults), &wanted).await)
            }
            WriteOutcome::Rejected(code) => {
                let reason = self.rejection_reason(&wanted, find_ref(refs, RESERVATION_REF)).await;
                Err(VendorError::rejected(&self.source, op, reason, code))
            }
            WriteOutcome::Duplicate => match self.find_sale(leg, &wanted).await {
                Ok(Some(confirmed)) => Ok(confirmed),
                Ok(None) | Err(_) => Err(self.unknown_outcome(op)),
            },
        }
    }

    async fn release(&self, _: &StepKey, _: &LegRequest, refs: &[ExternalRef]) -> Result<(), VendorError> {
        match find_ref(refs, RESERVATION_REF) {
            Some(id) => self.client.release_reservation(VendorOperation::Release, id).await,
            None => Ok(()),
        }
    }

    /// Always `Unclear`: holds cannot be listed and contain no reference of ours. An orphaned hold blocks capacity for
    /// ten minutes and expires by itself, so the leg may be held again (`domain.md §3.5`). "Not done" would be a guess.
    async fn find_hold(&self, _: &StepKey, _: &LegRequest) -> Result<LookupOutcome<PlacedHold>, VendorError> {
        Ok(LookupOutcome::Undetermined)
    }

    async fn find_confirmation(
        &self,
        key: &StepKey,
        leg: &LegRequest,
        refs: &[ExternalRef],
    ) -> Result<LookupOutcome<ConfirmedSale>, VendorError> {
        self.resolve_check_out(key, leg, refs).await
    }

    async fn load_tickets(&self, leg: &LegRequest, refs: &[ExternalRef]) -> Result<Vec<IssuedTicket>, VendorError> {
        let op = VendorOperation::LookUp;
        let wanted = self.requested_lines(op, leg)?;
        let id = find_ref(refs, ORDER_REF).ok_or_else(|| self.error(op, ErrorKind::NotFound))?;
        let order = self.client.find_order(op, id).await?.ok_or_else(|| self.error(op, ErrorKind::NotFound))?;
        Ok(tickets::issued_tickets(&order, &wanted, &self.defaults))
    }

    async fn list_sales(
        &self,
        from: Timestamp,
        to: Timestamp,
        performances: &[PerformanceKey],
        references: &[String],
    ) -> Result<Vec<VendorSale>, VendorError> {
        self.list_sales_by_instance(from, to, performances, references).await
    }
}
