//! Paging information of a list.

use async_graphql::SimpleObject;
use catalog::{DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE};

/// Paging information of a list. Cursors are opaque.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(shareable)]
pub struct PageInfo {
    /// True if more rows follow.
    pub has_next_page: bool,
    /// True if rows precede the page.
    pub has_previous_page: bool,
    /// The cursor of the first row of the page.
    pub start_cursor: Option<String>,
    /// The cursor of the last row of the page. Send it as `after` to get the next page.
    pub end_cursor: Option<String>,
}

/// Complexity of a field that returns a page: its rows times the complexity of a row.
pub fn page_cost(first: Option<i32>, child: usize) -> usize {
    let rows = first.map_or(DEFAULT_PAGE_SIZE, |rows| usize::try_from(rows).unwrap_or_default());
    1 + rows.min(MAX_PAGE_SIZE).saturating_mul(child)
}
