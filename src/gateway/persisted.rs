//! Operations known by their hash: registered by clients on the fly (APQ), or allowed by a manifest (safelist).

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use quick_cache::sync::Cache;
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// How many operations registered by clients are kept in the process.
const KEPT: usize = 10_000;

/// What the manifest is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Nothing.
    #[default]
    Off,
    /// Other operations run, and are written to the log.
    Log,
    /// Other operations are refused.
    Require,
}

/// The operations of a manifest, by hash or id.
#[derive(Debug, Default)]
pub struct Safelist {
    mode: Mode,
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
    /// Reads a manifest in the form of Apollo (`{"operations": [{"id", "body"}]}`) or Relay (`{"id": "text"}`).
    pub fn from_json(mode: Mode, bytes: &[u8]) -> Result<Self, serde_json::Error> {
        let value: Value = serde_json::from_slice(bytes)?;
        let pairs: Vec<(String, String)> = if value.get("operations").is_some() {
            let manifest: ApolloManifest = serde_json::from_value(value)?;
            manifest.operations.into_iter().map(|operation| (operation.id, operation.body)).collect()
        } else {
            serde_json::from_value::<HashMap<String, String>>(value)?.into_iter().collect()
        };
        let hashes = pairs.iter().map(|(_, body)| hash(body)).collect();
        let by_id = pairs.into_iter().map(|(id, body)| (id, Arc::from(body))).collect();
        Ok(Self { mode, by_id, hashes })
    }

    fn knows(&self, text: &str) -> bool {
        self.hashes.contains(&hash(text))
    }
}

/// Operations that all replicas share, where a store is configured.
#[async_trait]
pub trait SharedOperations: Send + Sync {
    /// The text registered under a hash. A store that does not answer in time knows nothing.
    async fn find(&self, hash: &str) -> Option<String>;
    /// Keeps a text for the other replicas.
    async fn keep(&self, hash: &str, text: &str);
}

/// Why a request names no operation that may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoOperation {
    /// The hash is unknown here: send the text along once.
    #[error("PersistedQueryNotFound")]
    NotFound,
    /// The hash is not that of the text.
    #[error("the hash in `extensions.persistedQuery.sha256Hash` is not that of `query`")]
    HashMismatch,
    /// Operations are not registered on the fly here.
    #[error("PersistedQueryNotSupported")]
    NotSupported,
    /// Only operations of the manifest run here.
    #[error("only operations of the safelist are allowed")]
    NotAllowed,
    /// Neither a text nor a hash.
    #[error("`query` must be a string with a GraphQL document")]
    Missing,
}

/// Where operations known by their hash are found.
pub struct Persisted {
    apq: bool,
    registered: Cache<String, Arc<str>>,
    shared: Option<Arc<dyn SharedOperations>>,
    safelist: ArcSwap<Safelist>,
}

impl Persisted {
    /// `apq`: clients may register operations on the fly, in the process and in the shared store.
    pub fn new(apq: bool, shared: Option<Arc<dyn SharedOperations>>, safelist: Safelist) -> Self {
        Self { apq, registered: Cache::new(KEPT), shared, safelist: ArcSwap::from_pointee(safelist) }
    }

    /// Takes over a new manifest; requests in flight go on with the old one.
    pub fn replace_safelist(&self, safelist: Safelist) {
        self.safelist.store(Arc::new(safelist));
    }

    /// Whether an operation that was allowed may run again without a word in the log.
    pub fn passes_in_silence(&self, text: &str) -> bool {
        let safelist = self.safelist.load();
        safelist.mode != Mode::Log || safelist.knows(text)
    }

    /// The text of the operation that a request names.
    pub async fn resolve(
        &self,
        query: Option<String>,
        extensions: &Map<String, Value>,
    ) -> Result<Arc<str>, NoOperation> {
        let safelist = self.safelist.load();
        let named = extensions.get("persistedQuery").and_then(|named| named.get("sha256Hash")).and_then(Value::as_str);
        let text = match (query.filter(|text| !text.is_empty()), named) {
            (Some(text), None) => Arc::from(text),
            (Some(text), Some(named)) => self.register(text, named).await?,
            (None, Some(named)) => match safelist.by_id.get(named) {
                Some(text) => Arc::clone(text),
                None => self.recall(named).await?,
            },
            (None, None) => {
                let id = extensions.get("documentId").or_else(|| extensions.get("doc_id")).and_then(Value::as_str);
                id.and_then(|id| safelist.by_id.get(id)).map(Arc::clone).ok_or(NoOperation::Missing)?
            }
        };
        match safelist.mode {
            Mode::Off => {}
            Mode::Log if !safelist.knows(&text) => {
                tracing::warn!(hash = hash(&text), "an operation is not on the safelist")
            }
            Mode::Require if !safelist.knows(&text) => return Err(NoOperation::NotAllowed),
            Mode::Log | Mode::Require => {}
        }
        Ok(text)
    }

    async fn register(&self, text: String, named: &str) -> Result<Arc<str>, NoOperation> {
        if hash(&text) != named.to_ascii_lowercase() {
            return Err(NoOperation::HashMismatch);
        }
        let text: Arc<str> = Arc::from(text);
        if self.apq && self.registered.get(named).is_none() {
            self.registered.insert(named.to_owned(), Arc::clone(&text));
            if let Some(shared) = &self.shared {
                shared.keep(named, &text).await;
            }
        }
        Ok(text)
    }

    async fn recall(&self, named: &str) -> Result<Arc<str>, NoOperation> {
        if !self.apq {
            return Err(NoOperation::NotSupported);
        }
        if let Some(text) = self.registered.get(named) {
            return Ok(text);
        }
        let shared = self.shared.as_ref().ok_or(NoOperation::NotFound)?;
        let text = shared.find(named).await.filter(|text| hash(text) == named).ok_or(NoOperation::NotFound)?;
        let text: Arc<str> = Arc::from(text);
        self.registered.insert(named.to_owned(), Arc::clone(&text));
        Ok(text)
    }
}

fn hash(text: &str) -> String {
    use std::fmt::Write;
    Sha256::digest(text.as_bytes()).iter().fold(String::with_capacity(64), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
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
    async fn an_operation_registered_once_is_known_by_its_hash() {
        let persisted = Persisted::new(true, None, Safelist::default());
        let hash = hash("{ a }");
        assert_eq!(persisted.resolve(None, &named(&hash)).await, Err(NoOperation::NotFound));
        assert_eq!(persisted.resolve(Some("{ b }".to_owned()), &named(&hash)).await, Err(NoOperation::HashMismatch));
        assert!(persisted.resolve(Some("{ a }".to_owned()), &named(&hash)).await.is_ok());
        assert_eq!(persisted.resolve(None, &named(&hash)).await.as_deref(), Ok("{ a }"));
    }

    #[tokio::test]
    async fn a_required_safelist_lets_only_its_own_operations_run() {
        for manifest in [r#"{"operations":[{"id":"x1","body":"{ a }"}]}"#, r#"{"x1":"{ a }"}"#] {
            let safelist = Safelist::from_json(Mode::Require, manifest.as_bytes()).expect("a manifest");
            let persisted = Persisted::new(true, None, safelist);
            let none = Map::new();
            assert!(persisted.resolve(Some("{ a }".to_owned()), &none).await.is_ok());
            assert_eq!(persisted.resolve(Some("{ b }".to_owned()), &none).await, Err(NoOperation::NotAllowed));
            assert_eq!(persisted.resolve(None, &named("x1")).await.as_deref(), Ok("{ a }"));
        }
    }
}
