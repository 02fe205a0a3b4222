//! Tokens of orders of earlier versions, which are added while the service runs.

use std::collections::BTreeSet;

use async_trait::async_trait;
use jiff::tz::TimeZone;

use crate::order_tables::{MAX_ROWS, ORDER_SEARCH};
use crate::sql::{SqlRow, SqlTransaction, SqlValue};
use crate::store::SqlStore;
use domain::StoreError;
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
        let mut transaction = self.database.begin_write().await?;
        let sql = format!(
            "SELECT key, number, reseller_reference, first_name, last_name, email FROM orders WHERE is_searchable = 0 \
            ORDER BY key LIMIT $1 {}",
            self.database.skip_locked()
        );
        let orders = transaction.fetch_all(&sql, vec![BATCH_SIZE.into()]).await?;
        let mut tokens = BTreeSet::new();
        for row in &orders {
            let key = row.text("key")?;
            tokens.extend(tokens_of(row)?.into_iter().map(|token| (token, key.clone())));
            set_visit_dates(&mut transaction, &key).await?;
            let sql = "UPDATE orders SET is_searchable = 1 WHERE key = $1";
            transaction.execute(sql, vec![key.into()]).await?;
        }
        let tokens: Vec<_> = tokens.into_iter().collect();
        for rows in tokens.chunks(MAX_ROWS) {
            let values = rows.iter().flat_map(|(token, key)| [SqlValue::from(token.as_str()), key.as_str().into()]);
            transaction.execute(&ORDER_SEARCH.insert(rows.len(), "ON CONFLICT DO NOTHING"), values.collect()).await?;
        }
        transaction.commit().await?;
        Ok(orders.len() == BATCH_SIZE)
    }
}

fn tokens_of(order: &SqlRow) -> Result<Vec<String>, StoreError> {
    let (number, reference) = (order.text("number")?, order.opt_text("reseller_reference")?);
    let (first_name, last_name, email) = (order.text("first_name")?, order.text("last_name")?, order.text("email")?);
    let fields = SearchFields {
        number: &number,
        reseller_reference: reference.as_deref(),
        first_name: &first_name,
        last_name: &last_name,
        email: &email,
        titles: Vec::new(),
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
