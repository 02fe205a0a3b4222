//! A cycle of the runner: claim, read the feed, write, send.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use change_feed::{Change, ChangeFilter};
use domain::StoreError;
use domain::time::earlier;
use metrics::{counter, gauge, histogram};
use tokio::task::JoinError;
use tokio::time::Instant;

use crate::delivery::{AttemptOutcome, WebhookAttempt, WebhookDelivery};
use crate::notice::WebhookDisabled;
use crate::runner::leased::{Finished, Leased};
use crate::runner::{CLAIM_INTERVAL, CLEAN_INTERVAL, LEASE_MARGIN, MEASURE_INTERVAL, RETRY_DELAY, Runner};
use crate::webhook::{DisabledReason, WebhookKey};

/// Webhooks that are claimed at once, so that replicas that start together share them.
const CLAIM_BATCH: usize = 4;
/// Most messages that are written in one transaction.
const WRITE_BATCH: usize = 200;
/// Changes that are read at once.
const READ_BATCH: usize = 500;

impl Runner {
    pub(super) async fn cycle(&mut self) {
        while let Some(finished) = self.sends.try_join_next() {
            self.absorb(finished);
        }
        if Instant::now() < self.paused_until {
            return;
        }
        // What was sent is recorded, and what waits is sent, also if nothing new can be read.
        if let Err(error) = self.read().await {
            self.pause(&error);
        }
        if self.write().await {
            self.send_due();
        }
        self.clean().await;
    }

    /// Waits before the store is called again.
    fn pause(&mut self, error: &StoreError) {
        tracing::warn!(%error, "webhooks: the ledger does not respond, trying again");
        self.paused_until = Instant::now() + RETRY_DELAY;
    }

    /// Records the outcome of a send, unless the webhook is no longer leased.
    pub(super) fn absorb(&mut self, finished: Result<Finished, JoinError>) {
        let finished = match finished {
            Ok(finished) => finished,
            // Panics are caught in the attempt: only the runtime ends a task.
            Err(error) => {
                return tracing::error!(%error, "a send of a webhook was ended: it is sent again after the lease");
            }
        };
        let Finished { key, fence, delivery, attempt } = finished;
        let now = self.dependencies.clock.now();
        record_attempt(&delivery, &attempt, now);
        if let Some(leased) = self.leased.get_mut(&key).filter(|leased| leased.webhook.fence == fence) {
            leased.absorb(delivery, attempt, now, &self.dependencies.settings);
        }
    }

    /// Claims webhooks and reads the feed.
    async fn read(&mut self) -> Result<(), StoreError> {
        if Instant::now() >= self.next_claim {
            self.claim().await;
            self.disable_orphans();
        }
        if Instant::now() >= self.next_poll {
            self.next_poll = Instant::now() + self.dependencies.settings.poll_interval;
            self.is_behind = true;
        }
        if std::mem::take(&mut self.is_behind) {
            self.leased.values_mut().for_each(|leased| leased.is_behind = true);
        }
        self.read_feed().await
    }

    async fn claim(&mut self) {
        self.next_claim = Instant::now() + CLAIM_INTERVAL;
        let (begun, lease) = (Instant::now(), self.lease());
        let claimed = self.dependencies.store.claim_webhooks(self.dependencies.clock.now(), lease, CLAIM_BATCH).await;
        let claimed = match claimed {
            Ok(claimed) => claimed,
            Err(error) => return tracing::warn!(%error, "no webhooks could be leased, trying again"),
        };
        if claimed.len() == CLAIM_BATCH {
            // More may be free. Other replicas have their turn first.
            self.next_claim = Instant::now() + CLAIM_INTERVAL / 20;
        }
        for claimed in claimed {
            tracing::debug!(webhook = claimed.webhook.key.0, "webhook leased");
            self.leased.insert(claimed.webhook.key.clone(), Leased::new(claimed, begun + lease));
        }
    }

