//! Log of failed calls, for operators: where each went and what came back. Each at debug level, and once a minute for each kind of
//! failure as a warning.

use std::collections::HashMap;
use std::time::Duration;

use domain::{ErrorKind, SeenResponse, VendorError};
use parking_lot::Mutex;
use tokio::time::Instant;

/// Shortest time between two warnings of a kind.
const INTERVAL: Duration = Duration::from_secs(60);

/// Log of the failed calls to one source.
#[derive(Default)]
pub(super) struct FailureLog {
    warned_at: Mutex<HashMap<&'static str, Instant>>,
}

impl FailureLog {
    /// Logs a failure with the last response of its call.
    pub(super) fn record(&self, error: &VendorError, seen: &[SeenResponse]) {
        let (source, operation, kind) = (error.source.as_str(), error.operation.name(), error.kind.name());
        let last = seen.last().map_or_else(|| "nothing was sent".to_owned(), ToString::to_string);
        let code = match &error.kind {
            ErrorKind::Rejected(refusal) => refusal.vendor_code.as_deref().unwrap_or_default(),
            _ => "",
        };
        if self.is_due(&error.kind) {
            tracing::warn!(source, operation, kind, code, "the call failed: {last}");
        } else {
            tracing::debug!(source, operation, kind, code, "the call failed: {last}");
        }
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
