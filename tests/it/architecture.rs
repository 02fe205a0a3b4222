//! House rules that no manifest can state, and the crate table of ARCHITECTURE.md held against `cargo metadata`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Crates that may depend on a framework, a database client or an HTTP client. Everything else stays free of them.
const FRAMEWORKS: &[(&str, &[&str])] = &[
    ("async-graphql", &["ticketgraph"]),
    ("axum", &["ticketgraph", "emulators", "testkit"]),
    ("hyper", &["ticketgraph", "emulators", "http-client"]),
    ("redis", &["store-redis"]),
    ("sqlx", &["store-sql"]),
];
/// Files that may hold an HTTP client; a vendor crate is handed `VendorHttpClient` and uses only the vocabulary of `reqwest`. The
/// webhook of notices and an edge are no vendors.
const HTTP_CLIENT_PLACES: &[&str] = &[
    "crates/edge/",
    // Sends webhooks as the vendor does.
    "crates/emulators/src/secutix/webhook.rs",
    "crates/http-client/",
    "crates/notifications/",
    "crates/sign-in/",
    "crates/telemetry/",
    "crates/testkit/",
    "src/gateway/auth/",
    "src/app/",
];
/// External crates that the domain may use.
const DOMAIN_DEPENDENCIES: &[&str] = &[
    "async-trait",
    "iso_currency",
    "jiff",
    "rust_decimal",
    "secrecy",
    "serde",
    "serde_json",
    "strum",
    "thiserror",
    "tokio",
    "url",
    "uuid",
];
/// Paths outside the vendor crates where code may name a vendor.
const VENDOR_PLACES: &[&str] = &[
    "crates/vendor-registry/",
    "crates/emulators/",
    "crates/sandbox-history/src/formats/",
    "crates/domain/src/source.rs",
];
/// Paths outside the vendor crates where code may name the protocol that a vendor's suppliers speak, because the service serves it, too.
const SERVED_PROTOCOL_PLACES: &[&str] = &[
    "crates/octo-facade/",
    "crates/store-sql/src/",
    "src/gateway/",
    "src/config/mod.rs",
    "src/config/octo.rs",
    "src/app/gateway_setup.rs",
    "src/app/reload.rs",
];
const VENDORS: &[&str] = &["acme", "octo", "secutix", "S-360", "ticketing", "tixngo"];

/// File names that do not say what a file holds.
const EMPTY_NAMES: &[&str] = &["utils", "util", "common", "types", "helpers", "helper", "misc"];
/// A file holds one idea; above this many lines it holds two.
const MAX_FILE_LINES: usize = 500;
/// ARCHITECTURE.md must stay a map.
const MAX_MAP_LINES: usize = 250;
/// `pub` type names that occur more than once in the workspace, beside [`ALLOWED_HOMONYMS`].
const MAX_HOMONYMS: usize = 29;
/// Names that every crate may define: each is qualified by its crate.
const ALLOWED_HOMONYMS: &[&str] = &["Error", "Settings"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Returns every Rust file below `folder`: its path from the root and its text.
fn rust_files(folder: &str) -> BTreeMap<String, String> {
    fn collect(folder: &Path, files: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(folder).expect("the folder is readable") {
            let path = entry.expect("the entry is readable").path();
            if path.is_dir() {
                collect(&path, files);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root()).expect("a path below the root").display().to_string();
                files.insert(name, fs::read_to_string(&path).expect("text"));
            }
        }
    }
    let mut files = BTreeMap::new();
    collect(&root().join(folder), &mut files);
    assert!(!files.is_empty(), "no Rust files in {folder}");
    files
}

/// Returns the files of the service and of all crates.
fn production_files() -> BTreeMap<String, String> {
    let mut files = rust_files("src");
    files.extend(rust_files("crates"));
    files
}

/// Returns the lines without comments, numbered from one.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| {
        let comment = if line.trim_start().starts_with("//") { Some(0) } else { line.find(" //") };
        (index + 1, &line[..comment.unwrap_or(line.len())])
    })
}

/// Returns the lines without comments, up to the test module at the end of the file.
fn production_code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    code(text).take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
}

fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/") || path.starts_with("crates/testkit/")
}

/// Returns the identifiers that follow `prefix` in a line.
fn names_after<'line>(line: &'line str, prefix: &'static str) -> impl Iterator<Item = &'line str> {
    line.split(prefix).skip(1).map(|rest| {
        let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len());
        &rest[..end]
    })
}

/// Returns the text between backticks.
fn backticked(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2))
}

