//! Parses the parameters of GraphQL requests from bodies and query strings.

use serde_json::{Map, Value};

/// Parameters and extensions that name a persisted document: GraphQL over HTTP, Relay, and older clients.
pub const DOCUMENT_ID_NAMES: [&str; 3] = ["documentId", "doc_id", "id"];

/// Parameters of one GraphQL request.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RequestParams {
    /// Document; absent for a persisted operation.
    pub query: Option<String>,
    /// Id of a persisted document.
    pub document_id: Option<String>,
    /// Name of the selected operation.
    pub operation_name: Option<String>,
    /// Variable values.
    pub variables: Map<String, Value>,
    /// Request extensions: persisted operations, explain, cost.
    pub extensions: Map<String, Value>,
}

/// A request that cannot be parsed. The text names the parameter and the expected format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidParams(pub String);

/// One request or a batch.
#[derive(Debug, Clone, PartialEq)]
pub enum GraphqlBody {
    /// One request.
    Single(Box<RequestParams>),
    /// A batch; responses keep the order.
    Batch(Vec<RequestParams>),
}

/// Parses a JSON body.
pub fn parse_body(bytes: &[u8], limit: usize) -> Result<GraphqlBody, InvalidParams> {
    // A byte order mark is ignored (RFC 8259 §8.1).
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let value: Value = serde_json::from_slice(bytes).map_err(|error| {
        InvalidParams(format!("the body is not JSON (line {}, column {})", error.line(), error.column()))
    })?;
    match value {
        Value::Array(items) if limit <= 1 => {
            Err(InvalidParams(format!("a batch of {} requests: batches are not allowed", items.len())))
        }
        Value::Array(items) if items.is_empty() => {
            Err(InvalidParams("an empty batch: send at least one request".to_owned()))
        }
        Value::Array(items) if items.len() > limit => {
            Err(InvalidParams(format!("a batch of {} requests: at most {limit} are allowed", items.len())))
        }
        Value::Array(items) => Ok(GraphqlBody::Batch(items.into_iter().map(parse_params).collect::<Result<_, _>>()?)),
        single => Ok(GraphqlBody::Single(Box::new(parse_params(single)?))),
    }
}

fn parse_params(value: Value) -> Result<RequestParams, InvalidParams> {
    let Value::Object(mut map) = value else { return Err(InvalidParams("the body must be a JSON object".to_owned())) };
    let mut take = |name: &str| map.remove(name).unwrap_or(Value::Null);
    let mut document_id = None;
    for name in DOCUMENT_ID_NAMES {
        document_id = document_id.or(text(name, take(name))?);
    }
    Ok(RequestParams {
        query: text("query", take("query"))?,
        document_id,
        operation_name: text("operationName", take("operationName"))?.filter(|name| !name.is_empty()),
        variables: object("variables", take("variables"))?,
        extensions: object("extensions", take("extensions"))?,
    })
}

/// Parses a query string (`GET`). Variables and extensions are JSON texts.
pub fn parse_query_string(query: &str) -> Result<RequestParams, InvalidParams> {
    let mut params = RequestParams::default();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let value = value.into_owned();
        match name.as_ref() {
            "query" => params.query = Some(value),
            "operationName" => params.operation_name = Some(value).filter(|name| !name.is_empty()),
            "variables" => params.variables = object("variables", parse_json_param("variables", &value)?)?,
            "extensions" => params.extensions = object("extensions", parse_json_param("extensions", &value)?)?,
            name if DOCUMENT_ID_NAMES.contains(&name) => params.document_id = Some(value),
            _ => {}
        }
    }
    Ok(params)
}

fn parse_json_param(name: &str, text: &str) -> Result<Value, InvalidParams> {
    if text.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(text).map_err(|_| InvalidParams(format!("`{name}` must be a JSON object")))
}

fn text(name: &str, value: Value) -> Result<Option<String>, InvalidParams> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        _ => Err(InvalidParams(format!("`{name}` must be a string"))),
    }
}

fn object(name: &str, value: Value) -> Result<Map<String, Value>, InvalidParams> {
    match value {
        Value::Null => Ok(Map::new()),
        Value::Object(map) => Ok(map),
        _ => Err(InvalidParams(format!("`{name}` must be a JSON object"))),
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
            let Err(InvalidParams(text)) = parse_body(body.as_bytes(), 2) else { panic!("{body} was read") };
            assert!(text.contains(named), "{body}: {text}");
        }
    }

    #[test]
    fn bodies_and_query_strings_are_parsed_alike() {
        let body = br#"{"query":"query A {a}","operationName":"A","variables":{"x":1}}"#;
        let Ok(GraphqlBody::Single(posted)) = parse_body(body, 1) else { panic!("not read") };
        let got = parse_query_string("query=query%20A%20%7Ba%7D&operationName=A&variables=%7B%22x%22%3A1%7D");
        assert_eq!(got, Ok(*posted));
        for name in DOCUMENT_ID_NAMES {
            let body = format!("\u{feff}{{\"{name}\":\"x1\",\"operationName\":\"\"}}");
            let Ok(GraphqlBody::Single(posted)) = parse_body(body.as_bytes(), 1) else { panic!("not read") };
            assert_eq!(posted.document_id.as_deref(), Some("x1"), "{name}");
            assert_eq!(posted.operation_name, None);
            assert_eq!(parse_query_string(&format!("{name}=x1&operationName=")), Ok(*posted));
        }
    }
}
