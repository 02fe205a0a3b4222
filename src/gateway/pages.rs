//! Pages for browsers, built from `web/` and embedded in the binary. Pure: path in, page out.
//!
//! A debug build reads `web/dist` from disk at each request, a release build embeds it. Both work without it.

use bytes::Bytes;
use rust_embed::{EmbeddedFile, RustEmbed};
use sha2::{Digest, Sha256};

#[derive(RustEmbed)]
#[folder = "web/dist"]
#[allow_missing = true]
struct WebAssets;

const HOME: &[u8] = include_bytes!("../../web/pages/home.html");
const NOT_BUILT: &[u8] = include_bytes!("../../web/pages/not-built.html");

const HTML: &str = "text/html; charset=utf-8";

/// Asset names contain a content hash, so browsers never need to revalidate them.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// Page names are stable, so browsers revalidate them by `ETag`.
const REVALIDATE: &str = "no-cache";

/// Scripts and workers are loaded from this server only, never from inline text. GraphiQL's editor sets styles from
/// scripts and embeds fonts in its style sheet; the other pages have inline styles.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'; \
     style-src 'self' 'unsafe-inline'; font-src 'self' data:; img-src 'self' data:; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The dashboard holds an API key, so it may only load its own script, style sheet and API. Ticket codes are inline
/// images.
const DASHBOARD_CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; \
     font-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A page: body and headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaticPage {
    /// The value of `Content-Type`.
    pub content_type: String,
    /// The value of `Cache-Control`.
    pub cache_control: &'static str,
    /// The value of `Content-Security-Policy`.
    pub content_security_policy: &'static str,
    /// The value of `ETag`: a strong tag, including the quotes.
    pub etag: String,
    /// The uncompressed body.
    pub body: Bytes,
}

impl StaticPage {
    fn html(body: Bytes) -> Self {
        Self::new(HTML.to_owned(), REVALIDATE, &Sha256::digest(&body), body)
    }

    fn new(content_type: String, cache_control: &'static str, hash: &[u8], body: Bytes) -> Self {
        Self { content_type, cache_control, content_security_policy: CONTENT_POLICY, etag: quoted_hex(hash), body }
    }

    /// Returns true if `If-None-Match` has the tag of this page, which means status 304.
    pub fn matches_etag(&self, if_none_match: &str) -> bool {
        etag_matches(if_none_match, &self.etag)
    }
}

/// Returns the entity tag of a body.
pub fn etag(body: &[u8]) -> String {
    quoted_hex(&Sha256::digest(body))
}

fn quoted_hex(hash: &[u8]) -> String {
    format!("\"{}\"", hex::encode(&hash[..16]))
}

/// Returns true if `If-None-Match` contains a tag.
pub fn etag_matches(if_none_match: &str, tag: &str) -> bool {
    if_none_match
        .split(',')
        .map(str::trim)
        .any(|candidate| candidate == "*" || candidate.trim_start_matches("W/") == tag)
}

/// Creates a public text page that clients revalidate.
pub fn text_page(body: Bytes) -> StaticPage {
    StaticPage::new("text/plain; charset=utf-8".to_owned(), "public, no-cache", &Sha256::digest(&body), body)
}

/// The page at `/`, with links to the others. It does not need built assets.
pub fn home() -> StaticPage {
    StaticPage::html(Bytes::from_static(HOME))
}

/// GraphiQL, or build instructions if `web/` was not built.
pub fn graphiql() -> StaticPage {
    graphiql_from(WebAssets::get)
}

/// The dashboard of resellers and operators, or build instructions if `web/` was not built.
pub fn dashboard() -> StaticPage {
    dashboard_from(WebAssets::get)
}

/// Returns the asset at `/assets/{path}`, or `None` if there is none.
pub fn asset(path: &str) -> Option<StaticPage> {
    asset_from(WebAssets::get, path)
}

fn graphiql_from(find: impl FnOnce(&str) -> Option<EmbeddedFile>) -> StaticPage {
    StaticPage::html(find("graphiql.html").map_or(Bytes::from_static(NOT_BUILT), bytes))
}

fn dashboard_from(find: impl FnOnce(&str) -> Option<EmbeddedFile>) -> StaticPage {
    match find("dashboard.html") {
        Some(file) => StaticPage { content_security_policy: DASHBOARD_CONTENT_POLICY, ..StaticPage::html(bytes(file)) },
        None => StaticPage::html(Bytes::from_static(NOT_BUILT)),
    }
}

