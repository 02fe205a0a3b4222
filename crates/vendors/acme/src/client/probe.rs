//! Calls that detect the permissions of the key: with an id that does not exist, or with an empty body. The latter may write, if the
//! vendor does not refuse them as we assume.

use reqwest::Method;
use reqwest::header::HeaderName;
use serde_json::{Value, json};

use crate::client::{Client, INSTANCES, TEMPLATES};
use crate::wire::Page;
use domain::{VendorError, VendorOperation};
use http_client::{RequestBody, VendorResponse};

/// A call of the reseller flow to be probed (`acme.md §5`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    /// Read templates.
    Templates,
    /// Read instances.
    Instances,
    /// Hold.
    Hold,
    /// Change a hold.
    ChangeHold,
    /// Release a hold.
    ReleaseHold,
    /// Buy for an organization.
    CheckOut,
    /// Read orders.
    Orders,
    /// Change an order.
    ChangeOrder,
    /// Refund.
    Refund,
}

/// The vendor's response to a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProbeResult {
    /// Permitted.
    Allowed,
    /// The key is not accepted.
    UnknownKey,
    /// The key lacks the permission.
    Denied,
    /// The resource in the path does not exist.
    NotFound,
    /// A request that carries nothing was carried out.
    CarriedOut,
    /// A response that the vendor does not give.
    Unrecognized,
}

impl Probe {
    /// Returns true if the call may write.
    pub(crate) fn may_write(self) -> bool {
        !matches!(self, Self::Templates | Self::Instances | Self::Orders)
    }
}

/// An id that no object has: the vendor's ids are 24 hexadecimal digits beginning with a timestamp, or numbers from 1.
const NONEXISTENT_ID: &str = "0";

impl Client {
    /// Probes a call. `organization` is the buyer of the probed check-out.
    pub(crate) async fn probe(&self, probe: Probe, organization: Option<&str>) -> Result<ProbeResult, VendorError> {
        let op = VendorOperation::CheckConnection;
        let v2 = |below: &[&str]| self.url(&["v2", "b2b"], below);
        let (method, url) = match probe {
            Probe::Templates => (Method::GET, self.url(TEMPLATES, &[NONEXISTENT_ID])),
            Probe::Instances => (Method::GET, self.url(INSTANCES, &[NONEXISTENT_ID])),
            Probe::Hold => (Method::POST, v2(&["reservations"])),
            Probe::ChangeHold => (Method::PUT, v2(&["reservations"])),
            Probe::ReleaseHold => (Method::DELETE, v2(&["reservations", NONEXISTENT_ID])),
            Probe::CheckOut => (Method::POST, v2(&["orders", "organizations", organization.unwrap_or(NONEXISTENT_ID)])),
            Probe::Orders => (Method::GET, v2(&["willcall", "orders", NONEXISTENT_ID])),
            Probe::ChangeOrder => (Method::POST, v2(&["orders", "update"])),
            Probe::Refund => (Method::POST, v2(&["b2b", "refunds"])),
        };
        let has_body = method == Method::POST || method == Method::PUT;
        let mut call = self.call(op, method, url);
        if has_body {
            let empty = RequestBody::json(&json!({})).map_err(|error| self.internal(op).with_cause(error))?;
            call = call.payload(empty);
        }
        if probe == Probe::CheckOut {
            // A UUID that is never drawn: if the empty body were accepted after all, a second probe would be detected
            // as a duplicate.
            let uuid = HeaderName::from_static("x-acme-request-uuid");
            call = call.header(uuid, "00000000-0000-0000-0000-000000000000");
        }
        let response = self.send(op, call).await?;
        match response.status.as_u16() {
            200..=299 if probe.may_write() => Ok(ProbeResult::CarriedOut),
            // An id that nothing has is found nowhere.
            200..=299 => Ok(ProbeResult::Unrecognized),
            _ => probe_result(&response),
        }
    }

    /// Reads the first row of the list of templates. Allowed only if the response is a list.
    pub(crate) async fn probe_list(&self) -> Result<ProbeResult, VendorError> {
        let op = VendorOperation::CheckConnection;
        let mut url = self.url(TEMPLATES, &[]);
        url.query_pairs_mut().append_pair("page", "1").append_pair("pageSize", "1");
        let response = self.send(op, self.call(op, Method::GET, url)).await?;
        match response.status.as_u16() {
            200 => {
                let list = response.json::<Value>().ok().and_then(|body| Page::<Value>::from_json(body, Some(1)));
                Ok(if list.is_some() { ProbeResult::Allowed } else { ProbeResult::Unrecognized })
            }
            _ => probe_result(&response),
        }
    }
}

/// Classifies an error. A page of HTML is none of the vendor's, whatever its status.
fn probe_result(response: &VendorResponse) -> Result<ProbeResult, VendorError> {
    let is_page = response.body.trim_ascii_start().starts_with(b"<");
    match response.status.as_u16() {
        429 | 500..=599 => Err(response.status_error()),
        _ if is_page => Ok(ProbeResult::Unrecognized),
        401 => Ok(ProbeResult::UnknownKey),
        403 => Ok(ProbeResult::Denied),
        404 => Ok(ProbeResult::NotFound),
        400 | 409 | 412 | 422 => Ok(ProbeResult::Allowed),
        _ => Ok(ProbeResult::Unrecognized),
    }
}
