//! Attacks by hostile or broken clients on the server itself: connections, bodies, panics, TLS.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use ticketgraph::gateway::router::Surface;

use super::{GatewayOptions, TestGateway, start, start_with};

/// Upper bound of every wait, reached only if the build is broken.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Returns everything that is received until the connection closes.
async fn rest(mut socket: TcpStream) -> String {
    let mut received = Vec::new();
    tokio::time::timeout(TIMEOUT, socket.read_to_end(&mut received)).await.expect("still open").expect("read");
    String::from_utf8_lossy(&received).into_owned()
}

async fn said(door: &TestGateway, text: &str) -> TcpStream {
    let mut socket = TcpStream::connect(door.address).await.expect("a connection");
    socket.write_all(text.as_bytes()).await.expect("sent");
    socket
}

#[tokio::test]
async fn an_incomplete_body_times_out_and_releases_its_permit() {
    let short = GatewayOptions { body_timeout: Duration::from_millis(200), in_flight: 1, ..GatewayOptions::default() };
    let door = start_with(short).await;
    let head = "POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: 100\r\n\r\n{";
    let answer = rest(said(&door, head).await).await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("BAD_REQUEST"), "{answer}");
    assert_eq!(door.post("{ __typename }").await.0, 200, "its place is free again");
}

#[tokio::test]
async fn a_client_that_sends_headers_byte_by_byte_is_disconnected() {
    let door =
        start_with(GatewayOptions { header_timeout: Duration::from_millis(500), ..GatewayOptions::default() }).await;
    let mut socket = said(&door, "POST /graphql HTTP/1.1\r\n").await;
    let (began, mut letters) = (Instant::now(), "x-slow: ".bytes().chain(std::iter::repeat(b'a')));
    let mut buffer = [0; 512];
    loop {
        let letter = [letters.next().expect("there are always more")];
        // Every byte arrives within the limit; the limit applies to the whole head.
        if socket.write_all(&letter).await.is_err() {
            break;
        }
        match tokio::time::timeout(Duration::from_millis(50), socket.read(&mut buffer)).await {
            Ok(Ok(0) | Err(_)) => break,
            Ok(Ok(_)) | Err(_) => assert!(began.elapsed() < TIMEOUT, "still open"),
        }
    }
    assert!(began.elapsed() >= Duration::from_millis(400), "cut off before its time: {:?}", began.elapsed());
}

#[tokio::test]
async fn an_idle_connection_outlives_the_time_for_headers_and_late_headers_do_not() {
    let header_timeout = Duration::from_millis(400);
    let door = start_with(GatewayOptions { header_timeout, ..GatewayOptions::default() }).await;
    let ask = "GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut socket = said(&door, ask).await;
    let mut buffer = [0; 1024];
    for _ in 0..2 {
        let read = tokio::time::timeout(TIMEOUT, socket.read(&mut buffer)).await.expect("a response").expect("read");
        assert!(buffer[..read].starts_with(b"HTTP/1.1 200 "), "{:?}", String::from_utf8_lossy(&buffer[..read]));
        tokio::time::sleep(header_timeout * 3).await;
        socket.write_all(ask.as_bytes()).await.expect("the connection is open");
    }
    assert!(socket.read(&mut buffer).await.expect("a response") > 0);
    // The headers of a later request have the same time as those of the first one.
    socket.write_all(b"GET /health/live HTTP/1.1\r\n").await.expect("sent");
    let ended = tokio::time::timeout(TIMEOUT, socket.read(&mut buffer)).await.expect("still open");
    assert!(matches!(ended, Ok(0) | Err(_)), "{ended:?}");
}

