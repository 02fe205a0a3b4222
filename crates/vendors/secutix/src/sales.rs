//! Selling: a cart with places and prices, closed on a pending account, read until it is complete (`secutix.md §5.4`, §5.5).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::ExposeSecret;

use crate::client::{Client, Pace};
use crate::inferred::{self, OrderState};
use crate::map::keys::{self, Occasion};
use crate::map::order::{self, kind};
use crate::map::till::Till;
use crate::map::time;
use crate::shelf::Shelf;
use crate::wire::history::{Pagination, TicketFilter, TicketQuery, TicketSummary};
use crate::wire::order::{CloseOrder, ContactData, OrderDetails, OrderUpdate, Payment, SALE};
use domain::ids::StepKey;
use domain::ordering::{
    Confirmed, DeliveryPreference, Found, Held, HoldSecures, IssuedTicket, LegRequest, Ordering, SettlementRefusal,
    TicketState, VendorSale,
};
use domain::{Effect, ErrorKind, ExternalRef, LegShape, Money, Operation, PerformanceKey, Reason, VendorError};

/// Tickets on one page of the history (`secutix.md §3.5`).
const PAGE: usize = 1_000;

/// Sells through one point of sale.
pub(crate) struct Sales {
    /// Calls the vendor.
    pub client: Arc<Client>,
    /// Knows the point of sale.
    pub shelf: Arc<Shelf>,
    /// The technical contact that all sales hang on.
    pub contact: String,
    /// The sales channel of the login.
    pub channel: String,
    /// How patiently a sale is read until it is complete.
    pub pace: Pace,
}

impl Sales {
    /// The order that a hold made. Without it there is nothing to act on: our own mistake.
    pub(crate) fn order_id(&self, operation: Operation, refs: &[ExternalRef]) -> Result<i64, VendorError> {
        let missing = || self.client.error(operation, ErrorKind::Internal).because("the leg has no secutix.order");
        order::find_id(refs, kind::ORDER).ok_or_else(missing)
    }

    /// The whole order, read on behalf of a write that has not been sent yet, or that is being checked.
    pub(crate) async fn details(&self, operation: Operation, order_id: i64) -> Result<OrderDetails, VendorError> {
        self.client.order_details(order_id).await.map_err(|error| VendorError { operation, ..error })
    }

    /// An amount of an order in its own currency.
    pub(crate) fn money(
        &self,
        operation: Operation,
        till: &Till,
        details: &OrderDetails,
        amount: i64,
    ) -> Result<Money, VendorError> {
        let coin = till.coin_of(details.catalog_currency.as_ref());
        coin.money(amount).map_err(|fault| self.client.error(operation, ErrorKind::Malformed).because(fault))
    }

    fn contact(&self, leg: &LegRequest) -> ContactData {
        let own = leg.account.get("contact_reference").filter(|reference| !reference.is_empty());
        ContactData { contact_reference: own.unwrap_or(&self.contact).clone() }
    }

    fn point_of_sale(&self, leg: &LegRequest, till: &Till) -> i64 {
        leg.account.get("point_of_sale").and_then(|id| id.trim().parse().ok()).unwrap_or(till.point_of_sale)
    }

    /// What the hold set aside, with its end and price, which only the whole order tells.
    async fn held(
        &self,
        till: &Till,
        leg: &LegRequest,
        update: &OrderUpdate,
        order_id: i64,
    ) -> Result<Held, VendorError> {
        let (operations, movements) = (&update.operation_data_updates.0, &update.movement_data_updates.0);
        let lines = order::allot(leg, operations, movements).ok_or_else(|| {
            let asked: u32 = leg.lines.iter().map(|line| line.quantity).sum();
            if movements.len() < usize::try_from(asked).unwrap_or(usize::MAX) {
                self.client.rejected(Operation::Hold, Reason::SoldOut { remaining: None }, None)
            } else {
                self.client.error(Operation::Hold, ErrorKind::Malformed).because("places that no line asked for")
            }
        })?;
        // Not knowing the end is no reason to lose the hold: without it the usual life of a cart counts.
        let details = self.details(Operation::Hold, order_id).await.unwrap_or_default();
        let line_total = |line: &crate::wire::order::Operation| {
            line.total_amount.map(|total| total.0).or_else(|| Some(line.unit_price?.0 * line.quantity?.0))
        };
        let amount = details.sale_amount.map(|total| total.0).or_else(|| operations.iter().map(line_total).sum());
        let told = details.catalog_currency.as_ref().or(update.catalog_currency.as_ref());
        let coin = till.coin_of(told);
        let total = amount.map(|amount| coin.money(amount)).transpose();
        let total = total.map_err(|fault| self.client.error(Operation::Hold, ErrorKind::Malformed).because(fault))?;
        let end = details.expiration_date.as_ref().or(update.expiration_date.as_ref());
        let secret = update.order_secret_id.as_ref().map(|words| words.0.as_str());
        Ok(Held {
            refs: order::refs(order_id, secret, amount, &lines),
            expires_at: time::instant(end, &till.zone),
            secures: vec![HoldSecures::Capacity, HoldSecures::Seats, HoldSecures::Price],
            total,
        })
    }

