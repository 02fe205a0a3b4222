//! The tables that an order is written to, beside `orders` itself.

use ColumnType::{Bytes, Int, Text};

use crate::rows::placeholders;

/// Maximum number of rows in one statement with a value for each column.
pub(crate) const MAX_ROWS: usize = 100;

/// Type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ColumnType {
    Int,
    Text,
    Bytes,
}

/// A table whose rows a change of an order inserts or replaces.
pub(crate) struct OrderTable {
    pub name: &'static str,
    pub columns: &'static [(&'static str, ColumnType)],
    /// Clause for rows that exist.
    pub on_conflict: &'static str,
}

impl OrderTable {
    /// Returns the names of the columns, separated by commas.
    pub(crate) fn column_names(&self) -> String {
        self.columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }

    /// Returns the statement that inserts a number of rows, at most [`MAX_ROWS`].
    pub(crate) fn insert(&self, rows: usize, on_conflict: &str) -> String {
        let width = self.columns.len();
        let row = |index: usize| format!("({})", placeholders(1 + index * width, width));
        let values = (0..rows).map(row).collect::<Vec<_>>().join(", ");
        format!("INSERT INTO {} ({}) VALUES {values} {on_conflict}", self.name, self.column_names())
    }
}

/// The idempotency record of an action. The database decides what a conflict is: it means that the key is taken.
pub(crate) const IDEMPOTENCY_KEYS: OrderTable = OrderTable {
    name: "idempotency_keys",
    columns: &[
        ("scope", Text),
        ("operation", Text),
        ("key", Text),
        ("request_hash", Text),
        ("order_key", Text),
        ("used_at", Int),
    ],
    on_conflict: "",
};

pub(crate) const LINES: OrderTable = OrderTable {
    name: "order_lines",
    columns: &[
        ("order_key", Text),
        ("number", Int),
        ("leg", Int),
        ("event", Text),
        ("performance", Text),
        ("ticket_type", Text),
        ("quantity", Int),
        ("unit_price", Text),
        ("starts_at", Int),
        ("cutoff_at", Int),
        ("is_cancelled", Int),
        ("event_title", Text),
        ("visit_date", Text),
    ],
    on_conflict: "ON CONFLICT (order_key, number) DO UPDATE SET is_cancelled = excluded.is_cancelled",
};

pub(crate) const LEGS: OrderTable = OrderTable {
    name: "legs",
    columns: &[
        ("order_key", Text),
        ("number", Int),
        ("source", Text),
        ("reference", Text),
        ("status", Text),
        ("traits", Text),
        ("account", Text),
        ("refs", Text),
        ("held_until", Int),
        ("leaves_hold", Int),
        ("secures", Text),
        ("held_total", Text),
        ("confirmed_at", Int),
        ("charged", Text),
        ("refunded", Text),
        ("unknown", Text),
        ("try_again", Text),
        ("cancel", Text),
        ("wants_extension", Int),
        ("tickets", Text),
        ("problems", Text),
        ("refs_key_id", Text),
        ("refs_sealed", Bytes),
        ("settled", Text),
        ("tickets_end", Text),
    ],
    on_conflict: "ON CONFLICT (order_key, number) DO UPDATE SET \
        status = excluded.status, refs = excluded.refs, refs_key_id = excluded.refs_key_id, \
        refs_sealed = excluded.refs_sealed, \
        held_until = excluded.held_until, leaves_hold = excluded.leaves_hold, secures = excluded.secures, \
        held_total = excluded.held_total, confirmed_at = excluded.confirmed_at, charged = excluded.charged, \
        refunded = excluded.refunded, unknown = excluded.unknown, try_again = excluded.try_again, \
        cancel = excluded.cancel, wants_extension = excluded.wants_extension, tickets = excluded.tickets, \
        problems = excluded.problems, settled = excluded.settled, \
        tickets_end = excluded.tickets_end",
};

pub(crate) const ATTEMPTS: OrderTable = OrderTable {
    name: "attempts",
    columns: &[
        ("order_key", Text),
        ("leg", Int),
        ("number", Int),
        ("operation", Text),
        ("step_key", Text),
        ("request_hash", Text),
        ("started_at", Int),
        ("deadline", Int),
        ("ended_at", Int),
        ("outcome", Text),
        ("answer", Text),
        ("vendor_code", Text),
    ],
    on_conflict: "ON CONFLICT (order_key, leg, number) DO UPDATE SET step_key = excluded.step_key, \
        request_hash = excluded.request_hash, started_at = excluded.started_at, \
        deadline = excluded.deadline, ended_at = excluded.ended_at, outcome = excluded.outcome, \
        answer = excluded.answer, vendor_code = excluded.vendor_code",
};

pub(crate) const TICKETS: OrderTable = OrderTable {
    name: "tickets",
    columns: &[
        ("order_key", Text),
        ("number", Int),
        ("line", Int),
        ("refs", Text),
        ("seat", Text),
        ("state", Text),
        ("used_at", Int),
        ("symbology", Text),
        ("refs_key_id", Text),
        ("refs_sealed", Bytes),
    ],
    on_conflict: "ON CONFLICT (order_key, number) DO UPDATE SET \
        refs = excluded.refs, refs_key_id = excluded.refs_key_id, refs_sealed = excluded.refs_sealed, \
        seat = excluded.seat, state = excluded.state, used_at = excluded.used_at, symbology = excluded.symbology",
};

pub(crate) const CREDENTIALS: OrderTable = OrderTable {
    name: "credentials",
    columns: &[("order_key", Text), ("ticket", Int), ("symbology", Text), ("key_id", Text), ("sealed", Bytes)],
    on_conflict: "ON CONFLICT (order_key, ticket) DO UPDATE SET symbology = excluded.symbology, \
        key_id = excluded.key_id, sealed = excluded.sealed",
};

pub(crate) const TRANSITIONS: OrderTable = OrderTable {
    name: "transitions",
    columns: &[
        ("order_key", Text),
        ("place", Int),
        ("at", Int),
        ("version", Int),
        ("leg", Int),
        ("from_status", Text),
        ("to_status", Text),
        ("cause", Text),
    ],
    on_conflict: "",
};

/// All timers of the order; those of before are deleted first.
pub(crate) const TIMERS: OrderTable = OrderTable {
    name: "timers",
    columns: &[("order_key", Text), ("due_at", Int), ("kind", Text), ("leg", Int)],
    on_conflict: "",
};

/// The tokens that an order is found by. They are inserted with the order, and those of another contact with the contact.
pub(crate) const ORDER_SEARCH: OrderTable = OrderTable {
    name: "order_search",
    columns: &[("token", Text), ("order_key", Text), ("reseller", Text)],
    on_conflict: "ON CONFLICT DO NOTHING",
};

/// The columns that orders are listed by and that never change. They are inserted with the order.
pub(crate) const SORT_KEYS: OrderTable = OrderTable {
    name: "order_sort_keys",
    columns: &[("order_key", Text), ("reseller", Text), ("first_visit", Text), ("currency", Text), ("total", Int)],
    on_conflict: "",
};

/// The entries of the feed: the first is that of the order itself.
pub(crate) const CHANGES: OrderTable = OrderTable {
    name: "changes",
    columns: &[
        ("at", Int),
        ("kind", Text),
        ("subject", Text),
        ("order_key", Text),
        ("version", Int),
        ("status", Text),
        ("reseller", Text),
        ("removed", Int),
    ],
    on_conflict: "",
};
