//! Checks one operation against the limits and reports estimated cost and rate limit status.

use async_graphql::{Response, Value};
use serde_json::json;

use crate::gateway::operation_limits::LimitExceeded;
use crate::gateway::params::RequestParams;
use crate::gateway::rate_limiter::RateLimitStatus;
use crate::gateway::rejection::{OperationCost, RequestRejection};

/// Results of the limit checks of one operation.
pub struct LimitReport {
    warn_only: bool,
    cost: Option<OperationCost>,
    rate_limit_status: Option<RateLimitStatus>,
    exceeded: Vec<String>,
}

impl LimitReport {
    /// Creates an empty report. With `warn_only`, exceeded limits are reported but not enforced.
    pub fn new(warn_only: bool) -> Self {
        Self { warn_only, cost: None, rate_limit_status: None, exceeded: Vec::new() }
    }

    /// Records the result of a size check.
    pub fn check_limit(&mut self, outcome: Result<(), LimitExceeded>) -> Result<(), RequestRejection> {
        match outcome {
            Ok(()) => Ok(()),
            Err(exceeded_limit) => {
                self.exceed(exceeded_limit.to_string(), || RequestRejection::limit_exceeded(&exceeded_limit))
            }
        }
    }

    /// Records the estimated cost.
    pub fn check_cost(&mut self, cost: OperationCost) -> Result<(), RequestRejection> {
        self.cost = Some(cost);
        metrics::histogram!("ticketgraph_operation_calls_estimated").record(cost.estimated as f64);
        if cost.estimated <= cost.limit {
            return Ok(());
        }
        self.exceed(format!("the operation may cause {} vendor calls", cost.estimated), || {
            RequestRejection::cost_exceeded(cost)
        })
    }

    /// Records the rate limit status of the caller.
    pub fn check_rate_limit(&mut self, rate_limit_status: RateLimitStatus) -> Result<(), RequestRejection> {
        self.rate_limit_status = Some(rate_limit_status);
        if !rate_limit_status.is_exceeded() {
            return Ok(());
        }
        let text = "the operations of this caller caused too many vendor calls in this minute";
        let cost = self.cost;
        self.exceed(text.to_owned(), || RequestRejection {
            cost,
            ..RequestRejection::rate_limited(text, &rate_limit_status)
        })
    }

    /// Returns true if no limit was exceeded so far.
    pub fn is_within_limits(&self) -> bool {
        self.exceeded.is_empty()
    }

    fn exceed(&mut self, what: String, rejection: impl FnOnce() -> RequestRejection) -> Result<(), RequestRejection> {
        if !self.warn_only {
            return Err(rejection());
        }
        tracing::warn!(what, "a limit is exceeded; limits only warn");
        self.exceeded.push(what);
        Ok(())
    }

    /// Adds `extensions.cost` if the request sets `extensions: {"cost": true}`, and the exceeded limits if they only
    /// warn.
    pub fn add_extensions(&self, params: &RequestParams, response: &mut Response) {
        let is_requested = params.extensions.get("cost") == Some(&serde_json::Value::Bool(true));
        if let Some(cost) = self.cost.filter(|_| is_requested || !self.exceeded.is_empty()) {
            let mut value = cost.to_json();
            if let Some(rate_limit_status) = &self.rate_limit_status {
                value["perMinute"] = json!({
                    "limit": rate_limit_status.limit, "remaining": rate_limit_status.remaining(), "resetsInMs": rate_limit_status.resets_in * 1000,
                });
            }
            insert_extension(response, "cost", value);
        }
        if !self.exceeded.is_empty() {
            insert_extension(response, "limits", json!(self.exceeded));
        }
    }
}

/// Adds an entry to the extensions of a response.
pub fn insert_extension(response: &mut Response, name: &str, value: serde_json::Value) {
    if let Ok(value) = Value::from_json(value) {
        response.extensions.insert(name.to_owned(), value);
    }
}
