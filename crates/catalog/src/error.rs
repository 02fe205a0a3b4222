//! Invalid arguments of a query.

use std::borrow::Cow;

/// An invalid argument. Names the argument and the expected value in a client-safe message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{argument}` must be {expected}")]
pub struct InvalidArgument {
    /// The argument, with its path inside an input: `filter.to`.
    pub argument: Cow<'static, str>,
    /// The expected value, to follow "must be".
    pub expected: Cow<'static, str>,
}

impl InvalidArgument {
    /// Creates the error of an argument.
    pub fn new(argument: impl Into<Cow<'static, str>>, expected: impl Into<Cow<'static, str>>) -> Self {
        Self { argument: argument.into(), expected: expected.into() }
    }
}
