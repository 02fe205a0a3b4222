//! GraphQL over WebSocket: one session per connection, one task per operation.

mod limits;
mod protocol;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Extension, State};
use axum::http::header::{AUTHORIZATION, COOKIE, ORIGIN};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, timeout, timeout_at};
use tracing::Instrument;

use crate::gateway::auth::Principal;
use crate::gateway::auth::session::CSRF_HEADER;
use crate::gateway::concurrency_limit::ConcurrencyLimit;
use crate::gateway::observe::ActiveGauge;
use crate::gateway::operation::{ALL_OPERATION_TYPES, OperationOutcome, OperationRequest};
use crate::gateway::params::RequestParams;
use crate::gateway::rejection::RequestRejection;
use crate::gateway::request_id::RequestId;
use crate::gateway::response_body::{is_request_error, to_json_text};
use crate::gateway::state::{AppState, PeerAddress};
use crate::graphql::ErrorCode;
pub use limits::SocketLimits;

use protocol::{ClientMessage, CloseReason, SubProtocol};

/// Read buffer in bytes. The default of 128 KiB would be held by every idle subscriber.
const READ_BUFFER: usize = 4 << 10;
/// Messages up to this multiple of the largest body are read in full and rejected with a close code; longer ones end
/// the connection.
const MAX_MESSAGE_FACTOR: usize = 2;

/// `GET /graphql/ws`.
pub async fn upgrade(
    State(state): State<Arc<AppState>>,
    Extension(RequestId(id)): Extension<RequestId>,
    Extension(limit): Extension<ConcurrencyLimit>,
    peer: Option<Extension<PeerAddress>>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, axum::extract::ws::rejection::WebSocketUpgradeRejection>,
) -> Response {
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade
            .protocols(["graphql-transport-ws", "graphql-ws"])
            .max_message_size(state.pipeline.limits().body_bytes * MAX_MESSAGE_FACTOR)
            .read_buffer_size(READ_BUFFER),
        Err(rejection) => return rejection.into_response(),
    };
    if !state.allows_origin(headers.get(ORIGIN)) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let subprotocol = match upgrade.selected_protocol().map(|name| name.as_bytes().to_vec()).as_deref() {
        Some(b"graphql-transport-ws") => Some(SubProtocol::GraphqlTransportWs),
        Some(b"graphql-ws") => Some(SubProtocol::GraphqlWs),
        _ => None,
    };
    let authorization = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let peer = peer.map(|Extension(peer)| peer);
    // The others are not needed for as long as the socket is open.
    let session_headers = headers.into_iter().filter_map(|(name, value)| Some((name?, value)));
    let session_headers = session_headers.filter(|(name, _)| *name == COOKIE || *name == ORIGIN).collect();
    upgrade.on_upgrade(move |socket| async move {
        let _open = ActiveGauge::socket();
        let (sink, source) = socket.split();
        let write_timeout = state.socket_limits.write_timeout;
        let Some(subprotocol) = subprotocol else {
            return send_close(sink, CloseReason::SUBPROTOCOL, write_timeout).await;
        };
        let (out, queue) = mpsc::channel(state.socket_limits.queue);
        let writer = write_messages(sink, queue, write_timeout);
        let mut session = SocketSession {
            state,
            subprotocol,
            out,
            id,
            limit,
            authorization,
            session_headers,
            peer,
            principal: None,
            running: HashMap::new(),
            tasks: JoinSet::new(),
        };
        let reader = async move {
            let close = session.run(source).await;
            let _ = session.out.send(Outgoing::Close(close)).await;
        };
        tokio::join!(writer, reader);
    })
}

enum Outgoing {
    Text(String),
    Ping,
    Close(CloseReason),
}

async fn write_messages(
    mut sink: SplitSink<WebSocket, Message>,
    mut queue: mpsc::Receiver<Outgoing>,
    write_timeout: Duration,
) {
    while let Some(out) = queue.recv().await {
        let message = match out {
            Outgoing::Text(text) => Message::Text(text.into()),
            Outgoing::Ping => Message::Ping(Bytes::new()),
            Outgoing::Close(close) => return send_close(sink, close, write_timeout).await,
        };
        if !matches!(timeout(write_timeout, sink.send(message)).await, Ok(Ok(()))) {
            return send_close(sink, CloseReason::TOO_SLOW, write_timeout).await;
        }
    }
}

async fn send_close(
    mut sink: SplitSink<WebSocket, Message>,
    CloseReason(code, reason): CloseReason,
    write_timeout: Duration,
) {
    let frame = CloseFrame { code, reason: reason.into() };
    let _ = timeout(write_timeout, sink.send(Message::Close(Some(frame)))).await;
}

struct SocketSession {
    state: Arc<AppState>,
    subprotocol: SubProtocol,
    out: mpsc::Sender<Outgoing>,
    id: String,
    limit: ConcurrencyLimit,
    authorization: Option<String>,
    /// Cookie and origin of the upgrade request.
    session_headers: HeaderMap,
    /// Address of an anonymous client; `None` if the client has sent credentials.
    peer: Option<PeerAddress>,
    /// The authenticated caller; `None` before `connection_init`.
    principal: Option<Principal>,
    running: HashMap<String, AbortHandle>,
    tasks: JoinSet<String>,
}

