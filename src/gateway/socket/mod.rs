//! Subscriptions (and any other operation) over a WebSocket: one session a connection, one task an operation.

mod protocol;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Extension, State};
use axum::http::header::{AUTHORIZATION, ORIGIN};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, timeout, timeout_at};
use tracing::Instrument;

use crate::gateway::answer::{never_began, to_text};
use crate::gateway::callers::Caller;
use crate::gateway::engine::{ALL, Ask, Outcome};
use crate::gateway::hardening::Room;
use crate::gateway::observe::Active;
use crate::gateway::params::Params;
use crate::gateway::refusal::Refusal;
use crate::gateway::request_id::RequestId;
use crate::gateway::router::{Front, Peer};
use crate::graphql::Code;
use protocol::{Close, Dialect, Incoming};

/// Messages that wait for a slow client before it is cut off.
const WAITING: usize = 64;
/// Bytes that a connection reads at once. The usual 128 KiB are held by every idle subscriber.
const READ_BUFFER: usize = 4 << 10;
/// Operations of one connection.
const OPERATIONS: usize = 100;
/// Messages of so many times the largest body are read to their end, to be refused by name; longer ones cut the connection.
const READ_TO_REFUSE: usize = 2;

/// How long a connection waits for its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For `connection_init`.
    pub init: Duration,
    /// While it is silent, before it is asked whether it is still there.
    pub silence: Duration,
    /// While it does not read what waits for it.
    pub slow: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { init: Duration::from_secs(10), silence: Duration::from_secs(25), slow: Duration::from_secs(10) }
    }
}

/// `GET /graphql/ws`.
pub async fn upgrade(
    State(front): State<Arc<Front>>,
    Extension(RequestId(id)): Extension<RequestId>,
    Extension(room): Extension<Room>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, axum::extract::ws::rejection::WebSocketUpgradeRejection>,
) -> Response {
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade
            .protocols(["graphql-transport-ws", "graphql-ws"])
            .max_message_size(front.engine.limits().body_bytes * READ_TO_REFUSE)
            .read_buffer_size(READ_BUFFER),
        Err(rejection) => return rejection.into_response(),
    };
    if !front.allows_origin(headers.get(ORIGIN)) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let dialect = match upgrade.selected_protocol().map(|name| name.as_bytes().to_vec()).as_deref() {
        Some(b"graphql-transport-ws") => Some(Dialect::Transport),
        Some(b"graphql-ws") => Some(Dialect::Legacy),
        _ => None,
    };
    let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let peer = peer.map(|Extension(peer)| peer);
    upgrade.on_upgrade(move |socket| async move {
        let _open = Active::socket();
        let (sink, source) = socket.split();
        let slow = front.patience.slow;
        let Some(dialect) = dialect else { return say_goodbye(sink, Close::SUBPROTOCOL, slow).await };
        let (out, queue) = mpsc::channel(WAITING);
        let writer = write_all(sink, queue, slow);
        let mut session = Session {
            front,
            dialect,
            out,
            id,
            room,
            header,
            peer,
            caller: None,
            running: HashMap::new(),
            tasks: JoinSet::new(),
        };
        let reader = async move {
            let close = session.converse(source).await;
            let _ = session.out.send(Out::Close(close)).await;
        };
        tokio::join!(writer, reader);
    })
}

enum Out {
    Text(String),
    Close(Close),
}

async fn write_all(mut sink: SplitSink<WebSocket, Message>, mut queue: mpsc::Receiver<Out>, slow: Duration) {
    while let Some(out) = queue.recv().await {
        match out {
            Out::Text(text) => match timeout(slow, sink.send(Message::Text(text.into()))).await {
                Ok(Ok(())) => {}
                _ => return say_goodbye(sink, Close::SLOW, slow).await,
            },
            Out::Close(close) => return say_goodbye(sink, close, slow).await,
        }
    }
}

async fn say_goodbye(mut sink: SplitSink<WebSocket, Message>, Close(code, reason): Close, slow: Duration) {
    let frame = CloseFrame { code, reason: reason.into() };
    let _ = timeout(slow, sink.send(Message::Close(Some(frame)))).await;
}

