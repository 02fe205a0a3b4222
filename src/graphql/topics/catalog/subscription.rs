//! Subscription to the availability of a performance.

use std::sync::Arc;

use async_graphql::{Context, ID, Subscription};
use catalog::InvalidArgument;
use futures_util::{Stream, StreamExt};

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::error::ApiError;
use crate::graphql::base::id::{GlobalId, find_sourced};
use crate::graphql::base::loaders::PerformanceByKey;
use crate::graphql::base::viewer::Scope;
use crate::graphql::topics::catalog::availability::Availability;

/// Subscriptions of the catalog.
#[derive(Default)]
pub struct CatalogSubscription;

#[Subscription]
impl CatalogSubscription {
    /// Emits the availability of a performance, now and at each change. Any number of subscribers share one poll of the
    /// source.
    async fn availability_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of a performance.")] performance: ID,
    ) -> Result<impl Stream<Item = Availability> + use<>, ApiError> {
        let ctx = Ctx::of(ctx);
        ctx.require(Scope::CatalogRead)?;
        let named = match GlobalId::decode(&performance) {
            Some(GlobalId::Performance(source, key)) => find_sourced(ctx.catalog(), &source, key),
            _ => None,
        };
        let key = named.ok_or_else(|| InvalidArgument::new("performance", "the id of a performance"))?;
        let found = ctx.loaders.load(PerformanceByKey(key)).await?;
        let source = Arc::clone(&found.source);
        let outcomes = ctx.services.catalog.watch_availability(&found);
        Ok(outcomes.map(move |outcome| Availability { source: Arc::clone(&source), outcome }))
    }
}
