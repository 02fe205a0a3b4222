//! Localized text with a fallback that never fails.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A BCP 47 language tag in lower case. Any well-formed tag is accepted, so that a new language needs no code change.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Locale(String);

impl Locale {
    /// Parses a tag. Returns `None` unless it consists of hyphen-separated parts of one to eight letters and digits.
    pub fn parse(tag: &str) -> Option<Self> {
        let fine = !tag.is_empty()
            && tag.len() <= 35
            && tag
                .split('-')
                .all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()));
        fine.then(|| Self(tag.to_ascii_lowercase()))
    }

    /// Returns the tag in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the tag without its last part, e.g. `fr` for `fr-ch`.
    fn parent(&self) -> Option<Self> {
        self.0.rsplit_once('-').map(|(head, _)| Self(head.to_owned()))
    }
}

/// A language in which our own texts are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// The main language.
    English,
    /// French.
    French,
    /// German.
    German,
}

impl Language {
    /// Returns the text of this language.
    pub fn pick<T>(self, [english, french, german]: [T; 3]) -> T {
        match self {
            Self::English => english,
            Self::French => french,
            Self::German => german,
        }
    }
}

/// A text of our own in English, French and German.
pub type Texts = [&'static str; 3];

/// Text in a main language with translations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalizedText {
    /// Text in the main language, used as the fallback.
    pub main: String,
    /// Translations by language.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub translations: BTreeMap<Locale, String>,
}

impl LocalizedText {
    /// Creates text in the main language only.
    pub fn monolingual(main: impl Into<String>) -> Self {
        Self { main: main.into(), translations: BTreeMap::new() }
    }

    /// Creates a text of our own in all languages of [`Language`], with English as the main language.
    pub fn written(write: impl Fn(Language) -> String) -> Self {
        let translation = |tag: &str, language| (Locale(tag.to_owned()), write(language));
        Self {
            main: write(Language::English),
            translations: [translation("fr", Language::French), translation("de", Language::German)].into(),
        }
    }

    /// Returns the text in all its languages.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.translations.values().chain([&self.main]).map(String::as_str)
    }

    /// Returns the text in the requested language, then in a parent language (`fr` for `fr-CH`), then in the main language.
    pub fn resolve(&self, locale: Option<&Locale>) -> &str {
        let mut wanted = locale.cloned();
        while let Some(tag) = wanted {
            if let Some(text) = self.translations.get(&tag) {
                return text;
            }
            wanted = tag.parent();
        }
        &self.main
    }
}

impl From<&str> for LocalizedText {
    fn from(text: &str) -> Self {
        Self::monolingual(text)
    }
}

impl From<String> for LocalizedText {
    fn from(text: String) -> Self {
        Self::monolingual(text)
    }
}

/// A text of our own in English, French and German.
impl<T: AsRef<str>> From<[T; 3]> for LocalizedText {
    fn from(texts: [T; 3]) -> Self {
        let texts = texts.each_ref().map(AsRef::as_ref);
        Self::written(|language| language.pick(texts).to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_language_falls_back_to_its_parent_then_to_the_main_language() {
        let mut text = LocalizedText::monolingual("Orchestre");
        text.translations.insert(Locale::parse("en").expect("tag"), "Stalls".to_owned());
        let pick = |tag: &str| text.resolve(Locale::parse(tag).as_ref()).to_owned();
        assert_eq!(
            (pick("en-GB").as_str(), pick("en").as_str(), pick("de").as_str()),
            ("Stalls", "Stalls", "Orchestre")
        );
        assert_eq!(Locale::parse("no such tag"), None);
    }

    #[test]
    fn a_text_of_our_own_is_english_unless_its_translation_is_requested() {
        let text = LocalizedText::from(["Seat", "Place", "Platz"]);
        let pick = |tag: &str| text.resolve(Locale::parse(tag).as_ref());
        assert_eq!([pick("fr-CH"), pick("de"), pick("it"), text.resolve(None)], ["Place", "Platz", "Seat", "Seat"]);
    }
}
