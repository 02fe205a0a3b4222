//! Resilience patterns for calls to a remote system: circuit breaker, bulkhead, retry with a budget, rate limit, health, and
//! single-flight. The patterns know nothing of the domain: callers classify the outcome of a call and choose the keys.

pub mod bulkhead;
pub mod circuit_breaker;
pub mod health;
pub mod policy;
pub mod rate_limit;
pub mod reservations;
pub mod retry;
pub mod retry_budget;
pub mod single_flight;
pub mod turn_queue;

pub use bulkhead::Bulkhead;
pub use circuit_breaker::{CallOutcome, CircuitBreaker, Permit};
pub use health::{HealthStatus, HealthWindow};
pub use policy::{CircuitBreakerPolicy, RateLimitPolicy, RetryPolicy, WindowLimit};
pub use rate_limit::{Endpoint, Gcra, GcraLimits, GcraRateLimiter, Refusal};
pub use reservations::{Requests, Reservations, WAITING_LIST_GRACE, Wish};
pub use retry::backoff;
pub use retry_budget::RetryBudget;
pub use single_flight::{Join, Lead, SharedResult, SingleFlight};
pub use turn_queue::{Place, Turn, TurnQueue};