impl SocketSession {
    /// Runs the session until one side ends it. Returns the reason to close.
    async fn run(&mut self, mut source: SplitStream<WebSocket>) -> CloseReason {
        let limits = self.state.socket_limits;
        let init_by = Instant::now() + limits.init_timeout;
        let mut is_pinged = false;
        let stop = self.state.stop.clone();
        loop {
            let deadline = if self.principal.is_none() { init_by } else { Instant::now() + limits.ping_interval };
            tokio::select! {
                message = timeout_at(deadline, source.next()) => match message.inspect(|_| is_pinged = false) {
                    Ok(Some(Ok(Message::Text(text)))) => {
                        if let Err(close) = self.handle_message(text.as_str()).await {
                            return close;
                        }
                    }
                    Ok(Some(Ok(Message::Binary(_)))) => return CloseReason::INVALID_MESSAGE,
                    Ok(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => {}
                    Ok(Some(Ok(Message::Close(_))) | None) => return CloseReason::NORMAL,
                    Ok(Some(Err(_))) => return CloseReason::PROTOCOL_ERROR,
                    Err(_) if self.principal.is_none() => return CloseReason::INIT_TIMEOUT,
                    Err(_) if is_pinged => return CloseReason::UNRESPONSIVE,
                    Err(_) => {
                        is_pinged = true;
                        if self.ping().await.is_err() {
                            return CloseReason::TOO_SLOW;
                        }
                    }
                },
                Some(done) = self.tasks.join_next(), if !self.tasks.is_empty() => {
                    if let Ok(id) = done {
                        self.running.remove(&id);
                    }
                }
                () = wait_until_revoked(&self.state, self.principal.as_ref()) => return CloseReason::FORBIDDEN,
                () = stop.cancelled() => return CloseReason::GOING_AWAY,
            }
        }
    }

    async fn handle_message(&mut self, text: &str) -> Result<(), CloseReason> {
        if text.len() > self.state.pipeline.limits().body_bytes {
            return Err(CloseReason::TOO_BIG);
        }
        match protocol::parse_message(self.subprotocol, text)? {
            ClientMessage::Init(_) if self.principal.is_some() => Err(CloseReason::TOO_MANY_INITS),
            ClientMessage::Init(payload) => self.handle_init(&payload).await,
            ClientMessage::Ping(payload) => self.send(protocol::pong(payload)).await,
            ClientMessage::Pong => Ok(()),
            ClientMessage::Subscribe(id, params) => self.handle_subscribe(id, *params).await,
            ClientMessage::Complete(id) => {
                if let Some(running) = self.running.remove(&id) {
                    running.abort();
                }
                Ok(())
            }
            ClientMessage::Terminate => Err(CloseReason::NORMAL),
        }
    }

    async fn handle_init(&mut self, payload: &Map<String, Value>) -> Result<(), CloseReason> {
        let authenticator = self.state.authenticator.load_full();
        let authenticated = match credentials(payload).or_else(|| self.authorization.clone()) {
            Some(text) => {
                self.peer = None;
                authenticator.authenticate_header(&text).await
            }
            None => {
                let uses_session = find_parameter(payload, CSRF_HEADER.as_str()).is_some();
                authenticator.authenticate_socket(&self.session_headers, uses_session).await
            }
        };
        match authenticated {
            Ok(principal) => {
                self.peer = self.peer.filter(|_| principal.session.is_none());
                self.principal = Some(principal);
                self.send(protocol::ack()).await?;
                if self.subprotocol == SubProtocol::GraphqlWs {
                    self.send(protocol::keep_alive(self.subprotocol)).await
                } else {
                    Ok(())
                }
            }
            Err(_) => {
                if self.subprotocol == SubProtocol::GraphqlWs {
                    self.send(protocol::connection_error()).await?;
                }
                Err(CloseReason::FORBIDDEN)
            }
        }
    }

    async fn handle_subscribe(&mut self, id: String, params: RequestParams) -> Result<(), CloseReason> {
        let principal = self.principal.clone().ok_or(CloseReason::UNAUTHORIZED)?;
        if self.running.contains_key(&id) && self.subprotocol == SubProtocol::GraphqlTransportWs {
            return Err(CloseReason(4409, "Subscriber already exists"));
        }
        // In the older protocol an operation replaces the one with the same id.
        if let Some(running) = self.running.remove(&id) {
            running.abort();
        }
        if self.running.len() >= self.state.socket_limits.operations {
            let text = "too many operations on one connection";
            let rejection = RequestRejection::new(StatusCode::TOO_MANY_REQUESTS, ErrorCode::RateLimited, text);
            return self.send(rejection_message(self.subprotocol, &id, &rejection, &self.id)).await;
        }
        let (viewer, request_id) = (Arc::clone(&principal.viewer), self.id.clone());
        let request = OperationRequest {
            params,
            body: None,
            viewer,
            request_id,
            allowed_types: ALL_OPERATION_TYPES,
            accepts_deferred: false,
        };
        let admission = Admission { principal, peer: self.peer, limit: self.limit.clone() };
        let (state, subprotocol, out, name) = (Arc::clone(&self.state), self.subprotocol, self.out.clone(), id.clone());
        let span = tracing::error_span!("request", request_id = self.id, otel.kind = "server", otel.name = "WEBSOCKET");
        let running_operation = async move {
            run_operation(&state, admission, (subprotocol, &out, &name), request).await;
            name
        };
        let handle = self.tasks.spawn(running_operation.instrument(span));
        self.running.insert(id, handle);
        Ok(())
    }

    /// Sends a keep-alive of the subprotocol, for proxies, and a ping of WebSocket, to which every client responds.
    async fn ping(&self) -> Result<(), CloseReason> {
        self.send(protocol::keep_alive(self.subprotocol)).await?;
        self.enqueue(Outgoing::Ping).await
    }

    async fn send(&self, text: String) -> Result<(), CloseReason> {
        self.enqueue(Outgoing::Text(text)).await
    }

    async fn enqueue(&self, message: Outgoing) -> Result<(), CloseReason> {
        timeout(self.state.socket_limits.write_timeout, self.out.send(message))
            .await
            .map_err(|_| CloseReason::TOO_SLOW)?
            .map_err(|_| CloseReason::NORMAL)
    }
}

/// Completes when the caller loses access; never before it is authenticated.
async fn wait_until_revoked(state: &AppState, principal: Option<&Principal>) {
    match principal {
        Some(principal) => state.wait_until_revoked(principal).await,
        None => std::future::pending().await,
    }
}

/// Caller and limits of an operation.
struct Admission {
    principal: Principal,
    peer: Option<PeerAddress>,
    limit: ConcurrencyLimit,
}

impl Admission {
    /// Runs an operation with rate limit and concurrency limit, like an HTTP request. A stream holds no permit after
    /// its start.
    async fn run(self, state: &AppState, request: OperationRequest) -> OperationOutcome {
        if let Err(rejection) = state.check_rate_limit(&self.principal, self.peer, 1).await {
            return OperationOutcome::Rejected(rejection);
        }
        match self.limit.try_acquire() {
            Some(_permit) => state.pipeline.run(request).await,
            None => OperationOutcome::Rejected(RequestRejection::overloaded()),
        }
    }
}

fn rejection_message(subprotocol: SubProtocol, id: &str, rejection: &RequestRejection, request_id: &str) -> String {
    protocol::error(subprotocol, id, Value::Array(vec![rejection.to_error(request_id)]))
}

/// Runs one operation and sends its messages.
async fn run_operation(
    state: &AppState,
    admission: Admission,
    (subprotocol, out, id): (SubProtocol, &mpsc::Sender<Outgoing>, &str),
    request: OperationRequest,
) {
    let request_id = request.request_id.clone();
    let send = |text: String| async move { out.send(Outgoing::Text(text)).await.is_ok() };
    match admission.run(state, request).await {
        OperationOutcome::Rejected(rejection) => {
            send(rejection_message(subprotocol, id, &rejection, &request_id)).await;
            return;
        }
        OperationOutcome::Response(response) | OperationOutcome::Deferred(response, _) => {
            if !send_response(subprotocol, id, *response, &send).await {
                return;
            }
        }
        OperationOutcome::Cached(cached) => {
            if !send(protocol::next(subprotocol, id, &String::from_utf8_lossy(&cached.body))).await {
                return;
            }
        }
        OperationOutcome::Stream(mut responses) => {
            while let Some(response) = responses.next().await {
                if !send_response(subprotocol, id, response, &send).await {
                    return;
                }
            }
        }
    }
    send(protocol::complete(id)).await;
}

/// Sends a result. A request error is sent as `error`, which ends the operation. Returns true if the stream continues.
async fn send_response<F, R>(subprotocol: SubProtocol, id: &str, response: async_graphql::Response, send: &F) -> bool
where
    F: Fn(String) -> R,
    R: Future<Output = bool>,
{
    if is_request_error(&response) {
        let errors = serde_json::to_value(&response.errors).unwrap_or_default();
        send(protocol::error(subprotocol, id, errors)).await;
        return false;
    }
    send(protocol::next(subprotocol, id, &to_json_text(&response))).await
}

/// Finds the credentials in `connection_init`.
fn credentials(payload: &Map<String, Value>) -> Option<String> {
    find_parameter(payload, AUTHORIZATION.as_str())
}

/// Finds a parameter in `connection_init`: its name in any case, at the top level or under `headers`.
fn find_parameter(payload: &Map<String, Value>, name: &str) -> Option<String> {
    let find = |map: &Map<String, Value>| {
        map.iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .and_then(|(_, value)| value.as_str().map(str::to_owned))
    };
    find(payload).or_else(|| payload.get("headers").and_then(Value::as_object).and_then(find))
}
