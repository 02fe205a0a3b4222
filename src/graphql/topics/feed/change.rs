//! Pages of the change feed.

use async_graphql::{Enum, ID, Object, SimpleObject};
use change_feed::{ChangeKind as Kind, ChangeSubject, FeedPage};
use jiff::Timestamp;

use crate::graphql::base::id::{self, GlobalId};
use crate::graphql::base::page::PageInfo;
use crate::graphql::base::scalars::DateTime;
use crate::graphql::topics::orders::to_page_info;

/// A kind of objects whose changes are in the feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "Kind")]
pub enum ChangeKind {
    /// Orders.
    Order,
    /// Tickets of orders. The version is that of the order.
    Ticket,
    /// Deliveries of tickets into apps.
    Delivery,
    /// Events: their facts and ticket types.
    Event,
    /// Performances: their facts and availability.
    Performance,
    /// Sources: their health and pauses.
    Source,
    /// Connections of resellers to sources.
    Connection,
}

/// A page of the change feed, oldest first.
pub(super) struct ChangeConnection {
    pub page: FeedPage<change_feed::Change>,
    /// Position of the last change of the feed, before the page was read.
    pub latest: String,
    /// Time of the request.
    pub read_at: Timestamp,
}

/// A page of the change feed, oldest first.
#[Object]
impl ChangeConnection {
    /// The changes with their cursors.
    async fn edges(&self) -> Vec<ChangeEdge> {
        let lines = self.page.lines.iter();
        lines.map(|(cursor, line)| ChangeEdge { cursor: cursor.clone(), node: Change::of(cursor, line) }).collect()
    }

    /// The changes.
    async fn nodes(&self) -> Vec<Change> {
        self.page.lines.iter().map(|(cursor, line)| Change::of(cursor, line)).collect()
    }

    /// The cursor of the last change of the whole feed, of any kind, from before this page was read. A mirror that is read afterwards
    /// continues here.
    async fn latest_cursor(&self) -> &str {
        &self.latest
    }

    /// Time at which the page was read.
    async fn read_at(&self) -> DateTime {
        DateTime::utc(self.read_at)
    }

    /// Paging information.
    async fn page_info(&self) -> PageInfo {
        to_page_info(&self.page)
    }
}

/// A change with its cursor.
#[derive(SimpleObject)]
pub(super) struct ChangeEdge {
    /// The cursor of the change.
    cursor: String,
    /// The change.
    node: Change,
}

/// A change in the replayable feed.
#[derive(SimpleObject)]
pub(super) struct Change {
    /// The cursor of the change. Send it as `after`.
    cursor: String,
    /// Time of the change.
    at: DateTime,
    /// The id of the changed object. Refetch it with `node`, which returns null if it has gone.
    node_id: ID,
    /// True if the object is no longer listed; `node` may still return it.
    removed: bool,
    /// The kind of the changed object: Order, Ticket, Delivery, Event, Performance, Source or Connection.
    kind: &'static str,
    /// The version of the object after the change.
    version: i32,
}

impl Change {
    fn of(cursor: &str, line: &change_feed::Change) -> Self {
        Self {
            cursor: cursor.to_owned(),
            at: DateTime::utc(line.at),
            node_id: node_id(&line.subject),
            removed: line.is_removed,
            kind: kind_name(line.subject.kind()),
            version: i32::try_from(line.version).unwrap_or(i32::MAX),
        }
    }
}

/// Returns the name of a kind in `Change.kind`.
pub fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Order => "Order",
        Kind::Ticket => "Ticket",
        Kind::Delivery => "Delivery",
        Kind::Event => "Event",
        Kind::Performance => "Performance",
        Kind::Source => "Source",
        Kind::Connection => "Connection",
    }
}

/// Returns the global id of a changed object.
pub fn node_id(subject: &ChangeSubject) -> ID {
    match subject {
        ChangeSubject::Order(order) => id::order_id(*order),
        ChangeSubject::Ticket { order, ticket } => id::ticket_id(*order, *ticket),
        ChangeSubject::Delivery { order, ticket, channel } => id::delivery_id(*order, *ticket, channel),
        ChangeSubject::Event { source, event } => id::event_id(source, event),
        ChangeSubject::Performance { source, performance, .. } => id::performance_id(source, performance),
        ChangeSubject::Source(source) => id::source_id(source),
        ChangeSubject::Connection { reseller, source } => {
            GlobalId::Connection(reseller.clone(), source.clone()).encode()
        }
    }
}
