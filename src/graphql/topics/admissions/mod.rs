//! Admissions: the staff credentials of the gate.

mod mutation;
mod token;

use async_graphql::{Context, ID, Object};

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::error::{ApiError, ErrorCode};
use crate::graphql::base::id;
use crate::graphql::base::loaders::TokenByKey;
use crate::graphql::base::viewer::Scope;

pub use mutation::AdmissionsMutation;
pub use token::{AdmissionToken, AdmissionTokenConnection, AdmissionTokenEdge};

/// Queries of the gate.
#[derive(Default)]
pub struct AdmissionsQuery;

#[Object]
impl AdmissionsQuery {
    /// Returns a staff credential by its id, or null when the source does not have it. Requires the scope
    /// `admission:read`.
    async fn admission_token(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of an admission token.")] id: ID,
    ) -> Option<Result<AdmissionToken, ApiError>> {
        match load_token(Ctx::of(ctx), &id).await {
            Err(fault) if fault.code() == ErrorCode::NotFound => None,
            outcome => Some(outcome),
        }
    }
}

async fn load_token(ctx: &Ctx, id: &ID) -> Result<AdmissionToken, ApiError> {
    ctx.require(Scope::AdmissionRead)?;
    let key = id::parse_token_id(ctx.catalog(), "id", id)?;
    let token = ctx.loaders.load(TokenByKey(key.clone())).await?;
    Ok(AdmissionToken::without_event(key.source, token))
}
