//! Runs the streams of one channel under its lease. Each push is written as intent before the app is called and as
//! outcome afterwards; a push with an unknown outcome is repeated under the same ticket key.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use crate::ChannelStream;
use crate::app_ticket::{build_app_tickets, system_actor};
use crate::channel::Channel;
use crate::context::{CALL_TIMEOUT, CHANNEL_LEASE, DeliveryContext};
use crate::delivery::{Delivery, FAILED, LastError, PENDING, PushState};
use crate::notice::{self, NoticeEvent, StreamNotice};
use crate::store::{ChannelLease, ChannelWrite, StreamRun};
use crate::unknown_tickets::ask_about_unknown;
use domain::StoreError;
use domain::mobile::{AppCancellation, AppControl, AppStateUpdate, AppTicket, AppTicketKey, Reinjection};
use domain::ordering::{DeliveryPreference, TicketState};
use domain::time::later;
use domain::{Batch, Effect, ErrorKind, OrderKey, RefusalReason, VendorError, VendorOperation};
use orders::{Order, OrderLookup, ProblemCode};

/// Entries of the change feed read per page.
const CHANGE_BATCH_SIZE: usize = 200;
/// Orders refreshed per run.
const REFRESH_BATCH_SIZE: usize = 50;
/// Factor by which refreshes are less frequent long before an event than around its start.
const DISTANT_INTERVAL_FACTOR: u32 = 12;
/// Time before the barcode is displayed at which frequent refreshes begin.
const CLOSE_WATCH_WINDOW: Duration = Duration::from_secs(3600);

/// Worker of one channel.
pub(crate) struct ChannelWorker<'a> {
    pub context: &'a DeliveryContext,
    pub channel: &'a Channel,
    pub lease: ChannelLease,
}

