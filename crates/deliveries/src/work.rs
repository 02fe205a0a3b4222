//! Work on one channel, under its lease: what changed in the orders, and the four streams. Each intent is written before the app is
//! called, each outcome after; what was told without a known answer is told again, as the same ticket.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use crate::Stream;
use crate::channel::Channel;
use crate::ledger::{ChannelChange, ChannelLease, Run};
use crate::pack::{ourselves, pack};
use crate::parcel::{Parcel, PushState, Trouble};
use crate::shared::Shared;
use domain::mobile::{AppCancellation, AppControl, AppSays, AppTicket, AppTicketKey};
use domain::ordering::{DeliveryPreference, TicketState};
use domain::{Batch, Effect, ErrorKind, Operation, OrderKey, VendorError};
use orders::rules::later;
use orders::{LedgerError, Order, OrderBy, ProblemCode};

/// Changes of orders that are read at once.
const CHANGES: usize = 200;
/// Orders whose source is asked again in one run.
const CHECKS: usize = 50;
/// Around its begin an event is watched at each run; long before, this many times less often.
const SELDOM: u32 = 12;
/// How long before a code is shown the closer watch begins.
const CLOSE_WATCH: Duration = Duration::from_secs(3600);

/// Work on one channel.
pub(crate) struct Work<'a> {
    pub shared: &'a Shared,
    pub channel: &'a Channel,
    pub lease: ChannelLease,
}

