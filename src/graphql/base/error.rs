//! API errors: the entries of `errors`, with a closed list of codes and fixed messages.
//!
//! [`ApiError`] does not implement `Display`. async-graphql turns every displayable value into an error of the client,
//! which for a [`VendorError`] would reveal its cause.

use std::borrow::Cow;
use std::sync::Arc;

use async_graphql::{Context, ErrorExtensionValues, Pos, ServerError, Value};
use catalog::InvalidArgument;
use change_feed::FeedError;
use domain::error::{ErrorKind, VendorError};
use strum::{EnumIter, IntoStaticStr};

use crate::graphql::base::viewer::{Scope, Viewer};

/// The kind of error: `extensions.code`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumIter, IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorCode {
    /// The document is not valid GraphQL.
    GraphqlParseFailed,
    /// The document does not match the schema or exceeds a limit.
    GraphqlValidationFailed,
    /// An argument is invalid; `extensions.argument` names it.
    BadUserInput,
    /// The caller is not authenticated.
    Unauthenticated,
    /// The caller lacks a permission.
    Forbidden,
    /// The source does not have it (any more).
    NotFound,
    /// The source does not support this.
    UnsupportedBySource,
    /// The source rejected the request.
    SourceRefused,
    /// The source rejected the credentials of this service.
    SourceUnauthorized,
    /// The source is limiting requests.
    SourceThrottled,
    /// The source is unavailable.
    SourceUnavailable,
    /// The source did not respond in time.
    SourceTimeout,
    /// The source sent a response that could not be read.
    SourceMalformed,
    /// The source of an order is no longer configured.
    SourceGone,
    /// The order store is unavailable.
    LedgerUnavailable,
    /// The request is malformed, or names no operation that may run.
    BadRequest,
    /// The method is not GET or POST, or the operation may not be sent by GET.
    MethodNotAllowed,
    /// None of the accepted media types can be produced.
    NotAcceptable,
    /// The body is not JSON in UTF-8.
    UnsupportedMediaType,
    /// The body exceeds the size limit.
    BodyTooLarge,
    /// The operation exceeds a limit.
    OperationTooLarge,
    /// The operation would cause more vendor calls than the limit.
    OperationTooCostly,
    /// The hash is unknown: send the query text as well.
    PersistedQueryNotFound,
    /// The caller exceeded its rate limit: wait for `retryAfterMs`.
    RateLimited,
    /// The service is overloaded: try again shortly.
    Overloaded,
    /// The response was not ready in time.
    RequestTimeout,
    /// An internal error of this service.
    Internal,
}

impl ErrorCode {
    /// Returns an error with this code that no field has caused.
    pub fn server_error(self, message: impl Into<String>, position: Option<Pos>) -> ServerError {
        let mut error = ServerError::new(message, position);
        error.extensions.get_or_insert_default().set("code", self.as_str());
        error
    }

    /// The code as clients see it.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Maps a failure of a source to its code.
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

    /// The message of the code, safe to show to clients.
    pub fn message(self) -> &'static str {
        match self {
            Self::GraphqlParseFailed => "The document is not valid GraphQL.",
            Self::GraphqlValidationFailed => "The document does not match the schema.",
            Self::BadUserInput => "An argument is invalid.",
            Self::Unauthenticated => "The caller is not authenticated.",
            Self::Forbidden => "The caller lacks a permission.",
            Self::NotFound => "The source does not have it.",
            Self::UnsupportedBySource => "The source does not support this.",
            Self::SourceRefused => "The source rejected the request.",
            Self::SourceUnauthorized => "The source rejected the credentials of this service.",
            Self::SourceThrottled => "The source is limiting requests.",
            Self::SourceUnavailable => "The source is unavailable.",
            Self::SourceTimeout => "The source did not respond in time.",
            Self::SourceMalformed => "The source sent a response that could not be read.",
            Self::SourceGone => "The source of this order is no longer configured.",
            Self::LedgerUnavailable => "The order store is unavailable.",
            Self::BadRequest => "The request is malformed, or names no operation that may run.",
            Self::MethodNotAllowed => "The method is not GET or POST, or the operation may not be sent by GET.",
            Self::NotAcceptable => "None of the accepted media types can be produced.",
            Self::UnsupportedMediaType => "The body is not JSON in UTF-8.",
            Self::BodyTooLarge => "The body exceeds the size limit.",
            Self::OperationTooLarge => "The operation exceeds a limit.",
            Self::OperationTooCostly => "The operation would cause more vendor calls than the limit.",
            Self::PersistedQueryNotFound => "The hash is unknown: send the query text as well.",
            Self::RateLimited => "The caller exceeded its rate limit: wait for `retryAfterMs`.",
            Self::Overloaded => "The service is overloaded: try again shortly.",
            Self::RequestTimeout => "The response was not ready in time.",
            Self::Internal => "An internal error occurred.",
        }
    }
}

/// The error of a resolver.
#[derive(Debug, Clone)]
pub struct ApiError {
    code: ErrorCode,
    message: Cow<'static, str>,
    argument: Option<Cow<'static, str>>,
    vendor_error: Option<Arc<VendorError>>,
}