fn assert_none(violations: &[String]) {
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

/// Returns each workspace crate with its normal dependencies: those of the workspace, and the external ones.
fn dependencies() -> BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo metadata runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("metadata in JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let names: BTreeSet<&str> = packages.iter().map(|package| package["name"].as_str().expect("a name")).collect();
    let split = |package: &Value| {
        let normal =
            package["dependencies"].as_array().expect("dependencies").iter().filter(|one| one["kind"].is_null());
        normal
            .map(|one| one["name"].as_str().expect("a name").to_owned())
            .partition(|name| names.contains(name.as_str()))
    };
    packages.iter().map(|package| (package["name"].as_str().expect("a name").to_owned(), split(package))).collect()
}

/// Returns the table in ARCHITECTURE.md: crate and the crates that it may depend on.
fn documented_dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let map = read("ARCHITECTURE.md");
    let table = map.lines().skip_while(|line| !line.starts_with("| crate |")).skip(2);
    table
        .take_while(|line| line.starts_with('|'))
        .map(|row| {
            let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
            assert!(cells.len() >= 4, "a crate, its dependencies, its invariant, its entry point: {row}");
            for (cell, content) in cells.iter().zip(["name", "dependencies", "invariant", "entry point"]) {
                assert!(!cell.trim().is_empty(), "no {content}: {row}");
            }
            let name = backticked(cells[0]).next().expect("a name in backticks").to_owned();
            (name, backticked(cells[1]).map(str::to_owned).collect())
        })
        .collect()
}

#[test]
fn the_crate_table_of_the_architecture_is_what_the_manifests_state() {
    let manifests: BTreeMap<String, BTreeSet<String>> =
        dependencies().into_iter().map(|(name, (internal, _))| (name, internal)).collect();
    assert_eq!(documented_dependencies(), manifests, "left: the table in ARCHITECTURE.md, right: the manifests");
}

#[test]
fn frameworks_databases_and_clients_stay_in_their_crates() {
    let mut violations = Vec::new();
    for (name, (_, external)) in dependencies() {
        for (framework, crates) in FRAMEWORKS {
            if external.contains(*framework) && !crates.contains(&name.as_str()) {
                violations.push(format!("{name} may not depend on {framework}"));
            }
        }
    }
    assert_none(&violations);
}

#[test]
fn only_the_http_client_crate_calls_vendors() {
    let mut violations = Vec::new();
    for (path, text) in production_files() {
        if HTTP_CLIENT_PLACES.iter().any(|place| path.starts_with(place)) || is_test_file(&path) {
            continue;
        }
        for (number, line) in production_code(&text).filter(|(_, line)| line.contains("reqwest::Client")) {
            violations.push(format!("{path}:{number}: {}", line.trim()));
        }
    }
    assert_none(&violations);
}

#[test]
fn the_domain_depends_on_nothing_but_value_crates() {
    let all = dependencies();
    let (internal, external) = &all["domain"];
    assert!(internal.is_empty(), "{internal:?}");
    let foreign: Vec<_> = external.iter().filter(|name| !DOMAIN_DEPENDENCIES.contains(&name.as_str())).collect();
    assert!(foreign.is_empty(), "{foreign:?}");
}

#[test]
fn emulators_share_no_code_with_a_vendor_client() {
    let all = dependencies();
    let (internal, _) = &all["emulators"];
    let shared: Vec<_> = internal.iter().filter(|name| name.starts_with("vendor-")).collect();
    assert!(shared.is_empty(), "{shared:?}");
}

#[test]
fn only_the_registry_depends_on_vendor_crates() {
    let vendors: BTreeSet<String> =
        dependencies().into_keys().filter(|name| read_vendor_folder().contains(name)).collect();
    assert!(!vendors.is_empty(), "no vendor crates");
    let mut violations = Vec::new();
    for (name, (internal, _)) in dependencies() {
        if name != "vendor-registry" {
            violations.extend(internal.intersection(&vendors).map(|vendor| format!("{name} depends on {vendor}")));
        }
    }
    assert_none(&violations);
}

fn read_vendor_folder() -> BTreeSet<String> {
    let entries = fs::read_dir(root().join("crates/vendors")).expect("crates/vendors");
    entries.map(|entry| format!("vendor-{}", entry.expect("an entry").file_name().to_string_lossy())).collect()
}

#[test]
fn the_architecture_stays_a_map() {
    let lines = read("ARCHITECTURE.md").lines().count();
    assert!(lines <= MAX_MAP_LINES, "ARCHITECTURE.md has {lines} lines, more than {MAX_MAP_LINES}");
}

