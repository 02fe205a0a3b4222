//! The store of webhooks on SQL. The statements are the same for both databases.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::codec::{duration_nanos, to_nanos};
use crate::operators::insert_action;
use crate::repeat::repeat;
use crate::sql::{SqlTransaction, SqlValue};
use crate::store::SqlStore;
use crate::webhook_rows::{WEBHOOK_COLUMNS, save_messages, select_messages};
use domain::StoreError;
use orders::operator::{OperatorAction, OperatorStore};
use webhooks::delivery::WebhookDelivery;
use webhooks::store::{ClaimedWebhook, LogPlace, WaitingMessages, WebhookScope, WebhookStore, WebhookWrite};
use webhooks::{Webhook, WebhookKey};

/// Number of messages that are deleted in one statement.
const CLEAN_BATCH: i64 = 1_000;

/// Owner of the webhooks of the configuration: no reseller has a colon in its name.
const CONFIGURATION: &str = "config:";

/// Keeps other changes of the number of an owner's webhooks out until the transaction ends.
async fn lock_owner(transaction: &mut SqlTransaction, owner: &str, now: Timestamp) -> Result<(), StoreError> {
    let sql = "INSERT INTO webhook_owners (owner, changed_at) VALUES ($1, $2) \
        ON CONFLICT (owner) DO UPDATE SET changed_at = excluded.changed_at";
    transaction.execute(sql, vec![owner.into(), to_nanos(now).into()]).await.map(drop)
}

#[async_trait]
impl WebhookStore for SqlStore {
    async fn list_webhooks(&self, scope: WebhookScope<'_>) -> Result<Vec<Webhook>, StoreError> {
        let (condition, values): (&str, Vec<SqlValue>) = match scope {
            WebhookScope::All => ("", Vec::new()),
            WebhookScope::Reseller(reseller) => ("WHERE reseller = $1", vec![reseller.into()]),
        };
        let sql = format!("SELECT {WEBHOOK_COLUMNS} FROM webhooks {condition} ORDER BY created_at, id");
        let rows = self.database.fetch_once(&sql, values).await?;
        // One that cannot be decoded does not hide the others.
        Ok(rows.iter().filter_map(|row| self.decode_readable_webhook(row)).collect())
    }

    async fn list_keys(&self) -> Result<Vec<WebhookKey>, StoreError> {
        let rows = self.database.fetch_once("SELECT id FROM webhooks ORDER BY id", Vec::new()).await?;
        rows.iter().map(|row| row.text("id").map(WebhookKey)).collect()
    }

    async fn find_webhook(&self, key: &WebhookKey) -> Result<Option<Webhook>, StoreError> {
        let sql = format!("SELECT {WEBHOOK_COLUMNS} FROM webhooks WHERE id = $1");
        self.first_row(&sql, vec![key.0.as_str().into()]).await?.map(|row| self.decode_webhook(&row)).transpose()
    }

    async fn insert_webhook(&self, action: &OperatorAction, webhook: &Webhook, limit: usize) -> Result<(), StoreError> {
        repeat(async || {
            let mut transaction = self.database.begin_write().await?;
            insert_action(&mut transaction, action).await?;
            let sql =
                "SELECT COUNT(*) AS count FROM webhooks WHERE COALESCE(reseller, '') = $1 AND id NOT LIKE 'config:%'";
            let reseller = webhook.owner.reseller.as_deref().unwrap_or_default();
            lock_owner(&mut transaction, reseller, action.at).await?;
            let row = transaction.fetch_first(sql, vec![reseller.into()]).await?;
            if row.map(|row| row.index("count")).transpose()?.unwrap_or_default() >= limit {
                return Err(StoreError::Outdated);
            }
            self.insert_row(&mut transaction, webhook).await?;
            transaction.commit().await
        })
        .await
    }

    async fn replace_webhook(
        &self,
        action: &OperatorAction,
        webhook: &Webhook,
        waiting: WaitingMessages,
    ) -> Result<(), StoreError> {
        repeat(async || {
            let mut transaction = self.database.begin_write().await?;
            insert_action(&mut transaction, action).await?;
            self.replace_row(&mut transaction, webhook).await?;
            let key = webhook.key.0.as_str();
            let kept = if waiting == WaitingMessages::Drop { 0 } else { webhook.position };
            let sql = "DELETE FROM webhook_messages WHERE webhook = $1 AND state = 'PENDING' AND position > $2";
            transaction.execute(sql, vec![key.into(), kept.into()]).await?;
            if waiting == WaitingMessages::Restart {
                let sql = "UPDATE webhook_messages SET first_attempt_at = NULL, next_attempt_at = $2 \
                    WHERE webhook = $1 AND state = 'PENDING'";
                transaction.execute(sql, vec![key.into(), to_nanos(action.at).into()]).await?;
            }
            transaction.commit().await
        })
        .await
    }

