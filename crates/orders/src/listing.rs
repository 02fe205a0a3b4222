//! Sorting and paging of lists of orders.

use jiff::Timestamp;
use jiff::civil::Date;

use crate::order::Order;
use crate::status::OrderStatus;
use domain::{Currency, Money, OrderKey};

/// Column that orders are sorted by. Orders that are equal in it are sorted by their keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SortColumn {
    /// Creation time.
    #[default]
    Created,
    /// Day of the first visit. Open visits come before all days.
    Visit,
    /// Planned total in the first currency by code. Sorted by that currency, then by the amount; nothing is converted.
    Total,
    /// Name of the status, then creation time.
    Status,
}

/// Column and direction of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OrderSort {
    /// The column.
    pub column: SortColumn,
    /// True for descending values.
    pub is_descending: bool,
}

/// Newest first.
impl Default for OrderSort {
    fn default() -> Self {
        Self { column: SortColumn::Created, is_descending: true }
    }
}

/// Value of an order in the column that a list is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortValue {
    /// Creation time.
    Created(Timestamp),
    /// Day of the first visit.
    Visit(Option<Date>),
    /// Planned total in the first currency.
    Total(Option<Money>),
    /// Status and creation time.
    Status(OrderStatus, Timestamp),
}

/// Position in a sorted list of orders. Stays valid when orders are added; in a list by status, an order whose status changes between two
/// pages may be missing or come twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderCursor {
    /// Value of the last order on the previous page.
    pub value: SortValue,
    /// Key of that order.
    pub key: OrderKey,
}

impl OrderCursor {
    /// Returns the cursor of an order in a list that is sorted by a column.
    pub fn of(order: &Order, column: SortColumn) -> Self {
        let value = match column {
            SortColumn::Created => SortValue::Created(order.created_at),
            SortColumn::Visit => SortValue::Visit(order.first_visit()),
            SortColumn::Total => SortValue::Total(order.first_total()),
            SortColumn::Status => SortValue::Status(order.status(), order.created_at),
        };
        Self { value, key: order.key }
    }

    /// Returns the column that the list is sorted by.
    pub fn column(&self) -> SortColumn {
        match self.value {
            SortValue::Created(_) => SortColumn::Created,
            SortValue::Visit(_) => SortColumn::Visit,
            SortValue::Total(_) => SortColumn::Total,
            SortValue::Status(..) => SortColumn::Status,
        }
    }

    /// Returns the cursor as a text without spaces in its parts. Every value is exact; times have nanoseconds.
    pub fn to_text(&self) -> String {
        let value = match self.value {
            SortValue::Created(at) => format!("created {}", at.as_nanosecond()),
            SortValue::Visit(day) => format!("visit {}", day.map_or_else(|| "-".to_owned(), |day| day.to_string())),
            SortValue::Total(None) => "total -".to_owned(),
            SortValue::Total(Some(total)) => format!("total {}:{}", total.currency.code(), total.amount),
            SortValue::Status(status, at) => format!("status {}:{}", status.name(), at.as_nanosecond()),
        };
        format!("{value} {}", self.key)
    }

    /// Parses a text of [`to_text`](Self::to_text).
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(' ');
        let (column, value, key) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        let instant = |nanos: &str| Timestamp::from_nanosecond(nanos.parse().ok()?).ok();
        let value = match (column, value) {
            ("created", at) => SortValue::Created(instant(at)?),
            ("visit", "-") => SortValue::Visit(None),
            ("visit", day) => SortValue::Visit(Some(day.parse().ok()?)),
            ("total", "-") => SortValue::Total(None),
            ("total", total) => {
                let (currency, amount) = total.split_once(':')?;
                let currency: Currency = currency.parse().ok()?;
                SortValue::Total(Some(Money::new(amount.parse().ok()?, currency)))
            }
            ("status", value) => {
                let (status, at) = value.split_once(':')?;
                SortValue::Status(OrderStatus::parse(status)?, instant(at)?)
            }
            _ => return None,
        };
        Some(Self { value, key: OrderKey(key.parse().ok()?) })
    }
}

/// Part of a list of orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest {
    /// Sorting of the list.
    pub sort: OrderSort,
    /// Position that the page begins after, of a list sorted by the same column.
    pub after: Option<OrderCursor>,
    /// Maximum number of orders.
    pub first: usize,
}

impl PageRequest {
    /// Returns a request for a page of the newest orders.
    pub fn newest(after: Option<OrderCursor>, first: usize) -> Self {
        Self { sort: OrderSort::default(), after, first }
    }
}

/// Page of orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderPage {
    /// Orders as requested.
    pub orders: Vec<Order>,
    /// True if more orders follow.
    pub has_more: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_exact_after_a_round_trip_and_other_texts_are_no_cursors() {
        let at: Timestamp = "2031-03-10T12:00:00.123456789Z".parse().expect("an instant");
        let total = Money::new(-1_234, "KWD".parse().expect("a currency"));
        let values = [
            SortValue::Created(at),
            SortValue::Visit(None),
            SortValue::Visit(Some(jiff::civil::date(2031, 3, 9))),
            SortValue::Total(None),
            SortValue::Total(Some(total)),
            SortValue::Status(OrderStatus::NeedsAttention, at),
        ];
        for value in values {
            let cursor = OrderCursor { value, key: OrderKey::random() };
            assert_eq!(OrderCursor::parse(&cursor.to_text()), Some(cursor));
            assert_eq!(OrderCursor::parse(&format!("{} x", cursor.to_text())), None);
        }
        for text in ["", "created", "created 1", "created x 01890a5d-ac96-774b-bcce-b302099a8057", "status HELD 1 2"] {
            assert_eq!(OrderCursor::parse(text), None, "{text}");
        }
    }
}
