//! A clock that can be moved forward, so that holds expire and days pass without waiting.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};

use domain::Clock;

/// Another clock, shifted.
pub struct SandboxClock {
    base: Arc<dyn Clock>,
    shift_ms: AtomicI64,
}

impl SandboxClock {
    /// Starts at the time of `base`.
    pub fn new(base: Arc<dyn Clock>) -> Self {
        Self { base, shift_ms: AtomicI64::new(0) }
    }

    /// Moves forward.
    pub fn advance(&self, milliseconds: i64) {
        self.shift_ms.fetch_add(milliseconds, Ordering::SeqCst);
    }

    /// The time without the shift: what clients go by when they date their tokens.
    pub fn unmoved(&self) -> Timestamp {
        self.base.now()
    }
}

impl Clock for SandboxClock {
    fn now(&self) -> Timestamp {
        let shift = SignedDuration::from_millis(self.shift_ms.load(Ordering::SeqCst));
        let now = self.base.now();
        now.checked_add(shift).unwrap_or(now)
    }
}