    /// Gives back what an unusable answer set aside; where that fails too, it ends by itself.
    async fn give_back(&self, error: VendorError, update: &OrderUpdate, order_id: i64) -> VendorError {
        let movements = update.movement_data_updates.0.iter().filter_map(|movement| Some(movement.movement_id?.0));
        match self.client.abandon(order_id, movements.collect()).await {
            Ok(()) => error.with_effect(Effect::None),
            Err(_) => error.with_effect(Effect::Unknown),
        }
    }

    /// Turns a cart into a sale, at the price that the hold told.
    async fn close(&self, leg: &LegRequest, refs: &[ExternalRef], details: &OrderDetails) -> Result<(), VendorError> {
        let operation = Operation::Confirm;
        let order_id = self.order_id(operation, refs)?;
        let till = self.shelf.till(operation).await?;
        let amount = details
            .sale_amount
            .map(|total| total.0)
            .ok_or_else(|| self.client.error(operation, ErrorKind::Malformed).because("an order without saleAmount"))?;
        // What the buyer was told is what the hold said (`secutix.md §5.4`).
        if order::find_id(refs, kind::AMOUNT).is_some_and(|told| told != amount) {
            let now = self.money(operation, &till, details, amount)?;
            return Err(self.client.rejected(operation, Reason::PriceChanged { now }, None));
        }
        let payments = match till.payment_method {
            Some(payment_method_id) if amount > 0 => vec![Payment { payment_method_id, amount }],
            None if amount > 0 => return Err(self.client.rejected(operation, Reason::PaymentDeclined, None)),
            _ => Vec::new(),
        };
        let close = CloseOrder {
            order_id,
            order_type: SALE,
            purchaser_info: self.contact(leg),
            payments,
            // The app needs the codes too: what is handed over there carries them.
            generate_bar_codes: true,
            max_waiting_time: 0,
        };
        self.client.close_order(&close).await
    }

    /// Reads a closed order until every place has its code; codes that take longer than our patience come later.
    async fn complete(&self, refs: &[ExternalRef]) -> Result<OrderDetails, VendorError> {
        let operation = Operation::Confirm;
        let order_id = self.order_id(operation, refs)?;
        let mut waits = self.pace.until_tired();
        loop {
            let read = self.details(operation, order_id).await;
            let is_sold =
                |details: &OrderDetails| inferred::order_state(details.order_state.as_ref()) == OrderState::Closed;
            match read {
                Ok(details) if is_sold(&details) && order::has_all_codes(&details) => return Ok(details),
                read => match (waits.next(), read) {
                    (Some(wait), _) => tokio::time::sleep(wait).await,
                    (None, Ok(details)) if is_sold(&details) => return Ok(details),
                    (None, Ok(_)) => {
                        let error = self.client.error(operation, ErrorKind::Timeout).with_effect(Effect::Unknown);
                        return Err(error.because("the order was closed and does not say so"));
                    }
                    (None, Err(error)) => return Err(error.with_effect(Effect::Unknown)),
                },
            }
        }
    }

    fn confirmed(&self, leg: &LegRequest, refs: &[ExternalRef], till: &Till, details: &OrderDetails) -> Confirmed {
        let tickets = tickets(leg, refs, details);
        let mut refs = refs.to_vec();
        for ticket in tickets.iter().flat_map(|ticket| &ticket.refs).filter(|one| one.kind == kind::TICKET) {
            if !refs.contains(ticket) {
                refs.push(ticket.clone());
            }
        }
        let total = details.sale_amount.and_then(|amount| self.money(Operation::Confirm, till, details, amount.0).ok());
        Confirmed { refs, tickets, total }
    }

