//! Text in several languages, with a fallback that never fails.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A BCP 47 language tag, lower-cased. Open text: a new language breaks nobody.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Locale(String);

impl Locale {
    /// Takes a tag; `None` when it is not letters, digits and hyphens in parts of one to eight.
    pub fn parse(tag: &str) -> Option<Self> {
        let fine = !tag.is_empty()
            && tag.len() <= 35
            && tag
                .split('-')
                .all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()));
        fine.then(|| Self(tag.to_ascii_lowercase()))
    }

    /// The tag, lower-cased.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The tag without its last part: `fr-ch` gives `fr`.
    fn wider(&self) -> Option<Self> {
        self.0.rsplit_once('-').map(|(head, _)| Self(head.to_owned()))
    }
}

/// Text with a main reading and translations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// Shown when no better language is there.
    pub main: String,
    /// Other readings by language.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub translations: BTreeMap<Locale, String>,
}

impl Text {
    /// Text in one language.
    pub fn plain(main: impl Into<String>) -> Self {
        Self { main: main.into(), translations: BTreeMap::new() }
    }

    /// The reading for a language: exact, then wider (`fr-CH` to `fr`), then the main one.
    pub fn pick(&self, locale: Option<&Locale>) -> &str {
        let mut wanted = locale.cloned();
        while let Some(tag) = wanted {
            if let Some(text) = self.translations.get(&tag) {
                return text;
            }
            wanted = tag.wider();
        }
        &self.main
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_language_falls_back_to_its_wider_form_then_to_the_main_text() {
        let mut text = Text::plain("Orchestre");
        text.translations.insert(Locale::parse("en").expect("tag"), "Stalls".to_owned());
        let pick = |tag: &str| text.pick(Locale::parse(tag).as_ref()).to_owned();
        assert_eq!(
            (pick("en-GB").as_str(), pick("en").as_str(), pick("de").as_str()),
            ("Stalls", "Stalls", "Orchestre")
        );
        assert_eq!(Locale::parse("no such tag"), None);
    }
}
