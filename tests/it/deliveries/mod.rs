//! Deliveries from an emulated opera house into an emulated app, with processes that crash between their writes.

mod crash;
mod flow;
pub(crate) mod mail_server;
mod notices;
mod other_readings;
mod queue;
mod requests;
mod streams;
mod world;
