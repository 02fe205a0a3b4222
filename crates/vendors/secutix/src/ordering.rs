//! Sells tickets: a cart with seats and prices, closed on a pending account and read until it is complete (`secutix.md §5.4`,
//! §5.5).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use domain::ids::StepKey;
use domain::ordering::{
    ConfirmedSale, DeliveryPreference, HoldSecures, IssuedTicket, LegRequest, LookupOutcome, Ordering, PlacedHold,
    SettlementRefusal, TicketState, VendorSale,
};
use domain::{
    Effect, ErrorKind, ExternalRef, LegShape, Money, PerformanceKey, RefusalReason, VendorError, VendorOperation,
};
use jiff::Timestamp;
use secrecy::ExposeSecret;

use crate::assumptions;
use crate::client::{Client, PollSchedule};
use crate::facts::{ContingentRule, Facts, OrderState};
use crate::map::keys::{self, PerformanceRef};
use crate::map::orders::{self, kind};
use crate::map::point_of_sale::PointOfSale;
use crate::map::time;
use crate::snapshot_cache::SnapshotCache;
use crate::wire::history::{Pagination, TicketFilter, TicketQuery, TicketSummary};
use crate::wire::orders::{ContactData, Movement, OrderDetails, OrderUpdate};

/// Page size of the ticket history (`secutix.md §3.5`).
const PAGE_SIZE: usize = 1_000;

/// Sells through one point of sale.
pub(crate) struct SecutixOrdering {
    /// Client of the source.
    pub client: Arc<Client>,
    /// Provides the point of sale.
    pub snapshots: Arc<SnapshotCache>,
    /// Number of the technical contact that all sales are associated with.
    pub contact: String,
    /// Sales channel of the login.
    pub channel: String,
    /// Contingents to sell from. Empty: all of the channel.
    pub contingents: Vec<i64>,
    /// Schedule on which a closed order is polled until it is complete.
    pub completion_schedule: PollSchedule,
}

impl SecutixOrdering {
    /// Returns the id of the order that a hold created. A leg without one is an internal error.
    pub(crate) fn order_id(&self, operation: VendorOperation, refs: &[ExternalRef]) -> Result<i64, VendorError> {
        let missing =
            || self.client.error(operation, ErrorKind::Internal).with_cause("the leg has no secutix.order reference");
        orders::find_id(refs, kind::ORDER).ok_or_else(missing)
    }

    /// Loads the whole order on behalf of a write that has not been sent yet or is being verified.
    pub(crate) async fn order_details(
        &self,
        operation: VendorOperation,
        order_id: i64,
    ) -> Result<OrderDetails, VendorError> {
        self.client.order_details(order_id).await.map_err(|error| VendorError { operation, ..error })
    }

    /// Converts an amount of an order in the order's own currency.
    pub(crate) fn money(
        &self,
        operation: VendorOperation,
        point_of_sale: &PointOfSale,
        details: &OrderDetails,
        amount: i64,
    ) -> Result<Money, VendorError> {
        let currency = point_of_sale.currency_of(details.catalog_currency.as_ref());
        currency.money(amount).map_err(|error| self.client.error(operation, ErrorKind::Malformed).with_cause(error))
    }

    pub(crate) fn contact(&self, leg: &LegRequest) -> ContactData {
        let own = leg.account.get("contact_reference").filter(|reference| !reference.is_empty());
        ContactData { contact_reference: own.unwrap_or(&self.contact).clone() }
    }

    fn point_of_sale(&self, leg: &LegRequest, point_of_sale: &PointOfSale) -> i64 {
        leg.account.get("point_of_sale").and_then(|id| id.trim().parse().ok()).unwrap_or(point_of_sale.id)
    }

