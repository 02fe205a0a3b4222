//! The ledger over SQL: the same statements for both databases.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::rows::{self, load, order_key, places};
use crate::save::{place_of, save};
use crate::shapes::{self, instant, known, nanos, read, unreadable, write};
use crate::sql::{Database, Row, Value};
use crate::vault::{Sealed, Vault};
use domain::ordering::Barcode;
use domain::{OrderKey, SourceId};
use orders::ledger::{
    Change, Credential, KeyUse, Lease, Ledger, LedgerError, OrderBy, OrderCursor, OrderFilter, OrderPage, Slice,
    Transition, Write, Written,
};
use orders::order::Order;
use orders::quote::{Quote, QuoteId};
use orders::status::OrderStatus;

/// Most lines of one slice, whatever is asked for.
const MOST: usize = 1_000;

/// The ledger of orders in a SQL database.
pub(crate) struct SqlLedger {
    pub database: Box<dyn Database>,
    pub vault: Vault,
}

impl SqlLedger {
    /// Where no other process can own an order, owners that are left from an earlier run are dead.
    pub async fn free_what_the_dead_own(&self) -> Result<(), LedgerError> {
        if !self.database.is_alone() {
            return Ok(());
        }
        let mut session = self.database.write().await?;
        let sql = "UPDATE orders SET lease_until = 0, fence = fence + 1 WHERE lease_until > 0";
        session.run(sql, Vec::new()).await?;
        let sql = "UPDATE delivery_channels SET lease_until = 0, fence = fence + 1 WHERE lease_until > 0";
        session.run(sql, Vec::new()).await?;
        session.commit().await
    }

    pub(crate) async fn first_row(&self, sql: &str, values: Vec<Value>) -> Result<Option<Row>, LedgerError> {
        let mut session = self.database.read().await?;
        Ok(session.rows(sql, values).await?.into_iter().next())
    }
}

#[async_trait]
impl Ledger for SqlLedger {
    async fn write(&self, change: &Write<'_>) -> Result<Written, LedgerError> {
        let mut session = self.database.write().await?;
        let written = save(session.as_mut(), &self.vault, change).await?;
        session.commit().await?;
        Ok(written)
    }

    async fn claim(&self, now: Timestamp, until: Timestamp, limit: usize) -> Result<Vec<Lease>, LedgerError> {
        let sql = format!(
            "UPDATE orders SET fence = fence + 1, lease_until = $2 WHERE key IN (\
                SELECT key FROM orders WHERE lease_until <= $1 \
                AND key IN (SELECT order_key FROM timers WHERE due_at <= $1) \
                ORDER BY updated_at LIMIT $3 {}) \
            RETURNING key, fence",
            self.database.skip_locked()
        );
        let mut session = self.database.write().await?;
        let rows = session.rows(&sql, vec![nanos(now).into(), nanos(until).into(), limit.into()]).await?;
        session.commit().await?;
        let lease = |mut row: Row| Ok(Lease { order: order_key(&row.text()?)?, fence: row.count()? });
        rows.into_iter().map(lease).collect()
    }

    async fn renew(&self, lease: &Lease, until: Timestamp) -> Result<(), LedgerError> {
        self.own(lease, nanos(until)).await
    }

    async fn give_up(&self, lease: &Lease) -> Result<(), LedgerError> {
        self.own(lease, 0).await
    }

    async fn find(&self, by: &OrderBy) -> Result<Option<Order>, LedgerError> {
        let mut session = self.database.read().await?;
        let (sql, values): (&str, Vec<Value>) = match by {
            OrderBy::Key(key) => {
                return Ok(load(session.as_mut(), &[key.to_string()]).await?.into_iter().next());
            }
            OrderBy::Number(number) => ("SELECT key FROM orders WHERE number = $1", vec![number.as_str().into()]),
            OrderBy::ResellerReference(reference, None) => (
                "SELECT key FROM orders WHERE reseller_reference = $1 ORDER BY created_at DESC, key LIMIT 1",
                vec![reference.as_str().into()],
            ),
            OrderBy::ResellerReference(reference, Some(reseller)) => (
                "SELECT key FROM orders WHERE reseller_reference = $1 AND reseller = $2 \
                ORDER BY created_at DESC, key LIMIT 1",
                vec![reference.as_str().into(), reseller.as_str().into()],
            ),
        };
        let Some(mut row) = session.rows(sql, values).await?.into_iter().next() else { return Ok(None) };
        Ok(load(session.as_mut(), &[row.text()?]).await?.into_iter().next())
    }

