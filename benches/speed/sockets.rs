//! Subscribers that hear nothing for long: what each of them costs the service.

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
use crate::scenarios::WARM;
use crate::table::Table;

/// Most that one idle subscriber may cost, in KiB: the buffers of its connection, its task, its operation.
const STATED: f64 = 64.0;
/// Sockets that are opened at once.
const TOGETHER: usize = 200;
/// Sockets that are there before it is counted: what is made for the first one is no cost of the others.
const FIRST: usize = 100;

/// Opens so many subscribers and reads the memory of the service before and after.
pub async fn idle_subscribers(effort: Effort, table: &mut Table) {
    let vendor = Process::role(&["crowd", "100", "0"]);
    let service = Process::service(vendor.address, WARM);
    let mut open = Vec::new();
    subscribe(service.address, FIRST, &mut open).await;
    let before = service.resident();
    subscribe(service.address, FIRST + effort.subscribers, &mut open).await;
    let after = service.resident();
    let each = (after - before) * 1024.0 / effort.subscribers as f64;
    // They are all still there.
    let ping = json!({"type": "ping"});
    join_all(open.iter_mut().map(|socket| answered(socket, &ping, "pong"))).await;
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
    answered(&mut socket, &json!({"type": "connection_init"}), "connection_ack").await;
    let query = "subscription { sourceHealthChanged { name } }";
    say(&mut socket, &json!({"type": "subscribe", "id": "1", "payload": {"query": query}})).await;
    // What is answered behind it stands behind it.
    answered(&mut socket, &json!({"type": "ping"}), "pong").await;
    socket
}

async fn say(socket: &mut Socket, message: &Value) {
    socket.send(Message::text(message.to_string())).await.expect("sent");
}

/// Says something and waits for the answer to it; what the service asks in between is none.
async fn answered(socket: &mut Socket, message: &Value, kind: &str) {
    say(socket, message).await;
    loop {
        let heard = socket.next().await.expect("the socket lives").expect("a message");
        let Message::Text(text) = heard else { continue };
        let heard: Value = serde_json::from_str(&text).expect("JSON");
        if heard["type"] == kind {
            return;
        }
        assert_eq!(heard["type"], "ping", "{heard}");
    }
}