fn asset_from(find: impl FnOnce(&str) -> Option<EmbeddedFile>, path: &str) -> Option<StaticPage> {
    // A debug build reads from disk, so path traversal must be prevented.
    if path.split(['/', '\\']).any(|part| part.is_empty() || part.starts_with('.')) {
        return None;
    }
    let file = find(&format!("assets/{path}"))?;
    let content_type = match file.metadata.mimetype() {
        text if text.starts_with("text/") => format!("{text}; charset=utf-8"),
        other => other.to_owned(),
    };
    let hash = file.metadata.sha256_hash();
    Some(StaticPage::new(content_type, IMMUTABLE, &hash, bytes(file)))
}

fn bytes(file: EmbeddedFile) -> Bytes {
    match file.data {
        std::borrow::Cow::Borrowed(data) => Bytes::from_static(data),
        std::borrow::Cow::Owned(data) => Bytes::from(data),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    fn web_assets() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder for the test");
        fs::create_dir(folder.path().join("assets")).expect("a folder inside it");
        for (name, text) in [
            ("graphiql.html", "<p>the real one"),
            ("dashboard.html", "<p>sales"),
            ("assets/app-1a2b.js", "run()"),
            ("assets/.hidden", "no"),
            ("key", "no"),
        ] {
            fs::write(folder.path().join(name), text).expect("a file inside it");
        }
        folder
    }

    fn in_folder(folder: &Path) -> impl Fn(&str) -> Option<EmbeddedFile> {
        move |path| rust_embed::utils::read_file_from_fs(&folder.join(path)).ok()
    }

    #[test]
    fn graphiql_is_served_if_it_was_built() {
        let folder = web_assets();
        let page = graphiql_from(in_folder(folder.path()));
        assert_eq!(page.body, "<p>the real one");
        assert_eq!((page.content_type.as_str(), page.cache_control), (HTML, "no-cache"));
    }

    #[test]
    fn the_dashboard_is_served_with_the_strictest_policy() {
        let folder = web_assets();
        let page = dashboard_from(in_folder(folder.path()));
        assert_eq!(page.body, "<p>sales");
        assert_eq!((page.content_type.as_str(), page.cache_control), (HTML, "no-cache"));
        assert!(!page.content_security_policy.contains("unsafe"), "{}", page.content_security_policy);
        assert!(page.content_security_policy.starts_with("default-src 'none'; script-src 'self';"));
    }

    #[test]
    fn without_built_assets_a_page_shows_how_to_build_them() {
        for page in [graphiql_from(|_| None), dashboard_from(|_| None)] {
            assert!(String::from_utf8_lossy(&page.body).contains("make web"));
            assert_eq!((page.content_type.as_str(), page.content_security_policy), (HTML, CONTENT_POLICY));
        }
    }

    #[test]
    fn assets_are_immutable_and_typed_by_extension() {
        let folder = web_assets();
        let page = asset_from(in_folder(folder.path()), "app-1a2b.js").expect("the file is there");
        assert_eq!(page.body, "run()");
        assert_eq!(page.content_type, "text/javascript; charset=utf-8");
        assert!(page.cache_control.contains("immutable"));
    }

    #[test]
    fn no_path_leads_out_of_the_assets() {
        let folder = web_assets();
        for path in ["../key", "x/../../key", "..\\key", ".hidden", "/etc/passwd", "", "absent.js", "./app-1a2b.js"] {
            assert_eq!(asset_from(in_folder(folder.path()), path), None, "{path:?}");
        }
    }

    #[test]
    fn the_etag_follows_the_content_and_matches_in_a_list() {
        let (home, missing) = (home(), graphiql_from(|_| None));
        assert_ne!(home.etag, missing.etag);
        for header in [home.etag.clone(), format!("\"other\", W/{}", home.etag), "*".to_owned()] {
            assert!(home.matches_etag(&header), "{header}");
        }
        for header in ["", "\"other\"", &missing.etag, home.etag.trim_matches('"')] {
            assert!(!home.matches_etag(header), "{header}");
        }
    }

    #[test]
    fn no_page_runs_inline_scripts() {
        let script =
            CONTENT_POLICY.split("; ").find(|rule| rule.starts_with("script-src")).expect("scripts have a rule");
        assert_eq!(script, "script-src 'self'");
        for page in [home(), graphiql(), dashboard()] {
            let text = String::from_utf8_lossy(&page.body).into_owned();
            assert!(!text.contains("<script>") && !text.contains("onclick"), "{text}");
            assert!(page.content_security_policy.contains("script-src 'self';"));
        }
    }
}
