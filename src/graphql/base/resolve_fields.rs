//! The extension of the executor: one for everything, because each costs every field.

use std::sync::Arc;

use async_graphql::extensions::{Extension, ExtensionContext, ExtensionFactory, NextResolve, ResolveInfo};
use async_graphql::{ServerResult, Value};

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::deferred::DeferredPass;
use crate::graphql::schema::DESCRIPTION;

/// Counts each field and each item of a list that the executor resolves, delivers the objects of deferred fragments, and describes the
/// schema, for which the executor has one fixed text.
pub(in crate::graphql) struct ResolveFields;

impl ExtensionFactory for ResolveFields {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_trait::async_trait]
impl Extension for ResolveFields {
    async fn resolve(
        &self,
        ctx: &ExtensionContext<'_>,
        info: ResolveInfo<'_>,
        next: NextResolve<'_>,
    ) -> ServerResult<Option<Value>> {
        let Some(app) = ctx.data_opt::<Arc<Ctx>>() else { return next.run(ctx, info).await };
        if app.budget.spend(1).is_none() {
            // Nothing below is resolved; the response becomes an error.
            return Ok(Some(Value::Null));
        }
        if info.parent_type == "__Schema" && info.name == "description" {
            return Ok(Some(Value::from(DESCRIPTION)));
        }
        match ctx.data_opt::<Arc<DeferredPass>>() {
            Some(pass) => pass.resolve(app, ctx, info, next).await,
            None => next.run(ctx, info).await,
        }
    }
}
