//! Answers of vendors, made by us after their papers, and a server on loopback that gives them.
//!
//! An answer stands in `tests/fixtures/<vendor>/<operation>/<case>.{json,xml}`; a case whose name begins with three digits comes with
//! that status. Each vendor's own tests put a whole folder through its parser and its mapping: a new file is a new row of the table.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Bytes;
use axum::http::{StatusCode, Uri, header};
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use domain::{Budget, SourceId, VendorError};
use http_client::Transport;

/// An answer of a vendor.
#[derive(Clone)]
pub struct Case {
    /// The name of its file, without the ending.
    pub name: String,
    /// The status that it comes with.
    pub status: u16,
    /// What it says.
    pub body: Vec<u8>,
    /// The ending of its file.
    pub ending: String,
}

impl Case {
    /// A case that needs no file.
    pub fn new(name: &str, status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { name: name.to_owned(), status, body: body.into(), ending: "json".to_owned() }
    }
}

/// Every case of an operation, by name. `folder` is `<vendor>/<operation>`.
pub fn cases(folder: &str) -> Vec<Case> {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures").join(folder);
    let read = |path: &Path| {
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name").to_owned();
        let told = name.get(..3).and_then(|digits| digits.parse().ok());
        let ending = path.extension().and_then(|ending| ending.to_str()).expect("an ending").to_owned();
        Case { status: told.unwrap_or(200), body: std::fs::read(path).expect("a fixture"), name, ending }
    };
    let files = std::fs::read_dir(&place).unwrap_or_else(|why| panic!("{}: {why}", place.display()));
    let mut cases: Vec<Case> = files.map(|file| read(&file.expect("a file").path())).collect();
    cases.sort_by(|a, b| (&a.name, &a.ending).cmp(&(&b.name, &b.ending)));
    assert!(!cases.is_empty(), "{folder} holds no case");
    cases
}

/// One case of an operation, by the whole name of its file.
pub fn case(folder: &str, file: &str) -> Case {
    let is_it = |case: &Case| format!("{}.{}", case.name, case.ending) == file;
    cases(folder).into_iter().find(is_it).unwrap_or_else(|| panic!("{folder} has no {file}"))
}

/// The operations of a vendor that have cases.
pub fn operations(vendor: &str) -> Vec<String> {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures").join(vendor);
    let folders = std::fs::read_dir(place).expect("a folder");
    let mut names: Vec<String> =
        folders.map(|folder| folder.expect("a folder").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// A vendor that gives prepared answers, whatever it is asked, and notes what that was.
pub struct Prompter {
    /// Leads to it.
    pub transport: Transport,
    /// Its address.
    pub base: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Prompter {
    /// Gives the answers in their order; the last one again and again.
    pub async fn giving(answers: Vec<Case>) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (noted, left) = (Arc::clone(&asked), Arc::new(Mutex::new(VecDeque::from(answers))));
        let give = move |uri: Uri, body: Bytes| {
            let told = format!("{} {}", uri.path(), String::from_utf8_lossy(&body));
            noted.lock().expect("the notes").push(told.trim_end().to_owned());
            let mut left = left.lock().expect("the answers");
            let answer = if left.len() > 1 { left.pop_front() } else { left.front().cloned() };
            let answer = answer.expect("an answer");
            let status = StatusCode::from_u16(answer.status).expect("a status");
            std::future::ready((status, [(header::CONTENT_TYPE, "application/octet-stream")], answer.body))
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let app = Router::new().fallback(give);
        TaskTracker::new().spawn(async move { axum::serve(listener, app).await });
        let client = http_client::client().expect("a client");
        let transport =
            Transport::new(client, SourceId::new("rehearsal"), Arc::new(Boundless), Duration::from_secs(10));
        Self { transport, base, asked }
    }

    /// Path and body of each call so far.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("the notes").clone()
    }
}

/// An error as tables show it: without its cause, which is for the log.
pub fn told(error: &VendorError) -> String {
    let wait = error.retry_after.map(|wait| format!(", wait {wait:?}")).unwrap_or_default();
    format!("{:?}, effect {:?}{wait}", error.kind, error.effect)
}

/// JSON that no vendor means, and some that none could: each must be an answer or an error, never a panic.
pub fn hostile_json() -> Vec<(&'static str, Vec<u8>)> {
    let deep =
        |open: &str, close: &str, levels| format!("{}{}", open.repeat(levels), close.repeat(levels)).into_bytes();
    vec![
        ("nothing", Vec::new()),
        ("null", b"null".to_vec()),
        ("yes", b"true".to_vec()),
        ("text", b"\"harbour\"".to_vec()),
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

/// A budget that never runs out.
struct Boundless;

#[async_trait]
impl Budget for Boundless {
    async fn take(&self, _: bool) -> Result<(), Duration> {
        Ok(())
    }
    fn pause(&self, _: Duration) {}
    fn remaining(&self) -> Option<u32> {
        None
    }
}
