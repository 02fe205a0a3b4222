//! The pages for people, built from `web/` and carried in the binary. Pure: a path in, a page out.
//!
//! A debug build reads `web/dist` from disk at each request, a release build embeds it. Neither needs it to be there.

use bytes::Bytes;
use rust_embed::{EmbeddedFile, RustEmbed};
use sha2::{Digest, Sha256};

#[derive(RustEmbed)]
#[folder = "web/dist"]
#[allow_missing = true]
struct Built;

const HOME: &[u8] = include_bytes!("../../web/pages/home.html");
const NOT_BUILT: &[u8] = include_bytes!("../../web/pages/not-built.html");

const HTML: &str = "text/html; charset=utf-8";

/// Names of assets change with their content, so a browser never has to ask for one again.
const FOREVER: &str = "public, max-age=31536000, immutable";
/// A page keeps its name, so a browser asks each time and is told by the `ETag` that nothing changed.
const ASK_FIRST: &str = "no-cache";

/// Scripts and workers come from this server only and never from the text of a page. The editor of GraphiQL sets
/// styles from script and carries its fonts inside its style sheet; the other pages carry theirs in their text.
const POLICY: &str = "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'; \
     style-src 'self' 'unsafe-inline'; font-src 'self' data:; img-src 'self' data:; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The dashboard holds the key of a caller, so it has nothing but its own script, style sheet and API. Codes of tickets
/// are pictures inside the page.
const DASHBOARD_POLICY: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; \
     img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What a browser gets: a body and the headers that belong to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The value of `Content-Type`.
    pub content_type: String,
    /// The value of `Cache-Control`.
    pub cache_control: &'static str,
    /// The value of `Content-Security-Policy`.
    pub content_security_policy: &'static str,
    /// The value of `ETag`: a strong tag, quotes included.
    pub etag: String,
    /// The body, not compressed.
    pub body: Bytes,
}

impl Page {
    fn html(body: Bytes) -> Self {
        Self::new(HTML.to_owned(), ASK_FIRST, &Sha256::digest(&body), body)
    }

    fn new(content_type: String, cache_control: &'static str, hash: &[u8], body: Bytes) -> Self {
        Self { content_type, cache_control, content_security_policy: POLICY, etag: quoted(hash), body }
    }

    /// Whether the browser has this very page already, by the value of its `If-None-Match` header: answer 304 then.
    pub fn is_known(&self, if_none_match: &str) -> bool {
        names(if_none_match, &self.etag)
    }
}

/// The tag of a body: it changes with every byte.
pub fn tag(body: &[u8]) -> String {
    quoted(&Sha256::digest(body))
}

fn quoted(hash: &[u8]) -> String {
    let tag: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{tag}\"")
}

/// Whether the value of an `If-None-Match` header names a tag.
pub fn names(if_none_match: &str, tag: &str) -> bool {
    if_none_match.split(',').map(str::trim).any(|known| known == "*" || known.trim_start_matches("W/") == tag)
}

/// A text that everybody may read and keep, and asks about each time.
pub fn text(body: Bytes) -> Page {
    Page::new("text/plain; charset=utf-8".to_owned(), "public, no-cache", &Sha256::digest(&body), body)
}

/// The page at `/`, which leads to the others. It is there without built assets too.
pub fn home() -> Page {
    Page::html(Bytes::from_static(HOME))
}

/// GraphiQL; a page that says how to get it where `web/` was not built.
pub fn graphiql() -> Page {
    graphiql_from(Built::get)
}

/// The dashboard of partners and operators; a page that says how to get it where `web/` was not built.
pub fn dashboard() -> Page {
    dashboard_from(Built::get)
}

/// What a page loads from `/assets/`: `path` is the part after it. `None` where there is no such file.
pub fn asset(path: &str) -> Option<Page> {
    asset_from(Built::get, path)
}

fn graphiql_from(find: impl FnOnce(&str) -> Option<EmbeddedFile>) -> Page {
    Page::html(find("graphiql.html").map_or(Bytes::from_static(NOT_BUILT), bytes))
}

