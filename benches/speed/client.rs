//! A minimal client over plain connections with keep-alive, so that it costs little itself.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection with keep-alive.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// A received response.
pub(crate) struct ReceivedResponse {
    /// Status.
    pub status: u16,
    /// Head in lower case.
    pub head: String,
    /// Body as sent.
    pub body: Vec<u8>,
}

/// Builds a request for a document.
pub(crate) fn request(document: &str, variables: &str, coding: &str) -> Vec<u8> {
    let query = serde_json::Value::from(document).to_string();
    let body = format!("{{\"query\":{query},\"variables\":{variables}}}");
    let length = body.len();
    format!(
        "POST /graphql HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\naccept: application/json\r\n\
         accept-encoding: {coding}\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// Builds a request with a JSON body.
pub(crate) fn post(path: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\naccept: application/json\r\n\
         {headers}content-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

impl Connection {
    /// Connects.
    pub(crate) async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("a connection");
        stream.set_nodelay(true).expect("a socket");
        Self { stream, buffer: Vec::with_capacity(1 << 17) }
    }

    /// Sends a request and reads its response.
    pub(crate) async fn send(&mut self, request: &[u8]) -> ReceivedResponse {
        self.stream.write_all(request).await.expect("sent");
        self.buffer.clear();
        let head_end = loop {
            if let Some(at) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(self.stream.read_buf(&mut self.buffer).await.expect("read") > 0, "the connection was closed");
        };
        let head = String::from_utf8_lossy(&self.buffer[..head_end]).to_ascii_lowercase();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        if status == 204 {
            return ReceivedResponse { status, head, body: Vec::new() };
        }
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let Some(length) = length else { return ReceivedResponse { status, body: self.chunks(head_end).await, head } };
        let length: usize = length.trim().parse().expect("a length");
        while self.buffer.len() < head_end + length {
            assert!(self.stream.read_buf(&mut self.buffer).await.expect("read") > 0, "the connection was closed");
        }
        ReceivedResponse { status, body: self.buffer[head_end..].to_vec(), head }
    }

    /// Reads a chunked body; only its end matters here.
    async fn chunks(&mut self, from: usize) -> Vec<u8> {
        while !self.buffer.ends_with(b"0\r\n\r\n") {
            assert!(self.stream.read_buf(&mut self.buffer).await.expect("read") > 0, "the connection was closed");
        }
        self.buffer[from..].to_vec()
    }
}

/// Result of a load run.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LoadResult {
    /// Number of responses.
    pub answers: usize,
    /// Number of responses with another status than 200 or with errors.
    pub failed: usize,
}

/// Keeps connections busy for some time; `ask` builds the request of each number.
pub(crate) async fn load(
    address: SocketAddr,
    connections: usize,
    span: Duration,
    ask: impl Fn(usize) -> Vec<u8>,
) -> LoadResult {
    let end = Instant::now() + span;
    let clients = (0..connections).map(|client| {
        let ask = &ask;
        async move {
            let mut connection = Connection::open(address).await;
            let (mut answers, mut failed, mut number) = (0, 0, client);
            while Instant::now() < end {
                let answer = connection.send(&ask(number)).await;
                answers += 1;
                failed += usize::from(answer.status != 200 || answer.body.starts_with(b"{\"errors\""));
                number += connections;
            }
            (answers, failed)
        }
    });
    let all = futures_util::future::join_all(clients).await;
    let (answers, failed): (Vec<usize>, Vec<usize>) = all.into_iter().unzip();
    LoadResult { answers: answers.iter().sum(), failed: failed.iter().sum() }
}
