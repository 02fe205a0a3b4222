//! Faults: what becomes an entry of `errors`. One closed list of codes, our own words only.
//!
//! [`Fault`] is no `Display` on purpose: async-graphql turns anything displayable into a client's error, which for a
//! [`VendorError`] would show its cause.

use std::borrow::Cow;
use std::sync::Arc;

use async_graphql::{Context, ErrorExtensionValues, Value};

use crate::graphql::viewer::Scope;
use catalog::RequestError;
use domain::error::{ErrorKind, VendorError};

/// What kind of fault it is: `extensions.code` of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// The document is not GraphQL.
    GraphqlParseFailed,
    /// The document does not fit the schema or the limits.
    GraphqlValidationFailed,
    /// An argument cannot be used; `extensions.argument` names it.
    BadUserInput,
    /// The caller is not known.
    Unauthenticated,
    /// The caller may not do this.
    Forbidden,
    /// The source does not know it (any more).
    NotFound,
    /// The source cannot do this.
    UnsupportedBySource,
    /// The source refused.
    SourceRefused,
    /// The source does not accept the credentials of this service.
    SourceUnauthorized,
    /// The source takes no more requests for now.
    SourceThrottled,
    /// The source did not answer.
    SourceUnavailable,
    /// The source did not answer in time.
    SourceTimeout,
    /// The source gave an answer that cannot be read.
    SourceMalformed,
    /// The source of an order is no longer configured.
    SourceGone,
    /// Orders cannot be read or written for now.
    LedgerUnavailable,
    /// The request cannot be read, or names no operation that may run.
    BadRequest,
    /// The method is not GET or POST, or the operation may not be sent by GET.
    MethodNotAllowed,
    /// Nothing that the client accepts can be answered.
    NotAcceptable,
    /// The body is not JSON in UTF-8.
    UnsupportedMediaType,
    /// The body is larger than the limit.
    BodyTooLarge,
    /// The operation is larger than a limit.
    OperationTooLarge,
    /// The operation would call the vendors more often than the limit.
    OperationTooCostly,
    /// The hash names no known operation: send its text along.
    PersistedQueryNotFound,
    /// The caller asks too much: wait as long as `retryAfterMs` says.
    RateLimited,
    /// The service is busy: try again in a moment.
    Overloaded,
    /// The answer was not ready in time.
    RequestTimeout,
    /// A mistake of this service.
    Internal,
}

impl Code {
    /// Every code, in the order of the documentation.
    pub const ALL: [Self; 27] = [
        Self::GraphqlParseFailed,
        Self::GraphqlValidationFailed,
        Self::BadUserInput,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::NotFound,
        Self::UnsupportedBySource,
        Self::SourceRefused,
        Self::SourceUnauthorized,
        Self::SourceThrottled,
        Self::SourceUnavailable,
        Self::SourceTimeout,
        Self::SourceMalformed,
        Self::SourceGone,
        Self::LedgerUnavailable,
        Self::BadRequest,
        Self::MethodNotAllowed,
        Self::NotAcceptable,
        Self::UnsupportedMediaType,
        Self::BodyTooLarge,
        Self::OperationTooLarge,
        Self::OperationTooCostly,
        Self::PersistedQueryNotFound,
        Self::RateLimited,
        Self::Overloaded,
        Self::RequestTimeout,
        Self::Internal,
    ];