#[test]
fn public_type_names_are_unique_in_the_workspace() {
    let mut definitions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (path, text) in production_files() {
        if is_test_file(&path) {
            continue;
        }
        for (number, line) in production_code(&text) {
            for kind in ["pub struct ", "pub enum ", "pub trait ", "pub type ", "pub union "] {
                let Some(rest) = line.trim_start().strip_prefix(kind) else { continue };
                let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len());
                definitions.entry(rest[..end].to_owned()).or_default().push(format!("{path}:{number}"));
            }
        }
    }
    // The two files of one module that a feature switches between define the same names.
    definitions.values_mut().for_each(|places| places.retain(|place| !place.starts_with("src/app/no_sandbox.rs")));
    definitions.retain(|name, places| places.len() > 1 && !ALLOWED_HOMONYMS.contains(&name.as_str()));
    assert!(
        definitions.len() <= MAX_HOMONYMS,
        "{} names are defined more than once: {definitions:#?}",
        definitions.len()
    );
}

#[test]
fn a_vendor_is_named_only_where_vendors_live() {
    let mut violations = Vec::new();
    for (path, text) in production_files() {
        if path.starts_with("crates/vendors/")
            || VENDOR_PLACES.iter().any(|place| path.starts_with(place))
            || is_test_file(&path)
        {
            continue;
        }
        for (number, line) in production_code(&text) {
            let is_served =
                |vendor: &str| vendor == "octo" && SERVED_PROTOCOL_PLACES.iter().any(|place| path.starts_with(place));
            for vendor in VENDORS.iter().filter(|vendor| names_vendor(line, vendor) && !is_served(vendor)) {
                violations.push(format!("{path}:{number}: names {vendor}"));
            }
        }
    }
    assert_none(&violations);
}

/// Returns true if a line of code names the vendor. Some names are also plain words or parts of them: in lower case they count as a
/// name only as a whole string or a module.
fn names_vendor(line: &str, vendor: &str) -> bool {
    let names: &[&str] = match vendor {
        "ticketing" => &["TickeTing", "Ticketing", "\"ticketing\"", "ticketing::", "::ticketing", "mod ticketing"],
        "octo" => &["OCTO", "::Octo", "OctoEmulator", "\"octo\"", "octo::", "::octo", "mod octo"],
        _ => return line.to_lowercase().contains(&vendor.to_lowercase()),
    };
    names.iter().any(|name| line.contains(name))
}

#[test]
fn every_file_opens_with_its_purpose_and_holds_one_idea() {
    let mut violations = Vec::new();
    let mut files = production_files();
    files.extend(rust_files("tests"));
    files.extend(rust_files("examples"));
    for (path, text) in files {
        if !text.starts_with("//! ") {
            violations.push(format!("{path}: does not open with a `//!` line"));
        }
        let lines = text.lines().count();
        if lines > MAX_FILE_LINES {
            violations.push(format!("{path}: {lines} lines; split it"));
        }
        let name = path.rsplit('/').next().and_then(|file| file.strip_suffix(".rs")).expect("a Rust file");
        let folder = path.rsplit('/').nth(1).unwrap_or_default();
        if EMPTY_NAMES.contains(&name) || EMPTY_NAMES.contains(&folder) {
            violations.push(format!("{path}: the name does not say what it holds"));
        }
    }
    assert_none(&violations);
}

#[test]
fn every_crate_has_a_readme_with_its_invariant() {
    let mut violations = Vec::new();
    for name in dependencies().into_keys().filter(|name| name != "ticketgraph") {
        let folder = match name.strip_prefix("vendor-").filter(|_| read_vendor_folder().contains(&name)) {
            Some(vendor) => format!("crates/vendors/{vendor}"),
            None => format!("crates/{name}"),
        };
        match fs::read_to_string(root().join(&folder).join("README.md")) {
            Ok(text) if text.to_lowercase().contains("invariant") => {}
            Ok(_) => violations.push(format!("{folder}/README.md states no invariant")),
            Err(_) => violations.push(format!("{folder}/README.md is missing")),
        }
    }
    assert_none(&violations);
}

#[test]
fn documents_name_things_that_exist() {
    let source: String = production_files().into_values().collect();
    let makefile = read("Makefile");
    let crates: BTreeSet<String> = dependencies().into_keys().collect();
    let mut violations = Vec::new();
    for document in ["ARCHITECTURE.md", "GLOSSARY.md", "CONTRIBUTING.md", "README.md"] {
        for word in backticked(&read(document)).filter(|word| !crates.contains(*word)) {
            if let Err(reason) = exists(word, &source, &makefile) {
                violations.push(format!("{document}: `{word}`: {reason}"));
            }
        }
    }
    assert_none(&violations);
}

/// Checks a backticked word that looks like a path, a make target or a type. Other words are not judged.
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
