//! Watching availability: one performance, now and at each change.

use std::sync::Arc;

use async_graphql::{Context, ID, Subscription};
use futures_util::{Stream, StreamExt};

use crate::graphql::catalog::availability::Availability;
use crate::graphql::ctx::Ctx;
use crate::graphql::error::Fault;
use crate::graphql::id::{GlobalId, sourced};
use crate::graphql::loaders::PerformanceAt;
use crate::graphql::viewer::Scope;
use catalog::RequestError;

/// Watching the catalogue.
#[derive(Default)]
pub struct CatalogSubscription;

#[Subscription]
impl CatalogSubscription {
    /// What is free for a performance, now and at each change. However many watch it, the source is asked once.
    async fn availability_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of a performance.")] performance: ID,
    ) -> Result<impl Stream<Item = Availability> + use<>, Fault> {
        let ctx = Ctx::of(ctx);
        ctx.require(Scope::CatalogRead)?;
        let named = match GlobalId::decode(&performance) {
            Some(GlobalId::Performance(source, key)) => sourced(ctx.federation(), &source, key),
            _ => None,
        };
        let key = named.ok_or_else(|| RequestError::new("performance", "the id of a performance"))?;
        let found = ctx.loaders.load(PerformanceAt(key)).await?;
        let source = Arc::clone(&found.source);
        let outcomes = ctx.services.federation.watch_availability(&found);
        Ok(outcomes.map(move |outcome| Availability { source: Arc::clone(&source), outcome }))
    }
}
