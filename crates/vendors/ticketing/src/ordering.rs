//! Selling. Each leg has its own customer account, named by our reference, whose orders and wallet belong to the leg
//! alone. This makes a lost response recoverable and tickets distinguishable (`ticketing.md §6.1`, `§7` I18).

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use futures_util::StreamExt;
use jiff::Timestamp;
use reqwest::Url;
use secrecy::ExposeSecret;

use crate::assumptions::PaymentWord;
use crate::client::CancelOutcome;
use crate::map::order::{self, OrderState};
use crate::map::{account, keys, time};
use crate::{TicketingSource, wire};
use domain::ids::StepKey;
use domain::ordering::{
    ConfirmedSale, Contact, DeliveryPreference, IssuedTicket, LegRequest, LookupOutcome, Ordering, PlacedHold,
    SettlementRefusal, VendorSale,
};
use domain::{Effect, ErrorKind, ExternalRef, LegShape, PerformanceKey, RefusalReason, VendorError, VendorOperation};

/// Concurrent account reads for a list of sales.
const MAX_CONCURRENT_READS: usize = 4;

/// An order and the number of the account that it was placed for.
struct PlacedOrder {
    order: wire::Order,
    account: String,
}

impl TicketingSource {
    /// Opens the account of a leg, or finds the one of an earlier attempt. Also returns whether it is new.
    async fn open_or_find_account(&self, op: VendorOperation, leg: &LegRequest) -> Result<(String, bool), VendorError> {
        let contact = self.require_contact(op, leg)?;
        let email = account::tagged_email(contact, &leg.reference).ok_or_else(|| {
            self.client.rejected(op, RefusalReason::InvalidInput { field: "contact.email".to_owned() })
        })?;
        let password = account::password(&self.api_key, &leg.reference);
        let account = account::new_account(&leg.reference, contact, &email, password.expose_secret());
        let opened = self.client.open_account(op, &account).await;
        let taken = match opened {
            Ok(account) => return self.account_number(op, account).map(|number| (number, true)),
            Err(error) => error,
        };
        if !is_rejected_with(&taken, &RefusalReason::Conflict) {
            return Err(taken);
        }
        let found = self.client.find_account(&leg.reference).await.map_err(|error| as_step_error(op, error))?;
        self.account_number(op, found.ok_or(taken)?).map(|number| (number, false))
    }

