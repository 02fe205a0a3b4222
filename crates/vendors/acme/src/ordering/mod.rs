//! Selling: reservation, organisation check-out, will-call tickets (`acme.md §5`).

mod lookup;
mod refunds;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::join_all;
use jiff::Timestamp;

use crate::client::{Client, DayQuery, Outcome};
use crate::map::booking::{self, Terms, Wanted};
use crate::map::keys::InstanceRef;
use crate::map::{Venue, tickets};
use crate::settings::Voucher;
use crate::wire::Moment;
use crate::wire::catalog::Instance;
use crate::wire::lenient;
use crate::wire::orders::{Order, Places};
use domain::ids::StepKey;
use domain::ordering::{
    Confirmed, DeliveryPreference, Found, Held, HoldSecures, IssuedTicket, LegRequest, Ordering, SettlementRefusal,
    VendorSale,
};
use domain::{
    Clock, Effect, ErrorKind, ExternalRef, LegShape, Money, Operation, PerformanceKey, Reason, SourceId, VendorError,
};

/// Names a hold.
const RESERVATION: &str = "acme.reservation";
/// Names an order, in paths.
const ORDER: &str = "acme.order";
/// Names an order, for guests.
const ORDER_NUMBER: &str = "acme.order_number";

/// Sells for one tenant.
pub(crate) struct BoxOffice {
    pub(crate) source: SourceId,
    pub(crate) client: Arc<Client>,
    pub(crate) venue: Venue,
    pub(crate) clock: Arc<dyn Clock>,
    /// Who buys where the leg names no organisation of its own.
    pub(crate) organization_id: Option<String>,
    pub(crate) voucher: Voucher,
}

impl BoxOffice {
    fn error(&self, op: Operation, kind: ErrorKind) -> VendorError {
        VendorError::new(&self.source, op, kind)
    }

    fn rejected(&self, op: Operation, reason: Reason) -> VendorError {
        VendorError::rejected(&self.source, op, reason, None)
    }

    /// The write was answered in a way that does not tell what became of it.
    fn unknown(&self, op: Operation) -> VendorError {
        self.error(op, ErrorKind::Unavailable).with_effect(Effect::Unknown)
    }

    /// The reseller's own organisation wins over that of the source.
    fn organization<'a>(&'a self, leg: &'a LegRequest) -> Option<&'a str> {
        leg.account.get("organization_id").or(self.organization_id.as_ref()).map(String::as_str)
    }

