//! Tests of idempotency: an edit takes effect once per key, whatever happened to the first attempt.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;

use super::*;

#[derive(Default)]
struct InMemoryStore(Mutex<BTreeMap<EditId, PriorEdit>>);

#[async_trait]
impl IdempotencyStore for InMemoryStore {
    async fn begin(&self, intent: &EditIntent) -> Result<Option<PriorEdit>, StoreError> {
        let mut edits = self.0.lock().expect("lock");
        if let Some(prior) = edits.get(&intent.id) {
            return Ok(Some(prior.clone()));
        }
        edits.insert(intent.id.clone(), PriorEdit { request_hash: intent.request_hash.clone(), outcome: None });
        Ok(None)
    }

    async fn finish(&self, id: &EditId, outcome: &EditOutcome) -> Result<(), StoreError> {
        self.0.lock().expect("lock").get_mut(id).expect("an intent").outcome = Some(outcome.clone());
        Ok(())
    }

    async fn remove(&self, id: &EditId) -> Result<(), StoreError> {
        self.0.lock().expect("lock").remove(id);
        Ok(())
    }
}

#[test]
fn the_hash_covers_the_input_and_the_step_key_covers_the_edit_id() {
    let request = |key: &str, input: &str| EditRequest::new("caller a".to_owned(), "publishEvent", key, &input);
    assert_eq!(request("k", "x").hash, request("other", "x").hash);
    assert_ne!(request("k", "x").hash, request("k", "y").hash);
    let id = |key: &str| EditId {
        scope: "caller a".to_owned(),
        operation: "publishEvent".to_owned(),
        key: key.to_owned(),
        source: domain::SourceId::new("harbor"),
    };
    assert_eq!(step_key(&id("k")), step_key(&id("k")));
    assert_ne!(step_key(&id("k")), step_key(&id("l")));
}

#[tokio::test]
async fn an_intent_without_outcome_is_returned_and_its_hash_identifies_the_request() {
    let store = InMemoryStore::default();
    let id = EditId {
        scope: "caller a".to_owned(),
        operation: "deleteEvent".to_owned(),
        key: "k".to_owned(),
        source: domain::SourceId::new("harbor"),
    };
    let intent = EditIntent { id: id.clone(), request_hash: "h".to_owned(), started_at: jiff::Timestamp::UNIX_EPOCH };
    assert_eq!(store.begin(&intent).await.expect("a store"), None);
    let prior = store.begin(&intent).await.expect("a store").expect("a prior edit");
    assert_eq!((prior.request_hash.as_str(), prior.outcome), ("h", None));
    store
        .finish(&id, &EditOutcome { resource: Some("e1".to_owned()), ..EditOutcome::default() })
        .await
        .expect("a store");
    let prior = store.begin(&intent).await.expect("a store").expect("a prior edit");
    assert_eq!(prior.outcome.and_then(|outcome| outcome.resource).as_deref(), Some("e1"));
}
