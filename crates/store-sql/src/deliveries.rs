//! Deliveries over SQL: the same statements for both databases.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::ledger::SqlLedger;
use crate::rows::{order_key, places};
use crate::shapes::{nanos, read, write};
use crate::sql::{Row, Session, Value};
use deliveries::Stream;
use deliveries::ledger::{ChannelChange, ChannelLease, DeliveryLedger, Reading, Run, Tally};
use deliveries::parcel::{Parcel, PushState};
use domain::OrderKey;
use domain::mobile::AppTicketKey;
use orders::LedgerError;
use orders::ledger::KeyUse;

/// Keys that one statement names.
const KEYS: usize = 200;

#[async_trait]
impl DeliveryLedger for SqlLedger {
    async fn claim(
        &self,
        channel: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<ChannelLease>, LedgerError> {
        let mut session = self.database.write().await?;
        let new = "INSERT INTO delivery_channels (channel, fence, lease_until, orders_read) VALUES ($1, 0, 0, 0) \
            ON CONFLICT DO NOTHING";
        session.run(new, vec![channel.into()]).await?;
        let sql = "UPDATE delivery_channels SET fence = fence + 1, lease_until = $3 \
            WHERE channel = $1 AND lease_until <= $2 RETURNING fence";
        let rows = session.rows(sql, vec![channel.into(), nanos(now).into(), nanos(until).into()]).await?;
        session.commit().await?;
        let lease = |mut row: Row| Ok(ChannelLease { channel: channel.to_owned(), fence: row.count()? });
        rows.into_iter().next().map(lease).transpose()
    }

    async fn give_up(&self, lease: &ChannelLease) -> Result<(), LedgerError> {
        let mut session = self.database.write().await?;
        let sql = "UPDATE delivery_channels SET lease_until = 0 WHERE channel = $1 AND fence = $2";
        if session.run(sql, vec![lease.channel.as_str().into(), lease.fence.into()]).await? == 0 {
            return Err(LedgerError::Outdated);
        }
        session.commit().await
    }

    async fn write(
        &self,
        lease: &ChannelLease,
        until: Timestamp,
        change: &ChannelChange<'_>,
    ) -> Result<(), LedgerError> {
        let mut session = self.database.write().await?;
        let channel = lease.channel.as_str();
        let sql = "UPDATE delivery_channels SET lease_until = $3 WHERE channel = $1 AND fence = $2";
        if session.run(sql, vec![channel.into(), lease.fence.into(), nanos(until).into()]).await? == 0 {
            return Err(LedgerError::Outdated);
        }
        if let Some(place) = change.orders_read {
            let sql = "UPDATE delivery_channels SET orders_read = $2 WHERE channel = $1";
            session.run(sql, vec![channel.into(), place.into()]).await?;
        }
        if let Some(key) = change.app_read {
            let sql = "UPDATE delivery_channels SET app_read = $2 WHERE channel = $1";
            session.run(sql, vec![channel.into(), key.into()]).await?;
        }
        for parcel in change.parcels {
            save_parcel(session.as_mut(), parcel).await?;
        }
        if let Some((stream, run)) = change.run {
            let sql = "INSERT INTO delivery_streams (channel, stream, run) VALUES ($1, $2, $3) \
                ON CONFLICT (channel, stream) DO UPDATE SET run = excluded.run";
            session.run(sql, vec![channel.into(), stream.name().into(), write(run)?.into()]).await?;
        }
        session.commit().await
    }

    async fn reading(&self, channel: &str) -> Result<Reading, LedgerError> {
        let sql = "SELECT orders_read, app_read FROM delivery_channels WHERE channel = $1";
        let Some(mut row) = self.first_row(sql, vec![channel.into()]).await? else { return Ok(Reading::default()) };
        Ok(Reading { orders: row.count()?, app: row.opt_text()? })
    }

    async fn last_run(&self, channel: &str, stream: Stream) -> Result<Run, LedgerError> {
        let sql = "SELECT run FROM delivery_streams WHERE channel = $1 AND stream = $2";
        let row = self.first_row(sql, vec![channel.into(), stream.name().into()]).await?;
        row.map_or_else(|| Ok(Run::default()), |mut row| read(&row.text()?))
    }

    async fn due(
        &self,
        channel: &str,
        stream: Stream,
        with_refused: bool,
        after: Option<&AppTicketKey>,
        limit: usize,
    ) -> Result<Vec<Parcel>, LedgerError> {
        let Some(column) = column(stream) else { return Ok(Vec::new()) };
        let refused = if with_refused { PushState::Refused } else { PushState::Due };
        let sql = format!(
            "SELECT parcel FROM delivery_parcels WHERE channel = $1 AND {column} IN ($2, $3, $4) AND key > $5 \
            ORDER BY key LIMIT $6"
        );
        let values: Vec<Value> = vec![
            channel.into(),
            PushState::Due.name().into(),
            PushState::Sent.name().into(),
            refused.name().into(),
            after.map_or("", |key| key.as_str()).into(),
            limit.into(),
        ];
        self.parcels_where(&sql, values).await
    }

    async fn parcels(&self, channel: &str, keys: &[AppTicketKey]) -> Result<Vec<Parcel>, LedgerError> {
        let mut parcels = Vec::with_capacity(keys.len());
        for keys in keys.chunks(KEYS) {
            let sql = format!(
                "SELECT parcel FROM delivery_parcels WHERE channel = $1 AND key IN ({})",
                places(2, keys.len())
            );
            let mut values: Vec<Value> = vec![channel.into()];
            values.extend(keys.iter().map(|key| Value::from(key.as_str())));
            parcels.extend(self.parcels_where(&sql, values).await?);
        }
        Ok(parcels)
    }

    async fn parcels_of(&self, order: OrderKey) -> Result<Vec<Parcel>, LedgerError> {
        let sql = "SELECT parcel FROM delivery_parcels WHERE order_key = $1 ORDER BY ticket";
        self.parcels_where(sql, vec![order.to_string().into()]).await
    }

    async fn to_check(&self, channel: &str, by: Timestamp, limit: usize) -> Result<Vec<OrderKey>, LedgerError> {
        let sql = "SELECT order_key FROM delivery_parcels WHERE channel = $1 AND check_at <= $2 \
            GROUP BY order_key ORDER BY MIN(check_at), order_key LIMIT $3";
        let by = i64::try_from(by.as_nanosecond()).unwrap_or(i64::MAX);
        let mut session = self.database.read().await?;
        let rows = session.rows(sql, vec![channel.into(), by.into(), limit.into()]).await?;
        rows.into_iter().map(|mut row| order_key(&row.text()?)).collect()
    }

    async fn tally(&self, channel: &str, stream: Stream) -> Result<Tally, LedgerError> {
        let Some(column) = column(stream) else { return Ok(Tally::default()) };
        let sql = format!(
            "SELECT COALESCE(SUM(CASE WHEN {column} = $2 THEN 0 ELSE 1 END), 0), \
            COALESCE(SUM(CASE WHEN {column} = $2 THEN 1 ELSE 0 END), 0) \
            FROM delivery_parcels WHERE channel = $1 AND {column} IN ($2, $3, $4)"
        );
        let states = [PushState::Refused, PushState::Due, PushState::Sent];
        let values = std::iter::once(channel.into()).chain(states.map(|state| state.name().into()));
        let Some(mut row) = self.first_row(&sql, values.collect()).await? else { return Ok(Tally::default()) };
        Ok(Tally { pending: row.count()?, failed: row.count()? })
    }

    async fn use_key(&self, used: &KeyUse, now: Timestamp) -> Result<Option<KeyUse>, LedgerError> {
        let sql = "INSERT INTO idempotency_keys (scope, operation, key, request_hash, order_key, used_at) \
            VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
        let values: Vec<Value> = vec![
            used.scope.as_str().into(),
            used.operation.as_str().into(),
            used.key.as_str().into(),
            used.request_hash.as_str().into(),
            used.order.to_string().into(),
            nanos(now).into(),
        ];
        let mut session = self.database.write().await?;
        let is_new = session.run(sql, values).await? > 0;
        session.commit().await?;
        if is_new {
            return Ok(None);
        }
        orders::Ledger::find_key(self, &used.scope, &used.operation, &used.key).await
    }
}

impl SqlLedger {
    async fn parcels_where(&self, sql: &str, values: Vec<Value>) -> Result<Vec<Parcel>, LedgerError> {
        let mut session = self.database.read().await?;
        let rows = session.rows(sql, values).await?;
        rows.into_iter().map(|mut row| read(&row.text()?)).collect()
    }
}

/// The column that says where the push of a stream stands; the stream that only reads has none.
fn column(stream: Stream) -> Option<&'static str> {
    match stream {
        Stream::Injection => Some("injection"),
        Stream::Cancelled => Some("cancellation"),
        Stream::Controlled => Some("control"),
        Stream::Status => None,
    }
}

async fn save_parcel(session: &mut dyn Session, parcel: &Parcel) -> Result<(), LedgerError> {
    let sql = "INSERT INTO delivery_parcels (channel, key, order_key, ticket, injection, cancellation, control, check_at, \
        parcel) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (channel, key) DO UPDATE SET \
        injection = excluded.injection, cancellation = excluded.cancellation, control = excluded.control, \
        check_at = excluded.check_at, parcel = excluded.parcel";
    let values: Vec<Value> = vec![
        parcel.channel.as_str().into(),
        parcel.key.as_str().into(),
        parcel.order.to_string().into(),
        parcel.ticket.into(),
        parcel.injection.state.name().into(),
        parcel.cancellation.state.name().into(),
        parcel.control.state.name().into(),
        parcel.next_check().map(nanos).into(),
        write(parcel)?.into(),
    ];
    session.run(sql, values).await.map(|_| ())
}
