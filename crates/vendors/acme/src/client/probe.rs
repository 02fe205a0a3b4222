//! Calls that find out what the key may do, made so that nothing can come of them: an empty body, an id that nobody has.

use reqwest::Method;
use reqwest::header::HeaderName;
use serde_json::json;

use crate::client::{Client, INSTANCES, TEMPLATES};
use domain::{Operation, VendorError};
use http_client::{Answer, Payload};

/// A call of the reseller's flow that is tried out (`acme.md §5`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    /// Reading templates.
    Templates,
    /// Reading instances.
    Instances,
    /// Holding.
    Hold,
    /// Changing a hold.
    ChangeHold,
    /// Giving a hold back.
    DropHold,
    /// Buying for an organisation.
    CheckOut,
    /// Reading orders.
    Orders,
    /// Changing an order.
    ChangeOrder,
    /// Giving money back.
    Refund,
}

/// What the vendor thinks of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leave {
    /// It would have been done, had it said anything.
    Granted,
    /// The key is not accepted.
    UnknownKey,
    /// The key may not do this.
    Denied,
    /// What the path names is not there.
    Absent,
}

/// An id that no object of the vendor has: theirs are 24 digits of base 16 that begin with a time, or numbers from 1.
const NOBODY: &str = "0";

impl Client {
    /// Tries a call out. `organization` is who would buy.
    pub(crate) async fn probe(&self, probe: Probe, organization: Option<&str>) -> Result<Leave, VendorError> {
        let op = Operation::CheckConnection;
        let v2 = |below: &[&str]| self.url(&["v2", "b2b"], below);
        let (method, url) = match probe {
            Probe::Templates => (Method::GET, self.url(TEMPLATES, &[NOBODY])),
            Probe::Instances => (Method::GET, self.url(INSTANCES, &[NOBODY])),
            Probe::Hold => (Method::POST, v2(&["reservations"])),
            Probe::ChangeHold => (Method::PUT, v2(&["reservations"])),
            Probe::DropHold => (Method::DELETE, v2(&["reservations", NOBODY])),
            Probe::CheckOut => (Method::POST, v2(&["orders", "organizations", organization.unwrap_or(NOBODY)])),
            Probe::Orders => (Method::GET, v2(&["willcall", "orders", NOBODY])),
            Probe::ChangeOrder => (Method::POST, v2(&["orders", "update"])),
            Probe::Refund => (Method::POST, v2(&["b2b", "refunds"])),
        };
        let has_body = method == Method::POST || method == Method::PUT;
        let mut call = self.call(op, method, url);
        if has_body {
            let empty = Payload::json(&json!({})).map_err(|fault| self.internal(op).because(fault))?;
            call = call.payload(empty);
        }
        if probe == Probe::CheckOut {
            // One that was never drawn: were the body taken after all, the vendor would still see a second one of the same.
            let uuid = HeaderName::from_static("x-acme-request-uuid");
            call = call.header(uuid, "00000000-0000-0000-0000-000000000000");
        }
        leave(&self.send(op, call).await?)
    }
}

fn leave(answer: &Answer) -> Result<Leave, VendorError> {
    match answer.status.as_u16() {
        401 => Ok(Leave::UnknownKey),
        403 => Ok(Leave::Denied),
        404 => Ok(Leave::Absent),
        429 | 500..=599 => Err(answer.refused()),
        _ => Ok(Leave::Granted),
    }
}
