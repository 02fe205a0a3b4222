//! A webhook that this process sends for.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use change_feed::Change;
use domain::time::later;
use jiff::Timestamp;
use metrics::counter;
use resilience::retry::backoff;
use tokio::time::Instant;

use crate::delivery::{AttemptOutcome, WebhookAttempt, WebhookDelivery, WebhookDeliveryState, message_id};
use crate::lanes::Lanes;
use crate::runner::RunnerSettings;
use crate::store::{ClaimedWebhook, WebhookWrite};
use crate::webhook::{DisabledReason, Webhook, WebhookKey};

/// Failures in a row after which the webhook as a whole waits, and not only the message that failed.
const FAILURES_OF_ONE_MESSAGE: u32 = 3;

/// Part of the window that the messages about one object may take: one in so many.
const LANES_OF_WINDOW: usize = 10;

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
    /// Failures in a row. Those of sends that ran at the same time count once.
    failures: u32,
    /// End of the last failure that was counted.
    failed_at: Option<Timestamp>,
    failing_since: Option<Timestamp>,
    paused_until: Timestamp,
    /// Messages whose state is not written: first those that were sent, then new ones.
    unwritten: Vec<WebhookDelivery>,
    /// Number of them that were sent.
    ended: usize,
    /// Position in the feed that was written.
    written_position: u64,
    /// Lane without room, at whose next message the reading of the feed has stopped.
    full_lane: Option<String>,
    /// Time of the last message that was accepted.
    accepted_at: Option<Timestamp>,
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
            failed_at: None,
            failing_since: webhook.failing_since,
            paused_until: Timestamp::MIN,
            unwritten: Vec::new(),
            ended: 0,
            written_position: webhook.position,
            full_lane: None,
            accepted_at: None,
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

    /// Returns true if more of the feed is to be read.
    pub(super) fn wants_more(&self, settings: &RunnerSettings) -> bool {
        let has_room = |lane: &String| self.lane_len(lane) < lane_room(settings) || self.gives_way(lane);
        self.is_behind && self.room(settings) > 0 && self.full_lane.as_ref().is_none_or(has_room)
    }

    /// Returns the number of messages of a lane, with those that are not written.
    fn lane_len(&self, lane: &str) -> usize {
        let fresh = self.unwritten[self.ended..].iter();
        self.lanes.len_of(lane) + fresh.filter(|one| is_pending(one) && one.lane() == lane).count()
    }

    /// Returns true if newer messages of a lane take the place of older ones: its first message fails again and again, while others are
    /// accepted, or nothing else is there to be sent.
    fn gives_way(&self, lane: &str) -> bool {
        let Some(first) = self.lanes.first_of(lane).filter(|first| first.attempts >= FAILURES_OF_ONE_MESSAGE) else {
            return false;
        };
        let others = self.lanes.len() - self.lanes.len_of(lane);
        let is_refused_alone = |accepted| first.first_attempt_at.is_some_and(|first| first < accepted);
        others == 0 || self.accepted_at.is_some_and(is_refused_alone)
    }

    /// Gives up the last message of a lane before a newer one, if possible one about the same object. Returns true if it was not written.
    fn give_up_last(&mut self, lane: &str, newer: &WebhookDelivery) -> bool {
        counter!("ticketgraph_webhook_failed_messages_total", "reason" => "superseded").increment(1);
        let mut fresh = self.unwritten[self.ended..].iter_mut().rev();
        let last = fresh.find(|one| is_pending(one) && one.lane() == lane);
        if let Some(last) = last {
            last.state = WebhookDeliveryState::Failed;
            return true;
        }
        if let Some(mut last) = self.lanes.remove_last(lane, newer.subject.as_ref()) {
            last.state = WebhookDeliveryState::Failed;
            self.unwritten.push(last);
        }
        false
    }

    /// Turns changes into messages, as many as there is room for. `end` is the position up to which the changes were read.
    pub(super) fn add(&mut self, changes: &[Change], end: u64, now: Timestamp, settings: &RunnerSettings) {
        let begin = self.position;
        self.full_lane = None;
        // Messages of each lane that are not written.
        let mut fresh: HashMap<String, usize> = HashMap::new();
        for one in self.unwritten[self.ended..].iter().filter(|one| is_pending(one)) {
            *fresh.entry(one.lane()).or_default() += 1;
        }
        for change in changes.iter().filter(|change| change.position > begin) {
            if self.webhook.receives(&change.subject, change.reseller.as_deref()) {
                let new = message(&self.webhook, change, now);
                let lane = new.lane();
                let is_full =
                    self.lanes.len_of(&lane) + fresh.get(&lane).copied().unwrap_or_default() >= lane_room(settings);
                if self.room(settings) == 0 || (is_full && !self.gives_way(&lane)) {
                    self.is_behind = true;
                    self.full_lane = is_full.then_some(lane);
                    return;
                }
                let has_replaced = is_full && self.give_up_last(&lane, &new);
                self.unwritten.push(new);
                *fresh.entry(lane).or_default() += usize::from(!has_replaced);
            }
            self.position = change.position;
        }
        self.position = self.position.max(end);
    }

    /// Returns the reseller of the owner.
    pub(super) fn reseller(&self) -> &Option<String> {
        &self.webhook.owner.reseller
    }

    /// Returns the number of sends in flight.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
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
            self.accepted_at = Some(now);
        } else {
            self.fail(at, now, settings);
            delivery.next_attempt_at = later(now, backoff(&settings.retry, delivery.attempts - 1, None));
            let is_over = |since: Timestamp| later(since, settings.max_attempts_for) <= now;
            if outcome == AttemptOutcome::Gone {
                self.disabled = Some(DisabledReason::Gone);
            } else if delivery.first_attempt_at.is_some_and(is_over) {
                if self.failing_since.is_some_and(is_over) {
                    self.disabled.get_or_insert(DisabledReason::Failing);
                } else {
                    // Others are accepted: it is this message that the destination refuses.
                    delivery.state = WebhookDeliveryState::Failed;
                    counter!("ticketgraph_webhook_failed_messages_total", "reason" => "refused").increment(1);
                }
            }
        }
        self.unwritten.insert(self.ended, delivery);
        self.ended += 1;
    }

    /// Counts a failed attempt that began at `at` and ended now, unless it began before the last failure that was counted had ended.
    fn fail(&mut self, at: Timestamp, now: Timestamp, settings: &RunnerSettings) {
        self.failing_since.get_or_insert(at);
        if self.failed_at.is_some_and(|failed_at| at < failed_at) {
            return;
        }
        self.failed_at = Some(now);
        self.failures = self.failures.saturating_add(1);
        if let Some(more) = self.failures.checked_sub(FAILURES_OF_ONE_MESSAGE) {
            self.paused_until = later(now, backoff(&settings.retry, more, None));
        }
    }

    /// Returns what is to be written, if anything is, or if the lease has less than `renewal` left: at most `limit` messages, and the
    /// position up to which they are complete.
    pub(super) fn to_write(&self, renewal: Duration, limit: usize) -> Option<WebhookWrite<'_>> {
        let is_due = self.lease_ends.saturating_duration_since(Instant::now()) < renewal;
        let part = &self.unwritten[..self.unwritten.len().min(limit)];
        let is_whole = part.len() == self.unwritten.len();
        if !is_due && part.is_empty() && (self.disabled.is_none() || !is_whole) {
            return None;
        }
        let fresh = part.get(self.ended..).unwrap_or_default();
        let complete = fresh.iter().filter_map(|one| one.position).max().unwrap_or_default();
        Some(WebhookWrite {
            key: &self.webhook.key,
            fence: self.webhook.fence,
            position: if is_whole { self.position } else { complete.max(self.written_position) },
            failing_since: self.failing_since,
            disabled: self.disabled.filter(|_| is_whole),
            deliveries: part,
        })
    }

    /// Goes on after this many messages were written: the lanes of sent messages, and new messages.
    pub(super) fn written(&mut self, messages: usize, position: u64, lease_ends: Instant) {
        (self.lease_ends, self.written_position) = (lease_ends, position);
        let ended = self.ended.min(messages);
        for (index, delivery) in self.unwritten.drain(..messages).enumerate() {
            if index < ended {
                let lane = delivery.lane();
                self.lanes.finish(&lane, is_pending(&delivery).then_some(delivery));
            } else if is_pending(&delivery) {
                self.lanes.push(delivery);
            }
        }
        self.ended -= ended;
    }

    /// Disables the webhook. Nothing else is sent.
    pub(super) fn disable(&mut self, reason: DisabledReason) {
        self.disabled.get_or_insert(reason);
    }

    /// Returns the reason, if the webhook is disabled and all of it was written, and the start of the failure.
    pub(super) fn disabled(&self) -> Option<(DisabledReason, Option<Timestamp>)> {
        self.disabled.filter(|_| self.unwritten.is_empty()).map(|reason| (reason, self.failing_since))
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

/// Returns the number of messages that a lane may have.
fn lane_room(settings: &RunnerSettings) -> usize {
    (settings.window / LANES_OF_WINDOW).max(1)
}

fn is_pending(delivery: &WebhookDelivery) -> bool {
    delivery.state == WebhookDeliveryState::Pending
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
