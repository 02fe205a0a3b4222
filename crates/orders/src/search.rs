//! Search of orders: the tokens that an order is found by, and the words of a request.
//!
//! A token begins at a word of a field and goes to the end of the field, without spaces and punctuation: `VQMZ-TJ2X-67EW` has the
//! tokens `vqmztj2x67ew`, `tj2x67ew` and `67ew`. A word finds the tokens that it is a prefix of, so that every spelling of a number, a
//! part of an email address and the beginning of a name are found. Case and accents are folded.

use std::collections::BTreeSet;
use std::fmt;

use deunicode::deunicode_char;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use crate::order::Order;
use domain::ordering::Contact;
use domain::text::LocalizedText;

/// Maximum length of a search text in characters.
pub const MAX_SEARCH_LENGTH: usize = 100;
/// Minimum length of a word in characters. Shorter ones are skipped: they find nearly everything.
const MIN_WORD_LENGTH: usize = 2;
/// Maximum number of words in a search text.
pub const MAX_SEARCH_WORDS: usize = 8;
/// Maximum length of a token in characters. Longer ones are cut.
const MAX_TOKEN_LENGTH: usize = MAX_SEARCH_LENGTH;
/// Maximum number of tokens of one field.
const MAX_FIELD_TOKENS: usize = 32;
/// Maximum number of tokens of an order. The titles of events come last.
const MAX_TOKENS: usize = 192;

/// Words of a search: an order matches if it has a token that begins with each of them.
#[derive(Clone, PartialEq, Eq)]
pub struct SearchWords(Vec<String>);

/// Error of a search text that exceeds a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SearchError {
    /// More than [`MAX_SEARCH_LENGTH`] characters.
    #[error("at most {MAX_SEARCH_LENGTH} characters")]
    TooLong,
    /// More than [`MAX_SEARCH_WORDS`] words.
    #[error("at most {MAX_SEARCH_WORDS} words")]
    TooManyWords,
}

impl SearchWords {
    /// Parses a search text. Returns `None` if it is blank. A text of punctuation or single letters only has no words and matches nothing.
    pub fn parse(text: &str) -> Result<Option<Self>, SearchError> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(None);
        }
        if text.chars().count() > MAX_SEARCH_LENGTH {
            return Err(SearchError::TooLong);
        }
        if text.split_whitespace().count() > MAX_SEARCH_WORDS {
            return Err(SearchError::TooManyWords);
        }
        let words = text
            .split_whitespace()
            .map(|word| compact(&fold(word)))
            .filter(|word| word.chars().count() >= MIN_WORD_LENGTH);
        Ok(Some(Self(without_prefixes(words.collect()))))
    }

    /// Returns the folded words, none of which is a prefix of another.
    pub fn words(&self) -> &[String] {
        &self.0
    }
}

/// Shows the number of words only: they may be a person's name or address.
impl fmt::Debug for SearchWords {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SearchWords({})", self.0.len())
    }
}

/// Fields that an order is found by.
#[derive(Clone)]
pub struct SearchFields<'a> {
    /// Number of the order.
    pub number: &'a str,
    /// Reference chosen by the reseller.
    pub reseller_reference: Option<&'a str>,
    /// First name of the visitor.
    pub first_name: &'a str,
    /// Last name of the visitor.
    pub last_name: &'a str,
    /// Email address of the visitor.
    pub email: &'a str,
    /// Titles of the events, in all their languages.
    pub titles: Vec<&'a str>,
}

impl<'a> SearchFields<'a> {
    /// Returns the fields of an order.
    pub fn of(order: &'a Order) -> Self {
        let titles = order.lines.iter().filter_map(|line| line.event_title.as_ref());
        let contact = |part: fn(&'a Contact) -> &'a String| order.contact.as_ref().map_or("", |contact| part(contact));
        Self {
            number: &order.number,
            reseller_reference: order.reseller_reference.as_deref(),
            first_name: contact(|contact| &contact.first_name),
            last_name: contact(|contact| &contact.last_name),
            email: contact(|contact| &contact.email),
            titles: titles.flat_map(LocalizedText::texts).collect(),
        }
    }

    /// Returns the tokens in ascending order. None is a prefix of another.
    pub fn tokens(&self) -> Vec<String> {
        let fields = [self.number, self.email, self.last_name, self.first_name];
        let fields = fields.into_iter().chain(self.reseller_reference).chain(self.titles.iter().copied());
        let mut tokens = BTreeSet::new();
        for token in fields.flat_map(field_tokens) {
            tokens.insert(token);
            if tokens.len() == MAX_TOKENS {
                break;
            }
        }
        without_prefixes(tokens)
    }
}

/// Returns the tokens of a field, one for each of its words.
fn field_tokens(field: &str) -> Vec<String> {
    let folded = fold(field);
    let mut is_inside = false;
    let begins = |(index, letter): (usize, char)| {
        let was_inside = std::mem::replace(&mut is_inside, letter.is_alphanumeric());
        (is_inside && !was_inside).then_some(index)
    };
    let starts: Vec<usize> = folded.char_indices().filter_map(begins).take(MAX_FIELD_TOKENS).collect();
    starts.into_iter().filter_map(|start| folded.get(start..)).map(compact).collect()
}

/// Folds case, accents and compatible forms: `Łódź` and `LODZ` are equal, as are `Straße` and `strasse`.
fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for letter in text.nfkd().filter(|letter| !is_combining_mark(*letter)) {
        match letter {
            // Letters such as `ø` and `ß` do not decompose. Other scripts are not transliterated.
            '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' if letter.is_alphabetic() => {
                folded.push_str(&deunicode_char(letter).unwrap_or_default().to_lowercase());
            }
            // Through upper case, because some letters have several lower ones, as the Greek sigma.
            _ => folded.extend(letter.to_uppercase().flat_map(char::to_lowercase)),
        }
    }
    folded
}

