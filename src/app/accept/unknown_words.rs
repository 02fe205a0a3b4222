//! Collects the vendor's words that no assumption explains, from the log lines that name them.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::prelude::*;

/// A word that no assumption explains.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct UnknownWord {
    /// Key of the assumption.
    pub setting: String,
    /// Word, as it is logged.
    pub word: String,
}

/// The collected words.
#[derive(Clone, Default)]
pub(super) struct WordCollector(Arc<Mutex<Vec<UnknownWord>>>);

impl WordCollector {
    /// Collects the words of this process from now on. Nothing else is logged: a run prints its own results.
    pub(super) fn install() -> Self {
        let collector = Self::default();
        // Fails only if a subscriber is installed already; then there are no words to collect.
        let _ = tracing_subscriber::registry().with(collector.clone()).try_init();
        collector
    }

    /// Returns the words so far.
    pub(super) fn words(&self) -> Vec<UnknownWord> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl<S: Subscriber> Layer<S> for WordCollector {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut found = UnknownWord::default();
        event.record(&mut found);
        if !found.setting.is_empty() && !found.word.is_empty() {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(found);
        }
    }
}

impl Visit for UnknownWord {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "setting" => value.clone_into(&mut self.setting),
            "word" => value.clone_into(&mut self.word),
            _ => {}
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::SourceId;
    use vendor_api::UnknownWords;

    #[test]
    fn a_word_that_a_source_logs_is_collected_and_other_lines_are_not() {
        let collector = WordCollector::default();
        let subscriber = tracing_subscriber::registry().with(collector.clone());
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(word = "alone", "a line without a setting");
            UnknownWords::default().warn(&SourceId::new("harbor"), "ticket_words", "Wrapped", "it is pending");
        });
        let expected = UnknownWord { setting: "ticket_words".to_owned(), word: "Wrapped".to_owned() };
        assert_eq!(collector.words(), [expected]);
    }
}
