//! The store of operators' decisions on SQL.

use async_trait::async_trait;
use secrecy::ExposeSecret as _;

use crate::codec::{
    StoredRef, decode_json, decode_name, decode_refs, encode_json, encode_name, encode_refs, to_nanos, unreadable,
};
use crate::credential_cipher::Ciphertext;
use crate::facts::append_source_change;
use crate::repeat::repeat;
use crate::rows::order_key;
use crate::sql::{SqlRow, SqlTransaction, SqlValue};
use crate::store::SqlStore;
use domain::{SourceId, StoreError};
use orders::operator::{OperatorAction, OperatorStore, ResolvedOrphan, SourcePause};

/// Stores the record of a request.
pub(crate) async fn insert_action(transaction: &mut SqlTransaction, action: &OperatorAction) -> Result<(), StoreError> {
    let sql = "INSERT INTO operator_actions (scope, operation, key, request_hash, scheduled, used_at) \
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
    let values: Vec<SqlValue> = vec![
        action.scope.as_str().into(),
        action.operation.as_str().into(),
        action.key.as_str().into(),
        action.request_hash.as_str().into(),
        action.scheduled.into(),
        to_nanos(action.at).into(),
    ];
    if transaction.execute(sql, values).await? == 0 { Err(StoreError::KeyTaken) } else { Ok(()) }
}

/// Keeps other changes of a source's orphans out until the transaction ends.
async fn lock_orphans(
    transaction: &mut SqlTransaction,
    source: &SourceId,
    now: jiff::Timestamp,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO orphan_sources (source, changed_at) VALUES ($1, $2) \
        ON CONFLICT (source) DO UPDATE SET changed_at = excluded.changed_at";
    transaction.execute(sql, vec![source.as_str().into(), to_nanos(now).into()]).await.map(drop)
}

/// Returns the id of the orphan that a request resolves.
fn orphan_id(action: &OperatorAction) -> String {
    format!("{} {} {}", action.scope, action.key, to_nanos(action.at))
}

/// Returns the location of an orphan's identifier, which is the associated data of its encryption.
fn orphan_location(id: &str) -> String {
    format!("orphan {id}")
}

impl SqlStore {
    async fn select_orphans(
        &self,
        transaction: &mut SqlTransaction,
        source: &SourceId,
    ) -> Result<Vec<ResolvedOrphan>, StoreError> {
        let sql = "SELECT id, source, key_id, sealed, order_key, leg, note, resolved_by, resolved_at FROM resolved_orphans \
            WHERE source = $1 ORDER BY resolved_at, id";
        let rows = transaction.fetch_all(sql, vec![source.as_str().into()]).await?;
        rows.iter().map(|row| self.decode_orphan(row)).collect()
    }

    fn decode_orphan(&self, row: &SqlRow) -> Result<ResolvedOrphan, StoreError> {
        let id = row.text("id")?;
        let sealed = Ciphertext { key_id: row.text("key_id")?, bytes: row.bytes("sealed")? };
        let plain = self.cipher.decrypt(&orphan_location(&id), &sealed)?;
        let refs = decode_refs(decode_json::<Vec<StoredRef>>(plain.expose_secret())?);
        let order = row.opt_text("order_key")?.map(|key| order_key(&key)).transpose()?;
        let leg = order.map(|order| Ok::<_, StoreError>((order, row.index("leg")?))).transpose()?;
        Ok(ResolvedOrphan {
            source: SourceId::new(row.text("source")?),
            reference: refs.into_iter().next().ok_or_else(|| unreadable("the identifier of an orphan"))?,
            leg,
            note: row.text("note")?,
            by: row.text("resolved_by")?,
            at: row.time("resolved_at")?,
        })
    }
}

#[async_trait]
impl OperatorStore for SqlStore {
    async fn find_action(&self, scope: &str, operation: &str, key: &str) -> Result<Option<OperatorAction>, StoreError> {
        let sql = "SELECT scope, operation, key, request_hash, scheduled, used_at FROM operator_actions \
            WHERE scope = $1 AND operation = $2 AND key = $3";
        let Some(row) = self.first_row(sql, vec![scope.into(), operation.into(), key.into()]).await? else {
            return Ok(None);
        };
        Ok(Some(OperatorAction {
            scope: row.text("scope")?,
            operation: row.text("operation")?,
            key: row.text("key")?,
            request_hash: row.text("request_hash")?,
            scheduled: row.unsigned("scheduled")?,
            at: row.time("used_at")?,
        }))
    }

    async fn insert_action(&self, action: &OperatorAction) -> Result<(), StoreError> {
        repeat(async || {
            let mut transaction = self.database.begin_write().await?;
            insert_action(&mut transaction, action).await?;
            transaction.commit().await
        })
        .await
    }

