//! State that replicas share through Redis: the L2 cache, its invalidations, the order change bus, rate limits and counters.
//!
//! Nothing durable: the service runs correctly without Redis, only with less sharing between replicas.

mod cache;
mod change_bus;
mod connection;
mod counters;
mod rate_limiter;
mod sentinel;
mod subscriber;

pub use cache::RedisCache;
pub use change_bus::RedisChangeBus;
pub use connection::{Redis, RedisAddressError, RedisFault};
pub use counters::RedisCounters;
pub use rate_limiter::RedisRateLimiter;
pub use sentinel::Sentinels;
