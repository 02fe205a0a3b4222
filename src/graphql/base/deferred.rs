//! Deferred fragments: each object's part is delivered as soon as it is resolved.
//!
//! A deferred fragment is executed as an operation of its own, in the context of its request, so that it finds loaded
//! what the initial part has loaded. Its [`DeferredPass`] sees each object in it end, and `DeferDirective` gives it the
//! errors below that object.

use std::any::Any;
use std::borrow::Cow;
use std::sync::{Arc, OnceLock, Weak};

use async_graphql::extensions::{ExtensionContext, NextResolve, ResolveFut, ResolveInfo};
use async_graphql::registry::{__DirectiveLocation, Deprecation, MetaDirective, MetaInputValue, Registry};
use async_graphql::{
    Context, ContextDirective, CustomDirective, CustomDirectiveFactory, InputType, PathSegment, QueryEnv,
    QueryPathNode, QueryPathSegment, ServerError, ServerResult, Value,
};
use async_graphql_parser::types::Directive;
use parking_lot::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::task::JoinSet;
use tracing::Instrument as _;

use crate::graphql::base::ctx::Ctx;
use crate::graphql::operation::DEFER;

/// Results that are returned together at most.
const MAX_RESULTS_AT_ONCE: usize = 100;

/// The part of a deferred fragment that belongs to one object.
pub struct DeferredResult {
    /// Label of the fragment.
    pub label: Option<Arc<str>>,
    /// Path of the object.
    pub path: Vec<PathSegment>,
    /// The fields, or null if one of them must not be null and has an error.
    pub data: Value,
    /// Errors of the fields.
    pub errors: Vec<ServerError>,
}

/// Results of a query's deferred fragments. Dropping it ends their execution.
pub struct DeferredResults {
    receiver: UnboundedReceiver<DeferredResult>,
    _passes: JoinSet<()>,
    held: Weak<OnceLock<Held>>,
}

type Held = Box<dyn Any + Send + Sync>;

impl DeferredResults {
    /// Starts the execution of fragments. Each sends its results to the given sender.
    pub(in crate::graphql) fn start<F>(
        passes: impl IntoIterator<Item = F>,
        receiver: UnboundedReceiver<DeferredResult>,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let held = Arc::new(OnceLock::new());
        let mut running = JoinSet::new();
        for pass in passes {
            let held = Arc::clone(&held);
            let pass = async move {
                pass.await;
                drop(held);
            };
            running.spawn(pass.in_current_span());
        }
        Self { receiver, _passes: running, held: Arc::downgrade(&held) }
    }

    /// Holds a value, for example a permit, until all fragments are executed, whether or not their results are read.
    pub fn hold(&self, value: impl Any + Send + Sync) {
        if let Some(held) = self.held.upgrade() {
            // Set once only.
            let _ = held.set(Box::new(value));
        }
    }

    /// Returns the results that are ready, or `None` after the last one.
    pub async fn next(&mut self) -> Option<Vec<DeferredResult>> {
        let mut ready = Vec::new();
        (self.receiver.recv_many(&mut ready, MAX_RESULTS_AT_ONCE).await > 0).then_some(ready)
    }
}

/// Execution of one deferred fragment.
pub struct DeferredPass {
    /// Label of the fragment.
    label: Option<Arc<str>>,
    /// Response keys that lead to the objects with the fragment.
    roots: Vec<Vec<String>>,
    /// Receives the results. Their number is limited by the budget of the response.
    results: UnboundedSender<DeferredResult>,
    /// State of the executor, which has the errors.
    executor: Mutex<Option<QueryEnv>>,
}

/// Keeps a pass while it is executed. The state of the executor has the pass, so the pass must lose it at the end.
pub(in crate::graphql) struct RunningPass(pub(in crate::graphql) Arc<DeferredPass>);

impl Drop for RunningPass {
    fn drop(&mut self) {
        self.0.executor.lock().take();
    }
}

impl DeferredPass {
    /// Creates the execution of a fragment with a label, on objects at these response keys.
    pub(in crate::graphql) fn new(
        label: Option<Arc<str>>,
        roots: Vec<Vec<String>>,
        results: UnboundedSender<DeferredResult>,
    ) -> Self {
        Self { label, roots, results, executor: Mutex::default() }
    }

    fn is_root(&self, path: &QueryPathNode<'_>) -> bool {
        let names = || {
            nodes_from_leaf(path).filter_map(|node| match node.segment {
                QueryPathSegment::Name(name) => Some(name),
                QueryPathSegment::Index(_) => None,
            })
        };
        self.roots.iter().any(|root| root.iter().rev().map(String::as_str).eq(names()))
    }

    /// Resolves a field or an item of a list, and delivers it if it is an object with the fragment.
    pub(super) async fn resolve(
        &self,
        app: &Ctx,
        ctx: &ExtensionContext<'_>,
        info: ResolveInfo<'_>,
        next: NextResolve<'_>,
    ) -> ServerResult<Option<Value>> {
        if !self.is_root(info.path_node) {
            return next.run(ctx, info).await;
        }
        let path = segments(info.path_node);
        let outcome = next.run(ctx, info).await;
        if let Ok(Some(Value::List(_))) = &outcome {
            // The objects of a list were delivered one by one.
            return outcome;
        }
        if !app.budget.is_exceeded() {
            self.deliver_object(app, path, outcome);
        }
        // An error of one object ends no other.
        Ok(Some(Value::Null))
    }