    async fn delete_webhook(&self, action: &OperatorAction, key: &WebhookKey) -> Result<(), StoreError> {
        repeat(async || {
            let mut transaction = self.database.begin_write().await?;
            insert_action(&mut transaction, action).await?;
            transaction.execute("DELETE FROM webhooks WHERE id = $1", vec![key.0.as_str().into()]).await?;
            transaction.commit().await
        })
        .await
    }

    async fn replace_configured(&self, webhooks: &[Webhook]) -> Result<(), StoreError> {
        repeat(async || {
            let mut transaction = self.database.begin_write().await?;
            lock_owner(&mut transaction, CONFIGURATION, Timestamp::UNIX_EPOCH).await?;
            let sql = format!("SELECT {WEBHOOK_COLUMNS} FROM webhooks WHERE id LIKE 'config:%'");
            let rows = transaction.fetch_all(&sql, Vec::new()).await?;
            let stored: Vec<Webhook> = rows.iter().map(|row| self.decode_webhook(row)).collect::<Result<_, _>>()?;
            for gone in stored.iter().filter(|stored| webhooks.iter().all(|webhook| webhook.key != stored.key)) {
                transaction.execute("DELETE FROM webhooks WHERE id = $1", vec![gone.key.0.as_str().into()]).await?;
            }
            for webhook in webhooks {
                match stored.iter().find(|stored| stored.key == webhook.key) {
                    None => self.insert_row(&mut transaction, webhook).await?,
                    Some(stored) => {
                        let configured = Webhook {
                            owner: webhook.owner.clone(),
                            url: webhook.url.clone(),
                            events: webhook.events.clone(),
                            include: webhook.include,
                            signing: webhook.signing.clone(),
                            ..stored.clone()
                        };
                        self.replace_row(&mut transaction, &configured).await?;
                    }
                }
            }
            transaction.commit().await
        })
        .await
    }

    async fn claim_webhooks(
        &self,
        now: Timestamp,
        lease: Duration,
        limit: usize,
    ) -> Result<Vec<ClaimedWebhook>, StoreError> {
        let now_sql = self.database.lease_clock().now("$1");
        // Most of the time none is free, which a read finds without a transaction that writes.
        let sql = format!("SELECT 1 AS free FROM webhooks WHERE state = 'ACTIVE' AND lease_until <= {now_sql} LIMIT 1");
        if self.first_row(&sql, vec![to_nanos(now).into()]).await?.is_none() {
            return Ok(Vec::new());
        }
        let sql = format!(
            "UPDATE webhooks SET fence = fence + 1, lease_until = {now_sql} + $2 WHERE id IN (\
                SELECT id FROM webhooks WHERE state = 'ACTIVE' AND lease_until <= {now_sql} ORDER BY lease_until, id LIMIT $3 {}) \
            RETURNING {WEBHOOK_COLUMNS}",
            self.database.skip_locked()
        );
        repeat(async || {
            let mut transaction = self.database.begin_write().await?;
            let values: Vec<SqlValue> = vec![to_nanos(now).into(), duration_nanos(lease).into(), limit.into()];
            let rows = transaction.fetch_all(&sql, values).await?;
            let mut claimed = Vec::with_capacity(rows.len());
            for row in &rows {
                // It keeps its lease, so that it is tried again later and the others have their turn.
                let Some(webhook) = self.decode_readable_webhook(row) else { continue };
                let condition = "webhook = $1 AND state = 'PENDING' AND position IS NOT NULL ORDER BY position";
                let waiting = select_messages(&mut transaction, condition, vec![webhook.key.0.as_str().into()]).await?;
                claimed.push(ClaimedWebhook { webhook, waiting });
            }
            transaction.commit().await?;
            Ok(claimed)
        })
        .await
    }

