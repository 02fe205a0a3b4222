//! Words of a vendor that no setting explains. Each is logged once, so that an operator can add it to the assumptions.

use std::collections::BTreeSet;

use parking_lot::Mutex;

use domain::SourceId;
use domain::seen::record_unknown_word;

/// Maximum number of words that are remembered, so that a vendor cannot fill the memory.
const MAX_WORDS: usize = 200;
/// Maximum length of a logged word, in characters.
const MAX_LENGTH: usize = 40;

/// Unknown words of a source that were logged.
#[derive(Debug, Default)]
pub struct UnknownWords(Mutex<BTreeSet<(&'static str, String)>>);

impl UnknownWords {
    /// Logs a word that is not in a setting of the table `assumptions`, unless it was logged before, and records the setting for
    /// the current call. `effect` says what the source does with it.
    pub fn warn(&self, source: &SourceId, setting: &'static str, word: &str, effect: &str) {
        record_unknown_word(setting);
        if let Some(word) = self.insert(setting, word) {
            tracing::warn!(%source, setting, word, "the vendor uses a word that is not in assumptions.{setting}: {effect}");
        }
    }

    /// Returns a word as it is to be logged, if it was not logged before. Only its letters, digits, blanks and `_.-` are kept.
    fn insert(&self, setting: &'static str, word: &str) -> Option<String> {
        let is_plain = |c: &char| c.is_alphanumeric() || " _.-".contains(*c);
        let word: String = word.trim().chars().filter(is_plain).take(MAX_LENGTH).collect();
        let mut logged = self.0.lock();
        let is_new = logged.len() < MAX_WORDS && logged.insert((setting, word.to_lowercase()));
        is_new.then_some(word)
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
