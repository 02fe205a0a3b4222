//! A delivery channel and its four streams.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object};
use deliveries::StreamReport;

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::error::{ApiError, ErrorCode};
use crate::graphql::base::id;
use crate::graphql::base::scalars::{DateTime, int};
use crate::graphql::topics::orders::to_problems;
use crate::graphql::topics::problem::Problem;
use crate::graphql::topics::sources::Source;

/// A data stream of a delivery channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "deliveries::ChannelStream")]
pub enum DeliveryStreamKind {
    /// Tickets sent to the app.
    Injection,
    /// Tickets removed from the app because they are no longer valid.
    Cancelled,
    /// Tickets whose visitors were admitted.
    Controlled,
    /// Ticket states reported by the app.
    Status,
}

/// The mobile delivery system of a source, with its four data streams.
#[derive(Clone)]
pub struct DeliveryChannel(pub Arc<deliveries::Channel>);

impl DeliveryChannel {
    /// Creates the GraphQL object of a configured channel.
    pub fn new(channel: &deliveries::Channel) -> Self {
        Self(Arc::new(channel.clone()))
    }

    /// Finds a channel by its name.
    pub fn find(ctx: &Ctx, channel: &str) -> Option<Self> {
        ctx.services.deliveries.as_ref()?.find_channel(channel).map(Self::new)
    }
}

/// The mobile delivery system of a source, with its four data streams.
#[Object]
impl DeliveryChannel {
    /// Global id of the channel. Opaque.
    pub async fn id(&self) -> ID {
        id::channel_id(&self.0.app.id)
    }

    /// The app.
    async fn app(&self) -> &str {
        self.0.app.app
    }

    /// The source whose tickets it delivers.
    async fn source(&self, ctx: &Context<'_>) -> Result<Source, ApiError> {
        let source = Ctx::of(ctx).catalog().find_source(&self.0.source.id);
        source.map(|source| Source(Arc::clone(source))).ok_or_else(|| ApiError::new(ErrorCode::SourceGone))
    }

    /// The data streams.
    async fn streams(&self, ctx: &Context<'_>) -> Result<Vec<DeliveryStream>, ApiError> {
        let deliveries = Ctx::of(ctx).deliveries()?;
        let mut streams = Vec::with_capacity(deliveries::ChannelStream::ALL.len());
        for stream in deliveries::ChannelStream::ALL {
            streams.push(DeliveryStream(deliveries.stream_report(&self.0, *stream).await?));
        }
        Ok(streams)
    }
}

/// A data stream of a channel.
pub(super) struct DeliveryStream(pub StreamReport);

/// A data stream of a channel.
#[Object]
impl DeliveryStream {
    /// The kind of stream.
    async fn kind(&self) -> DeliveryStreamKind {
        self.0.stream.into()
    }

    /// Time of the last run. Null if it never ran.
    async fn last_run_at(&self) -> Option<DateTime> {
        self.0.last_run.last_run_at.map(DateTime::utc)
    }

    /// Time of the last run without errors. Null if there was none.
    async fn last_success_at(&self) -> Option<DateTime> {
        self.0.last_run.last_success_at.map(DateTime::utc)
    }

    /// Number of tickets waiting for the stream.
    async fn pending(&self) -> i32 {
        int(u32::try_from(self.0.counts.pending).unwrap_or(u32::MAX))
    }

    /// Number of tickets that the app rejected. They are sent again when the stream is run on demand.
    async fn failed(&self) -> i32 {
        int(u32::try_from(self.0.counts.failed).unwrap_or(u32::MAX))
    }

    /// The problems of the last run.
    async fn problems(&self, ctx: &Context<'_>) -> Vec<Problem> {
        to_problems(Ctx::of(ctx), None, &self.0.problems)
    }
}