    async fn write_webhooks(
        &self,
        writes: &[WebhookWrite<'_>],
        now: Timestamp,
        lease: Duration,
    ) -> Result<Vec<WebhookKey>, StoreError> {
        let now_sql = self.database.lease_clock().now("$3");
        let sql = format!(
            "UPDATE webhooks SET lease_until = CASE WHEN $7 = 'ACTIVE' THEN {now_sql} + $4 ELSE 0 END, position = $5, \
            failing_since = $6, state = $7, disabled_reason = $8 WHERE id = $1 AND fence = $2 AND state = 'ACTIVE'"
        );
        repeat(async || {
            let mut transaction = self.database.begin_write().await?;
            let (mut lost, mut messages) = (Vec::new(), Vec::new());
            for write in writes {
                let state = if write.disabled.is_some() { "DISABLED" } else { "ACTIVE" };
                let values: Vec<SqlValue> = vec![
                    write.key.0.as_str().into(),
                    write.fence.into(),
                    to_nanos(now).into(),
                    duration_nanos(lease).into(),
                    write.position.into(),
                    write.failing_since.map(to_nanos).into(),
                    state.into(),
                    write.disabled.map(<&'static str>::from).into(),
                ];
                if transaction.execute(&sql, values).await? == 0 {
                    lost.push(write.key.clone());
                } else {
                    messages.extend(write.deliveries);
                }
            }
            save_messages(&mut transaction, &messages).await?;
            transaction.commit().await?;
            Ok(lost)
        })
        .await
    }

    async fn release_webhooks(&self, leases: &[(WebhookKey, u64)]) -> Result<(), StoreError> {
        if leases.is_empty() {
            return Ok(());
        }
        repeat(async || {
            let mut transaction = self.database.begin_write().await?;
            for (key, fence) in leases {
                let sql = "UPDATE webhooks SET lease_until = 0 WHERE id = $1 AND fence = $2";
                transaction.execute(sql, vec![key.0.as_str().into(), (*fence).into()]).await?;
            }
            transaction.commit().await
        })
        .await
    }

    async fn insert_request(&self, action: &OperatorAction) -> Result<(), StoreError> {
        self.insert_action(action).await
    }

    async fn find_request(
        &self,
        scope: &str,
        operation: &str,
        key: &str,
    ) -> Result<Option<OperatorAction>, StoreError> {
        self.find_action(scope, operation, key).await
    }

    async fn insert_test(&self, delivery: &WebhookDelivery) -> Result<(), StoreError> {
        repeat(async || {
            let mut transaction = self.database.begin_write().await?;
            save_messages(&mut transaction, &[delivery]).await?;
            transaction.commit().await
        })
        .await
    }

    async fn list_messages(
        &self,
        key: &WebhookKey,
        after: Option<&LogPlace>,
        limit: usize,
    ) -> Result<Vec<WebhookDelivery>, StoreError> {
        let mut values: Vec<SqlValue> = vec![key.0.as_str().into(), limit.into()];
        let mut place = "";
        if let Some((at, message)) = after {
            place = "AND (created_at < $3 OR (created_at = $3 AND message < $4))";
            values.extend([to_nanos(*at).into(), message.as_str().into()]);
        }
        let condition = format!("webhook = $1 {place} ORDER BY created_at DESC, message DESC LIMIT $2");
        let mut transaction = self.database.begin_read().await?;
        select_messages(&mut transaction, &condition, values).await
    }

    async fn delete_messages(&self, key: &WebhookKey, before: Timestamp, entries: usize) -> Result<u64, StoreError> {
        let sql = "SELECT created_at, message FROM webhook_messages WHERE webhook = $1 \
            ORDER BY created_at DESC, message DESC LIMIT 1 OFFSET $2";
        let key = key.0.as_str();
        let last = self.first_row(sql, vec![key.into(), entries.into()]).await?;
        let last = last.map(|row| Ok::<_, StoreError>((row.time("created_at")?, row.text("message")?))).transpose()?;
        // No id sorts before the empty text: of the messages stored at that time none is deleted.
        let (before, message) = (before, String::new()).max(last.unwrap_or_default());
        let sql = "DELETE FROM webhook_messages WHERE webhook = $1 AND message IN (SELECT message FROM webhook_messages \
            WHERE webhook = $1 AND (created_at < $2 OR (created_at = $2 AND message <= $4)) AND state <> 'PENDING' LIMIT $3)";
        let mut deleted = 0;
        loop {
            let values = vec![key.into(), to_nanos(before).into(), CLEAN_BATCH.into(), message.as_str().into()];
            let batch = self.execute_one(sql, values).await?;
            deleted += batch;
            if batch == 0 {
                return Ok(deleted);
            }
        }
    }

    async fn count_disabled(&self) -> Result<u64, StoreError> {
        let sql = "SELECT COUNT(*) AS count FROM webhooks WHERE state = 'DISABLED'";
        self.first_row(sql, Vec::new()).await?.map_or(Ok(0), |row| row.unsigned("count"))
    }
}

impl SqlStore {
    async fn insert_row(&self, transaction: &mut SqlTransaction, webhook: &Webhook) -> Result<(), StoreError> {
        let sql = "INSERT INTO webhooks (id, caller, reseller, scopes, events, include, key_id, sealed, state, disabled_reason, \
            created_at, position, failing_since, fence, lease_until) \
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 0)";
        let mut values = self.encode_webhook(webhook)?;
        values.push(webhook.fence.into());
        transaction.execute(sql, values).await.map(drop)
    }

    /// Replaces the row of a webhook with this fencing token, and ends the lease.
    async fn replace_row(&self, transaction: &mut SqlTransaction, webhook: &Webhook) -> Result<(), StoreError> {
        let sql = "UPDATE webhooks SET caller = $2, reseller = $3, scopes = $4, events = $5, include = $6, key_id = $7, sealed = $8, \
            state = $9, disabled_reason = $10, created_at = $11, position = $12, failing_since = $13, fence = fence + 1, \
            lease_until = 0 WHERE id = $1 AND fence = $14";
        let mut values = self.encode_webhook(webhook)?;
        values.push(webhook.fence.into());
        if transaction.execute(sql, values).await? == 0 { Err(StoreError::Outdated) } else { Ok(()) }
    }
}
