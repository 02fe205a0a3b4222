//! The last failures of a source, for operators.

use async_graphql::{Enum, Object};
use domain::{RecentFailure, SeenResponse, failure};

use crate::graphql::base::scalars::DateTime;

/// Kind of a failure at a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(name = "FailureKind", remote = "failure::FailureKind")]
pub enum FailureKindEnum {
    /// The object does not exist at the vendor.
    NotFound,
    /// The vendor rejected the request.
    Rejected,
    /// The source does not support the operation.
    Unsupported,
    /// The vendor does not accept the credentials or the client version of this service.
    Unauthorized,
    /// Too many requests.
    RateLimited,
    /// No usable response: the connection was refused or broke, or the status is 5xx.
    Unavailable,
    /// No response in time.
    Timeout,
    /// The response cannot be parsed.
    Malformed,
    /// A fault of this service, or a 4xx status without a meaning.
    Internal,
    /// The vendor used a word that no assumption explains.
    UnknownWord,
    /// An order was refused because a setting is missing.
    SettlementUnsupported,
}

/// A failure of a source, for operators: what a call met, or the setting that is missing. Contains no value and no text of the vendor.
pub struct SourceFailure(RecentFailure);

impl SourceFailure {
    /// Converts a failure.
    pub fn new(failure: RecentFailure) -> Self {
        Self(failure)
    }

    fn response(&self) -> Option<&SeenResponse> {
        self.0.reason.response.as_ref()
    }
}

/// A failure of a source, for operators: what a call met, or the setting that is missing. Contains no value and no text of the vendor.
#[Object]
impl SourceFailure {
    /// Time of the failure.
    async fn at(&self) -> DateTime {
        DateTime::utc(self.0.at)
    }

    /// Kind of failure.
    async fn kind(&self) -> FailureKindEnum {
        self.0.reason.kind.into()
    }

    /// Operation of the call, as in metrics. Null if no call was made.
    async fn operation(&self) -> Option<&str> {
        self.0.reason.operation.map(|operation| operation.name())
    }

    /// HTTP method of the request. Null if no request was seen.
    async fn method(&self) -> Option<&str> {
        self.response().map(|response| response.method.as_str())
    }

    /// Path of the request, with `{id}` for each part that may be an identifier.
    async fn path(&self) -> Option<&str> {
        self.response().map(|response| response.path.as_str())
    }

    /// HTTP status. Null if there was no response.
    async fn status(&self) -> Option<i32> {
        self.response()?.status.map(i32::from)
    }

    /// Media type of the response.
    async fn content_type(&self) -> Option<&str> {
        self.response()?.content_type.as_deref()
    }

    /// The vendor's own code of a rejection.
    async fn vendor_code(&self) -> Option<&str> {
        self.0.reason.vendor_code.as_deref()
    }

    /// Path of the field that did not fit, and the types that were expected and seen.
    async fn misfit(&self) -> Option<&str> {
        self.response()?.misfit.as_deref()
    }

    /// Path of the setting that is missing in the configuration.
    async fn missing_setting(&self) -> Option<&str> {
        self.0.reason.missing_setting.as_deref()
    }
}
