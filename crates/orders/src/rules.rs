//! The numbers that orders go by: deadlines, patience, limits, terms.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use domain::SourceId;

/// What undoing a sale at a source costs, by our own terms; the vendors tell none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Terms {
    /// How long before the performance undoing ends.
    pub until_before_start: Duration,
    /// What is kept, in hundredths of a percent.
    pub fee: u32,
}

/// The numbers that orders go by. [`Rules::default`] is what the configuration starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// How long a mutation waits for the work that it began before it answers with what there is.
    pub answer_within: Duration,
    /// When a vendor call is given up. Above every deadline of the layers, which should fire first.
    pub call_limit: Duration,
    /// How long a runner owns an order without writing. Above `call_limit`, and above the skew of the replicas' clocks.
    pub lease: Duration,
    /// How often due orders are looked for.
    pub poll: Duration,
    /// Most orders that one look takes on.
    pub poll_batch: usize,
    /// After a lost answer: the first look-ups, counted from the call.
    pub first_checks: Vec<Duration>,
    /// How long after a sent sale or undo "not there" is not believed, where the source does not honour keys:
    /// the request may still arrive.
    pub quiet: Duration,
    /// When a human takes over, unless the sale ends before.
    pub settle_within: Duration,
    /// The least time for look-ups, however soon the sale ends.
    pub settle_at_least: Duration,
    /// How often what was sold is looked after: whether it was called off, whether tickets were used.
    pub look_after: Duration,
    /// How long before its end a hold counts as over for clients.
    pub hold_margin: Duration,
    /// How long a quote stands.
    pub quote_ttl: Duration,
    /// How long an idempotency key is remembered; a request that is repeated later is a new one.
    pub keep_keys: Duration,
    /// Most lines of an order.
    pub max_lines: usize,
    /// Most tickets of a line, where the source sets no lower limit.
    pub max_quantity: u32,
    /// Terms of undoing by source; without an entry: free until the performance starts.
    pub terms: BTreeMap<SourceId, Terms>,
}

impl Default for Rules {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            answer_within: seconds(10),
            call_limit: seconds(45),
            lease: seconds(120),
            poll: seconds(1),
            poll_batch: 50,
            first_checks: [2, 5, 15, 30, 60].map(seconds).to_vec(),
            quiet: seconds(45),
            settle_within: seconds(24 * 3600),
            settle_at_least: seconds(120),
            look_after: seconds(15 * 60),
            hold_margin: seconds(15),
            quote_ttl: seconds(600),
            keep_keys: seconds(30 * 24 * 3600),
            max_lines: 50,
            max_quantity: 50,
            terms: BTreeMap::new(),
        }
    }
}

const MINUTE: Duration = Duration::from_secs(60);
const QUARTER: Duration = Duration::from_secs(15 * 60);

impl Rules {
    /// The next look-up or try of something that began at `since`: the first checks, then each minute to a quarter of
    /// an hour, then each quarter.
    pub fn next_check(&self, since: Timestamp, now: Timestamp) -> Timestamp {
        let age = now.duration_since(since).try_into().unwrap_or(Duration::ZERO);
        if let Some(first) = self.first_checks.iter().find(|offset| **offset > age) {
            return later(since, *first);
        }
        let step = if age < QUARTER { MINUTE } else { QUARTER };
        let steps = age.as_secs() / step.as_secs() + 1;
        later(since, Duration::from_secs(steps * step.as_secs()))
    }

    /// When a human takes over what became unknown at `since`: the end of the sale, or the settle time, if sooner.
    pub fn settle_by(&self, since: Timestamp, cutoff: Option<Timestamp>) -> Timestamp {
        let latest = later(since, self.settle_within);
        let wanted = cutoff.map_or(latest, |cutoff| cutoff.min(latest));
        wanted.max(later(since, self.settle_at_least))
    }

    /// The terms of undoing at a source.
    pub fn terms(&self, source: &SourceId) -> Terms {
        self.terms.get(source).copied().unwrap_or_default()
    }
}

/// An instant after another one.
pub fn later(at: Timestamp, by: Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

/// An instant before another one.
pub(crate) fn earlier(at: Timestamp, by: Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    at.saturating_sub(by).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).expect("an instant")
    }

    #[test]
    fn lost_answers_are_looked_up_often_at_first_and_patiently_later() {
        let rules = Rules::default();
        let mut now = at(0);
        let mut offsets = Vec::new();
        while offsets.len() < 22 {
            now = rules.next_check(at(0), now);
            offsets.push(now.duration_since(at(0)).as_secs());
        }
        let minutes = (2..=15).map(|minute| minute * 60);
        let expected: Vec<i64> = [2, 5, 15, 30, 60].into_iter().chain(minutes).chain([1800, 2700, 3600]).collect();
        assert_eq!(offsets, expected);
    }

    #[test]
    fn a_human_takes_over_at_the_end_of_the_sale_or_after_a_day_but_never_before_anyone_looked() {
        let rules = Rules::default();
        assert_eq!(rules.settle_by(at(0), None), at(86_400));
        assert_eq!(rules.settle_by(at(0), Some(at(3600))), at(3600));
        assert_eq!(rules.settle_by(at(0), Some(at(-60))), at(120));
    }
}
