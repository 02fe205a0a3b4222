//! Words of the vendor that no setting explains. They are logged, each once, so that an operator can add them.

use std::collections::BTreeSet;

use parking_lot::Mutex;

use crate::assumptions;
use crate::settings::Facts;
use crate::wire::catalog::{Instance, Summary};
use crate::wire::orders::{OrderDetail, Ticket};
use domain::SourceId;

/// Maximum number of words that are remembered, so that a vendor cannot fill the memory.
const MAX_WORDS: usize = 200;
/// Maximum length of a logged word, in characters.
const MAX_LENGTH: usize = 40;

/// Unknown words that were logged.
#[derive(Default)]
pub(crate) struct UnknownWords(Mutex<BTreeSet<(&'static str, String)>>);

impl UnknownWords {
    /// Returns the word as it is to be logged, if it was not logged before. Only its letters, digits, blanks and `_.-` are kept.
    pub(crate) fn insert(&self, setting: &'static str, word: &str) -> Option<String> {
        let is_plain = |c: &char| c.is_alphanumeric() || " _.-".contains(*c);
        let word: String = word.trim().chars().filter(is_plain).take(MAX_LENGTH).collect();
        let mut logged = self.0.lock();
        let is_new = logged.len() < MAX_WORDS && logged.insert((setting, word.to_lowercase()));
        is_new.then_some(word)
    }

    fn report(&self, source: &SourceId, setting: &'static str, word: &str, effect: &'static str) {
        if let Some(word) = self.insert(setting, word) {
            tracing::warn!(
                %source,
                setting,
                word,
                "the vendor uses a word that is not in assumptions.{setting}: {effect}",
            );
        }
    }

    /// Logs the unknown states of instances.
    pub(crate) fn report_states<'a>(
        &self,
        source: &SourceId,
        facts: &Facts,
        states: impl IntoIterator<Item = Option<&'a str>>,
    ) {
        for word in states.into_iter().flatten() {
            if assumptions::instance_state(Some(word), facts).is_none() {
                self.report(source, "instance_state_words", word, "its performances are not sold");
            }
        }
    }

    /// Logs the unknown words of an order's tickets.
    pub(crate) fn report_tickets(&self, source: &SourceId, facts: &Facts, order: &OrderDetail) {
        let tickets = order.event_items.iter().flat_map(|event| &event.items).flat_map(|item| &item.tickets);
        for Ticket { ticket_status, check_in_status, .. } in tickets {
            if let Some(word) = ticket_status.as_ref().filter(|word| !assumptions::is_ticket_word(word, facts)) {
                self.report(source, "ticket_status_words", word, "its tickets are issued");
            }
            if let Some(word) = check_in_status.as_ref().filter(|word| !assumptions::is_check_in_word(word, facts)) {
                self.report(source, "check_in_status_words", word, "its tickets count as unused");
            }
        }
    }
}

/// A row with the state of an instance.
pub(crate) trait HasState {
    /// The vendor's word.
    fn state(&self) -> Option<&str>;
}

impl HasState for Instance {
    fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }
}

impl HasState for Summary {
    fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_logged_once_for_each_setting_without_what_could_break_a_line() {
        let words = UnknownWords::default();
        assert_eq!(words.insert("ticket_status_words", " Wrap\nped\"! "), Some("Wrapped".to_owned()));
        assert_eq!(words.insert("ticket_status_words", "WRAPPED"), None);
        assert_eq!(words.insert("instance_state_words", "Wrapped"), Some("Wrapped".to_owned()));
        assert_eq!(words.insert("instance_state_words", &"x".repeat(1000)).map(|word| word.len()), Some(MAX_LENGTH));
        for number in 0..2 * MAX_WORDS {
            words.insert("instance_state_words", &number.to_string());
        }
        assert_eq!(words.insert("instance_state_words", "one more"), None, "the memory is bounded");
    }
}
