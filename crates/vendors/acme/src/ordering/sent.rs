//! Check-outs that this process sent. The age of a repetition is limited, because how long the vendor remembers a request UUID
//! is not documented (`acme.md §2.3`).

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;

use domain::ids::StepKey;

/// Maximum age of a check-out that is sent again.
const MAX_AGE: SignedDuration = SignedDuration::from_mins(10);

struct SentCheckOut {
    first_at: Timestamp,
    times: u32,
}

/// Check-outs of the last ten minutes.
#[derive(Default)]
pub(crate) struct SentCheckOuts(Mutex<HashMap<StepKey, SentCheckOut>>);

impl SentCheckOuts {
    /// Records that a check-out is sent.
    pub(super) fn record(&self, key: &StepKey, now: Timestamp) {
        let mut sent = self.0.lock();
        sent.retain(|_, check_out| is_recent(check_out, now));
        sent.entry(*key).or_insert(SentCheckOut { first_at: now, times: 0 }).times += 1;
    }

    /// True if a check-out was sent once, at most ten minutes ago. One that another process sent has an unknown age and is never
    /// sent again.
    pub(super) fn may_repeat(&self, key: &StepKey, now: Timestamp) -> bool {
        self.0.lock().get(key).is_some_and(|check_out| check_out.times == 1 && is_recent(check_out, now))
    }
}

fn is_recent(check_out: &SentCheckOut, now: Timestamp) -> bool {
    now.duration_since(check_out.first_at) <= MAX_AGE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_out_is_repeated_once_within_ten_minutes_by_the_process_that_sent_it() {
        let at = |minutes| Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes);
        let (key, other) = (StepKey(uuid::Uuid::nil()), StepKey(uuid::Uuid::from_u128(1)));
        let sent = SentCheckOuts::default();
        assert!(!sent.may_repeat(&key, at(0)), "another process may have sent it");
        sent.record(&key, at(0));
        assert!(sent.may_repeat(&key, at(10)));
        assert!(!sent.may_repeat(&key, at(11)));
        assert!(!sent.may_repeat(&other, at(1)));
        sent.record(&key, at(1));
        assert!(!sent.may_repeat(&key, at(2)), "it was repeated");
    }
}