    /// Builds the hold. The update contains no expiry: the whole order is read if a client waits for it, or if the total is not
    /// known either. Otherwise the usual lifetime of a cart applies.
    async fn build_hold(
        &self,
        point_of_sale: &PointOfSale,
        leg: &LegRequest,
        update: &OrderUpdate,
        order_id: i64,
    ) -> Result<PlacedHold, VendorError> {
        let (operations, movements) = (&update.operation_data_updates.0, &update.movement_data_updates.0);
        let lines = orders::assign_movements(leg, operations, movements, self.client.facts().amount_unit);
        let lines = lines.ok_or_else(|| {
            let requested: u32 = leg.lines.iter().map(|line| line.quantity).sum();
            if movements.len() < usize::try_from(requested).unwrap_or(usize::MAX) {
                self.client.rejected(VendorOperation::Hold, RefusalReason::SoldOut { remaining: None }, None)
            } else {
                self.client
                    .error(VendorOperation::Hold, ErrorKind::Malformed)
                    .with_cause("the response contains seats that match no line")
            }
        })?;
        let line_total = |line: &crate::wire::orders::OrderOperation| {
            line.total_amount.map(|total| total.0).or_else(|| Some(line.unit_price?.0 * line.quantity?.0))
        };
        let updated: Option<i64> = operations.iter().map(line_total).sum();
        let is_read = updated.is_none() || leg.hold_waits_for_client && update.expiration_date.is_none();
        // A failed read must not lose the hold.
        let details = match is_read {
            true => self.order_details(VendorOperation::Hold, order_id).await.unwrap_or_default(),
            false => OrderDetails::default(),
        };
        let amount = details.sale_amount.map(|total| total.0).or(updated);
        let currency = details.catalog_currency.as_ref().or(update.catalog_currency.as_ref());
        let currency = point_of_sale.currency_of(currency);
        let total = amount.map(|amount| currency.money(amount)).transpose();
        let total =
            total.map_err(|error| self.client.error(VendorOperation::Hold, ErrorKind::Malformed).with_cause(error))?;
        let expiry = details.expiration_date.as_ref().or(update.expiration_date.as_ref());
        let secret = update.order_secret_id.as_ref().map(|words| words.0.as_str());
        Ok(PlacedHold {
            refs: orders::external_refs(order_id, secret, amount, &lines),
            expires_at: time::parse_instant(expiry, &point_of_sale.time_zone),
            secures: vec![HoldSecures::Capacity, HoldSecures::Seats, HoldSecures::Price],
            total,
        })
    }

    /// Checks that the cart took its seats from the configured contingents: a call can name none, so the vendor chooses
    /// (`secutix.md §8`).
    fn check_contingents(&self, update: &OrderUpdate) -> Result<(), VendorError> {
        let rule = self.client.facts().contingents;
        if self.contingents.is_empty() || rule == ContingentRule::Ignore {
            return Ok(());
        }
        let operations = &update.operation_data_updates.0;
        let contingent_of = |movement: &Movement| {
            let own =
                operations.iter().find(|one| one.operation_id.is_some() && one.operation_id == movement.operation_id);
            movement.contingent_id.or(own.and_then(|operation| operation.contingent_id)).map(|id| id.0)
        };
        let is_refused = |movement: &Movement| match contingent_of(movement) {
            Some(contingent) => !self.contingents.contains(&contingent),
            None => rule == ContingentRule::Require,
        };
        if !update.movement_data_updates.0.iter().any(is_refused) {
            return Ok(());
        }
        tracing::warn!(
            source = %self.client.source(),
            "a cart has seats of another contingent than configured in `contingents`, and is given back; to accept any, set \
             `assumptions.contingents`"
        );
        Err(self.client.rejected(VendorOperation::Hold, RefusalReason::SoldOut { remaining: None }, None))
    }

    /// Abandons the seats of an unusable response. If that fails too, the cart expires by itself.
    async fn abandon_hold(&self, error: VendorError, update: &OrderUpdate, order_id: i64) -> VendorError {
        let movements = update.movement_data_updates.0.iter().filter_map(|movement| Some(movement.movement_id?.0));
        match self.client.abandon_movements(order_id, movements.collect()).await {
            Ok(()) => error.with_effect(Effect::None),
            Err(_) => error.with_effect(Effect::Unknown),
        }
    }

    /// Reads a sale after its order was closed, and polls only while it is not known to be closed. Barcodes that take longer are
    /// read with the tickets later.
    async fn read_sale(&self, order_id: i64, is_closed: bool) -> Result<OrderDetails, VendorError> {
        let operation = VendorOperation::Confirm;
        let mut delays = self.completion_schedule.remaining_delays();
        loop {
            let error = match self.order_details(operation, order_id).await {
                Ok(details) => match self.client.facts().order_state(details.order_state.as_ref()) {
                    OrderState::Closed => return Ok(details),
                    OrderState::Abandoned | OrderState::Canceled if !is_closed => {
                        return Err(self.client.rejected(operation, RefusalReason::HoldExpired, None));
                    }
                    _ => {
                        let error = self.client.error(operation, ErrorKind::Timeout);
                        error.with_cause("the order was closed, but its state is not CLOSED")
                    }
                },
                // The sale is certain; its tickets are read later.
                Err(_) if is_closed => return Ok(OrderDetails::default()),
                Err(error) => error,
            };
            match delays.next() {
                Some(delay) => tokio::time::sleep(delay).await,
                None => return Err(error.with_effect(Effect::Unknown)),
            }
        }
    }

