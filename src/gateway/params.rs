//! Reading the parameters of a GraphQL request from a body or a query string.

use serde_json::{Map, Value};

/// What a client asks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Params {
    /// The document; absent where a persisted one is named.
    pub query: Option<String>,
    /// Which of its operations.
    pub operation_name: Option<String>,
    /// Values of its variables.
    pub variables: Map<String, Value>,
    /// Extensions of the request: persisted operations, explain.
    pub extensions: Map<String, Value>,
}

/// A request that cannot be read; the text names the parameter and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

/// One request, or several in an array.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// One.
    Single(Box<Params>),
    /// Several, answered in their order.
    Batch(Vec<Params>),
}

/// Reads a JSON body.
pub fn from_body(bytes: &[u8], most: usize) -> Result<Body, Unreadable> {
    let value: Value = serde_json::from_slice(bytes).map_err(|fault| {
        Unreadable(format!("the body is not JSON (line {}, column {})", fault.line(), fault.column()))
    })?;
    match value {
        Value::Array(items) if most <= 1 => {
            Err(Unreadable(format!("a batch of {} requests: one at a time is allowed", items.len())))
        }
        Value::Array(items) if items.is_empty() => {
            Err(Unreadable("an empty batch: send at least one request".to_owned()))
        }
        Value::Array(items) if items.len() > most => {
            Err(Unreadable(format!("a batch of {} requests: at most {most} are allowed", items.len())))
        }
        Value::Array(items) => Ok(Body::Batch(items.into_iter().map(from_value).collect::<Result<_, _>>()?)),
        single => Ok(Body::Single(Box::new(from_value(single)?))),
    }
}

fn from_value(value: Value) -> Result<Params, Unreadable> {
    let Value::Object(mut map) = value else { return Err(Unreadable("the body must be a JSON object".to_owned())) };
    let mut take = |name: &str| map.remove(name).unwrap_or(Value::Null);
    Ok(Params {
        query: text("query", take("query"))?,
        operation_name: text("operationName", take("operationName"))?,
        variables: object("variables", take("variables"))?,
        extensions: object("extensions", take("extensions"))?,
    })
}

/// Reads a query string (`GET`). Variables and extensions are JSON text.
pub fn from_query_string(query: &str) -> Result<Params, Unreadable> {
    let mut params = Params::default();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let value = value.into_owned();
        match name.as_ref() {
            "query" => params.query = Some(value),
            "operationName" if value.is_empty() => params.operation_name = None,
            "operationName" => params.operation_name = Some(value),
            "variables" => params.variables = object("variables", parse("variables", &value)?)?,
            "extensions" => params.extensions = object("extensions", parse("extensions", &value)?)?,
            _ => {}
        }
    }
    Ok(params)
}

fn parse(name: &str, text: &str) -> Result<Value, Unreadable> {
    if text.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(text).map_err(|_| Unreadable(format!("`{name}` must be a JSON object")))
}

fn text(name: &str, value: Value) -> Result<Option<String>, Unreadable> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        _ => Err(Unreadable(format!("`{name}` must be a string"))),
    }
}

fn object(name: &str, value: Value) -> Result<Map<String, Value>, Unreadable> {
    match value {
        Value::Null => Ok(Map::new()),
        Value::Object(map) => Ok(map),
        _ => Err(Unreadable(format!("`{name}` must be a JSON object"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_parameter_is_named() {
        for (body, named) in [
            (r#"{"query": 1}"#, "query"),
            (r#"{"query": "{a}", "operationName": {}}"#, "operationName"),
            (r#"{"query": "{a}", "variables": "x"}"#, "variables"),
            (r#"{"query": "{a}", "extensions": []}"#, "extensions"),
            (r#""text""#, "object"),
            ("{", "JSON"),
            ("[]", "empty batch"),
            ("[{},{},{}]", "at most 2"),
        ] {
            let Err(Unreadable(text)) = from_body(body.as_bytes(), 2) else { panic!("{body} was read") };
            assert!(text.contains(named), "{body}: {text}");
        }
    }

    #[test]
    fn both_ways_of_asking_say_the_same() {
        let body = br#"{"query":"query A {a}","operationName":"A","variables":{"x":1}}"#;
        let Ok(Body::Single(posted)) = from_body(body, 1) else { panic!("not read") };
        let got = from_query_string("query=query%20A%20%7Ba%7D&operationName=A&variables=%7B%22x%22%3A1%7D");
        assert_eq!(got, Ok(*posted));
    }
}
