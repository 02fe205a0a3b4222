//! Finding a sale again: by the tagged email address or among the orders of its instance, then by our reference (`acme.md §5`,
//! rule 2).

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use parking_lot::Mutex;

use crate::client::WriteOutcome;
use crate::map::checkout::{self, RequestedLine};
use crate::map::keys::InstanceRef;
use crate::map::{SourceDefaults, tickets};
use crate::ordering::{AcmeOrdering, ORDER_NUMBER_REF, ORDER_REF, RESERVATION_REF, find_ref};
use crate::settings::{CheckOutRetry, OrderLookup};
use crate::wire::orders::{Order, OrderDetail};
use domain::ids::StepKey;
use domain::ordering::{ConfirmedSale, LegRequest, LookupOutcome, TicketState, VendorSale};
use domain::{ErrorKind, ExternalRef, PerformanceKey, VendorError, VendorOperation};

/// Largest number of order details read per look-up, if orders do not show their email address. The next look-up continues
/// with other orders.
const MAX_DETAIL_READS: usize = 25;
/// Largest number of remembered payment ids.
const MAX_KNOWN_PAYMENTS: usize = 20_000;
const LOOK_UP: VendorOperation = VendorOperation::LookUp;

/// Payment ids of orders, which never change, so that look-ups read each order once. An order without one may get it later, so its
/// absence is not remembered.
#[derive(Default)]
pub(crate) struct KnownPayments(Mutex<HashMap<String, String>>);

impl KnownPayments {
    fn get(&self, order: &str) -> Option<String> {
        self.0.lock().get(order).cloned()
    }

    fn insert(&self, order: &str, payment: Option<&String>) {
        let Some(payment) = payment else { return };
        let mut known = self.0.lock();
        if known.len() >= MAX_KNOWN_PAYMENTS {
            known.clear();
        }
        known.insert(order.to_owned(), payment.clone());
    }
}

