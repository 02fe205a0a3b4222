//! Watching sources.

use async_graphql::{Context, Subscription};
use futures_util::{Stream, StreamExt};

use crate::graphql::ctx::Ctx;
use crate::graphql::error::Fault;
use crate::graphql::sources::source::Source;
use crate::graphql::viewer::Scope;

/// Watching sources.
#[derive(Default)]
pub struct SourcesSubscription;

#[Subscription]
impl SourcesSubscription {
    /// A source whose health changed: its state, or whether calls to it are held back.
    async fn source_health_changed(&self, ctx: &Context<'_>) -> Result<impl Stream<Item = Source> + use<>, Fault> {
        let ctx = Ctx::of(ctx);
        ctx.require(Scope::CatalogRead)?;
        Ok(ctx.services.federation.watch_health().map(Source))
    }
}
