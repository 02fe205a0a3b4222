//! Persisted operations: registered by clients (APQ), or allowed by a manifest (safelist).

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::gateway::params::{DOCUMENT_ID_NAMES, RequestParams};

/// Expected number of registered operations; the limit is in bytes.
const EXPECTED_REGISTERED: usize = 1_000;

/// SHA-256 of a document's text.
type DocumentHash = [u8; 32];

/// Enforcement of the safelist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SafelistEnforcement {
    /// No safelist.
    #[default]
    Off,
    /// Other operations are executed and logged.
    Log,
    /// Other operations are rejected.
    Require,
}

/// Operations of a manifest, by id and by hash.
#[derive(Debug, Default)]
pub struct Safelist {
    mode: SafelistEnforcement,
    by_id: HashMap<String, Arc<str>>,
    by_hash: HashMap<DocumentHash, Arc<str>>,
}

#[derive(Deserialize)]
struct ApolloManifest {
    operations: Vec<ApolloOperation>,
}

#[derive(Deserialize)]
struct ApolloOperation {
    id: String,
    body: String,
}

impl Safelist {
    /// Parses a manifest of Apollo (`{"operations": [{"id", "body"}]}`) or Relay (`{"id": "text"}`).
    pub fn from_json(mode: SafelistEnforcement, bytes: &[u8]) -> Result<Self, serde_json::Error> {
        let value: Value = serde_json::from_slice(bytes)?;
        let pairs: Vec<(String, String)> = if value.get("operations").is_some() {
            let manifest: ApolloManifest = serde_json::from_value(value)?;
            manifest.operations.into_iter().map(|operation| (operation.id, operation.body)).collect()
        } else {
            serde_json::from_value::<HashMap<String, String>>(value)?.into_iter().collect()
        };
        let by_id: HashMap<String, Arc<str>> = pairs.into_iter().map(|(id, body)| (id, Arc::from(body))).collect();
        let by_hash = by_id.values().map(|text| (hash_of(text), Arc::clone(text))).collect();
        Ok(Self { mode, by_id, by_hash })
    }

    fn contains(&self, text: &str) -> bool {
        self.by_hash.contains_key(&hash_of(text))
    }

    fn find(&self, id: &str) -> Option<&Arc<str>> {
        self.by_id.get(id).or_else(|| self.by_hash.get(&parse_hash(id)?))
    }
}

/// Registered operations that all replicas share.
#[async_trait]
pub trait SharedOperationStore: Send + Sync {
    /// Returns the text registered under a hash in lowercase hexadecimal digits. A store that does not respond in time returns `None`.
    async fn get(&self, hash: &str) -> Option<String>;
    /// Stores a text for the other replicas.
    async fn insert(&self, hash: &str, text: &str);
}

/// Reason why a request does not resolve to an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OperationLookupError {
    /// The hash is unknown; the client must send the text once.
    #[error("PersistedQueryNotFound")]
    NotFound,
    /// The hash does not match the text.
    #[error("the hash in `extensions.persistedQuery.sha256Hash` is not that of `query`")]
    HashMismatch,
    /// Registration of operations is off.
    #[error("PersistedQueryNotSupported")]
    NotSupported,
    /// Only operations of the safelist are allowed.
    #[error("only operations of the safelist are allowed")]
    NotAllowed,
    /// The request has neither text nor hash.
    #[error("`query` must be a string with a GraphQL document")]
    Missing,
}

/// Text of a requested document.
pub struct ResolvedDocument {
    /// Text of the document.
    pub text: Arc<str>,
    /// Hash under which the client registers it.
    registration: Option<DocumentHash>,
}

impl ResolvedDocument {
    /// Creates the document of a fixed text, which is registered nowhere.
    pub(super) fn fixed(text: &'static str) -> Self {
        Self { text: Arc::from(text), registration: None }
    }
}

/// Weighs a registered operation by its length.
#[derive(Clone)]
struct TextWeighter;

impl Weighter<DocumentHash, Arc<str>> for TextWeighter {
    fn weight(&self, _: &DocumentHash, text: &Arc<str>) -> u64 {
        (text.len() + 100) as u64
    }
}

