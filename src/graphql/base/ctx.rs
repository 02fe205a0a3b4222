//! Context of a request: the values that resolvers can reach.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::Arc;

use async_graphql::{Context, PathSegment, ServerError};
use audit::AuditLog;
use catalog::UnifiedCatalog;
use change_feed::ChangeStore;
use deliveries::Deliveries;
use domain::error::{VendorError, VendorOperation};
use domain::ids::SourceId;
use edits::Edits;
use jiff::Timestamp;
use orders::Orders;
use parking_lot::Mutex;
use resellers::Resellers;
use webhooks::Webhooks;

use crate::graphql::base::budget::FieldBudget;
use crate::graphql::base::cache_validity::DependencyTracker;
use crate::graphql::base::callers::CallerRegistry;
use crate::graphql::base::error::{ApiError, ErrorCode};
use crate::graphql::base::loaders::Loaders;
use crate::graphql::base::viewer::{Scope, Viewer};

/// Services that live until the process ends or the configuration is reloaded. A topic adds the service that it needs
/// here.
#[derive(Clone)]
pub struct Services {
    /// The aggregated catalog of all sources.
    pub catalog: Arc<UnifiedCatalog>,
    /// Event editing and gate operations, if an idempotency store is configured.
    pub edits: Option<Edits>,
    /// Ordering, if a ledger is configured.
    pub orders: Option<Orders>,
    /// Deliveries to mobile apps, if channels and a ledger are configured.
    pub deliveries: Option<Deliveries>,
    /// The resellers, if any are configured.
    pub resellers: Option<Arc<Resellers>>,
    /// The feed of changes, if a ledger is configured.
    pub changes: Option<Arc<dyn ChangeStore>>,
    /// The audit log, if a ledger is configured.
    pub audit: Option<Arc<AuditLog>>,
    /// The webhooks, if a ledger is configured.
    pub webhooks: Option<Webhooks>,
}

/// State of one request.
pub struct Ctx {
    /// The services shared by all requests.
    pub services: Arc<Services>,
    /// The viewer: the caller of the request and its permissions.
    pub viewer: Arc<Viewer>,
    /// The request id in logs and errors.
    pub request_id: Arc<str>,
    /// The time of the request, the same in all its fields.
    pub now: Timestamp,
    /// Batches the single loads of resolvers.
    pub loaders: Loaders,
    /// Tracks the facts that the response depends on.
    pub dependencies: DependencyTracker,
    /// Fields that the response may still have.
    pub budget: FieldBudget,
    /// The configured callers and their use of this process.
    pub callers: Arc<CallerRegistry>,
    /// True if the SDL of the subgraph has `@cacheTag`.
    pub cache_tags: bool,
    /// Failures that are already logged.
    logged_failures: Mutex<HashSet<(SourceId, VendorOperation, &'static str)>>,
}

impl Ctx {
    /// Creates the context of one request, whose response may have this many fields.
    pub fn new(services: &Arc<Services>, viewer: Arc<Viewer>, request_id: Arc<str>, response_fields: u64) -> Self {
        let dependencies = DependencyTracker::default();
        Self {
            services: Arc::clone(services),
            viewer,
            request_id,
            now: services.catalog.clock().now(),
            loaders: Loaders::new(Arc::clone(&services.catalog), dependencies.clone()),
            dependencies,
            budget: FieldBudget::new(response_fields),
            callers: Arc::default(),
            cache_tags: false,
            logged_failures: Mutex::default(),
        }
    }

    /// Returns a copy that reads the use of callers from this registry. Without it no caller is known.
    #[must_use]
    pub fn with_callers(self, callers: Arc<CallerRegistry>) -> Self {
        Self { callers, ..self }
    }

    /// Returns a copy for a schema that has `@cacheTag` as a subgraph, or has not.
    #[must_use]
    pub fn with_cache_tags(self, cache_tags: bool) -> Self {
        Self { cache_tags, ..self }
    }