    fn confirmation(
        &self,
        leg: &LegRequest,
        refs: &[ExternalRef],
        point_of_sale: &PointOfSale,
        details: &OrderDetails,
    ) -> ConfirmedSale {
        let tickets = tickets(leg, refs, details, self.client.facts());
        let mut refs = refs.to_vec();
        for ticket in tickets.iter().flat_map(|ticket| &ticket.refs).filter(|one| one.kind == kind::TICKET) {
            if !refs.contains(ticket) {
                refs.push(ticket.clone());
            }
        }
        let total = details
            .sale_amount
            .and_then(|amount| self.money(VendorOperation::Confirm, point_of_sale, details, amount.0).ok());
        ConfirmedSale { refs, tickets, total }
    }

    /// Marks the tickets that were admitted, which the order does not contain. Skipped if the access control service fails or
    /// rejects our login.
    async fn load_admissions(&self, tickets: &mut [IssuedTicket]) {
        let Ok(point_of_sale) = self.snapshots.point_of_sale(VendorOperation::LookUp).await else { return };
        for ticket in tickets.iter_mut().filter(|ticket| ticket.state == TicketState::Issued) {
            let Some(barcode) = &ticket.barcode else { continue };
            let Ok(controlled) = self.client.controlled_ticket(barcode.value.expose_secret()).await else { return };
            let admission = controlled
                .control_operations
                .0
                .iter()
                .find(|control| self.client.facts().is_admission(control.control_operation_type.as_ref()));
            if let Some(control) = admission {
                ticket.state = TicketState::Used(time::parse_instant(
                    control.operation_date_time.as_ref(),
                    &point_of_sale.time_zone,
                ));
            }
        }
    }

    /// Lists the tickets of a product that were sold in a time window, page by page.
    async fn list_tickets(
        &self,
        product_id: i64,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<TicketSummary>, VendorError> {
        let mut tickets = Vec::new();
        loop {
            let (start_date, end_date) = (time::format_instant(from), time::format_instant(to));
            let query = TicketQuery {
                ticket_filter_criteria: TicketFilter { product_id, start_date, end_date },
                pagination_parameter: Pagination { start_position: tickets.len(), max_result: PAGE_SIZE },
            };
            let page = self.client.list_tickets(&query).await?;
            let count = page.ticket_summaries.0.len();
            tickets.extend(page.ticket_summaries.0);
            let has_more = page.truncated.map_or(count == PAGE_SIZE, |flag| flag.0);
            if count == 0 || !has_more {
                return Ok(tickets);
            }
        }
    }
}

/// Maps the tickets of a leg, assigned to the lines that the hold recorded.
pub(crate) fn tickets(
    leg: &LegRequest,
    refs: &[ExternalRef],
    details: &OrderDetails,
    facts: &Facts,
) -> Vec<IssuedTicket> {
    let mut lines: BTreeMap<i64, usize> = orders::movement_lines(refs);
    if lines.is_empty() {
        let (operations, movements) = (&details.operation_datas.0, &details.movement_datas.0);
        lines = orders::assign_movements(leg, operations, movements, facts.amount_unit).unwrap_or_default();
    }
    orders::tickets(details, &lines, facts)
}

#[async_trait]
impl Ordering for SecutixOrdering {
    fn shape(&self, _: &LegRequest) -> LegShape {
        LegShape::HoldThenConfirm
    }

    fn settlement_refusal(&self, leg: &LegRequest) -> Option<SettlementRefusal> {
        // A login sells only through its own channel (`secutix.md §5.1`).
        let channel = leg.account.get("sales_channel");
        if channel.is_some_and(|channel| !channel.eq_ignore_ascii_case(&self.channel)) {
            return Some(SettlementRefusal::NoAccount { setting: Some("sales_channel") });
        }
        let is_free = leg.lines.iter().all(|line| line.unit_price.amount == 0);
        let needs_method = !is_free && self.client.facts().needs_payment_method();
        let point_of_sale = self.snapshots.cached_point_of_sale();
        let cannot_pay = point_of_sale.is_some_and(|point_of_sale| point_of_sale.payment_method.is_none());
        (needs_method && cannot_pay).then_some(SettlementRefusal::NoInstrument { setting: "payment_method" })
    }

    async fn hold(&self, _: &StepKey, leg: &LegRequest) -> Result<PlacedHold, VendorError> {
        let operation = VendorOperation::Hold;
        let point_of_sale = self.snapshots.point_of_sale(operation).await?;
        let contact = self.contact(leg).contact_reference;
        let invalid_line =
            || self.client.rejected(operation, RefusalReason::InvalidInput { field: "ticketType".to_owned() }, None);
        let order = orders::new_order(leg, self.point_of_sale(leg, &point_of_sale), contact, self.client.facts());
        let order = order.map_err(|_| invalid_line())?;
        let update = self.client.create_order(order).await?;
        let order_id = update.order_id.ok_or_else(|| self.client.missing_field(operation, "orderId"))?.0;
        let held = match self.check_contingents(&update) {
            Ok(()) => self.build_hold(&point_of_sale, leg, &update, order_id).await,
            Err(error) => Err(error),
        };
        match held {
            Ok(held) => Ok(held),
            Err(error) => Err(self.abandon_hold(error, &update, order_id).await),
        }
    }