    async fn list(
        &self,
        filter: &OrderFilter,
        after: Option<&OrderCursor>,
        first: usize,
    ) -> Result<OrderPage, LedgerError> {
        let (condition, mut values) = conditions(filter);
        let mut session = self.database.read().await?;
        let count = format!("SELECT COUNT(*) FROM orders o WHERE {condition}");
        let mut rows = session.rows(&count, values.clone()).await?.into_iter();
        let total = rows.next().ok_or_else(|| unreadable("a count"))?.count()?;
        let mut sql = format!("SELECT o.key FROM orders o WHERE {condition}");
        if let Some(after) = after {
            let (at, key) = (values.len() + 1, values.len() + 2);
            sql += &format!(" AND (o.created_at < ${at} OR o.created_at = ${at} AND o.key > ${key})");
            values.push(nanos(after.created_at).into());
            values.push(after.key.to_string().into());
        }
        let first = first.clamp(1, MOST);
        sql += &format!(" ORDER BY o.created_at DESC, o.key LIMIT ${}", values.len() + 1);
        values.push((first + 1).into());
        let keys: Result<Vec<String>, LedgerError> =
            session.rows(&sql, values).await?.into_iter().map(|mut row| row.text()).collect();
        let mut keys = keys?;
        let has_more = keys.len() > first;
        keys.truncate(first);
        Ok(OrderPage { orders: load(session.as_mut(), &keys).await?, has_more, total })
    }

    async fn find_key(&self, scope: &str, operation: &str, key: &str) -> Result<Option<KeyUse>, LedgerError> {
        let sql = "SELECT scope, operation, key, request_hash, order_key FROM idempotency_keys \
            WHERE scope = $1 AND operation = $2 AND key = $3";
        let Some(mut row) = self.first_row(sql, vec![scope.into(), operation.into(), key.into()]).await? else {
            return Ok(None);
        };
        Ok(Some(KeyUse {
            scope: row.text()?,
            operation: row.text()?,
            key: row.text()?,
            request_hash: row.text()?,
            order: order_key(&row.text()?)?,
        }))
    }

    async fn changes(&self, after: u64, first: usize, reseller: Option<&str>) -> Result<Slice<Change>, LedgerError> {
        let first = first.clamp(1, MOST);
        let mut values: Vec<Value> = vec![after.into(), (first + 1).into()];
        let mut condition = "cursor > $1".to_owned();
        if let Some(reseller) = reseller {
            condition += " AND reseller = $3";
            values.push(reseller.into());
        }
        let sql = format!(
            "SELECT cursor, at, order_key, version, status, reseller FROM changes WHERE {condition} \
            ORDER BY cursor LIMIT $2"
        );
        let mut session = self.database.read().await?;
        let rows = session.rows(&sql, values).await?;
        let change = |mut row: Row| -> Result<(u64, Change), LedgerError> {
            let change = Change {
                cursor: row.count()?,
                at: instant(row.int()?)?,
                order: order_key(&row.text()?)?,
                version: row.count()?,
                status: known(OrderStatus::parse(&row.text()?), "the status of an order")?,
                reseller: row.opt_text()?,
            };
            Ok((change.cursor, change))
        };
        slice(rows.into_iter().map(change).collect::<Result<_, _>>()?, first)
    }

    async fn feed_end(&self) -> Result<u64, LedgerError> {
        let row = self.first_row("SELECT last FROM feed WHERE id = 1", Vec::new()).await?;
        row.ok_or_else(|| unreadable("the feed has no end"))?.count()
    }

    async fn transitions(&self, order: OrderKey, after: u64, first: usize) -> Result<Slice<Transition>, LedgerError> {
        let first = first.clamp(1, MOST);
        let sql = "SELECT place, at, version, leg, from_status, to_status, cause FROM transitions \
            WHERE order_key = $1 AND place > $2 ORDER BY place LIMIT $3";
        let mut session = self.database.read().await?;
        let rows = session.rows(sql, vec![order.to_string().into(), after.into(), (first + 1).into()]).await?;
        let transition = |mut row: Row| -> Result<(u64, Transition), LedgerError> {
            let place = row.count()?;
            let transition = Transition {
                at: instant(row.int()?)?,
                version: row.count()?,
                leg: row.opt_int()?.and_then(|leg| usize::try_from(leg).ok()),
                from: row.text()?,
                to: row.text()?,
                cause: row.text()?,
            };
            Ok((place, transition))
        };
        slice(rows.into_iter().map(transition).collect::<Result<_, _>>()?, first)
    }

    async fn credentials(&self, order: OrderKey) -> Result<Vec<Credential>, LedgerError> {
        let key = order.to_string();
        let sql = "SELECT ticket, symbology, key_id, sealed FROM credentials WHERE order_key = $1 ORDER BY ticket";
        let mut session = self.database.read().await?;
        let rows = session.rows(sql, vec![key.as_str().into()]).await?;
        let credential = |mut row: Row| -> Result<Credential, LedgerError> {
            let (ticket, symbology) = (row.place()?, rows::symbology(&row.text()?)?);
            let sealed = Sealed { key_id: row.text()?, bytes: row.bytes()? };
            let value = self.vault.open(&place_of(&key, ticket), &sealed)?;
            Ok(Credential { ticket, barcode: Barcode { symbology, value } })
        };
        rows.into_iter().map(credential).collect()
    }

