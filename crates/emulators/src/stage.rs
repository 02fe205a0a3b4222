//! The server around an emulator: listener, faults, call log, clock, and simulated outage.

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
use parking_lot::Mutex;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::clock::SandboxClock;
use crate::control;
use crate::faults::{Fault, FaultRules, ObservedCall, StateChange};
use crate::log::{CallLog, LoggedCall};
use crate::past_sales::PastSales;
use domain::Clock;

/// Largest request body in bytes.
const MAX_REQUEST_BYTES: usize = 32 << 20;

/// An emulated vendor.
pub trait Emulator: Send + Sync + 'static {
    /// Name in fault rules, addresses and file names.
    fn name(&self) -> &'static str;
    /// Serves the vendor's HTTP interface.
    fn router(self: Arc<Self>) -> Router;
    /// Returns the sales of the past. `None` for an app that sells nothing.
    fn past_sales(&self) -> Option<&dyn PastSales>;
    /// Changes the vendor's data. An error lists the supported changes.
    fn apply_change(&self, change: &StateChange) -> Result<(), String>;
    /// Returns everything that the vendor holds and has sold, for comparison with a ledger.
    fn inventory(&self) -> Value;
    /// Returns the operation named in the body, for the call log: the SOAP method. Empty if the path identifies the operation.
    fn action(&self, target: &str, body: &[u8]) -> String;
}

/// An emulator with its faults, call log and clock.
pub struct Stage {
    /// Fault rules.
    pub faults: FaultRules,
    /// Calls received.
    pub log: CallLog,
    /// The emulator's clock.
    pub clock: Arc<SandboxClock>,
    is_down: AtomicBool,
    outage_until: Mutex<Option<Instant>>,
    hung_calls: HungCalls,
    emulator: Arc<dyn Emulator>,
}

/// Calls that receive no response.
#[derive(Default)]
struct HungCalls {
    /// Number of hung calls so far.
    count: watch::Sender<usize>,
    released: Notify,
}

/// Ends a connection without a response.
#[derive(Debug, thiserror::Error)]
#[error("the emulator drops the connection")]
struct ConnectionDropped;

impl Stage {
    /// Creates the stage of an emulator. `clock` must be the emulator's own clock.
    pub fn new(emulator: Arc<dyn Emulator>, clock: Arc<SandboxClock>) -> Arc<Self> {
        Arc::new(Self {
            faults: FaultRules::default(),
            log: CallLog::default(),
            clock,
            is_down: AtomicBool::new(false),
            outage_until: Mutex::new(None),
            hung_calls: HungCalls::default(),
            emulator,
        })
    }

    /// Starts or ends a simulated outage, during which every connection is dropped.
    pub fn set_down(&self, is_down: bool) {
        self.is_down.store(is_down, Ordering::SeqCst);
    }

    /// Starts a simulated outage that ends by itself.
    pub fn start_outage(&self, duration: Duration) {
        *self.outage_until.lock() = Some(Instant::now() + duration);
    }

    /// Ends the outage that [`Self::start_outage`] started.
    pub fn end_outage(&self) {
        *self.outage_until.lock() = None;
    }

    fn is_down(&self) -> bool {
        self.is_down.load(Ordering::SeqCst) || self.outage_until.lock().is_some_and(|end| Instant::now() < end)
    }

    /// Waits until the first call has been hung by [`Fault::Hang`]; returns at once if one has.
    pub async fn wait_for_hung_call(&self) {
        // The sender lives as long as the stage, so the wait cannot fail.
        let _ = self.hung_calls.count.subscribe().wait_for(|count| *count > 0).await;
    }

    /// Closes the connections of all hung calls.
    pub fn release_hung_calls(&self) {
        self.hung_calls.released.notify_waiters();
    }

    /// Changes the vendor's data.
    pub fn change_state(&self, change: &StateChange) -> Result<(), String> {
        self.emulator.apply_change(change)
    }

    /// Returns the sales of the past. `None` for an app that sells nothing.
    pub fn past_sales(&self) -> Option<&dyn PastSales> {
        self.emulator.past_sales()
    }

    /// Returns everything that the vendor holds and has sold.
    pub fn inventory(&self) -> Value {
        self.emulator.inventory()
    }

