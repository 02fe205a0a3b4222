//! Accepts connections: connection limit, header timeout, TLS, and graceful shutdown.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Request, Version};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::io::InspectReader;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::gateway::fast_path::FastPath;
use crate::gateway::state::PeerAddress;

/// Files that are open besides connections: database, log, connections to vendors.
const RESERVED_FILES: usize = 512;

/// Settings of accepted connections.
#[derive(Clone)]
pub struct Settings {
    /// Open connections at a time; more wait in the backlog of the operating system.
    pub connections: usize,
    /// Time for a client to send its headers, and for a TLS handshake.
    pub header_timeout: Duration,
    /// Time after which a connection without requests is closed.
    pub idle_timeout: Duration,
    /// Time that a shutdown waits for requests in flight.
    pub drain: Duration,
    /// TLS configuration; `None`: plain HTTP.
    pub tls: Option<Arc<rustls::ServerConfig>>,
}

/// Accepts connections until `stop`, then waits for requests in flight within the drain limit. Returns true if all
/// finished.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    fast_path: FastPath,
    settings: Settings,
    tasks: TaskTracker,
    stop: CancellationToken,
) -> bool {
    raise_file_limit(settings.connections + RESERVED_FILES);
    let fast_path = Arc::new(fast_path);
    let permits = Arc::new(Semaphore::new(settings.connections));
    let drain = GracefulShutdown::new();
    let acceptor = settings.tls.clone().map(TlsAcceptor::from);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &permits) => accepted,
            () = stop.cancelled() => break,
        };
        let (socket, peer, permit) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Usually out of file handles: a pause lets connections close.
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let (watcher, acceptor) = (drain.watcher(), acceptor.clone());
        let (header_timeout, idle_timeout) = (settings.header_timeout, settings.idle_timeout);
        let (router, fast_path) = (router.clone(), Arc::clone(&fast_path));
        let connection =
            ClientConnection { router, fast_path, peer: PeerAddress(peer.ip()), header_timeout, idle_timeout };
        tasks.spawn(async move {
            let _permit = permit;
            match acceptor {
                None => connection.serve(socket, watcher).await,
                Some(acceptor) => match timeout(header_timeout, acceptor.accept(socket)).await {
                    Ok(Ok(socket)) => connection.serve(socket, watcher).await,
                    Ok(Err(_)) | Err(_) => tracing::debug!("a TLS handshake failed"),
                },
            }
        });
    }
    drop(listener);
    timeout(settings.drain, drain.shutdown()).await.is_ok()
}

/// Raises the limit on open files as far as the system allows; a login shell typically gets about a thousand.
fn raise_file_limit(requested: usize) {
    let (requested, limits) = (requested as u64, getrlimit(Resource::Nofile));
    if limits.current.is_none_or(|current| current >= requested) {
        return;
    }
    let maximum = limits.maximum.map_or(requested, |maximum| maximum.min(requested));
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(maximum), maximum: limits.maximum });
    if raised.is_err() || maximum < requested {
        let allowed = getrlimit(Resource::Nofile).current;
        tracing::info!(allowed, requested, "the system allows fewer open files than `server.connections` may need");
    }
}

async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.map_err(io::Error::other)?;
    let (socket, peer) = listener.accept().await?;
    socket.set_nodelay(true)?;
    Ok((socket, peer, permit))
}

/// Serves one client connection.
struct ClientConnection {
    router: Router,
    fast_path: Arc<FastPath>,
    peer: PeerAddress,
    header_timeout: Duration,
    idle_timeout: Duration,
}

