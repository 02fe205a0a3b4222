//! Pages of a feed, for readers in this process and for clients.

use domain::StoreError;

use crate::store::{Change, ChangeFilter, ChangeStore};

/// Page of a feed or log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedSlice<T> {
    /// Entries in ascending order, each with its position.
    pub lines: Vec<(u64, T)>,
    /// True if more entries follow.
    pub has_more: bool,
    /// False if changes were committed that have no position yet. They will follow.
    pub is_current: bool,
}

/// Page of a feed for a client: the cursors reveal no position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedPage<T> {
    /// Entries in ascending order, each with its encrypted cursor.
    pub lines: Vec<(String, T)>,
    /// True if more entries follow.
    pub has_more: bool,
    /// True if entries may precede.
    pub has_previous: bool,
}

/// Error of reading a page of a feed.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The cursor was not issued for this feed with a configured key.
    #[error("the cursor is not one of this feed")]
    InvalidCursor,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Returns a page of the changes that match a filter, after a cursor or from the start. A cursor names a position of the common feed,
/// whoever received it: the filter decides what is seen after it.
pub async fn page_changes(
    store: &dyn ChangeStore,
    after: Option<&str>,
    first: usize,
    filter: &ChangeFilter,
) -> Result<FeedPage<Change>, FeedError> {
    let after = after.map_or(Ok(0), |cursor| store.decode_cursor(cursor).ok_or(FeedError::InvalidCursor))?;
    let slice = store.list(after, first, filter).await?;
    let encode = |(position, line)| Ok((store.encode_cursor(position)?, line));
    let lines: Result<_, StoreError> = slice.lines.into_iter().map(encode).collect();
    Ok(FeedPage { lines: lines?, has_more: slice.has_more, has_previous: after > 0 })
}
