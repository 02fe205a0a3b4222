//! Order queries: orders and reconciliation.

use async_graphql::{Context, ID, Object};
use catalog::InvalidArgument;
use domain::SourceId;
use orders::{self, OrderLookup, ReconcileError};

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::error::{ApiError, ErrorCode};
use crate::graphql::base::id::{GlobalId, parse_source_id};
use crate::graphql::base::scalars::DateTime;
use crate::graphql::base::viewer::Scope;
use crate::graphql::topics::orders::filter::OrderFilterInput;
use crate::graphql::topics::orders::list::{OrderConnection, OrderListArguments, OrderSortInput, list_orders};
use crate::graphql::topics::orders::order::Order;
use crate::graphql::topics::orders::reconciliation::ReconciliationReport;

/// Queries of orders.
#[derive(Default)]
pub struct OrdersQuery;

#[Object]
impl OrdersQuery {
    /// Returns an order by its id, its number or the reseller's reference. Null if it does not exist or belongs to
    /// another caller.
    async fn order(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of an order.")] id: Option<ID>,
        #[graphql(desc = "The number of an order.")] number: Option<String>,
        #[graphql(desc = "The reseller's own reference. Returns the newest order with it.")] reseller_reference: Option<
            String,
        >,
    ) -> Option<Result<Order, ApiError>> {
        let ctx = Ctx::of(ctx);
        find_order(ctx, id, number, reseller_reference).await.transpose()
    }

    /// Returns orders.
    async fn orders(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The filter.")] filter: Option<OrderFilterInput>,
        #[graphql(desc = "The sorting. Newest first, if omitted.")] order_by: Option<OrderSortInput>,
        #[graphql(desc = "Number of rows: 1 to 100, default 20.")] first: Option<i32>,
        #[graphql(desc = "The `endCursor` of the previous page, of a list with the same column of `orderBy`.")]
        after: Option<String>,
    ) -> Result<OrderConnection, ApiError> {
        let ctx = Ctx::of(ctx);
        ctx.require(Scope::OrderRead)?;
        list_orders(ctx, OrderListArguments { filter, order_by, first, after }, None).await
    }

    /// Compares the vendor's records of our account with the ledger, for one source and a window of at most 366 days.
    async fn reconciliation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The source.")] source: ID,
        #[graphql(desc = "Start of the window.")] from: DateTime,
        #[graphql(desc = "End of the window.")] to: DateTime,
    ) -> Result<ReconciliationReport, ApiError> {
        let ctx = Ctx::of(ctx);
        ctx.require(Scope::ReportRead)?;
        if ctx.viewer.reseller.is_some() {
            return Err(ApiError::new(ErrorCode::Forbidden));
        }
        let source = parse_source_id("source", &source)?;
        validate_window(from, to)?;
        load_reconciliation(ctx, &source, from, to).await
    }
}

fn validate_window(from: DateTime, to: DateTime) -> Result<(), InvalidArgument> {
    let longest = jiff::SignedDuration::from_hours(366 * 24);
    if to.at <= from.at {
        return Err(InvalidArgument::new("to", "a time after `from`"));
    }
    if to.at.duration_since(from.at) > longest {
        return Err(InvalidArgument::new("to", "at most 366 days after `from`"));
    }
    Ok(())
}

async fn load_reconciliation(
    ctx: &Ctx,
    source: &SourceId,
    from: DateTime,
    to: DateTime,
) -> Result<ReconciliationReport, ApiError> {
    let outcome = ctx.orders()?.reconcile(source, from.at, to.at).await;
    let report = outcome.map_err(|error| match error {
        ReconcileError::Store(error) => ApiError::from(error),
        ReconcileError::Source(error) => ApiError::from(error),
        ReconcileError::UnknownSource => {
            ApiError::from(InvalidArgument::new("source", "the id of a configured source"))
        }
    })?;
    ReconciliationReport::of(ctx, report).await
}

async fn find_order(
    ctx: &Ctx,
    id: Option<ID>,
    number: Option<String>,
    reseller_reference: Option<String>,
) -> Result<Option<Order>, ApiError> {
    ctx.require(Scope::OrderRead)?;
    let by = match (id, number, reseller_reference) {
        (Some(id), None, None) => match GlobalId::decode(&id) {
            Some(GlobalId::Order(key)) => OrderLookup::Key(key),
            _ => return Err(InvalidArgument::new("id", "the id of an order").into()),
        },
        (None, Some(number), None) => OrderLookup::Number(number),
        (None, None, Some(reference)) => OrderLookup::ResellerReference(reference, None),
        _ => {
            return Err(
                InvalidArgument::new("id", "the only argument of `id`, `number` and `resellerReference`").into()
            );
        }
    };
    Ok(ctx.orders()?.find(&ctx.actor(), &by).await?.map(Order::new))
}
