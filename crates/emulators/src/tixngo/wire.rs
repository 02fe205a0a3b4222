//! Names and limits of the TIXnGO wire, from the wire notes (`tixngo.md`).

/// Request header that carries the API key.
pub(crate) const AUTH_HEADER: &str = "X-API-Key";
/// Older name of [`AUTH_HEADER`], still accepted.
pub(crate) const AUTH_HEADER_ALIAS: &str = "x-tixngo-key";
/// Query parameter: page size.
pub(crate) const LIMIT: &str = "limit";
/// Query parameter: cursor of the next page.
pub(crate) const PAGINATION_KEY: &str = "paginationKey";
/// Largest number of tickets in one request.
pub(crate) const MAX_TICKETS: usize = 1000;
/// Status of an injected ticket that was taken.
pub(crate) const ACCEPTED: &str = "ACCEPTED";
/// Status of an injected ticket that was refused.
pub(crate) const REJECTED: &str = "REJECTED";
