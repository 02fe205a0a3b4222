//! Recorded vendor responses: one file per case, in `tests/fixtures/<vendor>/<operation>/<case>.{json,xml}`.
//!
//! A case whose name begins with three digits has that status. Each vendor's tests run a whole folder through its parser and its
//! mapping, so that a new file is a new row of the table. The responses are written after the vendors' documentation.

use std::path::{Path, PathBuf};

use domain::VendorError;

/// A vendor response.
#[derive(Clone)]
pub struct FixtureCase {
    /// Name of its file, without the extension.
    pub name: String,
    /// HTTP status.
    pub status: u16,
    /// Body.
    pub body: Vec<u8>,
    /// Extension of its file.
    pub extension: String,
}

impl FixtureCase {
    /// Creates a case without a file.
    pub fn new(name: &str, status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { name: name.to_owned(), status, body: body.into(), extension: "json".to_owned() }
    }
}

/// Loads every case of an operation, sorted by name. `folder` is `<vendor>/<operation>`.
pub fn load_cases(folder: &str) -> Vec<FixtureCase> {
    let read = |path: &Path| {
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name").to_owned();
        let status = name.get(..3).and_then(|digits| digits.parse().ok());
        let extension = path.extension().and_then(|extension| extension.to_str()).expect("an extension").to_owned();
        FixtureCase { status: status.unwrap_or(200), body: std::fs::read(path).expect("a fixture"), name, extension }
    };
    let path = fixtures().join(folder);
    let files = std::fs::read_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut cases: Vec<FixtureCase> = files.map(|file| read(&file.expect("a file").path())).collect();
    cases.sort_by(|a, b| (&a.name, &a.extension).cmp(&(&b.name, &b.extension)));
    assert!(!cases.is_empty(), "{folder} contains no case");
    cases
}

/// Loads one case of an operation by its file name.
pub fn load_case(folder: &str, file: &str) -> FixtureCase {
    let is_requested = |case: &FixtureCase| format!("{}.{}", case.name, case.extension) == file;
    load_cases(folder).into_iter().find(is_requested).unwrap_or_else(|| panic!("{folder} has no {file}"))
}

/// Returns the operations of a vendor that have cases.
pub fn fixture_operations(vendor: &str) -> Vec<String> {
    let folders = std::fs::read_dir(fixtures().join(vendor)).expect("a folder");
    let mut names: Vec<String> =
        folders.map(|folder| folder.expect("a folder").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures")
}

/// Describes an error in a table of results, without its cause, which is for the log.
pub fn error_summary(error: &VendorError) -> String {
    let wait = error.retry_after.map(|wait| format!(", wait {wait:?}")).unwrap_or_default();
    format!("{:?}, effect {:?}{wait}", error.kind, error.effect)
}

/// JSON that no vendor sends on purpose. Each must become a value or an error, never a panic.
pub fn hostile_json() -> Vec<(&'static str, Vec<u8>)> {
    let deep =
        |open: &str, close: &str, levels| format!("{}{}", open.repeat(levels), close.repeat(levels)).into_bytes();
    vec![
        ("nothing", Vec::new()),
        ("null", b"null".to_vec()),
        ("yes", b"true".to_vec()),
        ("text", b"\"harbor\"".to_vec()),
        ("a number", b"17".to_vec()),
        ("a number beyond all bounds", b"1e999999999".to_vec()),
        ("a number of a million digits", "9".repeat(1_000_000).into_bytes()),
        ("an empty list", b"[]".to_vec()),
        ("a list of nulls", b"[null, null]".to_vec()),
        ("an empty object", b"{}".to_vec()),
        ("lists in lists", deep("[", "]", 100_000)),
        ("objects in objects", deep("{\"entries\":", "}", 100_000)),
        ("an open end", b"{\"list\": [{\"id\": \"1\"".to_vec()),
        ("two answers", b"{} {}".to_vec()),
        ("no UTF-8", vec![b'{', b'"', 0xff, 0xfe, b'"', b'}']),
        ("a lone surrogate", b"{\"self\": \"\\ud800\"}".to_vec()),
        ("a byte order mark", b"\xef\xbb\xbf{}".to_vec()),
        ("HTML", b"<html><body>Bad Gateway</body></html>".to_vec()),
    ]
}
