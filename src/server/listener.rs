//! Accepting connections: a cap, slow headers, TLS, and a drain that waits for what is in flight.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

/// How connections are accepted.
#[derive(Clone)]
pub struct Settings {
    /// Connections at one time; more wait in the queue of the system.
    pub connections: usize,
    /// How long a client may take to send its headers, and to finish a TLS handshake.
    pub header_timeout: Duration,
    /// How long a drain waits.
    pub drain: Duration,
    /// Certificate and key, where TLS is spoken.
    pub tls: Option<Arc<rustls::ServerConfig>>,
}

/// Accepts until `stop`, then lets requests in flight finish within the drain limit. Says whether all did.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    settings: Settings,
    tasks: TaskTracker,
    stop: CancellationToken,
) -> bool {
    let room = Arc::new(Semaphore::new(settings.connections));
    let drain = GracefulShutdown::new();
    let acceptor = settings.tls.clone().map(TlsAcceptor::from);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &room) => accepted,
            () = stop.cancelled() => break,
        };
        let (socket, permit) = match accepted {
            Ok(accepted) => accepted,
            Err(fault) => {
                // Out of file handles, usually: a pause gives connections time to end.
                tracing::warn!(%fault, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let (router, watcher, acceptor) = (router.clone(), drain.watcher(), acceptor.clone());
        let header_timeout = settings.header_timeout;
        tasks.spawn(async move {
            let _permit = permit;
            match acceptor {
                None => converse(socket, router, header_timeout, watcher).await,
                Some(acceptor) => match tokio::time::timeout(header_timeout, acceptor.accept(socket)).await {
                    Ok(Ok(socket)) => converse(socket, router, header_timeout, watcher).await,
                    Ok(Err(_)) | Err(_) => tracing::debug!("a TLS handshake failed"),
                },
            }
        });
    }
    drop(listener);
    tokio::time::timeout(settings.drain, drain.shutdown()).await.is_ok()
}

async fn accept(listener: &TcpListener, room: &Arc<Semaphore>) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let permit = Arc::clone(room).acquire_owned().await.map_err(io::Error::other)?;
    let (socket, _) = listener.accept().await?;
    socket.set_nodelay(true)?;
    Ok((socket, permit))
}

async fn converse<S>(
    socket: S,
    router: Router,
    header_timeout: Duration,
    watcher: hyper_util::server::graceful::Watcher,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(header_timeout);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(200)
        .keep_alive_interval(Some(Duration::from_secs(30)))
        .max_header_list_size(32 << 10);
    let service =
        TowerToHyperService::new(router.map_request(|request: Request<hyper::body::Incoming>| request.map(Body::new)));
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(socket), service);
    if let Err(fault) = watcher.watch(connection.into_owned()).await {
        tracing::debug!(%fault, "a connection ended badly");
    }
}
