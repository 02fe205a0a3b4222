//! The store of the audit log on SQL.

use async_trait::async_trait;
use audit::{AuditActor, AuditEntry, AuditFilter, AuditPage, AuditStore, AuditSubject};
use jiff::Timestamp;

use crate::codec::{to_nanos, unreadable};
use crate::rows::order_key;
use crate::sql::{SqlRow, SqlValue};
use crate::store::SqlStore;
use domain::{SourceId, StoreError};

fn entry(row: &SqlRow) -> Result<(i64, AuditEntry), StoreError> {
    let order = match (row.opt_text("order_key")?, row.opt_text("order_number")?) {
        (Some(key), Some(number)) => Some((order_key(&key)?, number)),
        _ => None,
    };
    let entry = AuditEntry {
        at: row.time("at")?,
        actor: AuditActor {
            id: row.text("actor")?,
            name: row.text("actor_name")?,
            reseller: row.opt_text("reseller")?,
        },
        action: row.text("action")?.parse().map_err(|_| unreadable("the action of an audit entry"))?,
        subject: AuditSubject {
            order,
            source: row.opt_text("source")?.map(SourceId::new),
            webhook: row.opt_text("webhook")?,
        },
    };
    Ok((row.int("position")?, entry))
}

/// Returns the conditions of a filter and their values.
fn conditions(filter: &AuditFilter, before: Option<i64>) -> (Vec<String>, Vec<SqlValue>) {
    let (mut conditions, mut values) = (Vec::new(), Vec::new());
    for (column, wanted) in [("actor", &filter.actor), ("order_number", &filter.order_number)] {
        if let Some(wanted) = wanted {
            values.push(SqlValue::from(wanted.as_str()));
            conditions.push(format!("{column} = ${}", values.len()));
        }
    }
    if let Some(before) = before {
        values.push(before.into());
        conditions.push(format!("position < ${}", values.len()));
    }
    if !filter.actions.is_empty() {
        let places = filter.actions.iter().map(|action| {
            values.push(action.as_str().into());
            format!("${}", values.len())
        });
        let places = places.collect::<Vec<_>>().join(", ");
        conditions.push(format!("action IN ({places})"));
    }
    (conditions, values)
}

#[async_trait]
impl AuditStore for SqlStore {
    async fn append_audit(&self, entry: &AuditEntry) -> Result<(), StoreError> {
        let sql = "INSERT INTO audit_log (at, actor, actor_name, reseller, action, order_key, order_number, source, webhook) \
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        let order = entry.subject.order.as_ref();
        let values: Vec<SqlValue> = vec![
            to_nanos(entry.at).into(),
            entry.actor.id.as_str().into(),
            entry.actor.name.as_str().into(),
            entry.actor.reseller.as_deref().into(),
            entry.action.as_str().into(),
            order.map(|(key, _)| key.to_string()).into(),
            order.map(|(_, number)| number.as_str()).into(),
            entry.subject.source.as_ref().map(SourceId::as_str).into(),
            entry.subject.webhook.as_deref().into(),
        ];
        self.execute_one(sql, values).await.map(drop)
    }

    async fn list_audit(
        &self,
        filter: &AuditFilter,
        before: Option<i64>,
        limit: usize,
    ) -> Result<AuditPage, StoreError> {
        let (conditions, mut values) = conditions(filter, before);
        let condition =
            if conditions.is_empty() { String::new() } else { format!("WHERE {}", conditions.join(" AND ")) };
        values.push((limit + 1).into());
        let sql = format!(
            "SELECT position, at, actor, actor_name, reseller, action, order_key, order_number, source, webhook FROM audit_log \
            {condition} ORDER BY position DESC LIMIT ${}",
            values.len()
        );
        let rows = self.database.fetch_once(&sql, values).await?;
        let entries = rows.iter().take(limit).map(entry).collect::<Result<_, _>>()?;
        Ok(AuditPage { entries, has_more: rows.len() > limit })
    }

    async fn delete_audit(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.execute_one("DELETE FROM audit_log WHERE at < $1", vec![to_nanos(before).into()]).await
    }
}