/// Resolves persisted operations.
pub struct PersistedOperations {
    apq: bool,
    registered: Cache<DocumentHash, Arc<str>, TextWeighter>,
    shared: Option<Arc<dyn SharedOperationStore>>,
    safelist: ArcSwap<Safelist>,
}

impl PersistedOperations {
    /// Creates the lookup. With `apq`, clients may register operations: up to `memory` bytes in the process, and in the
    /// shared store.
    pub fn new(apq: bool, memory: u64, shared: Option<Arc<dyn SharedOperationStore>>, safelist: Safelist) -> Self {
        let registered = Cache::with_weighter(EXPECTED_REGISTERED, memory, TextWeighter);
        Self { apq, registered, shared, safelist: ArcSwap::from_pointee(safelist) }
    }

    /// Replaces the manifest; requests in flight finish with the old one.
    pub fn replace_safelist(&self, safelist: Safelist) {
        self.safelist.store(Arc::new(safelist));
    }

    /// Returns true if an allowed operation may run again without a warning in the log.
    pub fn needs_no_warning(&self, text: &str) -> bool {
        let safelist = self.safelist.load();
        safelist.mode != SafelistEnforcement::Log || safelist.contains(text)
    }

    /// Resolves the document of a request: its text, a hash (automatic persisted queries), or a document id (GraphQL
    /// over HTTP, appendix A).
    pub async fn resolve(&self, params: &RequestParams) -> Result<ResolvedDocument, OperationLookupError> {
        let safelist = self.safelist.load_full();
        let extension = |name: &str| params.extensions.get(name);
        let hash = extension("persistedQuery").and_then(|query| query.get("sha256Hash")).and_then(Value::as_str);
        let id = params
            .document_id
            .as_deref()
            .or_else(|| DOCUMENT_ID_NAMES.iter().find_map(|name| extension(name)).and_then(Value::as_str));
        let query = params.query.as_deref().filter(|text| !text.is_empty());
        let mut registration = None;
        let text = match (query, hash, id) {
            (Some(text), None, _) => Arc::from(text),
            (Some(text), Some(hash), _) => {
                let actual = hash_of(text);
                if parse_hash(hash) != Some(actual) {
                    return Err(OperationLookupError::HashMismatch);
                }
                registration = Some(actual);
                Arc::from(text)
            }
            (None, Some(id), _) | (None, None, Some(id)) => match safelist.find(id) {
                Some(text) => Arc::clone(text),
                None => self.find_registered(id).await?,
            },
            (None, None, None) => return Err(OperationLookupError::Missing),
        };
        match safelist.mode {
            SafelistEnforcement::Off => {}
            SafelistEnforcement::Log if !safelist.contains(&text) => {
                tracing::warn!(hash = hex::encode(hash_of(&text)), "an operation is not on the safelist")
            }
            SafelistEnforcement::Require if !safelist.contains(&text) => return Err(OperationLookupError::NotAllowed),
            SafelistEnforcement::Log | SafelistEnforcement::Require => {}
        }
        Ok(ResolvedDocument { text, registration })
    }

    /// Registers a document, if the client asked for it. Called once the document is known to be valid, so that only
    /// documents that may run take up memory.
    pub async fn register(&self, document: &ResolvedDocument) {
        let Some(hash) = document.registration.filter(|_| self.apq) else { return };
        if self.registered.get(&hash).is_some() {
            return;
        }
        self.registered.insert(hash, Arc::clone(&document.text));
        if let Some(shared) = &self.shared {
            shared.insert(&hex::encode(hash), &document.text).await;
        }
    }

    async fn find_registered(&self, id: &str) -> Result<Arc<str>, OperationLookupError> {
        if !self.apq {
            return Err(OperationLookupError::NotSupported);
        }
        let hash = parse_hash(id).ok_or(OperationLookupError::NotFound)?;
        if let Some(text) = self.registered.get(&hash) {
            return Ok(text);
        }
        let shared = self.shared.as_ref().ok_or(OperationLookupError::NotFound)?;
        let found = shared.get(&hex::encode(hash)).await.filter(|text| hash_of(text) == hash);
        let text: Arc<str> = Arc::from(found.ok_or(OperationLookupError::NotFound)?);
        self.registered.insert(hash, Arc::clone(&text));
        Ok(text)
    }
}

