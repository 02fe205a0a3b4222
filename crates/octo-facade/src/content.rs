//! The capability `octo/content`: texts, pictures and categories, as far as the catalog has them (octo.md §9.2).

use serde::Serialize;
use url::Url;

use crate::facts::{EventFacts, UnitFacts};

/// Categories that OCTO has a label for (`CategoryLabel` of its TypeSpec).
const CATEGORY_LABELS: [&str; 34] = [
    "multi-day",
    "city-cards",
    "adults-only",
    "animals",
    "audio-guide",
    "beaches",
    "bike-tours",
    "boat-tours",
    "classes",
    "day-trips",
    "family-friendly",
    "fast-track",
    "food",
    "guided-tours",
    "history",
    "hop-on-hop-off",
    "literature",
    "live-music",
    "museums",
    "nightlife",
    "outdoors",
    "private-tours",
    "romantic",
    "recurring-events",
    "self-guided",
    "small-group-tours",
    "sports",
    "theme-parks",
    "walking-tours",
    "wheelchair-accessible",
    "accommodation-included",
    "trip-difficulty-easy",
    "trip-difficulty-medium",
    "trip-difficulty-hard",
];

/// Content of a product or of its option.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OctoContent {
    /// Public name.
    pub title: String,
    /// One or two sentences.
    pub short_description: Option<String>,
    /// Full description, with safe HTML only.
    pub description: Option<String>,
    /// Always empty: the catalog has one text for all of them.
    pub features: Vec<()>,
    /// Always empty.
    pub faqs: Vec<()>,
    /// The picture.
    pub media: Vec<OctoMedia>,
    /// Always empty: a location needs coordinates.
    pub locations: Vec<()>,
    /// Categories that OCTO names, too.
    pub category_labels: Vec<&'static str>,
    /// Minutes of a visit; null if they are not known.
    pub duration_minutes_from: Option<i64>,
    /// Always null: the duration is exact.
    pub duration_minutes_to: Option<i64>,
    /// Always empty.
    pub commentary: Vec<()>,
}

/// A picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OctoMedia {
    /// URL.
    pub src: String,
    /// Media type.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Always `COVER`.
    pub rel: &'static str,
    /// Always null.
    pub title: Option<String>,
    /// Always null.
    pub caption: Option<String>,
    /// Always null.
    pub copyright: Option<String>,
}

/// Content of a unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OctoUnitContent {
    /// Public name.
    pub title: String,
    /// Description; empty if there is none, because it is never null.
    pub short_description: String,
    /// Always empty.
    pub features: Vec<()>,
}

/// Content of an availability. Performances have no texts of their own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OctoSlotContent {
    /// Always null.
    pub title: Option<String>,
    /// Always empty, because it is never null.
    pub short_description: String,
}

/// Returns the content of a product.
pub fn product_content(event: &EventFacts) -> OctoContent {
    OctoContent {
        short_description: event.summary.clone(),
        description: event.description.clone(),
        media: event.image.as_deref().and_then(cover).into_iter().collect(),
        category_labels: category_labels(&event.categories),
        ..option_content(event)
    }
}

/// Returns the content of the only option: its name and duration. Resellers merge both levels, so the rest is in the product only.
pub fn option_content(event: &EventFacts) -> OctoContent {
    OctoContent {
        title: event.public_title.clone().unwrap_or_else(|| event.title.clone()),
        short_description: None,
        description: None,
        features: Vec::new(),
        faqs: Vec::new(),
        media: Vec::new(),
        locations: Vec::new(),
        category_labels: Vec::new(),
        duration_minutes_from: event.duration_minutes,
        duration_minutes_to: None,
        commentary: Vec::new(),
    }
}

/// Returns the content of a unit.
pub fn unit_content(kind: &UnitFacts) -> OctoUnitContent {
    OctoUnitContent {
        title: kind.public_name.clone().unwrap_or_else(|| kind.name.clone()),
        short_description: kind.description.clone().unwrap_or_default(),
        features: Vec::new(),
    }
}

/// Returns a picture. `None` for formats that OCTO does not have, and for those that the URL does not reveal.
fn cover(src: &str) -> Option<OctoMedia> {
    let url = Url::parse(src).ok()?;
    let (_, ending) = url.path().rsplit_once('.')?;
    let kind = match ending.to_ascii_lowercase().as_str() {
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        _ => return None,
    };
    Some(OctoMedia { src: src.to_owned(), kind, rel: "COVER", title: None, caption: None, copyright: None })
}

/// Returns the categories that OCTO has a label for, each once: `Live Music` is `live-music`.
fn category_labels(categories: &[String]) -> Vec<&'static str> {
    let has = |label: &&'static str| {
        let words = label.split('-');
        categories.iter().any(|category| {
            let own = category.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
            own.map(str::to_lowercase).eq(words.clone())
        })
    };
    CATEGORY_LABELS.into_iter().filter(has).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::slot::tests::event;

    #[test]
    fn every_key_of_the_content_is_present_and_texts_are_those_of_the_request() {
        let mut event = event("TIMED");
        let bare = serde_json::to_value(product_content(&event)).expect("JSON");
        let none = json!([]);
        let expected = json!({
            "title": "Tour", "shortDescription": null, "description": null, "features": none, "faqs": none, "media": none,
            "locations": none, "categoryLabels": none, "durationMinutesFrom": 90, "durationMinutesTo": null, "commentary": none,
        });
        assert_eq!(bare, expected);
        event.public_title = Some("Führung".to_owned());
        event.summary = Some("Kurz.".to_owned());
        event.description = Some("<p>Lang.</p>".to_owned());
        event.ticket_types[0].public_name = Some("Erwachsene".to_owned());
        let content = serde_json::to_value(product_content(&event)).expect("JSON");
        assert_eq!((&content["title"], &content["shortDescription"]), (&json!("Führung"), &json!("Kurz.")));
        assert_eq!(content["description"], "<p>Lang.</p>");
        let option = serde_json::to_value(option_content(&event)).expect("JSON");
        assert_eq!((&option["title"], &option["description"]), (&json!("Führung"), &Value::Null));
        assert_eq!(unit_content(&event.ticket_types[0]).title, "Erwachsene");
        assert_eq!(unit_content(&event.ticket_types[1]).title, "Group");
        assert_eq!(unit_content(&event.ticket_types[1]).short_description, "", "never null");
    }

    #[test]
    fn a_picture_has_a_type_that_its_url_reveals() {
        for (src, kind) in [
            ("https://images.example/a.jpg", Some("image/jpeg")),
            ("https://images.example/a.JPEG?size=2.png", Some("image/jpeg")),
            ("https://images.example/a.png#top", Some("image/png")),
            ("https://images.example/a.webp", None),
            ("https://images.example/a?file=b.jpg", None),
            ("no url.jpg", None),
        ] {
            assert_eq!(cover(src).map(|media| media.kind), kind, "{src}");
        }
    }

    #[test]
    fn categories_have_a_label_if_octo_names_them() {
        let categories = ["Live Music", "MUSEUMS", "Opera", "hop-on/hop-off", "museums"].map(str::to_owned);
        assert_eq!(category_labels(&categories), ["hop-on-hop-off", "live-music", "museums"]);
    }
}
