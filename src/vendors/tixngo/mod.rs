//! TIXnGO: tickets in a mobile app. The rules of a connection (`tixngo.md §2`).

mod inferred;

use toml::Value;

use crate::domain::ChannelStanza;
use crate::vendors::{App, Finding};

/// The row of the table of apps.
pub(crate) const ROW: App =
    App { name: "tixngo", keys: &["api_key", inferred::AUTH_HEADER_KEY], secrets: &["api_key"], check };

/// Every address that TIXnGO hands out ends so (`tixngo.md §2.1`).
const END_OF_ADDRESS: &str = "organizer/tickets";

/// Says all that is wrong with a channel; calls nobody.
fn check(channel: &ChannelStanza) -> Vec<Finding> {
    let mut findings = Vec::new();
    // One slash at the end is a slip of the pen (`tixngo.md §2.1`).
    if !channel.url.strip_suffix('/').unwrap_or(&channel.url).ends_with(END_OF_ADDRESS) {
        let message = format!("must end with {END_OF_ADDRESS}: it is the address that TIXnGO handed out, not its root");
        findings.push(Finding::new("url", message));
    }
    match channel.own.get("api_key") {
        Some(Value::String(key)) if is_one_line(key) => {}
        Some(_) => {
            findings.push(Finding::new("api_key", "must be the key of the organizer's administrator, on one line"))
        }
        None => findings.push(Finding::new("api_key", "is missing: the key of the organizer's administrator account")),
    }
    findings.extend(inferred::check_auth_header(&channel.own));
    findings
}

/// Whether a header can carry the text.
fn is_one_line(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::SourceId;

    fn keys_of_findings(url: &str, own: &str) -> Vec<String> {
        let own = own.parse().expect("toml");
        let channel = ChannelStanza { id: "app".to_owned(), source: SourceId::new("opera"), url: url.to_owned(), own };
        check(&channel).into_iter().map(|finding| finding.key).collect()
    }

    #[test]
    fn the_address_must_be_the_one_that_was_handed_out() {
        for (url, fine) in [
            ("https://int5-api.tixngo.io/v3/organizer/tickets", true),
            ("https://int5-api.tixngo.io/v3/organizer/tickets/", true),
            ("https://int5-api.tixngo.io/v3/organizer", false),
            ("https://int5-api.tixngo.io/v3/organizer/tickets/status", false),
            ("https://int5-api.tixngo.io/v3/organizer/tickets//", false),
        ] {
            assert_eq!(keys_of_findings(url, "api_key = \"k\"").is_empty(), fine, "{url}");
        }
    }

    #[test]
    fn the_key_must_be_there_and_the_header_be_a_name() {
        let url = "https://int5-api.tixngo.io/v3/organizer/tickets";
        for (own, wrong) in [
            ("", &["api_key"][..]),
            ("api_key = 1", &["api_key"]),
            ("api_key = \"two\\nlines\"", &["api_key"]),
            ("api_key = \"k\"\nauth_header = \"x-tixngo-key\"", &[]),
            ("api_key = \"k\"\nauth_header = \"X API Key\"", &["auth_header"]),
            ("auth_header = 3", &["api_key", "auth_header"]),
        ] {
            assert_eq!(keys_of_findings(url, own), wrong, "{own}");
        }
    }
}
