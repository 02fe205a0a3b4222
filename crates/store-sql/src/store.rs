//! The order store on SQL. The statements are the same for both databases.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use async_trait::async_trait;
use jiff::Timestamp;

use crate::codec::{self, decode_name, duration_nanos, encode_json, to_nanos};
use crate::credential_cipher::{Ciphertext, CredentialCipher};
use crate::cursor_cipher::CursorCipher;
use crate::feed::Sequencer;
use crate::order_rows::{FIRST_FENCE, OrderRows, credential_location};
use crate::repeat::repeat;
use crate::rows::{load_orders, order_key};
use crate::sql::{SqlDatabase, SqlRow, SqlValue};
use change_feed::FeedSlice;
use domain::StoreError;
use domain::ordering::Barcode;
use domain::{Currency, OrderKey, SourceId};
use orders::change_feed::{Feed, OrderChange};
use orders::idempotency::IdempotencyRecord;
use orders::lease::{Lease, Precondition};
use orders::listing::{OrderPage, PageRequest};
use orders::order::Order;
use orders::quote::{Quote, QuoteId};
use orders::sales::{SalesGrouping, SalesPart, SalesPeriod, SalesScope, SalesSum, UnresolvedSum};
use orders::store::{
    OrderFilter, OrderLookup, OrderStore, OrderWrite, TicketCredential, TimerKind, Transition, WriteReceipt,
};

/// Maximum number of rows in one page, regardless of the requested number.
pub(crate) const MAX_PAGE_SIZE: usize = 1_000;

/// The stores in a SQL database.
pub(crate) struct SqlStore {
    pub database: Arc<dyn SqlDatabase>,
    pub cipher: CredentialCipher,
    pub cursors: CursorCipher,
    /// Gives the changes their positions in the feed.
    pub sequencer: Arc<Sequencer>,
    /// Longest wait of a reader of the feed for changes without a position.
    pub feed_timeout: Duration,
    /// Longest time of a count of a list.
    pub count_timeout: Duration,
    /// Places for sums of sales, one less than the connections for reports: however many statements are requested, lists go on.
    pub sums: Semaphore,
}

impl SqlStore {
    /// Releases the leases of an earlier process, if no other process can use the database at the same time.
    pub(crate) async fn release_stale_leases(&self) -> Result<(), StoreError> {
        if !self.database.is_exclusive() {
            return Ok(());
        }
        repeat(async || {
            let mut transaction = self.database.begin_write().await?;
            let sql = "UPDATE orders SET lease_until = 0, fence = fence + 1 WHERE lease_until > 0";
            transaction.execute(sql, Vec::new()).await?;
            let sql = "UPDATE delivery_channels SET lease_until = 0, fence = fence + 1 WHERE lease_until > 0";
            transaction.execute(sql, Vec::new()).await?;
            let sql = "UPDATE webhooks SET lease_until = 0, fence = fence + 1 WHERE lease_until > 0";
            transaction.execute(sql, Vec::new()).await?;
            transaction.commit().await
        })
        .await
    }

    /// Waits for a place for a sum of sales.
    pub(crate) async fn wait_for_sum(&self) -> Result<SemaphorePermit<'_>, StoreError> {
        // Closed never.
        self.sums.acquire().await.map_err(|_| StoreError::Outdated)
    }

    /// Executes one statement that writes, and returns the number of changed rows.
    pub(crate) async fn execute_one(&self, sql: &str, values: Vec<SqlValue>) -> Result<u64, StoreError> {
        repeat(async || {
            let mut transaction = self.database.begin_write().await?;
            let changed = transaction.execute(sql, values.clone()).await?;
            transaction.commit().await?;
            Ok(changed)
        })
        .await
    }

    pub(crate) async fn first_row(&self, sql: &str, values: Vec<SqlValue>) -> Result<Option<SqlRow>, StoreError> {
        Ok(self.database.fetch_once(sql, values).await?.into_iter().next())
    }
}

/// Selects the newest of some orders. One that did not replace the order it was made for comes last: its number names nothing that was bought.
macro_rules! newest_that_stands {
    () => {
        "ORDER BY CASE WHEN replaces IS NULL OR EXISTS (SELECT 1 FROM orders AS old \
         WHERE old.key = orders.replaces AND old.replaced_by = orders.key) THEN 0 ELSE 1 END, created_at DESC, key LIMIT 1"
    };
}

