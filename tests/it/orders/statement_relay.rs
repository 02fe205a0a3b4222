//! A relay to PostgreSQL that ends a connection at the statement that a test names: before the server gets it, or after the server has
//! executed it and before its response.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use tokio::io::{self, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;

/// Moment at which a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    Before,
    After,
}

/// Statement at which the next connection ends.
#[derive(Default)]
struct Plan {
    /// Statements since the relay was armed.
    count: AtomicUsize,
    /// Number of the statement, or 0.
    nth: AtomicUsize,
    is_after: AtomicBool,
}

/// A relay on the loopback address.
pub(super) struct StatementRelay {
    port: u16,
    plan: Arc<Plan>,
}

impl StatementRelay {
    /// Starts a relay to a port.
    pub(super) async fn start(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let plan = Arc::new(Plan::default());
        let (tasks, shared) = (TaskTracker::new(), Arc::clone(&plan));
        let connections = tasks.clone();
        tasks.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let plan = Arc::clone(&shared);
                connections.spawn(async move {
                    let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else { return };
                    // Ends with either side, or at the planned statement.
                    let _ = pass(client, server, &plan).await;
                });
            }
        });
        Self { port, plan }
    }

    /// Returns the URL of a database. The relay reads the protocol, so the connection has no TLS.
    pub(super) fn url(&self, database: &str) -> String {
        format!("postgres://ticketgraph@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }

    /// Ends a connection at the statement of this number, counted from 1 from now on.
    pub(super) fn arm(&self, nth: usize, cut: Cut) {
        self.plan.count.store(0, SeqCst);
        self.plan.is_after.store(cut == Cut::After, SeqCst);
        self.plan.nth.store(nth, SeqCst);
    }

    /// Ends no connection from now on. Returns the number of statements since the relay was armed.
    pub(super) fn disarm(&self) -> usize {
        self.plan.nth.store(0, SeqCst);
        self.plan.count.load(SeqCst)
    }
}

async fn pass(client: TcpStream, server: TcpStream, plan: &Plan) -> io::Result<()> {
    // Messages are small.
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let ((mut requests, mut to_client), (mut responses, mut to_server)) = (client.into_split(), server.into_split());
    let is_cut = AtomicBool::new(false);
    let forward = async {
        // The first message has no type.
        let length = requests.read_u32().await?;
        copy_message(&mut requests, &mut to_server, None, length).await?;
        loop {
            let (kind, length) = (requests.read_u8().await?, requests.read_u32().await?);
            // A simple query, or the execution of a prepared one.
            let is_statement = matches!(kind, b'Q' | b'E');
            let number = plan.count.fetch_add(usize::from(is_statement), SeqCst) + 1;
            if is_statement && number == plan.nth.load(SeqCst) {
                if !plan.is_after.load(SeqCst) {
                    return Ok(());
                }
                is_cut.store(true, SeqCst);
            }
            copy_message(&mut requests, &mut to_server, Some(kind), length).await?;
        }
    };
    let back = async {
        loop {
            let (kind, length) = (responses.read_u8().await?, responses.read_u32().await?);
            if !is_cut.load(SeqCst) {
                copy_message(&mut responses, &mut to_client, Some(kind), length).await?;
                continue;
            }
            copy_message(&mut responses, &mut io::sink(), Some(kind), length).await?;
            // The server is ready for the next query: it has executed, and committed if it should.
            if kind == b'Z' {
                return Ok(());
            }
        }
    };
    tokio::select! {
        ended = forward => ended,
        ended = back => ended,
    }
}

/// Copies a message: its type, its length, which includes itself, and its body.
async fn copy_message(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    kind: Option<u8>,
    length: u32,
) -> io::Result<()> {
    let mut message = kind.map_or_else(Vec::new, |kind| vec![kind]);
    message.extend(length.to_be_bytes());
    let start = message.len();
    message.resize(start + (length as usize).saturating_sub(4), 0);
    from.read_exact(&mut message[start..]).await?;
    to.write_all(&message).await
}
