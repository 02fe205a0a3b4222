//! For how long an answer may be told again, word for word: until the first of its facts ends, and unless one of them has become
//! untrue. While a request runs, whatever loads a fact notes it in the request's `Trace`; what is left in the end is a `Promise`.

mod retellable;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use domain::error::VendorError;
use domain::ids::{PerformanceKey, SourceId};
use domain::time::{Clock, Freshness, FreshnessMode};

pub use retellable::{Retellable, Schema};

/// Tells what has become untrue; kept by whoever remembers the facts.
pub trait Truth: Send + Sync {
    /// The present moment: counted up with each thing that becomes untrue.
    fn moment(&self) -> u64;

    /// Whether anything of it has become untrue since that moment, or may have without our hearing of it.
    fn is_untrue(&self, used: &Used, since: u64) -> bool;
}

/// The facts that an answer is made of.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Used {
    /// Sources that any fact is of.
    pub sources: BTreeSet<SourceId>,
    /// Performances whose availability was told.
    pub performances: BTreeSet<(SourceId, PerformanceKey)>,
}

/// What the facts of one request are noted in. Cheap to clone: all clones are the same.
#[derive(Clone, Default)]
pub struct Trace(Arc<Mutex<Noted>>);

#[derive(Default)]
struct Noted {
    used: Used,
    /// The first end of a fact; none: no fact yet.
    until: Option<Timestamp>,
    /// Whether something was told that nobody promised for any time: a fact asked of the vendor just now, or a failure.
    is_passing: bool,
}

impl Trace {
    /// Notes a fact of a source. Only what is remembered, and will be for some time, may be told again.
    pub fn fact(&self, source: &SourceId, age: Freshness) {
        let mut noted = self.lock();
        if !noted.used.sources.contains(source) {
            noted.used.sources.insert(source.clone());
        }
        match age.expires_at.filter(|_| age.mode == FreshnessMode::Cached) {
            Some(end) => noted.end(end),
            None => noted.is_passing = true,
        }
    }

    /// Notes what is free for a performance.
    pub fn availability(&self, source: &SourceId, performance: &PerformanceKey, age: Freshness) {
        self.fact(source, age);
        self.lock().used.performances.insert((source.clone(), performance.clone()));
    }

    /// Notes that the same arguments mean something else from an instant on.
    pub fn ends(&self, at: Timestamp) {
        self.lock().end(at);
    }

    /// Notes something that is true only now.
    pub fn passing(&self) {
        self.lock().is_passing = true;
    }

    /// Notes what came of asking a source: the age of the fact, or a failure.
    pub fn outcome<T>(&self, source: &SourceId, outcome: &Result<T, VendorError>, age: impl Fn(&T) -> Freshness) {
        match outcome {
            Ok(fact) => self.fact(source, age(fact)),
            Err(_) => self.passing(),
        }
    }

    /// The promise for an answer of these facts, asked for at a moment; none where it may not be told again.
    pub(super) fn promise(&self, truth: &Arc<dyn Truth>, clock: &Arc<dyn Clock>, asked_at: u64) -> Option<Promise> {
        let noted = self.lock();
        let until = noted.until.filter(|_| !noted.is_passing)?;
        let (truth, clock, used) = (Arc::clone(truth), Arc::clone(clock), noted.used.clone());
        Some(Promise { until, used, good_at: AtomicU64::new(asked_at), truth, clock })
    }

    fn lock(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Noted {
    fn end(&mut self, at: Timestamp) {
        self.until = Some(self.until.map_or(at, |until| until.min(at)));
    }
}

/// How long an answer holds.
pub struct Promise {
    until: Timestamp,
    used: Used,
    /// The latest moment at which nothing of it was untrue.
    good_at: AtomicU64,
    truth: Arc<dyn Truth>,
    clock: Arc<dyn Clock>,
}

impl Promise {
    /// Whether the answer may be told now. Costs next to nothing while nothing has become untrue.
    pub fn holds(&self) -> bool {
        if self.clock.now() >= self.until {
            return false;
        }
        let (moment, good_at) = (self.truth.moment(), self.good_at.load(Relaxed));
        if moment == good_at {
            return true;
        }
        let holds = !self.truth.is_untrue(&self.used, good_at);
        if holds {
            // The moment was read before: what becomes untrue meanwhile is looked at next time.
            self.good_at.fetch_max(moment, Relaxed);
        }
        holds
    }

    /// Roughly how many bytes it takes.
    pub fn weight(&self) -> usize {
        200 + 64 * (self.used.sources.len() + self.used.performances.len())
    }
}
