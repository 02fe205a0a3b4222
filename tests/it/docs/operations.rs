//! Operations: every GraphQL block is valid, and every type, field and code that a page names exists.

use std::collections::BTreeSet;

use apollo_compiler::validation::Valid;
use apollo_compiler::{ExecutableDocument, Schema};

use crate::docs::{blocks, files, pages, read, report, words};

fn schema() -> Valid<Schema> {
    let text = read("schema/ticketgraph.graphql");
    Schema::parse_and_validate(text, "schema/ticketgraph.graphql").unwrap_or_else(|why| panic!("{why}"))
}

#[test]
fn every_operation_on_a_page_is_valid() {
    let schema = schema();
    let mut broken = Vec::new();
    let mut seen = 0;
    for (name, page) in pages() {
        for block in blocks(&page).iter().filter(|block| block.is("graphql")) {
            seen += 1;
            if let Err(why) = ExecutableDocument::parse_and_validate(&schema, &block.text, &name) {
                broken.push(format!("{name}: {}", why.errors));
            }
        }
    }
    assert!(seen >= 10, "{seen}");
    report(&broken);
}

#[test]
fn every_type_and_field_on_a_page_is_in_the_schema() {
    let schema = schema();
    let mut broken = Vec::new();
    let mut seen = 0;
    for (name, page) in pages() {
        for word in words(&page) {
            let Some((kind, rest)) = word.split_once('.').filter(|(kind, _)| kind.starts_with(char::is_uppercase))
            else {
                continue;
            };
            // A file such as `README.md` or a crate's path is no field.
            let field = rest.split(['.', '(', ' ']).next().expect("a field");
            if !field.starts_with(char::is_lowercase) || kind.chars().all(char::is_uppercase) {
                continue;
            }
            seen += 1;
            if schema.type_field(kind, field).is_err() {
                broken.push(format!("{name}: `{word}`: no such field"));
            }
        }
    }
    assert!(seen > 10, "{seen}");
    report(&broken);
}

#[test]
fn every_code_on_a_page_is_in_the_schema_or_the_code() {
    let mut known = read("schema/ticketgraph.graphql");
    known.extend(files("src", ".rs").into_values());
    known.extend(files("crates", ".rs").into_values());
    known.extend(files("deploy", ".yaml").into_values());
    known.extend(files("config", ".toml").into_values());
    let names = known.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
    let known: BTreeSet<String> = names.flat_map(|word| [word.to_owned(), screaming_snake_case(word)]).collect();
    let mut broken = Vec::new();
    for (name, page) in pages() {
        for word in words(&page) {
            let is_code = word.contains('_')
                && word.chars().all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_');
            if is_code && !word.starts_with("TICKETGRAPH_") && !known.contains(&word) {
                broken.push(format!("{name}: `{word}`: nothing has this name"));
            }
        }
    }
    report(&broken);
}

/// Converts the name of an enum variant to the name that `strum` derives from it.
fn screaming_snake_case(variant: &str) -> String {
    let mut name = String::with_capacity(variant.len() + 4);
    for letter in variant.chars() {
        if letter.is_ascii_uppercase() && name.ends_with(|last: char| last.is_ascii_uppercase()) {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}
