//! The delivery store on SQL. The statements are the same for both databases.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::changes::insert_changes;
use crate::codec::{duration_nanos, encode_json, to_nanos, unreadable};
use crate::repeat::repeat;
use crate::rows::{order_key, placeholders};
use crate::sql::{SqlRow, SqlTransaction, SqlValue};
use crate::store::SqlStore;
use change_feed::{ChangeSubject, NewChange};
use deliveries::ChannelStream;
use deliveries::delivery::{Delivery, PushState};
use deliveries::store::{ChannelLease, ChannelWrite, DeliveryStore, FeedPositions, StreamCounts, StreamRun};
use domain::OrderKey;
use domain::StoreError;
use domain::mobile::AppTicketKey;
use orders::idempotency::IdempotencyRecord;

/// Maximum number of keys in one statement.
const MAX_KEYS_PER_STATEMENT: usize = 200;

#[async_trait]
impl DeliveryStore for SqlStore {
    async fn claim(&self, channel: &str, now: Timestamp, lease: Duration) -> Result<Option<ChannelLease>, StoreError> {
        repeat(async || {
            let mut transaction = self.database.begin_write().await?;
            let new = "INSERT INTO delivery_channels (channel, fence, lease_until, orders_read) VALUES ($1, 0, 0, 0) \
                ON CONFLICT DO NOTHING";
            transaction.execute(new, vec![channel.into()]).await?;
            let now_sql = self.database.lease_clock().now("$2");
            let sql = format!(
                "UPDATE delivery_channels SET fence = fence + 1, lease_until = {now_sql} + $3 \
                WHERE channel = $1 AND lease_until <= {now_sql} RETURNING fence"
            );
            let values: Vec<SqlValue> = vec![channel.into(), to_nanos(now).into(), duration_nanos(lease).into()];
            let row = transaction.fetch_first(&sql, values).await?;
            transaction.commit().await?;
            let lease = |row: SqlRow| Ok(ChannelLease { channel: channel.to_owned(), fence: row.unsigned("fence")? });
            row.map(lease).transpose()
        })
        .await
    }

    async fn release(&self, lease: &ChannelLease) -> Result<(), StoreError> {
        repeat(async || {
            let mut transaction = self.database.begin_write().await?;
            let sql = "UPDATE delivery_channels SET lease_until = 0 WHERE channel = $1 AND fence = $2";
            if transaction.execute(sql, vec![lease.channel.as_str().into(), lease.fence.into()]).await? == 0 {
                return Err(StoreError::Outdated);
            }
            transaction.commit().await
        })
        .await
    }

    async fn write(
        &self,
        lease: &ChannelLease,
        now: Timestamp,
        extension: Duration,
        change: &ChannelWrite<'_>,
    ) -> Result<(), StoreError> {
        repeat(async || {
            let mut transaction = self.database.begin_write().await?;
            let channel = lease.channel.as_str();
            let now_sql = self.database.lease_clock().now("$3");
            let sql =
                format!("UPDATE delivery_channels SET lease_until = {now_sql} + $4 WHERE channel = $1 AND fence = $2");
            let values: Vec<SqlValue> =
                vec![channel.into(), lease.fence.into(), to_nanos(now).into(), duration_nanos(extension).into()];
            if transaction.execute(&sql, values).await? == 0 {
                return Err(StoreError::Outdated);
            }
            if let Some(cursor) = change.order_cursor {
                let sql = "UPDATE delivery_channels SET orders_read = $2 WHERE channel = $1";
                transaction.execute(sql, vec![channel.into(), cursor.into()]).await?;
            }
            if let Some(key) = change.app_cursor {
                let sql = "UPDATE delivery_channels SET app_read = $2 WHERE channel = $1";
                transaction.execute(sql, vec![channel.into(), key.into()]).await?;
            }
            for delivery in change.deliveries {
                save_delivery(&mut transaction, delivery, now).await?;
            }
            if let Some((stream, run)) = change.run {
                let sql = "INSERT INTO delivery_streams (channel, stream, run) VALUES ($1, $2, $3) \
                    ON CONFLICT (channel, stream) DO UPDATE SET run = excluded.run";
                transaction.execute(sql, vec![channel.into(), stream.name().into(), encode_json(run)?.into()]).await?;
            }
            transaction.commit().await?;
            if !change.deliveries.is_empty() {
                self.sequencer.request();
            }
            Ok(())
        })
        .await
    }

