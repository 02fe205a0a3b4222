//! The state of the objects that the feed names, on SQL. The statements are the same for both databases.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::changes::insert_changes;
use crate::codec::{duration_nanos, encode_json, to_nanos, unreadable};
use crate::repeat::repeat;
use crate::rows::placeholders;
use crate::sql::{SqlRow, SqlTransaction, SqlValue};
use crate::store::SqlStore;
use change_feed::{ChangeKind, ChangeSubject, FactChange, FactStore, NewChange, StoredFacts};
use domain::{SourceId, StoreError};

/// Maximum number of keys in one statement.
const MAX_KEYS_PER_STATEMENT: usize = 500;

const COLUMNS: &str = "key, parent, starts_at, digests, version, seen_at, recorded_at";

#[async_trait]
impl FactStore for SqlStore {
    async fn load_facts(
        &self,
        kind: ChangeKind,
        source: &SourceId,
        keys: &[String],
    ) -> Result<BTreeMap<String, StoredFacts>, StoreError> {
        let mut found = BTreeMap::new();
        for keys in keys.chunks(MAX_KEYS_PER_STATEMENT) {
            let sql = format!(
                "SELECT {COLUMNS} FROM feed_facts WHERE kind = $1 AND source = $2 AND key IN ({})",
                placeholders(3, keys.len())
            );
            let mut values: Vec<SqlValue> = vec![kind.name().into(), source.as_str().into()];
            values.extend(keys.iter().map(|key| SqlValue::from(key.as_str())));
            for row in self.database.fetch_once(&sql, values).await? {
                found.insert(row.text("key")?, decode_facts(&row)?);
            }
        }
        Ok(found)
    }

    async fn list_facts(
        &self,
        kind: ChangeKind,
        source: &SourceId,
        parent: Option<&str>,
        limit: usize,
    ) -> Result<BTreeMap<String, StoredFacts>, StoreError> {
        let mut values: Vec<SqlValue> = vec![kind.name().into(), source.as_str().into(), limit.into()];
        let mut of_parent = "";
        if let Some(parent) = parent {
            values.push(parent.into());
            of_parent = "AND parent = $4";
        }
        let sql = format!(
            "SELECT {COLUMNS} FROM feed_facts WHERE kind = $1 AND source = $2 AND digests IS NOT NULL {of_parent} \
            ORDER BY key LIMIT $3"
        );
        let rows = self.database.fetch_once(&sql, values).await?;
        rows.iter().map(|row| Ok((row.text("key")?, decode_facts(row)?))).collect()
    }

    async fn record_facts(&self, changes: &[FactChange]) -> Result<Vec<bool>, StoreError> {
        // Replicas lock rows in the same order.
        let mut order: Vec<usize> = (0..changes.len()).collect();
        order.sort_by_key(|index| &changes[*index].key);
        repeat(async || {
            let mut transaction = self.database.begin_write().await?;
            let mut written = vec![false; changes.len()];
            let mut entries = Vec::new();
            for &index in &order {
                let change = &changes[index];
                if write_facts(&mut transaction, change).await? {
                    written[index] = true;
                    entries.push(change.change.clone());
                }
            }
            insert_changes(&mut transaction, &entries).await?;
            transaction.commit().await?;
            if !entries.is_empty() {
                self.sequencer.request();
            }
            Ok(written)
        })
        .await
    }

    async fn claim_work(&self, name: &str, now: Timestamp, duration: Duration) -> Result<bool, StoreError> {
        let now_sql = self.database.lease_clock().now("$2");
        let sql = format!(
            "INSERT INTO feed_leases (name, lease_until) VALUES ($1, {now_sql} + $3) ON CONFLICT (name) \
            DO UPDATE SET lease_until = excluded.lease_until WHERE feed_leases.lease_until <= {now_sql}"
        );
        let values: Vec<SqlValue> = vec![name.into(), to_nanos(now).into(), duration_nanos(duration).into()];
        Ok(self.execute_one(&sql, values).await? > 0)
    }

    async fn renew_work(&self, name: &str, now: Timestamp, duration: Duration) -> Result<(), StoreError> {
        let until = format!("{} + $3", self.database.lease_clock().now("$2"));
        let sql = format!("UPDATE feed_leases SET lease_until = {until} WHERE name = $1 AND lease_until < {until}");
        let values: Vec<SqlValue> = vec![name.into(), to_nanos(now).into(), duration_nanos(duration).into()];
        self.execute_one(&sql, values).await?;
        Ok(())
    }

    async fn forget_performances(&self, source: &SourceId, before: Timestamp) -> Result<u64, StoreError> {
        let sql = "DELETE FROM feed_facts WHERE kind = $1 AND source = $2 AND starts_at < $3";
        let values: Vec<SqlValue> =
            vec![ChangeKind::Performance.name().into(), source.as_str().into(), to_nanos(before).into()];
        self.execute_one(sql, values).await
    }
}

/// Writes the state of an object. Returns false if it has another version.
async fn write_facts(transaction: &mut SqlTransaction, change: &FactChange) -> Result<bool, StoreError> {
    let FactChange { key, expected_version, facts, .. } = change;
    let digests = if facts.parts.is_empty() { None } else { Some(encode_json(&facts.parts)?) };
    let mut values: Vec<SqlValue> = vec![
        key.kind.name().into(),
        key.source.as_str().into(),
        key.key.as_str().into(),
        facts.parent.as_deref().into(),
        facts.starts_at.map(to_nanos).into(),
        digests.into(),
        facts.version.into(),
        to_nanos(facts.seen_at).into(),
        to_nanos(facts.recorded_at).into(),
    ];
    let sql = if *expected_version == 0 {
        "INSERT INTO feed_facts (kind, source, key, parent, starts_at, digests, version, seen_at, recorded_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING"
    } else {
        values.push((*expected_version).into());
        "UPDATE feed_facts SET parent = $4, starts_at = $5, digests = $6, version = $7, seen_at = $8, recorded_at = $9 \
        WHERE kind = $1 AND source = $2 AND key = $3 AND version = $10"
    };
    Ok(transaction.execute(sql, values).await? > 0)
}

/// Appends a change of a source that is written in the same transaction.
pub(crate) async fn append_source_change(
    transaction: &mut SqlTransaction,
    source: &SourceId,
    at: Timestamp,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO feed_facts (kind, source, key, digests, version, seen_at, recorded_at) \
        VALUES ($1, $2, $2, $3, 1, $4, $4) \
        ON CONFLICT (kind, source, key) DO UPDATE SET version = feed_facts.version + 1 RETURNING version";
    let values: Vec<SqlValue> =
        vec![ChangeKind::Source.name().into(), source.as_str().into(), "{}".into(), to_nanos(at).into()];
    let row = transaction.fetch_first(sql, values).await?.ok_or_else(|| unreadable("the version of a source"))?;
    let (subject, version) = (ChangeSubject::Source(source.clone()), row.unsigned("version")?);
    insert_changes(transaction, &[NewChange { at, subject, version, reseller: None, is_removed: false }]).await
}

fn decode_facts(row: &SqlRow) -> Result<StoredFacts, StoreError> {
    Ok(StoredFacts {
        parts: row.opt_json("digests")?.unwrap_or_default(),
        version: row.unsigned("version")?,
        seen_at: row.time("seen_at")?,
        recorded_at: row.time("recorded_at")?,
        parent: row.opt_text("parent")?,
        starts_at: row.opt_time("starts_at")?,
    })
}
