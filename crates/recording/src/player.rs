//! Finds the sample that answers a request.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use url::form_urlencoded;

use crate::exchange_facts::{Fact, action, request_facts, similarity};
use crate::mask::WILDCARD;
use crate::policy;
use crate::sample::{Recording, Sample, SampleBody};

/// A request to a replayed vendor.
#[derive(Debug, Clone, Copy)]
pub struct ReplayRequest<'a> {
    /// HTTP method.
    pub method: &'a str,
    /// Path, encoded as it was sent.
    pub path: &'a str,
    /// Query, encoded as it was sent; empty if there is none.
    pub query: &'a str,
    /// Body.
    pub body: &'a [u8],
}

/// A request that was never recorded.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{method} {path_template} was not recorded")]
pub struct NotRecorded {
    /// HTTP method.
    pub method: String,
    /// Path with placeholders, and the SOAP method if there is one.
    pub path_template: String,
}

/// The samples of one source.
pub struct Player {
    requests: Vec<RecordedRequest>,
}

/// One request with its answers in the order of their recording.
struct RecordedRequest {
    method: String,
    path_template: Vec<String>,
    action: String,
    facts: Vec<Fact>,
    answers: Vec<Sample>,
    next: Mutex<usize>,
}

impl Player {
    /// Creates the player of a source. Exchanges without a response or without a recorded body are left out.
    pub fn new(recording: &Recording, source: &str) -> Self {
        let mut requests: BTreeMap<(String, String, String, Vec<Fact>), Vec<Sample>> = BTreeMap::new();
        let complete = recording
            .samples_of(source)
            .map(|(_, sample)| sample)
            .filter(|sample| sample.status.is_some() && sample.body.bytes().is_some());
        for sample in complete {
            let facts = request_facts(&sample.path, &sample.query, &sample.request_body);
            let request = (sample.method.clone(), sample.path_template.clone(), sample.action.clone(), facts);
            requests.entry(request).or_default().push(sample.clone());
        }
        let requests = requests.into_iter().map(|((method, template, action, facts), answers)| RecordedRequest {
            method,
            path_template: template.split('/').map(str::to_owned).collect(),
            action,
            facts,
            answers,
            next: Mutex::new(0),
        });
        Self { requests: requests.collect() }
    }

    /// Returns the answer to a request: that of the same request, or else that of the most similar one of the same method, path
    /// template and SOAP method. Several answers to the same request come in order, and the last one stays.
    pub fn answer(&self, request: &ReplayRequest<'_>) -> Result<&Sample, NotRecorded> {
        let action = action(request.body);
        let query: Vec<(String, String)> = form_urlencoded::parse(request.query.as_bytes()).into_owned().collect();
        let facts = request_facts(request.path, &query, &body(request.body));
        let is_candidate = |recorded: &&RecordedRequest| {
            recorded.method == request.method && recorded.action == action && recorded.has_path(request.path)
        };
        let score = |recorded: &RecordedRequest| {
            if recorded.facts == facts { 2.0 } else { similarity(&facts, &recorded.facts) }
        };
        let best = self.requests.iter().filter(is_candidate).max_by(|a, b| score(a).total_cmp(&score(b)));
        best.and_then(RecordedRequest::next_answer).ok_or_else(|| NotRecorded {
            method: request.method.to_owned(),
            path_template: template(request.path, &action),
        })
    }
}

impl RecordedRequest {
    fn has_path(&self, path: &str) -> bool {
        let segments: Vec<&str> = path.split('/').collect();
        segments.len() == self.path_template.len()
            && segments.iter().zip(&self.path_template).all(|(segment, part)| part == WILDCARD || part == segment)
    }

    fn next_answer(&self) -> Option<&Sample> {
        let mut next = self.next.lock();
        let answer = self.answers.get(*next).or_else(|| self.answers.last());
        *next += 1;
        answer
    }
}

fn body(bytes: &[u8]) -> SampleBody {
    if bytes.is_empty() {
        return SampleBody::Empty;
    }
    if let Ok(value) = serde_json::from_slice(bytes) {
        return SampleBody::Json(value);
    }
    let text = String::from_utf8_lossy(bytes).into_owned();
    if text.trim_start().starts_with('<') { SampleBody::Xml(text) } else { SampleBody::Text(text) }
}

fn template(path: &str, action: &str) -> String {
    let parts: Vec<&str> =
        path.split('/').map(|segment| if policy::keeps_segment(segment) { segment } else { WILDCARD }).collect();
    let separator = if action.is_empty() { "" } else { "#" };
    format!("{}{separator}{action}", parts.join("/"))
}
