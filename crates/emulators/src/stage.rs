//! What every emulator stands on: the listener, faults, the log, the clock, and being down.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::http::{Request, Response, StatusCode, header};
use futures_util::StreamExt;
use http_body_util::BodyExt;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::clock::SandboxClock;
use crate::control;
use crate::faults::{Fault, FaultDesk, Seen, Twist};
use crate::log::{CallLog, LoggedCall};
use domain::Clock;

/// The largest request that an emulator reads.
const LARGEST_REQUEST: usize = 32 << 20;

/// One vendor, emulated.
pub trait Emulator: Send + Sync + 'static {
    /// The name in fault rules and on disk.
    fn name(&self) -> &'static str;
    /// The vendor's own wire.
    fn router(self: Arc<Self>) -> Router;
    /// Changes the vendor's world; an error names the words that it understands.
    fn twist(&self, twist: &Twist) -> Result<(), String>;
    /// What the vendor holds and has sold, for comparison with a ledger.
    fn holdings(&self) -> Value;
    /// What is called inside one address, for the log: the SOAP method. Empty where the path says it all.
    fn action(&self, target: &str, body: &[u8]) -> String;
}

/// An emulator and what surrounds it.
pub struct Stage {
    /// What shall go wrong.
    pub faults: FaultDesk,
    /// What was asked.
    pub log: CallLog,
    /// The emulator's time of day.
    pub clock: Arc<SandboxClock>,
    is_down: AtomicBool,
    hanging: Hanging,
    emulator: Arc<dyn Emulator>,
}

/// Calls that are left without an answer.
#[derive(Default)]
struct Hanging {
    /// How many there were so far.
    count: watch::Sender<usize>,
    go_on: Notify,
}

/// Why a connection ends without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the emulator drops the connection")]
struct Dropped;

impl Stage {
    /// Puts an emulator on a stage. `clock` is the one that the emulator itself reads.
    pub fn new(emulator: Arc<dyn Emulator>, clock: Arc<SandboxClock>) -> Arc<Self> {
        Arc::new(Self {
            faults: FaultDesk::default(),
            log: CallLog::default(),
            clock,
            is_down: AtomicBool::new(false),
            hanging: Hanging::default(),
            emulator,
        })
    }

    /// Lets the vendor die (every connection is dropped), or come back.
    pub fn set_down(&self, is_down: bool) {
        self.is_down.store(is_down, Ordering::SeqCst);
    }

    /// Waits until a call was left hanging by [`Fault::Hang`], now or before.
    pub async fn hangs(&self) {
        // The sender lives as long as the stage: there is always an answer.
        let _ = self.hanging.count.subscribe().wait_for(|count| *count > 0).await;
    }

    /// Closes the connections of all calls that hang.
    pub fn go_on(&self) {
        self.hanging.go_on.notify_waiters();
    }

    /// Changes the vendor's world.
    pub fn twist(&self, twist: &Twist) -> Result<(), String> {
        self.emulator.twist(twist)
    }

    /// What the vendor holds and has sold.
    pub fn holdings(&self) -> Value {
        self.emulator.holdings()
    }

    /// Listens and answers until the returned handle is dropped or stopped.
    pub fn run(self: &Arc<Self>, listener: TcpListener, tracker: &TaskTracker) -> std::io::Result<Running> {
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let stage = Arc::clone(self);
        let router = Arc::clone(&self.emulator).router();
        let control = control::router(Arc::clone(self));
        let stopped = stop.clone();
        let connections = tracker.clone();
        tracker.spawn(async move {
            loop {
                let accepted = tokio::select! {
                    accepted = listener.accept() => accepted,
                    () = stopped.cancelled() => return,
                };
                let Ok((socket, _)) = accepted else { continue };
                let _ = socket.set_nodelay(true);
                let (stage, router, control) = (Arc::clone(&stage), router.clone(), control.clone());
                let service = tower::service_fn(move |request: Request<hyper::body::Incoming>| {
                    let (stage, router, control) = (Arc::clone(&stage), router.clone(), control.clone());
                    async move { stage.answer(request.map(Body::new), router, control).await }
                });
                let stopped = stopped.clone();
                connections.spawn(async move {
                    let server = auto::Builder::new(TokioExecutor::new());
                    let served = server.serve_connection(TokioIo::new(socket), TowerToHyperService::new(service));
                    // A dropped or torn connection is what some faults are for: nothing to report.
                    tokio::select! { _ = served => {}, () = stopped.cancelled() => {} }
                });
            }
        });
        Ok(Running { address, stage: Arc::clone(self), stop })
    }

