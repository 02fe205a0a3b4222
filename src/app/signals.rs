//! Signals of the operating system.

use tokio::signal::unix::{SignalKind, signal};

/// Completes on SIGTERM or SIGINT.
pub(super) async fn shutdown_signal() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