    /// Returns the contact of a leg, which its hold requires already.
    fn require_contact<'a>(&self, op: VendorOperation, leg: &'a LegRequest) -> Result<&'a Contact, VendorError> {
        let missing = || self.client.rejected(op, RefusalReason::InvalidInput { field: "contact".to_owned() });
        leg.contact.as_ref().ok_or_else(missing)
    }

    fn account_number(&self, op: VendorOperation, account: wire::Account) -> Result<String, VendorError> {
        account.number.filter(|number| keys::is_id(number)).ok_or_else(|| self.client.error(op, ErrorKind::Malformed))
    }

    /// Finds the order of a leg: a sale before a hold before a reversed order; `None` if all were abandoned.
    async fn find_placed_order(&self, leg: &LegRequest) -> Result<Option<PlacedOrder>, VendorError> {
        let Some(account) = self.client.find_account(&leg.reference).await? else { return Ok(None) };
        let account = self.account_number(VendorOperation::LookUp, account)?;
        let order = self.find_current_order(leg, &account).await?;
        Ok(order.map(|order| PlacedOrder { order, account }))
    }

    async fn find_current_order(&self, leg: &LegRequest, account: &str) -> Result<Option<wire::Order>, VendorError> {
        let items = self.requested_items(VendorOperation::LookUp, leg)?;
        let rank = |order: &wire::Order| match self.order_state(order) {
            OrderState::Fulfilled => 0,
            OrderState::Placed => 1,
            OrderState::Reversed | OrderState::Unknown => 2,
            OrderState::Abandoned => 3,
        };
        let mut orders = self.client.orders_of(account).await?;
        orders.retain(|it| order::contains_exactly(it, &items) && self.order_state(it) != OrderState::Abandoned);
        orders.sort_by_key(rank);
        Ok(orders.into_iter().next())
    }

    fn requested_items(&self, op: VendorOperation, leg: &LegRequest) -> Result<BTreeMap<String, u32>, VendorError> {
        let wrong = || self.client.rejected(op, RefusalReason::InvalidInput { field: "lines".to_owned() });
        order::items(&leg.lines).filter(|items| !items.is_empty()).ok_or_else(wrong)
    }

    /// Refuses a leg with an event that cannot be shown to be the host's: it would take money for a promoter who does not know us
    /// (`ticketing.md §9`, trap 19).
    async fn require_own_events(&self, op: VendorOperation, leg: &LegRequest) -> Result<(), VendorError> {
        let events: BTreeSet<&str> = leg.lines.iter().map(|line| line.performance.as_str()).collect();
        for event in events {
            let is_own = self.is_own(VendorOperation::LookUp, event).await;
            if !is_own.map_err(|error| as_step_error(op, error))? {
                return Err(self.client.rejected(op, RefusalReason::NotOnSale));
            }
        }
        Ok(())
    }

    /// Returns the state of an order, and logs a status word that has no meaning.
    pub(super) fn order_state(&self, order: &wire::Order) -> OrderState {
        let state = order::order_state(order, &self.defaults.facts);
        if let Some(word) = order.status.as_deref().filter(|_| state == OrderState::Unknown) {
            let effect = "the outcome of its orders stays unknown";
            self.unknown_words.warn(self.client.source(), "order_status_words", word, effect);
        }
        state
    }

    /// Returns what a payment or refund says about itself, and logs a word that has no meaning.
    pub(super) fn payment_word(&self, settled: &wire::PaymentResult) -> Option<PaymentWord> {
        let meaning = account::payment_word(settled, &self.defaults.facts);
        if let Some(word) = settled.status.as_deref().filter(|_| meaning.is_none()) {
            let effect = "the order shows if it was paid or refunded";
            self.unknown_words.warn(self.client.source(), "payment_status_words", word, effect);
        }
        meaning
    }

    /// Maps the wallet of a leg's account to tickets, and logs status words that have no meaning.
    pub(super) fn issued_tickets(&self, leg: &LegRequest, wallet: Vec<wire::Ticket>) -> Vec<IssuedTicket> {
        let facts = &self.defaults.facts;
        for word in wallet.iter().filter_map(|ticket| order::unknown_ticket_word(ticket, facts)) {
            self.unknown_words.warn(self.client.source(), "ticket_status_words", word, "its tickets are pending");
        }
        order::issued_tickets(leg, wallet, facts)
    }

    /// Places the order of a leg. If its account already existed, an existing order is returned instead of a second
    /// one.
    async fn place_order(&self, op: VendorOperation, leg: &LegRequest) -> Result<PlacedOrder, VendorError> {
        let items = self.requested_items(op, leg)?;
        self.require_own_events(op, leg).await?;
        let (account, is_new) = self.open_or_find_account(op, leg).await?;
        if !is_new {
            let there = self.find_current_order(leg, &account).await.map_err(|error| as_step_error(op, error))?;
            let usable = |it: &wire::Order| matches!(self.order_state(it), OrderState::Placed | OrderState::Fulfilled);
            if let Some(order) = there.filter(usable) {
                return Ok(PlacedOrder { order, account });
            }
        }
        let order = self.client.place_order(op, &wire::NewOrder { customer: &account, items }).await?;
        Ok(PlacedOrder { order, account })
    }

    /// Loads the sale of an order, with the tickets that its wallet contains so far.
    async fn load_sale(&self, leg: &LegRequest, placed: &PlacedOrder) -> ConfirmedSale {
        let wallet = self.client.wallet(&placed.account).await.unwrap_or_default();
        order::confirmed(&placed.order, &placed.account, &self.defaults, self.issued_tickets(leg, wallet))
    }

    async fn sell_free_order(&self, leg: &LegRequest) -> Result<ConfirmedSale, VendorError> {
        let op = VendorOperation::Confirm;
        let placed = self.place_order(op, leg).await?;
        if self.order_state(&placed.order) == OrderState::Fulfilled {
            return Ok(self.load_sale(leg, &placed).await);
        }
        // It is not free anymore, so it is canceled immediately; if the cancellation is lost too, the payment window
        // ends it.
        let closed = self.client.cancel_order(&placed.order.number).await;
        match order::order_total(&placed.order, &self.defaults) {
            Some(now) if !matches!(closed, Ok(CancelOutcome::NotOpen)) => {
                Err(self.client.rejected(op, RefusalReason::PriceChanged { now }))
            }
            _ => Err(self.client.error(op, ErrorKind::Malformed).with_effect(Effect::Unknown)),
        }
    }

    async fn pay_order(&self, leg: &LegRequest, refs: &[ExternalRef]) -> Result<ConfirmedSale, VendorError> {
        let op = VendorOperation::Confirm;
        let Some(card) = &self.card else { return Err(self.client.error(op, ErrorKind::Unsupported)) };
        let number = self.order_number(op, refs)?;
        let link = self.action_url(op, refs, order::PAYMENTS_REF, &format!("/orders/{number}/payments"))?;
        // A word without a meaning may be a payment: the order shows it.
        let mut is_declined = false;
        match self.client.pay(link, &account::card_payment(card, self.require_contact(op, leg)?)).await {
            Ok(settled) => match self.payment_word(&settled) {
                Some(PaymentWord::Authorized) => {}
                Some(PaymentWord::Declined) => return Err(self.client.rejected(op, RefusalReason::PaymentDeclined)),
                None => is_declined = true,
            },
            Err(error) if is_rejected_with(&error, &RefusalReason::Conflict) => {}
            Err(error) => return Err(error),
        }
        // From here on it may be sold: a lost response is resolved by a lookup.
        let lost = |error: VendorError| as_step_error(op, error).with_effect(Effect::Unknown);
        let order = self.client.order(number).await.map_err(lost)?;
        match self.order_state(&order) {
            OrderState::Fulfilled => {
                let account =
                    self.account_number_of(&order, refs).ok_or_else(|| self.client.error(op, ErrorKind::Malformed));
                Ok(self.load_sale(leg, &PlacedOrder { order, account: account.map_err(lost)? }).await)
            }
            OrderState::Abandoned => Err(self.client.rejected(op, RefusalReason::HoldExpired)),
            OrderState::Reversed => Err(self.client.rejected(op, RefusalReason::Conflict)),
            OrderState::Placed if is_declined => Err(self.client.rejected(op, RefusalReason::PaymentDeclined)),
            OrderState::Placed | OrderState::Unknown => Err(lost(self.client.error(op, ErrorKind::Unavailable))),
        }
    }

    pub(super) fn order_number<'r>(
        &self,
        op: VendorOperation,
        refs: &'r [ExternalRef],
    ) -> Result<&'r str, VendorError> {
        let number = order::find_ref(refs, order::ORDER_REF).filter(|number| keys::is_id(number));
        number.ok_or_else(|| self.client.error(op, ErrorKind::Internal).with_cause("the leg has no order number"))
    }

    /// Returns the URL of an order's action; without a link, its usual path (`§7` I9).
    pub(super) fn action_url(
        &self,
        op: VendorOperation,
        refs: &[ExternalRef],
        kind: &str,
        usual: &str,
    ) -> Result<Url, VendorError> {
        let link = order::find_ref(refs, kind).unwrap_or(usual);
        let leads_away = || self.client.error(op, ErrorKind::Malformed).with_cause("a link points to another server");
        self.client.resolve_link(link).ok_or_else(leads_away)
    }

    pub(super) fn account_number_of(&self, order: &wire::Order, refs: &[ExternalRef]) -> Option<String> {
        let referenced = order::find_ref(refs, order::ACCOUNT_REF);
        let customer = order.customer.as_ref().and_then(|customer| customer.number.as_deref());
        referenced.or(customer).filter(|number| keys::is_id(number)).map(str::to_owned)
    }

    /// Maps an order for reconciliation; `None` if it was abandoned or reversed, or belongs to another seller.
    async fn vendor_sale(&self, order: wire::Order, references: &[String]) -> Result<Option<VendorSale>, VendorError> {
        let is_sold = match self.order_state(&order) {
            OrderState::Fulfilled => true,
            OrderState::Placed | OrderState::Unknown => false,
            OrderState::Abandoned | OrderState::Reversed => return Ok(None),
        };
        let Some(number) = self.account_number_of(&order, &[]) else { return Ok(None) };
        let account = match order.customer.clone() {
            Some(customer) if customer.username.is_some() && customer.email.is_some() => customer,
            _ => self.client.account(VendorOperation::ListOrders, &number).await?,
        };
        let Some(reference) = account.username.as_ref() else { return Ok(None) };
        if !references.contains(reference) && !account::is_leg_account(&account) {
            return Ok(None);
        }
        Ok(Some(VendorSale { reference: Some(reference.clone()), refs: order::refs(&order, &number), is_sold }))
    }
}