    /// Disables the webhooks of callers that were taken out of the configuration, which may be read again at any time.
    fn disable_orphans(&mut self) {
        let objects = &self.dependencies.sender.objects;
        for leased in self.leased.values_mut().filter(|leased| !objects.is_known(&leased.webhook.owner)) {
            leased.disable(DisabledReason::OwnerRemoved);
        }
    }

    /// Reads the feed: once for all webhooks at the same position.
    async fn read_feed(&mut self) -> Result<(), StoreError> {
        let settings = self.dependencies.settings;
        let mut groups: BTreeMap<u64, Vec<WebhookKey>> = BTreeMap::new();
        for (key, leased) in self.leased.iter().filter(|(_, leased)| leased.wants_more(&settings)) {
            groups.entry(leased.position).or_default().push(key.clone());
        }
        for (position, keys) in groups {
            let filter = match keys.as_slice() {
                [key] => self.leased.get(key).map(|leased| leased.webhook.filter()).unwrap_or_default(),
                _ => ChangeFilter::default(),
            };
            // Everything up to here is committed: it is read, or does not match.
            let seen = *self.dependencies.feed.positions().borrow();
            let slice = self.dependencies.feed.list(position, READ_BATCH, &filter).await?;
            let changes: Vec<Change> = slice.lines.into_iter().map(|(_, change)| change).collect();
            let end = if slice.has_more { 0 } else { seen };
            let now = self.dependencies.clock.now();
            for key in keys {
                if let Some(leased) = self.leased.get_mut(&key) {
                    leased.is_behind = slice.has_more;
                    leased.add(&changes, end, now, &settings);
                }
            }
        }
        Ok(())
    }

    /// Writes what has changed, and extends the leases that have lasted for a while. Returns false if the store failed.
    pub(super) async fn write(&mut self) -> bool {
        loop {
            match self.write_part().await {
                Ok(true) => {}
                Ok(false) => return true,
                Err(error) => {
                    self.pause(&error);
                    return false;
                }
            }
        }
    }

    /// Writes a part in one transaction. Returns false if there was nothing to write.
    async fn write_part(&mut self) -> Result<bool, StoreError> {
        let (begun, lease) = (Instant::now(), self.lease());
        let renewal = self.longest_attempt() + LEASE_MARGIN * 8;
        let mut room = WRITE_BATCH;
        let writes = self.leased.values().filter_map(|leased| {
            let write = leased.to_write(renewal, room)?;
            room -= write.deliveries.len();
            Some(write)
        });
        let writes: Vec<_> = writes.collect();
        if writes.is_empty() {
            return Ok(false);
        }
        let now = self.dependencies.clock.now();
        let lost = self.dependencies.store.write_webhooks(&writes, now, lease).await;
        let written = writes.iter().map(|write| (write.key.clone(), write.deliveries.len(), write.position));
        let written: Vec<(WebhookKey, usize, u64)> = written.collect();
        drop(writes);
        let lost: HashSet<WebhookKey> = lost?.into_iter().collect();
        for (key, messages, position) in written {
            if lost.contains(&key) {
                // Changed by a caller, or taken over by another replica, which has the messages.
                self.leased.remove(&key);
                self.next_claim = Instant::now();
                continue;
            }
            let Some(leased) = self.leased.get_mut(&key) else { continue };
            leased.written(messages, position, begun + lease);
            if leased.disabled().is_some() {
                self.report_disabled(&key);
            }
        }
        Ok(true)
    }

    /// Reports a webhook that was disabled, and forgets it.
    fn report_disabled(&mut self, key: &WebhookKey) {
        let Some(leased) = self.leased.remove(key) else { return };
        let Some((reason, failing_since)) = leased.disabled() else { return };
        let at = self.dependencies.clock.now();
        let name: &'static str = reason.into();
        counter!("ticketgraph_webhook_disabled_total", "reason" => name.to_lowercase()).increment(1);
        tracing::error!(
            webhook = key.0,
            reason = name,
            "a webhook was disabled: nothing is sent until a caller enables it"
        );
        if let Some(notifier) = &self.dependencies.notifier {
            notifier.notify_disabled(WebhookDisabled {
                webhook: key.clone(),
                reseller: leased.webhook.owner.reseller.clone(),
                reason,
                at,
                failing_since: failing_since.unwrap_or(at),
            });
        }
    }

