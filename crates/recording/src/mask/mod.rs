//! Masks the parts of an exchange.

mod html;
mod xml;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Number, Value};
use url::Url;

use crate::policy::{self, KeyContext, KeyRules};
use crate::pseudonym::{NoRandomness, Pseudonyms};
use crate::sample::SampleBody;

/// UTF-8 byte order mark, which JSON may begin with.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// Placeholder of a masked segment in a template.
pub(crate) const WILDCARD: &str = "{}";
/// Characters between the parts of a text without blanks, such as a list of ids or a login of two names.
const SEPARATORS: &[char] = &[',', ';', '/', '?', '&', '=', ':', '|', '_'];

/// Replaces the values of one recording by pseudonyms. The same value has the same pseudonym everywhere.
pub struct Masker {
    pseudonyms: Pseudonyms,
}

/// A masked path: the path itself, and its template with a placeholder for each masked segment.
#[derive(Debug, PartialEq, Eq)]
pub struct MaskedPath {
    /// Path with pseudonyms.
    pub path: String,
    /// Path with placeholders.
    pub template: String,
}

impl Masker {
    /// Creates a masker with a random key, which is kept nowhere else.
    pub fn new() -> Result<Self, NoRandomness> {
        Ok(Self { pseudonyms: Pseudonyms::random()? })
    }

    /// Masks the path of a URL. Segments in lower-case letters, versions and names of methods are kept, unless they are missing from the
    /// path to display: then they are a secret.
    pub fn path(&self, url: &Url, display_path: Option<&str>) -> MaskedPath {
        let is_displayed = |segment: &str| {
            display_path.is_none_or(|path| policy::is_version(segment) || path.split('/').any(|part| part == segment))
        };
        let (mut masked, mut template) = (url.clone(), Vec::new());
        masked.set_query(None);
        if let Ok(mut segments) = masked.path_segments_mut() {
            segments.clear();
            for segment in url.path_segments().into_iter().flatten() {
                let decoded = percent_decode_str(segment).decode_utf8_lossy();
                if policy::keeps_segment(&decoded) && is_displayed(&decoded) {
                    segments.push(&decoded);
                    template.push(decoded.into_owned());
                } else {
                    segments.push(&self.parts(&decoded));
                    template.push(WILDCARD.to_owned());
                }
            }
        }
        MaskedPath { path: masked.path().to_owned(), template: format!("/{}", template.join("/")) }
    }

    /// Masks the query of a URL.
    pub fn query(&self, url: &Url) -> Vec<(String, String)> {
        self.pairs(url.query().unwrap_or_default().as_bytes())
    }

    fn pairs(&self, encoded: &[u8]) -> Vec<(String, String)> {
        let pairs = url::form_urlencoded::parse(encoded);
        let keys: Vec<_> = pairs.map(|(key, _)| key).collect();
        let place = KeyRules::default().inside(keys.iter().map(AsRef::as_ref));
        pairs.map(|(key, value)| (self.key(&key), self.text(KeyRules::of(&key, place), &value))).collect()
    }

    /// Masks a body: JSON and XML by their structure, everything else as a whole.
    pub fn body(&self, bytes: &[u8]) -> SampleBody {
        let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
        if bytes.is_empty() {
            return SampleBody::Empty;
        }
        if let Ok(value) = serde_json::from_slice(bytes) {
            return SampleBody::Json(self.json(KeyRules::default(), value));
        }
        let Ok(text) = std::str::from_utf8(bytes) else { return SampleBody::Binary(bytes.len() as u64) };
        if let Some(masked) = xml::mask(self, text) {
            return SampleBody::Xml(masked);
        }
        SampleBody::Text(if html::has_tags(text) { html::mask(self, text) } else { self.pseudonyms.of(text) })
    }

    /// Masks a whole number that is a setting of a source.
    pub fn setting_number(&self, key: &str, number: i64) -> i64 {
        if policy::keeps_setting_number(key, &number.to_string()) {
            return number;
        }
        self.number(KeyRules::of(key, KeyContext::default()), number.into()).as_i64().unwrap_or_default()
    }

    /// Masks a setting of a source. Words of settings such as `soap` and `same_uuid` are kept, except names and logins.
    pub fn setting(&self, key: &str, text: &str) -> String {
        if policy::keeps_setting(key, text) {
            text.to_owned()
        } else {
            self.text(KeyRules::of(key, KeyContext::default()), text)
        }
    }

