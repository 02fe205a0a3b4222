//! `[incoming_webhooks]`: limits of the webhooks that vendors send, and the secret path of a source.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use crate::config::section::Section;
use crate::config::setting::ByteSize;

/// Shortest secret: about 190 bits of random letters and digits.
const MIN_SECRET: usize = 32;
/// Longest secret.
const MAX_SECRET: usize = 128;
/// Largest body.
const MAX_BODY: usize = 4 << 20;
/// Most hints that wait.
const MAX_PENDING: usize = 100_000;

/// Limits of incoming webhooks.
#[derive(Debug, Clone)]
pub struct IncomingWebhooksConfig {
    /// Largest body.
    pub body_limit: ByteSize,
    /// Requests of one source in a minute.
    pub requests_per_minute: NonZeroU32,
    /// Shortest time between the last change of an order and a look-up that a webhook brings forward.
    pub lookup_interval: Duration,
    /// Orders of one source whose look-up waits to be scheduled.
    pub pending: NonZeroUsize,
}

impl IncomingWebhooksConfig {
    pub(super) fn read(from: &Section<'_>) -> Self {
        let config = Self {
            body_limit: from.get("body_limit"),
            requests_per_minute: from.get("requests_per_minute"),
            lookup_interval: from.get("lookup_interval"),
            pending: from.get("pending"),
        };
        if config.body_limit.0 > MAX_BODY {
            from.report("body_limit", "must be at most \"4MiB\": a webhook is small");
        }
        from.require_at_most("pending", config.pending.get(), MAX_PENDING);
        config
    }
}

/// Reads the secret of `[sources.NAME.incoming_webhook]`. `None` if the source takes no webhooks.
pub(super) fn read_secret(from: &Section<'_>) -> Option<SecretString> {
    from.node("incoming_webhook")?;
    from.read_table("incoming_webhook", |from| {
        let expected = format!("a secret of {MIN_SECRET} to {MAX_SECRET} letters, digits, `-` and `_`");
        let Some(secret) = from.find_secret("secret") else { return from.report_missing("secret", &expected) };
        if !is_path_secret(secret.expose_secret()) {
            from.report("secret", format!("must be {expected}: it is the path of the webhook"));
        }
        Some(secret)
    })
}

/// Returns true for a secret that cannot be guessed and is written in a path as it is.
fn is_path_secret(secret: &str) -> bool {
    (MIN_SECRET..=MAX_SECRET).contains(&secret.len())
        && secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}