impl ClientConnection {
    async fn serve<S>(self, socket: S, watcher: hyper_util::server::graceful::Watcher)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Self { router, fast_path, peer, header_timeout, idle_timeout } = self;
        let mut builder = auto::Builder::new(TokioExecutor::new());
        // hyper starts this timeout at the end of the last request, so it is the one of idle connections.
        builder.http1().timer(TokioTimer::new()).header_read_timeout(idle_timeout);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(200)
            .keep_alive_interval(Some(Duration::from_secs(30)))
            .max_header_list_size(32 << 10);
        let activity = Arc::new(Activity::new());
        let (active, reading) = (Arc::clone(&activity), Arc::clone(&activity));
        let socket = InspectReader::new(socket, move |bytes: &[u8]| {
            if !bytes.is_empty() {
                reading.bytes_arrived();
            }
        });
        let service = service_fn(move |request: Request<Incoming>| {
            let is_http1 = request.version() < Version::HTTP_2;
            let active = ActiveRequest::new(&active, is_http1);
            let (fast_path, router) = (Arc::clone(&fast_path), router.clone());
            let is_read = Arc::new(AtomicBool::new(request.body().is_end_stream()));
            let request = request.map(|body| TrackedBody { body, is_read: Arc::clone(&is_read) });
            async move {
                let mut response = match fast_path.try_respond(request, peer).await {
                    Ok(response) => response,
                    Err(mut request) => {
                        request.extensions_mut().insert(peer);
                        router.oneshot(request).await?
                    }
                };
                if is_http1 && !is_read.load(SeqCst) {
                    // hyper closes a connection with an unread body, so the client must not send another request on it.
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                // Held until the last byte of the body, so that a stream keeps its connection open.
                Ok::<_, Infallible>(response.map(|body| {
                    body.map_frame(move |frame| {
                        let _ = &active;
                        frame
                    })
                }))
            }
        });
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(socket), service);
        tokio::select! {
            served = watcher.watch(connection.into_owned()) => {
                if let Err(error) = served {
                    tracing::debug!(%error, "a connection failed");
                }
            }
            () = activity.wait_until_idle_for(idle_timeout) => tracing::debug!("a connection without requests is closed"),
            () = activity.wait_until_headers_are_late(header_timeout) => tracing::debug!("headers did not arrive in time"),
        }
    }
}

/// A request body that records whether it was read to its end.
struct TrackedBody {
    body: Incoming,
    is_read: Arc<AtomicBool>,
}

impl Body for TrackedBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if matches!(frame, Poll::Ready(None)) || self.body.is_end_stream() {
            self.is_read.store(true, SeqCst);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Requests in flight on a connection, and the time of the last one.
struct Activity {
    started: Instant,
    in_flight: AtomicUsize,
    /// End of the last request, in milliseconds since `started`.
    last_ended: AtomicU64,
    /// Arrival of the first byte of the headers that are read now, in milliseconds since `started` plus one; 0 if none
    /// are. After the first request of HTTP/2, whose frames need no request, always [`NEVER_LATE`].
    headers_began: AtomicU64,
}

/// Headers for which no timeout applies.
const NEVER_LATE: u64 = u64::MAX;

impl Activity {
    fn new() -> Self {
        Self {
            started: Instant::now(),
            in_flight: AtomicUsize::new(0),
            last_ended: AtomicU64::new(0),
            headers_began: AtomicU64::new(0),
        }
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Records that bytes were read. Outside of a request they are the beginning or a part of headers.
    fn bytes_arrived(&self) {
        if self.in_flight.load(SeqCst) == 0 {
            // Only the first bytes count: the timeout applies to the whole of the headers.
            let _ = self.headers_began.compare_exchange(0, self.elapsed_ms() + 1, SeqCst, SeqCst);
        }
    }

    /// Completes when headers are incomplete this long after their first byte.
    async fn wait_until_headers_are_late(&self, limit: Duration) {
        // Headers that begin now are noticed within half of the limit.
        reach(limit, limit / 2, || match self.headers_began.load(SeqCst) {
            0 | NEVER_LATE => None,
            began => Some(self.started.elapsed().saturating_sub(Duration::from_millis(began - 1))),
        })
        .await;
    }

    /// Returns the time without requests, or `None` while one is in flight.
    fn idle_time(&self) -> Option<Duration> {
        let last_ended = Duration::from_millis(self.last_ended.load(SeqCst));
        (self.in_flight.load(SeqCst) == 0).then(|| self.started.elapsed().saturating_sub(last_ended))
    }

    /// Completes after `limit` without requests.
    async fn wait_until_idle_for(&self, limit: Duration) {
        reach(limit, limit, || self.idle_time()).await;
    }
}

/// Completes when a time has reached its limit. It polls, again after `pause` while there is no time, so that requests do
/// not have to reset a timer.
async fn reach(limit: Duration, pause: Duration, time: impl Fn() -> Option<Duration>) {
    loop {
        match time() {
            Some(time) if time >= limit => return,
            Some(time) => sleep(limit - time).await,
            None => sleep(pause).await,
        }
    }
}

/// A request in flight on a connection.
struct ActiveRequest(Arc<Activity>);

impl ActiveRequest {
    fn new(activity: &Arc<Activity>, is_http1: bool) -> Self {
        activity.headers_began.store(if is_http1 { 0 } else { NEVER_LATE }, SeqCst);
        activity.in_flight.fetch_add(1, SeqCst);
        Self(Arc::clone(activity))
    }
}

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        let Self(activity) = self;
        // Stored before the decrement, so that no reader sees an older end with a count of zero.
        activity.last_ended.store(activity.elapsed_ms(), SeqCst);
        activity.in_flight.fetch_sub(1, SeqCst);
    }
}
