//! Webhooks: destinations of changes, their secrets, and the log of what was sent.

mod delivery;
mod input;
mod mutation;
mod object;

use async_graphql::{Context, Object};
use webhooks::{WebhookCaller, Webhooks};

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::error::{ApiError, ErrorCode};
use crate::graphql::base::viewer::Scope;

pub use mutation::WebhooksMutation;
pub use object::WebhookNode;

impl Ctx {
    /// Returns the service of webhooks, or an error if no ledger is configured.
    pub fn webhooks(&self) -> Result<&Webhooks, ApiError> {
        self.services.webhooks.as_ref().ok_or_else(|| ApiError::new(ErrorCode::UnsupportedBySource))
    }

    /// Returns the viewer as the owner of webhooks. What they read has no codes of tickets, so that scope is left out.
    fn webhook_caller(&self) -> WebhookCaller {
        let mut scopes: Vec<Scope> = Scope::ALL.iter().copied().filter(|scope| self.viewer.has_scope(*scope)).collect();
        scopes.retain(|scope| !matches!(scope, Scope::TicketBarcode | Scope::AdmissionSecret | Scope::Admin));
        WebhookCaller { actor: self.actor(), scopes, is_operator: self.require_operator().is_ok() }
    }
}

/// Checks the scope of a caller that manages webhooks.
fn require_webhooks<'a>(ctx: &Context<'a>) -> Result<&'a Ctx, ApiError> {
    let ctx = Ctx::of(ctx);
    ctx.require(Scope::WebhookWrite)?;
    Ok(ctx)
}

/// Queries of webhooks.
#[derive(Default)]
pub struct WebhooksQuery;

#[Object]
impl WebhooksQuery {
    /// Returns the webhooks of the caller's reseller, oldest first; of a caller without a reseller, all.
    async fn webhooks(&self, ctx: &Context<'_>) -> Result<Vec<WebhookNode>, ApiError> {
        let ctx = require_webhooks(ctx)?;
        let found = ctx.webhooks()?.list(&ctx.actor()).await?;
        Ok(found.into_iter().map(WebhookNode::new).collect())
    }
}