#[async_trait]
impl OrderStore for SqlStore {
    async fn write(&self, change: &OrderWrite<'_>) -> Result<WriteReceipt, StoreError> {
        let written = self.database.write_order(OrderRows::new(&self.cipher, change)?).await?;
        let cursor = match written.position {
            Some(position) => {
                self.sequencer.saw(position);
                position
            }
            None => {
                self.sequencer.request();
                self.sequencer.last_seen()
            }
        };
        Ok(WriteReceipt { cursor, lease: Lease { order: change.order.key, fence: written.fence } })
    }

    async fn find_written(&self, change: &OrderWrite<'_>) -> Result<Option<WriteReceipt>, StoreError> {
        let fence = match change.precondition {
            Precondition::New => FIRST_FENCE,
            // No other writer has this fencing token, and this one writes each version once.
            Precondition::Leased(_, lease) => lease.fence,
            Precondition::Unleased(_) => return Ok(None),
        };
        let sql = "SELECT version FROM orders WHERE key = $1 AND version = $2 AND fence = $3";
        let order = change.order.key;
        let values = vec![order.to_string().into(), change.order.version.into(), fence.into()];
        let is_written = self.first_row(sql, values).await?.is_some();
        Ok(is_written.then(|| {
            self.sequencer.request();
            WriteReceipt { cursor: self.sequencer.last_seen(), lease: Lease { order, fence } }
        }))
    }

    async fn claim(&self, now: Timestamp, lease: Duration, limit: usize) -> Result<Vec<Lease>, StoreError> {
        let now_sql = self.database.lease_clock().now("$1");
        let sql = format!(
            "UPDATE orders SET fence = fence + 1, lease_until = {now_sql} + $2 WHERE key IN (\
                SELECT key FROM orders WHERE lease_until <= {now_sql} \
                AND key IN (SELECT order_key FROM timers WHERE due_at <= {now_sql} AND (kind = $4 OR due_at <= $1)) \
                ORDER BY updated_at LIMIT $3 {}) \
            RETURNING key, fence",
            self.database.skip_locked()
        );
        repeat(async || {
            let mut transaction = self.database.begin_write().await?;
            // Only the end of a lease goes by the clock of the store. A step whose time has not come by the caller's clock would be
            // claimed again and again.
            let resume = TimerKind::Resume.name();
            let values: Vec<SqlValue> =
                vec![to_nanos(now).into(), duration_nanos(lease).into(), limit.into(), resume.into()];
            let rows = transaction.fetch_all(&sql, values).await?;
            transaction.commit().await?;
            let lease =
                |row: &SqlRow| Ok(Lease { order: order_key(&row.text("key")?)?, fence: row.unsigned("fence")? });
            rows.iter().map(lease).collect()
        })
        .await
    }

    async fn renew(&self, lease: &Lease, now: Timestamp, extension: Duration) -> Result<(), StoreError> {
        let end = format!("{} + $4", self.database.lease_clock().now("$3"));
        self.set_lease_end(lease, &end, vec![to_nanos(now).into(), duration_nanos(extension).into()]).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        self.set_lease_end(lease, "0", Vec::new()).await
    }

    async fn find(&self, lookup: &OrderLookup) -> Result<Option<Order>, StoreError> {
        let mut transaction = self.database.begin_read().await?;
        let (sql, values): (&str, Vec<SqlValue>) = match lookup {
            OrderLookup::Key(key) => {
                return Ok(load_orders(&mut transaction, &self.cipher, &[key.to_string()]).await?.into_iter().next());
            }
            OrderLookup::Number(number) => ("SELECT key FROM orders WHERE number = $1", vec![number.as_str().into()]),
            OrderLookup::ResellerReference(reference, None) => (
                concat!("SELECT key FROM orders WHERE reseller_reference = $1 ", newest_that_stands!()),
                vec![reference.as_str().into()],
            ),
            OrderLookup::ResellerReference(reference, Some(reseller)) => (
                concat!(
                    "SELECT key FROM orders WHERE reseller_reference = $1 AND reseller = $2 ",
                    newest_that_stands!()
                ),
                vec![reference.as_str().into(), reseller.as_str().into()],
            ),
        };
        let Some(row) = transaction.fetch_first(sql, values).await? else { return Ok(None) };
        Ok(load_orders(&mut transaction, &self.cipher, &[row.text("key")?]).await?.into_iter().next())
    }