    /// The code as clients see it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GraphqlParseFailed => "GRAPHQL_PARSE_FAILED",
            Self::GraphqlValidationFailed => "GRAPHQL_VALIDATION_FAILED",
            Self::BadUserInput => "BAD_USER_INPUT",
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::Forbidden => "FORBIDDEN",
            Self::NotFound => "NOT_FOUND",
            Self::UnsupportedBySource => "UNSUPPORTED_BY_SOURCE",
            Self::SourceRefused => "SOURCE_REFUSED",
            Self::SourceUnauthorized => "SOURCE_UNAUTHORIZED",
            Self::SourceThrottled => "SOURCE_THROTTLED",
            Self::SourceUnavailable => "SOURCE_UNAVAILABLE",
            Self::SourceTimeout => "SOURCE_TIMEOUT",
            Self::SourceMalformed => "SOURCE_MALFORMED",
            Self::SourceGone => "SOURCE_GONE",
            Self::LedgerUnavailable => "LEDGER_UNAVAILABLE",
            Self::BadRequest => "BAD_REQUEST",
            Self::MethodNotAllowed => "METHOD_NOT_ALLOWED",
            Self::NotAcceptable => "NOT_ACCEPTABLE",
            Self::UnsupportedMediaType => "UNSUPPORTED_MEDIA_TYPE",
            Self::BodyTooLarge => "BODY_TOO_LARGE",
            Self::OperationTooLarge => "OPERATION_TOO_LARGE",
            Self::OperationTooCostly => "OPERATION_TOO_COSTLY",
            Self::PersistedQueryNotFound => "PERSISTED_QUERY_NOT_FOUND",
            Self::RateLimited => "RATE_LIMITED",
            Self::Overloaded => "OVERLOADED",
            Self::RequestTimeout => "REQUEST_TIMEOUT",
            Self::Internal => "INTERNAL",
        }
    }

    /// What a failure of a source is called.
    pub fn of(kind: &ErrorKind) -> Self {
        match kind {
            ErrorKind::NotFound => Self::NotFound,
            ErrorKind::Rejected(_) => Self::SourceRefused,
            ErrorKind::Unsupported => Self::UnsupportedBySource,
            ErrorKind::Unauthorized => Self::SourceUnauthorized,
            ErrorKind::RateLimited => Self::SourceThrottled,
            ErrorKind::Unavailable => Self::SourceUnavailable,
            ErrorKind::Timeout => Self::SourceTimeout,
            ErrorKind::Malformed => Self::SourceMalformed,
            ErrorKind::Internal => Self::Internal,
        }
    }

    /// What it means, safe to show.
    pub fn message(self) -> &'static str {
        match self {
            Self::GraphqlParseFailed => "The document is not valid GraphQL.",
            Self::GraphqlValidationFailed => "The document does not fit the schema.",
            Self::BadUserInput => "An argument cannot be used.",
            Self::Unauthenticated => "The caller is not known.",
            Self::Forbidden => "The caller may not do this.",
            Self::NotFound => "The source does not know it.",
            Self::UnsupportedBySource => "The source cannot do this.",
            Self::SourceRefused => "The source refused.",
            Self::SourceUnauthorized => "The source does not accept the credentials of this service.",
            Self::SourceThrottled => "The source takes no more requests for now.",
            Self::SourceUnavailable => "The source did not answer.",
            Self::SourceTimeout => "The source did not answer in time.",
            Self::SourceMalformed => "The source gave an answer that cannot be read.",
            Self::SourceGone => "The source of this order is no longer configured.",
            Self::LedgerUnavailable => "Orders cannot be read or written for now.",
            Self::BadRequest => "The request cannot be read, or names no operation that may run.",
            Self::MethodNotAllowed => "The method is not GET or POST, or the operation may not be sent by GET.",
            Self::NotAcceptable => "Nothing that the client accepts can be answered.",
            Self::UnsupportedMediaType => "The body is not JSON in UTF-8.",
            Self::BodyTooLarge => "The body is larger than the limit.",
            Self::OperationTooLarge => "The operation is larger than a limit.",
            Self::OperationTooCostly => "The operation would call the vendors more often than the limit.",
            Self::PersistedQueryNotFound => "The hash names no known operation: send its text along.",
            Self::RateLimited => "The caller asks too much: wait as long as `retryAfterMs` says.",
            Self::Overloaded => "The service is busy: try again in a moment.",
            Self::RequestTimeout => "The answer was not ready in time.",
            Self::Internal => "Something went wrong in this service.",
        }
    }
}

