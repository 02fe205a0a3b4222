//! The house rules that a compiler does not keep: walls between rooms, names, sizes, and documents that speak of real things.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Which rooms a room may import, itself aside. ARCHITECTURE.md shows the same table to people.
const WALLS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("telemetry", &[]),
    ("config", &["domain"]),
    ("transport", &["domain", "telemetry"]),
    ("vendors", &["domain", "transport", "telemetry"]),
    ("layers", &["domain", "telemetry"]),
    ("federation", &["domain"]),
    ("orders", &["domain", "telemetry"]),
    ("edits", &["domain", "orders", "telemetry"]),
    ("delivery", &["domain", "orders"]),
    ("partners", &["domain", "orders"]),
    ("store", &["domain", "layers", "orders", "edits", "delivery", "partners"]),
    ("graphql", &["domain", "federation", "orders", "edits", "delivery", "partners"]),
    ("server", &["graphql", "telemetry"]),
    ("sandbox", &["domain", "vendors"]),
];
/// The composition root and the binary: they know every room.
const OPEN: &[&str] = &["app", "lib", "main"];

/// The rooms that may know of a framework, a database or a client of the network.
const KNOWLEDGE: &[(&str, &[&str])] = &[
    ("async_graphql", &["graphql", "server"]),
    ("axum::", &["server", "sandbox"]),
    ("hyper", &["server", "sandbox"]),
    ("reqwest::Client", &["transport", "telemetry"]),
    ("redis::", &["store"]),
    ("sqlx::", &["store"]),
];
/// All that the domain may use beside the standard library.
const DOMAIN_CRATES: &[&str] =
    &["serde", "jiff", "rust_decimal", "iso_currency", "uuid", "secrecy", "async_trait", "thiserror"];

/// One breach that is known and not yet decided: a stanza hands a vendor its own keys as TOML. The test fails when it is gone, so
/// that this line goes too.
const DOMAIN_BREACH: (&str, &str) = ("src/domain/stanza.rs", "toml");

/// Where the code may name a vendor, beside the vendors' own folders.
const VENDOR_PLACES: &[&str] =
    &["src/vendors/mod.rs", "src/sandbox/", "src/domain/source.rs", "src/graphql/sources/vendor_kind.rs"];
const VENDORS: &[&str] = &["acme", "secutix", "ticketing", "tixngo"];

/// Names that say nothing about what a file holds.
const EMPTY_NAMES: &[&str] = &["utils", "util", "common", "types", "helpers", "helper", "misc"];
/// A file holds one idea; above this many lines it holds two.
const LONGEST_FILE: usize = 500;
/// The map of the house must stay a map.
const LONGEST_MAP: usize = 200;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|why| panic!("{path}: {why}"))
}

/// Every Rust file below `folder`, by its path from the root, with its text.
fn rust_files(folder: &str) -> BTreeMap<String, String> {
    fn walk(folder: &Path, found: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(folder).expect("the folder can be read") {
            let path = entry.expect("the entry can be read").path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let name = path.strip_prefix(root()).expect("below the root").display().to_string();
                found.insert(name, fs::read_to_string(&path).expect("text"));
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(&root().join(folder), &mut found);
    assert!(!found.is_empty(), "no Rust files in {folder}");
    found
}

/// The room a file of `src` belongs to: its folder, or its own name where it lies in `src` itself.
fn room(path: &str) -> &str {
    let inside = path.strip_prefix("src/").expect("a path in src");
    inside.split_once('/').map_or(inside.trim_end_matches(".rs"), |(folder, _)| folder)
}

/// The lines without comments, numbered from one.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(at, line)| {
        let comment = if line.trim_start().starts_with("//") { Some(0) } else { line.find(" //") };
        (at + 1, &line[..comment.unwrap_or(line.len())])
    })
}

/// The lines without comments, up to the tests at the end: those may borrow from other rooms.
fn shipped_code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    code(text).take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
}

fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

/// The names that follow `prefix` in a line.
fn names_after<'line>(line: &'line str, prefix: &'static str) -> impl Iterator<Item = &'line str> {
    line.split(prefix).skip(1).map(|rest| {
        let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len());
        &rest[..end]
    })
}

/// What stands between backticks.
fn backticked(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2))
}