    async fn list(&self, filter: &OrderFilter, page: &PageRequest) -> Result<OrderPage, StoreError> {
        self.list_page(filter, page).await
    }

    async fn count(&self, filter: &OrderFilter) -> Result<Option<u64>, StoreError> {
        self.count_matches(filter).await
    }

    async fn find_idempotency_record(
        &self,
        scope: &str,
        operation: &str,
        key: &str,
    ) -> Result<Option<IdempotencyRecord>, StoreError> {
        let sql = "SELECT scope, operation, key, request_hash, order_key FROM idempotency_keys \
            WHERE scope = $1 AND operation = $2 AND key = $3";
        let Some(row) = self.first_row(sql, vec![scope.into(), operation.into(), key.into()]).await? else {
            return Ok(None);
        };
        Ok(Some(IdempotencyRecord {
            scope: row.text("scope")?,
            operation: row.text("operation")?,
            key: row.text("key")?,
            request_hash: row.text("request_hash")?,
            order: order_key(&row.text("order_key")?)?,
        }))
    }

    async fn list_changes(
        &self,
        after: u64,
        first: usize,
        reseller: Option<&str>,
    ) -> Result<FeedSlice<OrderChange>, StoreError> {
        self.list_order_changes(after, first, reseller).await
    }

    async fn feed_end(&self) -> Result<u64, StoreError> {
        self.last_position().await
    }

    async fn list_transitions(
        &self,
        order: OrderKey,
        after: u64,
        first: usize,
    ) -> Result<FeedSlice<Transition>, StoreError> {
        let first = first.clamp(1, MAX_PAGE_SIZE);
        let sql = "SELECT place, at, version, leg, from_status, to_status, cause FROM transitions \
            WHERE order_key = $1 AND place > $2 ORDER BY place LIMIT $3";
        let rows =
            self.database.fetch_once(sql, vec![order.to_string().into(), after.into(), (first + 1).into()]).await?;
        let transition = |row: &SqlRow| -> Result<(u64, Transition), StoreError> {
            let transition = Transition {
                at: row.time("at")?,
                version: row.unsigned("version")?,
                leg: row.opt_int("leg")?.and_then(|leg| usize::try_from(leg).ok()),
                from: row.text("from_status")?,
                to: row.text("to_status")?,
                cause: row.text("cause")?,
            };
            Ok((row.unsigned("place")?, transition))
        };
        into_slice(rows.iter().map(transition).collect::<Result<_, _>>()?, first, true)
    }

    fn encode_cursor(&self, feed: Feed, position: u64) -> Result<String, StoreError> {
        self.cursors.encrypt(feed, position)
    }

    fn decode_cursor(&self, feed: Feed, cursor: &str) -> Option<u64> {
        self.cursors.decrypt(feed, cursor)
    }

    async fn load_credentials(&self, order: OrderKey) -> Result<Vec<TicketCredential>, StoreError> {
        let key = order.to_string();
        let sql = "SELECT ticket, symbology, key_id, sealed FROM credentials WHERE order_key = $1 ORDER BY ticket";
        let rows = self.database.fetch_once(sql, vec![key.as_str().into()]).await?;
        let credential = |row: &SqlRow| -> Result<TicketCredential, StoreError> {
            let ticket = row.index("ticket")?;
            let symbology = decode_name(&row.text("symbology")?, "a symbology")?;
            let ciphertext = Ciphertext { key_id: row.text("key_id")?, bytes: row.bytes("sealed")? };
            let value = self.cipher.decrypt(&credential_location(&key, ticket), &ciphertext)?;
            Ok(TicketCredential { ticket, barcode: Barcode { symbology, value } })
        };
        rows.iter().map(credential).collect()
    }

    async fn prune_idempotency_records(&self, before: Timestamp) -> Result<u64, StoreError> {
        repeat(async || {
            let mut transaction = self.database.begin_write().await?;
            let sql = "DELETE FROM idempotency_keys WHERE used_at < $1";
            let forgotten = transaction.execute(sql, vec![to_nanos(before).into()]).await?;
            let sql = "DELETE FROM operator_actions WHERE used_at < $1";
            let forgotten = forgotten + transaction.execute(sql, vec![to_nanos(before).into()]).await?;
            transaction.commit().await?;
            Ok(forgotten)
        })
        .await
    }

