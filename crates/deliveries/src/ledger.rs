//! The port of the ledger: everything about deliveries that must survive a crash.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Stream;
use crate::parcel::{Parcel, Trouble};
use domain::OrderKey;
use domain::mobile::AppTicketKey;
use orders::LedgerError;
use orders::ledger::KeyUse;

/// The right to run the streams of a channel. The number grows with every owner, so that a late writer is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelLease {
    /// The channel.
    pub channel: String,
    /// The number of the owner.
    pub fence: u64,
}

/// The last run of a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// When it last ran.
    pub last_run_at: Option<Timestamp>,
    /// When it last ran without trouble.
    pub last_success_at: Option<Timestamp>,
    /// What went wrong in the last run.
    pub trouble: Option<Trouble>,
}

/// How far a channel has read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// The place in the feed of orders.
    pub orders: u64,
    /// The key of the app's feed; opaque, and never shared between two readers.
    pub app: Option<String>,
}

/// How many tickets wait for a stream, and how many it was refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// To be told, or told without a known answer.
    pub pending: u64,
    /// Refused by the app.
    pub failed: u64,
}

/// One change of a channel: all of it is written, or nothing.
#[derive(Debug, Default)]
pub struct ChannelChange<'a> {
    /// Parcels as they are now, new ones too.
    pub parcels: &'a [Parcel],
    /// The place in the feed of orders that they came from.
    pub orders_read: Option<u64>,
    /// The key of the app's feed that they came from.
    pub app_read: Option<&'a str>,
    /// A run of a stream.
    pub run: Option<(Stream, &'a Run)>,
}

/// Where deliveries are kept.
#[async_trait]
pub trait DeliveryLedger: Send + Sync {
    /// Takes the right to run a channel until then; none: another has it.
    async fn claim(&self, channel: &str, now: Timestamp, until: Timestamp)
    -> Result<Option<ChannelLease>, LedgerError>;

    /// Gives the right back.
    async fn give_up(&self, lease: &ChannelLease) -> Result<(), LedgerError>;

    /// Writes a change and prolongs the right; [`LedgerError::Outdated`] for a writer that lost it.
    async fn write(
        &self,
        lease: &ChannelLease,
        until: Timestamp,
        change: &ChannelChange<'_>,
    ) -> Result<(), LedgerError>;

    /// How far a channel has read.
    async fn reading(&self, channel: &str) -> Result<Reading, LedgerError>;

    /// The last run of a stream.
    async fn last_run(&self, channel: &str, stream: Stream) -> Result<Run, LedgerError>;

    /// Parcels that a stream has to tell, by ascending key, after one; those refused too where they are wanted.
    async fn due(
        &self,
        channel: &str,
        stream: Stream,
        with_refused: bool,
        after: Option<&AppTicketKey>,
        limit: usize,
    ) -> Result<Vec<Parcel>, LedgerError>;

    /// Parcels by key; those that are not there are left out.
    async fn parcels(&self, channel: &str, keys: &[AppTicketKey]) -> Result<Vec<Parcel>, LedgerError>;

    /// The parcels of an order, by number of the ticket.
    async fn parcels_of(&self, order: OrderKey) -> Result<Vec<Parcel>, LedgerError>;

    /// Orders with parcels in the app whose source shall be asked again by then, and that are not at their end.
    async fn to_check(&self, channel: &str, by: Timestamp, limit: usize) -> Result<Vec<OrderKey>, LedgerError>;

    /// How many tickets wait for a stream, and how many it was refused.
    async fn tally(&self, channel: &str, stream: Stream) -> Result<Tally, LedgerError>;

    /// Keeps the use of an idempotency key, or gives back the use that is there.
    async fn use_key(&self, used: &KeyUse, now: Timestamp) -> Result<Option<KeyUse>, LedgerError>;
}
