//! `replay`: serves a recording as the vendors did, each source on a port of its own.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Method, Response, StatusCode, Uri, header};
use recording::{Player, RecordedSource, Recording, ReplayRequest, Sample};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::app::error::StartError;
use crate::app::options::ReplayOptions;
use crate::app::replay_config::FIRST_PORT;
use crate::app::signals::shutdown_signal;

/// A replay that serves. Dropping it stops it.
pub struct RunningReplay {
    /// Sources with their base URLs.
    pub addresses: Vec<(RecordedSource, String)>,
    _stop: DropGuard,
}

/// One source of a replay.
struct ReplayedSource {
    name: String,
    player: Player,
}

/// Returns the usual address of the first source, which is that of the configuration beside a recording.
pub fn replay_address() -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), FIRST_PORT)
}

/// Serves a recording until a shutdown signal arrives.
pub async fn run_replay(options: ReplayOptions) -> Result<(), StartError> {
    let running = start_replay(&options, &TaskTracker::new()).await?;
    for (source, address) in &running.addresses {
        tracing::info!(vendor = source.vendor, source = source.name, address, "a recorded vendor listens");
    }
    shutdown_signal().await;
    Ok(())
}

/// Starts to serve a recording.
pub async fn start_replay(options: &ReplayOptions, tracker: &TaskTracker) -> Result<RunningReplay, StartError> {
    let unusable = |why: String| StartError::File { path: options.folder.clone(), why };
    let recording = Recording::read(&options.folder).map_err(|error| unusable(error.to_string()))?;
    let stop = CancellationToken::new();
    let mut addresses = Vec::new();
    for (number, source) in (0_u16..).zip(&recording.index.sources) {
        let address = address(options.listen, number).ok_or_else(|| unusable("not enough ports".to_owned()))?;
        let io_error = |error| StartError::Io(address.to_string(), error);
        let listener = TcpListener::bind(address).await.map_err(io_error)?;
        let bound = listener.local_addr().map_err(io_error)?;
        let replayed = ReplayedSource { name: source.name.clone(), player: Player::new(&recording, &source.name) };
        let router = Router::new().fallback(answer).with_state(Arc::new(replayed));
        let serving = axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
        tracker.spawn(async move {
            if let Err(error) = serving.await {
                tracing::error!(%error, "the replay of a source ended");
            }
        });
        addresses.push((source.clone(), format!("http://{bound}{}", source.base_path)));
    }
    Ok(RunningReplay { addresses, _stop: stop.drop_guard() })
}

/// Returns the address of a source; port 0 stays 0.
fn address(first: SocketAddr, number: u16) -> Option<SocketAddr> {
    let port = if first.port() == 0 { 0 } else { first.port().checked_add(number)? };
    Some(SocketAddr::new(first.ip(), port))
}

async fn answer(State(source): State<Arc<ReplayedSource>>, method: Method, uri: Uri, body: Bytes) -> Response<Body> {
    let request = ReplayRequest {
        method: method.as_str(),
        path: uri.path(),
        query: uri.query().unwrap_or_default(),
        body: &body,
    };
    match source.player.answer(&request) {
        Ok(sample) => response(sample),
        Err(missing) => {
            tracing::warn!(
                source = source.name,
                method = missing.method,
                path = missing.path_template,
                "a request was not recorded"
            );
            let body = json!({
                "error": "not recorded", "method": missing.method, "pathTemplate": missing.path_template,
            });
            let mut response = Response::new(Body::from(body.to_string()));
            *response.status_mut() = StatusCode::NOT_IMPLEMENTED;
            response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
            response
        }
    }
}

/// Builds the recorded response.
fn response(sample: &Sample) -> Response<Body> {
    let mut response = Response::new(Body::from(sample.body.bytes().unwrap_or_default()));
    let status = sample.status.and_then(|status| StatusCode::from_u16(status).ok());
    *response.status_mut() = status.unwrap_or(StatusCode::BAD_GATEWAY);
    for (name, value) in &sample.headers {
        let header = (header::HeaderName::try_from(name), header::HeaderValue::try_from(value));
        if let (Ok(name), Ok(value)) = header {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
