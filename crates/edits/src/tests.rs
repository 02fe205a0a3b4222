//! An edit acts once for each key, whatever became of the first attempt.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;

use super::*;

#[derive(Default)]
struct Memory(Mutex<BTreeMap<EditId, Known>>);

#[async_trait]
impl Journal for Memory {
    async fn begin(&self, note: &Note) -> Result<Option<Known>, LedgerError> {
        let mut notes = self.0.lock().expect("notes");
        if let Some(known) = notes.get(&note.id) {
            return Ok(Some(known.clone()));
        }
        notes.insert(note.id.clone(), Known { request_hash: note.request_hash.clone(), outcome: None });
        Ok(None)
    }

    async fn finish(&self, id: &EditId, record: &Record) -> Result<(), LedgerError> {
        self.0.lock().expect("notes").get_mut(id).expect("a note").outcome = Some(record.clone());
        Ok(())
    }

    async fn forget(&self, id: &EditId) -> Result<(), LedgerError> {
        self.0.lock().expect("notes").remove(id);
        Ok(())
    }
}

#[test]
fn the_hash_covers_what_was_asked_and_the_step_key_what_names_the_edit() {
    let request = |key: &str, asked: &str| Request::new("caller a".to_owned(), "publishEvent", key, &asked);
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
async fn a_note_without_an_outcome_is_told_and_another_request_under_its_key_is_refused() {
    let journal = Memory::default();
    let id = EditId {
        scope: "caller a".to_owned(),
        operation: "deleteEvent".to_owned(),
        key: "k".to_owned(),
        source: domain::SourceId::new("harbor"),
    };
    let note = Note { id: id.clone(), request_hash: "h".to_owned(), begun_at: jiff::Timestamp::UNIX_EPOCH };
    assert_eq!(journal.begin(&note).await.expect("a journal"), None);
    let known = journal.begin(&note).await.expect("a journal").expect("it is known");
    assert_eq!((known.request_hash.as_str(), known.outcome), ("h", None));
    journal.finish(&id, &Record { made: Some("e1".to_owned()), ..Record::default() }).await.expect("a journal");
    let known = journal.begin(&note).await.expect("a journal").expect("it is known");
    assert_eq!(known.outcome.and_then(|record| record.made).as_deref(), Some("e1"));
}
