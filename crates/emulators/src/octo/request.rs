//! A request after its checks: key, headers and body (`octo.md §2.2`).

use axum::http::{HeaderMap, header};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::octo::error_response::Refusal;
use crate::octo::routes::{Operation, find_language};
use crate::octo::switches::{CapabilitiesHeader, CapabilityNames, Env, Flag, Switches};

/// Key of the reseller.
pub const KEY: &str = "octo-sandbox-key";
/// Key of the same reseller whose bookings are all tests.
pub const TEST_KEY: &str = "octo-sandbox-test-key";

/// Name of the header with capabilities.
pub(super) const CAPABILITIES: &str = "octo-capabilities";
/// Name of the header that marks tests.
pub(super) const ENV: &str = "octo-env";

/// Every capability that the supplier offers.
const OFFERED: &str = "octo/pricing,octo/content";

/// Capabilities in effect.
#[derive(Clone, Default)]
pub(super) struct Capabilities {
    pub(super) pricing: bool,
    pub(super) content: bool,
    /// Their ids, in the form received.
    pub(super) names: Vec<String>,
}

/// A request.
pub(super) struct Call<'a> {
    pub(super) now: Timestamp,
    pub(super) zone: &'a TimeZone,
    /// URL of the server as the client addressed it.
    pub(super) origin: String,
    pub(super) capabilities: Capabilities,
    pub(super) is_test: bool,
    /// Index of the language.
    pub(super) language: usize,
    pub(super) query: Vec<(String, String)>,
    pub(super) body: Value,
}

/// Returns the text of a header. `None`: missing.
pub(super) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap_or_default())
}

/// Returns the index of the language of a request.
pub(super) fn language(headers: &HeaderMap) -> usize {
    find_language(header(headers, header::ACCEPT_LANGUAGE.as_str()).unwrap_or_default())
}

/// Checks the key; returns true if it is that of tests.
pub(super) fn authorize(headers: &HeaderMap, operation: Operation, switches: &Switches) -> Result<bool, Refusal> {
    if switches.is(Flag::NoKeyCheck) {
        return Ok(false);
    }
    let authorization = header(headers, header::AUTHORIZATION.as_str());
    let key = authorization.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    if key.is_empty() {
        return Err(Refusal::unauthorized(switches));
    }
    let own = match &switches.key_suffix {
        Some(suffix) => key.strip_suffix(suffix.as_str()).and_then(|key| key.strip_suffix('/')).unwrap_or_default(),
        None => key,
    };
    if ![KEY, TEST_KEY].contains(&own) || switches.denied.contains(&operation) {
        return Err(Refusal::forbidden(switches));
    }
    Ok(own == TEST_KEY)
}

/// Checks that a request with a body has the content type of JSON.
pub(super) fn check_content_type(headers: &HeaderMap, method: &str, switches: &Switches) -> Result<(), Refusal> {
    let is_json = header(headers, header::CONTENT_TYPE.as_str())
        .is_some_and(|kind| kind.to_ascii_lowercase().starts_with("application/json"));
    let is_needed = method != "GET" || switches.is(Flag::ContentTypeOnGet);
    if is_needed && !is_json { Err(Refusal::bad_request()) } else { Ok(()) }
}

/// Negotiates the capabilities of a request; unknown ones are ignored.
pub(super) fn negotiate(headers: &HeaderMap, switches: &Switches) -> Result<Capabilities, Refusal> {
    let (wanted, are_all) = match (header(headers, CAPABILITIES), switches.capabilities_header) {
        (_, CapabilitiesHeader::AlwaysOn) | (None, CapabilitiesHeader::MissingMeansAll) => (OFFERED, true),
        (Some(wanted), _) => (wanted, false),
        (None, CapabilitiesHeader::Optional) => ("", false),
        (None, CapabilitiesHeader::Required) => return Err(Refusal::bad_request()),
    };
    let mut found = Capabilities::default();
    for name in wanted.split(',').map(str::trim) {
        let (is_long, short) = match name.strip_prefix("octo/") {
            Some(short) => (true, short),
            None => (false, name),
        };
        let is_understood = match switches.capability_names {
            _ if are_all => true,
            CapabilityNames::Both => true,
            CapabilityNames::Long => is_long,
            CapabilityNames::Short => !is_long,
        };
        let slot = match short {
            "pricing" if is_understood => &mut found.pricing,
            "content" if is_understood => &mut found.content,
            _ => continue,
        };
        if !*slot {
            *slot = true;
            found.names.push(name.to_owned());
        }
    }
    Ok(found)
}

/// Returns true if bookings of this request are tests.
pub(super) fn is_test(headers: &HeaderMap, is_test_key: bool, switches: &Switches) -> bool {
    match switches.env {
        Env::Header => is_test_key || header(headers, ENV) == Some("test"),
        Env::Key => is_test_key,
        Env::Ignored => false,
    }
}

impl Call<'_> {
    /// Returns a parameter of the query.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Returns a text of the body. `None`: missing or null; any other type is refused.
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, Refusal> {
        text(&self.body, name)
    }

    /// Returns a day of the body.
    pub(super) fn date(&self, name: &str) -> Result<Option<Date>, Refusal> {
        self.text(name)?.map(parse_date).transpose()
    }
}

/// Returns a text of an object. `None`: missing or null; any other type is refused.
pub(super) fn text<'a>(object: &'a Value, name: &str) -> Result<Option<&'a str>, Refusal> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Refusal::bad_request()),
    }
}

/// Returns a number of an object, from 1. `None`: missing or null; anything else is refused.
pub(super) fn count(object: &Value, name: &str) -> Result<Option<i64>, Refusal> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_i64().filter(|count| *count > 0).map(Some).ok_or_else(Refusal::bad_request),
    }
}

/// Parses a day as `YYYY-MM-DD`.
pub(super) fn parse_date(text: &str) -> Result<Date, Refusal> {
    if text.len() == 10 { text.parse().map_err(|_| Refusal::bad_request()) } else { Err(Refusal::bad_request()) }
}
