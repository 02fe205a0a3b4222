//! The front door: GraphQL over HTTP, WebSocket and server-sent events, callers, limits, health, metrics and pages.

pub mod answer;
pub mod answers;
pub mod callers;
pub mod coercion;
pub mod document;
pub mod engine;
pub mod exposition;
pub mod express;
pub mod graphql_http;
pub mod hardening;
pub mod health;
pub mod likeness;
pub mod listener;
pub mod measure;
pub mod negotiate;
pub mod observe;
pub mod pace;
pub mod pages;
pub mod params;
pub mod persisted;
pub mod precheck;
pub mod refusal;
pub mod request_id;
pub mod router;
pub mod socket;
