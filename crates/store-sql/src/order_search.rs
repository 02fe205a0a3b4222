//! Tokens of orders of earlier versions, and of orders whose contact has changed: they are replaced while the service runs.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::codec::{StoredPrice, unreadable};
use crate::order_rows::sort_key_row;
use crate::order_tables::{MAX_ROWS, ORDER_SEARCH, SORT_KEYS};
use crate::repeat::repeat;
use crate::sql::{SqlRow, SqlTransaction, SqlValue};
use crate::store::SqlStore;
use domain::text::LocalizedText;
use domain::{Money, StoreError};
use orders::search::SearchFields;

/// Number of orders that get their tokens in one transaction, which keeps their writers waiting.
const BATCH_SIZE: usize = 50;

/// Index of the orders that an earlier version wrote, or still writes beside this one.
#[async_trait]
pub trait SearchIndex: Send + Sync {
    /// Adds the tokens and the days of visits of a batch of orders. Returns false if none is left, or others are writing the rest.
    async fn index_batch(&self) -> Result<bool, StoreError>;
}

#[async_trait]
impl SearchIndex for SqlStore {
    async fn index_batch(&self) -> Result<bool, StoreError> {
        repeat(async || {
            let mut transaction = self.database.begin_write().await?;
            let sql = format!(
                "SELECT key, number, reseller, reseller_reference, first_name, last_name, email FROM orders WHERE is_searchable = 0 \
                ORDER BY key LIMIT $1 {}",
                self.database.skip_locked()
            );
            let orders = transaction.fetch_all(&sql, vec![BATCH_SIZE.into()]).await?;
            let mut tokens = BTreeSet::new();
            for row in &orders {
                let key = row.text("key")?;
                let reseller = row.opt_text("reseller")?;
                let owner = reseller.clone().unwrap_or_default();
                let titles = titles_of(&mut transaction, &key).await?;
                tokens.extend(tokens_of(row, &titles)?.into_iter().map(|token| (token, key.clone(), owner.clone())));
                // Tokens of a former contact.
                transaction.execute("DELETE FROM order_search WHERE order_key = $1", vec![key.as_str().into()]).await?;
                set_visit_dates(&mut transaction, &key).await?;
                insert_sort_keys(&mut transaction, &key, reseller.as_deref()).await?;
                let sql = "UPDATE orders SET is_searchable = 1 WHERE key = $1";
                transaction.execute(sql, vec![key.into()]).await?;
            }
            let tokens: Vec<_> = tokens.into_iter().collect();
            for rows in tokens.chunks(MAX_ROWS) {
                let columns = |(token, key, reseller): &(String, String, String)| {
                    [token, key, reseller].map(|text| SqlValue::from(text.as_str()))
                };
                let values = rows.iter().flat_map(columns);
                transaction.execute(&ORDER_SEARCH.insert(rows.len(), "ON CONFLICT DO NOTHING"), values.collect()).await?;
            }
            transaction.commit().await?;
            Ok(orders.len() == BATCH_SIZE)
        })
        .await
    }
}

async fn titles_of(transaction: &mut SqlTransaction, order: &str) -> Result<Vec<LocalizedText>, StoreError> {
    let sql = "SELECT event_title FROM order_lines WHERE order_key = $1 ORDER BY number";
    let lines = transaction.fetch_all(sql, vec![order.into()]).await?;
    let titles = lines.iter().map(|line| line.opt_json("event_title"));
    Ok(titles.collect::<Result<Vec<Option<_>>, _>>()?.into_iter().flatten().collect())
}

fn tokens_of(order: &SqlRow, titles: &[LocalizedText]) -> Result<Vec<String>, StoreError> {
    let (number, reference) = (order.text("number")?, order.opt_text("reseller_reference")?);
    let (first_name, last_name, email) = (order.text("first_name")?, order.text("last_name")?, order.text("email")?);
    let fields = SearchFields {
        number: &number,
        reseller_reference: reference.as_deref(),
        first_name: &first_name,
        last_name: &last_name,
        email: &email,
        titles: titles.iter().flat_map(LocalizedText::texts).collect(),
    };
    Ok(fields.tokens())
}

/// Sets the days of the visits of an order in UTC, because the time zone of the venue was not stored.
async fn set_visit_dates(transaction: &mut SqlTransaction, order: &str) -> Result<(), StoreError> {
    let sql = "SELECT number, starts_at FROM order_lines \
        WHERE order_key = $1 AND visit_date IS NULL AND starts_at IS NOT NULL";
    for line in transaction.fetch_all(sql, vec![order.into()]).await? {
        let date = line.time("starts_at")?.to_zoned(TimeZone::UTC).date();
        let sql = "UPDATE order_lines SET visit_date = $3 WHERE order_key = $1 AND number = $2";
        transaction.execute(sql, vec![order.into(), line.index("number")?.into(), date.to_string().into()]).await?;
    }
    Ok(())
}

/// Inserts the columns that an order is listed by.
async fn insert_sort_keys(
    transaction: &mut SqlTransaction,
    order: &str,
    reseller: Option<&str>,
) -> Result<(), StoreError> {
    let sql = "SELECT quantity, unit_price, visit_date FROM order_lines WHERE order_key = $1";
    let (mut first_visit, mut totals) = (None, BTreeMap::new());
    for line in transaction.fetch_all(sql, vec![order.into()]).await? {
        if let Some(day) = line.opt_text("visit_date")? {
            let day: Date = day.parse().map_err(|_| unreadable("a day"))?;
            first_visit = Some(first_visit.map_or(day, |first: Date| first.min(day)));
        }
        let price = line.json::<StoredPrice>("unit_price")?.retail()?;
        let total: &mut i64 = totals.entry(price.currency).or_default();
        *total = total.saturating_add(price.amount.saturating_mul(line.int("quantity")?));
    }
    let total = totals.into_iter().next().map(|(currency, amount)| Money::new(amount, currency));
    let row = sort_key_row(order, reseller, first_visit, total);
    transaction.execute(&SORT_KEYS.insert(1, "ON CONFLICT DO NOTHING"), row).await?;
    Ok(())
}
