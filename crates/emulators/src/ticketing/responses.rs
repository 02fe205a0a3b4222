//! Responses of the emulated TickeTing: envelopes, error texts (`ticketing.md §2.4`, `§2.5`), pages (`§3.2`).

use axum::body::Body;
use axum::http::{Response, StatusCode, header};
use serde_json::{Value, json};

use crate::ticketing::state::ServerQuirks;

/// Result of an endpoint.
pub(super) type EndpointResult = Result<Value, TicketingErrorResponse>;

/// An error response.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TicketingErrorResponse {
    status: u16,
    /// True if it comes from the gateway, not from a resource; it is then sent under `message`, as documented.
    is_gateway: bool,
    text: String,
}

impl TicketingErrorResponse {
    /// Creates an error of a resource, sent under `error`.
    pub(super) fn new(status: u16, text: impl Into<String>) -> Self {
        Self { status, is_gateway: false, text: text.into() }
    }

    fn gateway(status: u16, text: impl Into<String>) -> Self {
        Self { status, is_gateway: true, text: text.into() }
    }

    /// 404 for an unknown path, form A.
    pub(super) fn unknown_endpoint(path: &str) -> Self {
        Self::gateway(404, format!("The requested endpoint {path} does not exist on this server."))
    }

    /// 404 for an unknown resource, form B.
    pub(super) fn not_found() -> Self {
        Self::new(404, "There is presently no resource with the given URI.")
    }

    /// 405 for an unsupported method.
    pub(super) fn method_not_allowed(endpoint: &str, method: &str) -> Self {
        Self::new(405, format!("The {endpoint} endpoint does not support the {method} method"))
    }

    /// 412 for an outdated client version.
    pub(super) fn upgrade_required() -> Self {
        Self::new(412, "Please upgrade your client to complete this request")
    }

    /// 401 of the gateway.
    pub(super) fn unauthenticated() -> Self {
        Self::gateway(401, "Your request could not be authenticated.")
    }

    /// 500: a fault of the server (`§2.4`). The misspelling is on the wire.
    pub(super) fn server_error() -> Self {
        let text = "There was a server error while excuting this request. Please see system logs for details.";
        Self::gateway(500, text)
    }

    /// 403 of the gateway.
    pub(super) fn forbidden() -> Self {
        Self::gateway(403, "You are restricted from accessing this resource.")
    }

    /// 400 for missing fields.
    pub(super) fn required(fields: &[&str]) -> Self {
        let names = fields.join(", ");
        Self::new(400, format!("The following arguments are required, but have not been supplied: {names}."))
    }

    /// 400 for invalid fields.
    pub(super) fn invalid(fields: &[&str]) -> Self {
        Self::new(400, format!("The following arguments have invalid values: {}.", fields.join(", ")))
    }

    /// 409 for a duplicate.
    pub(super) fn duplicate(thing: &str, fields: &[&str]) -> Self {
        let names = fields.join(", ");
        Self::new(409, format!("The following arguments conflict with those of another {thing}: {names}."))
    }

    /// Serializes the error response.
    pub(super) fn into_response(self, switches: &ServerQuirks) -> Response<Body> {
        let is_form_a = self.status == 404;
        let key = if self.is_gateway && (is_form_a || !switches.gateway_errors) { "message" } else { "error" };
        json_response(self.status, &json!({ key: self.text }))
    }
}

/// Builds a JSON response.
pub(super) fn json_response(status: u16, body: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}

/// Query parameters of a request.
#[derive(Default)]
pub(super) struct QueryParameters(Vec<(String, String)>);

impl QueryParameters {
    pub(super) fn parse(text: &str) -> Self {
        Self(url::form_urlencoded::parse(text.as_bytes()).into_owned().collect())
    }

    /// Returns a parameter that is present and not empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        found.filter(|value| !value.is_empty())
    }

    /// True if the filter is absent or equals the id, bare or as a URI.
    pub(super) fn matches_id(&self, name: &str, id: &str) -> bool {
        self.get(name).is_none_or(|wanted| wanted.rsplit('/').next() == Some(id))
    }

    /// True if the filter is absent or equals the flag.
    pub(super) fn matches_flag(&self, name: &str, truth: bool) -> bool {
        self.get(name).is_none_or(|text| text == if truth { "true" } else { "false" })
    }

    /// True if the filter is absent or a substring of the text.
    pub(super) fn matches_text(&self, name: &str, text: &str) -> bool {
        self.get(name).is_none_or(|part| text.to_lowercase().contains(&part.to_lowercase()))
    }

    fn number(&self, name: &str, default: usize) -> Result<usize, TicketingErrorResponse> {
        let Some(text) = self.get(name) else { return Ok(default) };
        text.parse().ok().filter(|number| *number > 0).ok_or_else(|| TicketingErrorResponse::invalid(&[name]))
    }

    /// Builds one page of a list. A page beyond the end is 404; the first page of an empty list exists.
    pub(super) fn page<T>(
        &self,
        switches: &ServerQuirks,
        mut items: Vec<T>,
        show: impl Fn(&T) -> Value,
    ) -> EndpointResult {
        let most = switches.page_cap.unwrap_or(100);
        let page = self.number("page", 1)?;
        let records = self.number("records", 25)?.min(most);
        if self.get("order") == Some("desc") {
            items.reverse();
        }
        let total = items.len();
        if page > 1 && page > total.div_ceil(records) {
            return Err(TicketingErrorResponse::new(
                404,
                "The specified page does not exist for the given records per page",
            ));
        }
        let entries: Vec<Value> = items.iter().skip((page - 1) * records).take(records).map(show).collect();
        if switches.text_numbers {
            let text = |number: usize| number.to_string();
            return Ok(json!({
                "total": text(total), "page": text(page), "records": text(records), "entries": entries
            }));
        }
        Ok(json!({ "total": total, "page": page, "records": records, "entries": entries }))
    }
}

/// Fields of a request body.
pub(super) struct BodyFields<'a>(pub &'a Value);

impl BodyFields<'_> {
    /// Returns text that is present and not empty.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str().filter(|text| !text.trim().is_empty())
    }

    /// Returns text, or a number as text.
    pub(super) fn text_or_number(&self, name: &str) -> Option<String> {
        match self.0.get(name)? {
            Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// Returns a list of texts.
    pub(super) fn texts(&self, name: &str) -> Option<Vec<String>> {
        self.0.get(name)?.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
    }

    /// Rejects the request if a field is missing.
    pub(super) fn require(&self, names: &[&str]) -> Result<(), TicketingErrorResponse> {
        let is_there = |name: &&&str| {
            self.0
                .get(**name)
                .is_some_and(|value| !value.is_null() && value.as_str().is_none_or(|t| !t.trim().is_empty()))
        };
        let missing: Vec<&str> = names.iter().filter(|name| !is_there(name)).copied().collect();
        if missing.is_empty() { Ok(()) } else { Err(TicketingErrorResponse::required(&missing)) }
    }
}
