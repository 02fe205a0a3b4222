//! Accepting connections: a cap, slow headers, TLS, and a drain that waits for what is in flight.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::time::Duration;

use axum::Router;
use axum::http::Request;
use http_body_util::BodyExt;
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
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::gateway::express::Express;
use crate::gateway::router::Peer;

/// Files that are open beside connections: the ledger, the log, connections to vendors.
const OTHER_FILES: usize = 512;

/// How connections are accepted.
#[derive(Clone)]
pub struct Settings {
    /// Connections at one time; more wait in the queue of the system.
    pub connections: usize,
    /// How long a client may take to send its headers, and to finish a TLS handshake.
    pub header_timeout: Duration,
    /// How long a connection without requests stays open.
    pub idle_timeout: Duration,
    /// How long a drain waits.
    pub drain: Duration,
    /// Certificate and key, where TLS is spoken.
    pub tls: Option<Arc<rustls::ServerConfig>>,
}

/// Accepts until `stop`, then lets requests in flight finish within the drain limit. Says whether all did.
pub async fn serve(
    listener: TcpListener,
    (router, express): (Router, Express),
    settings: Settings,
    tasks: TaskTracker,
    stop: CancellationToken,
) -> bool {
    allow_files(settings.connections + OTHER_FILES);
    let express = Arc::new(express);
    let room = Arc::new(Semaphore::new(settings.connections));
    let drain = GracefulShutdown::new();
    let acceptor = settings.tls.clone().map(TlsAcceptor::from);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &room) => accepted,
            () = stop.cancelled() => break,
        };
        let (socket, peer, permit) = match accepted {
            Ok(accepted) => accepted,
            Err(fault) => {
                // Out of file handles, usually: a pause gives connections time to end.
                tracing::warn!(%fault, "a connection could not be accepted");
                sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let (watcher, acceptor) = (drain.watcher(), acceptor.clone());
        let (header_timeout, idle_timeout) = (settings.header_timeout, settings.idle_timeout);
        let (router, express) = (router.clone(), Arc::clone(&express));
        let talk = Talk { router, express, peer: Peer(peer.ip()), header_timeout, idle_timeout };
        tasks.spawn(async move {
            let _permit = permit;
            match acceptor {
                None => talk.converse(socket, watcher).await,
                Some(acceptor) => match timeout(header_timeout, acceptor.accept(socket)).await {
                    Ok(Ok(socket)) => talk.converse(socket, watcher).await,
                    Ok(Err(_)) | Err(_) => tracing::debug!("a TLS handshake failed"),
                },
            }
        });
    }
    drop(listener);
    timeout(settings.drain, drain.shutdown()).await.is_ok()
}

/// Lets this process open so many files, as far as the system allows: what a login shell gets is a thousand or so.
fn allow_files(wanted: usize) {
    let (wanted, limits) = (wanted as u64, getrlimit(Resource::Nofile));
    if limits.current.is_none_or(|current| current >= wanted) {
        return;
    }
    let most = limits.maximum.map_or(wanted, |most| most.min(wanted));
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum: limits.maximum });
    if raised.is_err() || most < wanted {
        let allowed = getrlimit(Resource::Nofile).current;
        tracing::info!(allowed, wanted, "the system allows fewer open files than `server.connections` may need");
    }
}

async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(room).acquire_owned().await.map_err(io::Error::other)?;
    let (socket, peer) = listener.accept().await?;
    socket.set_nodelay(true)?;
    Ok((socket, peer, permit))
}

/// How one connection is talked with.
struct Talk {
    router: Router,
    express: Arc<Express>,
    peer: Peer,
    header_timeout: Duration,
    idle_timeout: Duration,
}

impl Talk {
    async fn converse<S>(self, socket: S, watcher: hyper_util::server::graceful::Watcher)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Self { router, express, peer, header_timeout, idle_timeout } = self;
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(header_timeout);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(200)
            .keep_alive_interval(Some(Duration::from_secs(30)))
            .max_header_list_size(32 << 10);
        let activity = Arc::new(Activity::new());
        let held = Arc::clone(&activity);
        let service = service_fn(move |request: Request<hyper::body::Incoming>| {
            let (held, express, router) = (Held::new(&held), Arc::clone(&express), router.clone());
            async move {
                let response = match express.answer(request, peer).await {
                    Ok(response) => response,
                    Err(mut request) => {
                        request.extensions_mut().insert(peer);
                        router.oneshot(request).await?
                    }
                };
                // Held until the last byte of the answer: a stream keeps its connection.
                Ok::<_, Infallible>(response.map(|body| {
                    body.map_frame(move |frame| {
                        let _ = &held;
                        frame
                    })
                }))
            }
        });
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(socket), service);
        tokio::select! {
            served = watcher.watch(connection.into_owned()) => {
                if let Err(fault) = served {
                    tracing::debug!(%fault, "a connection ended badly");
                }
            }
            () = activity.idle_for(idle_timeout) => tracing::debug!("a connection without requests is closed"),
        }
    }
}

/// Whether anything is in flight on a connection, and since when nothing is.
struct Activity {
    begun: Instant,
    in_flight: AtomicUsize,
    /// When the last one ended, in milliseconds since the begin.
    ended: AtomicU64,
}

impl Activity {
    fn new() -> Self {
        Self { begun: Instant::now(), in_flight: AtomicUsize::new(0), ended: AtomicU64::new(0) }
    }

    /// How long nothing has been in flight; none while anything is.
    fn idle(&self) -> Option<Duration> {
        let ended = Duration::from_millis(self.ended.load(SeqCst));
        (self.in_flight.load(SeqCst) == 0).then(|| self.begun.elapsed().saturating_sub(ended))
    }

    /// Ends once nothing was in flight for so long. It looks now and then, so that requests cost it nothing.
    async fn idle_for(&self, limit: Duration) {
        let mut wait = limit;
        loop {
            sleep(wait).await;
            wait = match self.idle() {
                Some(idle) if idle >= limit => return,
                Some(idle) => limit - idle,
                None => limit,
            };
        }
    }
}

/// One request in flight.
struct Held(Arc<Activity>);

impl Held {
    fn new(activity: &Arc<Activity>) -> Self {
        activity.in_flight.fetch_add(1, SeqCst);
        Self(Arc::clone(activity))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let Self(activity) = self;
        // Before it is counted off: nobody may see an end that is older than the last request.
        activity.ended.store(u64::try_from(activity.begun.elapsed().as_millis()).unwrap_or(u64::MAX), SeqCst);
        activity.in_flight.fetch_sub(1, SeqCst);
    }
}
