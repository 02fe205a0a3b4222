//! A delivery channel and its four streams.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object};

use crate::graphql::ctx::Ctx;
use crate::graphql::error::{Code, Fault};
use crate::graphql::id;
use crate::graphql::orders::problems;
use crate::graphql::problem::Problem;
use crate::graphql::scalars::{DateTime, int};
use crate::graphql::sources::Source;
use deliveries;
use deliveries::StreamReport;

/// What goes through a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "deliveries::Stream")]
pub enum DeliveryStreamKind {
    /// Tickets into the app.
    Injection,
    /// Tickets out of it that are no longer good.
    Cancelled,
    /// Tickets whose visitors were let in.
    Controlled,
    /// What the app says of its tickets.
    Status,
}

/// The mobile delivery system tied to a source, and its four data streams.
#[derive(Clone)]
pub struct DeliveryChannel(pub Arc<deliveries::Channel>);

impl DeliveryChannel {
    /// A channel as it is configured.
    pub fn of(channel: &deliveries::Channel) -> Self {
        Self(Arc::new(channel.clone()))
    }

    /// A channel by its name; none where there is no such channel.
    pub fn find(ctx: &Ctx, channel: &str) -> Option<Self> {
        ctx.services.deliveries.as_ref()?.find_channel(channel).map(Self::of)
    }
}

/// The mobile delivery system tied to a source, and its four data streams.
#[Object]
impl DeliveryChannel {
    /// Names the channel in the whole graph. Opaque.
    pub async fn id(&self) -> ID {
        id::channel_id(&self.0.app.id)
    }

    /// The app.
    async fn app(&self) -> &str {
        self.0.app.app
    }

    /// The source whose tickets it delivers.
    async fn source(&self, ctx: &Context<'_>) -> Result<Source, Fault> {
        let source = Ctx::of(ctx).federation().find_source(&self.0.source.id);
        source.map(|source| Source(Arc::clone(source))).ok_or_else(|| Fault::new(Code::SourceGone))
    }

    /// Its streams.
    async fn streams(&self, ctx: &Context<'_>) -> Result<Vec<DeliveryStream>, Fault> {
        let deliveries = Ctx::of(ctx).deliveries()?;
        let mut streams = Vec::with_capacity(deliveries::Stream::ALL.len());
        for stream in deliveries::Stream::ALL {
            streams.push(DeliveryStream(deliveries.report(&self.0, stream).await?));
        }
        Ok(streams)
    }
}

/// One of the four streams of a channel.
pub struct DeliveryStream(pub StreamReport);

/// One of the four streams of a channel.
#[Object]
impl DeliveryStream {
    /// Which one.
    async fn kind(&self) -> DeliveryStreamKind {
        self.0.stream.into()
    }

    /// When it last ran; null: never.
    async fn last_run_at(&self) -> Option<DateTime> {
        self.0.run.last_run_at.map(DateTime::utc)
    }

    /// When it last ran without trouble; null: never.
    async fn last_success_at(&self) -> Option<DateTime> {
        self.0.run.last_success_at.map(DateTime::utc)
    }

    /// How many tickets wait for it.
    async fn pending(&self) -> i32 {
        int(u32::try_from(self.0.tally.pending).unwrap_or(u32::MAX))
    }

    /// How many tickets the app refused. They are told again when the stream is run on demand.
    async fn failed(&self) -> i32 {
        int(u32::try_from(self.0.tally.failed).unwrap_or(u32::MAX))
    }

    /// What went wrong in the last run.
    async fn problems(&self, ctx: &Context<'_>) -> Vec<Problem> {
        problems(Ctx::of(ctx), None, &self.0.problems)
    }
}
