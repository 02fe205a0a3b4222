//! Caches and shared state: the layers of a source with a real Redis between replicas, and the response cache above them.

mod change_bus;
mod fast_path;
mod l2_cache;
mod rate_limit;
pub(crate) mod redis_server;
mod replicas;
mod response_cache;
pub(crate) mod service;
mod shared_auth;
pub(crate) mod support;
mod world;
