//! Checks of the ledger for `/health/ready`: a write at an interval, and the difference of the clocks.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::SignedDuration;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::app::error::with_causes;
use crate::config::LedgerConfig;
use crate::gateway::health::Dependency;
use domain::Clock;
use store_sql::StoreHealth;

/// Checks the ledger at most once per interval, whatever the number of probes.
pub struct LedgerCheck {
    ledger: Arc<dyn StoreHealth>,
    clock: Arc<dyn Clock>,
    interval: Duration,
    timeout: Duration,
    max_clock_offset: Duration,
    last: Mutex<Option<LedgerState>>,
}

/// State of the ledger at the last check.
#[derive(Clone)]
struct LedgerState {
    checked_at: Instant,
    /// Reason for which the ledger cannot be written.
    write: Result<(), String>,
    /// Time by which the clock of this process is ahead. `None` if the time of the ledger is unknown.
    clock_offset: Option<SignedDuration>,
}

impl LedgerCheck {
    /// Creates a check with the intervals and limits of the settings.
    pub fn new(ledger: Arc<dyn StoreHealth>, clock: Arc<dyn Clock>, settings: &LedgerConfig) -> Arc<Self> {
        Arc::new(Self {
            ledger,
            clock,
            interval: settings.write_check_interval,
            timeout: settings.write_check_timeout,
            max_clock_offset: settings.max_clock_offset,
            last: Mutex::default(),
        })
    }

    /// Logs once if the clock of this process is off. Orders are safe, because leases go by the clock of the ledger, but vendors
    /// may refuse tokens, and deadlines come early or late.
    pub async fn log_clock_offset(&self) {
        if let Some(reason) = self.describe_clock(&self.state().await) {
            tracing::warn!("the clock of this process {reason}");
        }
    }

    /// Returns the dependencies of `/health/ready`: the ledger, and the clock of this process.
    pub fn dependencies(self: &Arc<Self>) -> [Arc<dyn Dependency>; 2] {
        [Arc::new(LedgerDependency(Arc::clone(self))), Arc::new(ClockDependency(Arc::clone(self)))]
    }

    /// Returns the state, at most an interval old.
    async fn state(&self) -> LedgerState {
        let mut last = self.last.lock().await;
        if let Some(state) = last.as_ref().filter(|state| state.checked_at.elapsed() < self.interval) {
            return state.clone();
        }
        let checked = timeout(self.timeout, self.ledger.check_write()).await;
        let (write, cause) = match checked {
            Ok(Ok(())) => (Ok(()), None),
            Ok(Err(error)) => (Err("fails: no order can be written".to_owned()), Some(with_causes(&error))),
            Err(_) => {
                let reason = format!("did not write within {:?}: no order can be written", self.timeout);
                (Err(reason), Some("the write waits for a lock, a connection or the server".to_owned()))
            }
        };
        let was_writable = last.as_ref().is_none_or(|state| state.write.is_ok());
        match (&cause, was_writable) {
            (Some(cause), true) => tracing::error!(cause, "the ledger cannot be written: not ready"),
            (None, false) => tracing::info!("the ledger can be written again"),
            _ => {}
        }
        let offset = match &write {
            Ok(()) => timeout(self.timeout, self.ledger.clock_offset(&*self.clock)).await.ok().and_then(Result::ok),
            Err(_) => None,
        };
        let state = LedgerState { checked_at: Instant::now(), write, clock_offset: offset };
        *last = Some(state.clone());
        state
    }

    /// Returns how far the clock of this process is off, if that is more than the limit.
    fn describe_clock(&self, state: &LedgerState) -> Option<String> {
        let offset = state.clock_offset.filter(|offset| offset.unsigned_abs() > self.max_clock_offset)?;
        let direction = if offset.is_negative() { "behind" } else { "ahead of" };
        Some(format!("is {} s {direction} the clock of the ledger", offset.unsigned_abs().as_secs()))
    }
}

/// The order store, which is required for sales.
struct LedgerDependency(Arc<LedgerCheck>);

#[async_trait]
impl Dependency for LedgerDependency {
    fn name(&self) -> String {
        "ledger".to_owned()
    }

    fn is_required(&self) -> bool {
        true
    }

    async fn check(&self) -> Result<(), String> {
        self.0.state().await.write
    }
}

/// The clock of this process, compared with that of the ledger.
struct ClockDependency(Arc<LedgerCheck>);

#[async_trait]
impl Dependency for ClockDependency {
    fn name(&self) -> String {
        "clock".to_owned()
    }

    fn is_required(&self) -> bool {
        false
    }

    async fn check(&self) -> Result<(), String> {
        self.0.describe_clock(&self.0.state().await).map_or(Ok(()), Err)
    }
}
