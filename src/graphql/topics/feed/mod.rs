//! The feed of changes.

mod change;

use async_graphql::{Context, Object};
use catalog::PageSize;
use change_feed::{ChangeFilter, ChangeKind as Kind, ChangeStore, page_changes};
use strum::IntoEnumIterator as _;

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::error::{ApiError, ErrorCode};
use crate::graphql::base::viewer::{Scope, Viewer};
use crate::graphql::topics::feed::change::{ChangeConnection, ChangeKind};

pub use change::{kind_name, node_id};

/// Queries of the feed.
#[derive(Default)]
pub struct FeedQuery;

#[Object]
impl FeedQuery {
    /// Returns the replayable change feed, oldest first: everything that changed after a cursor. A cursor names a position of the common
    /// feed: that of another caller continues at the same place, with what this caller may see.
    async fn changes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The cursor of the last change that was read. If omitted, the feed starts at the beginning.")]
        after: Option<String>,
        #[graphql(desc = "Number of rows: 1 to 100, default 20.")] first: Option<i32>,
        #[graphql(desc = "The kinds of objects. If omitted, all that the scopes of the caller allow.")] kinds: Option<
            Vec<ChangeKind>,
        >,
    ) -> Result<ChangeConnection, ApiError> {
        let ctx = Ctx::of(ctx);
        let filter = filter_of(&ctx.viewer, kinds)?;
        let rows = PageSize::new(first)?.rows();
        let changes = ctx.changes()?;
        let latest = changes.encode_cursor(changes.end().await?)?;
        Ok(ChangeConnection {
            page: page_changes(changes, after.as_deref(), rows, &filter).await?,
            latest,
            read_at: ctx.now,
        })
    }
}

impl Ctx {
    /// Returns the feed of changes, or an error if it is not configured.
    pub fn changes(&self) -> Result<&dyn ChangeStore, ApiError> {
        self.services.changes.as_deref().ok_or_else(|| ApiError::new(ErrorCode::UnsupportedBySource))
    }
}

/// Returns the filter for the wanted kinds, or for all that the viewer may see. A wanted kind that it may not see is an error.
fn filter_of(viewer: &Viewer, wanted: Option<Vec<ChangeKind>>) -> Result<ChangeFilter, ApiError> {
    let kinds: Vec<Kind> = match wanted.filter(|wanted| !wanted.is_empty()) {
        Some(wanted) => {
            let wanted: Vec<Kind> = wanted.into_iter().map(Into::into).collect();
            if let Some(kind) = wanted.iter().find(|kind| !viewer.has_scope(kind.scope())) {
                return Err(ApiError::forbidden_kind(kind.name(), kind.scope()));
            }
            wanted
        }
        None => Kind::iter().filter(|kind| viewer.has_scope(kind.scope())).collect(),
    };
    if kinds.is_empty() {
        return Err(ApiError::forbidden(Scope::OrderRead, viewer));
    }
    Ok(ChangeFilter { kinds, reseller: viewer.reseller.clone() })
}
