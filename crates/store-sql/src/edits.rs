//! The idempotency store of edits on SQL.

use async_trait::async_trait;

use crate::codec::{encode_json, to_nanos};
use crate::sql::SqlValue;
use crate::store::SqlStore;
use domain::StoreError;
use edits::{EditId, EditIntent, EditOutcome, IdempotencyStore, PriorEdit};

const EDIT_KEY_CONDITION: &str = "scope = $1 AND operation = $2 AND key = $3 AND source = $4";

fn edit_key_values(id: &EditId) -> Vec<SqlValue> {
    [id.scope.as_str(), &id.operation, &id.key, id.source.as_str()].map(SqlValue::from).to_vec()
}

#[async_trait]
impl IdempotencyStore for SqlStore {
    async fn begin(&self, intent: &EditIntent) -> Result<Option<PriorEdit>, StoreError> {
        let mut values = edit_key_values(&intent.id);
        values.extend([SqlValue::from(intent.request_hash.as_str()), to_nanos(intent.started_at).into()]);
        let sql = "INSERT INTO edits (scope, operation, key, source, request_hash, begun_at) \
            VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
        if self.execute_one(sql, values).await? > 0 {
            return Ok(None);
        }
        let mut transaction = self.database.begin_read().await?;
        let sql = format!("SELECT request_hash, outcome FROM edits WHERE {EDIT_KEY_CONDITION}");
        let Some(row) = transaction.fetch_first(&sql, edit_key_values(&intent.id)).await? else {
            // Deleted between the two statements: a concurrent request has just abandoned it.
            return Ok(Some(PriorEdit { request_hash: intent.request_hash.clone(), outcome: None }));
        };
        Ok(Some(PriorEdit {
            request_hash: row.text("request_hash")?,
            outcome: row.opt_json::<EditOutcome>("outcome")?,
        }))
    }

    async fn finish(&self, id: &EditId, outcome: &EditOutcome) -> Result<(), StoreError> {
        let mut values = edit_key_values(id);
        values.push(encode_json(outcome)?.into());
        self.execute_one(&format!("UPDATE edits SET outcome = $5 WHERE {EDIT_KEY_CONDITION}"), values).await.map(drop)
    }

    async fn remove(&self, id: &EditId) -> Result<(), StoreError> {
        self.execute_one(
            &format!("DELETE FROM edits WHERE {EDIT_KEY_CONDITION} AND outcome IS NULL"),
            edit_key_values(id),
        )
        .await
        .map(drop)
    }
}