/// Removes everything except letters and digits.
fn compact(folded: &str) -> String {
    folded.chars().filter(|letter| letter.is_alphanumeric()).take(MAX_TOKEN_LENGTH).collect()
}

/// Removes the texts that are a prefix of another one: whatever they match, that one decides or finds as well.
fn without_prefixes(texts: BTreeSet<String>) -> Vec<String> {
    let texts: Vec<String> = texts.into_iter().collect();
    let followers = texts.iter().skip(1).map(Some).chain([None]);
    let is_kept = |(text, next): (&String, Option<&String>)| {
        next.is_none_or(|next| !next.starts_with(text.as_str())).then(|| text.clone())
    };
    texts.iter().zip(followers).filter_map(is_kept).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields() -> SearchFields<'static> {
        SearchFields {
            number: "VQMZ-TJ2X-67EW",
            reseller_reference: Some("TQ-100458"),
            first_name: "Anna-Maria",
            last_name: "Øster Müller",
            email: "anna.m@mail.example.org",
            titles: vec!["Les Misérables"],
        }
    }

    fn words(text: &str) -> Vec<String> {
        SearchWords::parse(text).expect("within the limits").expect("not blank").0
    }

    fn finds(text: &str) -> bool {
        let (words, tokens) = (words(text), fields().tokens());
        !words.is_empty() && words.iter().all(|word| tokens.iter().any(|token| token.starts_with(word.as_str())))
    }

    #[test]
    fn every_spelling_finds_and_other_words_do_not() {
        for text in [
            "VQMZ-TJ2X-67EW",
            "vqmztj2x67ew",
            "vqmz tj2x 67ew",
            "67ew",
            "tq-100458",
            "TQ100458",
            "100458",
            "anna.m@mail.example.org",
            "ANNA.M@MAIL",
            "mail.example.org",
            "anna maria",
            "annamaria",
            "maria oster",
            "Muller ANNA",
            "mu\u{308}ller",
            "ØSTER",
            "miserables les",
            "misé",
        ] {
            assert!(finds(text), "{text}");
        }
        for text in ["%", "_", "100%58", "vqmz_", "qmz", "anna berg", "mail.example.com", "*", "' OR 1=1"] {
            // Punctuation is skipped, so that a number may be typed in any spelling: `vqmz_` is the word `vqmz`.
            assert_eq!(finds(text), text == "vqmz_", "{text}");
        }
    }

    #[test]
    fn case_and_accents_are_folded_in_all_scripts() {
        let folded =
            ["Łódź", "STRASSE", "Straße", "Ærø", "ΟΔΟΣ οδος", "Ёлка", "ﬁn Ⅳ", "İstanbul ılık", "北京"].map(fold);
        assert_eq!(
            folded,
            ["lodz", "strasse", "strasse", "aero", "οδοσ οδοσ", "елка", "fin iv", "istanbul ilik", "北京"]
        );
    }

    #[test]
    fn tokens_are_bounded_and_none_is_a_prefix_of_another() {
        let long = "word ".repeat(10_000) + &"x".repeat(10_000);
        let many: Vec<String> = (0..500).map(|number| format!("t{number:03} u{number:03}")).collect();
        let mut titles = vec![long.as_str()];
        titles.extend(many.iter().map(String::as_str));
        let tokens = SearchFields { reseller_reference: Some(&long), titles, ..fields() }.tokens();
        assert!(tokens.len() <= MAX_TOKENS && tokens.len() > MAX_TOKENS / 2, "{}", tokens.len());
        assert!(tokens.iter().all(|token| token.chars().count() <= MAX_TOKEN_LENGTH));
        for (index, token) in tokens.iter().enumerate() {
            assert!(tokens.iter().skip(index + 1).all(|other| !other.starts_with(token.as_str())), "{token}");
        }
        assert!(tokens.contains(&"vqmztj2x67ew".to_owned()), "the number comes first");
    }

    #[test]
    fn a_search_is_bounded_and_its_words_are_not_shown() {
        assert_eq!(SearchWords::parse(&"é".repeat(100)).map(|words| words.is_some()), Ok(true));
        assert_eq!(SearchWords::parse(&"é".repeat(101)), Err(SearchError::TooLong));
        assert_eq!(SearchWords::parse("a b c d e f g h").map(|words| words.is_some()), Ok(true));
        assert_eq!(SearchWords::parse("a b c d e f g h i"), Err(SearchError::TooManyWords));
        assert_eq!(SearchWords::parse(" \n "), Ok(None));
        assert_eq!(words("an anna ANN % b"), ["anna"]);
        assert!(words("a b c").is_empty());
        assert!(!format!("{:?}", SearchWords::parse("anna")).contains("anna"));
    }
}
