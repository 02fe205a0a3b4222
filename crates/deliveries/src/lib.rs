//! Deliveries: pushes tickets into mobile apps and reads their status back. Each channel has four streams that run
//! periodically and on demand.
//!
//! The change feed of orders triggers deliveries. Each [`Delivery`] records the pushes of one ticket and its state in
//! the app. A lease gives each channel a single runner among all replicas, so that no two readers share the app's
//! feed.

mod app_ticket;
mod channel;
mod check;
mod context;
pub mod delivery;
pub mod notice;
mod request;
pub mod store;
mod unknown_tickets;
mod worker;

use std::sync::Arc;

use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

pub use crate::channel::{Channel, VenueLocation};
pub use crate::check::{check_app, check_location};
use crate::context::{ChannelSlot, DeliveryContext};
use crate::delivery::PushState;
pub use crate::delivery::{Delivery, StatusEvent};
use crate::notice::StreamNotices;
pub use crate::request::{DeliverTickets, DeliveryOutcome};
use crate::store::{DeliveryStore, StreamCounts, StreamRun};
use domain::StoreError;
use domain::mobile::AppTicketKey;
use domain::{Clock, OrderKey, SourceId};
use orders::periodic::every;
use orders::{Actor, Orders, Problem, ProblemCode};

/// Stream of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum ChannelStream {
    /// Pushes tickets into the app.
    Injection,
    /// Cancels void tickets in the app.
    Cancelled,
    /// Reports used tickets to the app.
    Controlled,
    /// Reads the status of tickets from the app.
    Status,
}

impl ChannelStream {
    /// All variants.
    pub const ALL: &[Self] = <Self as strum::VariantArray>::VARIANTS;
    /// Order of a cycle: cancellations go first, so that no ticket is valid twice.
    const CYCLE_ORDER: [Self; 4] = [Self::Cancelled, Self::Controlled, Self::Injection, Self::Status];

    /// Name in the store and the schema.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// Dependencies of [`Deliveries`].
pub struct DeliveriesDependencies {
    /// Configured channels.
    pub channels: Vec<Channel>,
    /// Orders whose tickets are delivered.
    pub orders: Orders,
    /// Durable store of deliveries, in the database of the orders.
    pub store: Arc<dyn DeliveryStore>,
    /// Clock that supplies the current time.
    pub clock: Arc<dyn Clock>,
    /// Notices to the operator when a stream fails. `None`: there is no destination.
    pub notices: Option<StreamNotices>,
}

/// Status of a stream.
#[derive(Debug, Clone)]
pub struct StreamReport {
    /// The stream.
    pub stream: ChannelStream,
    /// Last run of the stream.
    pub last_run: StreamRun,
    /// Numbers of pending and failed deliveries.
    pub counts: StreamCounts,
    /// Problems of the last run.
    pub problems: Vec<Problem>,
}

/// Deliveries over all channels. Cheap to clone.
#[derive(Clone)]
pub struct Deliveries(Arc<DeliveryContext>);

impl Deliveries {
    /// Creates the service. No task runs before [`start`](Self::start) or a request.
    pub fn new(parts: DeliveriesDependencies) -> Self {
        let DeliveriesDependencies { channels, orders, store, clock, notices } = parts;
        let slots =
            channels.into_iter().map(|channel| Arc::new(ChannelSlot { channel, lock: Mutex::default() })).collect();
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        Self(Arc::new(DeliveryContext { channels: slots, orders, store, clock, notices, tasks, stop }))
    }

    /// Starts one background task per channel that runs all its streams periodically.
    pub fn start(&self) {
        for slot in &self.0.channels {
            self.0.tasks.spawn(run_periodically(Arc::clone(&self.0), Arc::clone(slot)));
        }
    }

