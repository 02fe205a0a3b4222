//! Deliveries from an emulated opera house into an emulated app, with processes that crash between their writes.

mod crash;
mod flow;
mod other_readings;
mod requests;
mod streams;
mod world;
