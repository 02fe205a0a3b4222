//! Bulk loads: grouped by source, joined, an outcome for each key. What a vendor takes in one call is not known here.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures_util::future::{BoxFuture, join_all};

use crate::Federation;
use crate::sourced::{Keyed, Sourced};
use domain::error::{Batch, ErrorKind, Operation, VendorError};
use domain::ids::SourceId;
use domain::source::Source;

/// What is asked of one source, each key once.
struct Group<'a, A> {
    source: &'a Arc<Source>,
    asked: Vec<A>,
}

impl Federation {
    /// Asks every source for its part and answers in the order of `items`.
    ///
    /// One call for each source, all at once. A call that fails or is late fails its own keys only; a key that the source left out
    /// of its answer is an internal error of that source.
    pub(super) async fn bulk<A, V, C>(
        &self,
        operation: Operation,
        items: &[Sourced<A>],
        call: C,
    ) -> Vec<Result<V, VendorError>>
    where
        A: Keyed + Clone + Sync,
        V: Clone,
        C: for<'a> Fn(&'a Source, &'a [A]) -> BoxFuture<'a, Batch<A::Key, V>>,
    {
        let groups = group(items);
        let calls = groups.iter().map(|Group { source, asked }| {
            let call = &call;
            async move {
                let answer = async { Ok(call(source, asked).await) };
                let batch = self.ask(source, operation, answer).await.unwrap_or_else(|failure| {
                    asked.iter().map(|asked| (asked.key().clone(), Err(failure.clone()))).collect()
                });
                (&source.id, batch)
            }
        });
        let answers: HashMap<&SourceId, Batch<A::Key, V>> = join_all(calls).await.into_iter().collect();
        items
            .iter()
            .map(|item| {
                let answer = answers.get(&item.source.id).and_then(|batch| batch.get(item.value.key()));
                answer
                    .cloned()
                    .unwrap_or_else(|| Err(VendorError::new(&item.source.id, operation, ErrorKind::Internal)))
            })
            .collect()
    }
}

fn group<A: Keyed + Clone>(items: &[Sourced<A>]) -> Vec<Group<'_, A>> {
    let mut groups: Vec<Group<'_, A>> = Vec::new();
    let mut seen = HashSet::with_capacity(items.len());
    for item in items.iter().filter(|item| seen.insert((&item.source.id, item.value.key()))) {
        match groups.iter_mut().find(|group| group.source.id == item.source.id) {
            Some(group) => group.asked.push(item.value.clone()),
            None => groups.push(Group { source: &item.source, asked: vec![item.value.clone()] }),
        }
    }
    groups
}
