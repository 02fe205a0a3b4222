//! The request limit: 60 a minute for each institution and endpoint, then 509 (`secutix.md §2.8`).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

const A_MINUTE: i64 = 60;
const CALLS: u32 = 60;

/// Counts calls by the minute.
#[derive(Default)]
pub(super) struct Limits(Mutex<HashMap<(String, String), (i64, u32)>>);

impl Limits {
    /// Counts a call; `false` where it is one too many.
    pub fn admits(&self, institution: &str, endpoint: &str, now: Timestamp) -> bool {
        let minute = now.as_second().div_euclid(A_MINUTE);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = counts.entry((institution.to_owned(), endpoint.to_owned())).or_insert((minute, 0));
        if entry.0 != minute {
            *entry = (minute, 0);
        }
        entry.1 += 1;
        entry.1 <= CALLS
    }
}
