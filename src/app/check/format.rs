//! Lines of `check`.

use crate::app::check::CheckReport;
use domain::accounts::{AccountCheck, CheckOutcome};
use domain::{ErrorKind, VendorError};

/// Formats a check as a line: result, part of the configuration, title, and what to do. What was seen stands at the end of a line
/// that is not ok.
pub fn format_check(section: &str, check: &AccountCheck) -> String {
    let (result, hint) = match &check.outcome {
        CheckOutcome::Passed => return format!("ok      {section}: {}", check.title.main),
        CheckOutcome::Failed(hint) => ("FAILED ", hint.main.clone()),
        CheckOutcome::Disabled(hint) => ("OFF    ", hint.main.clone()),
        CheckOutcome::Risk(hint) => ("RISK   ", hint.main.clone()),
        CheckOutcome::Unproven(hint) => ("UNKNOWN", hint.main.clone()),
        CheckOutcome::NotTried(hint) => ("SKIPPED", hint.main.clone()),
        CheckOutcome::Unreachable(error) => ("UNKNOWN", describe_failure(error)),
    };
    let seen = check.seen.last().map_or_else(String::new, |seen| format!(" Seen: {seen}."));
    format!("{result} {section}: {} ({}). {hint}{seen}", check.title.main, check.code)
}

/// Formats the requests of each check, and the facts to compare with the venue's back office.
pub fn format_details(report: &CheckReport) -> Vec<String> {
    let mut lines = Vec::new();
    for check in &report.checks {
        lines.extend(check.seen.iter().map(|seen| format!("        {}: {seen}", check.code)));
    }
    lines.extend(report.facts.iter().map(|fact| format!("compare {}: {fact}", report.section)));
    lines
}

/// Describes a call without a usable response.
fn describe_failure(error: &VendorError) -> String {
    let why = match &error.kind {
        ErrorKind::NotFound => "The vendor does not know the address of the request.",
        ErrorKind::RateLimited => "The vendor's request limit is used up: try again later.",
        ErrorKind::Unavailable => "The vendor did not respond, or with a fault of its own.",
        ErrorKind::Timeout => "The vendor did not respond in time.",
        ErrorKind::Malformed => "The response cannot be read.",
        ErrorKind::Unauthorized => "The vendor does not know the credentials.",
        ErrorKind::Unsupported => "The source does not support this.",
        ErrorKind::Internal => "The vendor refused the request as it is.",
        ErrorKind::Rejected(refusal) => {
            let code = refusal.vendor_code.as_deref().unwrap_or("no code");
            return format!("The vendor refused it: {code}.");
        }
    };
    why.to_owned()
}
