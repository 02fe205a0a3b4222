//! Idle subscribers: cost of each to the service.

use std::net::SocketAddr;

use futures_util::future::join_all;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::Effort;
use crate::process::Process;
use crate::scenarios::LONG_LIVED_CACHE;
use crate::table::Table;

/// Largest memory of one idle subscriber in KiB: connection buffers, task, operation.
const STATED: f64 = 64.0;
/// WebSockets opened concurrently.
const TOGETHER: usize = 200;
/// WebSockets opened before measuring, so that one-time allocations do not count.
const FIRST: usize = 100;

/// Opens subscribers and reads the memory of the service before and after.
pub(crate) async fn idle_subscribers(effort: Effort, table: &mut Table) {
    let vendor = Process::role(&["crowd", "100", "0"]);
    let service = Process::service(vendor.address, LONG_LIVED_CACHE);
    let mut open = Vec::new();
    subscribe(service.address, FIRST, &mut open).await;
    let before = service.resident();
    subscribe(service.address, FIRST + effort.subscribers, &mut open).await;
    let after = service.resident();
    let each = (after - before) * 1024.0 / effort.subscribers as f64;
    // All of them are still connected.
    let ping = json!({"type": "ping"});
    join_all(open.iter_mut().map(|socket| wait_for_reply(socket, &ping, "pong"))).await;
    let what = format!("{} idle subscribers over WebSocket", effort.subscribers);
    let note = format!("{before:.0} MB resident with {FIRST} of them, {after:.0} MB with all");
    table.row(&what, format!("{each:.1} KiB each"), &format!("≤ {STATED:.0} KiB"), note);
}

type Socket = WebSocketStream<TcpStream>;

async fn subscribe(address: SocketAddr, wanted: usize, open: &mut Vec<Socket>) {
    while open.len() < wanted {
        let more = TOGETHER.min(wanted - open.len());
        open.extend(join_all((0..more).map(|_| subscriber(address))).await);
    }
}

async fn subscriber(address: SocketAddr) -> Socket {
    let stream = TcpStream::connect(address).await.expect("a connection");
    let mut request = format!("ws://{address}/graphql/ws").into_client_request().expect("a request");
    request.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse().expect("a header"));
    let small = WebSocketConfig::default().read_buffer_size(1 << 10).write_buffer_size(0);
    let (mut socket, _) = client_async_with_config(request, stream, Some(small)).await.expect("a socket");
    wait_for_reply(&mut socket, &json!({"type": "connection_init"}), "connection_ack").await;
    let query = "subscription { sourceHealthChanged { name } }";
    send(&mut socket, &json!({"type": "subscribe", "id": "1", "payload": {"query": query}})).await;
    // Responses keep the order of requests.
    wait_for_reply(&mut socket, &json!({"type": "ping"}), "pong").await;
    socket
}

async fn send(socket: &mut Socket, message: &Value) {
    socket.send(Message::text(message.to_string())).await.expect("sent");
}

/// Sends a message and waits for its reply; keep-alives in between are skipped.
async fn wait_for_reply(socket: &mut Socket, message: &Value, kind: &str) {
    send(socket, message).await;
    loop {
        let message = socket.next().await.expect("an open socket").expect("a message");
        let Message::Text(text) = message else { continue };
        let message: Value = serde_json::from_str(&text).expect("JSON");
        if message["type"] == kind {
            return;
        }
        assert_eq!(message["type"], "ping", "{message}");
    }
}
