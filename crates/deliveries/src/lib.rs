//! Deliveries: tickets into mobile apps, and their status back. Four streams a channel, on a schedule and on demand.
//!
//! Orders tell by their feed what changed; a [`Parcel`] a ticket remembers what the app was told and what it says; a lease makes one
//! runner of a channel, also among replicas, so that nobody reads the app's feed twice at once.

mod channel;
pub mod ledger;
mod pack;
pub mod parcel;
mod request;
mod shared;
mod work;

use std::sync::Arc;

use tokio::sync::Mutex;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

pub use crate::channel::{Channel, Place};
use crate::ledger::{DeliveryLedger, Run, Tally};
pub use crate::parcel::{Moment, Parcel};
pub use crate::request::{DeliverTickets, DeliveryOutcome};
pub use crate::shared::DeliveryRules;
use crate::shared::{Lane, Shared};
use domain::{Clock, OrderKey, SourceId};
use orders::{Asker, LedgerError, Orders, Problem, ProblemCode};

/// What goes through a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stream {
    /// Tickets into the app.
    Injection,
    /// Tickets out of it that are no longer good.
    Cancelled,
    /// Tickets whose visitors were let in.
    Controlled,
    /// What the app says of its tickets.
    Status,
}

impl Stream {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Injection, Self::Cancelled, Self::Controlled, Self::Status];
    /// The order of a cycle: what must leave first, so that a ticket never lives twice.
    const CYCLE: [Self; 4] = [Self::Cancelled, Self::Controlled, Self::Injection, Self::Status];

    /// The name in the ledger and the schema.
    pub fn name(self) -> &'static str {
        match self {
            Self::Injection => "INJECTION",
            Self::Cancelled => "CANCELLED",
            Self::Controlled => "CONTROLLED",
            Self::Status => "STATUS",
        }
    }
}

/// What the room of deliveries is built from.
pub struct Parts {
    /// Every channel.
    pub channels: Vec<Channel>,
    /// The orders whose tickets are delivered.
    pub orders: Orders,
    /// Where deliveries are kept: beside the orders.
    pub ledger: Arc<dyn DeliveryLedger>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Deadlines and patience.
    pub rules: DeliveryRules,
}

/// How a stream stands.
#[derive(Debug, Clone)]
pub struct StreamReport {
    /// Which one.
    pub stream: Stream,
    /// Its last run.
    pub run: Run,
    /// What waits for it.
    pub tally: Tally,
    /// What went wrong in the last run.
    pub problems: Vec<Problem>,
}

/// Deliveries over every channel. Cheap to clone.
#[derive(Clone)]
pub struct Deliveries(Arc<Shared>);

impl Deliveries {
    /// Puts the room together. Nothing runs until [`start`](Self::start) or a request.
    pub fn new(parts: Parts) -> Self {
        let Parts { channels, orders, ledger, clock, rules } = parts;
        let lanes = channels.into_iter().map(|channel| Arc::new(Lane { channel, gate: Mutex::default() })).collect();
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        Self(Arc::new(Shared { lanes, orders, ledger, clock, rules, tasks, stop }))
    }

    /// Runs all streams of each channel at its interval from now on, each channel in a task of its own.
    pub fn start(&self) {
        for lane in &self.0.lanes {
            self.0.tasks.spawn(keep_running(Arc::clone(&self.0), Arc::clone(lane)));
        }
    }

    /// Begins no new step, lets calls in flight write their outcome, and waits for them.
    pub async fn close(&self) {
        self.0.stop.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    /// Runs all streams of every channel once. A channel on which another works is left to it.
    pub async fn cycle(&self) -> Result<(), LedgerError> {
        for lane in &self.0.lanes {
            cycle(&self.0, lane).await?;
        }
        Ok(())
    }

    /// Every channel.
    pub fn channels(&self) -> impl Iterator<Item = &Channel> {
        self.0.lanes.iter().map(|lane| &lane.channel)
    }

    /// The channel of a source.
    pub fn channel_of(&self, source: &SourceId) -> Option<&Channel> {
        self.0.lanes.iter().map(|lane| &lane.channel).find(|channel| channel.source.id == *source)
    }

    /// The channel of this name.
    pub fn find_channel(&self, name: &str) -> Option<&Channel> {
        self.0.lanes.iter().map(|lane| &lane.channel).find(|channel| channel.app.id == name)
    }

    /// How a stream of a channel stands.
    pub async fn report(&self, channel: &Channel, stream: Stream) -> Result<StreamReport, LedgerError> {
        let run = self.0.ledger.last_run(&channel.app.id, stream).await?;
        let tally = self.0.ledger.tally(&channel.app.id, stream).await?;
        let problems = run.trouble.iter().map(|trouble| trouble.problem(&channel.source.id)).collect();
        Ok(StreamReport { stream, run, tally, problems })
    }

    /// Runs one stream now, what was refused included. The problem says that others work on the channel, or that there is none.
    pub async fn run(&self, channel: &str, stream: Stream) -> Result<Result<StreamReport, Problem>, LedgerError> {
        let Some(lane) = self.0.lanes.iter().find(|lane| lane.channel.app.id == channel) else {
            return Ok(Err(Problem::new(ProblemCode::UnsupportedBySource).at(["input", "channel"])));
        };
        match self.0.alone(lane, async |work| work.run(stream, true).await).await? {
            Some(_) => self.report(&lane.channel, stream).await.map(Ok),
            None => Ok(Err(Problem::new(ProblemCode::SourceBusy).of(&lane.channel.source.id))),
        }
    }

    /// Puts tickets of an order into their apps now.
    pub async fn deliver(&self, asker: &Asker, asked: &DeliverTickets) -> Result<DeliveryOutcome, LedgerError> {
        request::deliver(&self.0, asker, asked).await
    }

    /// The parcels of an order, by number of the ticket.
    pub async fn parcels_of(&self, order: OrderKey) -> Result<Vec<Parcel>, LedgerError> {
        self.0.ledger.parcels_of(order).await
    }
}

async fn cycle(shared: &Shared, lane: &Lane) -> Result<(), LedgerError> {
    let work = async |work: &work::Work<'_>| {
        for stream in Stream::CYCLE {
            if !shared.stop.is_cancelled() {
                work.run(stream, false).await?;
            }
        }
        Ok(())
    };
    shared.alone(lane, work).await.map(|_| ())
}

/// Runs the streams of a channel until the process stops.
async fn keep_running(shared: Arc<Shared>, lane: Arc<Lane>) {
    let mut ticks = tokio::time::interval(lane.channel.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shared.stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let span = tracing::error_span!(parent: None, "delivery", channel = lane.channel.app.id);
        if let Err(error) = cycle(&shared, &lane).instrument(span).await {
            tracing::error!(%error, channel = lane.channel.app.id, "the streams of a delivery channel could not run");
        }
    }
}
