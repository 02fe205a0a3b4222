//! Texts in several languages, with holes (`secutix.md §2.10`).

use crate::wire::{Label, Words};
use domain::{Locale, Text};

/// Reads a label: the main language first, then the first language there is, then the code. `None` where there is nothing at all.
pub(crate) fn text(label: Option<&Label>, code: Option<&Words>, main_language: &str) -> Option<Text> {
    let written: Vec<(Option<Locale>, &str)> = label
        .map(|label| label.translations.as_slice())
        .unwrap_or_default()
        .iter()
        .map(|(locale, text)| (Locale::parse(&locale.replace('_', "-")), text.trim()))
        .filter(|(_, text)| !text.is_empty())
        .collect();
    let wanted = Locale::parse(&main_language.replace('_', "-"));
    let main = written
        .iter()
        .find(|(locale, _)| locale.is_some() && *locale == wanted)
        .or_else(|| written.iter().find(|(locale, _)| speaks(locale.as_ref(), wanted.as_ref())))
        .or(written.first())
        .map(|(_, text)| *text)
        .or_else(|| code.map(|code| code.0.trim()).filter(|code| !code.is_empty()))?;
    let mut text = Text::plain(main);
    text.translations =
        written.iter().filter_map(|(locale, text)| Some((locale.clone()?, (*text).to_owned()))).collect();
    Some(text)
}

/// Whether one tag is the other with a country behind it: `fr-ch` speaks `fr`.
fn speaks(tag: Option<&Locale>, wanted: Option<&Locale>) -> bool {
    let head = |tag: &Locale| tag.as_str().split('-').next().unwrap_or_default().to_owned();
    matches!((tag, wanted), (Some(tag), Some(wanted)) if head(tag) == head(wanted))
}

/// The same, with unsafe HTML taken out.
pub(crate) fn html(label: Option<&Label>, main_language: &str) -> Option<Text> {
    let mut text = text(label, None, main_language)?;
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
        let code = code.map(|code| Words(code.to_owned()));
        text(Some(&label(pairs)), code.as_ref(), "fr").map(|text| text.main)
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
    fn every_language_that_is_there_can_be_picked() {
        let text = text(Some(&label(&[("fr", "Orchestre"), ("en", "Stalls")])), None, "fr").expect("a text");
        let pick = |tag: &str| text.pick(Locale::parse(tag).as_ref());
        assert_eq!((pick("en-GB"), pick("fr"), pick("de")), ("Stalls", "Orchestre", "Orchestre"));
    }

    #[test]
    fn scripts_never_leave_a_description() {
        let text = html(Some(&label(&[("fr", "<b>Un soir</b><script>x()</script>")])), "fr").expect("a text");
        assert_eq!(text.main, "<b>Un soir</b>");
    }
}