    async fn load_positions(&self, channel: &str) -> Result<FeedPositions, StoreError> {
        let sql = "SELECT orders_read, app_read FROM delivery_channels WHERE channel = $1";
        let Some(row) = self.first_row(sql, vec![channel.into()]).await? else { return Ok(FeedPositions::default()) };
        Ok(FeedPositions { orders: row.unsigned("orders_read")?, app: row.opt_text("app_read")? })
    }

    async fn load_last_run(&self, channel: &str, stream: ChannelStream) -> Result<StreamRun, StoreError> {
        let sql = "SELECT run FROM delivery_streams WHERE channel = $1 AND stream = $2";
        let row = self.first_row(sql, vec![channel.into(), stream.name().into()]).await?;
        row.map_or_else(|| Ok(StreamRun::default()), |row| row.json("run"))
    }

    async fn list_in_states(
        &self,
        channel: &str,
        stream: ChannelStream,
        states: &[PushState],
        after: Option<&AppTicketKey>,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        let Some(column) = push_state_column(stream).filter(|_| !states.is_empty()) else { return Ok(Vec::new()) };
        let sql = format!(
            "SELECT parcel FROM delivery_parcels WHERE channel = $1 AND key > $2 AND {column} IN ({}) \
            ORDER BY key LIMIT $3",
            placeholders(4, states.len())
        );
        let after = after.map_or("", |key| key.as_str());
        let mut values: Vec<SqlValue> = vec![channel.into(), after.into(), limit.into()];
        values.extend(states.iter().map(|state| SqlValue::from(state.name())));
        self.select_deliveries(&sql, values).await
    }

    async fn load_deliveries(&self, channel: &str, keys: &[AppTicketKey]) -> Result<Vec<Delivery>, StoreError> {
        let mut parcels = Vec::with_capacity(keys.len());
        for keys in keys.chunks(MAX_KEYS_PER_STATEMENT) {
            let sql = format!(
                "SELECT parcel FROM delivery_parcels WHERE channel = $1 AND key IN ({})",
                placeholders(2, keys.len())
            );
            let mut values: Vec<SqlValue> = vec![channel.into()];
            values.extend(keys.iter().map(|key| SqlValue::from(key.as_str())));
            parcels.extend(self.select_deliveries(&sql, values).await?);
        }
        Ok(parcels)
    }

    async fn list_by_order(&self, order: OrderKey) -> Result<Vec<Delivery>, StoreError> {
        let sql = "SELECT parcel FROM delivery_parcels WHERE order_key = $1 ORDER BY ticket";
        self.select_deliveries(sql, vec![order.to_string().into()]).await
    }

    async fn list_orders_to_refresh(
        &self,
        channel: &str,
        by: Timestamp,
        limit: usize,
    ) -> Result<Vec<OrderKey>, StoreError> {
        let sql = "SELECT order_key FROM delivery_parcels WHERE channel = $1 AND check_at <= $2 \
            GROUP BY order_key ORDER BY MIN(check_at), order_key LIMIT $3";
        let mut transaction = self.database.begin_read().await?;
        let rows = transaction.fetch_all(sql, vec![channel.into(), to_nanos(by).into(), limit.into()]).await?;
        rows.iter().map(|row| order_key(&row.text("order_key")?)).collect()
    }