    fn wanted<'a>(&self, op: Operation, leg: &'a LegRequest) -> Result<Vec<Wanted<'a>>, VendorError> {
        booking::wanted(leg).map_err(|reason| self.rejected(op, reason))
    }

    /// Reads the instances of a leg as they are now, for prices may have moved since they were shown (`acme.md §8.18`), and says
    /// how many places it takes. The outer error is of the reading, the inner one says what does not fit any more.
    async fn places(&self, wanted: &[Wanted<'_>]) -> Result<Result<Vec<Places>, Reason>, VendorError> {
        let ids: BTreeSet<&str> = wanted.iter().map(|wanted| wanted.instance.instance.as_str()).collect();
        let read = ids.into_iter().map(|id| async move {
            let found = self.client.find_instance(Operation::LookUp, id).await;
            found.map(|instance| instance.map(|instance| (id.to_owned(), instance)))
        });
        let mut instances: HashMap<String, Instance> = HashMap::new();
        for found in join_all(read).await {
            instances.extend(found?);
        }
        Ok(booking::places(wanted, &instances, &self.venue, self.clock.now()))
    }

    /// The first instance of which less is left than a leg needs, and how much.
    async fn shortage(&self, wanted: &[Wanted<'_>], places: &[Places]) -> Result<Option<u32>, VendorError> {
        let mut seen = BTreeSet::new();
        for one in wanted.iter().filter(|one| seen.insert(&one.instance.instance)) {
            let needed = places.iter().find(|places| places.event_id == one.instance.instance);
            let query = DayQuery { day: one.instance.day, template: Some(one.template), with_private: true };
            let rows = self.client.list_summaries(Operation::LookUp, query, &self.venue.zone).await?;
            let row = rows.iter().find(|row| row.id.to_string() == one.instance.instance);
            let left = row.and_then(|row| lenient::whole(&row.available));
            if let (Some(left), Some(needed)) = (left, needed)
                && left < needed.quantity
            {
                return Ok(Some(left));
            }
        }
        Ok(None)
    }

    /// Why a write was refused. The vendor's words for it are not documented, so the facts are read again. What cannot be read
    /// leaves the refusal without a reason; it stays a refusal.
    async fn why(&self, wanted: &[Wanted<'_>], reservation: Option<&str>) -> Reason {
        let places = match self.places(wanted).await {
            Ok(Ok(places)) => places,
            Ok(Err(reason)) => return reason,
            Err(_) => return Reason::Other,
        };
        let is_short = self.shortage(wanted, &places).await.ok().flatten();
        let Some(id) = reservation else {
            return is_short.map_or(Reason::Other, |left| Reason::SoldOut { remaining: Some(left) });
        };
        match self.client.find_reservation(Operation::LookUp, id).await {
            Ok(None) => Reason::HoldExpired,
            _ => Reason::Other,
        }
    }

    async fn check_out(
        &self,
        key: &StepKey,
        leg: &LegRequest,
        wanted: &[Wanted<'_>],
        refs: &[ExternalRef],
    ) -> Result<Outcome<Order>, VendorError> {
        let op = Operation::Confirm;
        let organization = self.organization(leg).ok_or_else(|| self.error(op, ErrorKind::Unsupported))?;
        let charges = self.voucher == Voucher::Charged;
        let terms = Terms { organization, reservation: named(refs, RESERVATION), charges };
        let body = booking::check_out(leg, wanted, &terms);
        self.client.check_out(op, key, organization, &body).await
    }

    /// A sale with its tickets. Where the tickets cannot be read just now the sale stands without them: they can be loaded later,
    /// and the order's id, which only this answer brought, is not lost.
    async fn sold(&self, order_id: &str, total: Option<Money>, wanted: &[Wanted<'_>]) -> Confirmed {
        let detail = self.client.find_order(Operation::LookUp, order_id).await.ok().flatten();
        let number = detail.as_ref().and_then(|order| order.order_number.as_ref());
        let mut refs = vec![ExternalRef::new(ORDER, order_id)];
        refs.extend(number.map(|number| ExternalRef::new(ORDER_NUMBER, number.to_string())));
        let tickets = detail.map(|order| tickets::issued(&order, wanted, &self.venue.zone)).unwrap_or_default();
        Confirmed { refs, tickets, total }
    }

    fn instant(&self, told: Option<&Moment>) -> Option<Timestamp> {
        told.and_then(|moment| moment.instant(&self.venue.zone))
    }
}

/// The value of the first reference of a kind.
fn named<'a>(refs: &'a [ExternalRef], kind: &str) -> Option<&'a str> {
    refs.iter().find(|one| one.kind == kind).map(|one| one.value.as_str())
}

#[async_trait]
impl Ordering for BoxOffice {
    /// Open admission may skip the hold (`acme.md §4.2`); a leg that has any timed line is held.
    fn shape(&self, leg: &LegRequest) -> LegShape {
        let is_open = |line: &domain::ordering::LegLine| {
            InstanceRef::read(&line.performance).is_some_and(|instance| !instance.is_timed)
        };
        if leg.lines.iter().all(is_open) { LegShape::ConfirmOnly } else { LegShape::HoldThenConfirm }
    }

    fn refuses(&self, leg: &LegRequest) -> Option<SettlementRefusal> {
        match (self.organization(leg), leg.delivery) {
            (None, _) => Some(SettlementRefusal::NoAccount),
            (_, DeliveryPreference::MobileApp) => Some(SettlementRefusal::Delivery),
            _ => None,
        }
    }

    async fn hold(&self, _: &StepKey, leg: &LegRequest) -> Result<Held, VendorError> {
        let op = Operation::Hold;
        let wanted = self.wanted(op, leg)?;
        let places = self.places(&wanted).await?.map_err(|reason| self.rejected(op, reason))?;
        match self.client.reserve(op, &places).await? {
            Outcome::Done(held) => Ok(Held {
                refs: vec![ExternalRef::new(RESERVATION, held.id.to_string())],
                expires_at: self.instant(held.expiration_timestamp.as_ref()),
                secures: vec![HoldSecures::Capacity],
                total: None,
            }),
            Outcome::Refused(code) => {
                let reason = self.why(&wanted, None).await;
                Err(VendorError::rejected(&self.source, op, reason, code))
            }
            Outcome::SeenBefore => Err(self.unknown(op)),
        }
    }

    async fn confirm(&self, key: &StepKey, leg: &LegRequest, refs: &[ExternalRef]) -> Result<Confirmed, VendorError> {
        let op = Operation::Confirm;
        let wanted = self.wanted(op, leg)?;
        self.places(&wanted).await?.map_err(|reason| self.rejected(op, reason))?;
        match self.check_out(key, leg, &wanted, refs).await? {
            Outcome::Done(order) => {
                Ok(self.sold(&order.id.to_string(), booking::total(&order, &self.venue), &wanted).await)
            }
            Outcome::Refused(code) => {
                let reason = self.why(&wanted, named(refs, RESERVATION)).await;
                Err(VendorError::rejected(&self.source, op, reason, code))
            }
            Outcome::SeenBefore => match self.find_sale(leg, &wanted).await {
                Ok(Some(confirmed)) => Ok(confirmed),
                Ok(None) | Err(_) => Err(self.unknown(op)),
            },
        }
    }

    async fn release(&self, _: &StepKey, _: &LegRequest, refs: &[ExternalRef]) -> Result<(), VendorError> {
        match named(refs, RESERVATION) {
            Some(id) => self.client.drop_reservation(Operation::Release, id).await,
            None => Ok(()),
        }
    }

    /// Nobody can tell: holds cannot be listed, and carry no reference of ours. A stray one costs places for ten minutes and ends
    /// by itself, so the leg may be held again (`domain.md §3.5`); "not done" would
    /// be a guess.
    async fn find_hold(&self, _: &StepKey, _: &LegRequest) -> Result<Found<Held>, VendorError> {
        Ok(Found::Unclear)
    }

    async fn find_confirmation(
        &self,
        key: &StepKey,
        leg: &LegRequest,
        refs: &[ExternalRef],
    ) -> Result<Found<Confirmed>, VendorError> {
        self.resolve_sale(key, leg, refs).await
    }

    async fn load_tickets(&self, leg: &LegRequest, refs: &[ExternalRef]) -> Result<Vec<IssuedTicket>, VendorError> {
        let op = Operation::LookUp;
        let wanted = self.wanted(op, leg)?;
        let id = named(refs, ORDER).ok_or_else(|| self.error(op, ErrorKind::NotFound))?;
        let order = self.client.find_order(op, id).await?.ok_or_else(|| self.error(op, ErrorKind::NotFound))?;
        Ok(tickets::issued(&order, &wanted, &self.venue.zone))
    }

    async fn list_sales(
        &self,
        from: Timestamp,
        to: Timestamp,
        performances: &[PerformanceKey],
        references: &[String],
    ) -> Result<Vec<VendorSale>, VendorError> {
        self.sales_of(from, to, performances, references).await
    }
}
