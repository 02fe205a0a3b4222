//! API keys and request limits (`tixngo.md §2.3`; all INFERRED).

use std::collections::HashMap;

use axum::http::HeaderMap;
use jiff::Timestamp;
use parking_lot::Mutex;

use crate::tixngo::responses::TixngoErrorResponse;
use crate::tixngo::wire::{AUTH_HEADER, AUTH_HEADER_ALIAS};
use crate::tixngo::{CLUB_KEY, OPERA_KEY};

/// Calls per minute and organizer, if requests are limited. The vendor documents no limit.
const MAX_CALLS_PER_MINUTE: u32 = 120;

/// Fixed-window counters of calls per minute.
#[derive(Default)]
pub(super) struct OrganizerLimits(Mutex<HashMap<String, (i64, u32)>>);

impl OrganizerLimits {
    /// Counts a call; fails with 429 if it exceeds the limit.
    pub(super) fn try_acquire(&self, organizer: &str, now: Timestamp) -> Result<(), TixngoErrorResponse> {
        let minute = now.as_second().div_euclid(60);
        let mut counts = self.0.lock();
        let entry = counts.entry(organizer.to_owned()).or_insert((minute, 0));
        if entry.0 != minute {
            *entry = (minute, 0);
        }
        entry.1 += 1;
        if entry.1 <= MAX_CALLS_PER_MINUTE {
            return Ok(());
        }
        let rest = u32::try_from(60 - now.as_second().rem_euclid(60)).unwrap_or(60);
        Err(TixngoErrorResponse::rate_limited(rest))
    }
}

/// Returns the organizer of the API key. The login name of an interface is not a credential.
pub(super) fn authenticate(headers: &HeaderMap) -> Result<&'static str, TixngoErrorResponse> {
    let key = headers.get(AUTH_HEADER).or_else(|| headers.get(AUTH_HEADER_ALIAS));
    match key.and_then(|key| key.to_str().ok()) {
        Some(OPERA_KEY) => Ok("OPERA"),
        Some(CLUB_KEY) => Ok("CLUB"),
        _ => Err(TixngoErrorResponse::new(401, "UNAUTHORIZED", "the API key is missing or unknown")),
    }
}
