//! Splits batches to the size a vendor accepts, and bisects batches that a vendor rejects because of one key.

use std::sync::Arc;

use domain::{Batch, Catalog, ErrorKind, SourceId};
use futures_util::StreamExt;
use futures_util::stream;

use crate::catalog_query::{CatalogLayer, CatalogQuery};

/// Parts of one batch that run concurrently.
const MAX_CONCURRENT_PARTS: usize = 8;

/// Splits batches to the size a vendor accepts.
pub(crate) struct BatchSplitter {
    source: SourceId,
    inner: Arc<dyn Catalog>,
    max_batch: usize,
}

impl BatchSplitter {
    pub(crate) fn new(source: SourceId, inner: Arc<dyn Catalog>, max_batch: usize) -> Self {
        Self { source, inner, max_batch: max_batch.max(1) }
    }

    /// Fetches one part. If every key is rejected, bisects the part until the poisoned key is alone. Costs at most two calls per
    /// bisection: if both halves are rejected, a single key is not the cause, and the rejection is returned.
    async fn fetch_bisecting<Q: CatalogQuery>(&self, query: &Q, items: Vec<Q::Item>) -> Batch<Q::Key, Q::Value> {
        let mut results = query.fetch_from(&*self.inner, items.clone()).await;
        let mut poisoned = items;
        while poisoned.len() > 1 && is_rejected_as_a_whole(&results, &poisoned, Q::key) {
            let right = poisoned.split_off(poisoned.len() / 2);
            let left = poisoned;
            let left_results = query.fetch_from(&*self.inner, left.clone()).await;
            let right_results = query.fetch_from(&*self.inner, right.clone()).await;
            let is_left_poisoned = is_rejected_as_a_whole(&left_results, &left, Q::key);
            let is_right_poisoned = is_rejected_as_a_whole(&right_results, &right, Q::key);
            results.extend(left_results);
            results.extend(right_results);
            poisoned = match (is_left_poisoned, is_right_poisoned) {
                (true, false) => left,
                (false, true) => right,
                _ => break,
            };
        }
        results
    }
}

impl CatalogLayer for BatchSplitter {
    fn source(&self) -> &SourceId {
        &self.source
    }

    async fn fetch<Q: CatalogQuery>(&self, query: Q, items: Vec<Q::Item>) -> Batch<Q::Key, Q::Value> {
        if items.len() <= self.max_batch {
            return self.fetch_bisecting(&query, items).await;
        }
        let parts: Vec<Vec<Q::Item>> = items.chunks(self.max_batch).map(<[_]>::to_vec).collect();
        let calls = stream::iter(parts).map(|part| self.fetch_bisecting(&query, part));
        calls.buffer_unordered(MAX_CONCURRENT_PARTS).collect::<Vec<_>>().await.into_iter().flatten().collect()
    }
}

/// True if every key failed in a way that one wrong key can cause. "Not found" is not such a failure: vendors report it per key.
fn is_rejected_as_a_whole<I, K: Eq + std::hash::Hash, V>(
    results: &Batch<K, V>,
    items: &[I],
    key_of: impl Fn(&I) -> K,
) -> bool {
    let is_rejection =
        |kind: &ErrorKind| matches!(kind, ErrorKind::Rejected(_) | ErrorKind::Malformed | ErrorKind::Internal);
    items.iter().all(|item| {
        results
            .get(&key_of(item))
            .and_then(|result| result.as_ref().err())
            .is_some_and(|error| is_rejection(&error.kind))
    })
}