    async fn answer(&self, request: Request<Body>, router: Router, control: Router) -> Result<Response<Body>, Dropped> {
        if request.uri().path().starts_with(control::PREFIX) {
            return control.oneshot(request).await.map_err(|never| match never {});
        }
        if self.is_down.load(Ordering::SeqCst) {
            return Err(Dropped);
        }
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, LARGEST_REQUEST).await.map_err(|_| Dropped)?;
        let target = parts.uri.path_and_query().map_or_else(String::new, ToString::to_string);
        let mut call = LoggedCall {
            at: self.clock.now(),
            method: parts.method.to_string(),
            action: self.emulator.action(&target, &body),
            target,
            status: 0,
        };
        let seen = Seen { vendor: self.emulator.name(), method: &call.method, target: &call.target, body: &body };
        let faults = self.faults.pick(&seen);
        let outcome = self.play(faults, (parts, body), router).await;
        call.status = outcome.as_ref().map_or(0, |response| response.status().as_u16());
        self.log.note(call);
        outcome
    }

    async fn play(
        &self,
        faults: Vec<Fault>,
        (parts, body): (Parts, Bytes),
        router: Router,
    ) -> Result<Response<Body>, Dropped> {
        let mut last = None;
        for fault in faults {
            match fault {
                Fault::Delay { ms } => tokio::time::sleep(Duration::from_millis(ms)).await,
                Fault::Twist { twist } => {
                    if let Err(why) = self.twist(&twist) {
                        tracing::warn!(vendor = self.emulator.name(), why, "a twist was not understood");
                    }
                }
                Fault::DropBefore => return Err(Dropped),
                Fault::Status { status, retry_after, body } => return Ok(refusal(status, retry_after, body)),
                Fault::Html502 => return Ok(html_502()),
                Fault::Hang { acts: false } => return Err(self.hang().await),
                other => last = Some(other),
            }
        }
        if let Some(Fault::Repeat) = last {
            let first = Request::from_parts(parts.clone(), Body::from(body.clone()));
            router.clone().oneshot(first).await.map_err(|never| match never {})?;
        }
        let request = Request::from_parts(parts, Body::from(body));
        let response = router.oneshot(request).await.map_err(|never| match never {})?;
        match last {
            Some(Fault::CommitThenDrop) => Err(Dropped),
            Some(Fault::Hang { .. }) => Err(self.hang().await),
            Some(Fault::Truncate) => truncated(response).await,
            Some(Fault::Malformed) => Ok(garbled(response)),
            _ => Ok(response),
        }
    }

    /// Leaves a call without an answer until it is let go.
    async fn hang(&self) -> Dropped {
        let mut go_on = std::pin::pin!(self.hanging.go_on.notified());
        go_on.as_mut().enable();
        self.hanging.count.send_modify(|count| *count += 1);
        go_on.await;
        Dropped
    }
}