impl ChannelWorker<'_> {
    fn channel_id(&self) -> &str {
        &self.channel.app.id
    }

    fn now(&self) -> Timestamp {
        self.context.clock.now()
    }

    /// Writes a change and extends the lease.
    pub(crate) async fn write(&self, change: &ChannelWrite<'_>) -> Result<(), StoreError> {
        self.context.store.write(&self.lease, self.now(), CHANNEL_LEASE, change).await
    }

    /// Runs a stream and records the run.
    pub(crate) async fn run_stream(&self, stream: ChannelStream, on_demand: bool) -> Result<StreamRun, StoreError> {
        self.read_order_feed().await?;
        let error = match stream {
            ChannelStream::Injection | ChannelStream::Cancelled => self.push_due(stream, on_demand).await?,
            ChannelStream::Controlled => {
                self.refresh_orders(on_demand).await?;
                self.push_due(stream, on_demand).await?
            }
            ChannelStream::Status => self.read_app_feed().await?,
        };
        let before = self.context.store.load_last_run(self.channel_id(), stream).await?;
        let policy = self.context.notices.as_ref().map(|notices| &notices.policy);
        let (run, due) = notice::next_run(&before, error, self.now(), policy);
        let notice = match due {
            Some(event) => Some(self.notice(stream, event, &before, &run).await?),
            None => None,
        };
        self.write(&ChannelWrite { run: Some((stream, &run)), ..ChannelWrite::default() }).await?;
        if let (Some(notice), Some(notices)) = (notice, &self.context.notices) {
            notices.notifier.notify(notice);
        }
        Ok(run)
    }

    /// Builds the notice of a run.
    async fn notice(
        &self,
        stream: ChannelStream,
        event: NoticeEvent,
        before: &StreamRun,
        run: &StreamRun,
    ) -> Result<StreamNotice, StoreError> {
        let now = self.now();
        Ok(StreamNotice {
            channel: self.channel_id().to_owned(),
            stream,
            event,
            at: now,
            failing_since: run.failing_since.or(before.failing_since).unwrap_or(now),
            problem: run.last_error.as_ref().or(before.last_error.as_ref()).map(LastError::problem_code),
            counts: self.context.store.load_counts(self.channel_id(), stream).await?,
        })
    }

    /// Applies order changes since the last run. The feed cursor is written together with their effects.
    async fn read_order_feed(&self) -> Result<(), StoreError> {
        loop {
            let after = self.context.store.load_positions(self.channel_id()).await?.orders;
            let slice = self.context.orders.list_changes(&system_actor(), after, CHANGE_BATCH_SIZE).await?;
            let Some((end, _)) = slice.lines.last() else { return Ok(()) };
            let changed: BTreeSet<OrderKey> = slice.lines.iter().map(|(_, change)| change.order).collect();
            let mut deliveries = Vec::new();
            for key in changed {
                if let Some(order) = self.context.orders.find(&system_actor(), &OrderLookup::Key(key)).await? {
                    deliveries.extend(self.changed_deliveries(&order).await?);
                }
            }
            let change = ChannelWrite { deliveries: &deliveries, order_cursor: Some(*end), ..ChannelWrite::default() };
            self.write(&change).await?;
            if !slice.has_more {
                return Ok(());
            }
        }
    }

    /// Returns the deliveries that an order adds or changes.
    async fn changed_deliveries(&self, order: &Order) -> Result<Vec<Delivery>, StoreError> {
        let is_ours = |ticket: usize| self.channel.covers(order, ticket);
        if !(0..order.tickets.len()).any(is_ours) {
            return Ok(Vec::new());
        }
        let existing = self.context.store.list_by_order(order.key).await?;
        let now = self.now();
        let mut changed = Vec::new();
        for (number, ticket) in order.tickets.iter().enumerate().filter(|(number, _)| is_ours(*number)) {
            match existing.iter().find(|delivery| delivery.ticket == number) {
                Some(before) => {
                    let mut delivery = before.clone();
                    delivery.apply_order_ticket(ticket, now);
                    if delivery != *before {
                        changed.push(delivery);
                    }
                }
                None if order.delivery == DeliveryPreference::MobileApp && is_usable(ticket.state) => {
                    changed.push(Delivery::new(self.channel_id(), order, number, now));
                }
                None => {}
            }
        }
        Ok(changed)
    }

    /// Enqueues tickets of an order, and makes refused ones due again.
    pub(crate) async fn enqueue(&self, order: &Order, tickets: &BTreeSet<usize>) -> Result<Vec<Delivery>, StoreError> {
        let existing = self.context.store.list_by_order(order.key).await?;
        let now = self.now();
        let enqueued = tickets.iter().map(|number| match existing.iter().find(|delivery| delivery.ticket == *number) {
            Some(before) => {
                let mut delivery = before.clone();
                delivery.retry_refused(now);
                delivery
            }
            None => Delivery::new(self.channel_id(), order, *number, now),
        });
        let enqueued: Vec<Delivery> = enqueued.collect();
        self.write(&ChannelWrite { deliveries: &enqueued, ..ChannelWrite::default() }).await?;
        Ok(enqueued)
    }

    /// Refreshes orders whose tickets may have been used or voided.
    async fn refresh_orders(&self, on_demand: bool) -> Result<(), StoreError> {
        let now = self.now();
        let by = if on_demand { Timestamp::MAX } else { now };
        for key in self.context.store.list_orders_to_refresh(self.channel_id(), by, REFRESH_BATCH_SIZE).await? {
            if self.context.stop.is_cancelled() {
                return Ok(());
            }
            let Some(order) = self.context.orders.refresh(&system_actor(), key).await? else { continue };
            let mut deliveries = self.context.store.list_by_order(key).await?;
            for delivery in &mut deliveries {
                if let Some(ticket) = order.tickets.get(delivery.ticket) {
                    delivery.apply_order_ticket(ticket, now);
                }
                let is_near = delivery.visible_from.is_none_or(|from| later(now, CLOSE_WATCH_WINDOW) >= from);
                let wait =
                    if is_near { self.channel.interval } else { self.channel.interval * DISTANT_INTERVAL_FACTOR };
                delivery.check_at = later(now, wait);
            }
            self.write(&ChannelWrite { deliveries: &deliveries, ..ChannelWrite::default() }).await?;
        }
        Ok(())
    }

    /// Pushes all due deliveries of a stream in batches. A batch that fails as a whole ends the run, because the next
    /// one would fail too.
    async fn push_due(&self, stream: ChannelStream, on_demand: bool) -> Result<Option<LastError>, StoreError> {
        let (mut after, mut error) = (None, None);
        let most = self.channel.app.max_batch;
        let states = if on_demand { [PENDING, FAILED].concat() } else { PENDING.to_vec() };
        loop {
            let deliveries =
                self.context.store.list_in_states(self.channel_id(), stream, &states, after.as_ref(), most).await?;
            let is_last = deliveries.len() < most;
            let Some(last) = deliveries.last() else { return Ok(error) };
            after = Some(last.key.clone());
            let pushed = self.push(stream, deliveries).await?;
            let is_hopeless = pushed.iter().all(|delivery| is_push_pending(delivery, stream));
            let first = pushed.iter().find_map(|delivery| delivery.push(stream)?.last_error.clone());
            error = error.or(first);
            if is_last || is_hopeless || self.context.stop.is_cancelled() {
                return Ok(error);
            }
        }
    }

    /// Pushes deliveries: writes the intent, calls the app, writes the outcome.
    pub(crate) async fn push(
        &self,
        stream: ChannelStream,
        mut deliveries: Vec<Delivery>,
    ) -> Result<Vec<Delivery>, StoreError> {
        let mut tickets = Vec::new();
        if stream == ChannelStream::Injection {
            ask_about_unknown(
                &self.channel.app,
                self.context.clock.as_ref(),
                self.channel.system_names(),
                &mut deliveries,
            )
            .await;
            let due: Vec<Delivery> = deliveries.iter().filter(|one| may_be_sent(one)).cloned().collect();
            let mut built = build_app_tickets(&self.context.orders, self.channel, &due).await?;
            for delivery in deliveries.iter_mut().filter(|one| may_be_sent(one)) {
                match built.remove(&delivery.key) {
                    Some(Ok(ticket)) => tickets.push(ticket),
                    Some(Err(not_ready)) => delivery.mark_not_ready(not_ready.error, not_ready.is_final),
                    None => delivery.mark_not_ready(LastError::new(ProblemCode::SourceFault), false),
                }
            }
        }
        let now = self.now();
        let is_sent =
            |delivery: &Delivery| stream != ChannelStream::Injection || tickets.iter().any(|it| it.key == delivery.key);
        deliveries.iter_mut().filter(|delivery| is_sent(delivery)).for_each(|delivery| delivery.mark_sent(stream, now));
        self.write(&ChannelWrite { deliveries: &deliveries, ..ChannelWrite::default() }).await?;
        let sent: Vec<&Delivery> = deliveries.iter().filter(|delivery| is_sent(delivery)).collect();
        let mut results = if sent.is_empty() { Batch::new() } else { self.call_app(stream, &sent, &tickets).await };
        let now = self.now();
        for delivery in &mut deliveries {
            if let Some(result) = results.remove(&delivery.key) {
                let result = self.known_by_refusal(stream, delivery, result);
                delivery.record_result(stream, &result, self.channel.system_names(), now);
            }
        }
        self.write(&ChannelWrite { deliveries: &deliveries, ..ChannelWrite::default() }).await?;
        Ok(deliveries)
    }

    /// Returns success for a ticket that the app refuses because it has it from an earlier attempt, if it is known to do so.
    fn known_by_refusal(
        &self,
        stream: ChannelStream,
        delivery: &Delivery,
        result: Result<AppStateUpdate, VendorError>,
    ) -> Result<AppStateUpdate, VendorError> {
        let is_repeated = stream == ChannelStream::Injection && delivery.injection.unknown > 1;
        let is_conflict = |error: &VendorError| matches!(&error.kind, ErrorKind::Rejected(refusal) if refusal.reason == RefusalReason::Conflict);
        match result {
            Err(error)
                if is_repeated && self.channel.app.rules.reinjection == Reinjection::Refused && is_conflict(&error) =>
            {
                Ok(AppStateUpdate::Unknown)
            }
            result => result,
        }
    }

    async fn call_app(
        &self,
        stream: ChannelStream,
        sent: &[&Delivery],
        tickets: &[AppTicket],
    ) -> Batch<AppTicketKey, AppStateUpdate> {
        let port = &self.channel.app.port;
        let results = async {
            match stream {
                ChannelStream::Cancelled => {
                    let pushed: Vec<AppCancellation> = sent.iter().map(|delivery| cancellation(delivery)).collect();
                    port.cancel(&pushed).await
                }
                ChannelStream::Controlled => {
                    let pushed: Vec<AppControl> = sent.iter().map(|delivery| control(delivery, self.now())).collect();
                    port.control(&pushed).await
                }
                ChannelStream::Injection | ChannelStream::Status => port.inject(tickets).await,
            }
        };
        tokio::time::timeout(CALL_TIMEOUT, results).await.unwrap_or_else(|_| {
            let late = VendorError::new(&self.channel.source.id, VendorOperation::Deliver, ErrorKind::Timeout);
            let late = late.with_effect(Effect::Unknown);
            sent.iter().map(|delivery| (delivery.key.clone(), Err(late.clone()))).collect()
        })
    }

    /// Reads the feed of the app to its end. The cursor is written together with the statuses, so a crash re-reads
    /// the same page.
    async fn read_app_feed(&self) -> Result<Option<LastError>, StoreError> {
        loop {
            let after = self.context.store.load_positions(self.channel_id()).await?.app;
            let read = self.channel.app.port.read_changes(after.as_deref());
            let page = match tokio::time::timeout(CALL_TIMEOUT, read).await {
                Ok(Ok(page)) => page,
                Ok(Err(error)) => return Ok(Some(LastError::from_vendor(&error))),
                Err(_) => return Ok(Some(LastError::new(ProblemCode::SourceUnavailable))),
            };
            let keys: Vec<AppTicketKey> = page.statuses.iter().map(|status| status.key.clone()).collect();
            let mut deliveries = self.context.store.load_deliveries(self.channel_id(), &keys).await?;
            let now = self.now();
            for status in &page.statuses {
                // Unknown keys belong to tickets of other issuers.
                if let Some(delivery) = deliveries.iter_mut().find(|delivery| delivery.key == status.key) {
                    delivery.apply_app_status(status, self.channel.system_names(), now);
                }
            }
            let app_read = page.next_cursor.as_deref();
            self.write(&ChannelWrite { deliveries: &deliveries, app_cursor: app_read, ..ChannelWrite::default() })
                .await?;
            let is_stuck = page.next_cursor == after;
            if page.is_caught_up || page.statuses.is_empty() || is_stuck || self.context.stop.is_cancelled() {
                return Ok(None);
            }
        }
    }
}

/// Returns true if the ticket of a delivery may be sent now.
fn may_be_sent(delivery: &Delivery) -> bool {
    delivery.injection.state == PushState::Due && !delivery.is_voided
}

/// Returns true if the push is still due or has an unknown outcome.
fn is_push_pending(delivery: &Delivery, stream: ChannelStream) -> bool {
    delivery.push(stream).is_some_and(|push| matches!(push.state, PushState::Due | PushState::Sent))
}

/// Returns true if the ticket is usable. Only usable tickets are delivered automatically.
pub(crate) fn is_usable(state: TicketState) -> bool {
    matches!(state, TicketState::Issued | TicketState::Used(_))
}

fn cancellation(delivery: &Delivery) -> AppCancellation {
    AppCancellation { key: delivery.key.clone(), reason: CANCELED_REASON.to_owned(), notify_holder: false }
}

/// Only reason in use: the source voided the ticket.
const CANCELED_REASON: &str = "CANCELLED";

fn control(delivery: &Delivery, now: Timestamp) -> AppControl {
    AppControl { key: delivery.key.clone(), controlled_at: delivery.used_at.unwrap_or(now) }
}
