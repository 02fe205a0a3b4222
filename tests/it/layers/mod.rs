//! The layers with a real Redis between replicas: shared, poisoned, gone, frozen, back, in a cluster.

mod answers;
mod budget;
mod bus;
mod cache;
mod callers;
mod express;
pub mod redis_server;
mod replicas;
pub mod service;
pub mod support;
mod theatre;
