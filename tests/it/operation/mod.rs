//! Operations of the real binary: metrics, traces, logs, explain, failures, reload, drain, replicas.

mod drain;
mod explain;
mod failures;
mod ledger;
mod logs;
mod metrics;
mod reload;
mod replicas;
mod traces;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::layers::service::EmulatedVendors;
use crate::process::Process;

/// A client with all permissions.
pub(crate) const OPERATOR: &str = "\n[clients.operator]\nkey = { value = \"operator\" }\nscopes = [\"admin\"]\n";

pub(crate) const LIST: &str = "{ events(first: 50) { nodes { title ticketTypes { name } } problems { message } } }";

const STOCK: &str = "{ events(first: 50) { nodes { source { name } performances(first: 20) { nodes {
    id availability { status vacancies offers { ticketType { id } } } } } } } }";

const BUY: &str = "mutation Buy($input: CreateOrderInput!) { placeOrder(input: $input) {
    order { id number status } problems { message } } }";

/// Emulated vendors, and a folder for the service that uses them.
pub(crate) struct Deployment {
    pub vendors: EmulatedVendors,
    folder: TempDir,
}

impl Deployment {
    /// Starts the vendors and writes the configuration.
    pub(crate) async fn start(more: &str) -> Self {
        let house = Self { vendors: EmulatedVendors::start().await, folder: TempDir::new().expect("a folder") };
        house.write_config(more);
        house
    }

    /// Rewrites the configuration.
    pub(crate) fn write_config(&self, more: &str) {
        let text = format!("{}\n{more}", self.vendors.config());
        std::fs::write(self.folder.path().join("venues.toml"), text).expect("a file");
    }

    /// Starts the service.
    pub(crate) fn serve(&self) -> RunningService {
        let arguments = ["serve", "--config", "venues.toml", "--listen", "127.0.0.1:0"];
        let process = Process::start(&self.folder, &arguments);
        let address = process.address("listening on http://");
        RunningService { process, address, client: http_client::build_client().expect("a client") }
    }
}

/// A running service.
pub(crate) struct RunningService {
    pub process: Process,
    pub address: String,
    pub client: reqwest::Client,
}

impl RunningService {
    /// Builds a request with a key and an operation.
    pub(crate) fn request(&self, key: &str, document: &str, variables: &Value) -> reqwest::RequestBuilder {
        let body = json!({ "query": document, "variables": variables });
        self.client.post(format!("{}/graphql", self.address)).bearer_auth(key).json(&body)
    }

    /// Returns the data of a response without errors.
    pub(crate) async fn query(&self, key: &str, document: &str, variables: &Value) -> Value {
        response_data(self.request(key, document, variables)).await
    }

    /// Returns status and text of another path.
    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        let answer = self.client.get(format!("{}{path}", self.address)).send().await.expect("a response");
        (answer.status().as_u16(), answer.text().await.expect("text"))
    }

    /// Returns the input of `placeOrder` for two tickets of a source.
    pub(crate) async fn order_input(&self, source: &str, key: &str) -> Value {
        let found = self.query("shop", STOCK, &Value::Null).await;
        let each = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let events = each(&found["events"]["nodes"]).into_iter().filter(|event| event["source"]["name"] == source);
        let rows = events.flat_map(|event| each(&event["performances"]["nodes"]));
        let sells = |row: &Value| {
            let free = &row["availability"];
            // What began a while ago may have vacancies left and is not sold any more.
            let is_open = free["status"] == "AVAILABLE" && !each(&free["offers"]).is_empty();
            is_open && free["vacancies"].as_u64().is_some_and(|left| left > 10)
        };
        let row = rows.into_iter().find(sells).expect("something for sale");
        let ticket_type = &row["availability"]["offers"][0]["ticketType"]["id"];
        json!({ "input": {
            "idempotencyKey": key, "testMode": true,
            "lines": [{ "performance": row["id"], "ticketType": ticket_type, "quantity": 2 }],
            "contact": { "firstName": "Ada", "lastName": "Berg", "email": "ada.berg@example.com" },
        } })
    }

    /// Returns an acknowledged WebSocket.
    pub(crate) async fn socket(&self, key: &str) -> Socket {
        Socket::connected(&self.address, key).await
    }
}

/// Returns the data of a response without errors.
pub(crate) async fn response_data(request: reqwest::RequestBuilder) -> Value {
    let mut answer: Value = request.send().await.expect("a response").json().await.expect("JSON");
    assert_eq!(answer.get("errors"), None, "{answer}");
    answer["data"].take()
}

/// A WebSocket client.
pub(crate) struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    pub(crate) async fn connected(address: &str, key: &str) -> Self {
        let url = format!("{}/graphql/ws", address.replacen("http", "ws", 1));
        let mut request = url.into_client_request().expect("a request");
        request.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse().expect("a header"));
        let mut socket = Self(connect_async(request).await.expect("a socket").0);
        let credentials = json!({ "Authorization": format!("Bearer {key}") });
        socket.send(json!({ "type": "connection_init", "payload": credentials })).await;
        assert_eq!(socket.receive().await.expect("an acknowledgement")["type"], "connection_ack");
        socket
    }

    pub(crate) async fn send(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.expect("sent");
    }

    pub(crate) async fn subscribe(&mut self, id: &str, document: &str, variables: Value) {
        let payload = json!({ "query": document, "variables": variables });
        self.send(json!({ "type": "subscribe", "id": id, "payload": payload })).await;
    }

    /// Returns the next message, or the close code; 0 if the connection broke.
    pub(crate) async fn receive(&mut self) -> Result<Value, u16> {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).expect("JSON")),
                Some(Ok(Message::Close(frame))) => return Err(frame.map_or(0, |frame| frame.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(0),
            }
        }
    }
}
