//! Counts of calls to vendors on SQL.

use async_trait::async_trait;

use crate::codec::{decode_name, encode_name};
use crate::repeat::repeat;
use crate::sql::{SqlRow, SqlValue};
use crate::store::SqlStore;
use domain::{CallCounts, CallsByClass, Month, StoreError};

#[async_trait]
impl CallCounts for SqlStore {
    async fn add_calls(&self, account: &str, month: Month, calls: &CallsByClass) -> Result<CallsByClass, StoreError> {
        if calls.is_empty() {
            return self.calls_of(account, month).await;
        }
        repeat(async || {
            let mut transaction = self.database.begin_write().await?;
            for (class, count) in calls {
                let sql = "INSERT INTO source_calls (account, month, class, calls) VALUES ($1, $2, $3, $4) \
                    ON CONFLICT (account, month, class) DO UPDATE SET calls = source_calls.calls + excluded.calls";
                let values: Vec<SqlValue> =
                    vec![account.into(), month.to_string().into(), encode_name(*class).into(), (*count).into()];
                transaction.execute(sql, values).await?;
            }
            let rows = transaction.fetch_all(CALLS_OF_MONTH, vec![account.into(), month.to_string().into()]).await?;
            let all = decode(&rows)?;
            transaction.commit().await?;
            Ok(all)
        })
        .await
    }
}

const CALLS_OF_MONTH: &str = "SELECT class, calls FROM source_calls WHERE account = $1 AND month = $2";

fn decode(rows: &[SqlRow]) -> Result<CallsByClass, StoreError> {
    let row = |row: &SqlRow| Ok((decode_name(&row.text("class")?, "the class of a call")?, row.unsigned("calls")?));
    rows.iter().map(row).collect()
}

impl SqlStore {
    async fn calls_of(&self, account: &str, month: Month) -> Result<CallsByClass, StoreError> {
        decode(&self.database.fetch_once(CALLS_OF_MONTH, vec![account.into(), month.to_string().into()]).await?)
    }
}
