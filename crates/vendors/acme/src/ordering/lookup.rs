//! Finding a sale again: by the orders of its instance or our own e-mail address, then by our reference (`acme.md §5`, rule 2).

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::client::Outcome;
use crate::map::booking::{self, Wanted};
use crate::map::keys::InstanceRef;
use crate::ordering::{BoxOffice, ORDER, ORDER_NUMBER, named};
use crate::wire::Amount;
use crate::wire::orders::Order;
use domain::ids::StepKey;
use domain::ordering::{Confirmed, Found, LegRequest, VendorSale};
use domain::{ErrorKind, ExternalRef, Operation, PerformanceKey, VendorError};

/// Details that one look-up reads at most, where orders do not show the address that we gave them.
const MOST_DETAILS: usize = 25;
const LOOK_UP: Operation = Operation::LookUp;

impl BoxOffice {
    /// The sale of a leg, if the vendor has it. Without a tenant id orders cannot be listed and nothing is ever found.
    pub(super) async fn find_sale(
        &self,
        leg: &LegRequest,
        wanted: &[Wanted<'_>],
    ) -> Result<Option<Confirmed>, VendorError> {
        if !self.client.reads_b2c() {
            return Ok(None);
        }
        let address = booking::address(&leg.contact.email, &leg.reference);
        let instances: BTreeSet<&str> = wanted.iter().map(|wanted| wanted.instance.instance.as_str()).collect();
        // One instance is enough: the order holds all lines of the leg.
        let listed = match instances.first() {
            Some(instance) => self.client.list_orders_of(LOOK_UP, instance).await?,
            None => Vec::new(),
        };
        let is_ours = |order: &Order| order.email.as_ref().is_none_or(|email| email.eq_ignore_ascii_case(&address));
        let mut candidates: Vec<Order> = listed.into_iter().filter(is_ours).collect();
        if candidates.is_empty() {
            candidates = self.client.search_orders(LOOK_UP, &address).await?;
        }
        for order in candidates.into_iter().take(MOST_DETAILS) {
            let id = order.id.to_string();
            let detail = self.client.find_order_detail(LOOK_UP, &id).await?;
            if detail.is_some_and(|detail| detail.payment_id.as_deref() == Some(&leg.reference)) {
                return Ok(Some(self.sold(&id, booking::total(&order, &self.venue), wanted).await));
            }
        }
        Ok(None)
    }

    /// What became of a check-out. Where no order is found the same request is sent again with the same UUID: only a clear no to
    /// that proves that there is none and will be none; a 409 says that the first one arrived, whatever became of it.
    pub(super) async fn resolve_sale(
        &self,
        key: &StepKey,
        leg: &LegRequest,
        refs: &[ExternalRef],
    ) -> Result<Found<Confirmed>, VendorError> {
        let wanted = self.wanted(LOOK_UP, leg)?;
        if let Some(id) = named(refs, ORDER) {
            return Ok(Found::Done(self.sold(id, None, &wanted).await));
        }
        if let Some(confirmed) = self.find_sale(leg, &wanted).await? {
            return Ok(Found::Done(confirmed));
        }
        match self.check_out(key, leg, &wanted, refs).await {
            Ok(Outcome::Done(order)) => {
                let total = booking::total(&order, &self.venue);
                Ok(Found::Done(self.sold(&order.id.to_string(), total, &wanted).await))
            }
            Ok(Outcome::Refused(_)) => Ok(Found::NotDone),
            Ok(Outcome::SeenBefore) => Ok(self.find_sale(leg, &wanted).await?.map_or(Found::Unclear, Found::Done)),
            Err(error) if error.kind == ErrorKind::Unauthorized => Err(error),
            Err(_) => Ok(Found::Unclear),
        }
    }

    /// What was sold through us of some performances, in a window of sale. ACME lists orders by instance only.
    pub(super) async fn sales_of(
        &self,
        from: Timestamp,
        to: Timestamp,
        performances: &[PerformanceKey],
        references: &[String],
    ) -> Result<Vec<VendorSale>, VendorError> {
        let op = Operation::ListOrders;
        if !self.client.reads_b2c() {
            return Err(self.error(op, ErrorKind::Unsupported));
        }
        let instances: BTreeSet<String> =
            performances.iter().filter_map(InstanceRef::read).map(|named| named.instance).collect();
        let mut orders: BTreeMap<String, Order> = BTreeMap::new();
        for instance in instances {
            let listed = self.client.list_orders_of(op, &instance).await?;
            orders.extend(listed.into_iter().map(|order| (order.id.to_string(), order)));
        }
        let mut sales = Vec::new();
        for (id, order) in orders {
            let sold_at = order.created_on.as_ref().or(order.creation_date.as_ref());
            let is_inside = self.instant(sold_at).is_none_or(|at| from <= at && at < to);
            let tag = order.email.as_deref().and_then(booking::reference);
            let known = tag.filter(|tag| references.iter().any(|one| one == tag));
            if !is_inside || !(known.is_some() || self.is_ours(&order, tag)) {
                continue;
            }
            // Our reference is in the address that the order was made with; where that does not tell, the detail does.
            let reference = match known {
                Some(reference) => Some(reference.to_owned()),
                None => self.client.find_order_detail(op, &id).await?.and_then(|detail| detail.payment_id),
            };
            let mut refs = vec![ExternalRef::new(ORDER, id)];
            refs.extend(order.order_number.as_ref().map(|number| ExternalRef::new(ORDER_NUMBER, number.to_string())));
            sales.push(VendorSale { reference, refs, is_sold: is_sold(&order) });
        }
        Ok(sales)
    }

    /// Whether an order that we do not know may be ours all the same: of our organisation, or, where we have no fixed one, of some
    /// organisation and with an address as we make them.
    fn is_ours(&self, order: &Order, tag: Option<&str>) -> bool {
        let buyer = order.organization_id.as_ref().or(order.account_id.as_ref()).map(ToString::to_string);
        match &self.organization_id {
            Some(own) => buyer.as_ref() == Some(own),
            None => buyer.is_some() && tag.is_some(),
        }
    }
}

/// An order of which everything was refunded is kept, and worth nothing.
fn is_sold(order: &Order) -> bool {
    let refunded = order.refund_amount.map_or_else(Default::default, |amount: Amount| amount.0);
    let total = order.discounted_total_amount.or(order.total_amount).map(|amount| amount.0);
    refunded.is_zero() || total.is_some_and(|total| !total.is_zero())
}
