//! How ready a connection is, out of the vendor's own checklist.

use jiff::{SignedDuration, Timestamp};

use crate::{Connection, mapping};
use domain::Source;
use domain::accounts::{Account, Check, Verdict};

/// How long what was found is told again: a page that lists connections must not ask the vendor for each look.
const RECENT: SignedDuration = SignedDuration::from_mins(5);

/// What a vendor said of a connection.
#[derive(Debug, Clone)]
pub struct Readiness {
    /// Line by line, in the order of the vendor's checklist.
    pub checks: Vec<Check>,
    /// When it was asked.
    pub checked_at: Timestamp,
}

/// What a connection is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionState {
    /// Something is missing, or could not be asked.
    Incomplete,
    /// Everything is as it must be.
    Ready,
    /// Complete, and switched off by the venue.
    Suspended,
}

impl Readiness {
    /// What the connection is good for.
    pub fn state(&self) -> ConnectionState {
        let any = |is: fn(&Verdict) -> bool| self.checks.iter().any(|check| is(&check.verdict));
        if self.checks.is_empty() || any(|verdict| matches!(verdict, Verdict::Failed(_) | Verdict::Unasked(_))) {
            ConnectionState::Incomplete
        } else if any(|verdict| matches!(verdict, Verdict::Off(_))) {
            ConnectionState::Suspended
        } else {
            ConnectionState::Ready
        }
    }

    /// Whether it was asked a short while ago.
    pub(super) fn is_recent(&self, now: Timestamp) -> bool {
        now.duration_since(self.checked_at) < RECENT
    }
}

/// Asks a vendor about an account. A vendor that has no checklist answers with nothing.
pub async fn check(source: &Source, account: &Account) -> Vec<Check> {
    match &source.accounts {
        Some(port) => port.check(account).await,
        None => Vec::new(),
    }
}

/// Asks a vendor about a connection: its account, and whether the reseller's words mean something there.
pub async fn check_connection(source: &Source, connection: &Connection) -> Vec<Check> {
    let (mut checks, mapped) =
        tokio::join!(check(source, &connection.account), mapping::check(source, &connection.mappings));
    checks.extend(mapped);
    checks
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{ErrorKind, Operation, SourceId, VendorError};

    #[test]
    fn a_connection_is_as_good_as_its_worst_line() {
        let line = |verdict| Check { code: "CREDENTIALS", title: String::new(), verdict };
        let of = |checks| Readiness { checks, checked_at: Timestamp::UNIX_EPOCH }.state();
        let failed = || line(Verdict::Failed("a hint".to_owned()));
        let off = || line(Verdict::Off("a hint".to_owned()));
        let lost = VendorError::new(&SourceId::new("harbor"), Operation::CheckConnection, ErrorKind::Timeout);
        assert_eq!(of(vec![line(Verdict::Passed)]), ConnectionState::Ready);
        assert_eq!(of(vec![line(Verdict::Passed), off()]), ConnectionState::Suspended);
        assert_eq!(of(vec![off(), failed()]), ConnectionState::Incomplete);
        assert_eq!(of(vec![line(Verdict::Passed), line(Verdict::Unasked(lost))]), ConnectionState::Incomplete);
        assert_eq!(of(Vec::new()), ConnectionState::Incomplete);
    }
}