#[tokio::test]
async fn a_connection_whose_body_was_not_read_is_closed_with_a_word() {
    let door = start().await;
    let unread = "POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\ncontent-length: 5000\r\n\r\n{";
    let answer = rest(said(&door, unread).await).await;
    assert!(answer.starts_with("HTTP/1.1 415 ") && answer.contains("connection: close\r\n"), "{answer}");
    let body = r#"{"query":"{ __typename }"}"#;
    let read = format!(
        "POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut socket = said(&door, &read).await;
    let mut buffer = [0; 4096];
    let count = socket.read(&mut buffer).await.expect("a response");
    let answer = String::from_utf8_lossy(&buffer[..count]);
    assert!(answer.starts_with("HTTP/1.1 200 ") && !answer.contains("connection: close"), "{answer}");
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_until_one_is_closed() {
    let door = start_with(GatewayOptions { connections: 2, ..GatewayOptions::default() }).await;
    let ask = "GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut socket = said(&door, ask).await;
        let mut buffer = [0; 1024];
        assert!(socket.read(&mut buffer).await.expect("a response") > 0);
        open.push(socket);
    }
    let mut third = said(&door, ask).await;
    let mut buffer = [0; 1024];
    let early = tokio::time::timeout(Duration::from_millis(300), third.read(&mut buffer)).await;
    assert!(early.is_err(), "there was room for a third: {early:?}");
    open.pop();
    let answered = tokio::time::timeout(TIMEOUT, third.read(&mut buffer)).await;
    assert!(matches!(answered, Ok(Ok(read)) if read > 0), "{answered:?}");
}

#[tokio::test]
async fn a_panic_fails_only_its_own_request_and_reveals_nothing() {
    let door = start_with(GatewayOptions {
        metrics: Arc::new(|| -> String { panic!("planted-secret") }),
        ..GatewayOptions::default()
    })
    .await;
    let ask =
        "GET /metrics HTTP/1.1\r\nhost: x\r\n\r\nGET /health/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let answers = rest(said(&door, ask).await).await;
    assert!(answers.starts_with("HTTP/1.1 500 ") && answers.contains("\"INTERNAL\""), "{answers}");
    assert!(answers.contains("HTTP/1.1 200 OK"), "the connection goes on: {answers}");
    assert!(!answers.contains("planted"), "{answers}");
    assert_eq!(door.post("{ __typename }").await.0, 200);
}

#[tokio::test]
async fn every_response_has_the_security_headers() {
    let door = start().await;
    for path in ["/", "/graphql", "/graphql?query=%7B__typename%7D", "/schema.graphql", "/health/live", "/nothing"] {
        let answer = door.client.get(format!("http://{}{path}", door.address)).send().await.expect("a response");
        for (name, value) in
            [("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer"), ("x-frame-options", "DENY")]
        {
            assert_eq!(answer.headers()[name], value, "{path}");
        }
        if answer.headers()["content-type"].to_str().is_ok_and(|kind| kind.starts_with("text/html")) {
            let policy = answer.headers()["content-security-policy"].to_str().expect("a policy");
            let rule = |name: &str| policy.split("; ").find(|rule| rule.starts_with(name));
            assert_eq!(
                (rule("default-src"), rule("script-src")),
                (Some("default-src 'none'"), Some("script-src 'self'")),
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn no_page_of_another_origin_can_open_a_websocket() {
    let door = start().await;
    let shake = |origin: &str| {
        format!(
            "GET /graphql/ws HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
             sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: graphql-transport-ws\r\norigin: {origin}\r\n\r\n"
        )
    };
    for (origin, status) in [
        ("https://shop.example", "101"),
        ("http://localhost:3000", "101"),
        ("https://evil.test", "403"),
        ("https://shop.example.evil.test", "403"),
        ("https://localhost.evil.test", "403"),
        ("http://localhost:4000.evil.test", "403"),
        ("http://127.0.0.1:80@evil.test", "403"),
        ("http://localhost@evil.test", "403"),
        ("null", "403"),
    ] {
        let mut socket = said(&door, &shake(origin)).await;
        let mut buffer = [0; 1024];
        let read = socket.read(&mut buffer).await.expect("a response");
        let answer = String::from_utf8_lossy(&buffer[..read]).into_owned();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{origin}: {answer}");
    }
}

#[tokio::test]
async fn with_a_certificate_only_tls_is_served() {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let key = rustls::pki_types::PrivateKeyDer::try_from(own.signing_key.serialize_der()).expect("a key");
    let mut config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .expect("a configuration");
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let setting = GatewayOptions {
        tls: Some(Arc::new(config)),
        header_timeout: Duration::from_millis(500),
        ..GatewayOptions::default()
    };
    let door = start_with(setting).await;
    let trusting = reqwest::Certificate::from_der(own.cert.der()).expect("a certificate");
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([trusting])
        .resolve("localhost", door.address)
        .build()
        .expect("a client");
    let url = format!("https://localhost:{}/graphql", door.address.port());
    let request = client.post(url).header("content-type", "application/json");
    let answer = request.body(json!({ "query": "{ __typename }" }).to_string()).send().await.expect("a response");
    assert_eq!((answer.status().as_u16(), answer.version()), (200, reqwest::Version::HTTP_2));
    // One client without TLS, and one that never starts a handshake.
    let plain = rest(said(&door, "GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n").await).await;
    assert!(!plain.contains("HTTP/1.1 200"), "{plain}");
    assert_eq!(rest(said(&door, "").await).await, "");
}

#[tokio::test]
async fn a_listener_of_the_api_alone_serves_neither_pages_nor_metrics_nor_health() {
    let door = start_with(GatewayOptions { surface: Surface::API_ONLY, ..GatewayOptions::default() }).await;
    assert_eq!(door.post("{ __typename }").await.0, 200);
    let status = async |path: &str, accept: &str| {
        let url = format!("http://{}{path}", door.address);
        door.client.get(url).header("accept", accept).send().await.expect("a response").status().as_u16()
    };
    for path in ["/", "/dashboard", "/assets/x.js", "/schema.graphql", "/health/live", "/health/ready", "/metrics"] {
        assert_eq!(status(path, "*/*").await, 404, "{path}");
    }
    assert_eq!(status("/graphql", "text/html").await, 406);
    let without_pages = Surface { graphiql: false, dashboard: false, operation: true };
    let door = start_with(GatewayOptions { surface: without_pages, ..GatewayOptions::default() }).await;
    let get = async |path: &str| {
        let url = format!("http://{}{path}", door.address);
        door.client.get(url).send().await.expect("a response").status().as_u16()
    };
    assert_eq!((get("/health/live").await, get("/dashboard").await, get("/assets/x.js").await), (200, 404, 404));
}

#[tokio::test]
async fn a_request_of_http_1_1_has_exactly_one_host() {
    let door = start().await;
    let body = r#"{"query":"{ __typename }"}"#;
    for (hosts, status) in [("", 400), ("host: a\r\nhost: b\r\n", 400), ("host: a\r\n", 200)] {
        let head = format!(
            "POST /graphql HTTP/1.1\r\n{hosts}content-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = rest(said(&door, &head).await).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{hosts:?}: {answer}");
    }
}

#[tokio::test]
async fn graphiql_varies_by_the_accepted_type() {
    let door = start().await;
    let page = door.client.get(door.url()).header("accept", "text/html").send().await.expect("a response");
    let vary: Vec<_> = page.headers().get_all("vary").iter().map(|value| value.to_str().expect("text")).collect();
    assert!(vary.iter().any(|names| names.contains("accept")), "{vary:?}");
    assert!(!page.headers().contains_key("strict-transport-security"), "this listener has no TLS");
}
