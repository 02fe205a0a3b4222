//! Snapshots of vendors' data on SQL, compressed.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use async_trait::async_trait;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use jiff::Timestamp;

use crate::codec::{to_nanos, unreadable};
use crate::sql::SqlValue;
use crate::store::SqlStore;
use domain::time::earlier;
use domain::{Snapshot, SnapshotStore, StoreError};

/// Largest snapshot that is read, in bytes: more than the largest response of a vendor that is accepted.
const MAX_SNAPSHOT_BYTES: u64 = 128 * 1024 * 1024;

#[async_trait]
impl SnapshotStore for SqlStore {
    async fn load_snapshot(&self, name: &str) -> Result<Option<Snapshot>, StoreError> {
        let sql = "SELECT read_at, changed_at, body FROM source_snapshots WHERE name = $1";
        let Some(row) = self.first_row(sql, vec![name.into()]).await? else { return Ok(None) };
        let body = decompress(row.bytes("body")?).await?;
        Ok(Some(Snapshot { read_at: row.time("read_at")?, changed_at: row.opt_time("changed_at")?, body }))
    }

    async fn save_snapshot(&self, name: &str, snapshot: &Snapshot) -> Result<(), StoreError> {
        let sql = "INSERT INTO source_snapshots (name, read_at, changed_at, body) VALUES ($1, $2, $3, $4) \
            ON CONFLICT (name) DO UPDATE SET read_at = excluded.read_at, changed_at = excluded.changed_at, body = excluded.body";
        let values: Vec<SqlValue> = vec![
            name.into(),
            to_nanos(snapshot.read_at).into(),
            snapshot.changed_at.map(to_nanos).into(),
            compress(snapshot.body.clone()).await?.into(),
        ];
        self.execute_one(sql, values).await.map(drop)
    }

    async fn claim_request(
        &self,
        name: &str,
        interval: Duration,
        now: Timestamp,
    ) -> Result<Option<Duration>, StoreError> {
        let sql = "INSERT INTO source_requests (name, requested_at) VALUES ($1, $2) \
            ON CONFLICT (name) DO UPDATE SET requested_at = excluded.requested_at \
            WHERE source_requests.requested_at IS NULL OR source_requests.requested_at <= $3 OR source_requests.requested_at > $2";
        let values: Vec<SqlValue> = vec![name.into(), to_nanos(now).into(), to_nanos(earlier(now, interval)).into()];
        if self.execute_one(sql, values).await? > 0 {
            return Ok(None);
        }
        let sql = "SELECT requested_at FROM source_requests WHERE name = $1";
        let row = self.first_row(sql, vec![name.into()]).await?;
        let requested_at = row.map(|row| row.time("requested_at")).transpose()?.unwrap_or(now);
        let passed: Duration = now.duration_since(requested_at).try_into().unwrap_or(Duration::ZERO);
        Ok(Some(interval.saturating_sub(passed)))
    }

    async fn release_request(&self, name: &str) -> Result<(), StoreError> {
        let sql = "UPDATE source_requests SET requested_at = NULL WHERE name = $1";
        self.execute_one(sql, vec![name.into()]).await.map(drop)
    }

    async fn pending_request(&self, name: &str, after: Timestamp) -> Result<Option<i64>, StoreError> {
        let sql = "SELECT pending_id FROM source_requests WHERE name = $1 AND pending_since > $2";
        let row = self.first_row(sql, vec![name.into(), to_nanos(after).into()]).await?;
        row.map_or(Ok(None), |row| row.opt_int("pending_id"))
    }

    async fn save_pending_request(&self, name: &str, id: Option<i64>, now: Timestamp) -> Result<(), StoreError> {
        let sql = "INSERT INTO source_requests (name, pending_id, pending_since) VALUES ($1, $2, $3) \
            ON CONFLICT (name) DO UPDATE SET pending_id = excluded.pending_id, pending_since = excluded.pending_since";
        self.execute_one(sql, vec![name.into(), id.into(), to_nanos(now).into()]).await.map(drop)
    }
}

/// Compresses beside the runtime: a catalog has megabytes.
async fn compress(body: Vec<u8>) -> Result<Vec<u8>, StoreError> {
    let work = move || {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&body)?;
        encoder.finish()
    };
    let compressed = tokio::task::spawn_blocking(work).await.map_err(|error| StoreError::Failed(error.into()))?;
    compressed.map_err(|error| StoreError::Failed(error.into()))
}

async fn decompress(compressed: Vec<u8>) -> Result<Vec<u8>, StoreError> {
    let work = move || {
        let mut body = Vec::new();
        GzDecoder::new(&*compressed).take(MAX_SNAPSHOT_BYTES).read_to_end(&mut body).map(|_| body)
    };
    let body = tokio::task::spawn_blocking(work).await.map_err(|error| StoreError::Failed(error.into()))?;
    body.map_err(|_| unreadable("a snapshot"))
}
