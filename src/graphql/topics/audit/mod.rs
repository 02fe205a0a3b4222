//! The audit log: who did what to which order or source. Operators read it; resolvers record into it.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};
use audit::{AuditActor, AuditEntry as Entry, AuditFilter, AuditLog, AuditPage, AuditSubject};
use catalog::{InvalidArgument, PageSize};
use domain::StoreError;

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::error::{ApiError, ErrorCode};
use crate::graphql::base::id::{self, GlobalId};
use crate::graphql::base::page::PageInfo;
use crate::graphql::base::scalars::DateTime;
use crate::graphql::base::viewer::Viewer;
use crate::graphql::topics::orders::SharedOrder;
use crate::graphql::topics::resellers::Reseller;

/// An action of a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "audit::AuditAction")]
pub enum AuditAction {
    /// A person signed in.
    SignedIn,
    /// A person signed out of one browser.
    SignedOut,
    /// A person signed out of all browsers.
    SignedOutEverywhere,
    /// The codes of an order's tickets were read. Recorded once an hour for each caller and order.
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

impl Viewer {
    /// Returns the caller for the audit log.
    pub fn to_audit_actor(&self) -> AuditActor {
        AuditActor { id: self.id.clone(), name: self.name.clone(), reseller: self.reseller.clone() }
    }
}

/// Records actions of one caller, also after its request has ended.
pub struct AuditRecorder {
    log: Option<Arc<AuditLog>>,
    actor: AuditActor,
}

impl AuditRecorder {
    /// Records an action.
    ///
    /// # Errors
    ///
    /// The ledger does not respond. The response must not report success.
    pub async fn record(self, action: audit::AuditAction, subject: AuditSubject) -> Result<(), StoreError> {
        match self.log {
            Some(log) => log.record(self.actor, action, subject).await,
            None => Ok(()),
        }
    }
}

impl Ctx {
    /// Returns the recorder of the viewer's actions.
    pub fn recorder(&self) -> AuditRecorder {
        AuditRecorder { log: self.services.audit.clone(), actor: self.viewer.to_audit_actor() }
    }

    /// Records that the viewer reads the codes of an order, before they are shown.
    ///
    /// # Errors
    ///
    /// The ledger does not respond.
    pub async fn record_codes_read(&self, order: &SharedOrder) -> Result<(), ApiError> {
        match &self.services.audit {
            Some(audit) => Ok(audit.record_codes_read(self.viewer.to_audit_actor(), order.key, &order.number).await?),
            None => Ok(()),
        }
    }
}

/// Conditions on entries of the audit log. All of them must hold.
#[derive(InputObject, Default)]
pub(super) struct AuditLogFilterInput {
    /// Only these actions.
    actions: Option<Vec<AuditAction>>,
    /// Only of this caller, by `AuditEntry.actor`.
    actor: Option<String>,
    /// Only about the order with this number.
    order_number: Option<String>,
}

/// Queries of the audit log.
#[derive(Default)]
pub struct AuditQuery;

#[Object]
impl AuditQuery {
    /// Returns the audit log, newest first, for operators: who read codes, canceled, settled, exported, paused, or signed in.
    async fn audit_log(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The filter.")] filter: Option<AuditLogFilterInput>,
        #[graphql(desc = "Number of rows: 1 to 100, default 20.")] first: Option<i32>,
        #[graphql(desc = "The `endCursor` of the previous page.")] after: Option<String>,
    ) -> Result<AuditLogConnection, ApiError> {
        let ctx = Ctx::of(ctx);
        ctx.require_operator()?;
        let audit = ctx.services.audit.as_ref().ok_or_else(|| ApiError::new(ErrorCode::LedgerUnavailable))?;
        let rows = PageSize::new(first)?.rows();
        let cursor = |text: &str| text.parse().map_err(|_| InvalidArgument::new("after", "the cursor of an entry"));
        let before = after.as_deref().map(cursor).transpose()?;
        let filter = filter.unwrap_or_default();
        let filter = AuditFilter {
            actions: filter.actions.unwrap_or_default().into_iter().map(Into::into).collect(),
            actor: filter.actor,
            order_number: filter.order_number,
        };
        Ok(AuditLogConnection { page: audit.list(&filter, before, rows).await?, has_previous: before.is_some() })
    }
}

/// A page of the audit log, newest first.
pub(super) struct AuditLogConnection {
    page: AuditPage,
    has_previous: bool,
}

/// A page of the audit log, newest first.
#[Object]
impl AuditLogConnection {
    /// The entries with their cursors.
    async fn edges(&self) -> Vec<AuditLogEdge> {
        let entries = self.page.entries.iter();
        entries.map(|(at, entry)| AuditLogEdge { cursor: at.to_string(), node: AuditEntry(entry.clone()) }).collect()
    }

    /// The entries.
    async fn nodes(&self) -> Vec<AuditEntry> {
        self.page.entries.iter().map(|(_, entry)| AuditEntry(entry.clone())).collect()
    }

    /// Paging information.
    async fn page_info(&self) -> PageInfo {
        let cursor = |entry: Option<&(i64, Entry)>| entry.map(|(position, _)| position.to_string());
        PageInfo {
            has_next_page: self.page.has_more,
            has_previous_page: self.has_previous,
            start_cursor: cursor(self.page.entries.first()),
            end_cursor: cursor(self.page.entries.last()),
        }
    }
}

/// An entry of the audit log with its cursor.
#[derive(SimpleObject)]
pub(super) struct AuditLogEdge {
    /// The cursor of the entry.
    cursor: String,
    /// The entry.
    node: AuditEntry,
}

/// An entry of the audit log. It contains no data of buyers.
pub(super) struct AuditEntry(Entry);

/// An entry of the audit log. It contains no data of buyers.
#[Object]
impl AuditEntry {
    /// Time of the action.
    async fn at(&self) -> DateTime {
        DateTime::utc(self.0.at)
    }

    /// The action.
    async fn action(&self) -> AuditAction {
        self.0.action.into()
    }

    /// Identifies the caller, as `Viewer.id`.
    async fn actor(&self) -> &str {
        &self.0.actor.id
    }

    /// Human-readable name of the caller: of a person the e-mail address.
    async fn actor_name(&self) -> &str {
        &self.0.actor.name
    }

    /// The reseller that the caller belongs to. Null for an operator, and for a reseller that is no longer configured.
    async fn reseller(&self, ctx: &Context<'_>) -> Option<Reseller> {
        Ctx::of(ctx).find_reseller(self.0.actor.reseller.as_deref()?)
    }

    /// The id of the order.
    async fn order_id(&self) -> Option<ID> {
        self.0.subject.order.as_ref().map(|(key, _)| id::order_id(*key))
    }

    /// The number of the order.
    async fn order_number(&self) -> Option<&str> {
        self.0.subject.order.as_ref().map(|(_, number)| number.as_str())
    }

    /// The name of the source in the configuration.
    async fn source_name(&self) -> Option<&str> {
        self.0.subject.source.as_ref().map(|source| source.as_str())
    }

    /// The id of the webhook, also of one that was deleted.
    async fn webhook_id(&self) -> Option<ID> {
        self.0.subject.webhook.clone().map(|key| GlobalId::Webhook(key).encode())
    }
}