struct Session {
    front: Arc<Front>,
    dialect: Dialect,
    out: mpsc::Sender<Out>,
    id: String,
    room: Room,
    header: Option<String>,
    /// Where the client is; none once it has shown credentials.
    peer: Option<Peer>,
    /// With the end of its token.
    caller: Option<Caller>,
    running: HashMap<String, AbortHandle>,
    tasks: JoinSet<String>,
}

impl Session {
    /// Talks until one side is done; says how to close.
    async fn converse(&mut self, mut source: SplitStream<WebSocket>) -> Close {
        let patience = self.front.patience;
        let init_by = Instant::now() + patience.init;
        let stop = self.front.stop.clone();
        loop {
            let deadline = if self.caller.is_none() { init_by } else { Instant::now() + patience.silence };
            tokio::select! {
                message = timeout_at(deadline, source.next()) => match message {
                    Ok(Some(Ok(Message::Text(text)))) => {
                        if let Err(close) = self.hear(text.as_str()).await {
                            return close;
                        }
                    }
                    Ok(Some(Ok(Message::Binary(_)))) => return Close::INVALID,
                    Ok(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => {}
                    Ok(Some(Ok(Message::Close(_))) | None) => return Close::NORMAL,
                    Ok(Some(Err(_))) => return Close::BROKEN,
                    Err(_) if self.caller.is_none() => return Close::INIT_TIMEOUT,
                    Err(_) => {
                        if self.say(protocol::keep_alive(self.dialect)).await.is_err() {
                            return Close::SLOW;
                        }
                    }
                },
                Some(done) = self.tasks.join_next(), if !self.tasks.is_empty() => {
                    if let Ok(id) = done {
                        self.running.remove(&id);
                    }
                }
                () = gone(&self.front, self.caller.as_ref()) => return Close::FORBIDDEN,
                () = stop.cancelled() => return Close::GOING,
            }
        }
    }

    async fn hear(&mut self, text: &str) -> Result<(), Close> {
        if text.len() > self.front.engine.limits().body_bytes {
            return Err(Close::TOO_BIG);
        }
        match protocol::read(self.dialect, text)? {
            Incoming::Init(_) if self.caller.is_some() => Err(Close::TOO_MANY_INITS),
            Incoming::Init(payload) => self.begin(&payload).await,
            Incoming::Ping(payload) => self.say(protocol::pong(payload)).await,
            Incoming::Pong => Ok(()),
            Incoming::Subscribe(id, params) => self.start(id, *params).await,
            Incoming::Complete(id) => {
                if let Some(running) = self.running.remove(&id) {
                    running.abort();
                }
                Ok(())
            }
            Incoming::Terminate => Err(Close::NORMAL),
        }
    }

    async fn begin(&mut self, payload: &Map<String, Value>) -> Result<(), Close> {
        let callers = self.front.callers.load_full();
        let recognised = match credentials(payload).or_else(|| self.header.clone()) {
            Some(text) => {
                self.peer = None;
                callers.recognise_text(&text).await
            }
            None => callers.recognise(&HeaderMap::new()).await,
        };
        match recognised {
            Ok(caller) => {
                self.caller = Some(caller);
                self.say(protocol::ack()).await?;
                if self.dialect == Dialect::Legacy {
                    self.say(protocol::keep_alive(self.dialect)).await
                } else {
                    Ok(())
                }
            }
            Err(_) => {
                if self.dialect == Dialect::Legacy {
                    self.say(protocol::connection_error()).await?;
                }
                Err(Close::FORBIDDEN)
            }
        }
    }

    async fn start(&mut self, id: String, params: Params) -> Result<(), Close> {
        let caller = self.caller.clone().ok_or(Close::UNAUTHORIZED)?;
        if self.running.contains_key(&id) {
            return match self.dialect {
                Dialect::Transport => Err(Close(4409, "Subscriber already exists")),
                Dialect::Legacy => self.stop_older(&id),
            };
        }
        if self.running.len() >= OPERATIONS {
            let text = "too many operations on one connection";
            let refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, Code::RateLimited, text);
            return self.say(refused(self.dialect, &id, &refusal, &self.id)).await;
        }
        let (viewer, request_id) = (Arc::clone(&caller.viewer), self.id.clone());
        let ask = Ask { params, body: None, viewer, request_id, kinds: ALL };
        let entry = Entry { caller, peer: self.peer, room: self.room.clone() };
        let (front, dialect, out, name) = (Arc::clone(&self.front), self.dialect, self.out.clone(), id.clone());
        let span = tracing::error_span!("request", request_id = self.id, otel.kind = "server", otel.name = "WEBSOCKET");
        let playing = async move {
            play(&front, entry, (dialect, &out, &name), ask).await;
            name
        };
        let handle = self.tasks.spawn(playing.instrument(span));
        self.running.insert(id, handle);
        Ok(())
    }

