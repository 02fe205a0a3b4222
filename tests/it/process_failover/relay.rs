//! An address that leads to one server after another, like a name of the network or a virtual address, and that may delay responses.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use tokio::io::{self, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;
use tokio_util::task::TaskTracker;

/// A relay on the loopback address. Connections stay with the server that they were opened to.
pub(super) struct Relay {
    address: SocketAddr,
    server: Arc<AtomicU16>,
    delay: Arc<AtomicU64>,
}

impl Relay {
    /// Starts a relay to a port.
    pub(super) async fn start(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let server = Arc::new(AtomicU16::new(server));
        let delay = Arc::new(AtomicU64::new(0));
        let (tasks, target, delayed_by) = (TaskTracker::new(), Arc::clone(&server), Arc::clone(&delay));
        let connections = tasks.clone();
        tasks.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (port, delay) = (target.load(SeqCst), Arc::clone(&delayed_by));
                connections.spawn(async move {
                    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
                    // Ends with either side.
                    let _ = pass(client, server, &delay).await;
                });
            }
        });
        Self { address, server, delay }
    }

    /// Leads new connections to another port.
    pub(super) fn redirect(&self, server: u16) {
        self.server.store(server, SeqCst);
    }

    /// Delays responses by this time from now on.
    pub(super) fn delay(&self, time: Duration) {
        self.delay.store(u64::try_from(time.as_millis()).expect("a short time"), SeqCst);
    }

    /// Returns its port.
    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }
}

async fn pass(client: TcpStream, server: TcpStream, delay: &AtomicU64) -> io::Result<()> {
    // Messages are small.
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let ((mut requests, mut to_client), (mut responses, mut to_server)) = (client.into_split(), server.into_split());
    let forward = async { io::copy(&mut requests, &mut to_server).await.map(drop) };
    let back = async {
        let mut chunk = vec![0; 64 * 1024];
        loop {
            let length = responses.read(&mut chunk).await?;
            if length == 0 {
                return Ok(());
            }
            sleep(Duration::from_millis(delay.load(SeqCst))).await;
            to_client.write_all(&chunk[..length]).await?;
        }
    };
    tokio::select! {
        ended = forward => ended,
        ended = back => ended,
    }
}
