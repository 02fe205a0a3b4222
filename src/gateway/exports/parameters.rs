//! Query parameters of exports: the arguments of the GraphQL fields by name.

use serde_json::{Map, Value};

use crate::gateway::rejection::RequestRejection;

/// Longest excerpt of an unknown name in an error, in characters.
const MAX_EXCERPT: usize = 60;

/// Form of a parameter. Types and values are checked as those of GraphQL variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A text, given once.
    Text,
    /// `true` or `false`.
    Boolean,
    /// A list: the parameter is repeated, once per item.
    List,
}

/// A parameter: its name and its form.
pub(super) type Parameter = (&'static str, Form);

/// Parameters of the orders: a variable of the documents each.
pub(super) const OF_ORDERS: &[Parameter] = &[
    RESELLER,
    ("status", Form::List),
    ("sources", Form::List),
    ("createdFrom", Form::Text),
    ("createdTo", Form::Text),
    ("confirmedFrom", Form::Text),
    ("confirmedTo", Form::Text),
    ("currency", Form::Text),
    ("updatedSince", Form::Text),
    ("testMode", Form::Boolean),
    ("search", Form::Text),
    ("event", Form::Text),
    ("ticketType", Form::Text),
    ("visitFrom", Form::Text),
    ("visitTo", Form::Text),
];

/// Parameters of the statement: a variable of the documents each.
pub(super) const OF_STATEMENT: &[Parameter] = &[RESELLER, ("from", Form::Text), ("to", Form::Text)];

/// Parameters of the statement by event or ticket type: a variable of the documents each.
pub(super) const OF_BREAKDOWN: &[Parameter] =
    &[RESELLER, ("from", Form::Text), ("to", Form::Text), ("by", Form::Text), ("locale", Form::Text)];

/// Limits the export to a reseller, by its id.
const RESELLER: Parameter = ("reseller", Form::Text);

/// Begins the file with a byte order mark. It is no variable.
const BOM: Parameter = ("bom", Form::Boolean);

/// Parsed parameters of an export.
#[derive(Debug, PartialEq)]
pub(super) struct ExportParameters {
    /// Values of GraphQL variables.
    pub variables: Map<String, Value>,
    /// True if the file begins with a byte order mark.
    pub has_bom: bool,
}

/// Parses a query string.
///
/// # Errors
///
/// A name is unknown, a boolean is neither `true` nor `false`, or a parameter that is no list is repeated.
pub(super) fn parse(query: &str, known: &'static [Parameter]) -> Result<ExportParameters, RequestRejection> {
    let mut variables = Map::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let Some((name, form)) = known.iter().chain([&BOM]).find(|(known, _)| *known == name) else {
            return Err(unknown(&name, known));
        };
        let value = match (form, value.as_ref()) {
            (Form::Boolean, "true") => Value::Bool(true),
            (Form::Boolean, "false") => Value::Bool(false),
            (Form::Boolean, _) => {
                return Err(RequestRejection::bad_request(format!("the parameter `{name}` must be `true` or `false`")));
            }
            (Form::Text | Form::List, _) => Value::String(value.into_owned()),
        };
        match (form, variables.get_mut(*name)) {
            (Form::List, Some(Value::Array(items))) => items.push(value),
            (Form::List, _) => {
                variables.insert((*name).to_owned(), Value::Array(vec![value]));
            }
            (Form::Text | Form::Boolean, None) => {
                variables.insert((*name).to_owned(), value);
            }
            (Form::Text | Form::Boolean, Some(_)) => {
                return Err(RequestRejection::bad_request(format!("the parameter `{name}` must be given once only")));
            }
        }
    }
    let has_bom = variables.remove(BOM.0) == Some(Value::Bool(true));
    Ok(ExportParameters { variables, has_bom })
}

fn unknown(name: &str, known: &[Parameter]) -> RequestRejection {
    let name: String = name.chars().take(MAX_EXCERPT).collect();
    let names: Vec<String> = known.iter().chain([&BOM]).map(|(known, _)| format!("`{known}`")).collect();
    RequestRejection::bad_request(format!("there is no parameter `{name}`; the parameters are {}", names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_repeated_and_everything_else_is_given_once() {
        let parsed = parse("status=CONFIRMED&status=HELD&testMode=true&bom=true&createdFrom=x%2By", OF_ORDERS);
        let parsed = parsed.expect("parameters");
        let expected = serde_json::json!({ "status": ["CONFIRMED", "HELD"], "testMode": true, "createdFrom": "x+y" });
        assert_eq!((Value::Object(parsed.variables), parsed.has_bom), (expected, true));
        for (query, named) in [
            ("testMode=yes", "`testMode` must be `true` or `false`"),
            ("bom=1", "`bom` must be `true` or `false`"),
            ("createdTo=a&createdTo=b", "`createdTo` must be given once only"),
            ("first=5", "there is no parameter `first`; the parameters are `reseller`, `status`"),
            ("query=%7Bviewer%7Bid%7D%7D", "there is no parameter `query`"),
        ] {
            let rejection = parse(query, OF_ORDERS).expect_err(query);
            assert!(rejection.message.contains(named), "{query}: {}", rejection.message);
        }
    }
}
