//! Localized texts with missing translations (`secutix.md §2.10`).

use domain::{Locale, LocalizedText};

use crate::wire::{Label, LenientString};

/// Maps a label: the main language, otherwise the first language present, otherwise the code. `None` if all are empty.
pub(crate) fn localized_text(
    label: Option<&Label>,
    code: Option<&LenientString>,
    main_language: &str,
) -> Option<LocalizedText> {
    let translations: Vec<(Option<Locale>, &str)> = label
        .map(|label| label.translations.as_slice())
        .unwrap_or_default()
        .iter()
        .map(|(locale, text)| (Locale::parse(&locale.replace('_', "-")), text.trim()))
        .filter(|(_, text)| !text.is_empty())
        .collect();
    let main_locale = Locale::parse(&main_language.replace('_', "-"));
    let main = translations
        .iter()
        .find(|(locale, _)| locale.is_some() && *locale == main_locale)
        .or_else(|| translations.iter().find(|(locale, _)| is_same_language(locale.as_ref(), main_locale.as_ref())))
        .or(translations.first())
        .map(|(_, text)| *text)
        .or_else(|| code.map(|code| code.0.trim()).filter(|code| !code.is_empty()))?;
    let mut text = LocalizedText::monolingual(main);
    text.translations =
        translations.iter().filter_map(|(locale, text)| Some((locale.clone()?, (*text).to_owned()))).collect();
    Some(text)
}

/// Returns true if both tags have the same language: `fr-ch` matches `fr`.
fn is_same_language(tag: Option<&Locale>, main_locale: Option<&Locale>) -> bool {
    let language = |tag: &Locale| tag.as_str().split('-').next().unwrap_or_default().to_owned();
    matches!((tag, main_locale), (Some(tag), Some(main_locale)) if language(tag) == language(main_locale))
}

/// Maps a label like [`localized_text`] and removes unsafe HTML.
pub(crate) fn sanitized_html(label: Option<&Label>, main_language: &str) -> Option<LocalizedText> {
    let mut text = localized_text(label, None, main_language)?;
    text.main = ammonia::clean(&text.main);
    for translation in text.translations.values_mut() {
        *translation = ammonia::clean(translation);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(pairs: &[(&str, &str)]) -> Label {
        Label { translations: pairs.iter().map(|(locale, text)| ((*locale).to_owned(), (*text).to_owned())).collect() }
    }

    fn main(pairs: &[(&str, &str)], code: Option<&str>) -> Option<String> {
        let code = code.map(|code| LenientString(code.to_owned()));
        localized_text(Some(&label(pairs)), code.as_ref(), "fr").map(|text| text.main)
    }

    #[test]
    fn a_missing_language_falls_back_to_the_main_one_then_the_first_then_the_code() {
        assert_eq!(main(&[("en", "Stalls"), ("fr", "Orchestre")], None).as_deref(), Some("Orchestre"));
        assert_eq!(main(&[("en", "Stalls"), ("fr_CH", "Parterre")], None).as_deref(), Some("Parterre"));
        assert_eq!(main(&[("de", "Parkett"), ("en", "Stalls")], None).as_deref(), Some("Parkett"));
        assert_eq!(main(&[("fr", "  "), ("en", "Stalls")], None).as_deref(), Some("Stalls"));
        assert_eq!(main(&[], Some("CAT1")).as_deref(), Some("CAT1"));
        assert_eq!(main(&[], None), None);
    }

    #[test]
    fn every_translation_can_be_picked() {
        let text =
            localized_text(Some(&label(&[("fr", "Orchestre"), ("en", "Stalls")])), None, "fr").expect("mapped text");
        let pick = |tag: &str| text.resolve(Locale::parse(tag).as_ref());
        assert_eq!((pick("en-GB"), pick("fr"), pick("de")), ("Stalls", "Orchestre", "Orchestre"));
    }

    #[test]
    fn scripts_are_removed_from_descriptions() {
        let text =
            sanitized_html(Some(&label(&[("fr", "<b>Un soir</b><script>x()</script>")])), "fr").expect("mapped text");
        assert_eq!(text.main, "<b>Un soir</b>");
    }
}
