//! One function per endpoint: builds the request, maps the status, and parses the response.

use domain::ids::StepKey;
use domain::{ErrorKind, RefusalReason, VendorError, VendorOperation};
use http_client::{RequestBody, VendorHttpClient, VendorRequest, VendorResponse};
use reqwest::Method;
use reqwest::header::HeaderName;
use secrecy::SecretString;
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::wire::{Event, Hold, NewHold, NewOrder, Order};

/// HTTP client of one account.
pub(crate) struct Client {
    http: VendorHttpClient,
    base_url: Url,
    api_key: SecretString,
}

impl Client {
    pub(crate) fn new(http: VendorHttpClient, base_url: Url, api_key: SecretString) -> Self {
        Self { http, base_url, api_key }
    }

    /// Error that does not come from a response.
    pub(crate) fn error(&self, operation: VendorOperation, kind: ErrorKind) -> VendorError {
        VendorError::new(self.http.source(), operation, kind)
    }

    /// `GET /events`.
    pub(crate) async fn list_events(&self, operation: VendorOperation) -> Result<Vec<Event>, VendorError> {
        self.json(self.request(operation, Method::GET, "/events")).await
    }

    /// `POST /holds`. A 409 means that too little is left.
    pub(crate) async fn hold(&self, key: &StepKey, hold: &NewHold<'_>) -> Result<Hold, VendorError> {
        self.post(VendorOperation::Hold, "/holds", key, hold, RefusalReason::SoldOut { remaining: None }).await
    }

    /// `GET /holds` by our reference.
    pub(crate) async fn list_holds(&self, reference: &str) -> Result<Vec<Hold>, VendorError> {
        let path = format!("/holds?reference={reference}");
        self.json(self.request(VendorOperation::LookUp, Method::GET, &path)).await
    }

    /// `DELETE /holds/{id}`. Succeeds if the hold no longer exists.
    pub(crate) async fn release(&self, id: &str) -> Result<(), VendorError> {
        let request = self.request(VendorOperation::Release, Method::DELETE, &format!("/holds/{id}"));
        let response = self.http.send(request).await?;
        if response.status.is_success() { Ok(()) } else { Err(response.status_error()) }
    }

    /// `POST /orders`. A 409 means that the hold has expired.
    pub(crate) async fn order(&self, key: &StepKey, order: &NewOrder<'_>) -> Result<Order, VendorError> {
        self.post(VendorOperation::Confirm, "/orders", key, order, RefusalReason::HoldExpired).await
    }

    /// `GET /orders`.
    pub(crate) async fn list_orders(&self, operation: VendorOperation) -> Result<Vec<Order>, VendorError> {
        self.json(self.request(operation, Method::GET, "/orders")).await
    }

    async fn post<T: DeserializeOwned>(
        &self,
        operation: VendorOperation,
        path: &str,
        key: &StepKey,
        body: &impl Serialize,
        conflict: RefusalReason,
    ) -> Result<T, VendorError> {
        let body =
            RequestBody::json(body).map_err(|error| self.error(operation, ErrorKind::Internal).with_cause(error))?;
        let request = self.request(operation, Method::POST, path).payload(body);
        let request = request.header(HeaderName::from_static("idempotency-key"), &key.to_string());
        let response = self.http.send(request).await?;
        match response.status.as_u16() {
            409 => Err(VendorError::rejected(self.http.source(), operation, conflict, None)),
            _ => parse(&response),
        }
    }

    async fn json<T: DeserializeOwned>(&self, request: VendorRequest) -> Result<T, VendorError> {
        parse(&self.http.send(request).await?)
    }

    fn request(&self, operation: VendorOperation, method: Method, path_and_query: &str) -> VendorRequest {
        let mut url = self.base_url.clone();
        let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
        url.set_path(path);
        url.set_query(Some(query).filter(|query| !query.is_empty()));
        VendorRequest::new(operation, method, url).secret_header(HeaderName::from_static("x-api-key"), &self.api_key)
    }
}

fn parse<T: DeserializeOwned>(response: &VendorResponse) -> Result<T, VendorError> {
    if response.status.is_success() { response.json() } else { Err(response.status_error()) }
}
