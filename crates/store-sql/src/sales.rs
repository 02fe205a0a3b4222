//! Sums of sales, computed by the database: a statement over 100,000 orders loads none of them.

use crate::codec::{to_nanos, unreadable};
use crate::order_filter::sale_currency;
use crate::sql::{JsonDialect, SqlRow, SqlValue};
use crate::store::SqlStore;
use domain::{Currency, SourceId, StoreError};
use orders::sales::{SalesPeriod, SalesScope, SalesSum, Sellers, UnresolvedSum};
use orders::status::LegStatus;

/// Maximum number of periods in one statement, which has three values for each.
const MAX_PERIODS_PER_STATEMENT: usize = 400;

/// Returns the common table expressions `sold`, `used` and `amounts`: the legs of periods with their amounts. `$1` is the source; each
/// period has its number, begin and end; the value after them is the reseller, unless the sales of all sellers are read. SQLite joins in
/// the order of `CROSS JOIN`: each period reads its own part of an index.
pub(crate) fn amounts_of_legs(json: JsonDialect, sellers: Sellers<'_>, periods: usize) -> String {
    let rows: Vec<String> =
        (0..periods).map(|index| 2 + 3 * index).map(|at| format!("(${}, ${}, ${})", at, at + 1, at + 2)).collect();
    let of_reseller = sellers_condition(sellers, 2 + 3 * periods);
    let (line_amount, line_currency) = (line_amount(json), line_currency(json));
    format!(
        "WITH periods (number, begins_at, ends_at) AS (VALUES {rows}), \
        sold AS (\
            SELECT p.number AS period, o.reseller, l.order_key, l.number AS leg, {charged} AS charged, \
            {currency} AS currency, \
            {refunded} AS refunded, {refunded_currency} AS refunded_currency, {fee} AS fee \
            FROM periods p CROSS JOIN legs l CROSS JOIN orders o \
            WHERE l.source = $1 AND l.confirmed_at >= p.begins_at AND l.confirmed_at < p.ends_at \
            AND o.key = l.order_key{of_reseller}\
        ), used AS (\
            SELECT t.order_key, t.line, COUNT(*) AS tickets FROM sold s \
            JOIN tickets t ON t.order_key = s.order_key AND t.state = 'USED' \
            JOIN order_lines n ON n.order_key = t.order_key AND n.number = t.line AND n.leg = s.leg \
            GROUP BY t.order_key, t.line\
        ), legs_sold AS (\
            SELECT s.period, s.reseller, s.order_key, s.leg, s.currency, s.charged, s.refunded, s.refunded_currency, s.fee, \
            CAST(COALESCE(SUM(n.quantity), 0) AS BIGINT) AS sold, \
            CAST(COALESCE(SUM(n.quantity * n.is_cancelled), 0) AS BIGINT) AS voided, \
            CAST(COALESCE(SUM(u.tickets), 0) AS BIGINT) AS used, \
            CAST(COALESCE(SUM(CASE WHEN {line_currency} = s.currency THEN {line_amount} * n.quantity END), 0) AS BIGINT) \
                AS planned, \
            CAST(COALESCE(SUM({line_amount} * n.quantity * n.is_cancelled), 0) AS BIGINT) AS canceled \
            FROM sold s \
            LEFT JOIN order_lines n ON n.order_key = s.order_key AND n.leg = s.leg \
            LEFT JOIN used u ON u.order_key = n.order_key AND u.line = n.number \
            WHERE s.currency IS NOT NULL \
            GROUP BY s.period, s.reseller, s.order_key, s.leg, s.currency, s.charged, s.refunded, s.refunded_currency, \
                s.fee\
        ), amounts AS (\
            SELECT period, reseller, order_key, leg, currency, sold, voided, used, planned, canceled, \
            COALESCE(charged, planned) AS gross, \
            CASE WHEN refunded IS NULL THEN canceled - canceled * CASE WHEN fee > 10000 THEN 10000 ELSE fee END / 10000 \
                WHEN refunded_currency = currency THEN refunded ELSE 0 END AS refund \
            FROM legs_sold\
        )",
        rows = rows.join(", "),
        charged = json.int("l.charged", &["0"]),
        currency = sale_currency(json, "l"),
        refunded = json.int("l.refunded", &["0"]),
        refunded_currency = json.text("l.refunded", &["1"]),
        fee = json.int("l.traits", &["cancel_fee"]),
    )
}

/// Returns the condition on the sellers of an order; `parameter` is the number of the reseller's value.
fn sellers_condition(sellers: Sellers<'_>, parameter: usize) -> String {
    match sellers {
        Sellers::Reseller(_) => format!(" AND o.reseller = ${parameter}"),
        Sellers::Direct => " AND o.reseller IS NULL".to_owned(),
        Sellers::All => String::new(),
    }
}

/// Returns the expression for the planned price of a ticket of the line `n`.
pub(crate) fn line_amount(json: JsonDialect) -> String {
    json.int("n.unit_price", &["retail", "0"])
}

/// Returns the expression for the currency of that price.
pub(crate) fn line_currency(json: JsonDialect) -> String {
    json.text("n.unit_price", &["retail", "1"])
}

