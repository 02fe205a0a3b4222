//! One function per endpoint. Handles headers, capabilities and errors; uses wire types only.

mod bookings;
mod errors;

use reqwest::Method;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use url::Url;

use crate::settings::{BookingEnv, Facts, Settings, SupplierPlace};
use crate::wire::catalog::{Day, Product, Slot};
use crate::wire::requests::{DaysQuery, SlotsQuery};
use crate::wire::{Capability, Supplier};
use domain::{ErrorKind, RefusalReason, VendorError, VendorOperation};
use http_client::{RequestBody, VendorHttpClient, VendorRequest, VendorResponse};

pub(crate) use bookings::ReadBooking;
pub(crate) use errors::{BAD_REQUEST, INVALID_AVAILABILITY_ID, INVALID_BOOKING_UUID, has_code, is_refusal};

/// Largest number of availability ids of one request (`octo.md §2.5`).
pub(crate) const MAX_SLOTS: usize = 100;
/// Path of a product as it is displayed: an id in lower-case letters looks like a part of the path, and is a supplier's own word.
const PRODUCT_PATH: &str = "/octo/products/…";
/// Capability of prices.
const PRICING: &str = "pricing";
/// Capability of texts and pictures.
const CONTENT: &str = "content";
/// Capabilities that this client reads.
pub(crate) const CAPABILITIES: [&str; 2] = [PRICING, CONTENT];
/// Prefix of the usual spelling of a capability (`octo.md §2.2`).
const USUAL_PREFIX: &str = "octo/";

const OCTO_CAPABILITIES: HeaderName = HeaderName::from_static("octo-capabilities");
const OCTO_ENV: HeaderName = HeaderName::from_static("octo-env");

/// HTTP client of one supplier.
pub(crate) struct Client {
    http: VendorHttpClient,
    base: Url,
    authorization: SecretString,
    env: Option<BookingEnv>,
    /// Requested capabilities, as the header has them.
    capabilities: String,
    cancels_by_delete: bool,
}

/// A response with what took effect in it.
pub(crate) struct Reading<T> {
    pub value: T,
    /// True if the supplier returned prices, as far as it says (`octo.md §2.2`).
    pub has_prices: bool,
}

impl Client {
    /// Creates a client for the API of a supplier.
    pub(crate) fn new(http: VendorHttpClient, settings: &Settings) -> Self {
        let facts: &Facts = &settings.defaults.facts;
        let key = settings.api_key.expose_secret();
        let (mut base, mut authorization) = (settings.base_url.clone(), format!("Bearer {key}"));
        if let Some(supplier) = &settings.supplier_id {
            match facts.supplier_place {
                SupplierPlace::None => {}
                SupplierPlace::Path => base = below(&base, &["suppliers", supplier]),
                SupplierPlace::Key => authorization = format!("{authorization}/{supplier}"),
            }
        }
        Self {
            http,
            base,
            authorization: authorization.into(),
            env: settings.env,
            capabilities: CAPABILITIES.map(|id| format!("{}{id}", facts.capability_prefix)).join(", "),
            cancels_by_delete: facts.cancels_by_delete,
        }
    }

    /// Returns the source that the client calls.
    pub(crate) fn source(&self) -> &domain::SourceId {
        self.http.source()
    }

    /// Base URL of the API.
    pub(crate) fn base(&self) -> &Url {
        &self.base
    }

    /// Error that does not come from a response.
    pub(crate) fn error(&self, op: VendorOperation, kind: ErrorKind) -> VendorError {
        VendorError::new(self.http.source(), op, kind)
    }

    /// Rejection by our own rule.
    pub(crate) fn rejected(&self, op: VendorOperation, reason: RefusalReason) -> VendorError {
        VendorError::rejected(self.http.source(), op, reason, None)
    }

    /// `GET /supplier`; `GET /suppliers` if the supplier has only the older endpoint.
    pub(crate) async fn supplier(&self, op: VendorOperation) -> Result<Option<Supplier>, VendorError> {
        let response = self.send(self.call(op, Method::GET, self.url(&["supplier"]))).await?;
        if !errors::is_missing_endpoint(&response) {
            return self.read(&response).map(Some);
        }
        let response = self.send(self.call(op, Method::GET, self.url(&["suppliers"]))).await?;
        if errors::is_missing_endpoint(&response) {
            return Ok(None);
        }
        Ok(self.read_rows::<Supplier>(&response)?.into_iter().next())
    }

    /// `GET /capabilities`; `None` if the supplier does not have the endpoint.
    pub(crate) async fn capabilities(&self, op: VendorOperation) -> Result<Option<Vec<Capability>>, VendorError> {
        let response = self.send(self.call(op, Method::GET, self.url(&["capabilities"]))).await?;
        if errors::is_missing_endpoint(&response) { Ok(None) } else { self.read_rows(&response).map(Some) }
    }

    /// `GET /products`.
    pub(crate) async fn products(&self, op: VendorOperation) -> Result<Reading<Vec<Product>>, VendorError> {
        let response = self.send(self.call(op, Method::GET, self.url(&["products"]))).await?;
        Ok(Reading { value: self.read_rows(&response)?, has_prices: has_prices(&response) })
    }