    async fn load_counts(&self, channel: &str, stream: ChannelStream) -> Result<StreamCounts, StoreError> {
        let Some(column) = push_state_column(stream) else { return Ok(StreamCounts::default()) };
        let sql = format!(
            "SELECT COALESCE(SUM(CASE WHEN {column} = $2 THEN 0 ELSE 1 END), 0) AS pending, \
            COALESCE(SUM(CASE WHEN {column} = $2 THEN 1 ELSE 0 END), 0) AS failed \
            FROM delivery_parcels WHERE channel = $1 AND {column} IN ($2, $3, $4)"
        );
        let states = [PushState::Refused, PushState::Due, PushState::Sent];
        let values = std::iter::once(channel.into()).chain(states.map(|state| state.name().into()));
        let Some(row) = self.first_row(&sql, values.collect()).await? else { return Ok(StreamCounts::default()) };
        Ok(StreamCounts { pending: row.unsigned("pending")?, failed: row.unsigned("failed")? })
    }

    async fn insert_idempotency_record(
        &self,
        used: &IdempotencyRecord,
        now: Timestamp,
    ) -> Result<Option<IdempotencyRecord>, StoreError> {
        let sql = "INSERT INTO idempotency_keys (scope, operation, key, request_hash, order_key, used_at) \
            VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
        let values: Vec<SqlValue> = vec![
            used.scope.as_str().into(),
            used.operation.as_str().into(),
            used.key.as_str().into(),
            used.request_hash.as_str().into(),
            used.order.to_string().into(),
            to_nanos(now).into(),
        ];
        repeat(async || {
            let mut transaction = self.database.begin_write().await?;
            let is_new = transaction.execute(sql, values.clone()).await? > 0;
            transaction.commit().await?;
            if is_new {
                return Ok(None);
            }
            orders::OrderStore::find_idempotency_record(self, &used.scope, &used.operation, &used.key).await
        })
        .await
    }
}

impl SqlStore {
    async fn select_deliveries(&self, sql: &str, values: Vec<SqlValue>) -> Result<Vec<Delivery>, StoreError> {
        let mut transaction = self.database.begin_read().await?;
        let rows = transaction.fetch_all(sql, values).await?;
        rows.into_iter().map(|row| row.json("parcel")).collect()
    }
}

/// Returns the column with the push state of a stream, or `None` for the read-only stream.
fn push_state_column(stream: ChannelStream) -> Option<&'static str> {
    match stream {
        ChannelStream::Injection => Some("injection"),
        ChannelStream::Cancelled => Some("cancellation"),
        ChannelStream::Controlled => Some("control"),
        ChannelStream::Status => None,
    }
}

/// Writes a delivery, and its entry of the feed in the same transaction.
async fn save_delivery(
    transaction: &mut SqlTransaction,
    delivery: &Delivery,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO delivery_parcels (channel, key, order_key, ticket, injection, cancellation, control, check_at, \
        parcel) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (channel, key) DO UPDATE SET \
        injection = excluded.injection, cancellation = excluded.cancellation, control = excluded.control, \
        check_at = excluded.check_at, parcel = excluded.parcel, version = delivery_parcels.version + 1 RETURNING version, \
        (SELECT reseller FROM orders WHERE orders.key = $3) AS reseller";
    let values: Vec<SqlValue> = vec![
        delivery.channel.as_str().into(),
        delivery.key.as_str().into(),
        delivery.order.to_string().into(),
        delivery.ticket.into(),
        delivery.injection.state.name().into(),
        delivery.cancellation.state.name().into(),
        delivery.control.state.name().into(),
        delivery.next_check_at().map(to_nanos).into(),
        encode_json(delivery)?.into(),
    ];
    let row = transaction.fetch_first(sql, values).await?.ok_or_else(|| unreadable("a delivery that was written"))?;
    let subject =
        ChangeSubject::Delivery { order: delivery.order, ticket: delivery.ticket, channel: delivery.channel.clone() };
    let (version, reseller) = (row.unsigned("version")?, row.opt_text("reseller")?);
    insert_changes(transaction, &[NewChange { at: now, subject, version, reseller, is_removed: false }]).await
}
