//! Meaning of the errors of PostgreSQL for the statement or transaction that they end ("Appendix A. PostgreSQL Error Codes").

use domain::StoreError;

/// A lock was not available in time.
pub(crate) const LOCK_NOT_AVAILABLE: &str = "55P03";
/// A statement took too long.
pub(crate) const QUERY_CANCELED: &str = "57014";
/// The server is a standby, or was made read-only.
pub(crate) const READ_ONLY: &str = "25006";
/// The transaction gave way to another one, and has no effect.
const GAVE_WAY: [(&str, &str); 2] = [("40001", "serialization_failure"), ("40P01", "deadlock")];
/// Codes and classes of a session that ended: its last statement may have been executed. PgBouncer reports the end of the server's
/// session with class 08.
const SESSION_ENDED: [&str; 5] = ["08", "40003", "57P01", "57P02", "57P05"];

/// Returns the code of an error of the server.
fn code(error: &sqlx::Error) -> Option<String> {
    error.as_database_error().and_then(|error| error.code()).map(std::borrow::Cow::into_owned)
}

/// Returns true for an error of the server with this code.
pub(crate) fn has_code(error: &sqlx::Error, expected: &str) -> bool {
    code(error).is_some_and(|code| code == expected)
}

/// Returns why a transaction gave way to another one: it had no effect and may be repeated. `None` for every other error.
pub(crate) fn gave_way(error: &StoreError) -> Option<&'static str> {
    let StoreError::Failed(cause) = error else { return None };
    let code = code(cause.downcast_ref::<sqlx::Error>()?)?;
    GAVE_WAY.into_iter().find(|(known, _)| code == *known).map(|(_, reason)| reason)
}

/// Returns true if the connection ended before the response to a statement: it may have been executed.
pub(crate) fn is_outcome_unknown(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::Tls(_) | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(_) => {
            code(error).is_some_and(|code| SESSION_ENDED.iter().any(|ended| code.starts_with(ended)))
        }
        _ => false,
    }
}
