//! The capability `octo/content`, in its new form, its old one, or both (`octo.md §9.2`).

use serde_json::{Map, Value, json};

use crate::octo::state::OctoState;
use crate::octo::switches::ContentForm;
use crate::octo::world::{Product, ProductOption, Unit};

type Fields = Map<String, Value>;

fn add(fields: &mut Fields, more: Value) {
    if let Value::Object(more) = more {
        fields.extend(more);
    }
}

/// Adds the content of a product.
pub(super) fn add_product(fields: &mut Fields, state: &OctoState, id: &str, product: &Product, language: usize) {
    let title = state.edits.titles.get(id).map_or(product.title[language], String::as_str);
    let minutes = product.options.iter().map(|option| option.minutes).min();
    add_content(fields, state.switches.content_form, (title, product.description[language]), minutes);
}

/// Adds the content of an option.
pub(super) fn add_option(fields: &mut Fields, state: &OctoState, option: &ProductOption, language: usize) {
    let title = option.title[language];
    add_content(fields, state.switches.content_form, (title, title), Some(option.minutes));
}

fn add_content(fields: &mut Fields, form: ContentForm, (title, text): (&str, &str), minutes: Option<i64>) {
    let cover = "https://images.example/laguna/cover.jpg";
    if form != ContentForm::Old {
        let new = json!({
            "title": title, "shortDescription": text, "description": format!("<p>{text}</p>"),
            "features": [
                { "type": "INCLUSION", "shortDescription": "Skipper" },
                { "type": "REDEMPTION_INSTRUCTION", "shortDescription": null },
            ],
            "faqs": [{ "question": "Is there shade?", "answer": "Yes, on the lower deck." }],
            "media": [{
                "src": cover, "type": "image/jpeg", "rel": "COVER", "title": null, "caption": null, "copyright": null,
            }],
            "locations": [],
            "categoryLabels": ["boat"], "durationMinutesFrom": minutes, "durationMinutesTo": null, "commentary": [],
        });
        add(fields, new);
    }
    if form != ContentForm::New {
        let old = json!({
            "title": title, "subtitle": text, "shortDescription": text, "description": text, "highlights": [text],
            "inclusions": ["Skipper"], "exclusions": [], "coverImageUrl": cover, "galleryImages": [],
            "durationAmount": minutes.map(|minutes| minutes.to_string()), "durationUnit": "minute",
        });
        add(fields, old);
    }
}

/// Adds the content of a unit.
pub(super) fn add_unit(fields: &mut Fields, unit: &Unit, language: usize) {
    let title = unit.title[language];
    add(fields, json!({ "title": title, "shortDescription": title, "features": [] }));
}

/// Adds the content of an availability.
pub(super) fn add_availability(row: &mut Value, language: usize) {
    row["title"] = Value::Null;
    row["shortDescription"] = ["Meet at the pier", "Ritrovo al molo"][language].into();
}
