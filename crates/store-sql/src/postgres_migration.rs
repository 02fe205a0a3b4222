//! Migrations of PostgreSQL, and the sessions that they need.

use sqlx::migrate::MigrateError;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{Connection as _, Executor as _, Row as _};
use tokio::time::Instant;

use crate::StoreOpenError;
use crate::postgres_errors::{LOCK_NOT_AVAILABLE, has_code};
use crate::settings::StoreSettings;

/// Number of comparisons of two connections. Another client may use the pooler's sessions during one of them.
const COMPARISONS: usize = 3;

/// Runs the migrations. One that does not get its lock in time is tried again after a pause, in which those who waited behind it
/// proceed, until the migration timeout.
pub(crate) async fn migrate(options: &PgConnectOptions, settings: &StoreSettings) -> Result<(), StoreOpenError> {
    let started_at = Instant::now();
    loop {
        let mut migrating = PgConnection::connect_with(options).await.map_err(StoreOpenError::Open)?;
        let limit = settings.migration_lock_timeout.as_millis().max(1).to_string();
        let set = sqlx::query("SELECT set_config('lock_timeout', $1, false)").bind(limit);
        set.execute(&mut migrating).await.map_err(StoreOpenError::Open)?;
        let migrated = sqlx::migrate!("../../migrations/postgres").run(&mut migrating).await;
        migrating.close().await.map_err(StoreOpenError::Open)?;
        match migrated {
            Ok(()) => return Ok(()),
            Err(error) if is_lock_timeout(&error) && started_at.elapsed() < settings.migration_timeout => {
                tracing::warn!("a migration waits for transactions that use its table, and is tried again");
                tokio::time::sleep(settings.migration_lock_timeout * 2).await;
            }
            Err(error) => return Err(StoreOpenError::Migrate(error)),
        }
    }
}

/// Returns true if a migration, or another replica's turn to migrate, was not available in time.
fn is_lock_timeout(error: &MigrateError) -> bool {
    let (MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _)) = error else { return false };
    has_code(cause, LOCK_NOT_AVAILABLE)
}

/// Fails if a pooler serves two connections with one session of the server: what one of them sets would be lost, or apply to the other.
pub(crate) async fn ensure_own_session(
    options: &PgConnectOptions,
    shared: impl Fn() -> StoreOpenError,
) -> Result<(), StoreOpenError> {
    if shares_sessions(options).await.map_err(StoreOpenError::Open)? { Err(shared()) } else { Ok(()) }
}

/// Compares the sessions of two connections, of which the other one is in a transaction. Nothing is prepared, so that the comparison
/// itself works with any pooler.
async fn shares_sessions(options: &PgConnectOptions) -> Result<bool, sqlx::Error> {
    let (mut one, mut other) = (PgConnection::connect_with(options).await?, PgConnection::connect_with(options).await?);
    let first = session(&mut one).await?;
    for _ in 0..COMPARISONS {
        other.execute("BEGIN").await?;
        let is_shared = session(&mut other).await? == first || session(&mut one).await? != first;
        other.execute("ROLLBACK").await?;
        if is_shared {
            return Ok(true);
        }
    }
    one.close().await?;
    other.close().await?;
    Ok(false)
}

/// Returns the process of the server that serves a connection.
async fn session(connection: &mut PgConnection) -> Result<i32, sqlx::Error> {
    connection.fetch_one("SELECT pg_backend_pid()").await?.try_get(0)
}
