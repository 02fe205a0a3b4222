//! The feed of changes on SQL. The statements are the same for both databases.

use async_trait::async_trait;
use tokio::sync::watch;

use crate::codec::{require, to_nanos, unreadable};
use crate::order_tables::{CHANGES, MAX_ROWS};
use crate::repeat::repeat;
use crate::rows::order_key;
use crate::sql::{SqlRow, SqlTransaction, SqlValue};
use crate::store::{MAX_PAGE_SIZE, SqlStore, into_slice};
use change_feed::{Change, ChangeFilter, ChangeKind, ChangeStore, ChangeSubject, FeedSlice, NewChange};
use domain::StoreError;
use orders::change_feed::{Feed, OrderChange};
use orders::status::OrderStatus;
use strum::IntoEnumIterator as _;

const COLUMNS: &str = "cursor, at, kind, subject, order_key, version, status, reseller, removed";

#[async_trait]
impl ChangeStore for SqlStore {
    async fn list(&self, after: u64, first: usize, filter: &ChangeFilter) -> Result<FeedSlice<Change>, StoreError> {
        let first = first.clamp(1, MAX_PAGE_SIZE);
        let (sql, values) = select(after, first, filter);
        self.read_feed(&sql, &values, first, decode_change).await
    }

    async fn end(&self) -> Result<u64, StoreError> {
        self.last_position().await
    }

    async fn append(&self, changes: &[NewChange]) -> Result<(), StoreError> {
        if changes.is_empty() {
            return Ok(());
        }
        repeat(async || {
            let mut transaction = self.database.begin_write().await?;
            insert_changes(&mut transaction, changes).await?;
            transaction.commit().await?;
            self.sequencer.request();
            Ok(())
        })
        .await
    }

    fn encode_cursor(&self, position: u64) -> Result<String, StoreError> {
        self.cursors.encrypt(Feed::Changes, position)
    }

    fn decode_cursor(&self, cursor: &str) -> Option<u64> {
        self.cursors.decrypt(Feed::Changes, cursor)
    }

    fn positions(&self) -> watch::Receiver<u64> {
        self.sequencer.subscribe()
    }
}

/// Returns the statement for a page and its values. Each kind is a range of an index, so that a page costs the same however many
/// changes of other kinds or resellers are between its rows.
fn select(after: u64, first: usize, filter: &ChangeFilter) -> (String, Vec<SqlValue>) {
    let mut values: Vec<SqlValue> = vec![after.into(), (first + 1).into()];
    let page = |condition: &str| {
        format!("SELECT {COLUMNS} FROM changes WHERE {condition}cursor > $1 ORDER BY cursor LIMIT $2")
    };
    if filter.kinds.is_empty() && filter.reseller.is_none() {
        return (page(""), values);
    }
    let mut kinds = if filter.kinds.is_empty() { ChangeKind::iter().collect() } else { filter.kinds.clone() };
    kinds.sort_unstable();
    kinds.dedup();
    if let Some(reseller) = filter.reseller.as_deref().filter(|_| kinds.iter().any(|kind| kind.is_owned())) {
        values.push(reseller.into());
    }
    let range = |kind: &ChangeKind| {
        let owner = if kind.is_owned() && filter.reseller.is_some() { "reseller = $3 AND " } else { "" };
        let name = kind.name();
        format!("SELECT * FROM ({}) AS of_{name}", page(&format!("{owner}kind = '{name}' AND ")))
    };
    let ranges = kinds.iter().map(range).collect::<Vec<_>>().join(" UNION ALL ");
    (format!("{ranges} ORDER BY cursor LIMIT $2"), values)
}

/// Inserts changes without positions.
pub(crate) async fn insert_changes(transaction: &mut SqlTransaction, changes: &[NewChange]) -> Result<(), StoreError> {
    for changes in changes.chunks(MAX_ROWS) {
        let mut values: Vec<SqlValue> = Vec::with_capacity(changes.len() * CHANGES.columns.len());
        for change in changes {
            let NewChange { at, subject, version, reseller, is_removed } = change;
            values.extend([
                to_nanos(*at).into(),
                subject.kind().name().into(),
                encode_subject(subject)?.into(),
                subject.order().map(|order| order.to_string()).into(),
                SqlValue::from(*version),
                SqlValue::Text(None),
                reseller.as_deref().into(),
                SqlValue::from(*is_removed),
            ]);
        }
        transaction.execute(&CHANGES.insert(changes.len(), CHANGES.on_conflict), values).await?;
    }
    Ok(())
}

