//! Endpoints of selling: accounts, orders, payments, wallets (`ticketing.md §4.4`, `§4.10` to `§4.12`).

use jiff::Timestamp;
use reqwest::Method;
use serde::Serialize;
use url::Url;

use crate::client::{Client, List, forbidden, is_gone, none_if_gone};
use crate::map::time;
use crate::wire;
use domain::{Effect, Operation, Reason, VendorError};
use http_client::Answer;

type Listed<T> = Result<Vec<T>, VendorError>;

impl Client {
    /// `POST /accounts`. One that is there already is `Conflict`. A lost answer has sold nothing: its effect is none.
    pub(crate) async fn open_account(
        &self,
        op: Operation,
        account: &wire::NewAccount<'_>,
    ) -> Result<wire::Account, VendorError> {
        let refusal = |status| match status {
            400 => Some(Reason::InvalidInput { field: "contact".to_owned() }),
            403 => Some(Reason::Forbidden),
            409 => Some(Reason::Conflict),
            _ => None,
        };
        let opened = async {
            let answer = self.post(op, self.address("/accounts"), account).await?;
            self.read(&answer, refusal)
        };
        opened.await.map_err(|fault| fault.with_effect(Effect::None))
    }

    /// `POST /lookups`: finds an account by its user name; `None` where there is none.
    pub(crate) async fn find_account(&self, username: &str) -> Result<Option<wire::Account>, VendorError> {
        let body = wire::Lookup { identification: username };
        let answer = self.post(Operation::LookUp, self.address("/lookups"), &body).await?;
        if is_gone(&answer) { Ok(None) } else { self.read(&answer, forbidden).map(Some) }
    }

    /// `GET /accounts/{number}`.
    pub(crate) async fn account(&self, op: Operation, number: &str) -> Result<wire::Account, VendorError> {
        let answer = self.get(op, &format!("/accounts/{number}")).await?;
        self.read(&answer, forbidden)
    }

    /// `POST /orders`. Two equal calls make two orders. A 400 means that it cannot be filled.
    pub(crate) async fn place_order(
        &self,
        op: Operation,
        order: &wire::NewOrder<'_>,
    ) -> Result<wire::Order, VendorError> {
        let answer = self.post(op, self.address("/orders"), order).await?;
        self.read(&answer, |status| match status {
            400 => Some(Reason::SoldOut { remaining: None }),
            403 => Some(Reason::Forbidden),
            404 => Some(Reason::NotOnSale),
            409 => Some(Reason::Conflict),
            _ => None,
        })
    }

    /// `GET /orders/{number}`.
    pub(crate) async fn order(&self, number: &str) -> Result<wire::Order, VendorError> {
        let answer = self.get(Operation::LookUp, &format!("/orders/{number}")).await?;
        self.read(&answer, forbidden)
    }

    /// `GET /orders`: those of one account, newest first.
    pub(crate) async fn orders_of(&self, customer: &str) -> Listed<wire::Order> {
        let filters = [("customer", customer), ("sort", "date"), ("order", "desc")];
        let list = List { op: Operation::LookUp, path: "/orders", filters: &filters, key: None, means: forbidden };
        self.whole(&list).await.or_else(none_if_gone)
    }

    /// `GET /orders`: all that the key may see, newest first, no further back than needed.
    pub(crate) async fn orders_since(&self, from: Timestamp) -> Listed<wire::Order> {
        let filters = [("sort", "date"), ("order", "desc")];
        let list = List { op: Operation::ListOrders, path: "/orders", filters: &filters, key: None, means: forbidden };
        self.walk(&list, |page| is_before(page, from)).await.or_else(none_if_gone)
    }

    /// `DELETE /orders/{number}`; says whether it was still open. A 409 leaves that to a look at the order.
    pub(crate) async fn cancel_order(&self, number: &str) -> Result<Closed, VendorError> {
        let url = self.address(&format!("/orders/{number}"));
        let answer = self.send(self.call(Operation::Release, Method::DELETE, url)).await?;
        match answer.status.as_u16() {
            409 => Ok(Closed::NotOpen),
            404 if is_gone(&answer) => Ok(Closed::Done),
            _ => self.accept(&answer, forbidden).map(|()| Closed::Done),
        }
    }

    /// `POST {payments}`: the card goes in the body, which is shown nowhere. 409 is `Conflict`: the order must be read again.
    pub(crate) async fn pay(&self, link: Url, card: &wire::Payment<'_>) -> Result<wire::Settled, VendorError> {
        let answer = self.post(Operation::Confirm, link, card).await?;
        if answer.status.as_u16() == 400 {
            tracing::error!(source = %self.transport.source(), "TickeTing does not accept the configured instrument");
        }
        self.read(&answer, |status| match status {
            400 => Some(Reason::PaymentDeclined),
            403 => Some(Reason::Forbidden),
            404 => Some(Reason::HoldExpired),
            409 => Some(Reason::Conflict),
            _ => None,
        })
    }

    /// `POST {refunds}`, for administrators: the whole order.
    pub(crate) async fn refund(&self, link: Url, reason: &str) -> Result<wire::Settled, VendorError> {
        let answer = self.post(Operation::Cancel, link, &wire::Refund { reason }).await?;
        self.read(&answer, |status| match status {
            400 => Some(Reason::Other),
            403 => Some(Reason::Forbidden),
            409 => Some(Reason::Conflict),
            _ => None,
        })
    }

    /// `GET /accounts/{number}/tickets`.
    pub(crate) async fn wallet(&self, account: &str) -> Listed<wire::Ticket> {
        let path = format!("/accounts/{account}/tickets");
        let op = Operation::LookUp;
        self.whole(&List { op, path: &path, filters: &[], key: None, means: forbidden }).await
    }

    /// Where a link of an order leads: under our base, or to the same server. Anywhere else would be handed our key, and a card.
    pub(crate) fn follow(&self, link: &str) -> Option<Url> {
        if let Ok(url) = Url::parse(link) {
            return (url.origin() == self.base.origin()).then_some(url);
        }
        let base = self.base.path().trim_end_matches('/');
        let path = link.strip_prefix(base).filter(|rest| rest.starts_with('/') && !base.is_empty()).unwrap_or(link);
        Some(self.address(&format!("/{}", path.trim_start_matches('/'))))
    }

    async fn get(&self, op: Operation, path: &str) -> Result<Answer, VendorError> {
        self.send(self.call(op, Method::GET, self.address(path))).await
    }

    async fn post<T: Serialize>(&self, op: Operation, url: Url, body: &T) -> Result<Answer, VendorError> {
        let call = self.call(op, Method::POST, url).payload(self.json(op, body)?);
        self.send(call).await
    }
}

/// What became of giving an order back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closed {
    /// It is closed, or was never there.
    Done,
    /// It was not open any more.
    NotOpen,
}

/// Whether a page shows that all that follows was placed before `from`: it runs backwards in time and is all older.
fn is_before(page: &[wire::Order], from: Timestamp) -> bool {
    let placed: Vec<_> = page.iter().filter_map(|order| time::server_instant(order.placed.as_deref())).collect();
    let runs_backwards = placed.first() > placed.last() && placed.is_sorted_by(|a, b| a >= b);
    runs_backwards && placed.iter().all(|at| *at < from)
}