    /// Serves requests until the returned handle is stopped or dropped.
    pub fn run(self: &Arc<Self>, listener: TcpListener, tracker: &TaskTracker) -> std::io::Result<RunningEmulator> {
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
                let (calls, stopped) = (connections.clone(), stopped.clone());
                let until = stopped.clone();
                let service = tower::service_fn(move |request: Request<hyper::body::Incoming>| {
                    let (stage, router, control) = (Arc::clone(&stage), router.clone(), control.clone());
                    let until = until.clone();
                    // As at a real vendor, a request whose client has left is still carried out.
                    let call = calls.spawn(async move {
                        tokio::select! {
                            response = stage.handle(request.map(Body::new), router, control) => response,
                            () = until.cancelled() => Err(ConnectionDropped),
                        }
                    });
                    async move { call.await.unwrap_or(Err(ConnectionDropped)) }
                });
                connections.spawn(async move {
                    let server = auto::Builder::new(TokioExecutor::new());
                    let served = server.serve_connection(TokioIo::new(socket), TowerToHyperService::new(service));
                    // Some faults drop or break the connection on purpose, so errors are not reported.
                    tokio::select! { _ = served => {}, () = stopped.cancelled() => {} }
                });
            }
        });
        Ok(RunningEmulator { address, stage: Arc::clone(self), stop })
    }

    async fn handle(
        &self,
        request: Request<Body>,
        router: Router,
        control: Router,
    ) -> Result<Response<Body>, ConnectionDropped> {
        if request.uri().path().starts_with(control::CONTROL_PREFIX) {
            return control.oneshot(request).await.map_err(|never| match never {});
        }
        if self.is_down() {
            return Err(ConnectionDropped);
        }
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, MAX_REQUEST_BYTES).await.map_err(|_| ConnectionDropped)?;
        let target = parts.uri.path_and_query().map_or_else(String::new, ToString::to_string);
        let mut call = LoggedCall {
            at: self.clock.now(),
            method: parts.method.to_string(),
            action: self.emulator.action(&target, &body),
            target,
            status: 0,
        };
        let seen =
            ObservedCall { vendor: self.emulator.name(), method: &call.method, target: &call.target, body: &body };
        let faults = self.faults.pick(&seen);
        let outcome = self.apply_faults(faults, (parts, body), router).await;
        call.status = outcome.as_ref().map_or(0, |response| response.status().as_u16());
        self.log.record(call);
        outcome
    }

    async fn apply_faults(
        &self,
        faults: Vec<Fault>,
        (parts, body): (Parts, Bytes),
        router: Router,
    ) -> Result<Response<Body>, ConnectionDropped> {
        let mut last = None;
        for fault in faults {
            match fault {
                Fault::Delay { ms } => tokio::time::sleep(Duration::from_millis(ms)).await,
                Fault::StateChange { change } => {
                    if let Err(error) = self.change_state(&change) {
                        tracing::warn!(vendor = self.emulator.name(), error, "invalid state change");
                    }
                }
                Fault::DropBefore => return Err(ConnectionDropped),
                Fault::Status { status, retry_after, body } => return Ok(status_response(status, retry_after, body)),
                Fault::Html502 => return Ok(html_502_response()),
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
            Some(Fault::CommitThenDrop) => Err(ConnectionDropped),
            Some(Fault::Hang { .. }) => Err(self.hang().await),
            Some(Fault::Truncate) => truncated_response(response).await,
            Some(Fault::Malformed) => Ok(malformed_response(response)),
            _ => Ok(response),
        }
    }

    /// Blocks a call until hung calls are released, then drops its connection.
    async fn hang(&self) -> ConnectionDropped {
        let mut go_on = std::pin::pin!(self.hung_calls.released.notified());
        go_on.as_mut().enable();
        self.hung_calls.count.send_modify(|count| *count += 1);
        go_on.await;
        ConnectionDropped
    }
}

