//! Reading orders, their feed, and their reconciliation.

use async_graphql::{Context, ID, Object, SimpleObject};

use crate::graphql::ctx::Ctx;
use crate::graphql::error::{Code, Fault};
use crate::graphql::id::{self, GlobalId, source_argument};
use crate::graphql::orders::input::OrderFilter;
use crate::graphql::orders::order::{Order, OrderConnection, feed_cursor, feed_cursor_of, order_cursor, slice_info};
use crate::graphql::orders::reconciliation::ReconciliationReport;
use crate::graphql::page::{PageInfo, page_cost};
use crate::graphql::scalars::DateTime;
use crate::graphql::viewer::Scope;
use catalog::{PageSize, RequestError};
use domain::SourceId;
use orders::{self, OrderBy, ReconcileError, Slice};

/// Reading orders.
#[derive(Default)]
pub struct OrdersQuery;

#[Object]
impl OrdersQuery {
    /// One order, by its id, its number, or the reseller's reference. Null when there is none, or it is not yours.
    async fn order(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of an order.")] id: Option<ID>,
        #[graphql(desc = "The number of an order.")] number: Option<String>,
        #[graphql(desc = "The reseller's own reference: its youngest order.")] reseller_reference: Option<String>,
    ) -> Option<Result<Order, Fault>> {
        let ctx = Ctx::of(ctx);
        find(ctx, id, number, reseller_reference).await.transpose()
    }

    /// Orders, youngest first.
    #[graphql(complexity = "page_cost(first, child_complexity)")]
    async fn orders(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which ones.")] filter: Option<OrderFilter>,
        #[graphql(desc = "How many, 1 to 100; 20 by default.")] first: Option<i32>,
        #[graphql(desc = "The cursor of the order before.")] after: Option<String>,
    ) -> Result<OrderConnection, Fault> {
        let ctx = Ctx::of(ctx);
        ctx.require(Scope::OrderRead)?;
        list(ctx, filter.unwrap_or_default(), first, after, None).await
    }

    /// The replayable feed: what a subscription may have missed, oldest first.
    async fn changes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The cursor of the last line that you saw; none: from the begin.")] after: Option<String>,
        #[graphql(desc = "How many, 1 to 100; 20 by default.")] first: Option<i32>,
    ) -> Result<ChangeConnection, Fault> {
        let ctx = Ctx::of(ctx);
        ctx.require(Scope::OrderRead)?;
        let (rows, place) = (PageSize::new(first)?.rows(), feed_cursor(after.as_deref())?);
        let slice = ctx.orders()?.changes(&ctx.asker(), place, rows).await?;
        Ok(ChangeConnection { slice, had_before: place > 0 })
    }

    /// What a vendor holds under our account beside what the ledger holds, for one source and window of at most 366 days.
    async fn reconciliation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The source.")] source: ID,
        #[graphql(desc = "Begin of the window.")] from: DateTime,
        #[graphql(desc = "End of the window.")] to: DateTime,
    ) -> Result<ReconciliationReport, Fault> {
        let ctx = Ctx::of(ctx);
        ctx.require(Scope::ReportRead)?;
        if ctx.viewer.reseller.is_some() {
            return Err(Fault::new(Code::Forbidden));
        }
        let source = source_argument("source", &source)?;
        check_window(from, to)?;
        reconcile(ctx, &source, from, to).await
    }
}

fn check_window(from: DateTime, to: DateTime) -> Result<(), RequestError> {
    let longest = jiff::SignedDuration::from_hours(366 * 24);
    if to.at <= from.at {
        return Err(RequestError::new("to", "an instant after `from`"));
    }
    if to.at.duration_since(from.at) > longest {
        return Err(RequestError::new("to", "at most 366 days after `from`"));
    }
    Ok(())
}

async fn reconcile(ctx: &Ctx, source: &SourceId, from: DateTime, to: DateTime) -> Result<ReconciliationReport, Fault> {
    let outcome = ctx.orders()?.reconcile(source, from.at, to.at).await;
    let report = outcome.map_err(|error| match error {
        ReconcileError::Ledger(error) => Fault::from(error),
        ReconcileError::Source(error) => Fault::from(error),
        ReconcileError::UnknownSource => Fault::from(RequestError::new("source", "the id of a configured source")),
    })?;
    ReconciliationReport::of(ctx, report).await
}