    /// `GET /products/{id}`; `NotFound` if it does not exist.
    pub(crate) async fn product(&self, op: VendorOperation, id: &str) -> Result<Reading<Product>, VendorError> {
        let call = self.call(op, Method::GET, self.url(&["products", id])).with_display_path(PRODUCT_PATH);
        let response = self.send(call).await?;
        let product: Product = self.read(&response)?;
        if product.id != id {
            return Err(self.error(op, ErrorKind::NotFound).with_cause("the supplier returned another product"));
        }
        Ok(Reading { value: product, has_prices: has_prices(&response) })
    }

    /// `POST /availability/calendar`, which only reads: one row a day.
    pub(crate) async fn calendar(
        &self,
        op: VendorOperation,
        query: &DaysQuery<'_>,
    ) -> Result<Reading<Vec<Day>>, VendorError> {
        self.ask(op, &["availability", "calendar"], query).await
    }

    /// `POST /availability` for a range of days, which only reads.
    pub(crate) async fn slots_of_days(
        &self,
        op: VendorOperation,
        query: &DaysQuery<'_>,
    ) -> Result<Reading<Vec<Slot>>, VendorError> {
        self.ask(op, &["availability"], query).await
    }

    /// `POST /availability` for at most [`MAX_SLOTS`] ids, which only reads.
    pub(crate) async fn slots(
        &self,
        op: VendorOperation,
        query: &SlotsQuery<'_>,
    ) -> Result<Reading<Vec<Slot>>, VendorError> {
        self.ask(op, &["availability"], query).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        op: VendorOperation,
        path: &[&str],
        query: &impl Serialize,
    ) -> Result<Reading<Vec<T>>, VendorError> {
        let call = self.call(op, Method::POST, self.url(path)).payload(self.json(op, query)?);
        let response = self.send(call).await?;
        Ok(Reading { value: self.read_rows(&response)?, has_prices: has_prices(&response) })
    }

    /// Builds a call with the headers that every request needs (`octo.md §2.2`).
    fn call(&self, op: VendorOperation, method: Method, url: Url) -> VendorRequest {
        let call = VendorRequest::new(op, method, url)
            .secret_header(AUTHORIZATION, &self.authorization)
            .header(OCTO_CAPABILITIES, &self.capabilities)
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json");
        match self.env {
            Some(env) => call.header(OCTO_ENV, env.word()),
            None => call,
        }
    }

    /// Resolves a path below the base URL. Ids are percent-encoded (`octo.md §14`, trap 9).
    fn url(&self, path: &[&str]) -> Url {
        below(&self.base, path)
    }

    fn json<T: Serialize>(&self, op: VendorOperation, body: &T) -> Result<RequestBody, VendorError> {
        RequestBody::json(body).map_err(|error| self.error(op, ErrorKind::Internal).with_cause(error))
    }

    async fn send(&self, call: VendorRequest) -> Result<VendorResponse, VendorError> {
        self.http.send(call).await
    }

    /// Parses the body of a success.
    fn read<T: DeserializeOwned>(&self, response: &VendorResponse) -> Result<T, VendorError> {
        if response.status.is_success() { response.json() } else { Err(errors::error_of(response)) }
    }

    /// Parses a list. Unreadable rows are left out and counted; a list without a readable one is malformed.
    fn read_rows<T: DeserializeOwned>(&self, response: &VendorResponse) -> Result<Vec<T>, VendorError> {
        self.read_counted_rows(response).map(|(rows, _)| rows)
    }

    /// As [`read_rows`](Self::read_rows), with the number of rows that cannot be read.
    fn read_counted_rows<T: DeserializeOwned>(
        &self,
        response: &VendorResponse,
    ) -> Result<(Vec<T>, usize), VendorError> {
        let raw: Vec<Box<RawValue>> = self.read(response)?;
        let read: Vec<T> = raw.iter().filter_map(|row| serde_json::from_str(row.get()).ok()).collect();
        let unreadable = raw.len() - read.len();
        Ok((response.readable_rows(read, unreadable)?, unreadable))
    }
}

/// Returns false if the response says that the supplier ignored the capability of prices.
fn has_prices(response: &VendorResponse) -> bool {
    names_prices(&response.headers)
}

/// A missing header says nothing, and unknown capabilities are ignored (`octo.md §2.2`).
fn names_prices(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(OCTO_CAPABILITIES).iter().peekable();
    if values.peek().is_none() {
        return true;
    }
    let mut ids = values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    ids.any(|id| is_capability(id, PRICING))
}

/// Returns true if a supplier's id of a capability, in either spelling, is the given one.
pub(crate) fn is_capability(id: &str, wanted: &str) -> bool {
    let id = id.trim();
    id.strip_prefix(USUAL_PREFIX).unwrap_or(id) == wanted
}

fn below(base: &Url, path: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_that_names_its_capabilities_without_prices_has_none() {
        for (values, expected) in [
            (&[][..], true),
            (&["octo/content, octo/pricing"], true),
            (&["pricing"], true),
            (&["octo/content", " octo/pricing "], true),
            (&["octo/content, octo/rentals"], false),
            (&[""], false),
            (&["octo/pricingplus"], false),
        ] {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(OCTO_CAPABILITIES, value.parse().expect("a header"));
            }
            assert_eq!(names_prices(&headers), expected, "{values:?}");
        }
    }
}