pub(crate) fn encode_subject(subject: &ChangeSubject) -> Result<String, StoreError> {
    subject.to_text().map_err(|_| unreadable("the object of a change"))
}

fn decode_change(row: &SqlRow) -> Result<(u64, Change), StoreError> {
    let subject = match row.opt_text("subject")? {
        Some(text) => require(ChangeSubject::parse(&text).ok(), "the object of a change")?,
        None => ChangeSubject::Order(order_key(&row.text("order_key")?)?),
    };
    let change = Change {
        position: row.unsigned("cursor")?,
        at: row.time("at")?,
        subject,
        version: row.unsigned("version")?,
        reseller: row.opt_text("reseller")?,
        is_removed: row.bool("removed")?,
    };
    Ok((change.position, change))
}

fn decode_order_change(row: &SqlRow) -> Result<(u64, OrderChange), StoreError> {
    let change = OrderChange {
        cursor: row.unsigned("cursor")?,
        at: row.time("at")?,
        order: order_key(&row.text("order_key")?)?,
        version: row.unsigned("version")?,
        status: require(OrderStatus::parse(&row.text("status")?), "the status of an order")?,
        reseller: row.opt_text("reseller")?,
    };
    Ok((change.cursor, change))
}

impl SqlStore {
    /// Lists the changes of orders after a position.
    pub(crate) async fn list_order_changes(
        &self,
        after: u64,
        first: usize,
        reseller: Option<&str>,
    ) -> Result<FeedSlice<OrderChange>, StoreError> {
        let first = first.clamp(1, MAX_PAGE_SIZE);
        let filter = ChangeFilter { kinds: vec![ChangeKind::Order], reseller: reseller.map(str::to_owned) };
        let (sql, values) = select(after, first, &filter);
        self.read_feed(&sql, &values, first, decode_order_change).await
    }

    /// Returns the last position of the feed.
    pub(crate) async fn last_position(&self) -> Result<u64, StoreError> {
        if self.has_unsequenced(&mut self.database.begin_read().await?).await? {
            self.sequencer.request_and_wait(self.feed_timeout).await;
        }
        let row = self.first_row("SELECT last FROM feed WHERE id = 1", Vec::new()).await?;
        row.ok_or_else(|| unreadable("the feed has no last cursor"))?.unsigned("last")
    }

    /// Reads a page of the feed, after a short wait if committed changes have no position yet.
    async fn read_feed<T>(
        &self,
        sql: &str,
        values: &[SqlValue],
        first: usize,
        decode: impl Fn(&SqlRow) -> Result<(u64, T), StoreError> + Send,
    ) -> Result<FeedSlice<T>, StoreError> {
        let (mut rows, mut is_current) = self.read_changes(sql, values, first).await?;
        if !is_current {
            self.sequencer.request_and_wait(self.feed_timeout).await;
            (rows, is_current) = self.read_changes(sql, values, first).await?;
        }
        into_slice(rows.iter().map(decode).collect::<Result<_, _>>()?, first, is_current)
    }

    /// Reads rows of the feed. Returns false beside them if they reach its end while committed changes have no position yet.
    async fn read_changes(
        &self,
        sql: &str,
        values: &[SqlValue],
        first: usize,
    ) -> Result<(Vec<SqlRow>, bool), StoreError> {
        let mut transaction = self.database.begin_read().await?;
        let rows = transaction.fetch_all(sql, values.to_vec()).await?;
        let is_current = rows.len() > first || !self.has_unsequenced(&mut transaction).await?;
        Ok((rows, is_current))
    }

    /// Returns true if a committed change has no position yet.
    async fn has_unsequenced(&self, transaction: &mut SqlTransaction) -> Result<bool, StoreError> {
        let sql = "SELECT id FROM changes WHERE cursor IS NULL ORDER BY id LIMIT 1";
        Ok(transaction.fetch_first(sql, Vec::new()).await?.is_some())
    }
}
