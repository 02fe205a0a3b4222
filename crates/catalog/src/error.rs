//! What a caller asked for wrongly.

use std::borrow::Cow;

/// An argument that cannot be used. Names it and says what it should have been, in words that a client may see.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{argument}` must be {expected}")]
pub struct RequestError {
    /// The argument, with a path where it stands inside an input: `filter.to`.
    pub argument: Cow<'static, str>,
    /// What it must be, to follow "must be".
    pub expected: Cow<'static, str>,
}

impl RequestError {
    /// An argument and what it must be.
    pub fn new(argument: impl Into<Cow<'static, str>>, expected: impl Into<Cow<'static, str>>) -> Self {
        Self { argument: argument.into(), expected: expected.into() }
    }
}