fn hash_of(text: &str) -> DocumentHash {
    Sha256::digest(text.as_bytes()).into()
}

/// Parses a SHA-256 in hexadecimal digits of any case, with or without the prefix `sha256:`.
fn parse_hash(id: &str) -> Option<DocumentHash> {
    let mut hash = DocumentHash::default();
    hex::decode_to_slice(id.strip_prefix("sha256:").unwrap_or(id), &mut hash).ok()?;
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMORY: u64 = 10_000;

    fn with_hash(query: Option<&str>, hash: &str) -> RequestParams {
        let extensions = serde_json::json!({ "persistedQuery": { "version": 1, "sha256Hash": hash } });
        let Value::Object(extensions) = extensions else { unreachable!() };
        RequestParams { query: query.map(str::to_owned), extensions, ..RequestParams::default() }
    }

    async fn resolve(persisted: &PersistedOperations, params: &RequestParams) -> Result<String, OperationLookupError> {
        persisted.resolve(params).await.map(|document| document.text.as_ref().to_owned())
    }

    #[tokio::test]
    async fn a_document_is_found_under_its_hash_once_it_was_registered() {
        let persisted = PersistedOperations::new(true, MEMORY, None, Safelist::default());
        let hash = hex::encode(hash_of("{ a }"));
        assert_eq!(resolve(&persisted, &with_hash(None, &hash)).await, Err(OperationLookupError::NotFound));
        let mismatch = resolve(&persisted, &with_hash(Some("{ b }"), &hash)).await;
        assert_eq!(mismatch, Err(OperationLookupError::HashMismatch));
        let document = persisted.resolve(&with_hash(Some("{ a }"), &hash.to_uppercase())).await.expect("a document");
        // It was not validated yet.
        assert_eq!(resolve(&persisted, &with_hash(None, &hash)).await, Err(OperationLookupError::NotFound));
        persisted.register(&document).await;
        for name in [hash.clone(), hash.to_uppercase(), format!("sha256:{hash}")] {
            assert_eq!(resolve(&persisted, &with_hash(None, &name)).await.as_deref(), Ok("{ a }"), "{name}");
            let by_id = RequestParams { document_id: Some(name.clone()), ..RequestParams::default() };
            assert_eq!(resolve(&persisted, &by_id).await.as_deref(), Ok("{ a }"), "{name}");
        }
    }

    #[tokio::test]
    async fn registered_documents_are_bounded_in_bytes() {
        let persisted = PersistedOperations::new(true, MEMORY, None, Safelist::default());
        for number in 0..100 {
            let text = format!("{{ a }} # {number} {}", "x".repeat(1_000));
            let hash = hex::encode(hash_of(&text));
            let document = persisted.resolve(&with_hash(Some(&text), &hash)).await.expect("a document");
            persisted.register(&document).await;
        }
        assert!(persisted.registered.weight() <= MEMORY, "{} bytes", persisted.registered.weight());
    }

    #[tokio::test]
    async fn a_required_safelist_allows_only_its_own_operations() {
        for manifest in [r#"{"operations":[{"id":"x1","body":"{ a }"}]}"#, r#"{"x1":"{ a }"}"#] {
            let safelist = Safelist::from_json(SafelistEnforcement::Require, manifest.as_bytes()).expect("a manifest");
            let persisted = PersistedOperations::new(true, MEMORY, None, safelist);
            let text = |text: &str| RequestParams { query: Some(text.to_owned()), ..RequestParams::default() };
            assert!(resolve(&persisted, &text("{ a }")).await.is_ok());
            assert_eq!(resolve(&persisted, &text("{ b }")).await, Err(OperationLookupError::NotAllowed));
            let hash = hex::encode(hash_of("{ a }"));
            for name in ["x1", &hash, &format!("sha256:{hash}")] {
                assert_eq!(resolve(&persisted, &with_hash(None, name)).await.as_deref(), Ok("{ a }"), "{name}");
            }
        }
    }
}