    async fn insert_quote(&self, quote: &Quote) -> Result<(), StoreError> {
        let sql = "INSERT INTO quotes (id, order_key, lines, must_also_cancel, refund, fee, expires_at) \
            VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";
        let values: Vec<SqlValue> = vec![
            quote.id.0.to_string().into(),
            quote.order.to_string().into(),
            encode_json(&quote.lines)?.into(),
            encode_json(&quote.must_also_cancel)?.into(),
            encode_json(&codec::encode_moneys(&quote.refund))?.into(),
            encode_json(&codec::encode_moneys(&quote.fee))?.into(),
            to_nanos(quote.expires_at).into(),
        ];
        repeat(async || {
            let mut transaction = self.database.begin_write().await?;
            transaction.execute(sql, values.clone()).await?;
            transaction.commit().await
        })
        .await
    }

    async fn find_quote(&self, id: &QuoteId) -> Result<Option<Quote>, StoreError> {
        let sql = "SELECT order_key, lines, must_also_cancel, refund, fee, expires_at FROM quotes WHERE id = $1";
        let Some(row) = self.first_row(sql, vec![id.0.to_string().into()]).await? else { return Ok(None) };
        Ok(Some(Quote {
            id: *id,
            order: order_key(&row.text("order_key")?)?,
            lines: row.json("lines")?,
            must_also_cancel: row.json("must_also_cancel")?,
            refund: codec::decode_moneys(&row.json::<Vec<_>>("refund")?)?,
            fee: codec::decode_moneys(&row.json::<Vec<_>>("fee")?)?,
            expires_at: row.time("expires_at")?,
        }))
    }

    async fn sum_sales(&self, scope: SalesScope<'_>, periods: &[SalesPeriod]) -> Result<Vec<SalesSum>, StoreError> {
        self.sum_confirmed(scope, periods).await
    }

    async fn sum_unresolved(
        &self,
        scope: SalesScope<'_>,
        created: SalesPeriod,
    ) -> Result<Vec<UnresolvedSum>, StoreError> {
        self.count_unresolved(scope, created).await
    }

    async fn list_sales_parts(
        &self,
        scope: SalesScope<'_>,
        period: SalesPeriod,
        currency: Currency,
        wanted: (SalesGrouping, u32),
    ) -> Result<Vec<SalesPart>, StoreError> {
        self.list_parts(scope, period, currency, wanted).await
    }

    async fn list_sources(&self) -> Result<Vec<SourceId>, StoreError> {
        self.list_leg_sources().await
    }

    async fn list_orders_at(
        &self,
        source: &SourceId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Order>, StoreError> {
        let sql = "SELECT key FROM orders WHERE created_at < $3 AND updated_at >= $2 \
            AND key IN (SELECT order_key FROM legs WHERE source = $1) ORDER BY created_at, key";
        let mut transaction = self.database.begin_report().await?;
        let values: Vec<SqlValue> = vec![source.as_str().into(), to_nanos(from).into(), to_nanos(to).into()];
        let keys: Result<Vec<String>, StoreError> =
            transaction.fetch_all(sql, values).await?.iter().map(|row| row.text("key")).collect();
        let mut orders = Vec::new();
        for keys in keys?.chunks(500) {
            orders.extend(load_orders(&mut transaction, &self.cipher, keys).await?);
        }
        Ok(orders)
    }
}

impl SqlStore {
    /// Sets the end of a lease to an expression of values from `$3`.
    async fn set_lease_end(&self, lease: &Lease, end: &str, more: Vec<SqlValue>) -> Result<(), StoreError> {
        repeat(async || {
            let mut transaction = self.database.begin_write().await?;
            let sql = format!("UPDATE orders SET lease_until = {end} WHERE key = $1 AND fence = $2");
            let mut values: Vec<SqlValue> = vec![lease.order.to_string().into(), lease.fence.into()];
            values.extend(more.clone());
            if transaction.execute(&sql, values).await? == 0 {
                return Err(StoreError::Outdated);
            }
            transaction.commit().await
        })
        .await
    }
}

pub(crate) fn into_slice<T>(
    mut lines: Vec<(u64, T)>,
    first: usize,
    is_current: bool,
) -> Result<FeedSlice<T>, StoreError> {
    let has_more = lines.len() > first;
    lines.truncate(first);
    Ok(FeedSlice { lines, has_more, is_current })
}