    /// Stops new steps, lets calls in flight write their outcome, and waits for them.
    pub async fn close(&self) {
        self.0.stop.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    /// Runs all streams of every channel once. Skips channels that another runner owns.
    pub async fn run_cycle(&self) -> Result<(), StoreError> {
        for slot in &self.0.channels {
            cycle(&self.0, slot).await?;
        }
        Ok(())
    }

    /// Returns all channels.
    pub fn channels(&self) -> impl Iterator<Item = &Channel> {
        self.0.channels.iter().map(|slot| &slot.channel)
    }

    /// Returns the channel of a source.
    pub fn channel_of(&self, source: &SourceId) -> Option<&Channel> {
        self.0.channels.iter().map(|slot| &slot.channel).find(|channel| channel.source.id == *source)
    }

    /// Finds a channel by key.
    pub fn find_channel(&self, name: &str) -> Option<&Channel> {
        self.0.channels.iter().map(|slot| &slot.channel).find(|channel| channel.app.id == name)
    }

    /// Returns the status of a stream.
    pub async fn stream_report(&self, channel: &Channel, stream: ChannelStream) -> Result<StreamReport, StoreError> {
        let run = self.0.store.load_last_run(&channel.app.id, stream).await?;
        let tally = self.0.store.load_counts(&channel.app.id, stream).await?;
        let problems = run.last_error.iter().map(|error| error.to_problem(&channel.source.id)).collect();
        Ok(StreamReport { stream, last_run: run, counts: tally, problems })
    }

    /// Runs one stream now, including refused deliveries. Returns a problem if the channel is busy or does not exist.
    pub async fn run_stream(
        &self,
        channel: &str,
        stream: ChannelStream,
    ) -> Result<Result<StreamReport, Problem>, StoreError> {
        let Some(slot) = self.0.channels.iter().find(|slot| slot.channel.app.id == channel) else {
            return Ok(Err(Problem::new(ProblemCode::UnsupportedBySource).at_path(["input", "channel"])));
        };
        match self.0.with_lease(slot, async |work| work.run_stream(stream, true).await).await? {
            Some(_) => self.stream_report(&slot.channel, stream).await.map(Ok),
            None => Ok(Err(Problem::new(ProblemCode::SourceBusy).for_source(&slot.channel.source.id))),
        }
    }

    /// Delivers tickets of an order now.
    pub async fn deliver(&self, actor: &Actor, request: &DeliverTickets) -> Result<DeliveryOutcome, StoreError> {
        request::deliver(&self.0, actor, request).await
    }

    /// Lists the pending or the failed deliveries of a stream after a key, by ascending key, which is the order in which they are
    /// sent.
    pub async fn list_in_stream(
        &self,
        channel: &Channel,
        stream: ChannelStream,
        states: &[PushState],
        after: Option<&AppTicketKey>,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        self.0.store.list_in_states(&channel.app.id, stream, states, after, limit).await
    }

    /// Lists the deliveries of an order by ticket index.
    pub async fn list_by_order(&self, order: OrderKey) -> Result<Vec<Delivery>, StoreError> {
        self.0.store.list_by_order(order).await
    }
}

async fn cycle(context: &DeliveryContext, slot: &ChannelSlot) -> Result<(), StoreError> {
    let work = async |work: &worker::ChannelWorker<'_>| {
        for stream in ChannelStream::CYCLE_ORDER {
            if !context.stop.is_cancelled() {
                work.run_stream(stream, false).await?;
            }
        }
        Ok(())
    };
    context.with_lease(slot, work).await.map(|_| ())
}

/// Runs the streams of a channel periodically until the process stops.
async fn run_periodically(context: Arc<DeliveryContext>, slot: Arc<ChannelSlot>) {
    let run_all = || async {
        let span = tracing::error_span!(parent: None, "delivery", channel = slot.channel.app.id);
        if let Err(error) = cycle(&context, &slot).instrument(span).await {
            tracing::error!(%error, channel = slot.channel.app.id, "delivery streams failed");
        }
    };
    every(slot.channel.interval, context.stop.clone(), run_all).await;
}
