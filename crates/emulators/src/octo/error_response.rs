//! Error responses (`octo.md §2.3, §2.4`).

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

use crate::octo::switches::{Flag, Switches};

/// Seconds after which a call that was refused for its rate may be repeated.
const RETRY_AFTER: u64 = 2;

/// A refused call: status, code, and the field that the code is about.
#[derive(Clone)]
pub(super) struct Refusal {
    status: u16,
    code: &'static str,
    field: Option<(&'static str, String)>,
    /// Own text instead of the usual one of the code.
    text: Option<&'static str>,
    is_plain: bool,
}

/// Result of an operation.
pub(super) type OperationResult = Result<Value, Refusal>;

impl Refusal {
    fn new(status: u16, code: &'static str) -> Self {
        Self { status, code, field: None, text: None, is_plain: false }
    }

    fn about(code: &'static str, field: &'static str, value: impl Into<String>) -> Self {
        Self { field: Some((field, value.into())), ..Self::new(400, code) }
    }

    pub(super) fn invalid_product(id: &str) -> Self {
        Self::about("INVALID_PRODUCT_ID", "productId", id)
    }

    pub(super) fn invalid_option(id: &str) -> Self {
        Self::about("INVALID_OPTION_ID", "optionId", id)
    }

    pub(super) fn invalid_unit(id: &str) -> Self {
        Self::about("INVALID_UNIT_ID", "unitId", id)
    }

    pub(super) fn invalid_availability(id: &str) -> Self {
        Self::about("INVALID_AVAILABILITY_ID", "availabilityId", id)
    }

    pub(super) fn invalid_uuid(uuid: &str) -> Self {
        Self::about("INVALID_BOOKING_UUID", "uuid", uuid)
    }

    pub(super) fn bad_request() -> Self {
        Self::new(400, "BAD_REQUEST")
    }

    /// A request that is no JSON: plain text at some suppliers.
    pub(super) fn not_json() -> Self {
        Self { is_plain: true, ..Self::bad_request() }
    }

    pub(super) fn already_confirmed() -> Self {
        Self { text: Some("Order already confirmed"), ..Self::bad_request() }
    }

    pub(super) fn unprocessable(switches: &Switches) -> Self {
        let is_bad_request = switches.is(Flag::RefusesWithBadRequest);
        Self::new(400, if is_bad_request { "BAD_REQUEST" } else { "UNPROCESSABLE_ENTITY" })
    }

    pub(super) fn unauthorized(switches: &Switches) -> Self {
        Self::new(if switches.is(Flag::KeyErrorsAs400) { 400 } else { 401 }, "UNAUTHORIZED")
    }

    pub(super) fn forbidden(switches: &Switches) -> Self {
        Self::new(if switches.is(Flag::KeyErrorsAs400) { 400 } else { 403 }, "FORBIDDEN")
    }

    pub(super) fn unknown_path() -> Self {
        Self { is_plain: true, ..Self::new(404, "NOT_FOUND") }
    }

    pub(super) fn rate_limited(switches: &Switches) -> Self {
        Self::new(if switches.is(Flag::RateLimitAs400) { 400 } else { 429 }, "TOO_MANY_REQUESTS")
    }

    pub(super) fn internal(switches: &Switches) -> Self {
        Self::new(switches.error_status.unwrap_or(400), "INTERNAL_SERVER_ERROR")
    }

    /// A violated constraint of the supplier's database.
    pub(super) fn broken() -> Self {
        Self::new(500, "INTERNAL_SERVER_ERROR")
    }

    /// Writes the response. `language` is an index of [`LANGUAGES`](crate::octo::world::LANGUAGES).
    pub(super) fn into_response(self, switches: &Switches, language: usize) -> Response<Body> {
        let text = self.text.unwrap_or_else(|| texts(self.code)[language]);
        if self.is_plain && switches.is(Flag::PlainErrors) {
            return response(self.status, "text/plain", text.to_owned());
        }
        let mut body = json!({ "error": self.code, "errorMessage": text });
        if let Some((field, value)) = self.field {
            body[field] = value.into();
        }
        let is_rate_limit = self.code == "TOO_MANY_REQUESTS";
        if is_rate_limit {
            body["retryAfter"] = RETRY_AFTER.into();
        }
        let mut response = json_response(self.status, &body);
        if is_rate_limit && self.status == 429 {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER.into());
        }
        response
    }
}

/// Returns the text of a code in each language.
fn texts(code: &str) -> [&'static str; 2] {
    match code {
        "INVALID_PRODUCT_ID" => ["No such product", "Prodotto sconosciuto"],
        "INVALID_OPTION_ID" => ["No such option", "Opzione sconosciuta"],
        "INVALID_UNIT_ID" => ["No such unit", "Categoria sconosciuta"],
        "INVALID_AVAILABILITY_ID" => ["No such availability", "Data sconosciuta"],
        "INVALID_BOOKING_UUID" => ["The booking is unknown, or its id is already used", "Prenotazione sconosciuta"],
        "UNPROCESSABLE_ENTITY" => ["The request was understood and refused", "Richiesta rifiutata"],
        "UNAUTHORIZED" => ["A key is required", "Chiave mancante"],
        "FORBIDDEN" => ["The key is not valid for this", "Chiave non valida"],
        "NOT_FOUND" => ["No such path", "Percorso sconosciuto"],
        "TOO_MANY_REQUESTS" => ["Too many requests", "Troppe richieste"],
        "INTERNAL_SERVER_ERROR" => ["Something went wrong", "Errore interno"],
        _ => ["The request is not valid", "Richiesta non valida"],
    }
}

/// Writes a JSON response.
pub(super) fn json_response(status: u16, body: &Value) -> Response<Body> {
    response(status, "application/json", body.to_string())
}

fn response(status: u16, kind: &'static str, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