/// Turns a failed read within a write step into an error of the step, which had no effect.
fn as_step_error(op: VendorOperation, mut error: VendorError) -> VendorError {
    error.operation = op;
    error.with_effect(Effect::None)
}

pub(super) fn is_rejected_with(error: &VendorError, reason: &RefusalReason) -> bool {
    matches!(&error.kind, ErrorKind::Rejected(refusal) if refusal.reason == *reason)
}

#[async_trait]
impl Ordering for TicketingSource {
    fn shape(&self, leg: &LegRequest) -> LegShape {
        let is_free = leg.lines.iter().all(|line| line.unit_price.amount == 0);
        if is_free { LegShape::CommitsAtHold } else { LegShape::HoldThenConfirm }
    }

    fn settlement_refusal(&self, leg: &LegRequest) -> Option<SettlementRefusal> {
        if leg.delivery == DeliveryPreference::MobileApp {
            return Some(SettlementRefusal::UnsupportedDelivery);
        }
        let must_pay = self.shape(leg) == LegShape::HoldThenConfirm;
        (must_pay && self.card.is_none()).then_some(SettlementRefusal::NoInstrument { setting: "settlement" })
    }

    async fn hold(&self, _key: &StepKey, leg: &LegRequest) -> Result<PlacedHold, VendorError> {
        let placed = self.place_order(VendorOperation::Hold, leg).await?;
        Ok(order::held(&placed.order, &placed.account, &self.defaults))
    }

