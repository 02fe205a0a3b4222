//! Selling. Each leg has an account of its own, named by our reference: its orders and its wallet are the leg's and nobody else's,
//! so that a lost answer can be looked up and tickets can be told apart (`ticketing.md §6.1`, `§7` I18).

use std::collections::BTreeMap;

use async_trait::async_trait;
use futures_util::StreamExt;
use jiff::Timestamp;
use reqwest::Url;
use secrecy::ExposeSecret;

use crate::client::Closed;
use crate::map::order::{self, Standing};
use crate::map::{account, keys, time};
use crate::{Account, wire};
use domain::ids::StepKey;
use domain::ordering::{
    Confirmed, DeliveryPreference, Found, Held, IssuedTicket, LegRequest, Ordering, SettlementRefusal, VendorSale,
};
use domain::{Effect, ErrorKind, ExternalRef, LegShape, Operation, PerformanceKey, Reason, VendorError};

/// Accounts read at once for a list of sales.
const AT_ONCE: usize = 4;

/// An order, and the number of the account that it was placed for.
struct Placed {
    order: wire::Order,
    account: String,
}

impl Account {
    /// Opens the account of a leg, or finds it where it is there from an earlier attempt. Says whether it is new.
    async fn account_of(&self, op: Operation, leg: &LegRequest) -> Result<(String, bool), VendorError> {
        let email = account::email(leg)
            .ok_or_else(|| self.client.rejected(op, Reason::InvalidInput { field: "contact.email".to_owned() }))?;
        let password = account::password(&self.api_key, &leg.reference);
        let opened = self.client.open_account(op, &account::new(leg, &email, password.expose_secret())).await;
        let taken = match opened {
            Ok(account) => return self.number(op, account).map(|number| (number, true)),
            Err(fault) => fault,
        };
        if !is_refused_as(&taken, &Reason::Conflict) {
            return Err(taken);
        }
        let found = self.client.find_account(&leg.reference).await.map_err(|fault| during(op, fault))?;
        self.number(op, found.ok_or(taken)?).map(|number| (number, false))
    }

    fn number(&self, op: Operation, account: wire::Account) -> Result<String, VendorError> {
        account.number.filter(|number| keys::is_id(number)).ok_or_else(|| self.client.error(op, ErrorKind::Malformed))
    }

    /// What was placed for a leg: a sale before a hold before what was undone; `None` where nothing stands.
    async fn find_placed(&self, leg: &LegRequest) -> Result<Option<Placed>, VendorError> {
        let Some(account) = self.client.find_account(&leg.reference).await? else { return Ok(None) };
        let account = self.number(Operation::LookUp, account)?;
        let order = self.standing_order(leg, &account).await?;
        Ok(order.map(|order| Placed { order, account }))
    }

    async fn standing_order(&self, leg: &LegRequest, account: &str) -> Result<Option<wire::Order>, VendorError> {
        let items = self.items(Operation::LookUp, leg)?;
        let rank = |order: &wire::Order| match order::standing(order) {
            Standing::Fulfilled => 0,
            Standing::Placed => 1,
            Standing::Undone | Standing::Unknown => 2,
            Standing::Ended => 3,
        };
        let mut orders = self.client.orders_of(account).await?;
        orders.retain(|it| order::holds(it, &items) && order::standing(it) != Standing::Ended);
        orders.sort_by_key(rank);
        Ok(orders.into_iter().next())
    }

    fn items(&self, op: Operation, leg: &LegRequest) -> Result<BTreeMap<String, u32>, VendorError> {
        let wrong = || self.client.rejected(op, Reason::InvalidInput { field: "lines".to_owned() });
        order::items(&leg.lines).filter(|items| !items.is_empty()).ok_or_else(wrong)
    }

    /// Places the order of a leg. Where its account was there before, an order may be too: that one is taken, never a second.
    async fn place(&self, op: Operation, leg: &LegRequest) -> Result<Placed, VendorError> {
        let items = self.items(op, leg)?;
        let (account, is_new) = self.account_of(op, leg).await?;
        if !is_new {
            let there = self.standing_order(leg, &account).await.map_err(|fault| during(op, fault))?;
            let usable = |it: &wire::Order| matches!(order::standing(it), Standing::Placed | Standing::Fulfilled);
            if let Some(order) = there.filter(usable) {
                return Ok(Placed { order, account });
            }
        }
        let order = self.client.place_order(op, &wire::NewOrder { customer: &account, items }).await?;
        Ok(Placed { order, account })
    }

    /// The sale that an order has become, with the tickets that its wallet shows by now.
    async fn sale(&self, leg: &LegRequest, placed: &Placed) -> Confirmed {
        let wallet = self.client.wallet(&placed.account).await.unwrap_or_default();
        order::confirmed(&placed.order, &placed.account, &self.terms, order::tickets(leg, wallet))
    }

