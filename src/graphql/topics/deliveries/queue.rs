//! The tickets that wait in a stream of a channel, or that the app rejected.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_graphql::{Context, Enum, Object, SimpleObject};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use catalog::{InvalidArgument, PageSize};
use deliveries::delivery::{AppPush, FAILED, PENDING, PushState};
use deliveries::{Channel, ChannelStream, Delivery};
use domain::mobile::AppTicketKey;
use domain::{OrderKey, SourceId};

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::error::{ApiError, ErrorCode};
use crate::graphql::base::page::PageInfo;
use crate::graphql::base::scalars::{DateTime, int};
use crate::graphql::base::viewer::Scope;
use crate::graphql::topics::orders::{Order, Ticket, find_order, load_numbered_tickets, to_problems};
use crate::graphql::topics::problem::Problem;

/// State of a ticket in a stream that is not finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub(super) enum StreamTicketState {
    /// Waiting for the stream, or sent without a known outcome.
    Pending,
    /// Rejected by the app. Sent again when the stream is run on demand.
    Failed,
}

impl StreamTicketState {
    fn states(self) -> &'static [PushState] {
        match self {
            Self::Pending => PENDING,
            Self::Failed => FAILED,
        }
    }
}

/// A ticket that waits in a stream, or that the app rejected.
#[derive(Clone)]
pub(super) struct StreamTicket {
    order: Order,
    ticket: Ticket,
    state: StreamTicketState,
    push: AppPush,
    source: SourceId,
    key: AppTicketKey,
}

/// A ticket that waits in a stream, or that the app rejected.
#[Object]
impl StreamTicket {
    /// The order of the ticket.
    async fn order(&self) -> Order {
        Order(Arc::clone(&self.order.0))
    }

    /// The ticket.
    async fn ticket(&self) -> Ticket {
        self.ticket.clone()
    }

    /// The state of the ticket in the stream.
    async fn state(&self) -> StreamTicketState {
        self.state
    }

    /// Number of attempts so far.
    async fn attempts(&self) -> i32 {
        int(self.push.attempts)
    }

    /// Time of the last attempt. Null if there was none.
    async fn last_attempt_at(&self) -> Option<DateTime> {
        self.push.at.map(DateTime::utc)
    }

    /// The problems of the last attempt.
    async fn problems(&self, ctx: &Context<'_>) -> Vec<Problem> {
        let problems: Vec<_> = self.push.last_error.iter().map(|error| error.to_problem(&self.source)).collect();
        to_problems(Ctx::of(ctx), Some(self.order.0.key), &problems)
    }
}

/// A page of the tickets of a stream, in the order in which they are sent.
pub(super) struct StreamTicketConnection {
    rows: Vec<StreamTicket>,
    has_next: bool,
    has_previous: bool,
}

/// A page of the tickets of a stream, in the order in which they are sent.
#[Object]
impl StreamTicketConnection {
    /// The tickets with their cursors.
    async fn edges(&self) -> Vec<StreamTicketEdge> {
        self.rows.iter().map(|row| StreamTicketEdge { cursor: encode_cursor(&row.key), node: row.clone() }).collect()
    }

    /// The tickets.
    async fn nodes(&self) -> Vec<StreamTicket> {
        self.rows.clone()
    }

    /// Paging information.
    async fn page_info(&self) -> PageInfo {
        let cursor = |row: &StreamTicket| encode_cursor(&row.key);
        PageInfo {
            has_next_page: self.has_next,
            has_previous_page: self.has_previous,
            start_cursor: self.rows.first().map(cursor),
            end_cursor: self.rows.last().map(cursor),
        }
    }
}

/// A ticket of a stream with its cursor.
#[derive(SimpleObject)]
pub(super) struct StreamTicketEdge {
    /// The cursor of the ticket.
    cursor: String,
    /// The ticket.
    node: StreamTicket,
}

fn encode_cursor(key: &AppTicketKey) -> String {
    URL_SAFE_NO_PAD.encode(format!("1d {}", key.as_str()))
}

fn decode_cursor(text: Option<&str>) -> Result<Option<AppTicketKey>, InvalidArgument> {
    let Some(text) = text else { return Ok(None) };
    let read = || {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        Some(AppTicketKey::new(std::str::from_utf8(&bytes).ok()?.strip_prefix("1d ")?))
    };
    read().map(Some).ok_or_else(|| InvalidArgument::new("after", "the cursor of a ticket of this stream"))
}

/// Loads a page of the tickets of a stream. Not for callers of a reseller, because a stream delivers the tickets of all.
pub(super) async fn load_stream_tickets(
    ctx: &Ctx,
    (channel, stream): (&Channel, ChannelStream),
    state: StreamTicketState,
    first: Option<i32>,
    after: Option<String>,
) -> Result<StreamTicketConnection, ApiError> {
    ctx.require(Scope::OrderRead)?;
    if ctx.viewer.reseller.is_some() {
        return Err(ApiError::new(ErrorCode::Forbidden));
    }
    let (most, after) = (PageSize::new(first)?.rows(), decode_cursor(after.as_deref())?);
    let store = ctx.deliveries()?;
    // One more shows whether more follow.
    let mut listed = store.list_in_stream(channel, stream, state.states(), after.as_ref(), most + 1).await?;
    let has_next = listed.len() > most;
    listed.truncate(most);
    let mut tickets = load_tickets(ctx, &listed).await?;
    let rows = listed.iter().filter_map(|delivery| {
        let (order, ticket) = tickets.remove(&(delivery.order, delivery.ticket))?;
        let (push, source) = (delivery.push(stream)?.clone(), channel.source.id.clone());
        Some(StreamTicket { order, ticket, state, push, source, key: delivery.key.clone() })
    });
    Ok(StreamTicketConnection { rows: rows.collect(), has_next, has_previous: after.is_some() })
}

/// Loads the orders and tickets of deliveries: each order once.
async fn load_tickets(
    ctx: &Ctx,
    deliveries: &[Delivery],
) -> Result<BTreeMap<(OrderKey, usize), (Order, Ticket)>, ApiError> {
    let mut wanted: BTreeMap<OrderKey, BTreeSet<usize>> = BTreeMap::new();
    for delivery in deliveries {
        wanted.entry(delivery.order).or_default().insert(delivery.ticket);
    }
    let mut found = BTreeMap::new();
    for (key, numbers) in wanted {
        let Some(order) = find_order(ctx, key).await? else { continue };
        let tickets = load_numbered_tickets(ctx, &order, &numbers).await?;
        let row = |(number, ticket): (&usize, Ticket)| ((key, *number), (Order(order.clone()), ticket));
        found.extend(numbers.iter().zip(tickets).map(row));
    }
    Ok(found)
}
