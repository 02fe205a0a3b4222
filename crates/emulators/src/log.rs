//! Log of the calls that an emulator received; tests count and inspect them.

use std::collections::VecDeque;

use jiff::Timestamp;
use parking_lot::{Mutex, MutexGuard};
use serde::{Deserialize, Serialize};

/// Maximum number of calls in the log; older ones are removed.
const MAX_CALLS: usize = 100_000;

/// A call received by an emulator.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LoggedCall {
    /// Time of the call by the emulator's clock.
    pub at: Timestamp,
    /// The HTTP method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// SOAP method; empty for other protocols.
    pub action: String,
    /// Status of the response; 0 if the connection was dropped.
    pub status: u16,
}

/// The calls of one emulator, oldest first.
#[derive(Default)]
pub struct CallLog(Mutex<VecDeque<LoggedCall>>);

impl CallLog {
    /// Adds a call.
    pub fn record(&self, call: LoggedCall) {
        let mut calls = self.calls();
        if calls.len() == MAX_CALLS {
            calls.pop_front();
        }
        calls.push_back(call);
    }

    /// Returns all calls.
    pub fn all(&self) -> Vec<LoggedCall> {
        self.calls().iter().cloned().collect()
    }

    /// Counts the calls whose target or action contains `part`.
    pub fn count(&self, part: &str) -> usize {
        self.calls().iter().filter(|call| call.target.contains(part) || call.action.contains(part)).count()
    }

    /// Removes all calls.
    pub fn clear(&self) {
        self.calls().clear();
    }

    fn calls(&self) -> MutexGuard<'_, VecDeque<LoggedCall>> {
        self.0.lock()
    }
}
