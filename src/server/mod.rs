//! The front door: GraphQL over HTTP, WebSocket and server-sent events, callers, limits, health, metrics and pages.

pub mod coercion;
pub mod hardening;
pub mod health;
pub mod listener;
pub mod negotiate;
pub mod pages;
pub mod params;
pub mod persisted;
pub mod precheck;
pub mod request_id;
