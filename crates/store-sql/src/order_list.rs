//! Lists of orders: pages by keyset, and counts.

use crate::codec::to_nanos;
use crate::order_filter::{filter_conditions, resolve_search};
use crate::rows::load_orders;
use crate::sql::SqlValue;
use crate::store::{MAX_PAGE_SIZE, SqlStore};
use domain::StoreError;
use orders::listing::{OrderPage, OrderSort, PageRequest, SortColumn, SortValue};
use orders::store::OrderFilter;

/// A SQL list that sorted orders are read from.
struct SortedBy {
    /// Tables.
    from: &'static str,
    /// Columns, unique together. An index has them in this order.
    columns: &'static [&'static str],
    /// Column of the reseller in the table of sort keys, by which the index of a reseller's list begins. `None` for lists that are read
    /// from the orders, whose condition names the reseller.
    reseller: Option<&'static str>,
}

fn sorted_by(column: SortColumn) -> SortedBy {
    let keys = "order_sort_keys s JOIN orders o ON o.key = s.order_key";
    match column {
        SortColumn::Created => SortedBy { from: "orders o", columns: &["o.created_at", "o.key"], reseller: None },
        SortColumn::Status => {
            SortedBy { from: "orders o", columns: &["o.status", "o.created_at", "o.key"], reseller: None }
        }
        SortColumn::Visit => {
            SortedBy { from: keys, columns: &["s.first_visit", "s.order_key"], reseller: Some("s.reseller") }
        }
        SortColumn::Total => {
            SortedBy { from: keys, columns: &["s.currency", "s.total", "s.order_key"], reseller: Some("s.reseller") }
        }
    }
}

/// Returns the values of a position in the order of the columns.
fn position(value: &SortValue, key: &str) -> Vec<SqlValue> {
    let mut values: Vec<SqlValue> = match value {
        SortValue::Created(at) => vec![to_nanos(*at).into()],
        SortValue::Status(status, at) => vec![status.name().into(), to_nanos(*at).into()],
        SortValue::Visit(day) => vec![day.map(|day| day.to_string()).unwrap_or_default().into()],
        SortValue::Total(None) => vec!["".into(), 0_i64.into()],
        SortValue::Total(Some(total)) => vec![total.currency.code().into(), total.amount.into()],
    };
    values.push(key.into());
    values
}

/// Returns the statement of a page with its values, except for the condition of the filter and its values.
fn page_statement(page: &PageRequest, condition: &str, values: &mut Vec<SqlValue>, filter: &OrderFilter) -> String {
    let OrderSort { column, is_descending } = page.sort;
    let SortedBy { from, columns, reseller } = sorted_by(column);
    let mut sql = format!("SELECT o.key FROM {from} WHERE {condition}");
    if let (Some(reseller), Some(only)) = (reseller, &filter.reseller) {
        values.push(only.as_str().into());
        sql += &format!(" AND {reseller} = ${}", values.len());
    }
    if let Some(after) = page.after.as_ref().filter(|after| after.column() == column) {
        let first = values.len() + 1;
        values.extend(position(&after.value, &after.key.to_string()));
        let beyond = if is_descending { "<" } else { ">" };
        let placeholders = crate::rows::placeholders(first, columns.len());
        sql += &format!(" AND ({}) {beyond} ({placeholders})", columns.join(", "));
    }
    let direction = if is_descending { " DESC" } else { "" };
    let terms: Vec<String> = columns.iter().map(|column| format!("{column}{direction}")).collect();
    values.push((page.first.clamp(1, MAX_PAGE_SIZE) + 1).into());
    sql + &format!(" ORDER BY {} LIMIT ${}", terms.join(", "), values.len())
}

impl SqlStore {
    pub(crate) async fn list_page(&self, filter: &OrderFilter, page: &PageRequest) -> Result<OrderPage, StoreError> {
        let mut transaction = self.database.begin_report().await?;
        let search = match &filter.search {
            Some(search) => Some(resolve_search(&mut transaction, search, filter.reseller.as_deref()).await?),
            None => None,
        };
        let (condition, mut values) = filter_conditions(filter, search.as_ref(), self.database.json());
        let sql = page_statement(page, &condition, &mut values, filter);
        let rows = transaction.fetch_all(&sql, values).await?;
        let mut keys: Vec<String> = rows.iter().map(|row| row.text("key")).collect::<Result<_, _>>()?;
        let first = page.first.clamp(1, MAX_PAGE_SIZE);
        let has_more = keys.len() > first;
        keys.truncate(first);
        Ok(OrderPage { orders: load_orders(&mut transaction, &self.cipher, &keys).await?, has_more })
    }

    pub(crate) async fn count_matches(&self, filter: &OrderFilter) -> Result<Option<u64>, StoreError> {
        let search = match &filter.search {
            Some(search) => {
                let mut transaction = self.database.begin_report().await?;
                Some(resolve_search(&mut transaction, search, filter.reseller.as_deref()).await?)
            }
            None => None,
        };
        let (condition, values) = filter_conditions(filter, search.as_ref(), self.database.json());
        let sql = format!("SELECT COUNT(*) AS total FROM orders o WHERE {condition}");
        let Some(rows) = self.database.fetch_within(self.count_timeout, &sql, values).await? else { return Ok(None) };
        rows.first().map(|row| row.unsigned("total")).transpose()
    }
}