fn dashboard_from(find: impl FnOnce(&str) -> Option<EmbeddedFile>) -> Page {
    match find("dashboard.html") {
        Some(file) => Page { content_security_policy: DASHBOARD_POLICY, ..Page::html(bytes(file)) },
        None => Page::html(Bytes::from_static(NOT_BUILT)),
    }
}

fn asset_from(find: impl FnOnce(&str) -> Option<EmbeddedFile>, path: &str) -> Option<Page> {
    // A debug build looks on the disk, where a path could climb.
    if path.split(['/', '\\']).any(|part| part.is_empty() || part.starts_with('.')) {
        return None;
    }
    let file = find(&format!("assets/{path}"))?;
    let content_type = match file.metadata.mimetype() {
        text if text.starts_with("text/") => format!("{text}; charset=utf-8"),
        other => other.to_owned(),
    };
    let hash = file.metadata.sha256_hash();
    Some(Page::new(content_type, FOREVER, &hash, bytes(file)))
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

    fn built() -> tempfile::TempDir {
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
    fn graphiql_is_served_where_it_was_built() {
        let folder = built();
        let page = graphiql_from(in_folder(folder.path()));
        assert_eq!(page.body, "<p>the real one");
        assert_eq!((page.content_type.as_str(), page.cache_control), (HTML, "no-cache"));
    }

    #[test]
    fn the_dashboard_is_served_where_it_was_built_under_the_narrowest_policy() {
        let folder = built();
        let page = dashboard_from(in_folder(folder.path()));
        assert_eq!(page.body, "<p>sales");
        assert_eq!((page.content_type.as_str(), page.cache_control), (HTML, "no-cache"));
        assert!(!page.content_security_policy.contains("unsafe"), "{}", page.content_security_policy);
        assert!(page.content_security_policy.starts_with("default-src 'none'; script-src 'self';"));
    }

    #[test]
    fn without_built_assets_a_page_says_how_to_get_them() {
        for page in [graphiql_from(|_| None), dashboard_from(|_| None)] {
            assert!(String::from_utf8_lossy(&page.body).contains("make web"));
            assert_eq!((page.content_type.as_str(), page.content_security_policy), (HTML, POLICY));
        }
    }

    #[test]
    fn assets_are_kept_forever_and_typed_by_their_ending() {
        let folder = built();
        let page = asset_from(in_folder(folder.path()), "app-1a2b.js").expect("the file is there");
        assert_eq!(page.body, "run()");
        assert_eq!(page.content_type, "text/javascript; charset=utf-8");
        assert!(page.cache_control.contains("immutable"));
    }

    #[test]
    fn no_path_leads_out_of_the_assets() {
        let folder = built();
        for path in ["../key", "x/../../key", "..\\key", ".hidden", "/etc/passwd", "", "absent.js", "./app-1a2b.js"] {
            assert_eq!(asset_from(in_folder(folder.path()), path), None, "{path:?}");
        }
    }

    #[test]
    fn the_tag_follows_the_content_and_is_recognised_in_a_list() {
        let (home, missing) = (home(), graphiql_from(|_| None));
        assert_ne!(home.etag, missing.etag);
        for header in [home.etag.clone(), format!("\"other\", W/{}", home.etag), "*".to_owned()] {
            assert!(home.is_known(&header), "{header}");
        }
        for header in ["", "\"other\"", &missing.etag, home.etag.trim_matches('"')] {
            assert!(!home.is_known(header), "{header}");
        }
    }

    #[test]
    fn no_page_runs_a_script_from_its_own_text() {
        let script = POLICY.split("; ").find(|rule| rule.starts_with("script-src")).expect("scripts have a rule");
        assert_eq!(script, "script-src 'self'");
        for page in [home(), graphiql(), dashboard()] {
            let text = String::from_utf8_lossy(&page.body).into_owned();
            assert!(!text.contains("<script>") && !text.contains("onclick"), "{text}");
            assert!(page.content_security_policy.contains("script-src 'self';"));
        }
    }
}
