//! Deliveries: an opera house and its mobile app, both emulated, and processes that die between their writes.

mod crash;
mod flow;
mod requests;
mod streams;
mod world;
