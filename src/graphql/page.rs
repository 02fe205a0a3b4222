//! Where a page of a list stands.

use async_graphql::SimpleObject;

use catalog::{LARGEST_PAGE, USUAL_PAGE};

/// Where a page of a list stands. Cursors are opaque.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(shareable)]
pub struct PageInfo {
    /// Whether more rows follow.
    pub has_next_page: bool,
    /// Whether rows came before.
    pub has_previous_page: bool,
    /// The cursor of the first row of the page.
    pub start_cursor: Option<String>,
    /// The cursor of the last row of the page; give it as `after` to get the next one.
    pub end_cursor: Option<String>,
}

/// What a field that answers a page costs: its rows, each with everything asked of it.
pub fn page_cost(first: Option<i32>, child: usize) -> usize {
    let rows = first.map_or(USUAL_PAGE, |rows| usize::try_from(rows).unwrap_or_default());
    1 + rows.min(LARGEST_PAGE).saturating_mul(child)
}
