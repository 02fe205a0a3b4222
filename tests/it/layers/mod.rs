//! The layers with a real Redis between replicas: shared, poisoned, gone, frozen, back, in a cluster.

mod answers;
mod budget;
mod bus;
mod cache;
mod redis_server;
mod replicas;
mod service;
mod support;
mod theatre;
