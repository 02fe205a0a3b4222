//! Orders: queries, mutations and subscriptions.

mod filter;
mod input;
mod leg;
mod line;
mod list;
mod messages;
mod operator;
mod order;
mod payload;
mod plan;
mod problem;
mod query;
mod reconciliation;
mod subscription;
mod ticket;

use std::sync::Arc;

use domain::OrderKey;
use domain::StoreError;
use orders::{Actor, OrderLookup, Orders};

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::error::{ApiError, ErrorCode};

pub use filter::OrderFilterInput;
pub use input::MoneyInput;
pub use leg::VendorOrder;
pub use line::OrderLine;
pub use list::{OrderConnection, OrderListArguments, OrderSortInput, list_orders};
pub use messages::messages;
pub use operator::OperatorMutation;
pub use order::{Order, to_page_info};
pub use payload::OrdersMutation;
pub use problem::to_problems;
pub use query::OrdersQuery;
pub use subscription::OrdersSubscription;
pub use ticket::{Ticket, find_app_delivery, load_numbered_tickets};

impl Ctx {
    /// Returns the order service, or an error if it is not configured.
    pub fn orders(&self) -> Result<&Orders, ApiError> {
        self.services.orders.as_ref().ok_or_else(|| ApiError::new(ErrorCode::UnsupportedBySource))
    }

    /// Returns the viewer as the actor of order operations.
    pub fn actor(&self) -> Actor {
        Actor { caller: self.viewer.id.clone(), reseller: self.viewer.reseller.clone() }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "order store request failed");
        Self::new(ErrorCode::LedgerUnavailable)
    }
}

/// Finds an order that the viewer may see.
pub async fn find_order(ctx: &Ctx, key: OrderKey) -> Result<Option<SharedOrder>, ApiError> {
    Ok(ctx.orders()?.find(&ctx.actor(), &OrderLookup::Key(key)).await?.map(Arc::new))
}

/// A loaded order, shared by its GraphQL objects.
pub type SharedOrder = Arc<orders::Order>;
