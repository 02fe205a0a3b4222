//! What an emulator was asked, so that tests can count calls and walk the table of operations.

use std::collections::VecDeque;
use std::sync::Mutex;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The longest log that is kept.
const LONGEST: usize = 100_000;

/// One call.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LoggedCall {
    /// When, by the emulator's clock.
    pub at: Timestamp,
    /// The HTTP method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// What is called inside one address: the SOAP method; empty elsewhere.
    pub action: String,
    /// The status of the answer; 0 where the connection was dropped.
    pub status: u16,
}

/// The calls of one emulator, oldest first.
#[derive(Default)]
pub struct CallLog(Mutex<VecDeque<LoggedCall>>);

impl CallLog {
    /// Notes a call.
    pub fn note(&self, call: LoggedCall) {
        let mut calls = self.calls();
        if calls.len() == LONGEST {
            calls.pop_front();
        }
        calls.push_back(call);
    }

    /// All calls.
    pub fn all(&self) -> Vec<LoggedCall> {
        self.calls().iter().cloned().collect()
    }

    /// How many calls hold `part` in their target or action.
    pub fn count(&self, part: &str) -> usize {
        self.calls().iter().filter(|call| call.target.contains(part) || call.action.contains(part)).count()
    }

    /// Forgets all calls.
    pub fn clear(&self) {
        self.calls().clear();
    }

    fn calls(&self) -> std::sync::MutexGuard<'_, VecDeque<LoggedCall>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
