//! The classic probes: refused by default, with the right status, in bounded time.

use std::fmt::Write as _;

use super::open;

fn repeated(part: &str, times: usize) -> String {
    part.repeat(times)
}

#[tokio::test]
async fn what_is_too_heavy_is_refused_before_it_is_walked() {
    let door = open().await;
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
        ("directives", format!("{{ viewer {} {{ id }} }}", repeated("@skip(if: false) ", 200)), "OPERATION_TOO_LARGE"),
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
async fn deep_variables_and_large_bodies_are_refused() {
    let door = open().await;
    let deep = format!(
        r#"{{"query":"{{ viewer {{ id }} }}","variables":{{"x":{}1{}}}}}"#,
        repeated("[", 100_000),
        repeated("]", 100_000)
    );
    let post = |body: String| door.client.post(door.url()).header("content-type", "application/json").body(body).send();
    assert_eq!(post(deep).await.expect("an answer").status(), 400);
    let large = format!(r#"{{"query":"{{ viewer {{ id }} }} # {}"}}"#, repeated("x", 1 << 20));
    assert_eq!(post(large).await.expect("an answer").status(), 413);
}

#[tokio::test]
async fn a_client_that_dribbles_its_headers_is_cut_off() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let door = open().await;
    let mut socket = tokio::net::TcpStream::connect(door.address).await.expect("a connection");
    socket.write_all(b"POST /graphql HTTP/1.1\r\nhost: x\r\n").await.expect("sent");
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(std::time::Duration::from_secs(8), socket.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "the connection was still open");
}