async fn find(
    ctx: &Ctx,
    id: Option<ID>,
    number: Option<String>,
    reseller_reference: Option<String>,
) -> Result<Option<Order>, Fault> {
    ctx.require(Scope::OrderRead)?;
    let by = match (id, number, reseller_reference) {
        (Some(id), None, None) => match GlobalId::decode(&id) {
            Some(GlobalId::Order(key)) => OrderBy::Key(key),
            _ => return Err(RequestError::new("id", "the id of an order").into()),
        },
        (None, Some(number), None) => OrderBy::Number(number),
        (None, None, Some(reference)) => OrderBy::ResellerReference(reference, None),
        _ => {
            return Err(
                RequestError::new("id", "given, or `number`, or `resellerReference`: exactly one of them").into()
            );
        }
    };
    Ok(ctx.orders()?.find(&ctx.asker(), &by).await?.map(Order::new))
}

/// A page of orders; where given, only those of a reseller.
pub async fn list(
    ctx: &Ctx,
    filter: OrderFilter,
    first: Option<i32>,
    after: Option<String>,
    reseller: Option<String>,
) -> Result<OrderConnection, Fault> {
    let rows = PageSize::new(first)?.rows();
    let cursor = order_cursor(after.as_deref())?;
    let sources: Result<Vec<SourceId>, RequestError> =
        filter.sources.unwrap_or_default().iter().map(|id| source_argument("filter.sources", id)).collect();
    if let (Some(from), Some(to)) = (filter.created_from, filter.created_to)
        && to.at <= from.at
    {
        return Err(RequestError::new("filter.createdTo", "an instant after `createdFrom`").into());
    }
    let filter = orders::OrderFilter {
        status: filter.status.unwrap_or_default().into_iter().map(Into::into).collect(),
        sources: sources?,
        created_from: filter.created_from.map(|at| at.at),
        created_to: filter.created_to.map(|at| at.at),
        updated_since: filter.updated_since.map(|at| at.at),
        is_test: filter.test_mode,
        reseller,
        starts_from: None,
    };
    let page = ctx.orders()?.list(&ctx.asker(), &filter, cursor.as_ref(), rows).await?;
    Ok(OrderConnection { page, had_before: cursor.is_some() })
}

/// A page of the feed, oldest first.
pub struct ChangeConnection {
    slice: Slice<orders::Change>,
    had_before: bool,
}

/// A page of the feed, oldest first.
#[Object]
impl ChangeConnection {
    /// The lines with their cursors.
    async fn edges(&self) -> Vec<ChangeEdge> {
        let lines = self.slice.lines.iter();
        lines.map(|(place, line)| ChangeEdge { cursor: feed_cursor_of(*place), node: Change::of(line) }).collect()
    }

    /// The lines.
    async fn nodes(&self) -> Vec<Change> {
        self.slice.lines.iter().map(|(_, line)| Change::of(line)).collect()
    }

    /// Where the page stands.
    async fn page_info(&self) -> PageInfo {
        slice_info(&self.slice, self.had_before)
    }
}

/// A line of the feed in a page.
#[derive(SimpleObject)]
pub struct ChangeEdge {
    /// Where the line stands.
    cursor: String,
    /// The line.
    node: Change,
}

/// A line of the replayable feed: what a subscription may have missed.
#[derive(SimpleObject)]
pub struct Change {
    /// Where the line stands; give it as `after`.
    cursor: String,
    /// When.
    at: DateTime,
    /// What changed; refetch it by `node`.
    node_id: ID,
    /// What kind of thing it is.
    kind: String,
    /// Its version then.
    version: i32,
}

impl Change {
    fn of(line: &orders::Change) -> Self {
        Self {
            cursor: feed_cursor_of(line.cursor),
            at: DateTime::utc(line.at),
            node_id: id::order_id(line.order),
            kind: "Order".to_owned(),
            version: i32::try_from(line.version).unwrap_or(i32::MAX),
        }
    }
}
