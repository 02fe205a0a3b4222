//! Persisted operations: registered by clients (APQ), or allowed by a manifest (safelist).

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use quick_cache::sync::Cache;
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// Registered operations kept in the process.
const MAX_REGISTERED: usize = 10_000;

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

/// Operations of a manifest, by hash or id.
#[derive(Debug, Default)]
pub struct Safelist {
    mode: SafelistEnforcement,
    by_id: HashMap<String, Arc<str>>,
    hashes: std::collections::HashSet<String>,
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
        let hashes = pairs.iter().map(|(_, body)| sha256_hex(body)).collect();
        let by_id = pairs.into_iter().map(|(id, body)| (id, Arc::from(body))).collect();
        Ok(Self { mode, by_id, hashes })
    }

    fn contains(&self, text: &str) -> bool {
        self.hashes.contains(&sha256_hex(text))
    }
}

/// Registered operations that all replicas share.
#[async_trait]
pub trait SharedOperationStore: Send + Sync {
    /// Returns the text registered under a hash. A store that does not respond in time returns `None`.
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

/// Resolves persisted operations.
pub struct PersistedOperations {
    apq: bool,
    registered: Cache<String, Arc<str>>,
    shared: Option<Arc<dyn SharedOperationStore>>,
    safelist: ArcSwap<Safelist>,
}

impl PersistedOperations {
    /// Creates the lookup. With `apq`, clients may register operations, in the process and in the shared store.
    pub fn new(apq: bool, shared: Option<Arc<dyn SharedOperationStore>>, safelist: Safelist) -> Self {
        Self { apq, registered: Cache::new(MAX_REGISTERED), shared, safelist: ArcSwap::from_pointee(safelist) }
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

    /// Resolves the text of a request's operation.
    pub async fn resolve(
        &self,
        query: Option<String>,
        extensions: &Map<String, Value>,
    ) -> Result<Arc<str>, OperationLookupError> {
        let safelist = self.safelist.load();
        let named = extensions.get("persistedQuery").and_then(|named| named.get("sha256Hash")).and_then(Value::as_str);
        let text = match (query.filter(|text| !text.is_empty()), named) {
            (Some(text), None) => Arc::from(text),
            (Some(text), Some(named)) => self.register(text, named).await?,
            (None, Some(named)) => match safelist.by_id.get(named) {
                Some(text) => Arc::clone(text),
                None => self.lookup(named).await?,
            },
            (None, None) => {
                let id = extensions.get("documentId").or_else(|| extensions.get("doc_id")).and_then(Value::as_str);
                id.and_then(|id| safelist.by_id.get(id)).map(Arc::clone).ok_or(OperationLookupError::Missing)?
            }
        };
        match safelist.mode {
            SafelistEnforcement::Off => {}
            SafelistEnforcement::Log if !safelist.contains(&text) => {
                tracing::warn!(hash = sha256_hex(&text), "an operation is not on the safelist")
            }
            SafelistEnforcement::Require if !safelist.contains(&text) => return Err(OperationLookupError::NotAllowed),
            SafelistEnforcement::Log | SafelistEnforcement::Require => {}
        }
        Ok(text)
    }

    async fn register(&self, text: String, named: &str) -> Result<Arc<str>, OperationLookupError> {
        if sha256_hex(&text) != named.to_ascii_lowercase() {
            return Err(OperationLookupError::HashMismatch);
        }
        let text: Arc<str> = Arc::from(text);
        if self.apq && self.registered.get(named).is_none() {
            self.registered.insert(named.to_owned(), Arc::clone(&text));
            if let Some(shared) = &self.shared {
                shared.insert(named, &text).await;
            }
        }
        Ok(text)
    }

    async fn lookup(&self, named: &str) -> Result<Arc<str>, OperationLookupError> {
        if !self.apq {
            return Err(OperationLookupError::NotSupported);
        }
        if let Some(text) = self.registered.get(named) {
            return Ok(text);
        }
        let shared = self.shared.as_ref().ok_or(OperationLookupError::NotFound)?;
        let text =
            shared.get(named).await.filter(|text| sha256_hex(text) == named).ok_or(OperationLookupError::NotFound)?;
        let text: Arc<str> = Arc::from(text);
        self.registered.insert(named.to_owned(), Arc::clone(&text));
        Ok(text)
    }
}

fn sha256_hex(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(hash: &str) -> Map<String, Value> {
        let Value::Object(map) = serde_json::json!({"persistedQuery": {"version": 1, "sha256Hash": hash}}) else {
            unreachable!()
        };
        map
    }

    #[tokio::test]
    async fn a_registered_operation_is_found_by_its_hash() {
        let persisted = PersistedOperations::new(true, None, Safelist::default());
        let hash = sha256_hex("{ a }");
        assert_eq!(persisted.resolve(None, &named(&hash)).await, Err(OperationLookupError::NotFound));
        assert_eq!(
            persisted.resolve(Some("{ b }".to_owned()), &named(&hash)).await,
            Err(OperationLookupError::HashMismatch)
        );
        assert!(persisted.resolve(Some("{ a }".to_owned()), &named(&hash)).await.is_ok());
        assert_eq!(persisted.resolve(None, &named(&hash)).await.as_deref(), Ok("{ a }"));
    }

    #[tokio::test]
    async fn a_required_safelist_allows_only_its_own_operations() {
        for manifest in [r#"{"operations":[{"id":"x1","body":"{ a }"}]}"#, r#"{"x1":"{ a }"}"#] {
            let safelist = Safelist::from_json(SafelistEnforcement::Require, manifest.as_bytes()).expect("a manifest");
            let persisted = PersistedOperations::new(true, None, safelist);
            let none = Map::new();
            assert!(persisted.resolve(Some("{ a }".to_owned()), &none).await.is_ok());
            assert_eq!(persisted.resolve(Some("{ b }".to_owned()), &none).await, Err(OperationLookupError::NotAllowed));
            assert_eq!(persisted.resolve(None, &named("x1")).await.as_deref(), Ok("{ a }"));
        }
    }
}
