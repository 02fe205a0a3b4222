//! The journal of edits over SQL.

use async_trait::async_trait;

use crate::ledger::SqlLedger;
use crate::shapes::{nanos, read, write};
use crate::sql::Value;
use edits::{EditId, Journal, Known, Note, Record};
use orders::LedgerError;

const THIS: &str = "scope = $1 AND operation = $2 AND key = $3 AND source = $4";

fn named(id: &EditId) -> Vec<Value> {
    [id.scope.as_str(), &id.operation, &id.key, id.source.as_str()].map(Value::from).to_vec()
}

impl SqlLedger {
    async fn change(&self, sql: &str, values: Vec<Value>) -> Result<u64, LedgerError> {
        let mut session = self.database.write().await?;
        let changed = session.run(sql, values).await?;
        session.commit().await?;
        Ok(changed)
    }
}

#[async_trait]
impl Journal for SqlLedger {
    async fn begin(&self, note: &Note) -> Result<Option<Known>, LedgerError> {
        let mut values = named(&note.id);
        values.extend([Value::from(note.request_hash.as_str()), nanos(note.begun_at).into()]);
        let sql = "INSERT INTO edits (scope, operation, key, source, request_hash, begun_at) \
            VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
        if self.change(sql, values).await? > 0 {
            return Ok(None);
        }
        let mut session = self.database.read().await?;
        let rows =
            session.rows(&format!("SELECT request_hash, outcome FROM edits WHERE {THIS}"), named(&note.id)).await?;
        let Some(mut row) = rows.into_iter().next() else {
            // Taken away between the two: somebody else was at it just now.
            return Ok(Some(Known { request_hash: note.request_hash.clone(), outcome: None }));
        };
        let request_hash = row.text()?;
        let outcome = row.opt_text()?.map(|text| read::<Record>(&text)).transpose()?;
        Ok(Some(Known { request_hash, outcome }))
    }

    async fn finish(&self, id: &EditId, record: &Record) -> Result<(), LedgerError> {
        let mut values = named(id);
        values.push(write(record)?.into());
        self.change(&format!("UPDATE edits SET outcome = $5 WHERE {THIS}"), values).await.map(drop)
    }

    async fn forget(&self, id: &EditId) -> Result<(), LedgerError> {
        self.change(&format!("DELETE FROM edits WHERE {THIS} AND outcome IS NULL"), named(id)).await.map(drop)
    }
}
