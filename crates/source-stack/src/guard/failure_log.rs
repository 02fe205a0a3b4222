//! Log of failed calls, for operators: where each went and what came back. Each at debug level, and once a minute for each kind of
//! failure as a warning. The last ones are kept.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use domain::{ErrorKind, FailureReason, RecentFailures, SeenResponse, SourceId, VendorError, VendorOperation};
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::time::Instant;

/// Shortest time between two warnings of a kind.
const INTERVAL: Duration = Duration::from_secs(60);

/// Log of the failed calls to one source.
#[derive(Default)]
pub(super) struct FailureLog {
    warned_at: Mutex<HashMap<&'static str, Instant>>,
    recent: Arc<RecentFailures>,
}

impl FailureLog {
    /// Creates a log that keeps the last failures in `recent`.
    pub(super) fn new(recent: Arc<RecentFailures>) -> Self {
        Self { recent, ..Self::default() }
    }

    /// Logs a failure with what its call met, and returns its reason.
    pub(super) fn record(&self, now: Timestamp, error: &VendorError, seen: &[SeenResponse]) -> FailureReason {
        let reason = FailureReason::of_call(error, seen);
        let (source, operation, kind) = (error.source.as_str(), error.operation.name(), reason.kind.name());
        let code = reason.vendor_code.as_deref().unwrap_or_default();
        if self.is_due(&error.kind) {
            tracing::warn!(source, operation, kind, code, "the call failed: {reason}");
        } else {
            tracing::debug!(source, operation, kind, code, "the call failed: {reason}");
        }
        self.recent.record_call(now, error, &reason);
        reason
    }

    /// Keeps and returns the settings that lack a word of the responses, which need not make the call fail. The words are logged
    /// where they are read.
    pub(super) fn record_unknown_words(
        &self,
        now: Timestamp,
        source: &SourceId,
        operation: VendorOperation,
        seen: &[SeenResponse],
    ) -> Vec<FailureReason> {
        let reasons = FailureReason::of_unknown_words(source, operation, seen);
        reasons.iter().for_each(|reason| self.recent.record(now, reason));
        reasons
    }

    /// Returns true if a failure of this kind is a warning now. That something does not exist is none, and neither is a call that
    /// waits for its turn.
    fn is_due(&self, kind: &ErrorKind) -> bool {
        if matches!(kind, ErrorKind::NotFound | ErrorKind::Unsupported) {
            return false;
        }
        let now = Instant::now();
        let mut warned_at = self.warned_at.lock();
        let is_due = warned_at.get(kind.name()).is_none_or(|at| now.duration_since(*at) >= INTERVAL);
        if is_due {
            warned_at.insert(kind.name(), now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_kind_of_failure_is_a_warning_once_a_minute() {
        let log = FailureLog::default();
        assert!(log.is_due(&ErrorKind::Malformed));
        assert!(!log.is_due(&ErrorKind::Malformed));
        assert!(log.is_due(&ErrorKind::Timeout));
        assert!(!log.is_due(&ErrorKind::NotFound));
        tokio::time::advance(INTERVAL).await;
        assert!(log.is_due(&ErrorKind::Malformed));
    }
}
