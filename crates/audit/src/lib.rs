//! The audit log: who did what to which order or source, and when.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::time::earlier;
use domain::{Clock, OrderKey, SourceId, StoreError};
use jiff::Timestamp;
use quick_cache::sync::Cache;
use strum::{EnumString, IntoStaticStr, VariantArray};

/// Length of an hour, in which further reads of the codes of one order by one caller are not recorded: a view that stays open reads
/// them again with each change.
const SECONDS_OF_HOUR: i64 = 3600;
/// Reads of codes that are remembered for it.
const REMEMBERED_READS: usize = 10_000;

/// An action of a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum AuditAction {
    /// A person signed in.
    SignedIn,
    /// A person signed out of one browser.
    SignedOut,
    /// A person signed out of all browsers.
    SignedOutEverywhere,
    /// The codes of an order's tickets were read.
    CodesRead,
    /// The caller asked to cancel lines of an order.
    OrderCanceled,
    /// The caller asked to settle a leg by hand.
    LegSettled,
    /// Legs were scheduled to be tried again.
    LegsRetried,
    /// The caller asked to add a note to an order.
    NoteAdded,
    /// A decision about something that was found only at a vendor.
    OrphanResolved,
    /// A source was paused.
    SourcePaused,
    /// The pause of a source was ended.
    SourceResumed,
    /// Orders were exported as a file.
    OrdersExported,
    /// A statement was exported as a file.
    StatementExported,
    /// A webhook was created.
    WebhookCreated,
    /// A webhook was changed, enabled or disabled.
    WebhookUpdated,
    /// The secret of a webhook was replaced.
    WebhookSecretRotated,
    /// A test message was sent to a webhook.
    WebhookTested,
    /// Changes were sent to a webhook again.
    WebhookReplayed,
    /// A webhook was deleted.
    WebhookDeleted,
}

impl AuditAction {
    /// All actions.
    pub const ALL: &[Self] = <Self as VariantArray>::VARIANTS;

    /// The action as it is stored.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The caller that acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditActor {
    /// Id of the caller: the name of a client, the subject of a token, or a person.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// Reseller that the caller belongs to.
    pub reseller: Option<String>,
}

/// The order, source or webhook that an action concerns.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditSubject {
    /// Key and number of the order.
    pub order: Option<(OrderKey, String)>,
    /// The source.
    pub source: Option<SourceId>,
    /// Key of the webhook.
    pub webhook: Option<String>,
}

impl AuditSubject {
    /// An action that concerns none of them.
    pub const NONE: Self = Self { order: None, source: None, webhook: None };

    /// An action on an order.
    pub fn order(key: OrderKey, number: &str) -> Self {
        Self { order: Some((key, number.to_owned())), ..Self::NONE }
    }

    /// An action on a source.
    pub fn source(source: &SourceId) -> Self {
        Self { source: Some(source.clone()), ..Self::NONE }
    }

    /// An action on a webhook.
    pub fn webhook(key: &str) -> Self {
        Self { webhook: Some(key.to_owned()), ..Self::NONE }
    }
}

/// An entry of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Time of the action.
    pub at: Timestamp,
    /// Caller that acted.
    pub actor: AuditActor,
    /// The action.
    pub action: AuditAction,
    /// Object of the action.
    pub subject: AuditSubject,
}

/// Conditions on entries.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditFilter {
    /// Only these actions; empty: all.
    pub actions: Vec<AuditAction>,
    /// Only of this caller, by its id.
    pub actor: Option<String>,
    /// Only about this order, by its number.
    pub order_number: Option<String>,
}

/// A page of the log, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditPage {
    /// Entries with their positions.
    pub entries: Vec<(i64, AuditEntry)>,
    /// True if older entries follow.
    pub has_more: bool,
}

/// Stores the log.
#[async_trait]
pub trait AuditStore: Send + Sync {
    /// Appends an entry. It is durable once this returns.
    async fn append_audit(&self, entry: &AuditEntry) -> Result<(), StoreError>;

    /// Lists entries with positions below `before`, newest first, at most `limit`.
    async fn list_audit(
        &self,
        filter: &AuditFilter,
        before: Option<i64>,
        limit: usize,
    ) -> Result<AuditPage, StoreError>;

    /// Deletes the entries before a time. Returns their number.
    async fn delete_audit(&self, before: Timestamp) -> Result<u64, StoreError>;
}

/// The audit log.
pub struct AuditLog {
    store: Arc<dyn AuditStore>,
    clock: Arc<dyn Clock>,
    retention: Duration,
    codes_read: Cache<(String, OrderKey, i64), ()>,
}

impl AuditLog {
    /// Creates the log over a store.
    pub fn new(store: Arc<dyn AuditStore>, clock: Arc<dyn Clock>, retention: Duration) -> Self {
        Self { store, clock, retention, codes_read: Cache::new(REMEMBERED_READS) }
    }

    /// Records an action.
    ///
    /// # Errors
    ///
    /// The store does not respond. The response must not report success.
    pub async fn record(
        &self,
        actor: AuditActor,
        action: AuditAction,
        subject: AuditSubject,
    ) -> Result<(), StoreError> {
        self.store.append_audit(&AuditEntry { at: self.clock.now(), actor, action, subject }).await
    }

    /// Records that a caller reads the codes of an order, once an hour.
    ///
    /// # Errors
    ///
    /// The store does not respond. The codes must not be shown.
    pub async fn record_codes_read(&self, actor: AuditActor, order: OrderKey, number: &str) -> Result<(), StoreError> {
        let hour = self.clock.now().as_second() / SECONDS_OF_HOUR;
        let key = (actor.id.clone(), order, hour);
        // The tickets of an order are read concurrently; the others wait for the first.
        let record = self.record(actor, AuditAction::CodesRead, AuditSubject::order(order, number));
        self.codes_read.get_or_insert_async(&key, record).await
    }

    /// Lists entries, newest first: those with positions below `before`, at most `limit`.
    pub async fn list(&self, filter: &AuditFilter, before: Option<i64>, limit: usize) -> Result<AuditPage, StoreError> {
        self.store.list_audit(filter, before, limit).await
    }

    /// Deletes the entries that are older than the retention, and returns their number.
    pub async fn delete_old(&self) -> Result<u64, StoreError> {
        self.store.delete_audit(earlier(self.clock.now(), self.retention)).await
    }
}