    /// Learns which tickets were let in: the order does not tell, and the app must hear of it. A gate that does not answer, or not
    /// to us, tells nothing.
    async fn ask_the_gate(&self, tickets: &mut [IssuedTicket]) {
        let Ok(till) = self.shelf.till(Operation::LookUp).await else { return };
        for ticket in tickets.iter_mut().filter(|ticket| ticket.state == TicketState::Issued) {
            let Some(code) = &ticket.barcode else { continue };
            let Ok(known) = self.client.controlled_ticket(code.value.expose_secret()).await else { return };
            let first =
                known.control_operations.0.iter().find(|done| inferred::lets_in(done.control_operation_type.as_ref()));
            if let Some(done) = first {
                ticket.state = TicketState::Used(time::instant(done.operation_date_time.as_ref(), &till.zone));
            }
        }
    }

    /// Tickets of a product that were sold in a window, page by page.
    async fn sold(&self, product_id: i64, from: Timestamp, to: Timestamp) -> Result<Vec<TicketSummary>, VendorError> {
        let mut tickets = Vec::new();
        loop {
            let (start_date, end_date) = (time::written(from), time::written(to));
            let query = TicketQuery {
                ticket_filter_criteria: TicketFilter { product_id, start_date, end_date },
                pagination_parameter: Pagination { start_position: tickets.len(), max_result: PAGE },
            };
            let page = self.client.tickets(&query).await?;
            let count = page.ticket_summaries.0.len();
            tickets.extend(page.ticket_summaries.0);
            let goes_on = page.truncated.map_or(count == PAGE, |flag| flag.0);
            if count == 0 || !goes_on {
                return Ok(tickets);
            }
        }
    }
}

/// The tickets of a leg, by the lines that its hold wrote down.
pub(crate) fn tickets(leg: &LegRequest, refs: &[ExternalRef], details: &OrderDetails) -> Vec<IssuedTicket> {
    let mut lines: BTreeMap<i64, usize> = order::lines_of(refs);
    if lines.is_empty() {
        let (operations, movements) = (&details.operation_datas.0, &details.movement_datas.0);
        lines = order::allot(leg, operations, movements).unwrap_or_default();
    }
    order::tickets(details, &lines)
}

#[async_trait]
impl Ordering for Sales {
    fn shape(&self, _: &LegRequest) -> LegShape {
        LegShape::HoldThenConfirm
    }

    fn refuses(&self, leg: &LegRequest) -> Option<SettlementRefusal> {
        // A login sells through its own channel only (`secutix.md §5.1`).
        let wanted = leg.account.get("sales_channel");
        if wanted.is_some_and(|channel| !channel.eq_ignore_ascii_case(&self.channel)) {
            return Some(SettlementRefusal::NoAccount);
        }
        let is_free = leg.lines.iter().all(|line| line.unit_price.amount == 0);
        let till = self.shelf.known_till();
        let cannot_pay = till.is_some_and(|till| till.payment_method.is_none());
        (cannot_pay && !is_free).then_some(SettlementRefusal::NoInstrument)
    }

    async fn hold(&self, _: &StepKey, leg: &LegRequest) -> Result<Held, VendorError> {
        let operation = Operation::Hold;
        let till = self.shelf.till(operation).await?;
        let contact = self.contact(leg).contact_reference;
        let foreign = || self.client.rejected(operation, Reason::InvalidInput { field: "ticketType".to_owned() }, None);
        let order = order::new_order(leg, self.point_of_sale(leg, &till), contact).map_err(|_| foreign())?;
        let update = self.client.create_order(order).await?;
        let order_id = update.order_id.ok_or_else(|| self.client.empty(operation, "orderId"))?.0;
        match self.held(&till, leg, &update, order_id).await {
            Ok(held) => Ok(held),
            Err(error) => Err(self.give_back(error, &update, order_id).await),
        }
    }