    /// Delivers an object, unless the fragment does not apply to its type or the object does not exist.
    fn deliver_object(&self, app: &Ctx, path: Vec<PathSegment>, outcome: ServerResult<Option<Value>>) {
        let mut errors = self.executor.lock().as_ref().map(|executor| take_errors(executor, &path)).unwrap_or_default();
        let data = match outcome {
            Ok(value) => value.unwrap_or_default(),
            Err(error) => {
                errors.push(error);
                Value::Null
            }
        };
        let is_applicable = match &data {
            Value::Object(fields) => !fields.is_empty(),
            _ => false,
        };
        if is_applicable || !errors.is_empty() {
            self.deliver(app, path, data, errors);
        }
    }

    /// Delivers the part of the object at a path.
    pub(in crate::graphql) fn deliver(
        &self,
        app: &Ctx,
        path: Vec<PathSegment>,
        data: Value,
        mut errors: Vec<ServerError>,
    ) {
        app.complete_errors(&mut errors);
        // The receiver is gone if the client is.
        let _ = self.results.send(DeferredResult { label: self.label.clone(), path, data, errors });
    }

    /// Returns true if the root of the operation has the fragment.
    pub(in crate::graphql) fn is_at_root(&self) -> bool {
        self.roots.iter().any(Vec::is_empty)
    }
}

fn take_errors(executor: &QueryEnv, path: &[PathSegment]) -> Vec<ServerError> {
    let Ok(mut errors) = executor.errors.lock() else { return Vec::new() };
    errors.extract_if(.., |error| error.path.starts_with(path)).collect()
}

fn segments(path: &QueryPathNode<'_>) -> Vec<PathSegment> {
    let segment = |node: &QueryPathNode<'_>| match node.segment {
        QueryPathSegment::Name(name) => PathSegment::Field(name.to_owned()),
        QueryPathSegment::Index(index) => PathSegment::Index(index),
    };
    let mut segments: Vec<_> = nodes_from_leaf(path).map(segment).collect();
    segments.reverse();
    segments
}

fn nodes_from_leaf<'a>(path: &'a QueryPathNode<'a>) -> impl Iterator<Item = &'a QueryPathNode<'a>> {
    std::iter::successors(Some(path), |node| node.parent)
}

/// The directive `@defer`. Clients set it on fragments; a lowered operation has it on the field whose objects have a
/// deferred fragment.
pub(in crate::graphql) struct DeferDirective;

impl CustomDirectiveFactory for DeferDirective {
    fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed(DEFER)
    }

    fn register(&self, registry: &mut Registry) {
        let argument = |name: &str, ty: String, default: Option<&str>, description: &str| MetaInputValue {
            name: name.to_owned(),
            description: Some(description.to_owned()),
            ty,
            deprecation: Deprecation::NoDeprecated,
            default_value: default.map(str::to_owned),
            visible: None,
            inaccessible: false,
            tags: Vec::new(),
            is_secret: false,
            directive_invocations: Vec::new(),
        };
        let condition = argument("if", bool::create_type_info(registry), Some("true"), "Deferred when true.");
        let label =
            argument("label", Option::<String>::create_type_info(registry), None, "Unique name of the fragment.");
        registry.add_directive(MetaDirective {
            name: DEFER.to_owned(),
            description: Some(
                "Delivers the fragment after the rest of the response, if the client accepts that.".to_owned(),
            ),
            locations: vec![__DirectiveLocation::FRAGMENT_SPREAD, __DirectiveLocation::INLINE_FRAGMENT],
            args: [condition, label].into_iter().map(|argument| (argument.name.clone(), argument)).collect(),
            is_repeatable: false,
            visible: None,
            composable: None,
        });
    }

    fn create(&self, _: &ContextDirective<'_>, _: &Directive) -> ServerResult<Box<dyn CustomDirective>> {
        Ok(Box::new(ShareExecutor))
    }
}

/// Gives the state of the executor to the pass.
struct ShareExecutor;

#[async_trait::async_trait]
impl CustomDirective for ShareExecutor {
    async fn resolve_field(&self, ctx: &Context<'_>, resolve: ResolveFut<'_>) -> ServerResult<Option<Value>> {
        if let Some(pass) = ctx.data_opt::<Arc<DeferredPass>>() {
            pass.executor.lock().get_or_insert_with(|| ctx.query_env.clone());
        }
        resolve.await
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::unbounded_channel;
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn a_permit_is_held_until_all_fragments_are_executed_whether_or_not_anybody_reads() {
        let (_results, receiver) = unbounded_channel();
        let (finish, finished) = oneshot::channel::<()>();
        let pass = async move {
            let _ = finished.await;
        };
        let deferred = DeferredResults::start([pass], receiver);
        let permit = Arc::new(());
        deferred.hold(Arc::clone(&permit));
        tokio::task::yield_now().await;
        assert_eq!(Arc::strong_count(&permit), 2);
        finish.send(()).expect("a pass that waits");
        while Arc::strong_count(&permit) > 1 {
            tokio::task::yield_now().await;
        }
        // After the last fragment there is nothing to hold a value for.
        deferred.hold(Arc::clone(&permit));
        assert_eq!(Arc::strong_count(&permit), 1);
    }

    #[tokio::test]
    async fn dropping_the_results_ends_the_execution() {
        let (_results, receiver) = unbounded_channel();
        let running = Arc::new(());
        let held = Arc::clone(&running);
        let pass = async move {
            let _held = held;
            std::future::pending::<()>().await;
        };
        let deferred = DeferredResults::start([pass], receiver);
        tokio::task::yield_now().await;
        drop(deferred);
        while Arc::strong_count(&running) > 1 {
            tokio::task::yield_now().await;
        }
    }
}
