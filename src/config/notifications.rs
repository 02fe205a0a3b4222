//! `[notifications]`: notices to the operator when a stream of a delivery channel fails.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::config::section::Section;
use crate::config::sources::is_plain_to_remote;
use ::notifications::{EmailSettings, WebhookSettings, is_mailbox, is_smtp_url, is_webhook_secret};

/// Settings of notices to the operator. Without a destination none is sent.
#[derive(Debug, Clone)]
pub struct NotificationsConfig {
    /// Webhook.
    pub webhook: Option<WebhookSettings>,
    /// E-mail.
    pub email: Option<EmailSettings>,
    /// Time for which a stream fails before a notice is sent.
    pub pending_period: Duration,
    /// Time between two notices of one failure.
    pub repeat_interval: Duration,
    /// Time limit of one attempt.
    pub timeout: Duration,
    /// Time from the first attempt after which no other follows.
    pub max_attempts_for: Duration,
}

impl NotificationsConfig {
    pub(super) fn read(from: &Section<'_>) -> Self {
        Self {
            webhook: read_webhook(from),
            email: read_email(from),
            pending_period: from.get("pending_period"),
            repeat_interval: from.get("repeat_interval"),
            timeout: from.get("timeout"),
            max_attempts_for: from.get("max_attempts_for"),
        }
    }
}

fn read_webhook(from: &Section<'_>) -> Option<WebhookSettings> {
    let url = from.find_store("webhook_url", &["https", "http"]);
    let secret = from.find_secret("webhook_secret");
    if let Some(url) = &url {
        match Url::parse(url.expose_secret()) {
            Ok(parsed) if parsed.has_host() => require_encryption(from, "webhook_url", &parsed, "https://"),
            _ => from.report("webhook_url", "must be a URL such as \"https://hooks.example.com/ticketgraph\""),
        }
    }
    if secret.as_ref().is_some_and(|secret| !is_webhook_secret(secret.expose_secret())) {
        from.report("webhook_secret", "must be at least 24 bytes in base64, with or without \"whsec_\" before it");
    }
    match (url, secret) {
        (Some(url), Some(secret)) => Some(WebhookSettings { url, secret }),
        (Some(_), None) if from.is_clean(&["webhook_secret"]) => {
            from.report("webhook_secret", "is missing: a receiver verifies notices by it");
            None
        }
        _ => None,
    }
}

fn read_email(from: &Section<'_>) -> Option<EmailSettings> {
    let smtp_url = from.find_store("smtp_url", &["smtps", "smtp"]);
    let (sender, to): (Option<String>, Vec<String>) = (from.find("email_from"), from.get("email_to"));
    if let Some(url) = &smtp_url {
        check_smtp_url(from, url);
    }
    if sender.as_ref().is_some_and(|address| !is_mailbox(address)) {
        from.report("email_from", "must be an address such as \"ticketgraph@example.com\"");
    }
    if !to.iter().all(|address| is_mailbox(address)) {
        from.report("email_to", "must be a list of addresses such as \"operator@example.com\"");
    }
    let smtp_url = smtp_url?;
    let Some(sender) = sender else {
        from.report("email_from", "is missing: the sender of e-mails");
        return None;
    };
    if to.is_empty() {
        from.report("email_to", "is empty: the recipients of e-mails");
        return None;
    }
    Some(EmailSettings { smtp_url, from: sender, to })
}

fn check_smtp_url(from: &Section<'_>, url: &SecretString) {
    let text = url.expose_secret();
    let Some(parsed) = Url::parse(text).ok().filter(|_| is_smtp_url(text)) else {
        from.report("smtp_url", "must be \"smtps://HOST\", or \"smtp://HOST?tls=required\" for STARTTLS");
        return;
    };
    let is_encrypted = parsed.query_pairs().any(|(key, value)| key == "tls" && value == "required");
    if !is_encrypted {
        require_encryption(from, "smtp_url", &parsed, "smtps://, or end with ?tls=required,");
    }
}

fn require_encryption(from: &Section<'_>, key: &str, url: &Url, expected: &str) {
    if is_plain_to_remote(url, &["http", "smtp"]) && !from.context.literals_allowed {
        from.report(key, format!("must begin with {expected} unless every source is a sandbox"));
    }
}
