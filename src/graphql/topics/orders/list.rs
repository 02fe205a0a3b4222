//! Lists of orders: sorting, pages and their cursors.

use async_graphql::{Context, Enum, InputObject, Object};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use catalog::{InvalidArgument, PageSize};
use orders::{OrderCursor, OrderFilter, OrderPage, OrderSort, PageRequest, SortColumn};

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::error::ApiError;
use crate::graphql::base::page::PageInfo;
use crate::graphql::topics::orders::filter::OrderFilterInput;
use crate::graphql::topics::orders::order::Order;

/// Beginning of a cursor: its version.
const CURSOR: &str = "2o ";

/// A column that orders are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(name = "OrderSortColumn", remote = "SortColumn")]
pub enum OrderSortColumn {
    /// The creation time.
    Created,
    /// The day of the first visit. Open visits come before all days. Orders of an earlier version are missing until they are indexed, in the
    /// minutes after an upgrade.
    Visit,
    /// The requested total in the order's first currency by code: by currency, then by amount. Nothing is converted. Orders of an
    /// earlier version are missing as by `VISIT`.
    Total,
    /// The name of the state, then the creation time. An order whose state changes between two pages may be missing or come twice.
    Status,
}

/// A direction of sorting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum SortDirection {
    /// The smallest value first.
    Asc,
    /// The greatest value first.
    Desc,
}

/// Sorting of orders.
#[derive(InputObject)]
#[graphql(name = "OrderSort")]
pub struct OrderSortInput {
    /// The column.
    column: OrderSortColumn,
    /// The direction.
    #[graphql(default_with = "SortDirection::Asc")]
    direction: SortDirection,
}

impl From<OrderSortInput> for OrderSort {
    fn from(sort: OrderSortInput) -> Self {
        Self { column: sort.column.into(), is_descending: sort.direction == SortDirection::Desc }
    }
}

/// The arguments of a list of orders.
pub struct OrderListArguments {
    /// The filter.
    pub filter: Option<OrderFilterInput>,
    /// The sorting; newest first, if omitted.
    pub order_by: Option<OrderSortInput>,
    /// Number of rows.
    pub first: Option<i32>,
    /// The cursor of the previous page.
    pub after: Option<String>,
}

/// Returns a page of orders, only those of `reseller` if it is given.
pub async fn list_orders(
    ctx: &Ctx,
    arguments: OrderListArguments,
    reseller: Option<String>,
) -> Result<OrderConnection, ApiError> {
    let OrderListArguments { filter, order_by, first, after } = arguments;
    let first = PageSize::new(first)?.rows();
    let sort: OrderSort = order_by.map(Into::into).unwrap_or_default();
    let after = decode_order_cursor(after.as_deref(), sort.column)?;
    let filter = filter.unwrap_or_default().into_filter(ctx, reseller)?;
    let page = ctx.orders()?.list(&ctx.actor(), &filter, &PageRequest { sort, after, first }).await?;
    Ok(OrderConnection { page, filter, column: sort.column, has_previous: after.is_some() })
}

/// A page of orders.
pub struct OrderConnection {
    page: OrderPage,
    filter: OrderFilter,
    column: SortColumn,
    /// True if the page was requested with a cursor.
    has_previous: bool,
}

/// A page of orders.
#[Object]
impl OrderConnection {
    /// The orders with their cursors.
    async fn edges(&self) -> Vec<OrderEdge> {
        let orders = self.page.orders.iter().cloned();
        orders.map(|order| OrderEdge(Order::new(order), self.column)).collect()
    }

    /// The orders.
    async fn nodes(&self) -> Vec<Order> {
        self.page.orders.iter().cloned().map(Order::new).collect()
    }

    /// Paging information.
    async fn page_info(&self) -> PageInfo {
        let cursor = |order: &orders::Order| encode_order_cursor(order, self.column);
        PageInfo {
            has_next_page: self.page.has_more,
            has_previous_page: self.has_previous,
            start_cursor: self.page.orders.first().map(cursor),
            end_cursor: self.page.orders.last().map(cursor),
        }
    }

    /// Total number of matches. They are counted for this field only; null if that takes too long.
    async fn total_count(&self, ctx: &Context<'_>) -> Option<Result<i32, ApiError>> {
        let ctx = Ctx::of(ctx);
        count(ctx, &self.filter).await.transpose()
    }
}

async fn count(ctx: &Ctx, filter: &OrderFilter) -> Result<Option<i32>, ApiError> {
    let total = ctx.orders()?.count(&ctx.actor(), filter).await?;
    Ok(total.and_then(|total| i32::try_from(total).ok()))
}

/// An order with its cursor.
pub(super) struct OrderEdge(Order, SortColumn);

/// An order with its cursor.
#[Object]
impl OrderEdge {
    /// The cursor of the order.
    async fn cursor(&self) -> String {
        encode_order_cursor(&self.0.0, self.1)
    }

    /// The order.
    async fn node(&self) -> Order {
        self.0.clone()
    }
}

fn encode_order_cursor(order: &orders::Order, column: SortColumn) -> String {
    URL_SAFE_NO_PAD.encode(format!("{CURSOR}{}", OrderCursor::of(order, column).to_text()))
}

/// Decodes the cursor of an order in a list that is sorted by a column.
fn decode_order_cursor(text: Option<&str>, column: SortColumn) -> Result<Option<OrderCursor>, InvalidArgument> {
    let Some(text) = text else { return Ok(None) };
    let read = || {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        OrderCursor::parse(std::str::from_utf8(&bytes).ok()?.strip_prefix(CURSOR)?)
    };
    let cursor = read().ok_or_else(|| InvalidArgument::new("after", "the cursor of an order"))?;
    if cursor.column() != column {
        return Err(InvalidArgument::new(
            "after",
            "the cursor of an order in a list with the same column of `orderBy`",
        ));
    }
    Ok(Some(cursor))
}