/// Returns the statement that sums the sales of periods.
fn sums_statement(json: JsonDialect, sellers: Sellers<'_>, periods: usize) -> String {
    format!(
        "{amounts} SELECT period, reseller, currency, COUNT(*) AS orders, CAST(SUM(sold) AS BIGINT) AS sold, \
        CAST(SUM(voided) AS BIGINT) AS voided, CAST(SUM(used) AS BIGINT) AS used, CAST(SUM(gross) AS BIGINT) AS gross, \
        CAST(SUM(CASE WHEN refund < gross THEN refund ELSE gross END) AS BIGINT) AS refunded \
        FROM amounts GROUP BY period, reseller, currency ORDER BY period, reseller, currency",
        amounts = amounts_of_legs(json, sellers, periods)
    )
}

fn currency(row: &SqlRow) -> Result<Currency, StoreError> {
    row.text("currency")?.parse().map_err(|_| unreadable("a currency"))
}

pub(crate) fn count(row: &SqlRow, column: &str) -> Result<u32, StoreError> {
    u32::try_from(row.int(column)?).map_err(|_| unreadable(&format!("the column {column}")))
}

impl SqlStore {
    pub(crate) async fn sum_confirmed(
        &self,
        scope: SalesScope<'_>,
        periods: &[SalesPeriod],
    ) -> Result<Vec<SalesSum>, StoreError> {
        let _place = self.wait_for_sum().await?;
        let mut transaction = self.database.begin_report().await?;
        let mut sums = Vec::new();
        let numbered: Vec<(usize, &SalesPeriod)> = periods.iter().enumerate().collect();
        for periods in numbered.chunks(MAX_PERIODS_PER_STATEMENT) {
            let mut values: Vec<SqlValue> = vec![scope.source.as_str().into()];
            for (number, period) in periods {
                values.extend([(*number).into(), to_nanos(period.begin).into(), to_nanos(period.end).into()]);
            }
            values.extend(scope.sellers.reseller().map(SqlValue::from));
            let sql = sums_statement(self.database.json(), scope.sellers, periods.len());
            let sum = |row: &SqlRow| -> Result<SalesSum, StoreError> {
                Ok(SalesSum {
                    period: row.index("period")?,
                    reseller: row.opt_text("reseller")?,
                    currency: currency(row)?,
                    orders: count(row, "orders")?,
                    tickets_sold: count(row, "sold")?,
                    tickets_voided: count(row, "voided")?,
                    tickets_used: count(row, "used")?,
                    gross: row.int("gross")?,
                    refunded: row.int("refunded")?,
                })
            };
            for row in transaction.fetch_all(&sql, values).await? {
                sums.push(sum(&row)?);
            }
        }
        Ok(sums)
    }

    pub(crate) async fn count_unresolved(
        &self,
        scope: SalesScope<'_>,
        created: SalesPeriod,
    ) -> Result<Vec<UnresolvedSum>, StoreError> {
        let line_currency = self.database.json().text("n.unit_price", &["retail", "1"]);
        let of_reseller = sellers_condition(scope.sellers, 4);
        // The states are part of the text, so that the index of such legs is used. They are few, so they are read first.
        let (unknown, attention) = (LegStatus::OutcomeUnknown.name(), LegStatus::NeedsAttention.name());
        let sql = format!(
            "SELECT reseller, currency, COUNT(*) AS orders FROM (\
                SELECT o.reseller, (SELECT MIN({line_currency}) FROM order_lines n \
                    WHERE n.order_key = l.order_key AND n.leg = l.number) AS currency \
                FROM legs l CROSS JOIN orders o \
                WHERE l.source = $1 AND l.status IN ('{unknown}', '{attention}') \
                AND o.key = l.order_key AND o.created_at >= $2 AND o.created_at < $3{of_reseller}\
            ) AS open_legs WHERE currency IS NOT NULL GROUP BY reseller, currency ORDER BY reseller, currency"
        );
        let mut values: Vec<SqlValue> =
            vec![scope.source.as_str().into(), to_nanos(created.begin).into(), to_nanos(created.end).into()];
        values.extend(scope.sellers.reseller().map(SqlValue::from));
        let _place = self.wait_for_sum().await?;
        let mut transaction = self.database.begin_report().await?;
        let rows = transaction.fetch_all(&sql, values).await?;
        let sum = |row: &SqlRow| {
            let (reseller, currency) = (row.opt_text("reseller")?, currency(row)?);
            Ok(UnresolvedSum { reseller, currency, orders: count(row, "orders")? })
        };
        rows.iter().map(sum).collect()
    }

    /// Lists the sources of all legs. Each step reads one entry of an index.
    pub(crate) async fn list_leg_sources(&self) -> Result<Vec<SourceId>, StoreError> {
        let sql = "WITH RECURSIVE found (source) AS (\
                SELECT MIN(source) FROM legs \
                UNION ALL SELECT (SELECT MIN(l.source) FROM legs l WHERE l.source > found.source) FROM found \
                    WHERE found.source IS NOT NULL\
            ) SELECT source FROM found WHERE source IS NOT NULL";
        let mut transaction = self.database.begin_report().await?;
        let rows = transaction.fetch_all(sql, Vec::new()).await?;
        rows.iter().map(|row| Ok(SourceId::new(row.text("source")?))).collect()
    }
}