/// What a resolver fails with.
#[derive(Debug, Clone)]
pub struct Fault {
    code: Code,
    message: Cow<'static, str>,
    argument: Option<Cow<'static, str>>,
    vendor: Option<Arc<VendorError>>,
}

impl Fault {
    /// A fault with the usual message of its code.
    pub fn new(code: Code) -> Self {
        Self { code, message: Cow::Borrowed(code.message()), argument: None, vendor: None }
    }

    /// The caller lacks a scope.
    pub fn forbidden(scope: Scope) -> Self {
        let message = format!("This needs the scope `{}`.", scope.as_str());
        Self { message: Cow::Owned(message), ..Self::new(Code::Forbidden) }
    }

    /// What kind of fault it is.
    pub fn code(&self) -> Code {
        self.code
    }
}

impl From<VendorError> for Fault {
    fn from(error: VendorError) -> Self {
        Self { vendor: Some(Arc::new(error.clone())), ..Self::new(Code::of(&error.kind)) }
    }
}

impl From<RequestError> for Fault {
    fn from(error: RequestError) -> Self {
        let message = format!("The argument {error}.");
        Self { message: Cow::Owned(message), argument: Some(error.argument), ..Self::new(Code::BadUserInput) }
    }
}

impl From<Fault> for async_graphql::Error {
    fn from(fault: Fault) -> Self {
        let mut extensions = ErrorExtensionValues::default();
        extensions.set("code", fault.code.as_str());
        if let Some(argument) = &fault.argument {
            extensions.set("argument", argument.as_ref());
        }
        if let Some(vendor) = &fault.vendor {
            extensions.set("source", vendor.source.as_str());
            extensions.set("retryable", vendor.kind.is_transient());
            if let Some(wait) = vendor.retry_after {
                extensions.set("retryAfterMs", Value::from(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)));
            }
        }
        Self {
            message: fault.message.into_owned(),
            // Kept for the log; never part of the answer.
            source: fault.vendor.map(|vendor| vendor as Arc<dyn std::any::Any + Send + Sync>),
            extensions: Some(extensions),
        }
    }
}

/// Adds the fault to the answer at the present field, for fields that may not be null: they stay, empty, and their parent
/// with them.
pub fn report(ctx: &Context<'_>, fault: Fault) {
    let error = async_graphql::Error::from(fault).into_server_error(ctx.item.pos);
    ctx.add_error(ctx.set_error_path(error));
}

/// The outcome, or the default with the fault added to the answer.
pub fn or_report<T: Default>(ctx: &Context<'_>, outcome: Result<T, impl Into<Fault>>) -> T {
    outcome.unwrap_or_else(|failure| {
        report(ctx, failure.into());
        T::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::error::Operation;
    use domain::ids::SourceId;

    #[test]
    fn a_failure_of_a_source_shows_its_code_and_source_but_never_its_cause() {
        let failure = VendorError::new(&SourceId::new("harbor"), Operation::LoadEvents, ErrorKind::RateLimited)
            .with_retry_after(Some(std::time::Duration::from_millis(1500)))
            .because("GET https://vendor.example/?key=hush answered 429");
        let shown = serde_json::to_string(&async_graphql::Error::from(Fault::from(failure))).expect("JSON");
        insta::assert_snapshot!(shown, @r#"{"message":"The source takes no more requests for now.","extensions":{"code":"SOURCE_THROTTLED","retryAfterMs":1500,"retryable":true,"source":"harbor"}}"#);
    }

    #[test]
    fn a_bad_argument_is_named() {
        let fault = Fault::from(RequestError::new("filter.to", "on or after `from`"));
        let shown = serde_json::to_string(&async_graphql::Error::from(fault)).expect("JSON");
        insta::assert_snapshot!(shown, @r#"{"message":"The argument `filter.to` must be on or after `from`.","extensions":{"argument":"filter.to","code":"BAD_USER_INPUT"}}"#);
    }
}
