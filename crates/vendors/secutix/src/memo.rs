//! What was free when it was last asked. The vendor allows one question a minute (`secutix.md §2.8`): nobody asks more often, not even
//! two callers at once.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use crate::map::availability::Counts;
use domain::{PerformanceKey, VendorError};

/// The shortest time between two questions about the same performance (`secutix.md §2.8`).
pub(crate) const AT_MOST_EVERY: Duration = Duration::from_secs(60);
/// How long an old answer is kept, so that "not changed" can renew it.
pub(crate) const KEPT_FOR: Duration = Duration::from_secs(3600);
/// Above this many answers, those past their time are dropped.
const MANY: usize = 20_000;

/// An answer and when it was given.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    /// What was free.
    pub counts: Counts,
    /// When the vendor said so.
    pub observed_at: Timestamp,
}

/// The answers so far.
#[derive(Default)]
pub(crate) struct Memo {
    state: Mutex<State>,
    changed: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    known: HashMap<PerformanceKey, Known>,
    asking: HashSet<PerformanceKey>,
}

/// What a caller has to do about the performances that it wants.
pub(crate) struct Claim<'a> {
    memo: &'a Memo,
    /// Young enough: nobody asks.
    pub fresh: HashMap<PerformanceKey, Known>,
    /// To be asked about by this caller, with the older answer where there is one.
    pub mine: HashMap<PerformanceKey, Option<Known>>,
    /// Being asked about by another caller.
    pub theirs: HashSet<PerformanceKey>,
    changes: watch::Receiver<u64>,
}

impl Memo {
    /// Divides performances into what is known, what this caller asks about, and what another caller already does.
    pub fn claim(&self, keys: &[PerformanceKey], max_age: Duration, now: Timestamp) -> Claim<'_> {
        let changes = self.changed.subscribe();
        let (mut fresh, mut mine, mut theirs) = (HashMap::new(), HashMap::new(), HashSet::new());
        let mut state = self.state();
        for key in keys {
            let known = state.known.get(key).cloned();
            match known {
                Some(known) if age(&known, now) <= max_age.max(AT_MOST_EVERY) => {
                    fresh.insert(key.clone(), known);
                }
                _ if state.asking.contains(key) => {
                    theirs.insert(key.clone());
                }
                known => {
                    state.asking.insert(key.clone());
                    mine.insert(key.clone(), known.filter(|known| age(known, now) <= KEPT_FOR));
                }
            }
        }
        drop(state);
        // A key named twice is asked about once.
        theirs.retain(|key| !mine.contains_key(key));
        Claim { memo: self, fresh, mine, theirs, changes }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Claim<'_> {
    /// Writes down what the vendor said.
    pub fn learn(&self, key: &PerformanceKey, known: Known) {
        let mut state = self.memo.state();
        if state.known.len() >= MANY {
            let now = known.observed_at;
            state.known.retain(|_, known| age(known, now) <= KEPT_FOR);
        }
        state.known.insert(key.clone(), known);
    }

    /// Lets others ask again, and waits for what they had begun; the names that they leave open are not known.
    pub async fn others(mut self, now: Timestamp) -> HashMap<PerformanceKey, Known> {
        let theirs = std::mem::take(&mut self.theirs);
        let mut changes = self.changes.clone();
        let memo = self.memo;
        drop(self);
        let is_open = |state: &State| theirs.iter().any(|key| state.asking.contains(key));
        while is_open(&memo.state()) {
            if changes.changed().await.is_err() {
                break;
            }
        }
        let state = memo.state();
        theirs
            .into_iter()
            .filter_map(|key| {
                let known = state.known.get(&key).filter(|known| age(known, now) <= AT_MOST_EVERY)?;
                Some((key.clone(), known.clone()))
            })
            .collect()
    }
}

/// Also where the caller went away in the middle: its questions are open again.
impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let mut state = self.memo.state();
        for key in self.mine.keys() {
            state.asking.remove(key);
        }
        drop(state);
        self.memo.changed.send_modify(|count| *count += 1);
    }
}

fn age(known: &Known, now: Timestamp) -> Duration {
    now.duration_since(known.observed_at).try_into().unwrap_or_default()
}

/// The outcome of a question for one performance.
pub(crate) type Asked = Result<Known, VendorError>;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_793_905_200 + second).expect("an instant")
    }

    fn key(text: &str) -> PerformanceKey {
        PerformanceKey::new(text)
    }

    #[test]
    fn an_answer_is_not_asked_for_again_within_a_minute_whatever_age_is_wanted() {
        let memo = Memo::default();
        let claim = memo.claim(&[key("1")], Duration::ZERO, at(0));
        claim.learn(&key("1"), Known { counts: Counts::default(), observed_at: at(0) });
        drop(claim);
        assert_eq!(memo.claim(&[key("1")], Duration::ZERO, at(60)).mine.len(), 0);
        let again = memo.claim(&[key("1")], Duration::ZERO, at(61));
        assert!(again.mine[&key("1")].is_some(), "the older answer is at hand, to be confirmed");
        drop(again);
        assert_eq!(memo.claim(&[key("1")], Duration::from_secs(600), at(500)).mine.len(), 0);
        assert!(memo.claim(&[key("1")], Duration::ZERO, at(4000)).mine[&key("1")].is_none());
    }

    #[tokio::test]
    async fn a_second_caller_waits_for_the_first_and_shares_its_answer() {
        let memo = Memo::default();
        let first = memo.claim(&[key("1")], Duration::ZERO, at(0));
        let second = memo.claim(&[key("1")], Duration::ZERO, at(0));
        assert_eq!((second.mine.len(), second.theirs.len()), (0, 1));
        let answered = async {
            first.learn(&key("1"), Known { counts: Counts::default(), observed_at: at(0) });
            drop(first);
        };
        let (shared, ()) = tokio::join!(second.others(at(0)), answered);
        assert!(shared.contains_key(&key("1")));
    }

    #[tokio::test]
    async fn a_caller_that_goes_away_leaves_its_questions_to_others() {
        let memo = Memo::default();
        let first = memo.claim(&[key("1")], Duration::ZERO, at(0));
        let second = memo.claim(&[key("1")], Duration::ZERO, at(0));
        drop(first);
        assert!(second.others(at(0)).await.is_empty());
        assert_eq!(memo.claim(&[key("1")], Duration::ZERO, at(0)).mine.len(), 1);
    }
}