impl AcmeOrdering {
    /// Finds the sale of a leg: by the address that names this leg alone, then among all orders of its instance. Nothing found
    /// proves nothing (`acme.md §4.5` \[C\]); without a tenant id nothing is found.
    pub(super) async fn find_sale(
        &self,
        leg: &LegRequest,
        wanted: &[RequestedLine<'_>],
    ) -> Result<Option<ConfirmedSale>, VendorError> {
        // Without a contact nothing was checked out.
        let Some(contact) = leg.contact.as_ref().filter(|_| self.client.finds_orders()) else { return Ok(None) };
        let address = checkout::tagged_email(&contact.email, &leg.reference);
        let mut reads_left = MAX_DETAIL_READS;
        let mut searched = Ok(());
        if self.defaults.facts.order_lookup == OrderLookup::SearchThenList {
            // A key that may not search may still list, so a failed search is no end.
            searched = match self.client.search_orders(LOOK_UP, &address).await {
                Ok(found) => {
                    let found = candidates(found, &address);
                    if let Some(sale) = self.find_by_reference(found, (leg, &address), wanted, &mut reads_left).await? {
                        return Ok(Some(sale));
                    }
                    Ok(())
                }
                Err(error) => Err(error),
            };
        }
        let instances: BTreeSet<&str> = wanted.iter().map(|wanted| wanted.instance.id.as_str()).collect();
        // One instance is enough: the order contains all lines of the leg.
        let Some(instance) = instances.first() else { return searched.map(|()| None) };
        let listed = candidates(self.client.list_orders_of(LOOK_UP, instance).await?, &address);
        self.find_by_reference(listed, (leg, &address), wanted, &mut reads_left).await
    }

    /// Finds the order whose detail contains our reference. Reads at most `reads_left` details: first of orders with our address,
    /// then of the buying organization, the newest first.
    async fn find_by_reference(
        &self,
        mut orders: Vec<Order>,
        (leg, address): (&LegRequest, &str),
        wanted: &[RequestedLine<'_>],
        reads_left: &mut usize,
    ) -> Result<Option<ConfirmedSale>, VendorError> {
        let organization = self.organization(leg);
        let is_foreign = |order: &Order| organization.is_some() && buyer(order).as_deref() != organization;
        let sold_at = |order: &Order| self.to_instant(order.created_on.as_ref().or(order.creation_date.as_ref()));
        orders.sort_by_cached_key(|order| (!has_address(order, address), is_foreign(order), Reverse(sold_at(order))));
        let mut failure = None;
        for order in orders {
            let id = order.id.to_string();
            let payment = match self.payments.get(&id) {
                Some(payment) => Some(payment),
                None if *reads_left == 0 => continue,
                None => {
                    *reads_left -= 1;
                    match self.client.find_order_detail(LOOK_UP, &id).await {
                        Ok(Some(detail)) => {
                            self.payments.insert(&id, detail.payment_id.as_ref());
                            detail.payment_id
                        }
                        Ok(None) => continue,
                        // One order that cannot be read must not hide ours.
                        Err(error) => {
                            failure.get_or_insert(error);
                            continue;
                        }
                    }
                }
            };
            // Without a payment id, the address is proof enough: our reference is in it.
            let is_ours = payment.map_or_else(|| has_address(&order, address), |payment| payment == leg.reference);
            if is_ours {
                return Ok(Some(self.load_sale(&id, checkout::order_total(&order, &self.defaults), wanted).await));
            }
        }
        failure.map_or(Ok(None), Err)
    }

    /// Resolves a check-out with an unknown outcome. An order that is not found may exist: a reseller's key may see no orders
    /// (`acme.md §4.5`), so the outcome stays unknown. With [`CheckOutRetry::SameUuid`], the same request is sent once more with
    /// the same UUID, within ten minutes and while its hold exists, which ends at the check-out. Only its rejection proves
    /// that no order exists or will exist; a 409 proves only that the first request arrived.
    pub(super) async fn resolve_check_out(
        &self,
        key: &StepKey,
        leg: &LegRequest,
        refs: &[ExternalRef],
    ) -> Result<LookupOutcome<ConfirmedSale>, VendorError> {
        let wanted = self.requested_lines(LOOK_UP, leg)?;
        if let Some(id) = find_ref(refs, ORDER_REF) {
            return Ok(LookupOutcome::Done(self.load_sale(id, None, &wanted).await));
        }
        if let Some(confirmed) = self.find_sale(leg, &wanted).await? {
            return Ok(LookupOutcome::Done(confirmed));
        }
        if !self.may_send_again(key, refs).await? {
            return Ok(LookupOutcome::Undetermined);
        }
        match self.check_out(key, leg, &wanted, refs).await {
            Ok(WriteOutcome::Done(order)) => {
                let total = checkout::order_total(&order, &self.defaults);
                Ok(LookupOutcome::Done(self.load_sale(&order.id.to_string(), total, &wanted).await))
            }
            Ok(WriteOutcome::Rejected(_)) => Ok(LookupOutcome::NotDone),
            Ok(WriteOutcome::Duplicate) => {
                Ok(self.find_sale(leg, &wanted).await?.map_or(LookupOutcome::Undetermined, LookupOutcome::Done))
            }
            Err(error) if error.kind == ErrorKind::Unauthorized => Err(error),
            Err(_) => Ok(LookupOutcome::Undetermined),
        }
    }

    /// True if a check-out that was not found may be sent again.
    async fn may_send_again(&self, key: &StepKey, refs: &[ExternalRef]) -> Result<bool, VendorError> {
        let is_allowed = self.defaults.facts.check_out_retry == CheckOutRetry::SameUuid
            && self.sent.may_repeat(key, self.clock.now());
        match find_ref(refs, RESERVATION_REF).filter(|_| is_allowed) {
            Some(hold) => Ok(self.client.find_reservation(LOOK_UP, hold).await?.is_some()),
            None => Ok(false),
        }
    }

    /// Lists sales of performances within a time window, without those that were refunded completely. ACME lists orders by instance only.
    pub(super) async fn list_sales_by_instance(
        &self,
        from: Timestamp,
        to: Timestamp,
        performances: &[PerformanceKey],
        references: &[String],
    ) -> Result<Vec<VendorSale>, VendorError> {
        let op = VendorOperation::ListOrders;
        if !self.client.finds_orders() {
            return Err(self.error(op, ErrorKind::Unsupported));
        }
        let instances: BTreeSet<String> =
            performances.iter().filter_map(InstanceRef::parse).map(|named| named.id).collect();
        let mut orders: BTreeMap<String, Order> = BTreeMap::new();
        for instance in instances {
            let listed = self.client.list_orders_of(op, &instance).await?;
            orders.extend(listed.into_iter().map(|order| (order.id.to_string(), order)));
        }
        let mut sales = Vec::new();
        for (id, order) in orders {
            let sold_at = order.created_on.as_ref().or(order.creation_date.as_ref());
            let is_inside = self.to_instant(sold_at).is_none_or(|at| from <= at && at < to);
            let tag = order.email.as_deref().and_then(checkout::reference_in_email);
            let matched = tag.filter(|tag| references.iter().any(|one| one == tag));
            if !is_inside || !(matched.is_some() || self.may_be_own_order(&order, tag)) {
                continue;
            }
            // Our reference is in the order's email address; if that is missing, in the detail.
            let is_changed = may_be_refunded(&order);
            let detail = match matched {
                Some(_) if !is_changed => None,
                _ => self.client.find_order_detail(op, &id).await?,
            };
            if is_changed && detail.as_ref().is_some_and(|detail| is_void(detail, &self.defaults)) {
                continue;
            }
            let reference = matched.map(str::to_owned).or_else(|| detail.and_then(|detail| detail.payment_id));
            let mut refs = vec![ExternalRef::new(ORDER_REF, id)];
            refs.extend(
                order.order_number.as_ref().map(|number| ExternalRef::new(ORDER_NUMBER_REF, number.to_string())),
            );
            sales.push(VendorSale { reference, refs, is_sold: true });
        }
        Ok(sales)
    }

    /// True if an order with an unknown reference may still be ours: it was bought by our organization or, without a
    /// fixed one, by any organization with a tagged email address.
    fn may_be_own_order(&self, order: &Order, tag: Option<&str>) -> bool {
        let buyer = buyer(order);
        match &self.organization_id {
            Some(own) => buyer.as_ref() == Some(own),
            None => buyer.is_some() && (tag.is_some() || !shows_address(order)),
        }
    }
}

/// Organization that bought an order.
fn buyer(order: &Order) -> Option<String> {
    order.organization_id.as_ref().or(order.account_id.as_ref()).map(ToString::to_string)
}

/// Keeps the orders that may have been bought with an address: those that show it, and those that show none.
fn candidates(mut orders: Vec<Order>, address: &str) -> Vec<Order> {
    orders.retain(|order| has_address(order, address) || !shows_address(order));
    orders
}

fn has_address(order: &Order, address: &str) -> bool {
    order.email.as_ref().is_some_and(|email| email.eq_ignore_ascii_case(address))
}

/// True if an order shows the whole address of its buyer. A reseller may see none, or a masked one (`acme.md §4.5`: [L]
/// `obfuscated`).
fn shows_address(order: &Order) -> bool {
    let is_whole = |email: &String| email.contains('@') && !email.contains('*');
    order.obfuscated != Some(true) && order.email.as_ref().is_some_and(is_whole)
}

/// True if tickets of an order may have been refunded. The amounts do not show whether all were: the documents leave open
/// whether a refund lowers the total, and a free order has none.
fn may_be_refunded(order: &Order) -> bool {
    let total = order.discounted_total_amount.or(order.total_amount).map(|amount| amount.0);
    order.refund_amount.is_some_and(|amount| !amount.0.is_zero()) || total.is_none_or(|total| total.is_zero())
}

/// True if no ticket of an order is good.
fn is_void(detail: &OrderDetail, defaults: &SourceDefaults) -> bool {
    let mut tickets =
        detail.event_items.iter().flat_map(|event| &event.items).flat_map(|item| &item.tickets).peekable();
    tickets.peek().is_some() && tickets.all(|ticket| tickets::state(ticket, defaults) == TicketState::Void)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payment_id_is_remembered_and_its_absence_is_not() {
        let known = KnownPayments::default();
        known.insert("1", None);
        assert_eq!(known.get("1"), None, "the order is read again");
        known.insert("1", Some(&"K7P2".to_owned()));
        known.insert("1", None);
        assert_eq!(known.get("1").as_deref(), Some("K7P2"));
    }
}
