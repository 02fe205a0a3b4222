//! Sales by event and by ticket type: what the legs of a statement took, divided among their lines by the database.
//!
//! The amount of a leg is divided by the planned amounts of its lines, to the minor unit: each line gets the difference between the
//! shares, rounded down, of the lines up to it and of those before it. So the parts of a leg add up to its amount.

use crate::codec::to_nanos;
use crate::sales::{amounts_of_legs, count, line_amount, line_currency};
use crate::sql::{JsonDialect, SqlRow, SqlValue};
use crate::store::SqlStore;
use domain::{Currency, EventKey, StoreError, TicketTypeKey};
use orders::sales::{SalesGroup, SalesGrouping, SalesPart, SalesPeriod, SalesScope, Sellers};

/// Returns the expression for the share of an amount that a line gets: `upto` of `whole` weights, minus those before it. The quotient and
/// the remainder are multiplied apart, so that no product exceeds 64 bits unless a leg has more than 3 billion minor units.
fn share(amount: &str, weight: &str, upto: &str, whole: &str) -> String {
    let up_to = |part: &str| format!("({amount} / {whole} * ({part}) + {amount} % {whole} * ({part}) / {whole})");
    let before = format!("{upto} - {weight}");
    format!("CASE WHEN {whole} > 0 THEN {} - {} ELSE {amount} END", up_to(upto), up_to(&before))
}

/// Returns the statement of the parts of one source, period and currency: the first values as for the sums, then the currency and the
/// number of parts. Everything else is a last row. A leg without lines belongs to it.
fn parts_statement(json: JsonDialect, sellers: Sellers<'_>, grouping: SalesGrouping) -> String {
    let currency = 5 + usize::from(sellers.reseller().is_some());
    let parts = currency + 1;
    let kind = match grouping {
        SalesGrouping::Event => "''",
        SalesGrouping::TicketType => "ticket_type",
    };
    format!(
        "{amounts}, weights AS (\
            SELECT a.order_key, a.leg, a.gross, CASE WHEN a.refund < a.gross THEN a.refund ELSE a.gross END AS refund, \
            n.number, n.event, n.ticket_type, n.event_title, COALESCE(n.quantity, 0) AS quantity, \
            COALESCE(n.is_cancelled, 0) AS is_cancelled, COALESCE(u.tickets, 0) AS used, a.canceled, \
            COALESCE(CASE WHEN a.planned = 0 THEN n.quantity WHEN {line_currency} = a.currency THEN {line_amount} * n.quantity \
                ELSE 0 END, 0) AS weight, \
            COALESCE({line_amount} * n.quantity * n.is_cancelled, 0) AS canceled_weight \
            FROM amounts a LEFT JOIN order_lines n ON n.order_key = a.order_key AND n.leg = a.leg \
            LEFT JOIN used u ON u.order_key = n.order_key AND u.line = n.number WHERE a.currency = ${currency}\
        ), weighed AS (\
            SELECT w.*, CASE WHEN canceled > 0 THEN canceled_weight ELSE weight END AS refund_weight FROM weights w\
        ), added AS (\
            SELECT w.*, CAST(SUM(weight) OVER upto AS BIGINT) AS upto, CAST(SUM(weight) OVER whole AS BIGINT) AS whole, \
            CAST(SUM(refund_weight) OVER upto AS BIGINT) AS refund_upto, \
            CAST(SUM(refund_weight) OVER whole AS BIGINT) AS refund_whole FROM weighed w \
            WINDOW whole AS (PARTITION BY order_key, leg), upto AS (PARTITION BY order_key, leg ORDER BY number)\
        ), shares AS (\
            SELECT order_key, event, {kind} AS kind, event_title, quantity, quantity * is_cancelled AS voided, used, \
            {gross} AS gross, {refund} AS refund FROM added\
        ), sums AS (\
            SELECT event, kind, SUM(gross) AS gross FROM shares WHERE event IS NOT NULL GROUP BY event, kind\
        ), ranked AS (\
            SELECT event, kind, ROW_NUMBER() OVER (ORDER BY gross DESC, event, kind) AS place FROM sums\
        ), placed AS (\
            SELECT s.*, CASE WHEN r.place <= ${parts} THEN r.place ELSE ${parts} + 1 END AS place \
            FROM shares s LEFT JOIN ranked r ON r.event = s.event AND r.kind = s.kind\
        ) \
        SELECT place, MIN(event) AS event, MIN(kind) AS kind, MAX(event_title) AS event_title, \
        COUNT(DISTINCT order_key) AS orders, CAST(SUM(quantity) AS BIGINT) AS sold, CAST(SUM(voided) AS BIGINT) AS voided, \
        CAST(SUM(used) AS BIGINT) AS used, CAST(SUM(gross) AS BIGINT) AS gross, CAST(SUM(refund) AS BIGINT) AS refunded \
        FROM placed GROUP BY place ORDER BY place",
        amounts = amounts_of_legs(json, sellers, 1),
        line_amount = line_amount(json),
        line_currency = line_currency(json),
        gross = share("gross", "weight", "upto", "whole"),
        refund = share("refund", "refund_weight", "refund_upto", "refund_whole"),
    )
}

impl SqlStore {
    pub(crate) async fn list_parts(
        &self,
        scope: SalesScope<'_>,
        period: SalesPeriod,
        currency: Currency,
        (grouping, first): (SalesGrouping, u32),
    ) -> Result<Vec<SalesPart>, StoreError> {
        let (begin, end) = (to_nanos(period.begin), to_nanos(period.end));
        let mut values: Vec<SqlValue> = vec![scope.source.as_str().into(), 0_i64.into(), begin.into(), end.into()];
        values.extend(scope.sellers.reseller().map(SqlValue::from));
        values.extend([currency.code().into(), i64::from(first).into()]);
        let _place = self.wait_for_sum().await?;
        let mut transaction = self.database.begin_report().await?;
        let rows =
            transaction.fetch_all(&parts_statement(self.database.json(), scope.sellers, grouping), values).await?;
        rows.iter().map(|row| part(row, grouping, first)).collect()
    }
}

fn part(row: &SqlRow, grouping: SalesGrouping, first: u32) -> Result<SalesPart, StoreError> {
    let group = if row.int("place")? > i64::from(first) {
        None
    } else {
        Some(SalesGroup {
            event: EventKey::new(row.text("event")?),
            event_title: row.opt_json("event_title")?,
            ticket_type: match grouping {
                SalesGrouping::Event => None,
                SalesGrouping::TicketType => Some(TicketTypeKey::new(row.text("kind")?)),
            },
        })
    };
    Ok(SalesPart {
        group,
        orders: count(row, "orders")?,
        tickets_sold: count(row, "sold")?,
        tickets_voided: count(row, "voided")?,
        tickets_used: count(row, "used")?,
        gross: row.int("gross")?,
        refunded: row.int("refunded")?,
    })
}
