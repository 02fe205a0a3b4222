//! Resellers: their connections to sources, and their sales.

mod connection;
mod reseller;
mod seller;
mod statement;
mod texts;

use std::sync::Arc;

use async_graphql::{Context, ID, Object, SimpleObject};
use resellers::{Resellers, TimeZones};

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::error::{ApiError, ErrorCode};
use crate::graphql::base::id::GlobalId;
use crate::graphql::base::scalars::LocalDate;
use crate::graphql::base::viewer::Scope;
use crate::graphql::topics::problem::Problem;
use crate::graphql::topics::resellers::seller::{SellerStatement, load_seller_statements};

pub use connection::ResellerConnection;
pub use reseller::Reseller;

impl Ctx {
    /// Returns the resellers, if any are configured.
    pub fn resellers(&self) -> Option<&Arc<Resellers>> {
        self.services.resellers.as_ref()
    }

    /// Returns the time zone of each configured source.
    pub fn time_zones(&self) -> TimeZones {
        self.catalog().sources().iter().map(|source| (source.id.clone(), source.time_zone.clone())).collect()
    }

    /// Finds a reseller that the viewer may see. A viewer of one reseller cannot find out whether another reseller
    /// exists.
    pub fn find_reseller(&self, key: &str) -> Option<Reseller> {
        let resellers = self.resellers()?;
        let is_own = self.viewer.reseller.as_ref().is_none_or(|own| own == key);
        resellers.find(key).filter(|_| is_own).map(|reseller| Reseller(Arc::clone(reseller)))
    }
}

/// Queries of resellers.
#[derive(Default)]
pub struct ResellersQuery;

#[Object]
impl ResellersQuery {
    /// Returns a reseller, or null if it does not exist or is not the viewer's own.
    async fn reseller(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of a reseller.")] id: ID,
    ) -> Option<Result<Reseller, ApiError>> {
        let ctx = Ctx::of(ctx);
        if let Err(fault) = ctx.require(Scope::ReportRead) {
            return Some(Err(fault));
        }
        match GlobalId::decode(&id) {
            Some(GlobalId::Reseller(key)) => ctx.find_reseller(&key).map(Ok),
            _ => None,
        }
    }

    /// Returns the resellers that the viewer may see.
    async fn resellers(&self, ctx: &Context<'_>) -> Result<Vec<Reseller>, ApiError> {
        let ctx = Ctx::of(ctx);
        ctx.require(Scope::ReportRead)?;
        let keys = ctx.resellers().into_iter().flat_map(|resellers| resellers.list());
        Ok(keys.filter_map(|reseller| ctx.find_reseller(&reseller.key)).collect())
    }

    /// Returns the sales of every seller in a range of days: the direct sales of the own shop first, then each reseller, also
    /// without sales. Not for callers of a reseller.
    async fn seller_statements(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The first day, in the zone of each source.")] from: LocalDate,
        #[graphql(desc = "The last day; at most 366 days after the first.")] to: LocalDate,
    ) -> Result<Vec<SellerStatement>, ApiError> {
        load_seller_statements(Ctx::of(ctx), from, to).await
    }
}

/// Result of `checkResellerConnection`.
#[derive(SimpleObject)]
pub struct ResellerConnectionPayload {
    /// The connection in its current state.
    connection: Option<ResellerConnection>,
    /// The failures to reach the vendor.
    problems: Vec<Problem>,
}

/// Mutations of resellers.
#[derive(Default)]
pub struct ResellersMutation;

#[Object]
impl ResellersMutation {
    /// Runs the readiness checks of a connection again, against the vendor.
    async fn check_reseller_connection(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of a connection.")] connection: ID,
    ) -> Result<ResellerConnectionPayload, ApiError> {
        let ctx = Ctx::of(ctx);
        ctx.require(Scope::ReportRead)?;
        let connection = match GlobalId::decode(&connection) {
            Some(GlobalId::Connection(reseller, source)) => ResellerConnection::find(ctx, &reseller, &source),
            _ => None,
        };
        let Some(connection) = connection else {
            let error = catalog::InvalidArgument::new("connection", "the id of a connection that is yours");
            return Err(error.into());
        };
        let resellers = ctx.resellers().ok_or_else(|| ApiError::new(ErrorCode::NotFound))?;
        let readiness = resellers.check_now(connection.reseller_key(), connection.source_id()).await;
        let problems = readiness.iter().flat_map(|readiness| connection::first_problem(ctx, readiness)).collect();
        Ok(ResellerConnectionPayload { connection: Some(connection), problems })
    }
}
