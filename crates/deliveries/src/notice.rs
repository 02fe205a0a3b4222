//! Notices to the operator when a stream fails, stays failed, and works again. The decision is pure; the state is part of the
//! stored run, so that one of several replicas sends each notice, and none sends it again after a restart.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::ChannelStream;
use crate::delivery::LastError;
use crate::store::{StreamCounts, StreamRun};
use orders::ProblemCode;

/// Event that a notice reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeEvent {
    /// The stream has failed for the pending period.
    Failed,
    /// It still fails.
    StillFailing,
    /// It works again.
    Recovered,
}

/// Notice of a stream. Contains nothing about buyers and no text of a vendor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamNotice {
    /// Key of the channel.
    pub channel: String,
    /// The stream.
    pub stream: ChannelStream,
    /// The event.
    pub event: NoticeEvent,
    /// Time of the run that caused the notice.
    pub at: Timestamp,
    /// First of the failed runs.
    pub failing_since: Timestamp,
    /// Kind of the last failure.
    pub problem: Option<ProblemCode>,
    /// Numbers of pending and failed deliveries.
    pub counts: StreamCounts,
}

/// Sends notices.
pub trait StreamNotifier: Send + Sync {
    /// Accepts a notice and returns at once. It is sent at most once; a failed send is the notifier's to report.
    fn notify(&self, notice: StreamNotice);
}

/// Times between notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoticePolicy {
    /// Time for which a stream fails before it is reported.
    pub pending_period: Duration,
    /// Time between two notices of one failure.
    pub repeat_interval: Duration,
}

/// Notifier with its policy.
#[derive(Clone)]
pub struct StreamNotices {
    /// Sends notices.
    pub notifier: Arc<dyn StreamNotifier>,
    /// Times between notices.
    pub policy: NoticePolicy,
}

/// Returns the record of a run that ended now, and the event that is due. Without a policy none is.
pub(crate) fn next_run(
    before: &StreamRun,
    error: Option<LastError>,
    now: Timestamp,
    policy: Option<&NoticePolicy>,
) -> (StreamRun, Option<NoticeEvent>) {
    if error.is_none() {
        let run = StreamRun { last_run_at: Some(now), last_success_at: Some(now), ..StreamRun::default() };
        let was_reported = policy.is_some() && before.notified_at.is_some();
        return (run, was_reported.then_some(NoticeEvent::Recovered));
    }
    let failing_since = before.failing_since.unwrap_or(now);
    let event = policy.and_then(|policy| match before.notified_at {
        None => has_passed(failing_since, policy.pending_period, now).then_some(NoticeEvent::Failed),
        Some(last) => has_passed(last, policy.repeat_interval, now).then_some(NoticeEvent::StillFailing),
    });
    let run = StreamRun {
        last_run_at: Some(now),
        last_success_at: before.last_success_at,
        last_error: error,
        failing_since: Some(failing_since),
        notified_at: if event.is_some() { Some(now) } else { before.notified_at },
    };
    (run, event)
}

fn has_passed(from: Timestamp, time: Duration, now: Timestamp) -> bool {
    now.duration_since(from) >= SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: NoticePolicy =
        NoticePolicy { pending_period: Duration::from_secs(600), repeat_interval: Duration::from_secs(14_400) };

    /// Runs a stream at minutes, each with its result; returns the minutes with an event.
    fn events(runs: &[(i64, bool)], policy: Option<&NoticePolicy>) -> Vec<(i64, NoticeEvent)> {
        let (mut run, mut events) = (StreamRun::default(), Vec::new());
        for (minute, is_failed) in runs {
            let now = Timestamp::from_second(minute * 60).expect("a time");
            let error = is_failed.then(|| LastError::new(ProblemCode::SourceUnavailable));
            let (next, event) = next_run(&run, error, now, policy);
            events.extend(event.map(|event| (*minute, event)));
            // As a restart does.
            let kept = serde_json::to_string(&next).expect("JSON");
            run = serde_json::from_str(&kept).expect("a run");
            assert_eq!(run, next);
        }
        events
    }

    #[test]
    fn a_failure_is_reported_after_the_pending_period_and_repeated_after_the_interval() {
        let every_five_minutes: Vec<(i64, bool)> = (0..=54).map(|run| (run * 5, run < 54)).collect();
        let expected = [(10, NoticeEvent::Failed), (250, NoticeEvent::StillFailing), (270, NoticeEvent::Recovered)];
        assert_eq!(events(&every_five_minutes, Some(&POLICY)), expected);
        assert_eq!(events(&every_five_minutes, None), []);
    }

    #[test]
    fn a_short_failure_is_not_reported_and_neither_is_its_end() {
        let runs = [(0, true), (5, false), (10, true), (15, true), (19, true), (20, false), (25, false)];
        assert_eq!(events(&runs, Some(&POLICY)), []);
    }

    #[test]
    fn a_run_of_an_older_version_can_be_read() {
        let run: StreamRun = serde_json::from_str(r#"{"last_run_at":null,"last_success_at":null,"trouble":null}"#)
            .expect("a run without the new fields");
        assert_eq!(run, StreamRun::default());
    }
}
