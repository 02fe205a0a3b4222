//! Standard probes: rejected by default, with the right status, in bounded time.

use std::fmt::Write as _;

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::socket::{Received, Socket, subscribe};
use super::start;

fn repeated(part: &str, times: usize) -> String {
    part.repeat(times)
}

#[tokio::test]
async fn documents_beyond_the_limits_are_rejected() {
    let door = start().await;
    let aliases = (0..100).fold(String::new(), |mut text, n| {
        let _ = write!(text, "a{n}: viewer {{ id }} ");
        text
    });
    let bomb = (0..20).fold("{ ...f0 } fragment f20 on Query { viewer { id } }".to_owned(), |mut text, n| {
        let _ = write!(text, " fragment f{n} on Query {{ ...f{} ...f{} }}", n + 1, n + 1);
        text
    });
    let circular =
        format!("{{ __schema {{ types {{ {} name {} }} }} }}", repeated("fields { type { ", 8), repeated("} } ", 8));
    for (name, document, code) in [
        ("aliases", format!("{{ {aliases} }}"), "OPERATION_TOO_LARGE"),
        ("tokens", format!("{{ viewer {{ {} }} }}", repeated("id ", 10_000)), "OPERATION_TOO_LARGE"),
        ("fragment bomb", bomb, "OPERATION_TOO_LARGE"),
        ("circular introspection", circular, "OPERATION_TOO_LARGE"),
        ("directives", format!("{{ viewer {{ {} }} }}", repeated("id @skip(if: false) ", 200)), "OPERATION_TOO_LARGE"),
        (
            "fragment cycle",
            "{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }".to_owned(),
            "GRAPHQL_VALIDATION_FAILED",
        ),
    ] {
        let (status, body) = door.post(&document).await;
        assert_eq!((status, body["errors"][0]["extensions"]["code"].as_str()), (400, Some(code)), "{name}: {body}");
    }
}

#[tokio::test]
async fn values_and_types_nested_without_end_are_rejected_by_every_transport() {
    let door = start().await;
    let mut socket = Socket::connected(&door).await;
    for depth in [100, 1_500, 50_000] {
        let list = format!("{}1{}", repeated("[", depth), repeated("]", depth));
        let object = format!("{}1{}", repeated("{a:", depth), repeated("}", depth));
        let ty = format!("{}Int{}", repeated("[", depth), repeated("]", depth));
        let fields = format!("{}a{}", repeated("a{", depth), repeated("}", depth));
        for document in [
            format!("{{ event(id: {list}) {{ id }} }}"),
            format!("{{ event(id: {object}) {{ id }} }}"),
            format!("query($x: {ty}) {{ viewer {{ id }} }}"),
            format!("query($x: Int = {list}) {{ viewer {{ id }} }}"),
            format!("{{ viewer @include(if: {list}) {{ id }} }}"),
            format!("{{ {fields} }}"),
        ] {
            let code = Some("OPERATION_TOO_LARGE");
            let (status, body) = door.post(&document).await;
            assert_eq!((status, body["errors"][0]["extensions"]["code"].as_str()), (400, code), "{body}");
            socket.send(subscribe("1", &document)).await;
            let Received::Message(message) = socket.receive().await else { panic!("closed") };
            assert_eq!(message["payload"][0]["extensions"]["code"].as_str(), code, "{message}");
            if document.len() < 8_000 {
                let request = door.client.get(door.url()).query(&[("query", &document)]);
                assert_eq!(request.send().await.expect("a response").status(), 200);
            }
        }
    }
    assert_eq!(door.post("{ viewer { id } }").await.0, 200);
}

#[tokio::test]
async fn lists_of_the_schema_inside_each_other_are_rejected() {
    let door = start().await;
    let levels = |levels: usize| {
        let (open, close) = (repeated("possibleTypes { interfaces { ", levels), repeated("} } ", levels));
        format!("{{ __type(name: \"Node\") {{ {open} name {close} }} }}")
    };
    let code = |body: &Value| body["errors"][0]["extensions"]["code"].as_str().map(str::to_owned);
    let (status, body) = door.post(&levels(3)).await;
    assert_eq!((status, code(&body).as_deref()), (400, Some("OPERATION_TOO_LARGE")), "{body}");
    assert_eq!(door.post(&levels(1)).await.0, 200);
}

#[tokio::test]
async fn a_long_list_is_rejected_as_a_literal_and_as_a_variable() {
    let door = start().await;
    let ids = Value::from(vec!["x"; 1_000]);
    let literal = door.post(&format!("{{ nodes(ids: {ids}) {{ id }} }}")).await;
    let body = json!({"query": "query($ids: [ID!]!) { nodes(ids: $ids) { id } }", "variables": {"ids": ids}});
    let request = door.client.post(door.url()).header("content-type", "application/json").body(body.to_string());
    let variable: Value = request.send().await.expect("a response").json().await.expect("JSON");
    for body in [literal.1, variable] {
        assert_eq!(body["errors"][0]["extensions"]["code"], "OPERATION_TOO_LARGE", "{body}");
        assert_eq!(body["errors"][0]["message"], "the operation has 1000 items in one list; 100 are allowed");
    }
}

#[tokio::test]
async fn a_response_of_too_many_rows_is_rejected_before_execution() {
    let door = start().await;
    let rows = "{ events(first: 100) { nodes { performances(first: 100) { nodes { availability { offers { status vacancies price { retail { amount } } } } } } } } }";
    let (status, body) = door.post(rows).await;
    assert_eq!(
        (status, body["errors"][0]["extensions"]["code"].as_str()),
        (400, Some("OPERATION_TOO_LARGE")),
        "{body}"
    );
}

