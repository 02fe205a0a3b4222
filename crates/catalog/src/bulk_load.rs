//! Bulk loads: groups keys by source, calls the sources concurrently and returns a result per key. Vendor batch limits
//! are applied below, in the source stack.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use domain::error::{Batch, ErrorKind, VendorError, VendorOperation};
use domain::ids::SourceId;
use domain::source::Source;
use futures_util::future::{BoxFuture, join_all};

use crate::UnifiedCatalog;
use crate::sourced::{Keyed, Sourced};

/// The distinct keys of one source.
struct SourceGroup<'a, A> {
    source: &'a Arc<Source>,
    items: Vec<A>,
}

impl UnifiedCatalog {
    /// Calls every source with its keys and returns the results in the order of `items`.
    ///
    /// Makes one concurrent call per source. A call that fails or times out fails only its own keys. A key that is
    /// missing from a source's response is an internal error of that source.
    pub(super) async fn bulk_load<A, V, C>(
        &self,
        operation: VendorOperation,
        items: &[Sourced<A>],
        call: C,
    ) -> Vec<Result<V, VendorError>>
    where
        A: Keyed + Clone + Sync,
        V: Clone,
        C: for<'a> Fn(&'a Source, &'a [A]) -> BoxFuture<'a, Batch<A::Key, V>>,
    {
        let groups = group_by_source(items);
        let calls = groups.iter().map(|SourceGroup { source, items: keys }| {
            let call = &call;
            async move {
                let result = async { Ok(call(source, keys).await) };
                let batch = self.call_source(source, operation, result).await.unwrap_or_else(|failure| {
                    keys.iter().map(|keys| (keys.key().clone(), Err(failure.clone()))).collect()
                });
                (&source.id, batch)
            }
        });
        let batches: HashMap<&SourceId, Batch<A::Key, V>> = join_all(calls).await.into_iter().collect();
        items
            .iter()
            .map(|item| {
                let result = batches.get(&item.source.id).and_then(|batch| batch.get(item.value.key()));
                result
                    .cloned()
                    .unwrap_or_else(|| Err(VendorError::new(&item.source.id, operation, ErrorKind::Internal)))
            })
            .collect()
    }
}

fn group_by_source<A: Keyed + Clone>(items: &[Sourced<A>]) -> Vec<SourceGroup<'_, A>> {
    let mut groups: Vec<SourceGroup<'_, A>> = Vec::new();
    let mut seen = HashSet::with_capacity(items.len());
    for item in items.iter().filter(|item| seen.insert((&item.source.id, item.value.key()))) {
        match groups.iter_mut().find(|group| group.source.id == item.source.id) {
            Some(group) => group.items.push(item.value.clone()),
            None => groups.push(SourceGroup { source: &item.source, items: vec![item.value.clone()] }),
        }
    }
    groups
}