    fn json(&self, rules: KeyRules, value: Value) -> Value {
        match value {
            Value::Null | Value::Bool(_) => value,
            Value::Number(number) => Value::Number(self.number(rules, number)),
            Value::String(text) => Value::String(self.text(rules, &text)),
            Value::Array(items) => items.into_iter().map(|item| self.json(rules, item)).collect(),
            Value::Object(members) => {
                let place = rules.inside(members.keys().map(String::as_str));
                let mut masked: Vec<(String, Value)> = members
                    .into_iter()
                    .map(|(key, value)| (self.key(&key), self.json(KeyRules::of(&key, place), value)))
                    .collect();
                masked.sort_by(|(a, _), (b, _)| a.cmp(b));
                Value::Object(masked.into_iter().collect::<Map<_, _>>())
            }
        }
    }

    fn number(&self, rules: KeyRules, number: Number) -> Number {
        let text = number.to_string();
        if rules.keeps_number(&text) {
            return number;
        }
        let digits = text.strip_prefix('-').unwrap_or(&text);
        let sign = &text[..text.len() - digits.len()];
        // A fraction or an exponent that is not kept is dropped: what is left has the number's type, and its size in digits.
        let whole = digits.split(['.', 'e', 'E']).next().unwrap_or_default();
        let fraction = if whole.len() < digits.len() { ".5" } else { "" };
        let masked = format!("{sign}{}{fraction}", self.pseudonyms.of(whole));
        serde_json::from_str(&masked).unwrap_or_else(|_| Number::from(0))
    }

    /// Masks a text that stands under a key.
    fn text(&self, rules: KeyRules, text: &str) -> String {
        if rules.keeps_text(text) { text.to_owned() } else { self.parts(text) }
    }

    /// Masks a text: one with blanks as a whole, one without in its parts, so that an id in a list or a URL has the pseudonym that it
    /// has alone.
    fn parts(&self, text: &str) -> String {
        if text.contains(char::is_whitespace) {
            return self.pseudonyms.of(text);
        }
        // A URL has to remain one.
        let scheme = ["https://", "http://"].into_iter().find(|scheme| text.starts_with(scheme)).unwrap_or_default();
        let mut masked = scheme.to_owned();
        for part in text[scheme.len()..].split_inclusive(SEPARATORS) {
            let value = part.trim_end_matches(SEPARATORS);
            masked.push_str(&self.pseudonyms.of(value));
            masked.push_str(&part[value.len()..]);
        }
        masked
    }

    fn key(&self, key: &str) -> String {
        if policy::keeps_key(key) { key.to_owned() } else { self.parts(key) }
    }

    /// Masks the value of a response header. Only headers that are kept are passed here.
    pub(crate) fn header(&self, name: &str, value: &str) -> String {
        let is_kept = match name {
            "content-type" => {
                let media = value.split(';').next().unwrap_or_default().trim();
                media.len() <= 60
                    && media.bytes().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'/' | b'-' | b'+' | b'.'))
            }
            _ => policy::is_small_number(value) || is_http_date(value),
        };
        match name {
            // The rest are parameters: boundaries and names of files.
            "content-type" if is_kept => {
                let media = value.split(';').next().unwrap_or_default().trim();
                let is_utf8 = value.to_ascii_lowercase().contains("charset=utf-8");
                if is_utf8 { format!("{media}; charset=utf-8") } else { media.to_owned() }
            }
            _ if is_kept => value.to_owned(),
            _ => self.pseudonyms.of(value),
        }
    }
}

/// Returns true for a date as HTTP writes it: `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7).
fn is_http_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split(' ').collect();
    let [weekday, day, month, year, time, "GMT"] = parts.as_slice() else { return false };
    let is_short_word = |word: &str| word.len() == 3 && word.bytes().all(|byte| byte.is_ascii_alphabetic());
    let is_day = day.len() == 2 && day.bytes().all(|byte| byte.is_ascii_digit());
    let is_year = year.len() == 4 && year.bytes().all(|byte| byte.is_ascii_digit());
    weekday.strip_suffix(',').is_some_and(is_short_word)
        && is_day
        && is_short_word(month)
        && is_year
        && policy::is_iso_time(time)
}

#[cfg(test)]
mod tests;
