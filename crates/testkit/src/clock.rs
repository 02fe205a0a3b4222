//! Clocks for tests.

use std::sync::Arc;
use std::time::Duration;

use domain::Clock;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use tokio::time::Instant;

/// A clock that stands still until a test advances it.
pub struct ManualClock(Mutex<Timestamp>);

impl ManualClock {
    /// Creates a clock that shows `time`, in RFC 3339.
    pub fn at(time: &str) -> Arc<Self> {
        Arc::new(Self(Mutex::new(time.parse().expect("a timestamp"))))
    }

    /// Moves the clock forward.
    pub fn advance(&self, duration: Duration) {
        *self.0.lock() += duration;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock()
    }
}

/// A clock that starts at a fixed time and follows the time of the runtime, paused or not.
pub struct TokioClock(Instant);

impl TokioClock {
    /// Creates a clock that shows `start`.
    pub fn new() -> Arc<Self> {
        Arc::new(Self(Instant::now()))
    }

    /// Time at which every such clock starts.
    pub fn start() -> Timestamp {
        "2027-03-14T09:00:00Z".parse().expect("a timestamp")
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        Self::start() + SignedDuration::try_from(self.0.elapsed()).expect("a short test")
    }
}
