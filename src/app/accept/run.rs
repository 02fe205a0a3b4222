//! The state of an acceptance run: its steps with their results, what it has seen and what it has made.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::app::accept::Output;
use crate::app::accept::journal::Journal;
use crate::app::accept::observations::Observations;
use domain::{Clock, ErrorKind, RequestClass, RequestTurn, Source, TurnScope, VendorError, VendorOperation};

/// Longest wait of a call for its turn within the limits of the source. Longer than a service waits, because nobody waits for a run.
const MAX_TURN_WAIT: Duration = Duration::from_secs(120);

/// Result of a step, the least serious first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum StepOutcome {
    /// As expected.
    Passed,
    /// The run did not show it, or the source cannot do it.
    NotSeen,
    /// Not carried out to its end, because the run was interrupted.
    Interrupted,
    /// Something to correct.
    Finding,
}

/// A step with its results.
#[derive(Debug, Serialize)]
pub(super) struct StepRecord {
    /// Description, as announced.
    pub step: String,
    /// Most serious result.
    pub outcome: StepOutcome,
    /// Results, one per line.
    pub results: Vec<String>,
}

/// The run cannot go on: the reason was printed. What it made is still undone.
#[derive(Debug)]
pub(super) struct Stopped;

/// An acceptance run.
pub(super) struct Run {
    pub source: Source,
    pub clock: Arc<dyn Clock>,
    /// Set by a signal. Calls in flight are completed, because the effect of a dropped one would be unknown.
    pub stop: CancellationToken,
    pub journal: Journal,
    pub seen: Observations,
    pub steps: Vec<StepRecord>,
    pub output: Output,
}

impl Run {
    /// Announces a step. Fails after a signal.
    pub(super) fn begin(&mut self, step: impl Into<String>) -> Result<(), Stopped> {
        if self.stop.is_cancelled() {
            return Err(Stopped);
        }
        self.announce(step);
        Ok(())
    }

    /// Announces a step that is carried out after a signal, too.
    pub(super) fn announce(&mut self, step: impl Into<String>) {
        let step = step.into();
        (self.output)(&format!("-> {step}"));
        self.steps.push(StepRecord { step, outcome: StepOutcome::Passed, results: Vec::new() });
    }

    /// Prints a result of the current step.
    pub(super) fn result(&mut self, outcome: StepOutcome, text: impl Into<String>) {
        let (text, mark) = (
            text.into(),
            match outcome {
                StepOutcome::Passed => "ok",
                StepOutcome::NotSeen => "not seen",
                StepOutcome::Interrupted => "interrupted",
                StepOutcome::Finding => "FINDING",
            },
        );
        (self.output)(&format!("   {mark}: {text}"));
        if let Some(step) = self.steps.last_mut() {
            step.outcome = step.outcome.max(outcome);
            step.results.push(text);
        }
    }

    /// Prints a success of the current step.
    pub(super) fn passed(&mut self, text: impl Into<String>) {
        self.result(StepOutcome::Passed, text);
    }

    /// Prints what the current step could not show.
    pub(super) fn not_seen(&mut self, text: impl Into<String>) {
        self.result(StepOutcome::NotSeen, text);
    }

    /// Prints a finding of the current step.
    pub(super) fn finding(&mut self, text: impl Into<String>) {
        self.result(StepOutcome::Finding, text);
    }

    /// Prints a failed call, after which the run cannot go on.
    pub(super) fn failed(&mut self, error: &VendorError) -> Stopped {
        self.finding(describe(error));
        Stopped
    }

    /// Waits, and fails at a signal.
    pub(super) async fn wait(&mut self, time: Duration) -> Result<(), Stopped> {
        tokio::select! {
            () = tokio::time::sleep(time) => Ok(()),
            () = self.stop.cancelled() => {
                self.result(StepOutcome::Interrupted, "stopped by a signal");
                Err(Stopped)
            }
        }
    }
}

/// Makes a call that waits for its turn within the limits of the source.
pub(super) async fn in_turn<T>(operation: VendorOperation, call: impl Future<Output = T>) -> T {
    let latest = Instant::now() + MAX_TURN_WAIT;
    let turn = RequestTurn { latest: Some(latest), ..RequestTurn::of(RequestClass::of(operation)) };
    TurnScope::new(turn).run(call).await
}

/// Describes a failed call as the log does, with the reason and the vendor's code of a refusal.
pub(super) fn describe(error: &VendorError) -> String {
    match &error.kind {
        ErrorKind::Rejected(refusal) => {
            let code = refusal.vendor_code.as_ref().map_or_else(String::new, |code| format!(", vendor code {code}"));
            format!("{error}: {:?}{code}", refusal.reason)
        }
        _ => error.to_string(),
    }
}
