//! Reasons of failures as an operator sees them: in the log, in `explain` and in the dashboard. No value, no secret, no text of the
//! vendor.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use strum::IntoStaticStr;

use crate::error::{ErrorKind, NotSent, RefusalReason, VendorError, VendorOperation};
use crate::ids::SourceId;
use crate::seen::SeenResponse;

/// Number of failures of one kind that are kept of a source. Those of a kind differ by the setting that is missing.
const MAX_PER_KIND: usize = 5;
/// Time within which a failure without a response is taken for one that is shared with an earlier call.
const SHARED: SignedDuration = SignedDuration::from_secs(60);
/// Longest description of a field that did not fit, in characters.
const MAX_MISFIT: usize = 300;

/// Kind of a failure at a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum FailureKind {
    /// The object does not exist at the vendor.
    NotFound,
    /// The vendor rejected the request for a business reason.
    Rejected,
    /// The source does not support the operation.
    Unsupported,
    /// The vendor does not accept the credentials or the client version of this service.
    Unauthorized,
    /// Too many requests.
    RateLimited,
    /// No usable response: connection refused or broken, or a 5xx status.
    Unavailable,
    /// No response in time.
    Timeout,
    /// The response cannot be parsed.
    Malformed,
    /// A bug in this service, or a 4xx status without a meaning.
    Internal,
    /// The vendor used a word that no assumption explains.
    UnknownWord,
    /// An order was refused because a setting is missing.
    SettlementUnsupported,
}

impl FailureKind {
    /// Returns the name used in logs and in `explain`, in snake case.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

impl From<&ErrorKind> for FailureKind {
    fn from(kind: &ErrorKind) -> Self {
        match kind {
            ErrorKind::NotFound => Self::NotFound,
            ErrorKind::Rejected(_) => Self::Rejected,
            ErrorKind::Unsupported => Self::Unsupported,
            ErrorKind::Unauthorized => Self::Unauthorized,
            ErrorKind::RateLimited => Self::RateLimited,
            ErrorKind::Unavailable => Self::Unavailable,
            ErrorKind::Timeout => Self::Timeout,
            ErrorKind::Malformed => Self::Malformed,
            ErrorKind::Internal => Self::Internal,
        }
    }
}

/// Reason of a failure: what its call met, or the setting that is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FailureReason {
    /// Kind of failure.
    pub kind: FailureKind,
    /// Operation that failed. `None` if no call was made.
    #[serde(skip)]
    pub operation: Option<VendorOperation>,
    /// Reason why no request was sent, if none was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_sent: Option<NotSent>,
    /// Request and response that explain it. `None` if no response was seen.
    #[serde(flatten)]
    pub response: Option<SeenResponse>,
    /// The vendor's own code of a rejection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vendor_code: Option<String>,
    /// Path of the setting that is missing in the configuration, such as `sources.quay.settlement`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing_setting: Option<String>,
}

impl FailureReason {
    /// Returns the reason of a failed call from what its requests met, oldest first.
    pub fn of_call(error: &VendorError, seen: &[SeenResponse]) -> Self {
        let kind = FailureKind::from(&error.kind);
        let explains = |response: &&SeenResponse| explains(response, kind);
        // A batch makes several requests, and the one that failed need not be the last.
        let mut response = seen.iter().rev().find(explains).or(seen.last()).cloned();
        if let Some(misfit) = response.as_mut().and_then(|response| response.misfit.as_mut()) {
            *misfit = misfit.chars().take(MAX_MISFIT).collect();
        }
        let vendor_code = match &error.kind {
            ErrorKind::Rejected(refusal) => refusal.vendor_code.clone(),
            _ => None,
        };
        let not_sent = error.not_sent.filter(|_| response.is_none());
        Self { kind, operation: Some(error.operation), not_sent, response, vendor_code, missing_setting: None }
    }

    /// Returns a reason for each setting that lacks a word of the responses of a call.
    pub fn of_unknown_words(source: &SourceId, operation: VendorOperation, seen: &[SeenResponse]) -> Vec<Self> {
        let mut reasons: Vec<Self> = Vec::new();
        for response in seen {
            for setting in &response.unknown_words {
                let missing_setting = Some(format!("sources.{source}.assumptions.{setting}"));
                if reasons.iter().all(|reason| reason.missing_setting != missing_setting) {
                    reasons.push(Self {
                        kind: FailureKind::UnknownWord,
                        operation: Some(operation),
                        not_sent: None,
                        response: Some(response.clone()),
                        vendor_code: None,
                        missing_setting,
                    });
                }
            }
        }
        reasons
    }

