//! Readiness of a connection, from the checklist of its vendor.

use jiff::{SignedDuration, Timestamp};

use crate::{ConnectionSettings, mapping};
use domain::Source;
use domain::accounts::{AccountCheck, AccountConfig, CheckOutcome, WriteProbes};

/// Lifetime of a cached readiness, so that a page that lists connections does not call the vendor for each view.
const READINESS_TTL: SignedDuration = SignedDuration::from_mins(5);

/// Result of checking a connection.
#[derive(Debug, Clone)]
pub struct Readiness {
    /// Checks in the order of the vendor's checklist.
    pub checks: Vec<AccountCheck>,
    /// Time of the check.
    pub checked_at: Timestamp,
}

/// State of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionState {
    /// A check failed or could not be performed.
    Incomplete,
    /// Every check passed.
    Ready,
    /// Complete, but disabled by the venue.
    Suspended,
}

impl Readiness {
    /// Derives the state of the connection.
    pub fn state(&self) -> ConnectionState {
        let any = |is: fn(&CheckOutcome) -> bool| self.checks.iter().any(|check| is(&check.outcome));
        if self.checks.is_empty()
            || any(|verdict| {
                matches!(verdict, CheckOutcome::Failed(_) | CheckOutcome::Unreachable(_) | CheckOutcome::Unproven(_))
            })
        {
            ConnectionState::Incomplete
        } else if any(|verdict| matches!(verdict, CheckOutcome::Disabled(_))) {
            ConnectionState::Suspended
        } else {
            ConnectionState::Ready
        }
    }

    /// Returns true if the result is still valid.
    pub(super) fn is_fresh(&self, now: Timestamp) -> bool {
        now.duration_since(self.checked_at) < READINESS_TTL
    }
}

/// Checks an account at its vendor. Returns no checks if the vendor has no checklist.
pub async fn check_account(source: &Source, account: &AccountConfig, writes: WriteProbes) -> Vec<AccountCheck> {
    match &source.accounts {
        Some(port) => port.check_account(account, writes).await,
        None => Vec::new(),
    }
}

/// Checks a connection at its vendor: the account and the product mappings.
pub async fn check_connection(
    source: &Source,
    connection: &ConnectionSettings,
    writes: WriteProbes,
) -> Vec<AccountCheck> {
    let (mut checks, mapped) = tokio::join!(
        check_account(source, &connection.account, writes),
        mapping::check_mappings(source, &connection.mappings)
    );
    checks.extend(mapped);
    checks
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{ErrorKind, SourceId, VendorError, VendorOperation};

    #[test]
    fn a_connection_is_as_good_as_its_worst_line() {
        let line = |verdict| AccountCheck::with_outcome("CREDENTIALS", "", verdict);
        let of = |checks| Readiness { checks, checked_at: Timestamp::UNIX_EPOCH }.state();
        let failed = || line(CheckOutcome::Failed("a hint".into()));
        let off = || line(CheckOutcome::Disabled("a hint".into()));
        let lost = VendorError::new(&SourceId::new("harbor"), VendorOperation::CheckConnection, ErrorKind::Timeout);
        assert_eq!(of(vec![line(CheckOutcome::Passed)]), ConnectionState::Ready);
        assert_eq!(of(vec![line(CheckOutcome::Passed), off()]), ConnectionState::Suspended);
        assert_eq!(of(vec![off(), failed()]), ConnectionState::Incomplete);
        assert_eq!(
            of(vec![line(CheckOutcome::Passed), line(CheckOutcome::Unreachable(lost))]),
            ConnectionState::Incomplete
        );
        assert_eq!(of(Vec::new()), ConnectionState::Incomplete);
    }
}
