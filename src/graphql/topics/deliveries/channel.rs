//! A delivery channel and its four streams.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object};
use deliveries::StreamReport;

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::error::{ApiError, ErrorCode};
use crate::graphql::base::id;
use crate::graphql::base::scalars::{DateTime, int};
use crate::graphql::topics::deliveries::queue::{StreamTicketConnection, StreamTicketState, load_stream_tickets};
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
            let report = deliveries.stream_report(&self.0, *stream).await?;
            streams.push(DeliveryStream { channel: Arc::clone(&self.0), report });
        }
        Ok(streams)
    }
}

/// A data stream of a channel.
pub(super) struct DeliveryStream {
    /// The channel.
    pub channel: Arc<deliveries::Channel>,
    /// The status of the stream.
    pub report: StreamReport,
}

/// A data stream of a channel.
#[Object]
impl DeliveryStream {
    /// The kind of stream.
    async fn kind(&self) -> DeliveryStreamKind {
        self.report.stream.into()
    }

    /// Time of the last run. Null if it never ran.
    async fn last_run_at(&self) -> Option<DateTime> {
        self.report.last_run.last_run_at.map(DateTime::utc)
    }

    /// Time of the last run without errors. Null if there was none.
    async fn last_success_at(&self) -> Option<DateTime> {
        self.report.last_run.last_success_at.map(DateTime::utc)
    }

    /// Number of tickets waiting for the stream.
    async fn pending(&self) -> i32 {
        int(u32::try_from(self.report.counts.pending).unwrap_or(u32::MAX))
    }

    /// Number of tickets that the app rejected. They are sent again when the stream is run on demand.
    async fn failed(&self) -> i32 {
        int(u32::try_from(self.report.counts.failed).unwrap_or(u32::MAX))
    }

    /// The problems of the last run.
    async fn problems(&self, ctx: &Context<'_>) -> Vec<Problem> {
        to_problems(Ctx::of(ctx), None, &self.report.problems)
    }

    /// Returns the tickets that wait for the stream, or those that the app rejected, in the order in which they are sent. Needs
    /// the scope `order:read`; not for callers of a reseller, because a stream delivers the tickets of all.
    async fn tickets(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The state of the tickets in the stream.")] state: StreamTicketState,
        #[graphql(desc = "Number of rows: 1 to 100, default 20.")] first: Option<i32>,
        #[graphql(desc = "The `endCursor` of the previous page.")] after: Option<String>,
    ) -> Result<StreamTicketConnection, ApiError> {
        let stream = (&*self.channel, self.report.stream);
        load_stream_tickets(Ctx::of(ctx), stream, state, first, after).await
    }
}