    /// Returns the context of a resolver's request. [`execute`](crate::graphql::schema::execute) inserts it.
    pub fn of<'a>(ctx: &Context<'a>) -> &'a Self {
        ctx.data_unchecked::<Arc<Self>>()
    }

    /// The aggregated catalog of all sources.
    pub fn catalog(&self) -> &UnifiedCatalog {
        &self.services.catalog
    }

    /// Returns an error unless the viewer has the scope.
    pub fn require(&self, scope: Scope) -> Result<(), ApiError> {
        if self.viewer.has_scope(scope) { Ok(()) } else { Err(ApiError::forbidden(scope, &self.viewer)) }
    }

    /// Returns an error unless the viewer is an operator. A caller of a reseller is none: what an operator sees and decides concerns all.
    pub fn require_operator(&self) -> Result<(), ApiError> {
        self.require(Scope::Admin)?;
        match self.viewer.reseller {
            None => Ok(()),
            Some(_) => Err(ApiError::for_operators()),
        }
    }

    /// Logs a failure with its cause, once per request, no matter how many fields it affects.
    pub fn log_failure(&self, error: &VendorError) {
        if self.is_first_occurrence(error) {
            tracing::warn!(
                request_id = &*self.request_id,
                source = error.source.as_str(),
                operation = error.operation.name(),
                kind = error.kind.name(),
                cause = error.cause.as_ref().map(tracing::field::display),
                "source call failed"
            );
        }
    }

    /// Returns true if this failure was not logged before.
    fn is_first_occurrence(&self, error: &VendorError) -> bool {
        let what = (error.source.clone(), error.operation, error.kind.name());
        self.logged_failures.lock().insert(what)
    }

    /// Adds the code and the request id to each error, and sorts them.
    pub(in crate::graphql) fn complete_errors(&self, errors: &mut [ServerError]) {
        for error in errors.iter_mut() {
            if let Some(failure) = error.source::<VendorError>() {
                self.log_failure(failure);
            }
            if error.extensions.as_ref().is_none_or(|extensions| extensions.get("code").is_none()) {
                // An error inside a field without one of our codes is an argument of the wrong type.
                let code =
                    if error.path.is_empty() { ErrorCode::GraphqlValidationFailed } else { ErrorCode::BadUserInput };
                set_extension(error, "code", code.as_str());
            }
            set_extension(error, "requestId", &self.request_id);
        }
        errors.sort_by(by_document_position);
    }
}

fn set_extension(error: &mut ServerError, name: &str, value: &str) {
    error.extensions.get_or_insert_default().set(name, value);
}

/// Orders errors by their position in the document. Fields run concurrently, so errors arrive in any order.
fn by_document_position(one: &ServerError, other: &ServerError) -> Ordering {
    let position = |error: &ServerError| error.locations.first().map(|at| (at.line, at.column));
    position(one)
        .cmp(&position(other))
        .then_with(|| one.path.iter().map(segment_order).cmp(other.path.iter().map(segment_order)))
}

fn segment_order(segment: &PathSegment) -> (usize, &str) {
    match segment {
        PathSegment::Index(index) => (*index, ""),
        PathSegment::Field(name) => (0, name),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use domain::error::ErrorKind;
    use domain::time::SystemClock;

    #[tokio::test]
    async fn a_failure_is_logged_once_per_request() {
        let catalog = Arc::new(UnifiedCatalog::new(Vec::new(), Duration::from_secs(1), Arc::new(SystemClock)));
        let services = Arc::new(Services {
            catalog,
            edits: None,
            resellers: None,
            orders: None,
            deliveries: None,
            changes: None,
            audit: None,
            webhooks: None,
        });
        let viewer =
            Arc::new(Viewer { id: "a".to_owned(), name: "A".to_owned(), reseller: None, scopes: HashSet::new() });
        let ctx = || Ctx::new(&services, Arc::clone(&viewer), Arc::from("r-1"), 100);
        let failure =
            |source: &str, operation| VendorError::new(&SourceId::new(source), operation, ErrorKind::Unavailable);
        let one = ctx();
        assert!(one.is_first_occurrence(&failure("harbor", VendorOperation::LoadEvents)));
        assert!(!one.is_first_occurrence(&failure("harbor", VendorOperation::LoadEvents)));
        assert!(one.is_first_occurrence(&failure("harbor", VendorOperation::LoadAvailability)));
        assert!(one.is_first_occurrence(&failure("opera", VendorOperation::LoadEvents)));
        assert!(ctx().is_first_occurrence(&failure("harbor", VendorOperation::LoadEvents)), "another request");
    }
}
