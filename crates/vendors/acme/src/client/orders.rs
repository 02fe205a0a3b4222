//! Order endpoints. Maps statuses to outcomes; `ordering` decides how to react.

use reqwest::Method;
use reqwest::header::HeaderName;
use serde::Serialize;
use serde_json::Value;

use crate::client::{Client, ListRequest, MAX_PAGES, MAX_SEARCH_PAGES, extend_path, optional_json};
use crate::wire::orders::{
    CheckOut, NewReservation, Order, OrderDetail, Refund, RefundResult, Reservation, ReservationItem,
};
use domain::ids::StepKey;
use domain::{ErrorKind, VendorError, VendorOperation};
use http_client::{RequestBody, VendorRequest, VendorResponse};

const RESERVATIONS: &[&str] = &["v2", "b2b", "reservations"];
const B2C_ORDERS: &[&str] = &["v2", "b2c", "orders"];

/// Outcome of a write.
#[derive(Debug)]
pub(crate) enum WriteOutcome<T> {
    /// Accepted.
    Done(T),
    /// Rejected with the vendor's code; nothing happened.
    Rejected(Option<String>),
    /// Duplicate request (`acme.md §8.15`): the first one was accepted or is still in progress.
    Duplicate,
}

impl Client {
    /// `POST reservations` (`acme.md §4.2`).
    pub(crate) async fn reserve(
        &self,
        op: VendorOperation,
        places: &[ReservationItem],
    ) -> Result<WriteOutcome<Reservation>, VendorError> {
        let body = NewReservation { reservation_items: places };
        let call = self.post(op, RESERVATIONS, &[], &body)?;
        write_outcome(&self.send(op, call).await?)
    }

    /// `GET reservations/{id}`; an expired or used hold no longer exists (`acme.md §4.2`, INFERRED).
    pub(crate) async fn find_reservation(
        &self,
        op: VendorOperation,
        id: &str,
    ) -> Result<Option<Reservation>, VendorError> {
        optional_json(&self.send(op, self.get(op, self.url(RESERVATIONS, &[id]))).await?)
    }

    /// `DELETE reservations/{id}`. Succeeds if the hold no longer exists.
    pub(crate) async fn release_reservation(&self, op: VendorOperation, id: &str) -> Result<(), VendorError> {
        let response = self.send(op, self.call(op, Method::DELETE, self.url(RESERVATIONS, &[id]))).await?;
        if response.status.is_success() || response.status.as_u16() == 404 {
            Ok(())
        } else {
            Err(response.status_error())
        }
    }

    /// `POST orders/organizations/{id}` (`acme.md §4.3`), with a request UUID that is the same for every attempt.
    pub(crate) async fn check_out(
        &self,
        op: VendorOperation,
        key: &StepKey,
        organization: &str,
        body: &CheckOut,
    ) -> Result<WriteOutcome<Order>, VendorError> {
        let call = self.post(op, &["v2", "b2b", "orders", "organizations"], &[organization], body)?;
        let uuid = HeaderName::from_static("x-acme-request-uuid");
        write_outcome(&self.send(op, call.header(uuid, &key.to_string())).await?)
    }

    /// `GET willcall/orders/{id}` (`acme.md §4.4`). Falls back to `GET orders/detail/{id}`, which contains nearly the
    /// same data.
    pub(crate) async fn find_order(&self, op: VendorOperation, id: &str) -> Result<Option<OrderDetail>, VendorError> {
        let response = self.send(op, self.get(op, self.url(&["v2", "b2b", "willcall", "orders"], &[id]))).await;
        match response.and_then(|response| optional_json(&response)) {
            Ok(Some(order)) => {
                self.report_tickets(&order);
                Ok(Some(order))
            }
            Ok(None) | Err(_) => self.find_order_detail(op, id).await,
        }
    }

    /// `GET orders/detail/{id}` (`acme.md §4.4`): the form that contains our reference.
    pub(crate) async fn find_order_detail(
        &self,
        op: VendorOperation,
        id: &str,
    ) -> Result<Option<OrderDetail>, VendorError> {
        let response = self.send(op, self.get(op, self.url(&["v2", "b2b", "orders", "detail"], &[id]))).await?;
        let order: Option<OrderDetail> = optional_json(&response)?;
        if let Some(order) = &order {
            self.report_tickets(order);
        }
        Ok(order)
    }

    /// `GET b2c/orders/event/{id}` (`acme.md §4.5`): all orders of an instance, without their lines. Requires a tenant id.
    pub(crate) async fn list_orders_of(&self, op: VendorOperation, instance: &str) -> Result<Vec<Order>, VendorError> {
        let mut url = self.url(B2C_ORDERS, &["event"]);
        extend_path(&mut url, &[instance]);
        self.list_pages(op, ListRequest { url, is_b2c: true, max_pages: MAX_PAGES }).await
    }

    /// `GET b2c/orders/search` by email address (`acme.md §4.5`). Requires a tenant id.
    pub(crate) async fn search_orders(&self, op: VendorOperation, email: &str) -> Result<Vec<Order>, VendorError> {
        let mut url = self.url(B2C_ORDERS, &["search"]);
        url.query_pairs_mut().append_pair("email", email);
        self.list_pages(op, ListRequest { url, is_b2c: true, max_pages: MAX_SEARCH_PAGES }).await
    }

    /// `POST b2b/b2b/refunds` (`acme.md §4.7`; the doubled path segment is real).
    pub(crate) async fn refund(
        &self,
        op: VendorOperation,
        body: &Refund,
    ) -> Result<WriteOutcome<RefundResult>, VendorError> {
        let call = self.post(op, &["v2", "b2b", "b2b", "refunds"], &[], body)?;
        write_outcome(&self.send(op, call).await?)
    }

    fn post<T: Serialize>(
        &self,
        op: VendorOperation,
        path: &[&str],
        below: &[&str],
        body: &T,
    ) -> Result<VendorRequest, VendorError> {
        let payload = RequestBody::json(body)
            .map_err(|error| VendorError::new(self.http.source(), op, ErrorKind::Internal).with_cause(error))?;
        Ok(self.call(op, Method::POST, self.url(path, below)).payload(payload))
    }
}

/// Maps a status. Other 4xx statuses mean that nothing happened; those about credentials, rate or timeout say nothing
/// about the request and are errors.
fn write_outcome<T: serde::de::DeserializeOwned>(response: &VendorResponse) -> Result<WriteOutcome<T>, VendorError> {
    let code = || error_code(response);
    match response.status.as_u16() {
        200..=299 => response.json().map(WriteOutcome::Done),
        409 => Ok(WriteOutcome::Duplicate),
        401 | 403 | 408 | 429 => Err(response.status_error()),
        400..=499 if code().as_deref() == Some("DUPLICATE_TRANSACTION_FOUND") => Ok(WriteOutcome::Duplicate),
        400..=499 => Ok(WriteOutcome::Rejected(code())),
        _ => Err(response.status_error()),
    }
}

/// Returns the vendor's error code, wherever it is in the body (`acme.md §2.5`): the type if there is one, otherwise
/// the number. Never the message.
pub(super) fn error_code(response: &VendorResponse) -> Option<String> {
    let body: Value = serde_json::from_slice(&response.body).ok()?;
    let inner = [&body, &body["error"], &body["errors"][0]];
    let text = |value: &Value| value.as_str().map(str::to_owned).or_else(|| Some(value.as_u64()?.to_string()));
    let first = |names: [&str; 2]| inner.iter().find_map(|error| names.iter().find_map(|name| text(&error[*name])));
    first(["type", "errorType"]).or_else(|| first(["code", "errorCode"]))
}
