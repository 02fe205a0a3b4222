//! Batches at the size that a vendor takes, and batches that a vendor refuses because of one of their keys.
//!
//! It stands below the cache, so that a batch is cut after the known keys have been taken out, and above the guard, so that each
//! part is a call of its own: one part that fails does not repeat the others.

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream;

use crate::question::{Layer, Question};
use domain::{Batch, Catalog, ErrorKind, SourceId};

/// Parts of one batch that are under way at once.
const AT_ONCE: usize = 8;

/// Cuts batches to the size that a vendor takes.
pub(super) struct Cut {
    source: SourceId,
    inner: Arc<dyn Catalog>,
    max_batch: usize,
}

impl Cut {
    pub(super) fn new(source: SourceId, inner: Arc<dyn Catalog>, max_batch: usize) -> Self {
        Self { source, inner, max_batch: max_batch.max(1) }
    }

    /// Asks for one part. Where it is refused as a whole, halves it again and again until the key that spoils it is alone.
    /// At most two calls for each halving: where both halves are refused, it is not for one key's sake, and is believed.
    async fn ask<Q: Question>(&self, question: &Q, items: Vec<Q::Item>) -> Batch<Q::Key, Q::Answer> {
        let mut answers = question.ask(&*self.inner, items.clone()).await;
        let mut spoilt = items;
        while spoilt.len() > 1 && is_refused(&answers, &spoilt, Q::key) {
            let right = spoilt.split_off(spoilt.len() / 2);
            let left = spoilt;
            let of_left = question.ask(&*self.inner, left.clone()).await;
            let of_right = question.ask(&*self.inner, right.clone()).await;
            let (left_is_spoilt, right_is_spoilt) =
                (is_refused(&of_left, &left, Q::key), is_refused(&of_right, &right, Q::key));
            answers.extend(of_left);
            answers.extend(of_right);
            spoilt = match (left_is_spoilt, right_is_spoilt) {
                (true, false) => left,
                (false, true) => right,
                _ => break,
            };
        }
        answers
    }
}

impl Layer for Cut {
    fn source(&self) -> &SourceId {
        &self.source
    }

    async fn answer<Q: Question>(&self, question: Q, items: Vec<Q::Item>) -> Batch<Q::Key, Q::Answer> {
        if items.len() <= self.max_batch {
            return self.ask(&question, items).await;
        }
        let parts: Vec<Vec<Q::Item>> = items.chunks(self.max_batch).map(<[_]>::to_vec).collect();
        let asked = stream::iter(parts).map(|part| self.ask(&question, part)).buffer_unordered(AT_ONCE);
        asked.collect::<Vec<_>>().await.into_iter().flatten().collect()
    }
}

/// Whether every key failed in a way that one wrong key can cause. "Not found" is no such way: it is said key by key.
fn is_refused<I, K: Eq + std::hash::Hash, V>(answers: &Batch<K, V>, items: &[I], key_of: impl Fn(&I) -> K) -> bool {
    let is_spoilt =
        |kind: &ErrorKind| matches!(kind, ErrorKind::Rejected(_) | ErrorKind::Malformed | ErrorKind::Internal);
    items.iter().all(|item| {
        answers.get(&key_of(item)).and_then(|answer| answer.as_ref().err()).is_some_and(|error| is_spoilt(&error.kind))
    })
}
