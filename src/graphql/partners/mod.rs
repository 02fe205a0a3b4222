//! The topic of partners: resellers, how they are set up in each source, and what they sold.

mod connection;
mod reseller;
mod statement;

use std::sync::Arc;

use async_graphql::{Context, ID, Object, SimpleObject};

use crate::graphql::ctx::Ctx;
use crate::graphql::error::{Code, Fault};
use crate::graphql::id::GlobalId;
use crate::graphql::problem::Problem;
use crate::graphql::viewer::Scope;
use resellers::Partners;

pub use connection::ResellerConnection;
pub use reseller::Reseller;

impl Ctx {
    /// The resellers; without them there are none to be found.
    pub fn partners(&self) -> Option<&Arc<Partners>> {
        self.services.partners.as_ref()
    }

    /// A reseller that the viewer may know of. A viewer of one reseller learns nothing of the others, not even that they are there.
    pub fn find_reseller(&self, key: &str) -> Option<Reseller> {
        let partners = self.partners()?;
        let is_own = self.viewer.reseller.as_ref().is_none_or(|own| own == key);
        partners.find(key).filter(|_| is_own).map(|reseller| Reseller(Arc::clone(reseller)))
    }
}

/// Reading resellers.
#[derive(Default)]
pub struct PartnersQuery;

#[Object]
impl PartnersQuery {
    /// A reseller. Null when there is none of this id, or it is not yours.
    async fn reseller(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of a reseller.")] id: ID,
    ) -> Option<Result<Reseller, Fault>> {
        let ctx = Ctx::of(ctx);
        if let Err(fault) = ctx.require(Scope::ReportRead) {
            return Some(Err(fault));
        }
        match GlobalId::decode(&id) {
            Some(GlobalId::Reseller(key)) => ctx.find_reseller(&key).map(Ok),
            _ => None,
        }
    }

    /// The resellers that you may see.
    async fn resellers(&self, ctx: &Context<'_>) -> Result<Vec<Reseller>, Fault> {
        let ctx = Ctx::of(ctx);
        ctx.require(Scope::ReportRead)?;
        let keys = ctx.partners().into_iter().flat_map(|partners| partners.all());
        Ok(keys.filter_map(|reseller| ctx.find_reseller(&reseller.key)).collect())
    }
}

/// A connection after its checks.
#[derive(SimpleObject)]
pub struct ResellerConnectionPayload {
    /// The connection as it is now.
    connection: Option<ResellerConnection>,
    /// Why it could not be asked.
    problems: Vec<Problem>,
}

/// Checking resellers.
#[derive(Default)]
pub struct PartnersMutation;

#[Object]
impl PartnersMutation {
    /// Runs the readiness checks of a connection again, against the vendor.
    async fn check_reseller_connection(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of a connection.")] connection: ID,
    ) -> Result<ResellerConnectionPayload, Fault> {
        let ctx = Ctx::of(ctx);
        ctx.require(Scope::ReportRead)?;
        let found = match GlobalId::decode(&connection) {
            Some(GlobalId::Connection(reseller, source)) => ResellerConnection::find(ctx, &reseller, &source),
            _ => None,
        };
        let Some(found) = found else {
            let told = catalog::RequestError::new("connection", "the id of a connection that is yours");
            return Err(told.into());
        };
        let partners = ctx.partners().ok_or_else(|| Fault::new(Code::NotFound))?;
        let asked = partners.check(found.reseller_key(), found.source_id()).await;
        let problems = asked.iter().flat_map(|asked| connection::problems(ctx, asked)).collect();
        Ok(ResellerConnectionPayload { connection: Some(found), problems })
    }
}
