//! A webhook that this process sends for.

use std::sync::Arc;
use std::time::Duration;

use change_feed::Change;
use domain::time::later;
use jiff::Timestamp;
use resilience::retry::backoff;
use tokio::time::Instant;

use crate::delivery::{AttemptOutcome, WebhookAttempt, WebhookDelivery, WebhookDeliveryState, message_id};
use crate::lanes::Lanes;
use crate::runner::RunnerSettings;
use crate::store::{ClaimedWebhook, WebhookWrite};
use crate::webhook::{DisabledReason, Webhook, WebhookKey};

/// Failures in a row after which the webhook as a whole waits, and not only the message that failed.
const FAILURES_OF_ONE_MESSAGE: u32 = 3;

/// A send that has ended.
pub(super) struct Finished {
    pub key: WebhookKey,
    pub fence: u64,
    pub delivery: WebhookDelivery,
    pub attempt: WebhookAttempt,
}

/// The state of a leased webhook.
pub(super) struct Leased {
    pub webhook: Arc<Webhook>,
    pub lease_ends: Instant,
    /// Position in the feed up to which it was read.
    pub position: u64,
    /// True if entries after the position may match.
    pub is_behind: bool,
    lanes: Lanes,
    in_flight: usize,
    /// Failures in a row.
    failures: u32,
    failing_since: Option<Timestamp>,
    paused_until: Timestamp,
    /// Messages whose state is not written: first those that were sent, then new ones.
    unwritten: Vec<WebhookDelivery>,
    /// Number of them that were sent.
    ended: usize,
    disabled: Option<DisabledReason>,
}

impl Leased {
    pub(super) fn new(claimed: ClaimedWebhook, lease_ends: Instant) -> Self {
        let mut lanes = Lanes::default();
        claimed.waiting.into_iter().for_each(|delivery| lanes.push(delivery));
        let webhook = claimed.webhook;
        Self {
            lease_ends,
            position: webhook.position,
            is_behind: true,
            lanes,
            in_flight: 0,
            // One attempt shows whether a destination that failed works again.
            failures: u32::from(webhook.failing_since.is_some()),
            failing_since: webhook.failing_since,
            paused_until: Timestamp::MIN,
            unwritten: Vec::new(),
            ended: 0,
            disabled: None,
            webhook: Arc::new(webhook),
        }
    }

    /// Returns the number of messages that may be added.
    pub(super) fn room(&self, settings: &RunnerSettings) -> usize {
        if self.disabled.is_some() {
            return 0;
        }
        settings.window.saturating_sub(self.lanes.len() + self.unwritten.len() - self.ended)
    }

    /// Turns changes into messages, as many as there is room for. `end` is the position up to which the changes were read.
    pub(super) fn add(&mut self, changes: &[Change], end: u64, now: Timestamp, settings: &RunnerSettings) {
        let begin = self.position;
        for change in changes.iter().filter(|change| change.position > begin) {
            if self.webhook.receives(&change.subject, change.reseller.as_deref()) {
                if self.room(settings) == 0 {
                    self.is_behind = true;
                    return;
                }
                self.unwritten.push(message(&self.webhook, change, now));
            }
            self.position = change.position;
        }
        self.position = self.position.max(end);
    }

    /// Takes the messages that may be sent now, at most `places`.
    pub(super) fn take_due(&mut self, now: Timestamp, settings: &RunnerSettings) -> Option<WebhookDelivery> {
        if self.disabled.is_some() || now < self.paused_until || self.in_flight >= self.places(settings) {
            return None;
        }
        let taken = self.lanes.take_due(now)?;
        self.in_flight += 1;
        Some(taken)
    }

    /// Returns the number of sends at the same time: one while the destination fails.
    fn places(&self, settings: &RunnerSettings) -> usize {
        if self.failures > 0 { 1 } else { settings.sends_per_webhook }
    }

