//! The results of an acceptance run: printed, and as a file without codes, secrets and people's data.

use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;

use crate::app::accept::Output;
use crate::app::accept::journal::Leftover;
use crate::app::accept::observations::Verdict;
use crate::app::accept::run::{StepOutcome, StepRecord};
use vendor_api::AssumptionInForce;

/// Results of a run.
#[derive(Serialize)]
pub(super) struct Report {
    pub source: String,
    pub vendor: String,
    pub version: &'static str,
    pub begun_at: Timestamp,
    /// True if a signal stopped the run.
    pub is_interrupted: bool,
    pub steps: Vec<StepRecord>,
    pub assumptions: Vec<AssumptionResult>,
    /// Everything that a person has to undo.
    pub leftovers: Vec<Leftover>,
}

/// An assumption with its result.
#[derive(Serialize)]
pub(super) struct AssumptionResult {
    pub key: &'static str,
    pub fact: &'static str,
    /// Section of the vendor's contract.
    pub section: &'static str,
    /// Value in force, as TOML.
    pub value: String,
    #[serde(flatten)]
    pub verdict: Verdict,
}

impl AssumptionResult {
    pub(super) fn new(assumed: AssumptionInForce, verdict: Verdict) -> Self {
        let AssumptionInForce { assumption, value, .. } = assumed;
        Self { key: assumption.key, fact: assumption.fact, section: assumption.section, value, verdict }
    }
}

impl Report {
    /// Returns true if nothing has to be corrected or undone.
    pub(super) fn is_fine(&self) -> bool {
        let is_finding = |step: &StepRecord| step.outcome >= StepOutcome::Interrupted;
        let differs = |one: &AssumptionResult| matches!(one.verdict, Verdict::Different { .. });
        let has_finding = self.steps.iter().any(is_finding) || self.assumptions.iter().any(differs);
        !has_finding && !self.is_interrupted && self.leftovers.is_empty()
    }

    /// Prints assumptions, leftovers and the summary.
    pub(super) fn print(&self, output: &Output, leftovers_file: &Path) {
        output("assumptions:");
        self.assumptions.iter().for_each(|one| output(&line(one)));
        if !self.leftovers.is_empty() {
            output(&format!("LEFT AT THE VENDOR, also in {}:", leftovers_file.display()));
        }
        for left in &self.leftovers {
            let refs: Vec<String> =
                left.vendor_references.iter().map(|one| format!("{} {}", one.kind, one.value)).collect();
            let at = &left.performance;
            output(&format!("   {} ({}) at {at}: {}", left.reference, refs.join(", "), left.what_to_do));
        }
        let count = |outcome| self.steps.iter().filter(|step| step.outcome == outcome).count();
        let (passed, not_seen, findings) =
            (count(StepOutcome::Passed), count(StepOutcome::NotSeen), count(StepOutcome::Finding));
        let differ = self.assumptions.iter().filter(|one| matches!(one.verdict, Verdict::Different { .. })).count();
        let end = if self.is_interrupted { "interrupted: " } else { "" };
        output(&format!(
            "{end}{passed} steps passed, {not_seen} not seen, {findings} with findings; {differ} assumptions differ"
        ));
    }

    /// Writes the file.
    pub(super) fn write(&self, file: &Path) -> std::io::Result<()> {
        std::fs::write(file, serde_json::to_vec_pretty(self)?)
    }
}

fn line(one: &AssumptionResult) -> String {
    let AssumptionResult { key, fact, section, value, verdict } = one;
    match verdict {
        Verdict::AsAssumed { seen } => format!("   as assumed  {key} = {value} ({section}): {seen}"),
        Verdict::Different { seen, set } => {
            format!("   DIFFERENT   {key} = {value} ({section}): {seen}. Set this: `{set}`")
        }
        Verdict::NotSeen => format!("   not seen    {key} = {value} ({section}): {fact}"),
    }
}