    async fn confirm(&self, _: &StepKey, leg: &LegRequest, refs: &[ExternalRef]) -> Result<Confirmed, VendorError> {
        let operation = Operation::Confirm;
        let till = self.shelf.till(operation).await?;
        let order_id = self.order_id(operation, refs)?;
        let gone = || self.client.rejected(operation, Reason::HoldExpired, None);
        // Read first: an order closes once, so a sale that an earlier, lost answer hid is found instead of paid again.
        let before = match self.details(operation, order_id).await {
            Err(error) if error.kind == ErrorKind::NotFound => return Err(gone()),
            read => read?,
        };
        match inferred::order_state(before.order_state.as_ref()) {
            OrderState::Abandoned | OrderState::Cancelled => return Err(gone()),
            OrderState::Closed => {}
            OrderState::Open | OrderState::Unknown => match self.close(leg, refs, &before).await {
                // It was open a moment ago: our own request reached the vendor twice, and the first one closed it.
                Err(error) if inferred::says_closed(&error) => {}
                closed => closed?,
            },
        }
        let details = self.complete(refs).await?;
        Ok(self.confirmed(leg, refs, &till, &details))
    }

    async fn release(&self, _: &StepKey, _: &LegRequest, refs: &[ExternalRef]) -> Result<(), VendorError> {
        let order_id = self.order_id(Operation::Release, refs)?;
        let movements = order::lines_of(refs).into_keys().collect();
        match self.client.abandon(order_id, movements).await {
            Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
            Err(error) if inferred::says_expired(&error) => Ok(()),
            outcome => outcome,
        }
    }

    /// Holds cannot be found: no search by our reference was seen. A lost one cannot be sold either, and ends by itself.
    async fn find_hold(&self, _: &StepKey, _: &LegRequest) -> Result<Found<Held>, VendorError> {
        Ok(Found::Unclear)
    }

    async fn find_confirmation(
        &self,
        _: &StepKey,
        leg: &LegRequest,
        refs: &[ExternalRef],
    ) -> Result<Found<Confirmed>, VendorError> {
        let order_id = self.order_id(Operation::LookUp, refs)?;
        let details = match self.client.order_details(order_id).await {
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(Found::NotDone),
            read => read?,
        };
        match inferred::order_state(details.order_state.as_ref()) {
            // A sale of which nothing is left was one; its tickets say that they are void.
            OrderState::Closed | OrderState::Cancelled => {
                let till = self.shelf.till(Operation::LookUp).await?;
                Ok(Found::Done(self.confirmed(leg, refs, &till, &details)))
            }
            OrderState::Open | OrderState::Abandoned => Ok(Found::NotDone),
            OrderState::Unknown => Ok(Found::Unclear),
        }
    }

    async fn load_tickets(&self, leg: &LegRequest, refs: &[ExternalRef]) -> Result<Vec<IssuedTicket>, VendorError> {
        let details = self.client.order_details(self.order_id(Operation::LookUp, refs)?).await?;
        let mut tickets = tickets(leg, refs, &details);
        if leg.delivery == DeliveryPreference::MobileApp {
            self.ask_the_gate(&mut tickets).await;
        }
        Ok(tickets)
    }

    /// The history knows tickets, not orders, and neither our reference nor carts: one entry a ticket, known again by its id.
    async fn list_sales(
        &self,
        from: Timestamp,
        to: Timestamp,
        performances: &[PerformanceKey],
        _: &[String],
    ) -> Result<Vec<VendorSale>, VendorError> {
        let catalog = self.shelf.current(Operation::ListOrders).await?.value;
        let products: BTreeSet<i64> = performances
            .iter()
            .filter_map(|key| match keys::read_performance(key)? {
                Occasion::Date(_) => catalog.shows.get(key).map(|show| show.product),
                Occasion::OpenPass(product) | Occasion::PassItem { product, .. } => Some(product),
            })
            .collect();
        let mut sales = Vec::new();
        for product in products {
            let live = self.sold(product, from, to).await?;
            let live = live.iter().filter(|ticket| inferred::is_live(ticket.ticket_state.as_ref()));
            sales.extend(live.filter_map(|ticket| {
                let refs = vec![ExternalRef::new(kind::TICKET, ticket.ticket_id?.0.to_string())];
                Some(VendorSale { reference: None, refs, is_sold: true })
            }));
        }
        Ok(sales)
    }
}
