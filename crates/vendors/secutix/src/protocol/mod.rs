//! The protocol of S-360: one trait, two encodings, chosen by `transport = "json" | "soap"` (`secutix.md §2.11`).

mod json;
mod soap;
mod token;

use std::time::Duration;

use async_trait::async_trait;
use reqwest::StatusCode;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) use json::JsonProtocol;
pub(crate) use soap::SoapProtocol;
pub(crate) use token::{Identity, TokenOrigin, TokenProvider};

use crate::facts;
use crate::wire::catalog::GET_CATALOG_DETAILED;
use crate::wire::{Method, ResultHeader};
use domain::{Endpoint, ErrorKind, SourceId, VendorError, VendorOperation};
use http_client::{RequestBody, VendorResponse};

/// Error of encoding a request. Our own requests do not cause it.
pub(crate) type EncodeError = Box<dyn std::error::Error + Send + Sync>;

/// A request that can be encoded in either protocol.
pub(crate) trait Parameters: Send + Sync {
    /// Encodes one object with the parameters as members.
    fn to_json(&self) -> Result<RequestBody, EncodeError>;
    /// Encodes one element of this name with the parameters as children.
    fn to_xml(&self, root: &str) -> Result<String, EncodeError>;
}

impl<T: Serialize + Send + Sync> Parameters for T {
    fn to_json(&self) -> Result<RequestBody, EncodeError> {
        Ok(RequestBody::json(self)?)
    }

    fn to_xml(&self, root: &str) -> Result<String, EncodeError> {
        Ok(quick_xml::se::to_string_with_root(root, self)?)
    }
}

/// One request to the vendor.
pub(crate) struct ProtocolRequest<'a> {
    /// The port operation that it serves.
    pub operation: VendorOperation,
    /// The method to call.
    pub method: Method,
    /// Its parameters.
    pub parameters: &'a dyn Parameters,
    /// Timeout that replaces the usual one, for slow methods.
    pub timeout: Option<Duration>,
}

/// Requests that a rate-limit response concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RateLimitScope {
    /// All requests to the institution, as the newer copy of the vendor's page says (`secutix.md §2.8`).
    #[default]
    Institution,
    /// The service with all its methods, as the older copy says.
    Service,
}

impl RateLimitScope {
    /// Returns the endpoint of a method. What the vendor limits by itself is the service with all its methods, in every version and
    /// both protocols (`secutix.md §2.8`). A rate-limit response concerns what the setting names, except that the catalog has a
    /// limit of its own in both copies of the page: its refusals do not stop sales.
    fn endpoint(self, method: Method) -> Endpoint {
        let service = method.service.class;
        let pause = match self {
            _ if method == GET_CATALOG_DETAILED => Some(method.name),
            Self::Institution => None,
            Self::Service => Some(service),
        };
        Endpoint { limit: Some(service), pause }
    }
}

/// A response without its envelope, not yet parsed.
pub(crate) struct ProtocolResponse {
    response: VendorResponse,
    /// Result object of a SOAP response; JSON is parsed from the body.
    soap_result: Option<Value>,
}

impl ProtocolResponse {
    /// Parses the result.
    pub(crate) fn parse<T: DeserializeOwned>(&self) -> Result<T, VendorError> {
        match &self.soap_result {
            Some(tree) => T::deserialize(tree).map_err(|error| self.response.malformed(&error)),
            None => self.response.json(),
        }
    }

    /// Returns the result as JSON, whatever the protocol.
    pub(crate) fn into_text(self) -> Vec<u8> {
        match self.soap_result {
            Some(tree) => tree.to_string().into_bytes(),
            None => self.response.body.to_vec(),
        }
    }

    /// Classifies the result by its status code.
    pub(crate) fn status(&self) -> Result<ResultStatus, VendorError> {
        let header: ResultHeader = self.parse()?;
        facts::result_status(&header).ok_or_else(|| self.response.malformed(&"unknown status code"))
    }

    /// Returns an error about this response, without effect.
    pub(crate) fn error(&self, kind: ErrorKind) -> VendorError {
        self.response.error(kind)
    }
}

/// Status of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ResultStatus {
    /// The data is available.
    Success,
    /// Still in progress, with the request id to poll with, if the vendor sent one.
    InProgress(Option<i64>),
    /// The vendor rejected the request.
    Rejected {
        /// The vendor's code.
        code: String,
        /// True if the vendor marks it as unexpected.
        is_unexpected: bool,
    },
}

/// Sends requests to S-360.
#[async_trait]
pub(crate) trait Protocol: Send + Sync {
    /// Sends one request and removes the envelope of the response. Never retries, except that a rejected token is renewed
    /// once: such a call had no effect.
    async fn call(&self, request: &ProtocolRequest<'_>) -> Result<ProtocolResponse, VendorError>;
}

/// Returns the error of a status that is not a success, in either protocol.
fn http_error(response: &VendorResponse) -> VendorError {
    let error = response.status_error();
    match response.status {
        // The path names a method, not a record: "not found" means a wrong address or version.
        StatusCode::NOT_FOUND => VendorError { kind: ErrorKind::Unavailable, ..error },
        _ => error,
    }
}

/// Returns the error of a request that could not be encoded.
fn encode_error(source: &SourceId, operation: VendorOperation, error: EncodeError) -> VendorError {
    VendorError::new(source, operation, ErrorKind::Internal).with_cause(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::availability::{GET_EVENT_AVAILABILITY, GET_UPDATED_AVAILABILITIES};
    use crate::wire::catalog::GET_POS_CONFIG;
    use crate::wire::orders::CREATE_OR_UPDATE_ORDER;

    #[test]
    fn a_refused_catalog_pauses_the_catalog_alone_and_other_refusals_pause_what_the_setting_names() {
        let institution = RateLimitScope::Institution;
        for method in [CREATE_OR_UPDATE_ORDER, GET_EVENT_AVAILABILITY, GET_POS_CONFIG] {
            assert_eq!(institution.endpoint(method).pause, None, "{method:?}");
            assert_eq!(institution.endpoint(method).limit, Some(method.service.class));
        }
        let service = RateLimitScope::Service;
        let availability = service.endpoint(GET_EVENT_AVAILABILITY);
        assert_eq!(service.endpoint(GET_UPDATED_AVAILABILITIES), availability);
        assert!(availability.pause.is_some() && service.endpoint(CREATE_OR_UPDATE_ORDER) != availability);
        let catalog = institution.endpoint(GET_CATALOG_DETAILED);
        assert_eq!(service.endpoint(GET_CATALOG_DETAILED), catalog);
        assert!(catalog.pause.is_some() && service.endpoint(GET_POS_CONFIG) != catalog);
    }
}