impl ApiError {
    /// Creates an error with the default message of its code.
    pub fn new(code: ErrorCode) -> Self {
        Self { code, message: Cow::Borrowed(code.message()), argument: None, vendor_error: None }
    }

    /// Creates the error of a scope that the viewer does not have. Names no viewer: a name may be that of a person.
    pub fn forbidden(scope: Scope, viewer: &Viewer) -> Self {
        let why =
            if viewer.is_anonymous() { "the request has no credentials" } else { "its credentials do not have it" };
        let message = format!("This requires the scope `{}`: {why}.", scope.as_str());
        Self { message: Cow::Owned(message), ..Self::new(ErrorCode::Forbidden) }
    }

    /// Creates the error of a caller of a reseller at what only operators may see.
    pub fn for_operators() -> Self {
        let message = "This is for operators, and the caller belongs to a reseller.";
        Self { message: Cow::Borrowed(message), ..Self::new(ErrorCode::Forbidden) }
    }

    /// Creates an error for a kind of changes that the caller's scopes do not allow.
    pub fn forbidden_kind(kind: &str, scope: Scope) -> Self {
        let message = format!("Changes of the kind {kind} require the scope `{}`.", scope.as_str());
        Self { message: Cow::Owned(message), ..Self::new(ErrorCode::Forbidden) }
    }

    /// The kind of error.
    pub fn code(&self) -> ErrorCode {
        self.code
    }
}

impl From<VendorError> for ApiError {
    fn from(error: VendorError) -> Self {
        Self { vendor_error: Some(Arc::new(error.clone())), ..Self::new(ErrorCode::of(&error.kind)) }
    }
}

impl From<InvalidArgument> for ApiError {
    fn from(error: InvalidArgument) -> Self {
        let message = format!("The argument {error}.");
        Self { message: Cow::Owned(message), argument: Some(error.argument), ..Self::new(ErrorCode::BadUserInput) }
    }
}

impl From<FeedError> for ApiError {
    fn from(error: FeedError) -> Self {
        match error {
            FeedError::InvalidCursor => InvalidArgument::new("after", "the cursor of a row of this list").into(),
            FeedError::Store(error) => error.into(),
        }
    }
}

impl From<ApiError> for async_graphql::Error {
    fn from(fault: ApiError) -> Self {
        let mut extensions = ErrorExtensionValues::default();
        extensions.set("code", fault.code.as_str());
        if let Some(argument) = &fault.argument {
            extensions.set("argument", argument.as_ref());
        }
        if fault.code == ErrorCode::LedgerUnavailable {
            extensions.set("retryable", true);
        }
        if let Some(vendor) = &fault.vendor_error {
            extensions.set("source", vendor.source.as_str());
            extensions.set("retryable", vendor.kind.is_transient());
            if let Some(wait) = vendor.retry_after {
                extensions.set("retryAfterMs", Value::from(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)));
            }
        }
        Self {
            message: fault.message.into_owned(),
            // For the log only; never serialized.
            source: fault.vendor_error.map(|vendor| vendor as Arc<dyn std::any::Any + Send + Sync>),
            extensions: Some(extensions),
        }
    }
}

/// Adds an error to the response at the current field. For non-null fields, which stay empty instead of removing their
/// parent.
pub fn add_error(ctx: &Context<'_>, fault: ApiError) {
    let error = async_graphql::Error::from(fault).into_server_error(ctx.item.pos);
    ctx.add_error(ctx.set_error_path(error));
}

/// Returns the value, or the default value after adding the error to the response.
pub fn or_add_error<T: Default>(ctx: &Context<'_>, outcome: Result<T, impl Into<ApiError>>) -> T {
    outcome.unwrap_or_else(|failure| {
        add_error(ctx, failure.into());
        T::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::error::VendorOperation;
    use domain::ids::SourceId;

    #[test]
    fn a_failure_of_a_source_shows_its_code_and_source_but_never_its_cause() {
        let failure = VendorError::new(&SourceId::new("harbor"), VendorOperation::LoadEvents, ErrorKind::RateLimited)
            .with_retry_after(Some(std::time::Duration::from_millis(1500)))
            .with_cause("GET https://vendor.example/?key=hush answered 429");
        let json = serde_json::to_string(&async_graphql::Error::from(ApiError::from(failure))).expect("JSON");
        insta::assert_snapshot!(json, @r#"{"message":"The source is limiting requests.","extensions":{"code":"SOURCE_THROTTLED","retryAfterMs":1500,"retryable":true,"source":"harbor"}}"#);
    }

    #[test]
    fn an_invalid_argument_is_named() {
        let error = ApiError::from(InvalidArgument::new("filter.to", "on or after `from`"));
        let json = serde_json::to_string(&async_graphql::Error::from(error)).expect("JSON");
        insta::assert_snapshot!(json, @r#"{"message":"The argument `filter.to` must be on or after `from`.","extensions":{"argument":"filter.to","code":"BAD_USER_INPUT"}}"#);
    }
}
