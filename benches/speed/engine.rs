//! The durable-execution engine as the measure: Restate with the same saga, `benches/restate/saga.mjs`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;

use crate::client::{Connection, post};
use crate::process::{Process, free_port};

/// Path of the saga at the engine's entry.
pub(crate) const PLACE: &str = "/saga/place";

/// The running engine.
pub(crate) struct Engine {
    /// Address that orders are sent to.
    pub entry: SocketAddr,
    /// The engine.
    pub server: Process,
    /// The process with the saga.
    pub saga: Process,
}

impl Engine {
    /// Starts the engine and registers the saga over these vendors. `None` if it is not installed:
    /// `scripts/npm-install benches/restate`.
    pub(crate) async fn start(vendors: &[SocketAddr]) -> Option<Self> {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("benches/restate");
        let modules = folder.join("node_modules/@restatedev");
        let server = std::fs::read_dir(&modules).ok()?.flatten().map(|entry| entry.path().join("bin/restate-server"));
        let server = server.into_iter().find(|file| file.is_file())?;
        let [entry, admin, node] = [(); 3].map(|()| SocketAddr::from(([127, 0, 0, 1], free_port())));
        let data = TempDir::new().expect("a folder");
        let mut command = Command::new(server);
        command.env_clear().env("HOME", data.path()).env("RESTATE_BASE_DIR", data.path().join("data"));
        command.env("RESTATE_INGRESS__BIND_ADDRESS", entry.to_string());
        command.env("RESTATE_ADMIN__BIND_ADDRESS", admin.to_string());
        command
            .env("RESTATE_BIND_ADDRESS", node.to_string())
            .env("RESTATE_ADVERTISED_ADDRESS", format!("http://{node}"));
        command.env("RESTATE_DISABLE_TELEMETRY", "true").env("RESTATE_LOG_FILTER", "error");
        let server = Process::listening_on(&mut command, admin, data)?;
        let mut command = Command::new("node");
        let vendors = vendors.iter().map(|vendor| format!("http://{vendor}"));
        command
            .arg(folder.join("saga.mjs"))
            .args(vendors)
            .env("RESTATE_LOGGING", "ERROR")
            .env("NODE_ENV", "production");
        let saga = Process::start(&mut command, TempDir::new().expect("a folder"));
        register(admin, saga.address).await;
        Some(Self { entry, server, saga })
    }
}

/// Registers the saga. The engine accepts it once it is ready.
async fn register(admin: SocketAddr, saga: SocketAddr) {
    let request = post("/deployments", &[], &json!({ "uri": format!("http://{saga}") }).to_string());
    let begun = Instant::now();
    loop {
        let answer = Connection::open(admin).await.send(&request).await;
        if answer.status < 300 {
            return;
        }
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(begun.elapsed() < Duration::from_secs(60), "the engine does not accept the saga: {text}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