    /// Sends what is due, one message of each webhook in turn.
    fn send_due(&mut self) {
        let (now, settings) = (self.dependencies.clock.now(), self.dependencies.settings);
        let needed = Instant::now() + self.longest_attempt() + LEASE_MARGIN;
        let keys: Vec<WebhookKey> = self.leased.keys().cloned().collect();
        if keys.is_empty() {
            return;
        }
        self.turn = (self.turn + 1) % keys.len();
        let mut places = self.places();
        loop {
            let mut has_sent = false;
            for key in keys[self.turn..].iter().chain(&keys[..self.turn]) {
                if places.is_full() {
                    return;
                }
                let may_send = |leased: &&mut Leased| leased.lease_ends > needed && places.has_one(leased.reseller());
                let Some(leased) = self.leased.get_mut(key).filter(may_send) else { continue };
                let Some(delivery) = leased.take_due(now, &settings) else { continue };
                has_sent = true;
                places.take(leased.reseller());
                let (webhook, sender) = (Arc::clone(&leased.webhook), self.dependencies.sender.clone());
                self.sends.spawn(async move {
                    let attempt = sender.attempt(&webhook, &delivery).await;
                    Finished { key: webhook.key.clone(), fence: webhook.fence, delivery, attempt }
                });
            }
            if !has_sent {
                return;
            }
        }
    }

    /// Deletes old entries of the logs, and measures what waits.
    async fn clean(&mut self) {
        if Instant::now() >= self.next_measure {
            self.next_measure = Instant::now() + MEASURE_INTERVAL;
            self.measure();
        }
        if Instant::now() < self.next_clean {
            return;
        }
        self.next_clean = Instant::now() + CLEAN_INTERVAL;
        let settings = self.dependencies.settings;
        let before = earlier(self.dependencies.clock.now(), settings.log_retention);
        // Also of webhooks that no process has leased, since they are disabled.
        let keys = match self.dependencies.store.list_keys().await {
            Ok(keys) => keys,
            Err(error) => return self.pause(&error),
        };
        for key in &keys {
            if let Err(error) = self.dependencies.store.delete_messages(key, before, settings.log_entries).await {
                return self.pause(&error);
            }
        }
        match self.dependencies.store.count_disabled().await {
            Ok(disabled) => gauge!("ticketgraph_webhook_disabled").set(disabled as f64),
            Err(error) => self.pause(&error),
        }
    }

    fn measure(&self) {
        let now = self.dependencies.clock.now();
        let waiting: usize = self.leased.values().map(Leased::waiting).sum();
        let failing = self.leased.values().filter(|leased| leased.is_failing()).count();
        let oldest = self.leased.values().filter_map(Leased::oldest).min();
        let age = oldest.map_or(0.0, |at| now.duration_since(at).as_secs_f64().max(0.0));
        gauge!("ticketgraph_webhook_leased").set(self.leased.len() as f64);
        gauge!("ticketgraph_webhook_failing").set(failing as f64);
        gauge!("ticketgraph_webhook_pending").set(waiting as f64);
        gauge!("ticketgraph_webhook_oldest_pending_seconds").set(age);
    }
}

fn record_attempt(delivery: &WebhookDelivery, attempt: &WebhookAttempt, now: jiff::Timestamp) {
    counter!("ticketgraph_webhook_attempts_total", "outcome" => attempt.outcome.label()).increment(1);
    histogram!("ticketgraph_webhook_attempt_duration_seconds").record(attempt.duration_ms as f64 / 1_000.0);
    if attempt.outcome == AttemptOutcome::Accepted {
        let delay = now.duration_since(delivery.at).as_secs_f64().max(0.0);
        histogram!("ticketgraph_webhook_delay_seconds").record(delay);
    }
}