#[tokio::test]
async fn deep_variables_and_large_bodies_are_rejected() {
    let door = start().await;
    let deep = format!(
        r#"{{"query":"{{ viewer {{ id }} }}","variables":{{"x":{}1{}}}}}"#,
        repeated("[", 100_000),
        repeated("]", 100_000)
    );
    let post = |body: String| door.client.post(door.url()).header("content-type", "application/json").body(body).send();
    assert_eq!(post(deep).await.expect("a response").status(), 400);
    let large = format!(r#"{{"query":"{{ viewer {{ id }} }} # {}"}}"#, repeated("x", 1 << 20));
    assert_eq!(post(large).await.expect("a response").status(), 413);
}

#[tokio::test]
async fn a_client_that_sends_headers_too_slowly_is_disconnected() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let door = start().await;
    let mut socket = tokio::net::TcpStream::connect(door.address).await.expect("a connection");
    socket.write_all(b"POST /graphql HTTP/1.1\r\nhost: x\r\n").await.expect("sent");
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(8), socket.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "the connection was still open");
}

#[tokio::test]
async fn hostile_documents_are_rejected_in_bounded_time() {
    let door = start().await;
    let bomb = (0..20).fold("{ ...f0 } fragment f20 on Query { viewer { id } }".to_owned(), |mut text, n| {
        let _ = write!(text, " fragment f{n} on Query {{ ...f{} ...f{} }}", n + 1, n + 1);
        text
    });
    let list = format!("{{ nodes(ids: {}1{}) {{ id }} }}", repeated("[", 2_000), repeated("]", 2_000));
    let nested = format!("{{ {} }}", repeated("... { ", 500) + "__typename" + &repeated(" }", 500));
    let string = format!("{{ node(id: \"{}\") {{ id }} }}", repeated("x", 200_000));
    let comment = format!("{{ __typename }} #{}", repeated("x", 200_000));
    for (name, document) in [
        ("bomb", bomb),
        ("nested list", list),
        ("nested fragments", nested),
        ("long string", string),
        ("long comment", comment),
    ] {
        let began = Instant::now();
        let (status, body) = door.post(&document).await;
        assert!(began.elapsed() < Duration::from_secs(5), "{name} took {:?}", began.elapsed());
        assert!(status == 400 || body["errors"].is_null(), "{name}: {status} {body}");
    }
}

#[tokio::test]
async fn no_cross_site_request_can_run_a_mutation() {
    let door = start().await;
    let document = "mutation { releaseOrder(input: {order: \"x\", idempotencyKey: \"y\"}) { replayed } }";
    let body = json!({ "query": document }).to_string();
    let multipart = format!("--x\r\ncontent-disposition: form-data; name=\"operations\"\r\n\r\n{body}\r\n--x--\r\n");
    let form: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("query", document).finish();
    for (kind, body) in [
        ("text/plain", body.clone()),
        ("text/plain; application/json", body.clone()),
        ("application/x-www-form-urlencoded", form),
        ("multipart/form-data; boundary=x", multipart),
        ("application/graphql", document.to_owned()),
        ("application/json; charset=utf-16", body.clone()),
    ] {
        let request = door.client.post(door.url()).header("content-type", kind).header("origin", "https://evil.test");
        let response = request.body(body).send().await.expect("a response");
        assert_eq!(response.status(), 415, "{kind}");
        assert!(!response.headers().contains_key("access-control-allow-origin"), "{kind}");
    }
    let got = door.client.get(door.url()).query(&[("query", document)]).send().await.expect("a response");
    assert_eq!(got.status(), 405);
}

#[tokio::test]
async fn tampered_ids_and_cursors_are_rejected_and_never_cause_an_internal_error() {
    let door = start().await;
    let tampered =
        ["", "x", "MWUAaGFyYm9y", "1e\u{0}harbor", "../../etc/passwd", "' OR 1=1 --", "MQ==", "\u{1F4A5}", "null"];
    for text in tampered {
        for document in [
            "query($x: String!) { events(after: $x) { nodes { id } } }",
            "query($x: String!) { orders(after: $x) { nodes { id } } }",
            "query($x: String!) { changes(after: $x) { nodes { cursor } } }",
        ] {
            let request = door
                .client
                .post(door.url())
                .header("content-type", "application/json")
                .header("authorization", "Bearer all-key");
            let body = json!({ "query": document, "variables": { "x": text } }).to_string();
            let answer: Value = request.body(body).send().await.expect("a response").json().await.expect("JSON");
            let code = answer["errors"][0]["extensions"]["code"].as_str().unwrap_or_default();
            // This gateway has no order store, which alone can read a cursor of `changes`.
            let expected = if document.contains("changes") && !text.chars().any(char::is_control) {
                "UNSUPPORTED_BY_SOURCE"
            } else {
                "BAD_USER_INPUT"
            };
            assert!(code == expected, "{document} {text:?}: {answer}");
        }
        let document = "query($x: ID!) { node(id: $x) { id } nodes(ids: [$x]) { id } }";
        let request = door.client.post(door.url()).header("content-type", "application/json");
        let body = json!({ "query": document, "variables": { "x": text } }).to_string();
        let answer: Value = request.body(body).send().await.expect("a response").json().await.expect("JSON");
        if text.chars().any(char::is_control) {
            assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "{text:?}");
        } else {
            assert_eq!(answer, json!({ "data": { "node": null, "nodes": [null] } }), "{text:?}");
        }
    }
}