fn report(broken: &[String]) {
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn rooms_import_only_what_their_walls_allow() {
    let walls: BTreeMap<_, _> = WALLS.iter().copied().collect();
    let mut broken = Vec::new();
    for (path, text) in rust_files("src") {
        let here = room(&path);
        if OPEN.contains(&here) || is_test_file(&path) {
            continue;
        }
        let Some(allowed) = walls.get(here) else {
            broken.push(format!("{path}: the room {here} has no row in the table of walls"));
            continue;
        };
        for (at, line) in shipped_code(&text) {
            for there in names_after(line, "crate::") {
                if there != here && !allowed.contains(&there) {
                    broken.push(format!("{path}:{at}: {here} may not import {there}"));
                }
            }
        }
    }
    report(&broken);
}

#[test]
fn frameworks_databases_and_clients_stay_in_their_rooms() {
    let mut broken = Vec::new();
    for (path, text) in rust_files("src") {
        let here = room(&path);
        if OPEN.contains(&here) || is_test_file(&path) {
            continue;
        }
        for (at, line) in shipped_code(&text) {
            for (word, rooms) in KNOWLEDGE {
                if line.contains(word) && !rooms.contains(&here) {
                    broken.push(format!("{path}:{at}: {here} may not know {word}"));
                }
            }
        }
    }
    report(&broken);
}

#[test]
fn the_domain_uses_only_crates_for_words() {
    let manifest = read("Cargo.toml");
    let dependencies: BTreeSet<String> = manifest
        .lines()
        .skip_while(|line| *line != "[dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, _)| name.replace('-', "_"))
        .collect();
    assert!(dependencies.contains("serde"), "the dependencies can be read off Cargo.toml");
    let mut broken = Vec::new();
    let mut breach_is_there = false;
    for (path, text) in rust_files("src/domain") {
        for (at, line) in shipped_code(&text) {
            for name in dependencies.iter().filter(|name| !DOMAIN_CRATES.contains(&name.as_str())) {
                if !starts_a_path(line, name) {
                    continue;
                }
                if (path.as_str(), name.as_str()) == DOMAIN_BREACH {
                    breach_is_there = true;
                } else {
                    broken.push(format!("{path}:{at}: the domain may not use {name}"));
                }
            }
        }
    }
    report(&broken);
    assert!(breach_is_there, "{DOMAIN_BREACH:?} is gone: take the exception away");
}

/// Whether a path in the line begins with that crate.
fn starts_a_path(line: &str, name: &str) -> bool {
    let inside_a_name = |before: char| before.is_alphanumeric() || before == '_' || before == ':';
    line.match_indices(name)
        .any(|(start, _)| line[start + name.len()..].starts_with("::") && !line[..start].ends_with(inside_a_name))
}

#[test]
fn the_map_shows_the_walls_that_are_kept() {
    let here: BTreeSet<String> = rust_files("src").keys().map(|path| room(path).to_owned()).collect();
    let kept: BTreeMap<String, BTreeSet<String>> = WALLS
        .iter()
        .filter(|(room, _)| here.contains(*room))
        .map(|(room, allowed)| (room.to_string(), allowed.iter().map(ToString::to_string).collect()))
        .collect();
    let shown: BTreeMap<String, BTreeSet<String>> = read("ARCHITECTURE.md")
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .map(|row| {
            let (room, rest) = row.split_once("` |").expect("a room in backticks");
            let imports = rest.split('|').next().expect("a second column");
            (room.to_owned(), backticked(imports).map(str::to_owned).collect())
        })
        .filter(|(room, _)| !OPEN.contains(&room.as_str()))
        .collect();
    assert_eq!(shown, kept, "left: the table in ARCHITECTURE.md, right: the walls of this test for the rooms in src");
}

#[test]
fn the_map_describes_every_room_and_stays_a_map() {
    let map = read("ARCHITECTURE.md");
    let rooms: BTreeSet<String> = rust_files("src").keys().map(|path| room(path).to_owned()).collect();
    let missing: Vec<String> = rooms
        .iter()
        .filter(|room| !map.contains(&format!("\n- `src/{room}")))
        .map(|room| format!("ARCHITECTURE.md has no line on src/{room}"))
        .collect();
    report(&missing);
    assert!(map.lines().count() <= LONGEST_MAP, "ARCHITECTURE.md is longer than {LONGEST_MAP} lines");
}

#[test]
fn imports_are_one_a_line_and_say_where_from() {
    let mut broken = Vec::new();
    for (path, text) in rust_files("src") {
        for (at, line) in code(&text) {
            for word in ["use crate::{", "super::super", "macro_rules!"] {
                if line.contains(word) {
                    broken.push(format!("{path}:{at}: {word}"));
                }
            }
        }
    }
    report(&broken);
}

#[test]
fn a_vendor_is_named_only_where_vendors_live() {
    let mut broken = Vec::new();
    for (path, text) in rust_files("src") {
        if VENDOR_PLACES.iter().any(|place| path.starts_with(place)) || is_test_file(&path) {
            continue;
        }
        for (at, line) in shipped_code(&text) {
            for vendor in VENDORS.iter().filter(|vendor| names_vendor(line, vendor)) {
                if !path.starts_with(&format!("src/vendors/{vendor}/"))
                    && !path.starts_with(&format!("src/vendors/{vendor}."))
                {
                    broken.push(format!("{path}:{at}: names {vendor}"));
                }
            }
        }
    }
    report(&broken);
}

/// Whether a line of code names the vendor. One vendor's name is also a plain word: lower-case it counts as a name only where it
/// is a whole string or a module.
fn names_vendor(line: &str, vendor: &str) -> bool {
    if vendor != "ticketing" {
        return line.to_lowercase().contains(vendor);
    }
    ["TickeTing", "Ticketing", "\"ticketing\"", "ticketing::", "::ticketing", "mod ticketing"]
        .iter()
        .any(|name| line.contains(name))
}

#[test]
fn every_file_says_what_it_holds_and_holds_one_idea() {
    let mut broken = Vec::new();
    let mut files = rust_files("src");
    files.extend(rust_files("tests"));
    for (path, text) in files {
        if !text.starts_with("//! ") {
            broken.push(format!("{path}: does not open with a line that says what it holds"));
        }
        let lines = text.lines().count();
        if lines > LONGEST_FILE {
            broken.push(format!("{path}: {lines} lines; split it by what it holds"));
        }
        let name = path.rsplit('/').next().and_then(|file| file.strip_suffix(".rs")).expect("a Rust file");
        let folder = path.rsplit('/').nth(1).unwrap_or_default();
        if EMPTY_NAMES.contains(&name) || EMPTY_NAMES.contains(&folder) {
            broken.push(format!("{path}: a name that says nothing"));
        }
    }
    report(&broken);
}

#[test]
fn documents_speak_of_things_that_exist() {
    let source: String = rust_files("src").into_values().collect();
    let makefile = read("Makefile");
    let mut broken = Vec::new();
    for document in ["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md"] {
        for word in backticked(&read(document)) {
            if let Err(why) = exists(word, &source, &makefile) {
                broken.push(format!("{document}: `{word}`: {why}"));
            }
        }
    }
    report(&broken);
}

/// Whether a backticked word that looks like a path, a make target or a type is one. Other words are not judged.
fn exists(word: &str, source: &str, makefile: &str) -> Result<(), &'static str> {
    let path_like = word.contains('/') && !word.starts_with('/') && !word.contains([' ', '<', '*', ':', '{', '@']);
    if let Some(target) = word.strip_prefix("make ") {
        let target = target.split(' ').next().unwrap_or_default();
        return makefile.contains(&format!("\n{target}:")).then_some(()).ok_or("no such target");
    }
    if root().join(word).exists() {
        return Ok(());
    }
    if path_like || word.ends_with(".rs") || word.ends_with(".md") || word.ends_with(".toml") {
        return Err("no such path");
    }
    let type_like = word.starts_with(|first: char| first.is_ascii_uppercase())
        && word.contains(|letter: char| letter.is_ascii_lowercase())
        && word.chars().all(|letter| letter.is_ascii_alphanumeric());
    if type_like {
        let declared = ["struct ", "enum ", "trait ", "type "]
            .iter()
            .any(|kind| names_after(source, kind).any(|name| name == word));
        return declared.then_some(()).ok_or("no such type");
    }
    Ok(())
}