impl Work<'_> {
    fn name(&self) -> &str {
        &self.channel.app.id
    }

    fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    /// Writes a change, and owns the channel for another while.
    pub async fn write(&self, change: &ChannelChange<'_>) -> Result<(), LedgerError> {
        let until = later(self.now(), self.shared.rules.lease);
        self.shared.ledger.write(&self.lease, until, change).await
    }

    /// Runs a stream and writes down how it went.
    pub async fn run(&self, stream: Stream, on_demand: bool) -> Result<Run, LedgerError> {
        self.read_orders().await?;
        let trouble = match stream {
            Stream::Injection | Stream::Cancelled => self.tell_all(stream, on_demand).await?,
            Stream::Controlled => {
                self.ask_the_source(on_demand).await?;
                self.tell_all(stream, on_demand).await?
            }
            Stream::Status => self.read_app().await?,
        };
        let before = self.shared.ledger.last_run(self.name(), stream).await?;
        let now = Some(self.now());
        let last_success_at = if trouble.is_none() { now } else { before.last_success_at };
        let run = Run { last_run_at: now, last_success_at, trouble };
        self.write(&ChannelChange { run: Some((stream, &run)), ..ChannelChange::default() }).await?;
        Ok(run)
    }

    /// Takes over what changed in the orders since the last time. The place in the feed is written with what it led to.
    async fn read_orders(&self) -> Result<(), LedgerError> {
        loop {
            let after = self.shared.ledger.reading(self.name()).await?.orders;
            let slice = self.shared.orders.changes(&ourselves(), after, CHANGES).await?;
            let Some((end, _)) = slice.lines.last() else { return Ok(()) };
            let changed: BTreeSet<OrderKey> = slice.lines.iter().map(|(_, change)| change.order).collect();
            let mut parcels = Vec::new();
            for key in changed {
                if let Some(order) = self.shared.orders.find(&ourselves(), &OrderBy::Key(key)).await? {
                    parcels.extend(self.hear_order(&order).await?);
                }
            }
            let change = ChannelChange { parcels: &parcels, orders_read: Some(*end), ..ChannelChange::default() };
            self.write(&change).await?;
            if !slice.has_more {
                return Ok(());
            }
        }
    }

    /// The parcels of an order that are new or changed by it.
    async fn hear_order(&self, order: &Order) -> Result<Vec<Parcel>, LedgerError> {
        let ours = |ticket: usize| self.channel.takes(order, ticket);
        if !(0..order.tickets.len()).any(ours) {
            return Ok(Vec::new());
        }
        let known = self.shared.ledger.parcels_of(order.key).await?;
        let now = self.now();
        let mut changed = Vec::new();
        for (number, ticket) in order.tickets.iter().enumerate().filter(|(number, _)| ours(*number)) {
            match known.iter().find(|parcel| parcel.ticket == number) {
                Some(before) => {
                    let mut parcel = before.clone();
                    parcel.hear_order(ticket, now);
                    if parcel != *before {
                        changed.push(parcel);
                    }
                }
                None if order.delivery == DeliveryPreference::MobileApp && is_good(ticket.state) => {
                    changed.push(Parcel::new(self.name(), order, number, now));
                }
                None => {}
            }
        }
        Ok(changed)
    }

    /// Puts tickets of an order on their way that are not yet, and lets refused ones be tried again.
    pub async fn take_on(&self, order: &Order, tickets: &BTreeSet<usize>) -> Result<Vec<Parcel>, LedgerError> {
        let known = self.shared.ledger.parcels_of(order.key).await?;
        let now = self.now();
        let taken = tickets.iter().map(|number| match known.iter().find(|parcel| parcel.ticket == *number) {
            Some(before) => {
                let mut parcel = before.clone();
                parcel.try_again(now);
                parcel
            }
            None => Parcel::new(self.name(), order, *number, now),
        });
        let taken: Vec<Parcel> = taken.collect();
        self.write(&ChannelChange { parcels: &taken, ..ChannelChange::default() }).await?;
        Ok(taken)
    }

    /// Asks the source again about tickets that visitors may have used, or the venue taken back.
    async fn ask_the_source(&self, on_demand: bool) -> Result<(), LedgerError> {
        let now = self.now();
        let by = if on_demand { Timestamp::MAX } else { now };
        for key in self.shared.ledger.to_check(self.name(), by, CHECKS).await? {
            if self.shared.stop.is_cancelled() {
                return Ok(());
            }
            let Some(order) = self.shared.orders.refresh(&ourselves(), key).await? else { continue };
            let mut parcels = self.shared.ledger.parcels_of(key).await?;
            for parcel in &mut parcels {
                if let Some(ticket) = order.tickets.get(parcel.ticket) {
                    parcel.hear_order(ticket, now);
                }
                let is_near = parcel.visible_from.is_none_or(|from| later(now, CLOSE_WATCH) >= from);
                let wait = if is_near { self.channel.interval } else { self.channel.interval * SELDOM };
                parcel.check_at = later(now, wait);
            }
            self.write(&ChannelChange { parcels: &parcels, ..ChannelChange::default() }).await?;
        }
        Ok(())
    }

    /// Tells the app everything that a stream has to tell, batch by batch. A batch that failed as a whole ends the run: the next
    /// one would fail too.
    async fn tell_all(&self, stream: Stream, on_demand: bool) -> Result<Option<Trouble>, LedgerError> {
        let (mut after, mut trouble) = (None, None);
        let most = self.channel.app.max_batch;
        loop {
            let parcels = self.shared.ledger.due(self.name(), stream, on_demand, after.as_ref(), most).await?;
            let is_last = parcels.len() < most;
            let Some(last) = parcels.last() else { return Ok(trouble) };
            after = Some(last.key.clone());
            let told = self.tell(stream, parcels).await?;
            let is_hopeless = told.iter().all(|parcel| waits(parcel, stream));
            let first = told.iter().find_map(|parcel| parcel.push(stream)?.trouble.clone());
            trouble = trouble.or(first);
            if is_last || is_hopeless || self.shared.stop.is_cancelled() {
                return Ok(trouble);
            }
        }
    }

    /// Tells the app about some tickets: writes that it will, tells, writes what came of it.
    pub async fn tell(&self, stream: Stream, mut parcels: Vec<Parcel>) -> Result<Vec<Parcel>, LedgerError> {
        let mut tickets = Vec::new();
        if stream == Stream::Injection {
            let mut packed = pack(&self.shared.orders, self.channel, &parcels).await?;
            for parcel in &mut parcels {
                match packed.remove(&parcel.key) {
                    Some(Ok(ticket)) => tickets.push(ticket),
                    Some(Err(unready)) => parcel.unready(unready.trouble, unready.is_final),
                    None => parcel.unready(Trouble::new(ProblemCode::SourceFault), false),
                }
            }
        }
        let now = self.now();
        let is_sent = |parcel: &Parcel| stream != Stream::Injection || tickets.iter().any(|it| it.key == parcel.key);
        parcels.iter_mut().filter(|parcel| is_sent(parcel)).for_each(|parcel| parcel.begin(stream, now));
        self.write(&ChannelChange { parcels: &parcels, ..ChannelChange::default() }).await?;
        let sent: Vec<&Parcel> = parcels.iter().filter(|parcel| is_sent(parcel)).collect();
        let mut answers = if sent.is_empty() { Batch::new() } else { self.call(stream, &sent, &tickets).await };
        let now = self.now();
        for parcel in &mut parcels {
            if let Some(answer) = answers.remove(&parcel.key) {
                parcel.end(stream, &answer, self.channel.systems(), now);
            }
        }
        self.write(&ChannelChange { parcels: &parcels, ..ChannelChange::default() }).await?;
        Ok(parcels)
    }

    async fn call(&self, stream: Stream, sent: &[&Parcel], tickets: &[AppTicket]) -> Batch<AppTicketKey, AppSays> {
        let port = &self.channel.app.port;
        let answers = async {
            match stream {
                Stream::Cancelled => {
                    let told: Vec<AppCancellation> = sent.iter().map(|parcel| cancellation(parcel)).collect();
                    port.cancel(&told).await
                }
                Stream::Controlled => {
                    let told: Vec<AppControl> = sent.iter().map(|parcel| control(parcel, self.now())).collect();
                    port.control(&told).await
                }
                Stream::Injection | Stream::Status => port.inject(tickets).await,
            }
        };
        tokio::time::timeout(self.shared.rules.call_limit, answers).await.unwrap_or_else(|_| {
            let late = VendorError::new(&self.channel.source.id, Operation::Deliver, ErrorKind::Timeout);
            let late = late.with_effect(Effect::Unknown);
            sent.iter().map(|parcel| (parcel.key.clone(), Err(late.clone()))).collect()
        })
    }

    /// Reads the app's feed to its end. The key is written with what was read: a crash in between reads the same page again.
    async fn read_app(&self) -> Result<Option<Trouble>, LedgerError> {
        loop {
            let after = self.shared.ledger.reading(self.name()).await?.app;
            let read = self.channel.app.port.read_changes(after.as_deref());
            let page = match tokio::time::timeout(self.shared.rules.call_limit, read).await {
                Ok(Ok(page)) => page,
                Ok(Err(error)) => return Ok(Some(Trouble::of(&error))),
                Err(_) => return Ok(Some(Trouble::new(ProblemCode::SourceUnavailable))),
            };
            let keys: Vec<AppTicketKey> = page.statuses.iter().map(|status| status.key.clone()).collect();
            let mut parcels = self.shared.ledger.parcels(self.name(), &keys).await?;
            let now = self.now();
            for status in &page.statuses {
                // A ticket of ours is known by its key; others were put there by somebody else.
                if let Some(parcel) = parcels.iter_mut().find(|parcel| parcel.key == status.key) {
                    parcel.hear_app(status, self.channel.systems(), now);
                }
            }
            let app_read = page.next.as_deref();
            self.write(&ChannelChange { parcels: &parcels, app_read, ..ChannelChange::default() }).await?;
            let is_stuck = page.next == after;
            if page.is_last || page.statuses.is_empty() || is_stuck || self.shared.stop.is_cancelled() {
                return Ok(None);
            }
        }
    }
}

/// Whether a ticket is still to be told after a try.
fn waits(parcel: &Parcel, stream: Stream) -> bool {
    parcel.push(stream).is_some_and(|push| matches!(push.state, PushState::Due | PushState::Sent))
}

/// Whether a ticket can be used: only then it goes into an app by itself.
pub(crate) fn is_good(state: TicketState) -> bool {
    matches!(state, TicketState::Issued | TicketState::Used(_))
}

fn cancellation(parcel: &Parcel) -> AppCancellation {
    AppCancellation { key: parcel.key.clone(), reason: CANCELLED.to_owned(), notifies: false }
}

/// The one reason that we know: the source says that the ticket is void.
const CANCELLED: &str = "CANCELLED";

fn control(parcel: &Parcel, now: Timestamp) -> AppControl {
    AppControl { key: parcel.key.clone(), controlled_at: parcel.used_at.unwrap_or(now) }
}