    /// Returns the reason why an order was refused without a call. `missing_setting` is the setting that would allow it, if one would.
    pub fn of_refused_order(missing_setting: Option<String>) -> Self {
        let kind = match missing_setting {
            Some(_) => FailureKind::SettlementUnsupported,
            None => FailureKind::Unsupported,
        };
        Self { kind, operation: None, not_sent: None, response: None, vendor_code: None, missing_setting }
    }
}

/// Formats the response, or that there was none.
impl fmt::Display for FailureReason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.response {
            Some(response) => response.fmt(out),
            None if self.not_sent.is_some() => out.write_str("nothing was sent"),
            None => out.write_str("no response was seen"),
        }
    }
}

/// Returns true if a response is what makes a call fail in this way.
fn explains(response: &SeenResponse, kind: FailureKind) -> bool {
    match (kind, response.status) {
        (FailureKind::Malformed, _) => response.misfit.is_some(),
        (FailureKind::Unavailable | FailureKind::Timeout, None) => true,
        (FailureKind::Unavailable, Some(status)) => status >= 500,
        (FailureKind::Timeout, Some(status)) => matches!(status, 408 | 504),
        (FailureKind::NotFound, status) => status == Some(404),
        (FailureKind::Unauthorized, status) => matches!(status, Some(401 | 403)),
        (FailureKind::RateLimited, status) => matches!(status, Some(429 | 503 | 509)),
        (FailureKind::Internal, status) => status.is_some_and(|status| (400..500).contains(&status)),
        _ => false,
    }
}

/// Returns true if an operator can act on a failure: it is neither everyday business nor the consequence of earlier failures.
fn is_for_operators(error: &VendorError) -> bool {
    match &error.kind {
        _ if error.was_not_sent() => false,
        ErrorKind::NotFound | ErrorKind::Unsupported => false,
        ErrorKind::Rejected(refusal) => {
            matches!(
                refusal.reason,
                RefusalReason::Forbidden | RefusalReason::InvalidInput { .. } | RefusalReason::Other
            )
        }
        _ => true,
    }
}

/// A failure that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecentFailure {
    /// Time of the failure.
    pub at: Timestamp,
    /// Reason.
    pub reason: FailureReason,
}

/// The last failures of a source, by kind and missing setting, in memory. At most five of a kind are kept.
#[derive(Debug, Default)]
pub struct RecentFailures(Mutex<VecDeque<RecentFailure>>);

impl RecentFailures {
    /// Records a failed call, if an operator can act on it.
    pub fn record_call(&self, at: Timestamp, error: &VendorError, reason: &FailureReason) {
        if is_for_operators(error) {
            self.record(at, reason);
        }
    }

