//! The store of sessions on SQL.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::codec::{to_nanos, unreadable};
use crate::repeat::repeat;
use crate::sql::{SqlRow, SqlValue};
use crate::store::SqlStore;
use domain::StoreError;
use sign_in::{Access, SessionId, SessionStore, StoredSession};

fn id_value(id: SessionId) -> SqlValue {
    id.0.to_vec().into()
}

fn session(id: SessionId, row: &SqlRow) -> Result<StoredSession, StoreError> {
    let role = row.text("role")?.parse().map_err(|_| unreadable("the role of a session"))?;
    Ok(StoredSession {
        id,
        issuer: row.text("issuer")?,
        user: row.text("user_id")?,
        name: row.text("name")?,
        access: Access { reseller: row.opt_text("reseller")?, role },
        started_at: row.time("started_at")?,
        seen_at: row.time("seen_at")?,
    })
}

#[async_trait]
impl SessionStore for SqlStore {
    async fn insert_session(&self, session: &StoredSession, limit: u32) -> Result<u64, StoreError> {
        repeat(async || {
            let mut transaction = self.database.begin_write().await?;
            let sql = "INSERT INTO sessions (id, issuer, user_id, name, reseller, role, started_at, seen_at) \
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
            let values: Vec<SqlValue> = vec![
                id_value(session.id),
                session.issuer.as_str().into(),
                session.user.as_str().into(),
                session.name.as_str().into(),
                session.access.reseller.as_deref().into(),
                session.access.role.as_str().into(),
                to_nanos(session.started_at).into(),
                to_nanos(session.seen_at).into(),
            ];
            transaction.execute(sql, values).await?;
            let sql = "DELETE FROM sessions WHERE user_id = $1 AND id <> $2 AND id NOT IN (\
                SELECT id FROM sessions WHERE user_id = $1 AND id <> $2 ORDER BY started_at DESC, id LIMIT $3)";
            let others = i64::from(limit.saturating_sub(1));
            let values = vec![session.user.as_str().into(), id_value(session.id), others.into()];
            let deleted = transaction.execute(sql, values).await?;
            transaction.commit().await?;
            Ok(deleted)
        })
        .await
    }

    async fn find_session(&self, id: SessionId) -> Result<Option<StoredSession>, StoreError> {
        let sql = "SELECT issuer, user_id, name, reseller, role, started_at, seen_at FROM sessions WHERE id = $1";
        self.first_row(sql, vec![id_value(id)]).await?.map(|row| session(id, &row)).transpose()
    }

    async fn touch_session(&self, id: SessionId, at: Timestamp) -> Result<(), StoreError> {
        let sql = "UPDATE sessions SET seen_at = $2 WHERE id = $1 AND seen_at < $2";
        self.execute_one(sql, vec![id_value(id), to_nanos(at).into()]).await.map(drop)
    }

    async fn delete_session(&self, id: SessionId) -> Result<bool, StoreError> {
        Ok(self.execute_one("DELETE FROM sessions WHERE id = $1", vec![id_value(id)]).await? > 0)
    }

    async fn delete_sessions_of(&self, user: &str) -> Result<u64, StoreError> {
        self.execute_one("DELETE FROM sessions WHERE user_id = $1", vec![user.into()]).await
    }

    async fn delete_expired_sessions(
        &self,
        seen_before: Timestamp,
        started_before: Timestamp,
    ) -> Result<u64, StoreError> {
        let sql = "DELETE FROM sessions WHERE seen_at <= $1 OR started_at <= $2";
        self.execute_one(sql, vec![to_nanos(seen_before).into(), to_nanos(started_before).into()]).await
    }
}
