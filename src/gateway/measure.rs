//! What was measured of one operation: the limits it passes, the vendor calls it may cause, where its caller stands.

use async_graphql::{Response, Value};
use serde_json::json;

use crate::gateway::pace::Standing;
use crate::gateway::params::Params;
use crate::gateway::precheck::TooHeavy;
use crate::gateway::refusal::{Cost, Refusal};

/// What was measured of one operation.
pub struct Measured {
    only: bool,
    cost: Option<Cost>,
    standing: Option<Standing>,
    passed: Vec<String>,
}

impl Measured {
    /// Nothing yet. `only`: what is beyond a limit is told and not refused.
    pub fn new(only: bool) -> Self {
        Self { only, cost: None, standing: None, passed: Vec::new() }
    }

    /// Notes what a limit says.
    pub fn weigh(&mut self, outcome: Result<(), TooHeavy>) -> Result<(), Refusal> {
        match outcome {
            Ok(()) => Ok(()),
            Err(heavy) => self.pass(heavy.to_string(), || Refusal::too_heavy(&heavy)),
        }
    }

    /// Notes the estimate.
    pub fn cost(&mut self, cost: Cost) -> Result<(), Refusal> {
        self.cost = Some(cost);
        metrics::histogram!("ticketgraph_operation_calls_estimated").record(cost.estimated as f64);
        if cost.estimated <= cost.limit {
            return Ok(());
        }
        self.pass(format!("the operation may cause {} vendor calls", cost.estimated), || Refusal::too_costly(cost))
    }

    /// Notes where the caller stands in its minute.
    pub fn budget(&mut self, standing: Standing) -> Result<(), Refusal> {
        self.standing = Some(standing);
        if !standing.is_over() {
            return Ok(());
        }
        let text = "the operations of this caller caused too many vendor calls in this minute";
        let cost = self.cost;
        self.pass(text.to_owned(), || Refusal { cost, ..Refusal::rate_limited(text, &standing) })
    }

    /// Whether no limit is passed.
    pub fn is_within_limits(&self) -> bool {
        self.passed.is_empty()
    }

    fn pass(&mut self, what: String, refusal: impl FnOnce() -> Refusal) -> Result<(), Refusal> {
        if !self.only {
            return Err(refusal());
        }
        tracing::warn!(what, "a limit is passed, which is only measured");
        self.passed.push(what);
        Ok(())
    }

    /// Adds `extensions.cost` where the request asks for it by `extensions: {"cost": true}`, and the limits that were passed
    /// where they are only measured.
    pub fn tell(&self, params: &Params, answer: &mut Response) {
        let is_asked = params.extensions.get("cost") == Some(&serde_json::Value::Bool(true));
        if let Some(cost) = self.cost.filter(|_| is_asked || !self.passed.is_empty()) {
            let mut told = cost.to_json();
            if let Some(standing) = &self.standing {
                told["perMinute"] = json!({
                    "limit": standing.limit, "remaining": standing.remaining(), "resetsInMs": standing.resets_in * 1000,
                });
            }
            put(answer, "cost", told);
        }
        if !self.passed.is_empty() {
            put(answer, "limits", json!(self.passed));
        }
    }
}

/// Adds something to the extensions of an answer.
pub fn put(answer: &mut Response, name: &str, value: serde_json::Value) {
    if let Ok(value) = Value::from_json(value) {
        answer.extensions.insert(name.to_owned(), value);
    }
}