    /// Records a failure in the place of the last one of its kind and setting. A call that shared the failure of another has seen no
    /// response, and does not replace what that one met.
    pub fn record(&self, at: Timestamp, reason: &FailureReason) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let identity = |reason: &FailureReason| (reason.kind, reason.missing_setting.clone());
        let shows_more = |failure: &RecentFailure| {
            identity(&failure.reason) == identity(reason)
                && failure.reason.response.is_some()
                && at.duration_since(failure.at) < SHARED
        };
        if reason.response.is_none() && kept.iter().any(shows_more) {
            return;
        }
        kept.retain(|failure| identity(&failure.reason) != identity(reason));
        kept.push_front(RecentFailure { at, reason: reason.clone() });
        let mut of_kind = 0;
        kept.retain(|failure| {
            of_kind += usize::from(failure.reason.kind == reason.kind);
            failure.reason.kind != reason.kind || of_kind <= MAX_PER_KIND
        });
    }

    /// Returns the failures, newest first.
    pub fn list(&self) -> Vec<RecentFailure> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn response(status: Option<u16>) -> SeenResponse {
        SeenResponse { status, ..SeenResponse::new(VendorOperation::LoadEvents, "GET", "/events/4711") }
    }

    fn error(kind: ErrorKind) -> VendorError {
        VendorError::new(&SourceId::new("harbor"), VendorOperation::LoadEvents, kind)
    }

    #[test]
    fn the_last_failure_of_each_kind_and_setting_is_kept_and_no_more_than_five_of_a_kind() {
        let failures = RecentFailures::default();
        let outage = FailureReason::of_call(&error(ErrorKind::Unavailable), &[response(Some(500))]);
        failures.record(at(1), &outage);
        let settings = 4 * MAX_PER_KIND;
        for number in 0..settings {
            failures.record(at(2), &FailureReason::of_refused_order(Some(format!("resellers.r{number}"))));
        }
        failures.record(at(3), &FailureReason::of_call(&error(ErrorKind::Unavailable), &[response(Some(502))]));
        let kept = failures.list();
        assert_eq!(kept.len(), MAX_PER_KIND + 1);
        let newest = kept[0].reason.response.as_ref().and_then(|response| response.status);
        assert_eq!((kept[0].at, newest), (at(3), Some(502)));
        let setting = kept[1].reason.missing_setting.as_deref();
        assert_eq!(setting, Some(format!("resellers.r{}", settings - 1).as_str()));
    }

    #[test]
    fn a_shared_failure_does_not_replace_what_its_call_met() {
        let failures = RecentFailures::default();
        let statuses = || -> Vec<Option<u16>> {
            failures.list().iter().map(|failure| failure.reason.response.as_ref()?.status).collect()
        };
        let error = error(ErrorKind::Unavailable);
        failures.record(at(0), &FailureReason::of_call(&error, &[response(Some(500))]));
        let shared = FailureReason::of_call(&error, &[]);
        failures.record(at(59), &shared);
        assert_eq!(statuses(), [Some(500)]);
        failures.record(at(60), &shared);
        assert_eq!(statuses(), [None]);
    }

    #[test]
    fn everyday_business_and_calls_that_were_not_sent_are_not_kept() {
        let failures = RecentFailures::default();
        let source = SourceId::new("harbor");
        let rejected = |reason| VendorError::rejected(&source, VendorOperation::Hold, reason, Some("E-7".to_owned()));
        for error in [
            error(ErrorKind::NotFound),
            error(ErrorKind::Unsupported),
            rejected(RefusalReason::SoldOut { remaining: None }),
            VendorError::circuit_open(&source, VendorOperation::Hold, std::time::Duration::ZERO),
        ] {
            failures.record_call(at(1), &error, &FailureReason::of_call(&error, &[]));
        }
        assert_eq!(failures.list(), []);
        let unmapped = rejected(RefusalReason::Other);
        failures.record_call(at(1), &unmapped, &FailureReason::of_call(&unmapped, &[]));
        assert_eq!(failures.list()[0].reason.vendor_code.as_deref(), Some("E-7"));
    }

    #[test]
    fn the_response_that_explains_the_failure_is_shown_and_not_a_later_one() {
        let misfit = Some("field `price`: invalid type".repeat(100));
        let seen = [response(Some(503)), SeenResponse { misfit, ..response(Some(200)) }, response(Some(200))];
        let unavailable = FailureReason::of_call(&error(ErrorKind::Unavailable), &seen);
        assert_eq!(unavailable.to_string(), "GET /events/{id} -> 503");
        let malformed = FailureReason::of_call(&error(ErrorKind::Malformed), &seen);
        let misfit = malformed.response.and_then(|response| response.misfit).expect("a misfit");
        assert_eq!(misfit.chars().count(), MAX_MISFIT);
        assert_eq!(FailureReason::of_call(&error(ErrorKind::Timeout), &[]).to_string(), "no response was seen");
    }

    #[test]
    fn each_setting_that_lacks_a_word_is_named_once() {
        let seen = SeenResponse { unknown_words: vec!["ticket_status_words"], ..response(Some(200)) };
        let reasons = FailureReason::of_unknown_words(
            &SourceId::new("harbor"),
            VendorOperation::LookUp,
            &[seen.clone(), response(Some(200)), seen],
        );
        let settings: Vec<_> = reasons.iter().filter_map(|reason| reason.missing_setting.as_deref()).collect();
        assert_eq!(settings, ["sources.harbor.assumptions.ticket_status_words"]);
    }
}
