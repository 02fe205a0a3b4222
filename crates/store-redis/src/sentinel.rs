//! The connection to the master that sentinels name, which is renewed when that one fails or loses its role.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Weak};
use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection, PubSub};
use redis::sentinel::{SentinelClient, SentinelNodeConnectionInfo, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Cmd, ConnectionAddr, ConnectionInfo, Pipeline, ProtocolVersion, RedisConnectionInfo,
    RedisError, RedisFuture, TlsMode, Value,
};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{Mutex, watch};
use tokio::time::{sleep, timeout};
use tokio_util::task::TaskTracker;

/// Longest time to ask the sentinels and to connect to the master.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Wait between two attempts.
const RETRY_WAIT: Duration = Duration::from_millis(100);

/// Sentinels that name the master.
#[derive(Debug, Clone)]
pub struct Sentinels {
    /// Name of the master in the configuration of the sentinels.
    pub master: String,
    /// Password of the sentinels themselves, if they have one.
    pub password: Option<SecretString>,
}

/// A connection to the current master.
#[derive(Clone)]
pub(crate) struct SentinelConnection(Arc<State>);

struct State {
    sentinels: Mutex<SentinelClient>,
    config: AsyncConnectionConfig,
    db: i64,
    /// The connection, if there is one, with its number.
    current: watch::Sender<Option<(u64, MultiplexedConnection)>>,
    /// True while a task connects. Requests wait for it no longer than for a response.
    is_connecting: AtomicBool,
    tasks: TaskTracker,
}

impl SentinelConnection {
    /// Creates a connection that is established lazily. Users, passwords and databases of the addresses are those of the master.
    pub(crate) fn new(
        addresses: &[ConnectionInfo],
        sentinels: &Sentinels,
        call_timeout: Duration,
    ) -> Result<Self, RedisError> {
        let mut own = RedisConnectionInfo::default();
        if let Some(password) = &sentinels.password {
            own = own.set_password(password.expose_secret());
        }
        let nodes: Vec<_> = addresses.iter().map(|node| node.clone().set_redis_settings(own.clone())).collect();
        let mut master = SentinelNodeConnectionInfo::default();
        let mut db = 0;
        if let Some(first) = addresses.first() {
            db = first.redis_settings().db();
            master =
                master.set_redis_connection_info(first.redis_settings().clone().set_protocol(ProtocolVersion::RESP3));
            if let ConnectionAddr::TcpTls { insecure, .. } = first.addr() {
                master = master.set_tls_mode(if *insecure { TlsMode::Insecure } else { TlsMode::Secure });
            }
        }
        let client = SentinelClient::build(nodes, &sentinels.master, Some(master), SentinelServerType::Master)?;
        Ok(Self(Arc::new(State {
            sentinels: Mutex::new(client),
            // Shorter than the call: a master that hangs is noticed here, before the call is given up.
            config: AsyncConnectionConfig::new().set_response_timeout(Some(call_timeout.mul_f64(0.8))),
            db,
            current: watch::Sender::new(None),
            is_connecting: AtomicBool::new(false),
            tasks: TaskTracker::new(),
        })))
    }

    /// Opens a pub/sub connection to the master.
    pub(crate) async fn connect_pubsub(&self) -> Option<PubSub> {
        let connect = async {
            let client = self.0.sentinels.lock().await.async_get_client().await?;
            client.get_async_pubsub().await
        };
        timeout(CONNECT_TIMEOUT, connect).await.ok()?.ok()
    }

    /// Returns the connection, or waits for it.
    async fn get(&self) -> (u64, MultiplexedConnection) {
        let mut current = self.0.current.subscribe();
        loop {
            if let Some(connection) = current.borrow_and_update().clone() {
                return connection;
            }
            if !self.0.is_connecting.swap(true, SeqCst) {
                self.0.tasks.spawn(connect(Arc::downgrade(&self.0)));
            }
            // The sender is part of this connection.
            let _ = current.changed().await;
        }
    }

    /// Drops a connection that failed, or whose server is not the master any more.
    fn note(&self, number: u64, error: &RedisError) {
        let is_lost = error.is_unrecoverable_error() || error.is_io_error() || error.code() == Some("READONLY");
        if is_lost {
            self.0.current.send_if_modified(|current| {
                let is_current = current.as_ref().is_some_and(|(current, _)| *current == number);
                current.take_if(|_| is_current).is_some()
            });
        }
    }
}

/// Connects to the master, again and again until it succeeds or nobody uses the connection any more.
async fn connect(state: Weak<State>) {
    for number in fastrand::u64(..).. {
        let Some(state) = state.upgrade() else { return };
        let connect = async { state.sentinels.lock().await.get_async_connection_with_config(&state.config).await };
        if let Ok(Ok(connection)) = timeout(CONNECT_TIMEOUT, connect).await {
            // In this order: whoever finds the connection failed starts another task.
            state.is_connecting.store(false, SeqCst);
            state.current.send_replace(Some((number, connection)));
            return;
        }
        drop(state);
        sleep(RETRY_WAIT).await;
    }
}

impl ConnectionLike for SentinelConnection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(async move {
            let (number, mut connection) = self.get().await;
            let result = connection.req_packed_command(command).await;
            result.inspect_err(|error| self.note(number, error))
        })
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        commands: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        Box::pin(async move {
            let (number, mut connection) = self.get().await;
            let result = connection.req_packed_commands(commands, offset, count).await;
            result.inspect_err(|error| self.note(number, error))
        })
    }

    fn get_db(&self) -> i64 {
        self.0.db
    }
}
