//! The connection to Redis: every call is bounded in time and protected by a circuit breaker.

use std::future::Future;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::time::Duration;

use redis::aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig};
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::{Client, Cmd, ErrorKind, IntoConnectionInfo, Pipeline, ProtocolVersion, RedisError, RedisFuture, Value};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;

use crate::sentinel::{SentinelConnection, Sentinels};
use resilience::{CallOutcome, CircuitBreaker, CircuitBreakerPolicy};

/// Timeout of one connection attempt. Requests wait only for the call timeout, not for this.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Key of the write that checks Redis, and its lifetime.
const CHECK_KEY: &str = "ticketgraph:write_check";
const CHECK_TTL: Duration = Duration::from_secs(60);

/// A connection to one Redis or a cluster. Reconnects automatically.
pub struct Redis {
    connection: RedisConnection,
    call_timeout: Duration,
    circuit_breaker: CircuitBreaker,
    last_state: AtomicU8,
    nodes: Vec<Client>,
}

/// No call has been made yet.
const STATE_UNKNOWN: u8 = 0;
/// The last call succeeded.
const STATE_UP: u8 = 1;
/// The last call failed.
const STATE_DOWN: u8 = 2;

/// Error for an invalid address. Does not contain the address, which may contain a password.
#[derive(Debug, thiserror::Error)]
#[error("the redis address is invalid")]
pub struct RedisAddressError;

impl Redis {
    /// Creates a connection that is established lazily, so that the service also starts without Redis. Comma-separated
    /// addresses are the nodes of a cluster. `call_timeout` bounds every call.
    pub fn new(addresses: &SecretString, call_timeout: Duration) -> Result<Self, RedisAddressError> {
        let nodes = parse(addresses)?;
        let connection = RedisConnection::connect(&nodes, call_timeout).map_err(|_| RedisAddressError)?;
        Ok(Self::with_connection(connection, nodes, call_timeout))
    }

    /// Creates a connection to the master that sentinels name. Comma-separated addresses are those of the sentinels; their user, password,
    /// database and TLS are those of the master.
    pub fn with_sentinels(
        addresses: &SecretString,
        sentinels: &Sentinels,
        call_timeout: Duration,
    ) -> Result<Self, RedisAddressError> {
        let nodes: Vec<_> = parse(addresses)?.iter().map(|node| node.get_connection_info().clone()).collect();
        let connection = SentinelConnection::new(&nodes, sentinels, call_timeout).map_err(|_| RedisAddressError)?;
        Ok(Self::with_connection(RedisConnection::Sentinel(connection), Vec::new(), call_timeout))
    }

    fn with_connection(connection: RedisConnection, nodes: Vec<Client>, call_timeout: Duration) -> Self {
        let policy = CircuitBreakerPolicy {
            window: Duration::from_secs(5),
            min_calls: 3,
            failure_percent: 60,
            open_duration: Duration::from_millis(250),
            max_open_duration: Duration::from_secs(2),
            success_threshold: 1,
        };
        Self {
            connection,
            call_timeout,
            circuit_breaker: CircuitBreaker::new(policy),
            last_state: AtomicU8::new(STATE_UNKNOWN),
            nodes,
        }
    }

    /// Runs commands on the connection. Returns `None` if they failed, timed out, or the circuit breaker is open.
    pub(super) async fn run<T, F>(&self, commands: impl FnOnce(RedisConnection) -> F) -> Option<T>
    where
        F: Future<Output = Result<T, RedisError>>,
    {
        let Ok(permit) = self.circuit_breaker.try_acquire() else {
            count_call("skipped");
            return None;
        };
        let result = timeout(self.call_timeout, commands(self.connection.clone())).await;
        let (call_outcome, label) = match &result {
            Ok(Ok(_)) => (CallOutcome::Success, "ok"),
            Ok(Err(error)) if is_command_error(error) => (CallOutcome::ClientError, "rejected"),
            Ok(Err(_)) => (CallOutcome::Failure, "failed"),
            Err(_) => (CallOutcome::Failure, "timeout"),
        };
        permit.record(call_outcome);
        count_call(label);
        self.record_state(call_outcome != CallOutcome::Failure, label);
        result.ok()?.ok()
    }

    /// Returns true if Redis responds to a ping within the call timeout.
    pub async fn is_reachable(&self) -> bool {
        self.run(|mut connection| async move { redis::cmd("PING").query_async::<()>(&mut connection).await })
            .await
            .is_some()
    }

    /// Writes a value of no meaning. Returns what keeps Redis from sharing state.
    pub async fn check(&self) -> Result<(), RedisFault> {
        let mut last = RedisFault::NoResponse;
        let write = async |mut connection: RedisConnection| {
            let set = redis::cmd("SET").arg(CHECK_KEY).arg(1).arg("PX").arg(CHECK_TTL.as_millis() as u64).to_owned();
            set.exec_async(&mut connection).await.inspect_err(|error| last = RedisFault::of(error))
        };
        if self.run(write).await.is_some() { Ok(()) } else { Err(last) }
    }