    async fn insert_pause(&self, action: &OperatorAction, pause: &SourcePause) -> Result<(), StoreError> {
        repeat(async || {
            let mut transaction = self.database.begin_write().await?;
            insert_action(&mut transaction, action).await?;
            // A pause that is over is replaced.
            let sql = "INSERT INTO source_pauses (source, mode, since, ends_at, note, paused_by) \
                VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (source) DO UPDATE SET mode = excluded.mode, since = excluded.since, \
                ends_at = excluded.ends_at, note = excluded.note, paused_by = excluded.paused_by \
                WHERE source_pauses.ends_at <= excluded.since";
            let values: Vec<SqlValue> = vec![
                pause.source.as_str().into(),
                encode_name(pause.mode).into(),
                to_nanos(pause.since).into(),
                pause.until.map(to_nanos).into(),
                pause.note.as_str().into(),
                pause.by.as_str().into(),
            ];
            if transaction.execute(sql, values).await? == 0 {
                return Err(StoreError::Outdated);
            }
            append_source_change(&mut transaction, &pause.source, action.at).await?;
            transaction.commit().await?;
            self.sequencer.request();
            Ok(())
        })
        .await
    }

    async fn delete_pause(&self, action: &OperatorAction, source: &SourceId) -> Result<(), StoreError> {
        repeat(async || {
            let mut transaction = self.database.begin_write().await?;
            insert_action(&mut transaction, action).await?;
            let sql = "DELETE FROM source_pauses WHERE source = $1 AND (ends_at IS NULL OR ends_at > $2)";
            let values: Vec<SqlValue> = vec![source.as_str().into(), to_nanos(action.at).into()];
            if transaction.execute(sql, values).await? == 0 {
                return Err(StoreError::Outdated);
            }
            append_source_change(&mut transaction, source, action.at).await?;
            transaction.commit().await?;
            self.sequencer.request();
            Ok(())
        })
        .await
    }

    async fn list_pauses(&self) -> Result<Vec<SourcePause>, StoreError> {
        let mut transaction = self.database.begin_read().await?;
        let sql = "SELECT source, mode, since, ends_at, note, paused_by FROM source_pauses ORDER BY source";
        let rows = transaction.fetch_all(sql, Vec::new()).await?;
        let pause = |row: &SqlRow| {
            Ok(SourcePause {
                source: SourceId::new(row.text("source")?),
                mode: decode_name(&row.text("mode")?, "the mode of a pause")?,
                since: row.time("since")?,
                until: row.opt_time("ends_at")?,
                note: row.text("note")?,
                by: row.text("paused_by")?,
            })
        };
        rows.iter().map(pause).collect()
    }

    async fn write_orphan(&self, action: &OperatorAction, orphan: &ResolvedOrphan) -> Result<(), StoreError> {
        repeat(async || {
            let mut transaction = self.database.begin_write().await?;
            insert_action(&mut transaction, action).await?;
            lock_orphans(&mut transaction, &orphan.source, orphan.at).await?;
            for earlier in self.select_orphans(&mut transaction, &orphan.source).await? {
                // Earlier decisions stay: this one may be taken back.
                if earlier.reference == orphan.reference && earlier.leg.is_some() && earlier.leg != orphan.leg {
                    return Err(StoreError::Outdated);
                }
            }
            let id = orphan_id(action);
            let reference = encode_json(&encode_refs(std::slice::from_ref(&orphan.reference)))?;
            let sealed = self.cipher.encrypt(&orphan_location(&id), &reference)?;
            let sql = "INSERT INTO resolved_orphans (id, source, key_id, sealed, order_key, leg, note, resolved_by, resolved_at) \
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
            let values: Vec<SqlValue> = vec![
                id.as_str().into(),
                orphan.source.as_str().into(),
                sealed.key_id.into(),
                sealed.bytes.into(),
                orphan.leg.map(|(order, _)| order.to_string()).into(),
                orphan.leg.map(|(_, leg)| i64::try_from(leg).unwrap_or(i64::MAX)).into(),
                orphan.note.as_str().into(),
                orphan.by.as_str().into(),
                to_nanos(orphan.at).into(),
            ];
            transaction.execute(sql, values).await?;
            transaction.commit().await
        })
        .await
    }

    async fn delete_orphan(&self, action: &OperatorAction) -> Result<(), StoreError> {
        repeat(async || {
            let mut transaction = self.database.begin_write().await?;
            transaction.execute("DELETE FROM resolved_orphans WHERE id = $1", vec![orphan_id(action).into()]).await?;
            let sql = "DELETE FROM operator_actions WHERE scope = $1 AND operation = $2 AND key = $3";
            let values =
                vec![action.scope.as_str().into(), action.operation.as_str().into(), action.key.as_str().into()];
            transaction.execute(sql, values).await?;
            transaction.commit().await
        })
        .await
    }

    async fn list_orphans(&self, source: &SourceId) -> Result<Vec<ResolvedOrphan>, StoreError> {
        let mut transaction = self.database.begin_read().await?;
        self.select_orphans(&mut transaction, source).await
    }
}
