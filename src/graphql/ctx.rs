//! What every resolver can reach: one value, put into the request, taken out by one accessor.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use async_graphql::Context;
use jiff::Timestamp;

use crate::graphql::error::Fault;
use crate::graphql::loaders::Loaders;
use crate::graphql::problem::Problem;
use crate::graphql::promise::Trace;
use crate::graphql::viewer::{Scope, Viewer};
use catalog::Federation;
use deliveries::Deliveries;
use domain::error::{Operation, VendorError};
use domain::ids::SourceId;
use edits::Edits;
use orders::Orders;
use resellers::Partners;

/// What lives as long as the process, or until the configuration is read again. A topic that needs a room adds it here.
#[derive(Clone)]
pub struct Services {
    /// Reads over all sources.
    pub federation: Arc<Federation>,
    /// Editing events and running the gate, where there is a journal.
    pub edits: Option<Edits>,
    /// Buying, where there is a ledger.
    pub orders: Option<Orders>,
    /// Deliveries into mobile apps, where there are channels and a ledger.
    pub deliveries: Option<Deliveries>,
    /// The resellers, where there are any.
    pub partners: Option<Arc<Partners>>,
}

/// What lives as long as one request.
pub struct Ctx {
    /// What lives longer.
    pub services: Arc<Services>,
    /// Who is asking.
    pub viewer: Arc<Viewer>,
    /// The name of the request in log and errors.
    pub request_id: Arc<str>,
    /// The instant of the request: the same in all its parts.
    pub now: Timestamp,
    /// Loads in bulk what resolvers ask for one by one.
    pub loaders: Loaders,
    /// For how long what is told may be told again.
    pub trace: Trace,
    /// Failures that are in the log already.
    told: Mutex<HashSet<(SourceId, Operation, &'static str)>>,
}

impl Ctx {
    /// The surroundings of one request.
    pub fn new(services: &Arc<Services>, viewer: Arc<Viewer>, request_id: Arc<str>) -> Self {
        let trace = Trace::default();
        Self {
            services: Arc::clone(services),
            viewer,
            request_id,
            now: services.federation.clock().now(),
            loaders: Loaders::new(Arc::clone(&services.federation), trace.clone()),
            trace,
            told: Mutex::default(),
        }
    }

    /// The surroundings of the request that a resolver works for. [`execute`](crate::graphql::schema::execute) puts them there.
    pub fn of<'a>(ctx: &Context<'a>) -> &'a Self {
        ctx.data_unchecked::<Arc<Self>>()
    }

    /// Reads over all sources.
    pub fn federation(&self) -> &Federation {
        &self.services.federation
    }

    /// Refuses a viewer without the scope.
    pub fn require(&self, scope: Scope) -> Result<(), Fault> {
        if self.viewer.may(scope) { Ok(()) } else { Err(Fault::forbidden(scope)) }
    }

    /// The failure of a source as data, with a line in the log.
    pub fn problem(&self, error: &VendorError) -> Problem {
        self.tell(error);
        Problem::of(self.federation().find_source(&error.source).cloned(), error)
    }

    /// Writes a failure to the log with its cause: once a request, however many fields it costs.
    pub fn tell(&self, error: &VendorError) {
        if self.is_news(error) {
            tracing::warn!(
                request_id = &*self.request_id,
                source = error.source.as_str(),
                operation = error.operation.name(),
                kind = error.kind.name(),
                cause = error.cause.as_ref().map(tracing::field::display),
                "a source failed a read"
            );
        }
    }

    /// Whether this failure was not told before.
    fn is_news(&self, error: &VendorError) -> bool {
        let what = (error.source.clone(), error.operation, error.kind.name());
        self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(what)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use domain::error::ErrorKind;
    use domain::time::SystemClock;

    #[tokio::test]
    async fn one_failure_is_told_once_a_request_however_many_fields_it_costs() {
        let federation = Arc::new(Federation::new(Vec::new(), Duration::from_secs(1), Arc::new(SystemClock)));
        let services = Arc::new(Services { federation, edits: None, partners: None, orders: None, deliveries: None });
        let viewer =
            Arc::new(Viewer { id: "a".to_owned(), name: "A".to_owned(), reseller: None, scopes: HashSet::new() });
        let ctx = || Ctx::new(&services, Arc::clone(&viewer), Arc::from("r-1"));
        let failure =
            |source: &str, operation| VendorError::new(&SourceId::new(source), operation, ErrorKind::Unavailable);
        let one = ctx();
        assert!(one.is_news(&failure("harbor", Operation::LoadEvents)));
        assert!(!one.is_news(&failure("harbor", Operation::LoadEvents)));
        assert!(one.is_news(&failure("harbor", Operation::LoadAvailability)));
        assert!(one.is_news(&failure("opera", Operation::LoadEvents)));
        assert!(ctx().is_news(&failure("harbor", Operation::LoadEvents)), "another request");
    }
}