    async fn sell_free(&self, leg: &LegRequest) -> Result<Confirmed, VendorError> {
        let op = Operation::Confirm;
        let placed = self.place(op, leg).await?;
        if order::standing(&placed.order) == Standing::Fulfilled {
            return Ok(self.sale(leg, &placed).await);
        }
        // It costs something now. Given back at once; if that is lost too, the payment window ends it.
        let closed = self.client.cancel_order(&placed.order.number).await;
        match order::total(&placed.order, &self.terms) {
            Some(now) if !matches!(closed, Ok(Closed::NotOpen)) => {
                Err(self.client.rejected(op, Reason::PriceChanged { now }))
            }
            _ => Err(self.client.error(op, ErrorKind::Malformed).with_effect(Effect::Unknown)),
        }
    }

    async fn settle(&self, leg: &LegRequest, refs: &[ExternalRef]) -> Result<Confirmed, VendorError> {
        let op = Operation::Confirm;
        let Some(instrument) = &self.instrument else { return Err(self.client.error(op, ErrorKind::Unsupported)) };
        let number = self.order_number(op, refs)?;
        let link = self.link(op, refs, order::PAYMENTS, &format!("/orders/{number}/payments"))?;
        match self.client.pay(link, &account::payment(instrument, leg)).await {
            Ok(settled) if account::is_authorised(&settled) => {}
            Ok(_) => return Err(self.client.rejected(op, Reason::PaymentDeclined)),
            Err(fault) if is_refused_as(&fault, &Reason::Conflict) => {}
            Err(fault) => return Err(fault),
        }
        // From here on it may be sold: an answer that is lost now is looked up.
        let lost = |fault: VendorError| during(op, fault).with_effect(Effect::Unknown);
        let order = self.client.order(number).await.map_err(lost)?;
        match order::standing(&order) {
            Standing::Fulfilled => {
                let account = self.account_in(&order, refs).ok_or_else(|| self.client.error(op, ErrorKind::Malformed));
                Ok(self.sale(leg, &Placed { order, account: account.map_err(lost)? }).await)
            }
            Standing::Ended => Err(self.client.rejected(op, Reason::HoldExpired)),
            Standing::Undone => Err(self.client.rejected(op, Reason::Conflict)),
            Standing::Placed | Standing::Unknown => Err(lost(self.client.error(op, ErrorKind::Unavailable))),
        }
    }

    pub(super) fn order_number<'r>(&self, op: Operation, refs: &'r [ExternalRef]) -> Result<&'r str, VendorError> {
        let number = order::reference(refs, order::ORDER).filter(|number| keys::is_id(number));
        number.ok_or_else(|| self.client.error(op, ErrorKind::Internal).because("the leg knows no order number"))
    }

    /// The link of an order to one of its actions; without one, where it usually is (`§7` I9).
    pub(super) fn link(
        &self,
        op: Operation,
        refs: &[ExternalRef],
        kind: &str,
        usual: &str,
    ) -> Result<Url, VendorError> {
        let told = order::reference(refs, kind).unwrap_or(usual);
        let leads_away = || self.client.error(op, ErrorKind::Malformed).because("a link leads to another server");
        self.client.follow(told).ok_or_else(leads_away)
    }

    pub(super) fn account_in(&self, order: &wire::Order, refs: &[ExternalRef]) -> Option<String> {
        let known = order::reference(refs, order::ACCOUNT);
        let told = order.customer.as_ref().and_then(|customer| customer.number.as_deref());
        known.or(told).filter(|number| keys::is_id(number)).map(str::to_owned)
    }

    /// A sale or hold of ours as reconciliation wants it; `None` where it stands no more, or is another seller's.
    async fn vendor_sale(&self, order: wire::Order, references: &[String]) -> Result<Option<VendorSale>, VendorError> {
        let is_sold = match order::standing(&order) {
            Standing::Fulfilled => true,
            Standing::Placed | Standing::Unknown => false,
            Standing::Ended | Standing::Undone => return Ok(None),
        };
        let Some(number) = self.account_in(&order, &[]) else { return Ok(None) };
        let account = match order.customer.clone() {
            Some(told) if told.username.is_some() && told.email.is_some() => told,
            _ => self.client.account(Operation::ListOrders, &number).await?,
        };
        let Some(reference) = account.username.as_ref() else { return Ok(None) };
        if !references.contains(reference) && !account::is_ours(&account) {
            return Ok(None);
        }
        Ok(Some(VendorSale { reference: Some(reference.clone()), refs: order::refs(&order, &number), is_sold }))
    }
}

/// A failed read inside a step that writes: it is the step that failed, and the read did nothing.
fn during(op: Operation, mut fault: VendorError) -> VendorError {
    fault.operation = op;
    fault.with_effect(Effect::None)
}

