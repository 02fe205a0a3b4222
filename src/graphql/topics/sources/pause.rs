//! The pause of a source.

use async_graphql::{Enum, SimpleObject};

use crate::graphql::base::scalars::DateTime;

/// Extent of a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(name = "PauseMode", remote = "orders::PauseMode")]
pub enum PauseModeEnum {
    /// New orders are refused. Orders that have begun go on.
    RefuseNewOrders,
    /// No call is made at all. What is held meanwhile may expire.
    StopAllCalls,
}

/// The pause of a source.
#[derive(SimpleObject)]
pub struct SourcePause {
    /// Extent of the pause.
    mode: PauseModeEnum,
    /// Start of the pause.
    since: DateTime,
    /// End of the pause. Null until it is resumed.
    until: Option<DateTime>,
    /// The reason. Empty for callers without the scope `admin`.
    note: String,
}

impl SourcePause {
    /// Converts a pause; the reason is for operators.
    pub fn of(pause: orders::SourcePause, is_operator: bool) -> Self {
        Self {
            mode: pause.mode.into(),
            since: DateTime::utc(pause.since),
            until: pause.until.map(DateTime::utc),
            note: if is_operator { pause.note } else { String::new() },
        }
    }
}
