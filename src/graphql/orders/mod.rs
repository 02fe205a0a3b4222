//! Orders: reading, buying, undoing, watching.

mod input;
mod leg;
mod line;
mod order;
mod payload;
mod plan;
mod problem;
mod query;
mod reconciliation;
mod ticket;
mod watching;
mod words;

use std::sync::Arc;

use crate::graphql::ctx::Ctx;
use crate::graphql::error::{Code, Fault};
use domain::OrderKey;
use orders::{Asker, LedgerError, OrderBy, Orders};

pub use input::{MoneyInput, OrderFilter};
pub use leg::VendorOrder;
pub use line::OrderLine;
pub use order::{Order, OrderConnection};
pub use payload::OrdersMutation;
pub use problem::problems;
pub use query::{OrdersQuery, list};
pub use ticket::{Ticket, tickets_numbered};
pub use watching::OrdersSubscription;
pub use words::words;

impl Ctx {
    /// The room of orders.
    pub fn orders(&self) -> Result<&Orders, Fault> {
        self.services.orders.as_ref().ok_or_else(|| Fault::new(Code::UnsupportedBySource))
    }

    /// Who asks, as orders see it.
    pub fn asker(&self) -> Asker {
        Asker { caller: self.viewer.id.clone(), reseller: self.viewer.reseller.clone() }
    }
}

impl From<LedgerError> for Fault {
    fn from(error: LedgerError) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "the ledger failed a request");
        Self::new(Code::LedgerUnavailable)
    }
}

/// An order that the viewer may see.
pub async fn find_order(ctx: &Ctx, key: OrderKey) -> Result<Option<Shared>, Fault> {
    Ok(ctx.orders()?.find(&ctx.asker(), &OrderBy::Key(key)).await?.map(Arc::new))
}

/// An order as it was read, shared by everything below it.
pub type Shared = Arc<orders::Order>;
