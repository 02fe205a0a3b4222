//! A connection to Redis that nobody waits long for, however sick Redis is.

use std::future::Future;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::time::Duration;

use redis::aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig};
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::{Client, Cmd, ErrorKind, IntoConnectionInfo, Pipeline, ProtocolVersion, RedisError, RedisFuture, Value};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;

use source_stack::{Breaker, BreakerPolicy, Verdict};

/// How long one attempt to connect may take. Requests do not wait for it, they wait for the bound.
const CONNECT: Duration = Duration::from_secs(1);

/// A connection to one Redis, or to a cluster, that reconnects by itself.
pub struct Redis {
    link: Link,
    bound: Duration,
    breaker: Breaker,
    standing: AtomicU8,
    seeds: Vec<Client>,
}

/// Nothing was asked of it yet.
const UNKNOWN: u8 = 0;
/// It did what it was last asked for.
const UP: u8 = 1;
/// It did not.
const DOWN: u8 = 2;

/// Why an address cannot be used. It may hold a password, so it is not told.
#[derive(Debug, thiserror::Error)]
#[error("the address of redis cannot be read")]
pub struct RedisAddressError;

impl Redis {
    /// Connects when first needed, so that the service starts without Redis too. Several addresses, with commas between them, are
    /// nodes of a cluster. `bound` is the longest that any one call takes.
    pub fn new(addresses: &SecretString, bound: Duration) -> Result<Self, RedisAddressError> {
        let mut seeds = Vec::new();
        for address in addresses.expose_secret().split(',').map(str::trim).filter(|address| !address.is_empty()) {
            let info = address.into_connection_info().map_err(|_| RedisAddressError)?;
            let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
            seeds.push(Client::open(info.set_redis_settings(settings)).map_err(|_| RedisAddressError)?);
        }
        let link = Link::to(&seeds, bound).map_err(|_| RedisAddressError)?;
        let policy = BreakerPolicy {
            window: Duration::from_secs(5),
            min_calls: 3,
            failure_percent: 60,
            rest: Duration::from_millis(250),
            longest_rest: Duration::from_secs(2),
            closes_after: 1,
        };
        Ok(Self { link, bound, breaker: Breaker::new(policy), standing: AtomicU8::new(UNKNOWN), seeds })
    }

    /// Runs commands on a link. `None`: Redis did not do it, did not say so in time, or is being left alone.
    pub(super) async fn ask<T, F>(&self, work: impl FnOnce(Link) -> F) -> Option<T>
    where
        F: Future<Output = Result<T, RedisError>>,
    {
        let Ok(leave) = self.breaker.admit() else {
            count("skipped");
            return None;
        };
        let outcome = timeout(self.bound, work(self.link.clone())).await;
        let (verdict, name) = match &outcome {
            Ok(Ok(_)) => (Verdict::Fine, "ok"),
            Ok(Err(fault)) if is_of_the_command(fault) => (Verdict::Alive, "refused"),
            Ok(Err(_)) => (Verdict::Failed, "failed"),
            Err(_) => (Verdict::Failed, "late"),
        };
        leave.settle(verdict);
        count(name);
        self.note(verdict != Verdict::Failed, name);
        outcome.ok()?.ok()
    }

    /// Whether Redis answers, asked now and within the bound.
    pub async fn answers(&self) -> bool {
        self.ask(|mut link| async move { redis::cmd("PING").query_async::<()>(&mut link).await }).await.is_some()
    }

    /// A connection that only listens, to any node: news are told to all of them.
    pub(super) async fn listener(&self) -> Option<redis::aio::PubSub> {
        for seed in &self.seeds {
            if let Ok(Ok(listener)) = timeout(CONNECT, seed.get_async_pubsub()).await {
                return Some(listener);
            }
        }
        None
    }

    /// Tells each change once.
    fn note(&self, is_up: bool, outcome: &'static str) {
        let standing = if is_up { UP } else { DOWN };
        if self.standing.swap(standing, Relaxed) == standing {
            return;
        }
        metrics::gauge!("ticketgraph_redis_up").set(if is_up { 1.0 } else { 0.0 });
        if is_up {
            tracing::info!("redis answers");
        } else {
            tracing::warn!(outcome, "redis does not answer: this process goes on alone");
        }
    }
}

/// Whether Redis is well and refuses this one command, out of memory for instance.
fn is_of_the_command(fault: &RedisError) -> bool {
    let is_sick =
        matches!(fault.code(), Some("LOADING" | "MASTERDOWN" | "CLUSTERDOWN" | "NOAUTH" | "WRONGPASS" | "READONLY"));
    let is_said = matches!(fault.kind(), ErrorKind::Server(_) | ErrorKind::Extension | ErrorKind::UnexpectedReturnType);
    is_said && !is_sick
}

fn count(outcome: &'static str) {
    metrics::counter!("ticketgraph_redis_calls_total", "outcome" => outcome).increment(1);
}

/// One Redis or a cluster of them.
#[derive(Clone)]
pub(super) enum Link {
    One(ConnectionManager),
    Cluster(ClusterConnection),
}

impl Link {
    fn to(seeds: &[Client], bound: Duration) -> Result<Self, RedisError> {
        if let [only] = seeds {
            // With its usual patience the second call on a dead Redis would block for seconds.
            let config = ConnectionManagerConfig::new()
                .set_number_of_retries(1)
                .set_min_delay(Duration::from_millis(10))
                .set_max_delay(Duration::from_millis(100))
                .set_connection_timeout(Some(CONNECT))
                .set_response_timeout(Some(bound));
            return Ok(Self::One(ConnectionManager::new_lazy_with_config(only.clone(), config)?));
        }
        let nodes = seeds.iter().map(|seed| seed.get_connection_info().clone());
        let client = ClusterClientBuilder::new(nodes)
            .use_protocol(ProtocolVersion::RESP3)
            .connection_timeout(CONNECT)
            .response_timeout(bound)
            .retries(1)
            .build()?;
        Ok(Self::Cluster(client.get_pending_async_connection_with_config(Default::default())))
    }
}

impl ConnectionLike for Link {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::One(link) => link.req_packed_command(command),
            Self::Cluster(link) => link.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        commands: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::One(link) => link.req_packed_commands(commands, offset, count),
            Self::Cluster(link) => link.req_packed_commands(commands, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::One(link) => link.get_db(),
            Self::Cluster(link) => link.get_db(),
        }
    }
}