    async fn confirm(
        &self,
        _key: &StepKey,
        leg: &LegRequest,
        refs: &[ExternalRef],
    ) -> Result<ConfirmedSale, VendorError> {
        match self.shape(leg) {
            LegShape::CommitsAtHold if refs.is_empty() => self.sell_free_order(leg).await,
            _ => self.pay_order(leg, refs).await,
        }
    }

    async fn release(&self, _key: &StepKey, leg: &LegRequest, refs: &[ExternalRef]) -> Result<(), VendorError> {
        let number = match order::find_ref(refs, order::ORDER_REF) {
            Some(number) => number.to_owned(),
            None => match self
                .find_placed_order(leg)
                .await
                .map_err(|error| as_step_error(VendorOperation::Release, error))?
            {
                Some(placed) => placed.order.number,
                None => return Ok(()),
            },
        };
        if self.client.cancel_order(&number).await? == CancelOutcome::Closed {
            return Ok(());
        }
        let order = self.client.order(&number).await.map_err(|error| as_step_error(VendorOperation::Release, error))?;
        match self.order_state(&order) {
            OrderState::Abandoned | OrderState::Reversed => Ok(()),
            _ => Err(self.client.rejected(VendorOperation::Release, RefusalReason::Conflict)),
        }
    }

    async fn find_hold(&self, _key: &StepKey, leg: &LegRequest) -> Result<LookupOutcome<PlacedHold>, VendorError> {
        let Some(placed) = self.find_placed_order(leg).await? else { return Ok(LookupOutcome::NotDone) };
        Ok(match self.order_state(&placed.order) {
            OrderState::Placed | OrderState::Fulfilled => {
                LookupOutcome::Done(order::held(&placed.order, &placed.account, &self.defaults))
            }
            OrderState::Abandoned | OrderState::Reversed => LookupOutcome::NotDone,
            OrderState::Unknown => LookupOutcome::Undetermined,
        })
    }

    async fn find_confirmation(
        &self,
        _key: &StepKey,
        leg: &LegRequest,
        refs: &[ExternalRef],
    ) -> Result<LookupOutcome<ConfirmedSale>, VendorError> {
        let placed = match order::find_ref(refs, order::ORDER_REF) {
            None => self.find_placed_order(leg).await?,
            Some(number) => {
                let order = self.client.order(number).await?;
                self.account_number_of(&order, refs).map(|account| PlacedOrder { order, account })
            }
        };
        let Some(placed) = placed else { return Ok(LookupOutcome::NotDone) };
        Ok(match self.order_state(&placed.order) {
            // Reversed since, but it was sold: its tickets show the reversal.
            OrderState::Fulfilled | OrderState::Reversed => LookupOutcome::Done(self.load_sale(leg, &placed).await),
            OrderState::Placed | OrderState::Abandoned => LookupOutcome::NotDone,
            OrderState::Unknown => LookupOutcome::Undetermined,
        })
    }

    async fn load_tickets(&self, leg: &LegRequest, refs: &[ExternalRef]) -> Result<Vec<IssuedTicket>, VendorError> {
        let account = match order::find_ref(refs, order::ACCOUNT_REF) {
            Some(number) => Some(number.to_owned()),
            None => match self.client.find_account(&leg.reference).await? {
                Some(account) => Some(self.account_number(VendorOperation::LookUp, account)?),
                None => None,
            },
        };
        let Some(account) = account else { return Ok(Vec::new()) };
        Ok(self.issued_tickets(leg, self.client.wallet(&account).await?))
    }

    async fn list_sales(
        &self,
        from: Timestamp,
        to: Timestamp,
        _performances: &[PerformanceKey],
        references: &[String],
    ) -> Result<Vec<VendorSale>, VendorError> {
        let mut listed = self.client.orders_since(from).await?;
        listed.retain(|order| {
            let placed = time::parse_server_instant(order.placed.as_deref());
            placed.is_none_or(|at| from <= at && at < to)
        });
        let sales = listed.into_iter().map(|order| self.vendor_sale(order, references));
        let mut found = Vec::new();
        let mut results = futures_util::stream::iter(sales).buffered(MAX_CONCURRENT_READS);
        while let Some(sale) = results.next().await {
            found.extend(sale?);
        }
        Ok(found)
    }
}
