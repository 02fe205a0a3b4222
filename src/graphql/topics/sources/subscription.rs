//! Subscriptions to the health of sources.

use async_graphql::{Context, Subscription};
use futures_util::{Stream, StreamExt};

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::error::ApiError;
use crate::graphql::base::viewer::Scope;
use crate::graphql::topics::sources::source::Source;

/// Subscriptions of sources.
#[derive(Default)]
pub struct SourcesSubscription;

#[Subscription]
impl SourcesSubscription {
    /// Emits a source when its health changes: its state, or whether calls are throttled.
    async fn source_health_changed(&self, ctx: &Context<'_>) -> Result<impl Stream<Item = Source> + use<>, ApiError> {
        let ctx = Ctx::of(ctx);
        ctx.require(Scope::CatalogRead)?;
        Ok(ctx.services.catalog.watch_health().map(Source))
    }
}