fn refusal(status: u16, retry_after: Option<u64>, body: Option<String>) -> Response<Body> {
    let mut response = Response::new(Body::from(body.unwrap_or_default()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

fn html_502() -> Response<Body> {
    let mut response = refusal(502, None, Some("<html><body><h1>502 Bad Gateway</h1></body></html>".to_owned()));
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/html"));
    response
}

/// An answer of the right status and kind that no parser reads.
fn garbled(response: Response<Body>) -> Response<Body> {
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.remove(header::CONTENT_ENCODING);
    Response::from_parts(parts, Body::from("{\"<oops"))
}

/// Promises the whole body and sends half of it, then tears the connection.
async fn truncated(response: Response<Body>) -> Result<Response<Body>, Dropped> {
    let (mut parts, body) = response.into_parts();
    let whole = body.collect().await.map_err(|_| Dropped)?.to_bytes();
    parts.headers.insert(header::CONTENT_LENGTH, whole.len().into());
    let half = whole.slice(..whole.len() / 2);
    let head = futures_util::stream::iter([Ok::<Bytes, Dropped>(half)]);
    // The pause lets the first half leave the machine: an error right behind it would take it along.
    let tear = futures_util::stream::once(async {
        tokio::time::sleep(Duration::from_millis(5)).await;
        Err(Dropped)
    });
    Ok(Response::from_parts(parts, Body::from_stream(head.chain(tear))))
}

/// A running emulator; it stops when this is dropped.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its stage.
    pub stage: Arc<Stage>,
    stop: CancellationToken,
}

impl Running {
    /// The address as a base for calls, without a trailing slash.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops listening and closes every connection.
    pub fn stop(&self) {
        self.stop.cancel();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::{Rule, Scenario};
    use domain::SystemClock;

    struct Echo;

    impl Emulator for Echo {
        fn name(&self) -> &'static str {
            "echo"
        }
        fn router(self: Arc<Self>) -> Router {
            Router::new().fallback(|| async { "a whole answer" })
        }
        fn twist(&self, _: &Twist) -> Result<(), String> {
            Err("none".to_owned())
        }
        fn holdings(&self) -> Value {
            Value::Null
        }
        fn action(&self, _: &str, _: &[u8]) -> String {
            String::new()
        }
    }

    async fn ask(fault: Option<Fault>) -> (Result<(u16, Result<String, ()>), ()>, Running) {
        let stage = Stage::new(Arc::new(Echo), Arc::new(SandboxClock::new(Arc::new(SystemClock))));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let running = stage.run(listener, &TaskTracker::new()).expect("a stage");
        stage.faults.add(Scenario { rules: fault.into_iter().map(|fault| Rule::on("/", fault)).collect() });
        let client = http_client::client().expect("a client");
        let answer = match client.get(format!("{}/x", running.base_url())).send().await {
            Ok(answer) => Ok((answer.status().as_u16(), answer.text().await.map_err(drop))),
            Err(_) => Err(()),
        };
        (answer, running)
    }

    #[tokio::test]
    async fn each_fault_reaches_the_caller_as_what_it_is() {
        let whole = || Ok((200, Ok("a whole answer".to_owned())));
        assert_eq!(ask(None).await.0, whole());
        assert_eq!(ask(Some(Fault::Delay { ms: 1 })).await.0, whole());
        assert_eq!(ask(Some(Fault::DropBefore)).await.0, Err(()));
        assert_eq!(ask(Some(Fault::CommitThenDrop)).await.0, Err(()));
        assert_eq!(ask(Some(Fault::Truncate)).await.0, Ok((200, Err(()))));
        assert_eq!(ask(Some(Fault::Repeat)).await.0, whole());
        assert_eq!(ask(Some(Fault::Malformed)).await.0, Ok((200, Ok("{\"<oops".to_owned()))));
        assert_eq!(ask(Some(Fault::Html502)).await.0.expect("an answer").0, 502);
        let limited = Fault::Status { status: 429, retry_after: Some(2), body: None };
        assert_eq!(ask(Some(limited)).await.0.expect("an answer").0, 429);
    }

    #[tokio::test]
    async fn a_call_that_hangs_ends_without_an_answer_when_it_is_let_go() {
        for acts in [false, true] {
            let (_, running) = ask(None).await;
            running.stage.faults.add(Scenario { rules: vec![Rule::on("/", Fault::Hang { acts })] });
            let client = http_client::client().expect("a client");
            let (answer, ()) = tokio::join!(client.get(running.base_url()).send(), async {
                running.stage.hangs().await;
                running.stage.go_on();
            });
            assert!(answer.is_err());
        }
    }

    #[tokio::test]
    async fn a_vendor_that_is_down_drops_connections_and_can_still_be_controlled() {
        let (_, running) = ask(None).await;
        let client = http_client::client().expect("a client");
        let post = |path: &str| client.post(format!("{}{path}", running.base_url())).send();
        post("/_emu/down").await.expect("control");
        assert!(client.get(running.base_url()).send().await.is_err());
        post("/_emu/up").await.expect("control");
        assert!(client.get(running.base_url()).send().await.is_ok());
        assert_eq!(running.stage.log.all().len(), 2, "the dropped call of a dead vendor is not in its log");
    }
}
