//! How the emulated TickeTing answers: envelopes, errors with their literals (`ticketing.md §2.4`, `§2.5`), pages (`§3.2`).

use axum::body::Body;
use axum::http::{Response, StatusCode, header};
use serde_json::{Value, json};

use crate::ticketing::book::Switches;

/// What an endpoint answers.
pub(super) type Outcome = Result<Value, Refusal>;

/// An answer that is not a success.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    status: u16,
    /// Comes from the gateway and not from a resource: under `message` as the reference shows it.
    is_outer: bool,
    text: String,
}

impl Refusal {
    /// A refusal of a resource, under `error`.
    pub(super) fn new(status: u16, text: impl Into<String>) -> Self {
        Self { status, is_outer: false, text: text.into() }
    }

    fn outer(status: u16, text: impl Into<String>) -> Self {
        Self { status, is_outer: true, text: text.into() }
    }

    /// 404, form A.
    pub(super) fn no_endpoint(path: &str) -> Self {
        Self::outer(404, format!("The requested endpoint {path} does not exist on this server."))
    }

    /// 404, form B.
    pub(super) fn gone() -> Self {
        Self::new(404, "There is presently no resource with the given URI.")
    }

    /// 405.
    pub(super) fn no_method(endpoint: &str, method: &str) -> Self {
        Self::new(405, format!("The {endpoint} endpoint does not support the {method} method"))
    }

    /// 412.
    pub(super) fn outdated() -> Self {
        Self::new(412, "Please upgrade your client to complete this request")
    }

    /// 401 of the gateway.
    pub(super) fn unauthenticated() -> Self {
        Self::outer(401, "Your request could not be authenticated.")
    }

    /// 403 of the gateway.
    pub(super) fn restricted() -> Self {
        Self::outer(403, "You are restricted from accessing this resource.")
    }

    /// 400 for fields that are missing.
    pub(super) fn required(fields: &[&str]) -> Self {
        let names = fields.join(", ");
        Self::new(400, format!("The following arguments are required, but have not been supplied: {names}."))
    }

    /// 400 for fields that are wrong.
    pub(super) fn invalid(fields: &[&str]) -> Self {
        Self::new(400, format!("The following arguments have invalid values: {}.", fields.join(", ")))
    }

    /// 409 for a duplicate.
    pub(super) fn duplicate(thing: &str, fields: &[&str]) -> Self {
        let names = fields.join(", ");
        Self::new(409, format!("The following arguments conflict with those of another {thing}: {names}."))
    }

    /// The wire form.
    pub(super) fn into_response(self, switches: &Switches) -> Response<Body> {
        let is_form_a = self.status == 404;
        let key = if self.is_outer && (is_form_a || !switches.gateway_errors) { "message" } else { "error" };
        respond(self.status, &json!({ key: self.text }))
    }
}

/// An answer as JSON.
pub(super) fn respond(status: u16, body: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}

/// The query of a request.
#[derive(Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn parse(text: &str) -> Self {
        Self(url::form_urlencoded::parse(text.as_bytes()).into_owned().collect())
    }

    /// A filter that is there and not empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        found.filter(|value| !value.is_empty())
    }

    /// Whether the filter is absent or names this id, bare or as a URI.
    pub(super) fn allows(&self, name: &str, id: &str) -> bool {
        self.get(name).is_none_or(|wanted| wanted.rsplit('/').next() == Some(id))
    }

    /// Whether the filter is absent or says this.
    pub(super) fn is(&self, name: &str, truth: bool) -> bool {
        self.get(name).is_none_or(|told| told == if truth { "true" } else { "false" })
    }

    /// Whether the filter is absent or the text holds it.
    pub(super) fn is_in(&self, name: &str, text: &str) -> bool {
        self.get(name).is_none_or(|part| text.to_lowercase().contains(&part.to_lowercase()))
    }

    fn number(&self, name: &str, default: usize) -> Result<usize, Refusal> {
        let Some(text) = self.get(name) else { return Ok(default) };
        text.parse().ok().filter(|number| *number > 0).ok_or_else(|| Refusal::invalid(&[name]))
    }

    /// One page of a list. Beyond the end: 404; the first page of an empty list is there.
    pub(super) fn page<T>(&self, switches: &Switches, mut items: Vec<T>, show: impl Fn(&T) -> Value) -> Outcome {
        let most = switches.page_cap.unwrap_or(100);
        let page = self.number("page", 1)?;
        let records = self.number("records", 25)?.min(most);
        if self.get("order") == Some("desc") {
            items.reverse();
        }
        let total = items.len();
        if page > 1 && page > total.div_ceil(records) {
            return Err(Refusal::new(404, "The specified page does not exist for the given records per page"));
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

/// The body of a request.
pub(super) struct Fields<'a>(pub &'a Value);

impl Fields<'_> {
    /// Text that is there and not empty.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str().filter(|text| !text.trim().is_empty())
    }

    /// Text, or a number as text.
    pub(super) fn loose(&self, name: &str) -> Option<String> {
        match self.0.get(name)? {
            Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// A list of texts.
    pub(super) fn texts(&self, name: &str) -> Option<Vec<String>> {
        self.0.get(name)?.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
    }

    /// Refuses where one of the fields is missing.
    pub(super) fn require(&self, names: &[&str]) -> Result<(), Refusal> {
        let is_there = |name: &&&str| {
            self.0
                .get(**name)
                .is_some_and(|value| !value.is_null() && value.as_str().is_none_or(|t| !t.trim().is_empty()))
        };
        let missing: Vec<&str> = names.iter().filter(|name| !is_there(name)).copied().collect();
        if missing.is_empty() { Ok(()) } else { Err(Refusal::required(&missing)) }
    }
}
