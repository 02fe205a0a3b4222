//! REST_RPC: JSON over POST with a bearer token (`secutix.md §2.3`, §2.5).

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use reqwest::header::{ACCEPT, AUTHORIZATION};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::speech::{Ask, Opened, Speech, Tokens, refused, unwritten};
use domain::{ErrorKind, VendorError};
use http_client::{Answer, Call, Transport};

/// What an operator should do about a token that is not accepted: that the password signs tokens is inferred (`secutix.md §2.11`).
const HINT: &str =
    "S-360 does not accept our token: check `login` and `password`; if they are right, try `transport = \"soap\"`";

/// The JSON transport.
pub(crate) struct JsonSpeech {
    transport: Transport,
    base: String,
    version: String,
    tokens: Tokens,
    was_told: AtomicBool,
}

impl JsonSpeech {
    /// Speaks JSON below `base`, at an API version.
    pub fn new(transport: Transport, base: &str, version: &str, tokens: Tokens) -> Self {
        let was_told = AtomicBool::new(false);
        Self { transport, base: base.to_owned(), version: version.to_owned(), tokens, was_told }
    }

    async fn send(&self, ask: &Ask<'_>, token: &SecretString) -> Result<Answer, VendorError> {
        let source = self.transport.source();
        let url = Url::parse(&format!("{}{}", self.base, ask.method.json_path(&self.version)))
            .map_err(|fault| unwritten(source, ask.operation, fault.into()))?;
        let payload = ask.parameters.to_json().map_err(|fault| unwritten(source, ask.operation, fault))?;
        let bearer = SecretString::from(format!("Bearer {}", token.expose_secret()));
        let mut call = Call::new(ask.operation, reqwest::Method::POST, url)
            .header(ACCEPT, "application/json")
            .secret_header(AUTHORIZATION, &bearer)
            .payload(payload);
        if let Some(timeout) = ask.timeout {
            call = call.timeout(timeout);
        }
        self.transport.send(call).await
    }

    fn unauthorized(&self, answer: &Answer) -> VendorError {
        if !self.was_told.swap(true, Ordering::SeqCst) {
            tracing::error!(source = %self.transport.source(), "{HINT}");
        }
        answer.error(ErrorKind::Unauthorized).because(HINT)
    }
}

#[async_trait]
impl Speech for JsonSpeech {
    async fn ask(&self, ask: &Ask<'_>) -> Result<Opened, VendorError> {
        let token = self.tokens.current(&self.transport, ask.operation).await?;
        let mut answer = self.send(ask, &token.text).await?;
        if matches!(answer.status.as_u16(), 401 | 403) && token.was_used_before {
            self.tokens.forget().await;
            let token = self.tokens.current(&self.transport, ask.operation).await?;
            answer = self.send(ask, &token.text).await?;
        }
        match answer.status.as_u16() {
            200..=299 => Ok(Opened { answer, tree: None }),
            401 | 403 => Err(self.unauthorized(&answer)),
            _ => Err(refused(&answer)),
        }
    }
}
