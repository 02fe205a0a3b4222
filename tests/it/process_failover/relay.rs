//! An address that leads to one server after another, like a name of the network or a virtual address.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering::SeqCst};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;

/// A relay on the loopback address. Connections stay with the server that they were opened to.
pub(super) struct Relay {
    address: SocketAddr,
    server: Arc<AtomicU16>,
}

impl Relay {
    /// Starts a relay to a port.
    pub(super) async fn start(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let server = Arc::new(AtomicU16::new(server));
        let (tasks, target) = (TaskTracker::new(), Arc::clone(&server));
        let connections = tasks.clone();
        tasks.spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let port = target.load(SeqCst);
                connections.spawn(async move {
                    let Ok(mut server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
                    // Ends with either side.
                    let _ = copy_bidirectional(&mut client, &mut server).await;
                });
            }
        });
        Self { address, server }
    }

    /// Leads new connections to another port.
    pub(super) fn redirect(&self, server: u16) {
        self.server.store(server, SeqCst);
    }

    /// Returns its port.
    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }
}