    /// The older protocol replaces an operation of the same name.
    fn stop_older(&mut self, id: &str) -> Result<(), Close> {
        if let Some(running) = self.running.remove(id) {
            running.abort();
        }
        Ok(())
    }

    async fn say(&self, text: String) -> Result<(), Close> {
        timeout(self.front.patience.slow, self.out.send(Out::Text(text)))
            .await
            .map_err(|_| Close::SLOW)?
            .map_err(|_| Close::NORMAL)
    }
}

/// Ends when the caller may not ask any more; never before it said who it is.
async fn gone(front: &Front, caller: Option<&Caller>) {
    match caller {
        Some(caller) => front.gone(caller).await,
        None => std::future::pending().await,
    }
}

/// Who asks for an operation, and the places that it needs one of.
struct Entry {
    caller: Caller,
    peer: Option<Peer>,
    room: Room,
}

impl Entry {
    /// Runs an operation, counted and with a place as any other request: a stream keeps neither once it has begun.
    async fn run(self, front: &Front, ask: Ask) -> Outcome {
        if let Err(refusal) = front.admit(&self.caller, self.peer, 1).await {
            return Outcome::Refused(refusal);
        }
        match self.room.enter() {
            Some(_place) => front.engine.run(ask).await,
            None => Outcome::Refused(Refusal::overloaded()),
        }
    }
}

fn refused(dialect: Dialect, id: &str, refusal: &Refusal, request_id: &str) -> String {
    protocol::error(dialect, id, Value::Array(vec![refusal.to_error(request_id)]))
}

/// Runs one operation to its end.
async fn play(front: &Front, entry: Entry, (dialect, out, id): (Dialect, &mpsc::Sender<Out>, &str), ask: Ask) {
    let request_id = ask.request_id.clone();
    let say = |text: String| async move { out.send(Out::Text(text)).await.is_ok() };
    match entry.run(front, ask).await {
        Outcome::Refused(refusal) => {
            say(refused(dialect, id, &refusal, &request_id)).await;
            return;
        }
        Outcome::Answer(answer) => {
            if !tell(dialect, id, *answer, &say).await {
                return;
            }
        }
        Outcome::Ready(ready) => {
            if !say(protocol::next(dialect, id, &String::from_utf8_lossy(&ready.body))).await {
                return;
            }
        }
        Outcome::Stream(mut answers) => {
            while let Some(answer) = answers.next().await {
                if !tell(dialect, id, answer, &say).await {
                    return;
                }
            }
        }
    }
    say(protocol::complete(id)).await;
}

/// Sends a result; an operation that never began is an `error`, which also ends it. Says whether to go on.
async fn tell<F, R>(dialect: Dialect, id: &str, answer: async_graphql::Response, say: &F) -> bool
where
    F: Fn(String) -> R,
    R: Future<Output = bool>,
{
    if never_began(&answer) {
        let errors = serde_json::to_value(&answer.errors).unwrap_or_default();
        say(protocol::error(dialect, id, errors)).await;
        return false;
    }
    say(protocol::next(dialect, id, &to_text(&answer))).await
}

/// The credentials that a client put into `connection_init`: `Authorization` in any spelling, at the top or under `headers`.
fn credentials(payload: &Map<String, Value>) -> Option<String> {
    let find = |map: &Map<String, Value>| {
        map.iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("authorization"))
            .and_then(|(_, value)| value.as_str().map(str::to_owned))
    };
    find(payload).or_else(|| payload.get("headers").and_then(Value::as_object).and_then(find))
}
