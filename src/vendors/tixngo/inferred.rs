//! What no paper of TIXnGO says and we had to decide (`tixngo.md §2.3`). To be replaced here, and only here, when the real document is
//! at hand.

use toml::{Table, Value};

use crate::vendors::Finding;

/// The key of the stanza that names the header of the API key. The papers name no header, so it is a setting;
/// `X-API-Key` is the usual one.
pub(super) const AUTH_HEADER_KEY: &str = "auth_header";

/// Finds a name that cannot be a header's.
pub(super) fn check_auth_header(own: &Table) -> Option<Finding> {
    let is_name = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    match own.get(AUTH_HEADER_KEY) {
        None => None,
        Some(Value::String(name)) if !name.is_empty() && is_name(name) => None,
        Some(_) => Some(Finding::new(AUTH_HEADER_KEY, "must be the name of a header such as \"X-API-Key\"")),
    }
}