    async fn confirm(&self, _: &StepKey, leg: &LegRequest, refs: &[ExternalRef]) -> Result<ConfirmedSale, VendorError> {
        let operation = VendorOperation::Confirm;
        let point_of_sale = self.snapshots.point_of_sale(operation).await?;
        let order_id = self.order_id(operation, refs)?;
        let amount = self.amount_to_pay(order_id, refs).await?;
        let is_closed = self.close_order(leg, order_id, amount).await?;
        let details = self.read_sale(order_id, is_closed).await?;
        let sale = self.confirmation(leg, refs, &point_of_sale, &details);
        let paid = || self.money(operation, &point_of_sale, &details, amount).ok();
        Ok(ConfirmedSale { total: sale.total.or_else(paid), ..sale })
    }

    async fn release(&self, _: &StepKey, _: &LegRequest, refs: &[ExternalRef]) -> Result<(), VendorError> {
        let order_id = self.order_id(VendorOperation::Release, refs)?;
        let movements = orders::movement_lines(refs).into_keys().collect();
        match self.client.abandon_movements(order_id, movements).await {
            Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
            Err(error) if assumptions::is_hold_expired(&error) => Ok(()),
            outcome => outcome,
        }
    }

    /// Holds cannot be found: no search by our reference is documented. A lost hold cannot be sold either and expires by
    /// itself.
    async fn find_hold(&self, _: &StepKey, _: &LegRequest) -> Result<LookupOutcome<PlacedHold>, VendorError> {
        Ok(LookupOutcome::Undetermined)
    }

    async fn find_confirmation(
        &self,
        _: &StepKey,
        leg: &LegRequest,
        refs: &[ExternalRef],
    ) -> Result<LookupOutcome<ConfirmedSale>, VendorError> {
        let order_id = self.order_id(VendorOperation::LookUp, refs)?;
        let details = match self.client.order_details(order_id).await {
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(LookupOutcome::NotDone),
            read => read?,
        };
        match self.client.facts().order_state(details.order_state.as_ref()) {
            // A fully canceled sale was confirmed once; its tickets are void.
            OrderState::Closed | OrderState::Canceled => {
                let point_of_sale = self.snapshots.point_of_sale(VendorOperation::LookUp).await?;
                Ok(LookupOutcome::Done(self.confirmation(leg, refs, &point_of_sale, &details)))
            }
            OrderState::Open | OrderState::Abandoned => Ok(LookupOutcome::NotDone),
            OrderState::Unknown => Ok(LookupOutcome::Undetermined),
        }
    }

    async fn load_tickets(&self, leg: &LegRequest, refs: &[ExternalRef]) -> Result<Vec<IssuedTicket>, VendorError> {
        let details = self.client.order_details(self.order_id(VendorOperation::LookUp, refs)?).await?;
        let mut tickets = tickets(leg, refs, &details, self.client.facts());
        if leg.delivery == DeliveryPreference::MobileApp {
            self.load_admissions(&mut tickets).await;
        }
        Ok(tickets)
    }

    /// The history lists tickets, not orders, and contains neither our reference nor carts: one entry per ticket, matched by
    /// ticket id.
    async fn list_sales(
        &self,
        from: Timestamp,
        to: Timestamp,
        performances: &[PerformanceKey],
        _: &[String],
    ) -> Result<Vec<VendorSale>, VendorError> {
        let catalog = self.snapshots.current(VendorOperation::ListOrders).await?.value;
        let products: BTreeSet<i64> = performances
            .iter()
            .filter_map(|key| match keys::parse_performance(key)? {
                PerformanceRef::Date(_) => catalog.performances.get(key).map(|entry| entry.product_id),
                PerformanceRef::OpenPass(product) | PerformanceRef::PassItem { product, .. } => Some(product),
            })
            .collect();
        let mut sales = Vec::new();
        for product in products {
            let live = self.list_tickets(product, from, to).await?;
            let live = live.iter().filter(|ticket| self.client.facts().is_valid_ticket(ticket.ticket_state.as_ref()));
            sales.extend(live.filter_map(|ticket| {
                let refs = vec![ExternalRef::new(kind::TICKET, ticket.ticket_id?.0.to_string())];
                Some(VendorSale { reference: None, refs, is_sold: true })
            }));
        }
        Ok(sales)
    }
}
