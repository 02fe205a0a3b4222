//! The endpoints of selling. What a status means for a sale is decided here, what to do about it in `ordering`.

use reqwest::Method;
use reqwest::header::HeaderName;
use serde::Serialize;
use serde_json::Value;

use crate::client::{Client, one};
use crate::wire::Page;
use crate::wire::orders::{CheckOut, NewReservation, Order, OrderDetail, Places, Refund, Refunded, Reservation};
use domain::ids::StepKey;
use domain::{ErrorKind, Operation, VendorError};
use http_client::{Answer, Call, Payload};

const RESERVATIONS: &[&str] = &["v2", "b2b", "reservations"];
const B2C_ORDERS: &[&str] = &["v2", "b2c", "orders"];

/// What became of a write.
#[derive(Debug)]
pub(crate) enum Outcome<T> {
    /// Done.
    Done(T),
    /// A clear no, with the vendor's code: nothing happened.
    Refused(Option<String>),
    /// The request was seen before (`acme.md §8.15`): it was done then, or is being done.
    SeenBefore,
}

impl Client {
    /// `POST reservations` (`acme.md §4.2`).
    pub(crate) async fn reserve(&self, op: Operation, places: &[Places]) -> Result<Outcome<Reservation>, VendorError> {
        let body = NewReservation { reservation_items: places };
        let call = self.post(op, RESERVATIONS, &[], &body)?;
        outcome(&self.send(op, call).await?)
    }

    /// `GET reservations/{id}`: a hold that ran out or was used up is gone (`acme.md §4.2`, INFERRED).
    pub(crate) async fn find_reservation(&self, op: Operation, id: &str) -> Result<Option<Reservation>, VendorError> {
        one(&self.send(op, self.get(op, self.url(RESERVATIONS, &[id]))).await?)
    }

    /// `DELETE reservations/{id}`; one that is gone already is done.
    pub(crate) async fn drop_reservation(&self, op: Operation, id: &str) -> Result<(), VendorError> {
        let answer = self.send(op, self.call(op, Method::DELETE, self.url(RESERVATIONS, &[id]))).await?;
        if answer.status.is_success() || answer.status.as_u16() == 404 { Ok(()) } else { Err(answer.refused()) }
    }

    /// `POST orders/organizations/{id}` (`acme.md §4.3`) with the request UUID that is the same for every attempt.
    pub(crate) async fn check_out(
        &self,
        op: Operation,
        key: &StepKey,
        organization: &str,
        body: &CheckOut,
    ) -> Result<Outcome<Order>, VendorError> {
        let call = self.post(op, &["v2", "b2b", "orders", "organizations"], &[organization], body)?;
        let uuid = HeaderName::from_static("x-acme-request-uuid");
        outcome(&self.send(op, call.header(uuid, &key.to_string())).await?)
    }

    /// `GET willcall/orders/{id}` (`acme.md §4.4`); where that cannot be had, `GET orders/detail/{id}`, which says nearly the same.
    pub(crate) async fn find_order(&self, op: Operation, id: &str) -> Result<Option<OrderDetail>, VendorError> {
        let answer = self.send(op, self.get(op, self.url(&["v2", "b2b", "willcall", "orders"], &[id]))).await;
        match answer.and_then(|answer| one(&answer)) {
            Ok(Some(order)) => Ok(Some(order)),
            Ok(None) | Err(_) => self.find_order_detail(op, id).await,
        }
    }

    /// `GET orders/detail/{id}` (`acme.md §4.4`): the form that tells our reference.
    pub(crate) async fn find_order_detail(&self, op: Operation, id: &str) -> Result<Option<OrderDetail>, VendorError> {
        one(&self.send(op, self.get(op, self.url(&["v2", "b2b", "orders", "detail"], &[id]))).await?)
    }

    /// `GET b2c/orders/event/{id}` (`acme.md §4.5`): the orders of an instance, without their lines. Needs a tenant id.
    pub(crate) async fn list_orders_of(&self, op: Operation, instance: &str) -> Result<Vec<Order>, VendorError> {
        let mut url = self.url(B2C_ORDERS, &["event"]);
        super::extend(&mut url, &[instance]);
        let answer = self.send(op, self.get_b2c(op, url)).await?;
        orders(&answer)
    }

    /// `GET b2c/orders/search` by e-mail (`acme.md §4.5`). Needs a tenant id.
    pub(crate) async fn search_orders(&self, op: Operation, email: &str) -> Result<Vec<Order>, VendorError> {
        let mut url = self.url(B2C_ORDERS, &["search"]);
        url.query_pairs_mut().append_pair("email", email);
        let answer = self.send(op, self.get_b2c(op, url)).await?;
        orders(&answer)
    }

    /// `POST b2b/b2b/refunds` (`acme.md §4.7`; the doubled part is real).
    pub(crate) async fn refund(&self, op: Operation, body: &Refund) -> Result<Outcome<Refunded>, VendorError> {
        let call = self.post(op, &["v2", "b2b", "b2b", "refunds"], &[], body)?;
        outcome(&self.send(op, call).await?)
    }

    fn post<T: Serialize>(&self, op: Operation, path: &[&str], below: &[&str], body: &T) -> Result<Call, VendorError> {
        let payload = Payload::json(body)
            .map_err(|fault| VendorError::new(self.transport.source(), op, ErrorKind::Internal).because(fault))?;
        Ok(self.call(op, Method::POST, self.url(path, below)).payload(payload))
    }
}

/// An instance that nobody bought has no orders, whether the vendor says so with an empty list or a 404.
fn orders(answer: &Answer) -> Result<Vec<Order>, VendorError> {
    let Some(list) = one::<Value>(answer)? else { return Ok(Vec::new()) };
    let page = Page::read(list, usize::MAX).ok_or_else(|| answer.malformed(&"neither list nor page"))?;
    Ok(page.entries)
}

/// A clear 4xx did nothing. Those that say nothing about the request itself (credentials, pace, time) are errors.
fn outcome<T: serde::de::DeserializeOwned>(answer: &Answer) -> Result<Outcome<T>, VendorError> {
    let code = || fault(answer);
    match answer.status.as_u16() {
        200..=299 => answer.json().map(Outcome::Done),
        409 => Ok(Outcome::SeenBefore),
        401 | 403 | 408 | 429 => Err(answer.refused()),
        400..=499 if code().as_deref() == Some("DUPLICATE_TRANSACTION_FOUND") => Ok(Outcome::SeenBefore),
        400..=499 => Ok(Outcome::Refused(code())),
        _ => Err(answer.refused()),
    }
}

/// The vendor's code, wherever it stands (`acme.md §2.5`): the type where there is one, else the number. Never the message.
pub(super) fn fault(answer: &Answer) -> Option<String> {
    let body: Value = serde_json::from_slice(&answer.body).ok()?;
    let inner = [&body, &body["error"], &body["errors"][0]];
    let text = |value: &Value| value.as_str().map(str::to_owned).or_else(|| Some(value.as_u64()?.to_string()));
    let first = |names: [&str; 2]| inner.iter().find_map(|fault| names.iter().find_map(|name| text(&fault[*name])));
    first(["type", "errorType"]).or_else(|| first(["code", "errorCode"]))
}
