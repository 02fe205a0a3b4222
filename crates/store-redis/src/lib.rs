//! What replicas share through Redis and can do without: the cache, its invalidations, the change bus, and rate limits.

mod budget;
mod bus;
mod cache;
mod connection;
mod counts;
mod ear;

pub use budget::RedisBudget;
pub use bus::RedisBus;
pub use cache::RedisCache;
pub use connection::{Redis, RedisAddressError};
pub use counts::RedisCounts;
