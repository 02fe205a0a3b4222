//! A clock that can be moved forward, so that holds expire and days pass without waiting.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};

use domain::Clock;

/// A clock at an adjustable offset from another clock.
pub struct SandboxClock {
    base: Arc<dyn Clock>,
    offset_ms: AtomicI64,
}

impl SandboxClock {
    /// Creates the clock without an offset.
    pub fn new(base: Arc<dyn Clock>) -> Self {
        Self { base, offset_ms: AtomicI64::new(0) }
    }

    /// Moves the clock forward, in milliseconds.
    pub fn advance(&self, milliseconds: i64) {
        self.offset_ms.fetch_add(milliseconds, Ordering::SeqCst);
    }

    /// Returns the time without the offset. Clients use this time to date their tokens.
    pub fn base_now(&self) -> Timestamp {
        self.base.now()
    }
}

impl Clock for SandboxClock {
    fn now(&self) -> Timestamp {
        let shift = SignedDuration::from_millis(self.offset_ms.load(Ordering::SeqCst));
        let now = self.base.now();
        now.checked_add(shift).unwrap_or(now)
    }
}