pub(super) fn is_refused_as(fault: &VendorError, reason: &Reason) -> bool {
    matches!(&fault.kind, ErrorKind::Rejected(refusal) if refusal.reason == *reason)
}

#[async_trait]
impl Ordering for Account {
    fn shape(&self, leg: &LegRequest) -> LegShape {
        let is_free = leg.lines.iter().all(|line| line.unit_price.amount == 0);
        if is_free { LegShape::CommitsAtHold } else { LegShape::HoldThenConfirm }
    }

    fn refuses(&self, leg: &LegRequest) -> Option<SettlementRefusal> {
        if leg.delivery == DeliveryPreference::MobileApp {
            return Some(SettlementRefusal::Delivery);
        }
        let must_pay = self.shape(leg) == LegShape::HoldThenConfirm;
        (must_pay && self.instrument.is_none()).then_some(SettlementRefusal::NoInstrument)
    }

    async fn hold(&self, _key: &StepKey, leg: &LegRequest) -> Result<Held, VendorError> {
        let placed = self.place(Operation::Hold, leg).await?;
        Ok(order::held(&placed.order, &placed.account, &self.terms))
    }

    async fn confirm(&self, _key: &StepKey, leg: &LegRequest, refs: &[ExternalRef]) -> Result<Confirmed, VendorError> {
        match self.shape(leg) {
            LegShape::CommitsAtHold if refs.is_empty() => self.sell_free(leg).await,
            _ => self.settle(leg, refs).await,
        }
    }

    async fn release(&self, _key: &StepKey, leg: &LegRequest, refs: &[ExternalRef]) -> Result<(), VendorError> {
        let number = match order::reference(refs, order::ORDER) {
            Some(number) => number.to_owned(),
            None => match self.find_placed(leg).await.map_err(|fault| during(Operation::Release, fault))? {
                Some(placed) => placed.order.number,
                None => return Ok(()),
            },
        };
        if self.client.cancel_order(&number).await? == Closed::Done {
            return Ok(());
        }
        let order = self.client.order(&number).await.map_err(|fault| during(Operation::Release, fault))?;
        match order::standing(&order) {
            Standing::Ended | Standing::Undone => Ok(()),
            _ => Err(self.client.rejected(Operation::Release, Reason::Conflict)),
        }
    }

    async fn find_hold(&self, _key: &StepKey, leg: &LegRequest) -> Result<Found<Held>, VendorError> {
        let Some(placed) = self.find_placed(leg).await? else { return Ok(Found::NotDone) };
        Ok(match order::standing(&placed.order) {
            Standing::Placed | Standing::Fulfilled => {
                Found::Done(order::held(&placed.order, &placed.account, &self.terms))
            }
            Standing::Ended | Standing::Undone => Found::NotDone,
            Standing::Unknown => Found::Unclear,
        })
    }

    async fn find_confirmation(
        &self,
        _key: &StepKey,
        leg: &LegRequest,
        refs: &[ExternalRef],
    ) -> Result<Found<Confirmed>, VendorError> {
        let placed = match order::reference(refs, order::ORDER) {
            None => self.find_placed(leg).await?,
            Some(number) => {
                let order = self.client.order(number).await?;
                self.account_in(&order, refs).map(|account| Placed { order, account })
            }
        };
        let Some(placed) = placed else { return Ok(Found::NotDone) };
        Ok(match order::standing(&placed.order) {
            // Undone since, but it was sold: the tickets say so.
            Standing::Fulfilled | Standing::Undone => Found::Done(self.sale(leg, &placed).await),
            Standing::Placed | Standing::Ended => Found::NotDone,
            Standing::Unknown => Found::Unclear,
        })
    }

    async fn load_tickets(&self, leg: &LegRequest, refs: &[ExternalRef]) -> Result<Vec<IssuedTicket>, VendorError> {
        let account = match order::reference(refs, order::ACCOUNT) {
            Some(number) => Some(number.to_owned()),
            None => match self.client.find_account(&leg.reference).await? {
                Some(account) => Some(self.number(Operation::LookUp, account)?),
                None => None,
            },
        };
        let Some(account) = account else { return Ok(Vec::new()) };
        Ok(order::tickets(leg, self.client.wallet(&account).await?))
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
            let placed = time::server_instant(order.placed.as_deref());
            placed.is_none_or(|at| from <= at && at < to)
        });
        let sales = listed.into_iter().map(|order| self.vendor_sale(order, references));
        let mut found = Vec::new();
        let mut answers = futures_util::stream::iter(sales).buffered(AT_ONCE);
        while let Some(sale) = answers.next().await {
            found.extend(sale?);
        }
        Ok(found)
    }
}
