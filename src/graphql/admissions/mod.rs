//! The topic of the gate: staff credentials.

mod mutation;
mod token;

use async_graphql::{Context, ID, Object};

use crate::graphql::ctx::Ctx;
use crate::graphql::error::{Code, Fault};
use crate::graphql::id;
use crate::graphql::loaders::TokenAt;
use crate::graphql::viewer::Scope;

pub use mutation::AdmissionsMutation;
pub use token::{AdmissionToken, AdmissionTokenConnection, AdmissionTokenEdge};

/// Reading the gate.
#[derive(Default)]
pub struct AdmissionsQuery;

#[Object]
impl AdmissionsQuery {
    /// A staff credential by its id; null when the source does not know it. Needs the scope `admission:read`.
    async fn admission_token(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of an admission token.")] id: ID,
    ) -> Option<Result<AdmissionToken, Fault>> {
        match load_token(Ctx::of(ctx), &id).await {
            Err(fault) if fault.code() == Code::NotFound => None,
            outcome => Some(outcome),
        }
    }
}

async fn load_token(ctx: &Ctx, id: &ID) -> Result<AdmissionToken, Fault> {
    ctx.require(Scope::AdmissionRead)?;
    let key = id::token_argument(ctx.federation(), "id", id)?;
    let token = ctx.loaders.load(TokenAt(key.clone())).await?;
    Ok(AdmissionToken::alone(key.source, token))
}
