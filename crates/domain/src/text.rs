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
}
