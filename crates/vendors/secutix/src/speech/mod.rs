//! How S-360 is spoken to: one trait, two encoders, chosen by `transport = "json" | "soap"` (`secutix.md §2.11`).

mod json;
mod soap;
mod token;

use std::time::Duration;

use async_trait::async_trait;
use reqwest::StatusCode;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub(crate) use json::JsonSpeech;
pub(crate) use soap::SoapSpeech;
pub(crate) use token::{Identity, TokenMaker, Tokens};

use crate::inferred;
use crate::wire::{Method, Outcome};
use domain::{ErrorKind, Operation, VendorError};
use http_client::{Answer, Payload};

/// How long to stay away after a "too many" that names no time (`secutix.md §2.8`).
const STAY_AWAY: Duration = Duration::from_secs(60);

/// What keeps a request from being written. Cannot happen with our own requests.
pub(crate) type WriteFault = Box<dyn std::error::Error + Send + Sync>;

/// A request that can be written either way.
pub(crate) trait Parameters: Send + Sync {
    /// One object with the parameters as members.
    fn to_json(&self) -> Result<Payload, WriteFault>;
    /// One element of this name with the parameters as children.
    fn to_xml(&self, root: &str) -> Result<String, WriteFault>;
}

impl<T: Serialize + Send + Sync> Parameters for T {
    fn to_json(&self) -> Result<Payload, WriteFault> {
        Ok(Payload::json(self)?)
    }

    fn to_xml(&self, root: &str) -> Result<String, WriteFault> {
        Ok(quick_xml::se::to_string_with_root(root, self)?)
    }
}

/// One question to the vendor.
pub(crate) struct Ask<'a> {
    /// Why it is asked.
    pub operation: Operation,
    /// What is called.
    pub method: Method,
    /// With what.
    pub parameters: &'a dyn Parameters,
    /// Longer than usual, where the vendor is slow.
    pub timeout: Option<Duration>,
}

/// An answer out of its envelope, not yet read.
pub(crate) struct Opened {
    answer: Answer,
    /// What SOAP held; JSON is read from the bytes.
    tree: Option<Value>,
}

impl Opened {
    /// Reads the result.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, VendorError> {
        match &self.tree {
            Some(tree) => T::deserialize(tree).map_err(|fault| self.answer.malformed(&fault)),
            None => self.answer.json(),
        }
    }

    /// What the result says about itself.
    pub fn verdict(&self) -> Result<Verdict, VendorError> {
        let outcome: Outcome = self.read()?;
        inferred::verdict(&outcome).ok_or_else(|| self.answer.malformed(&"the status code is none that we know"))
    }

    /// An error about this answer, without effect.
    pub fn error(&self, kind: ErrorKind) -> VendorError {
        self.answer.error(kind)
    }
}

/// What a result says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The data is there.
    Success,
    /// Still working; under which name to ask again, where told.
    InProgress(Option<i64>),
    /// A refusal.
    Refused {
        /// The vendor's code.
        code: String,
        /// Whether the vendor says that it is its own fault.
        is_technical: bool,
    },
}

/// Speaks to S-360.
#[async_trait]
pub(crate) trait Speech: Send + Sync {
    /// Sends one request and takes the answer out of its envelope. Never repeats by itself, except that a token that the vendor
    /// does not accept is renewed once: such a call has done nothing.
    async fn ask(&self, ask: &Ask<'_>) -> Result<Opened, VendorError>;
}

/// The error of a status that is not a success, in either transport.
fn refused(answer: &Answer) -> VendorError {
    let error = answer.refused();
    match answer.status {
        // The path names a method, never a thing: "not found" is a wrong address or version, not an answer about our data.
        StatusCode::NOT_FOUND => VendorError { kind: ErrorKind::Unavailable, ..error },
        _ if error.kind == ErrorKind::RateLimited => {
            let wait = error.retry_after.unwrap_or(STAY_AWAY);
            error.with_retry_after(Some(wait))
        }
        _ => error,
    }
}

/// A request that could not even be written.
fn unwritten(source: &domain::SourceId, operation: Operation, fault: WriteFault) -> VendorError {
    VendorError::new(source, operation, ErrorKind::Internal).because(fault)
}