    async fn forget_keys(&self, before: Timestamp) -> Result<u64, LedgerError> {
        let mut session = self.database.write().await?;
        let sql = "DELETE FROM idempotency_keys WHERE used_at < $1";
        let forgotten = session.run(sql, vec![nanos(before).into()]).await?;
        session.commit().await?;
        Ok(forgotten)
    }

    async fn keep_quote(&self, quote: &Quote) -> Result<(), LedgerError> {
        let sql = "INSERT INTO quotes (id, order_key, lines, must_also_cancel, refund, fee, expires_at) \
            VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";
        let values: Vec<Value> = vec![
            quote.id.0.to_string().into(),
            quote.order.to_string().into(),
            write(&quote.lines)?.into(),
            write(&quote.must_also_cancel)?.into(),
            write(&shapes::stored_moneys(&quote.refund))?.into(),
            write(&shapes::stored_moneys(&quote.fee))?.into(),
            nanos(quote.expires_at).into(),
        ];
        let mut session = self.database.write().await?;
        session.run(sql, values).await?;
        session.commit().await
    }

    async fn find_quote(&self, id: &QuoteId) -> Result<Option<Quote>, LedgerError> {
        let sql = "SELECT order_key, lines, must_also_cancel, refund, fee, expires_at FROM quotes WHERE id = $1";
        let Some(mut row) = self.first_row(sql, vec![id.0.to_string().into()]).await? else { return Ok(None) };
        Ok(Some(Quote {
            id: *id,
            order: order_key(&row.text()?)?,
            lines: read(&row.text()?)?,
            must_also_cancel: read(&row.text()?)?,
            refund: shapes::moneys(&read::<Vec<_>>(&row.text()?)?)?,
            fee: shapes::moneys(&read::<Vec<_>>(&row.text()?)?)?,
            expires_at: instant(row.int()?)?,
        }))
    }

    async fn orders_at(&self, source: &SourceId, from: Timestamp, to: Timestamp) -> Result<Vec<Order>, LedgerError> {
        let sql = "SELECT key FROM orders WHERE created_at < $3 AND updated_at >= $2 \
            AND key IN (SELECT order_key FROM legs WHERE source = $1) ORDER BY created_at, key";
        let mut session = self.database.read().await?;
        let values: Vec<Value> = vec![source.as_str().into(), nanos(from).into(), nanos(to).into()];
        let keys: Result<Vec<String>, LedgerError> =
            session.rows(sql, values).await?.into_iter().map(|mut row| row.text()).collect();
        let mut orders = Vec::new();
        for keys in keys?.chunks(500) {
            orders.extend(load(session.as_mut(), keys).await?);
        }
        Ok(orders)
    }
}

impl SqlLedger {
    async fn own(&self, lease: &Lease, until: i64) -> Result<(), LedgerError> {
        let mut session = self.database.write().await?;
        let sql = "UPDATE orders SET lease_until = $3 WHERE key = $1 AND fence = $2";
        let values: Vec<Value> = vec![lease.order.to_string().into(), lease.fence.into(), until.into()];
        if session.run(sql, values).await? == 0 {
            return Err(LedgerError::Outdated);
        }
        session.commit().await
    }
}

fn slice<T>(mut lines: Vec<(u64, T)>, first: usize) -> Result<Slice<T>, LedgerError> {
    let has_more = lines.len() > first;
    lines.truncate(first);
    Ok(Slice { lines, has_more })
}

/// The filter as a condition on `orders o`, with its values.
fn conditions(filter: &OrderFilter) -> (String, Vec<Value>) {
    let mut values: Vec<Value> = Vec::new();
    let mut conditions = vec!["1 = 1".to_owned()];
    if !filter.status.is_empty() {
        conditions.push(format!("o.status IN ({})", places(values.len() + 1, filter.status.len())));
        values.extend(filter.status.iter().map(|status| Value::from(status.name())));
    }
    if !filter.sources.is_empty() {
        let sources = places(values.len() + 1, filter.sources.len());
        conditions.push(format!("o.key IN (SELECT order_key FROM legs WHERE source IN ({sources}))"));
        values.extend(filter.sources.iter().map(|source| Value::from(source.as_str())));
    }
    let bounds = [
        ("o.created_at >=", filter.created_from.map(|at| nanos(at).into())),
        ("o.created_at <", filter.created_to.map(|at| nanos(at).into())),
        ("o.updated_at >=", filter.updated_since.map(|at| nanos(at).into())),
        ("o.is_test =", filter.is_test.map(Value::from)),
        ("o.reseller =", filter.reseller.as_deref().map(Value::from)),
    ];
    for (column, value) in bounds {
        if let Some(value) = value {
            values.push(value);
            conditions.push(format!("{column} ${}", values.len()));
        }
    }
    if let Some(from) = filter.starts_from {
        values.push(nanos(from).into());
        let lines = "SELECT order_key FROM order_lines WHERE starts_at IS NULL OR starts_at >=";
        conditions.push(format!("o.key IN ({lines} ${})", values.len()));
    }
    (conditions.join(" AND "), values)
}
