//! Sources: the configured vendor accounts, their capabilities and their health.

mod capacity;
mod failure;
mod health;
mod pause;
pub(in crate::graphql) mod source;
mod subscription;
mod vendor_kind;

use std::sync::Arc;

use async_graphql::{Context, Object};

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::error::ApiError;
use crate::graphql::base::viewer::Scope;

pub use capacity::SourceCapacity;
pub use failure::{FailureKindEnum, SourceFailure};
pub use health::{HealthStateEnum, SourceHealth};
pub use pause::{PauseModeEnum, SourcePause};
pub use source::{Capability, EnvironmentEnum, ExternalRef, Source};
pub use subscription::SourcesSubscription;
pub use vendor_kind::VendorKindEnum;

/// Queries of sources.
#[derive(Default)]
pub struct SourcesQuery;

#[Object]
impl SourcesQuery {
    /// Returns all sources in alphabetical order of their names.
    async fn sources(&self, ctx: &Context<'_>) -> Result<Vec<Source>, ApiError> {
        let ctx = Ctx::of(ctx);
        ctx.require(Scope::CatalogRead)?;
        Ok(ctx.catalog().sources().iter().map(|source| Source(Arc::clone(source))).collect())
    }
}
