//! The gateway: GraphQL over HTTP, WebSocket and server-sent events, OCTO, with authentication, limits, exports, sign-in,
//! health, metrics and pages.

pub mod auth;
pub mod concurrency_limit;
pub mod cors;
pub mod document;
pub mod edge;
pub mod exports;
pub mod fast_path;
pub mod graphql_http;
pub mod health;
pub mod incoming_webhooks;
pub mod limit_report;
pub mod listener;
pub mod metrics_endpoint;
pub mod negotiate;
pub mod observe;
pub mod octo;
pub mod operation;
pub mod operation_limits;
pub mod pages;
pub mod params;
pub mod payloads;
pub mod persisted;
pub mod pipeline;
pub mod rate_limiter;
pub mod refusals;
pub mod rejection;
pub mod request_id;
pub mod response_body;
pub mod response_cache;
pub mod response_headers;
pub mod router;
pub mod sign_in;
pub mod socket;
pub mod state;
pub mod webhook_objects;
