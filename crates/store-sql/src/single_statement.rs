//! A change of an order as a single statement of PostgreSQL: one round trip, which begins and commits by itself.
//!
//! The rows of each table are arrays of columns, so that the text does not depend on their number, only on the tables that have any,
//! and stays prepared. All parts insert `FROM written`: nothing is written if the order has another version or owner. PostgreSQL flushes the
//! commits of concurrent connections together.

use sqlx::postgres::PgArguments;
use sqlx::{Arguments as _, AssertSqlSafe, Row as _};

use crate::codec::unreadable;
use crate::order_rows::{OrderRows, Row};
use crate::order_tables::{ColumnType, IDEMPOTENCY_KEYS, OrderTable, TIMERS};
use crate::postgres_pool::PostgresPool;
use crate::repeat::repeat;
use crate::settings::LeaseClock;
use crate::sql::{SqlValue, store_failure, write_failure};
use domain::StoreError;
use orders::store::TimerKind;

/// Constraint that a record violates whose key is taken.
const KEY_TAKEN: &str = "idempotency_keys_pkey";

/// Writes the rows and returns the fencing token of the order.
pub(crate) async fn write_order(pool: &PostgresPool, clock: LeaseClock, rows: OrderRows) -> Result<u64, StoreError> {
    let (sql, arguments) = statement(clock, rows)?;
    let write = async || {
        let statement = sqlx::query_with(AssertSqlSafe(sql.as_str()), arguments.clone());
        pool.fetch_single(statement).await.map_err(order_failure)
    };
    let rows = repeat(write).await?;
    let row = rows.first().ok_or(StoreError::Outdated)?;
    let fence: i64 = row.try_get("fence").map_err(store_failure)?;
    u64::try_from(fence).map_err(|_| unreadable("the column fence"))
}

fn order_failure(error: sqlx::Error) -> StoreError {
    let constraint = error.as_database_error().and_then(|error| error.constraint());
    if constraint == Some(KEY_TAKEN) { StoreError::KeyTaken } else { write_failure(error) }
}

fn statement(clock: LeaseClock, rows: OrderRows) -> Result<(String, PgArguments), StoreError> {
    let mut arguments = PgArguments::default();
    let mut sql = format!("WITH written AS ({})", rows.order.statement(clock));
    let is_new = rows.order.is_new;
    for value in rows.order.values {
        match value {
            SqlValue::Int(number) => arguments.add(number),
            SqlValue::Text(text) => arguments.add(text),
            SqlValue::Bytes(bytes) => arguments.add(bytes),
        }
        .map_err(encode_failure)?;
    }
    if !is_new {
        sql += ", old_timers AS (DELETE FROM timers USING written WHERE timers.order_key = $1)";
    }
    let idempotency = rows.idempotency.map(|record| (&IDEMPOTENCY_KEYS, vec![record]));
    // A part without rows would cost the server as much as one with a few.
    for (table, rows) in idempotency.into_iter().chain(rows.tables).filter(|(_, rows)| !rows.is_empty()) {
        let first = arguments.len() + 1;
        for (place, (_, kind)) in table.columns.iter().enumerate() {
            add_column(&mut arguments, *kind, &rows, place)?;
        }
        sql += &insert(table, clock, first);
    }
    sql += " SELECT fence FROM written";
    Ok((sql, arguments))
}

/// Adds the values of a column as an array.
fn add_column(arguments: &mut PgArguments, kind: ColumnType, rows: &[Row], place: usize) -> Result<(), StoreError> {
    let values = rows.iter().map(|row| row.get(place));
    let wrong = || unreadable("the type of a column");
    match kind {
        ColumnType::Int => {
            let number = |value: Option<&SqlValue>| match value {
                Some(SqlValue::Int(number)) => Ok(*number),
                _ => Err(wrong()),
            };
            arguments.add(values.map(number).collect::<Result<Vec<_>, _>>()?)
        }
        ColumnType::Text => {
            let text = |value: Option<&SqlValue>| match value {
                Some(SqlValue::Text(text)) => Ok(text.clone()),
                _ => Err(wrong()),
            };
            arguments.add(values.map(text).collect::<Result<Vec<_>, _>>()?)
        }
        ColumnType::Bytes => {
            let bytes = |value: Option<&SqlValue>| match value {
                Some(SqlValue::Bytes(bytes)) => Ok(bytes.clone()),
                _ => Err(wrong()),
            };
            arguments.add(values.map(bytes).collect::<Result<Vec<_>, _>>()?)
        }
    }
    .map_err(encode_failure)
}

fn insert(table: &OrderTable, clock: LeaseClock, first: usize) -> String {
    let OrderTable { name, columns, on_conflict } = table;
    let array = |(index, (_, kind)): (usize, &(&str, ColumnType))| {
        let element = match kind {
            ColumnType::Int => "BIGINT",
            ColumnType::Text => "TEXT",
            ColumnType::Bytes => "BYTEA",
        };
        format!("CAST(${} AS {element}[])", first + index)
    };
    let arrays = columns.iter().enumerate().map(array).collect::<Vec<_>>().join(", ");
    let names = table.column_names();
    let values = columns.iter().map(|(column, _)| value(name, column, clock)).collect::<Vec<_>>().join(", ");
    format!(
        ", new_{name} AS (INSERT INTO {name} ({names}) SELECT {values} FROM written, UNNEST({arrays}) AS rows ({names}) \
        {on_conflict})"
    )
}

/// Returns the expression of a column. An order is resumed once its lease has ended, so that timer is due now by the clock of
/// leases.
fn value(table: &str, column: &str, clock: LeaseClock) -> String {
    if table == TIMERS.name && column == "due_at" {
        let now = clock.now("rows.due_at");
        format!("CASE rows.kind WHEN '{}' THEN {now} ELSE rows.due_at END", TimerKind::Resume.name())
    } else {
        format!("rows.{column}")
    }
}

fn encode_failure(error: sqlx::error::BoxDynError) -> StoreError {
    StoreError::Failed(error)
}