    /// Returns the time until a message is due. `None` if nothing is to be sent, or a send that ends comes first.
    pub(super) fn wait_until_due(&self, now: Timestamp, settings: &RunnerSettings) -> Option<Duration> {
        if self.disabled.is_some() || self.in_flight >= self.places(settings) {
            return None;
        }
        let at = self.lanes.next_attempt_at()?.max(self.paused_until);
        Some(Duration::try_from(at.duration_since(now)).unwrap_or_default())
    }

    /// Records the outcome of a send.
    pub(super) fn absorb(
        &mut self,
        mut delivery: WebhookDelivery,
        attempt: WebhookAttempt,
        now: Timestamp,
        settings: &RunnerSettings,
    ) {
        self.in_flight -= 1;
        let (outcome, at) = (attempt.outcome, attempt.at);
        delivery.record(attempt);
        if outcome == AttemptOutcome::Accepted {
            (self.failures, self.failing_since, self.paused_until) = (0, None, Timestamp::MIN);
        } else {
            self.failures = self.failures.saturating_add(1);
            self.failing_since.get_or_insert(at);
            delivery.next_attempt_at = later(now, backoff(&settings.retry, delivery.attempts - 1, None));
            if let Some(more) = self.failures.checked_sub(FAILURES_OF_ONE_MESSAGE) {
                self.paused_until = later(now, backoff(&settings.retry, more, None));
            }
            if outcome == AttemptOutcome::Gone {
                self.disabled = Some(DisabledReason::Gone);
            } else if delivery.first_attempt_at.is_some_and(|first| later(first, settings.max_attempts_for) <= now) {
                self.disabled.get_or_insert(DisabledReason::Failing);
            }
        }
        self.unwritten.insert(self.ended, delivery);
        self.ended += 1;
    }

    /// Returns what is to be written, if anything is, or if the lease has less than `renewal` left.
    pub(super) fn to_write(&self, renewal: Duration) -> Option<WebhookWrite<'_>> {
        let is_due = self.lease_ends.saturating_duration_since(Instant::now()) < renewal;
        (is_due || !self.unwritten.is_empty() || self.disabled.is_some()).then(|| WebhookWrite {
            key: &self.webhook.key,
            fence: self.webhook.fence,
            position: self.position,
            failing_since: self.failing_since,
            disabled: self.disabled,
            deliveries: &self.unwritten,
        })
    }

    /// Goes on after everything was written: the lanes of sent messages, and new messages.
    pub(super) fn written(&mut self, lease_ends: Instant) {
        self.lease_ends = lease_ends;
        let fresh = self.unwritten.split_off(self.ended);
        for delivery in self.unwritten.drain(..) {
            let lane = delivery.lane();
            let is_pending = delivery.state == WebhookDeliveryState::Pending;
            self.lanes.finish(&lane, is_pending.then_some(delivery));
        }
        self.ended = 0;
        fresh.into_iter().for_each(|delivery| self.lanes.push(delivery));
    }

    /// Returns the reason, if the webhook is disabled, and the start of the failure.
    pub(super) fn disabled(&self) -> Option<(DisabledReason, Option<Timestamp>)> {
        self.disabled.map(|reason| (reason, self.failing_since))
    }

    pub(super) fn is_failing(&self) -> bool {
        self.failing_since.is_some()
    }

    pub(super) fn waiting(&self) -> usize {
        self.lanes.len()
    }

    pub(super) fn oldest(&self) -> Option<Timestamp> {
        self.lanes.oldest()
    }
}

/// Returns the message about a change. It is the same each time, except for the time at which it is stored.
fn message(webhook: &Webhook, change: &Change, now: Timestamp) -> WebhookDelivery {
    WebhookDelivery {
        webhook: webhook.key.clone(),
        message: message_id(webhook, &format!("position {}", change.position)),
        position: Some(change.position),
        subject: Some(change.subject.clone()),
        version: change.version,
        at: change.at,
        created_at: now,
        state: WebhookDeliveryState::Pending,
        attempts: 0,
        first_attempt_at: None,
        next_attempt_at: now,
        log: Vec::new(),
    }
}
