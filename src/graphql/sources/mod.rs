//! The topic of sources: which vendor accounts there are, what they can do, how they are.

mod health;
pub(in crate::graphql) mod source;
mod vendor_kind;
mod watching;

use std::sync::Arc;

use async_graphql::{Context, Object};

use crate::graphql::ctx::Ctx;
use crate::graphql::error::Fault;
use crate::graphql::viewer::Scope;

pub use health::{HealthState, SourceHealth};
pub use source::{Capability, Environment, ExternalRef, Source};
pub use vendor_kind::VendorKind;
pub use watching::SourcesSubscription;

/// Reading sources.
#[derive(Default)]
pub struct SourcesQuery;

#[Object]
impl SourcesQuery {
    /// All sources, in alphabetical order of their names.
    async fn sources(&self, ctx: &Context<'_>) -> Result<Vec<Source>, Fault> {
        let ctx = Ctx::of(ctx);
        ctx.require(Scope::CatalogRead)?;
        Ok(ctx.federation().sources().iter().map(|source| Source(Arc::clone(source))).collect())
    }
}