    /// Opens a pub/sub connection to any node; published messages reach all nodes.
    pub(super) async fn connect_pubsub(&self) -> Option<redis::aio::PubSub> {
        if let RedisConnection::Sentinel(connection) = &self.connection {
            return connection.connect_pubsub().await;
        }
        for node in &self.nodes {
            if let Ok(Ok(pubsub)) = timeout(CONNECT_TIMEOUT, node.get_async_pubsub()).await {
                return Some(pubsub);
            }
        }
        None
    }

    /// Records the state of Redis and logs each change once.
    fn record_state(&self, is_up: bool, outcome: &'static str) {
        let state = if is_up { STATE_UP } else { STATE_DOWN };
        if self.last_state.swap(state, Relaxed) == state {
            return;
        }
        metrics::gauge!("ticketgraph_redis_up").set(if is_up { 1.0 } else { 0.0 });
        if is_up {
            tracing::info!("redis is available");
        } else {
            tracing::warn!(outcome, "redis is unavailable: continuing without shared state");
        }
    }
}

/// Reason for which Redis shares no state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RedisFault {
    /// It does not respond in time, or the circuit breaker is open because it did not.
    #[error("does not respond in time")]
    NoResponse,
    /// It has no memory for another value, and evicts none.
    #[error("is full")]
    Full,
    /// It is a replica, or a master that lost its replicas.
    #[error("is read-only")]
    ReadOnly,
    /// It responds with another error.
    #[error("rejects writes")]
    Rejects,
}

impl RedisFault {
    fn of(error: &RedisError) -> Self {
        match error.code() {
            Some("OOM") => Self::Full,
            Some("READONLY" | "NOREPLICAS" | "MISCONF") => Self::ReadOnly,
            Some(_) => Self::Rejects,
            None => Self::NoResponse,
        }
    }
}

/// Parses comma-separated addresses.
fn parse(addresses: &SecretString) -> Result<Vec<Client>, RedisAddressError> {
    let mut nodes = Vec::new();
    for address in addresses.expose_secret().split(',').map(str::trim).filter(|address| !address.is_empty()) {
        let info = address.into_connection_info().map_err(|_| RedisAddressError)?;
        let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        nodes.push(Client::open(info.set_redis_settings(settings)).map_err(|_| RedisAddressError)?);
    }
    Ok(nodes)
}

/// Returns true if Redis is available but rejected this command, for example because it is out of memory.
fn is_command_error(error: &RedisError) -> bool {
    let is_unavailable =
        matches!(error.code(), Some("LOADING" | "MASTERDOWN" | "CLUSTERDOWN" | "NOAUTH" | "WRONGPASS" | "READONLY"));
    let is_reply =
        matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension | ErrorKind::UnexpectedReturnType);
    is_reply && !is_unavailable
}

fn count_call(outcome: &'static str) {
    metrics::counter!("ticketgraph_redis_calls_total", "outcome" => outcome).increment(1);
}

/// A connection to a single Redis, to a cluster, or to the master that sentinels name.
#[derive(Clone)]
pub(super) enum RedisConnection {
    Single(ConnectionManager),
    Cluster(ClusterConnection),
    Sentinel(SentinelConnection),
}

impl RedisConnection {
    fn connect(nodes: &[Client], call_timeout: Duration) -> Result<Self, RedisError> {
        if let [node] = nodes {
            // With the default retries a call to an unavailable Redis would block for seconds.
            let config = ConnectionManagerConfig::new()
                .set_number_of_retries(1)
                .set_min_delay(Duration::from_millis(10))
                .set_max_delay(Duration::from_millis(100))
                .set_connection_timeout(Some(CONNECT_TIMEOUT))
                .set_response_timeout(Some(call_timeout));
            return Ok(Self::Single(ConnectionManager::new_lazy_with_config(node.clone(), config)?));
        }
        let addresses = nodes.iter().map(|node| node.get_connection_info().clone());
        let client = ClusterClientBuilder::new(addresses)
            .use_protocol(ProtocolVersion::RESP3)
            .connection_timeout(CONNECT_TIMEOUT)
            .response_timeout(call_timeout)
            .retries(1)
            .build()?;
        Ok(Self::Cluster(client.get_pending_async_connection_with_config(Default::default())))
    }
}

impl ConnectionLike for RedisConnection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Single(connection) => connection.req_packed_command(command),
            Self::Cluster(connection) => connection.req_packed_command(command),
            Self::Sentinel(connection) => connection.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        commands: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Single(connection) => connection.req_packed_commands(commands, offset, count),
            Self::Cluster(connection) => connection.req_packed_commands(commands, offset, count),
            Self::Sentinel(connection) => connection.req_packed_commands(commands, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Single(connection) => connection.get_db(),
            Self::Cluster(connection) => connection.get_db(),
            Self::Sentinel(connection) => connection.get_db(),
        }
    }
}
