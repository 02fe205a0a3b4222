//! The little that the two databases have to do alike: run a statement, and give rows back.

use async_trait::async_trait;

use crate::pulse::PoolUse;
use orders::LedgerError;

/// A value that goes into a statement or comes out of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Int(Option<i64>),
    Text(Option<String>),
    Bytes(Vec<u8>),
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(Some(number))
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Int(Some(i64::try_from(number).unwrap_or(i64::MAX)))
    }
}

impl From<usize> for Value {
    fn from(number: usize) -> Self {
        Self::Int(Some(i64::try_from(number).unwrap_or(i64::MAX)))
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Int(Some(flag.into()))
    }
}

impl From<Option<i64>> for Value {
    fn from(number: Option<i64>) -> Self {
        Self::Int(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<Option<String>> for Value {
    fn from(text: Option<String>) -> Self {
        Self::Text(text)
    }
}

impl From<Option<&str>> for Value {
    fn from(text: Option<&str>) -> Self {
        Self::Text(text.map(str::to_owned))
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

/// A row, read from left to right: the columns are taken in the order of the statement.
#[derive(Debug)]
pub(crate) struct Row(std::vec::IntoIter<Value>);

impl Row {
    pub fn new(values: Vec<Value>) -> Self {
        Self(values.into_iter())
    }

    pub fn opt_int(&mut self) -> Result<Option<i64>, LedgerError> {
        match self.0.next() {
            Some(Value::Int(number)) => Ok(number),
            Some(Value::Text(None)) => Ok(None),
            other => Err(unreadable("a number", other.as_ref())),
        }
    }

    pub fn int(&mut self) -> Result<i64, LedgerError> {
        self.opt_int()?.ok_or_else(|| unreadable("a number", None))
    }

    pub fn opt_text(&mut self) -> Result<Option<String>, LedgerError> {
        match self.0.next() {
            Some(Value::Text(text)) => Ok(text),
            Some(Value::Int(None)) => Ok(None),
            other => Err(unreadable("text", other.as_ref())),
        }
    }

    pub fn text(&mut self) -> Result<String, LedgerError> {
        self.opt_text()?.ok_or_else(|| unreadable("text", None))
    }

    pub fn bytes(&mut self) -> Result<Vec<u8>, LedgerError> {
        match self.0.next() {
            Some(Value::Bytes(bytes)) => Ok(bytes),
            other => Err(unreadable("bytes", other.as_ref())),
        }
    }

    pub fn flag(&mut self) -> Result<bool, LedgerError> {
        Ok(self.int()? != 0)
    }

    pub fn count(&mut self) -> Result<u64, LedgerError> {
        u64::try_from(self.int()?).map_err(|_| unreadable("a count", None))
    }

    pub fn place(&mut self) -> Result<usize, LedgerError> {
        usize::try_from(self.int()?).map_err(|_| unreadable("a place", None))
    }
}

/// The value itself is not told: it may be a visitor's.
fn unreadable(wanted: &str, found: Option<&Value>) -> LedgerError {
    let found = match found {
        Some(Value::Int(_)) => "a number",
        Some(Value::Text(_)) => "text",
        Some(Value::Bytes(_)) => "bytes",
        None => "nothing",
    };
    LedgerError::Unreadable(format!("a column with {wanted} holds {found}"))
}

/// A transaction. Dropped without [`commit`](Self::commit), it changes nothing.
#[async_trait]
pub(crate) trait Session: Send {
    /// Runs a statement and gives its rows.
    async fn rows(&mut self, sql: &str, values: Vec<Value>) -> Result<Vec<Row>, LedgerError>;

    /// Runs a statement and tells how many rows it changed.
    async fn run(&mut self, sql: &str, values: Vec<Value>) -> Result<u64, LedgerError>;

    /// Makes everything durable.
    async fn commit(self: Box<Self>) -> Result<(), LedgerError>;
}

/// A database: it opens transactions. The statements are the same for all; `$1`, `$2` … stand for values.
#[async_trait]
pub(crate) trait Database: Send + Sync {
    /// Opens a transaction that writes.
    async fn write(&self) -> Result<Box<dyn Session>, LedgerError>;

    /// Opens a transaction that reads, and sees one state throughout.
    async fn read(&self) -> Result<Box<dyn Session>, LedgerError>;

    /// What lets several replicas take different rows of one list, where there are several.
    fn skip_locked(&self) -> &'static str;

    /// Whether this process is the only one that writes here.
    fn is_alone(&self) -> bool;

    /// Its connections.
    fn pool(&self) -> PoolUse;
}

/// Takes a connection, and tells how long that took.
pub(crate) async fn waited<T>(take: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, LedgerError> {
    let begun = tokio::time::Instant::now();
    let taken = take.await.map_err(failed)?;
    let waited = begun.elapsed().as_secs_f64();
    metrics::histogram!("db_client_connection_wait_time_seconds", "db_client_connection_pool_name" => "ledger")
        .record(waited);
    Ok(taken)
}

/// The connections of a pool.
pub(crate) fn pool_use<D: sqlx::Database>(pool: &sqlx::Pool<D>) -> PoolUse {
    let idle = u32::try_from(pool.num_idle()).unwrap_or(u32::MAX);
    PoolUse { idle, used: pool.size().saturating_sub(idle), max: pool.options().get_max_connections() }
}

pub(crate) fn failed(error: sqlx::Error) -> LedgerError {
    LedgerError::Failed(Box::new(error))
}
