//! Cache of parsed documents, by their text.

use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::graphql::operation::ParsedDocument;

/// A parsed document, and the digest that stands for it in keys of shared responses.
pub struct CachedDocument {
    /// The document.
    pub parsed: ParsedDocument,
    /// Digest of its canonical form.
    pub digest: [u8; 32],
}

/// Recently parsed documents.
pub struct DocumentCache(Cache<Arc<str>, Arc<CachedDocument>, DocumentWeighter>);

impl DocumentCache {
    /// Creates a cache for this many documents, fewer if they take up more than `memory` bytes.
    pub fn new(documents: usize, memory: u64) -> Self {
        let share = memory / (documents as u64).max(1);
        Self(Cache::with_weighter(documents, memory, DocumentWeighter { share }))
    }

    /// Returns the document with this text.
    pub fn get(&self, text: &str) -> Option<Arc<CachedDocument>> {
        self.0.get(text)
    }

    /// Inserts a document.
    pub fn insert(&self, parsed: ParsedDocument) -> Arc<CachedDocument> {
        let digest = parsed.digest();
        let document = Arc::new(CachedDocument { parsed, digest });
        self.0.insert(Arc::clone(&document.parsed.text), Arc::clone(&document));
        document
    }

    /// Removes all documents.
    pub fn clear(&self) {
        self.0.clear();
    }
}

/// Weighs a document by its memory; the minimum is an equal share of the limit.
#[derive(Clone)]
struct DocumentWeighter {
    share: u64,
}

impl Weighter<Arc<str>, Arc<CachedDocument>> for DocumentWeighter {
    fn weight(&self, _: &Arc<str>, document: &Arc<CachedDocument>) -> u64 {
        (document.parsed.estimated_size as u64).max(self.share)
    }
}