fn status_response(status: u16, retry_after: Option<u64>, body: Option<String>) -> Response<Body> {
    let mut response = Response::new(Body::from(body.unwrap_or_default()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

fn html_502_response() -> Response<Body> {
    let mut response =
        status_response(502, None, Some("<html><body><h1>502 Bad Gateway</h1></body></html>".to_owned()));
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/html"));
    response
}

/// Replaces the body with one that is neither JSON nor XML; status and content type are kept.
fn malformed_response(response: Response<Body>) -> Response<Body> {
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.remove(header::CONTENT_ENCODING);
    Response::from_parts(parts, Body::from("{\"<oops"))
}

/// Announces the whole body, sends half of it, then breaks the connection.
async fn truncated_response(response: Response<Body>) -> Result<Response<Body>, ConnectionDropped> {
    let (mut parts, body) = response.into_parts();
    let whole = body.collect().await.map_err(|_| ConnectionDropped)?.to_bytes();
    parts.headers.insert(header::CONTENT_LENGTH, whole.len().into());
    let half = whole.slice(..whole.len() / 2);
    let head = futures_util::stream::iter([Ok::<Bytes, ConnectionDropped>(half)]);
    // Without the pause, the error could abort the connection before the first half is sent.
    let tear = futures_util::stream::once(async {
        tokio::time::sleep(Duration::from_millis(5)).await;
        Err(ConnectionDropped)
    });
    Ok(Response::from_parts(parts, Body::from_stream(head.chain(tear))))
}

/// A running emulator; dropping it stops the server.
pub struct RunningEmulator {
    /// Listening address.
    pub address: SocketAddr,
    /// Stage of the emulator.
    pub stage: Arc<Stage>,
    stop: CancellationToken,
}

impl RunningEmulator {
    /// Returns the URL of the server without a trailing slash.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops listening and closes every connection.
    pub fn stop(&self) {
        self.stop.cancel();
    }
}

impl Drop for RunningEmulator {
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
            Router::new().fallback(|| async { "complete response" })
        }
        fn past_sales(&self) -> Option<&dyn PastSales> {
            None
        }

        fn apply_change(&self, _: &StateChange) -> Result<(), String> {
            Err("none".to_owned())
        }
        fn inventory(&self) -> Value {
            Value::Null
        }
        fn action(&self, _: &str, _: &[u8]) -> String {
            String::new()
        }
    }

    async fn call_with_fault(fault: Option<Fault>) -> (Result<(u16, Result<String, ()>), ()>, RunningEmulator) {
        let stage = Stage::new(Arc::new(Echo), Arc::new(SandboxClock::new(Arc::new(SystemClock))));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let running = stage.run(listener, &TaskTracker::new()).expect("a running stage");
        stage.faults.add(Scenario { rules: fault.into_iter().map(|fault| Rule::for_path("/", fault)).collect() });
        let client = http_client::build_client().expect("an HTTP client");
        let answer = match client.get(format!("{}/x", running.base_url())).send().await {
            Ok(answer) => Ok((answer.status().as_u16(), answer.text().await.map_err(drop))),
            Err(_) => Err(()),
        };
        (answer, running)
    }

    #[tokio::test]
    async fn each_fault_has_its_effect_on_the_client() {
        let whole = || Ok((200, Ok("complete response".to_owned())));
        assert_eq!(call_with_fault(None).await.0, whole());
        assert_eq!(call_with_fault(Some(Fault::Delay { ms: 1 })).await.0, whole());
        assert_eq!(call_with_fault(Some(Fault::DropBefore)).await.0, Err(()));
        assert_eq!(call_with_fault(Some(Fault::CommitThenDrop)).await.0, Err(()));
        assert_eq!(call_with_fault(Some(Fault::Truncate)).await.0, Ok((200, Err(()))));
        assert_eq!(call_with_fault(Some(Fault::Repeat)).await.0, whole());
        assert_eq!(call_with_fault(Some(Fault::Malformed)).await.0, Ok((200, Ok("{\"<oops".to_owned()))));
        assert_eq!(call_with_fault(Some(Fault::Html502)).await.0.expect("a response").0, 502);
        let limited = Fault::Status { status: 429, retry_after: Some(2), body: None };
        assert_eq!(call_with_fault(Some(limited)).await.0.expect("a response").0, 429);
    }

    #[tokio::test]
    async fn a_hung_call_ends_without_a_response_when_it_is_released() {
        for acts in [false, true] {
            let (_, running) = call_with_fault(None).await;
            running.stage.faults.add(Scenario { rules: vec![Rule::for_path("/", Fault::Hang { acts })] });
            let client = http_client::build_client().expect("an HTTP client");
            let (answer, ()) = tokio::join!(client.get(running.base_url()).send(), async {
                running.stage.wait_for_hung_call().await;
                running.stage.release_hung_calls();
            });
            assert!(answer.is_err());
        }
    }

    #[tokio::test]
    async fn an_outage_drops_connections_and_keeps_the_control_endpoints() {
        let (_, running) = call_with_fault(None).await;
        let client = http_client::build_client().expect("an HTTP client");
        let post = |path: &str| client.post(format!("{}{path}", running.base_url())).send();
        post("/_emu/down").await.expect("a control response");
        assert!(client.get(running.base_url()).send().await.is_err());
        post("/_emu/up").await.expect("a control response");
        assert!(client.get(running.base_url()).send().await.is_ok());
        assert_eq!(running.stage.log.all().len(), 2, "calls dropped during an outage are not logged");
    }
}
