//! Paging information of a list.

use async_graphql::SimpleObject;

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
