//! URLs from vendors that clients may load.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::Url;

/// An absolute http or https URL with a host, without user name and password, in the normal form of the URL standard. Every
/// other text is refused, so no script, data or credential of a vendor reaches a page that shows it.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WebUrl(String);

/// A text that is not a [`WebUrl`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an absolute http or https URL")]
pub struct InvalidWebUrl;

/// The first usable URL of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstWebUrl {
    /// The URL. `None` if no candidate is usable.
    pub url: Option<WebUrl>,
    /// Number of candidates before it that were refused.
    pub refused: usize,
}

impl WebUrl {
    /// Parses a URL of a vendor; a relative one is resolved against the vendor's own address.
    pub fn resolve(text: &str, base: Option<&Url>) -> Result<Self, InvalidWebUrl> {
        let text = text.trim_matches(' ');
        // The parser of the standard drops tabs and line breaks, so that they would hide a scheme from other readers.
        if text.is_empty() || text.contains(char::is_control) {
            return Err(InvalidWebUrl);
        }
        let url = Url::options().base_url(base).parse(text).map_err(|_| InvalidWebUrl)?;
        let is_web = matches!(url.scheme(), "http" | "https") && url.has_host();
        let is_anonymous = url.username().is_empty() && url.password().is_none();
        if is_web && is_anonymous { Ok(Self(url.into())) } else { Err(InvalidWebUrl) }
    }

    /// Returns the first usable URL. Empty texts count as absent.
    pub fn first<'a>(candidates: impl IntoIterator<Item = &'a str>, base: Option<&Url>) -> FirstWebUrl {
        let mut refused = 0;
        for text in candidates.into_iter().filter(|text| !text.trim().is_empty()) {
            match Self::resolve(text, base) {
                Ok(url) => return FirstWebUrl { url: Some(url), refused },
                Err(InvalidWebUrl) => refused += 1,
            }
        }
        FirstWebUrl { url: None, refused }
    }

    /// Returns the URL as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for WebUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, formatter)
    }
}

impl TryFrom<String> for WebUrl {
    type Error = InvalidWebUrl;

    fn try_from(text: String) -> Result<Self, InvalidWebUrl> {
        Self::resolve(&text, None)
    }
}

impl From<WebUrl> for String {
    fn from(url: WebUrl) -> Self {
        url.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_anonymous_web_addresses_are_accepted_in_their_normal_form() {
        let base = Url::parse("https://vendor.example/v3/").expect("a URL");
        for (text, url) in [
            ("https://cdn.example/a b.jpg", "https://cdn.example/a%20b.jpg"),
            (" HTTP://CDN.example:80/ü\"<.jpg ", "http://cdn.example/%C3%BC%22%3C.jpg"),
            ("https:cdn.example\\x", "https://vendor.example/v3/cdn.example/x"),
            ("//cdn.example/x", "https://cdn.example/x"),
            ("/media/../x.png?a=1", "https://vendor.example/x.png?a=1"),
            ("media/x.png", "https://vendor.example/v3/media/x.png"),
        ] {
            assert_eq!(WebUrl::resolve(text, Some(&base)).map(String::from).as_deref(), Ok(url), "{text}");
        }
        for text in [
            "",
            " ",
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)//https://cdn.example",
            "java\nscript:alert(1)",
            "\u{1}javascript:alert(1)",
            "data:image/svg+xml;base64,PHN2Zz4=",
            "vbscript:x",
            "file:///etc/passwd",
            "ftp://cdn.example/x",
            "blob:https://cdn.example/x",
            "https://user:password@cdn.example/x",
            "https://user@cdn.example/x",
            "https://cdn.example/x\r\nSet-Cookie: a=b",
            "https://cdn.example/\u{0}",
            "https://cdn.example/\u{85}",
            "https://",
            "http://[::1",
        ] {
            assert_eq!(WebUrl::resolve(text, Some(&base)), Err(InvalidWebUrl), "{text:?}");
        }
        assert_eq!(WebUrl::resolve("/x.png", None), Err(InvalidWebUrl), "nothing to resolve against");
        let secret = Url::parse("https://user:password@vendor.example/").expect("a URL");
        assert_eq!(
            WebUrl::resolve("/x.png", Some(&secret)),
            Err(InvalidWebUrl),
            "the address of the service has a password"
        );
    }

    #[test]
    fn a_cached_url_is_checked_again_and_the_first_usable_candidate_wins() {
        let cached = |json: &str| serde_json::from_str::<WebUrl>(json).ok().map(String::from);
        assert_eq!(cached("\"https://cdn.example/x\"").as_deref(), Some("https://cdn.example/x"));
        assert_eq!(cached("\"javascript:alert(1)\""), None);
        let found = WebUrl::first(["", "data:,x", "https://cdn.example/x", "javascript:1"], None);
        assert_eq!((found.url.map(String::from).as_deref(), found.refused), (Some("https://cdn.example/x"), 1));
        assert_eq!(WebUrl::first(["data:,x"], None), FirstWebUrl { url: None, refused: 1 });
    }
}
