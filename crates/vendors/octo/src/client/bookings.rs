//! Booking endpoints (`octo.md §6`).

use reqwest::Method;
use serde::Serialize;
use url::Url;
use uuid::Uuid;

use crate::client::errors::{self, BAD_REQUEST, INVALID_BOOKING_UUID, has_code};
use crate::client::{Client, Reading, has_prices};
use crate::wire::bookings::Booking;
use crate::wire::requests::{CancellationReason, Confirmation, Extension, NewBooking};
use domain::{ErrorKind, VendorError, VendorOperation};
use http_client::VendorResponse;

/// A booking with what took effect in its response.
pub(crate) type ReadBooking = Reading<Booking>;

impl Client {
    /// `POST /bookings`: places a hold. Whether a repeat with the same `uuid` returns the same booking differs by supplier.
    pub(crate) async fn reserve(&self, new: &NewBooking<'_>) -> Result<ReadBooking, VendorError> {
        let response = self.write(VendorOperation::Hold, Method::POST, self.url(&["bookings"]), new).await?;
        self.read_booking(&response, new.uuid)
    }

    /// `POST /bookings/{uuid}/confirm`.
    pub(crate) async fn confirm(&self, uuid: Uuid, body: &Confirmation<'_>) -> Result<ReadBooking, VendorError> {
        let url = self.booking_url(uuid, Some("confirm"));
        let response = self.write(VendorOperation::Confirm, Method::POST, url, body).await?;
        self.read_booking(&response, uuid)
    }

    /// `POST /bookings/{uuid}/extend`; `Unsupported` if the supplier does not have the endpoint.
    pub(crate) async fn extend(&self, uuid: Uuid, minutes: u32) -> Result<ReadBooking, VendorError> {
        let op = VendorOperation::Extend;
        let body = Extension { expiration_minutes: minutes };
        let response = self.write(op, Method::POST, self.booking_url(uuid, Some("extend")), &body).await?;
        if errors::is_missing_endpoint(&response) {
            return Err(response.error(ErrorKind::Unsupported));
        }
        self.read_booking(&response, uuid)
    }

    /// `POST /bookings/{uuid}/cancel`, or `DELETE /bookings/{uuid}`: cancels a hold or a sale.
    pub(crate) async fn cancel(
        &self,
        op: VendorOperation,
        uuid: Uuid,
        reason: &str,
    ) -> Result<ReadBooking, VendorError> {
        let body = CancellationReason { reason };
        let response = if self.cancels_by_delete {
            self.write(op, Method::DELETE, self.booking_url(uuid, None), &body).await?
        } else {
            self.write(op, Method::POST, self.booking_url(uuid, Some("cancel")), &body).await?
        };
        self.read_booking(&response, uuid)
    }

    /// `GET /bookings/{uuid}`; `None` if the supplier does not know it, or no longer (`octo.md §11` O9).
    pub(crate) async fn find_booking(&self, uuid: Uuid) -> Result<Option<ReadBooking>, VendorError> {
        let call = self.call(VendorOperation::LookUp, Method::GET, self.booking_url(uuid, None));
        let response = self.send(call).await?;
        match self.read_booking(&response, uuid) {
            Ok(booking) => Ok(Some(booking)),
            Err(error) if is_unknown_booking(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// `GET /bookings?resellerReference=`, without the bookings of others that a supplier returns which ignores the filter.
    pub(crate) async fn bookings_of(&self, op: VendorOperation, reference: &str) -> Result<Vec<Booking>, VendorError> {
        let mut bookings = self.list_bookings(op, reference).await?.rows;
        bookings.retain(|booking| booking.reseller_reference.as_deref() == Some(reference));
        Ok(bookings)
    }

    /// `GET /bookings?resellerReference=`, as the supplier returns it.
    pub(crate) async fn list_bookings(
        &self,
        op: VendorOperation,
        reference: &str,
    ) -> Result<ListedBookings, VendorError> {
        let mut url = self.url(&["bookings"]);
        url.query_pairs_mut().append_pair("resellerReference", reference);
        let response = self.send(self.call(op, Method::GET, url)).await?;
        let (rows, unreadable) = self.read_counted_rows(&response)?;
        Ok(ListedBookings { rows, unreadable })
    }

    fn booking_url(&self, uuid: Uuid, action: Option<&str>) -> Url {
        let uuid = uuid.to_string();
        let path: Vec<&str> = ["bookings", &uuid].into_iter().chain(action).collect();
        self.url(&path)
    }

    async fn write<T: Serialize>(
        &self,
        op: VendorOperation,
        method: Method,
        url: Url,
        body: &T,
    ) -> Result<VendorResponse, VendorError> {
        self.send(self.call(op, method, url).payload(self.json(op, body)?)).await
    }

    /// Reads a booking, which must be the one that was named.
    fn read_booking(&self, response: &VendorResponse, uuid: Uuid) -> Result<ReadBooking, VendorError> {
        let booking: Booking = self.read(response)?;
        if Uuid::parse_str(&booking.uuid) != Ok(uuid) {
            return Err(response.malformed(&"the response has another booking"));
        }
        Ok(Reading { value: booking, has_prices: has_prices(response) })
    }
}

/// A list of bookings.
pub(crate) struct ListedBookings {
    /// Those that can be read.
    pub rows: Vec<Booking>,
    /// Number of the others.
    pub unreadable: usize,
}

/// Returns true if a look-up says that there is no such booking: `INVALID_BOOKING_UUID`, `BAD_REQUEST` or `NOT_FOUND`
/// (`octo.md §6.7`). A page without a code proves nothing.
fn is_unknown_booking(error: &VendorError) -> bool {
    [INVALID_BOOKING_UUID, BAD_REQUEST, "NOT_FOUND"].iter().any(|code| has_code(error, code))
}
