//! The two cookies of a sign-in: one for the way to the provider and back, one for the session.

use axum::http::header::{COOKIE, HeaderMap, HeaderValue};
use cookie::time::Duration;
use cookie::{Cookie, SameSite};
use sign_in::{PendingSignIn, SessionToken};

/// Time that a person may spend at the provider.
const PENDING_LIFETIME: Duration = Duration::minutes(10);

/// Names and attributes of the cookies. With HTTPS their names begin with `__Host-`: browsers accept such cookies from this host only,
/// and not from its siblings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cookies {
    /// True if the pages are served by HTTPS.
    pub is_secure: bool,
}

impl Cookies {
    /// Finds the text of the session cookie.
    pub fn find_session(self, headers: &HeaderMap) -> Option<String> {
        find(headers, self.session_name())
    }

    /// Finds the sign-in that the browser has begun.
    pub fn find_pending(self, headers: &HeaderMap) -> Option<PendingSignIn> {
        PendingSignIn::parse(&find(headers, self.pending_name())?)
    }

    /// Returns the header that sets the session. It ends with the browser's session at the latest; no other site causes it to be sent.
    pub fn set_session(self, token: &SessionToken) -> Option<HeaderValue> {
        self.header(self.session_name(), token.expose(), SameSite::Strict, None)
    }

    /// Returns the header that removes the session.
    pub fn remove_session(self) -> Option<HeaderValue> {
        self.header(self.session_name(), "", SameSite::Strict, Some(Duration::ZERO))
    }

    /// Returns the header that sets a sign-in that begins. The provider's page causes it to be sent: `Lax`.
    pub fn set_pending(self, pending: &PendingSignIn) -> Option<HeaderValue> {
        self.header(self.pending_name(), &pending.to_text(), SameSite::Lax, Some(PENDING_LIFETIME))
    }

    /// Returns the header that removes a sign-in that has ended.
    pub fn remove_pending(self) -> Option<HeaderValue> {
        self.header(self.pending_name(), "", SameSite::Lax, Some(Duration::ZERO))
    }

    fn session_name(self) -> &'static str {
        if self.is_secure { "__Host-ticketgraph-session" } else { "ticketgraph-session" }
    }

    fn pending_name(self) -> &'static str {
        if self.is_secure { "__Host-ticketgraph-sign-in" } else { "ticketgraph-sign-in" }
    }

    fn header(
        self,
        name: &'static str,
        value: &str,
        same_site: SameSite,
        max_age: Option<Duration>,
    ) -> Option<HeaderValue> {
        let mut cookie = Cookie::build((name, value)).path("/").http_only(true).same_site(same_site).build();
        cookie.set_secure(self.is_secure);
        cookie.set_max_age(max_age);
        let mut header = HeaderValue::from_str(&cookie.to_string()).ok()?;
        header.set_sensitive(true);
        Some(header)
    }
}

fn find(headers: &HeaderMap, name: &str) -> Option<String> {
    let texts = headers.get_all(COOKIE).iter().map(to_ascii);
    let mut cookies = texts.flat_map(Cookie::split_parse).filter_map(Result::ok);
    cookies.find(|cookie| cookie.name() == name).map(|cookie| cookie.value().to_owned())
}

/// Replaces what is not ASCII. Any site may set such cookies; they hide no other, and as a replaced character is no space, none of their
/// names is trimmed to one of ours.
fn to_ascii(value: &HeaderValue) -> String {
    let replaced = |byte: &u8| if byte.is_ascii() { char::from(*byte) } else { char::REPLACEMENT_CHARACTER };
    value.as_bytes().iter().map(replaced).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(header: Option<HeaderValue>) -> String {
        header.expect("a header").to_str().expect("text").to_owned()
    }

    #[test]
    fn cookies_are_hidden_from_scripts_and_other_sites_and_bound_to_the_host_with_https() {
        let token = SessionToken::parse(&"A".repeat(43)).expect("a token");
        let pending = PendingSignIn::parse("state.nonce.verifier").expect("a sign-in");
        let (secure, plain) = (Cookies { is_secure: true }, Cookies { is_secure: false });
        let session = "A".repeat(43);
        assert_eq!(
            text(secure.set_session(&token)),
            format!("__Host-ticketgraph-session={session}; HttpOnly; SameSite=Strict; Secure; Path=/")
        );
        assert_eq!(
            text(plain.set_session(&token)),
            format!("ticketgraph-session={session}; HttpOnly; SameSite=Strict; Path=/")
        );
        assert_eq!(
            text(secure.set_pending(&pending)),
            "__Host-ticketgraph-sign-in=state.nonce.verifier; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=600"
        );
        assert_eq!(
            text(secure.remove_session()),
            "__Host-ticketgraph-session=; HttpOnly; SameSite=Strict; Secure; Path=/; Max-Age=0"
        );
    }

    #[test]
    fn a_cookie_is_found_among_others_and_one_without_the_prefix_is_no_session_with_https() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("theme=dark; ticketgraph-session=plain"));
        headers.append(COOKIE, HeaderValue::from_static("__Host-ticketgraph-session=bound"));
        assert_eq!(Cookies { is_secure: true }.find_session(&headers).as_deref(), Some("bound"));
        assert_eq!(Cookies { is_secure: false }.find_session(&headers).as_deref(), Some("plain"));
        assert!(Cookies { is_secure: false }.find_pending(&headers).is_none());
    }

    #[test]
    fn a_cookie_that_is_not_ascii_hides_no_other_and_is_none_of_ours() {
        let find = |text: &[u8]| {
            let headers = HeaderMap::from_iter([(COOKIE, HeaderValue::from_bytes(text).expect("a header"))]);
            Cookies { is_secure: true }.find_session(&headers)
        };
        for other in
            ["theme=d\u{fc}ster".as_bytes(), b"n\xe9=1", "\u{2000}__Host-ticketgraph-session=planted".as_bytes()]
        {
            assert_eq!(find(&[other, b"; __Host-ticketgraph-session=bound"].concat()).as_deref(), Some("bound"));
        }
        // A sibling host may set these: browsers see no prefix in them.
        for planted in ["\u{2000}__Host-ticketgraph-session=planted", "\u{a0}__Host-ticketgraph-session=planted"] {
            assert_eq!(find(planted.as_bytes()), None, "{planted}");
        }
    }
}
