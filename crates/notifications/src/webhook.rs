//! The webhook: a POST request signed as in Standard Webhooks. Redirects are not followed, and the body of the response is not read.

use std::sync::Arc;
use std::time::Duration;

use domain::Clock;
use domain::accounts::{AccountCheck, CheckOutcome, WriteProbes};
use reqwest::{Client, StatusCode};
use secrecy::ExposeSecret;
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP};
use url::Url;
use webhooks::{SharedSecret, parse_url};

use crate::message::Message;
use crate::{InvalidDestination, SendError, WebhookSettings};

pub(crate) struct WebhookDestination {
    client: Client,
    url: Url,
    signer: SharedSecret,
    clock: Arc<dyn Clock>,
}

impl WebhookDestination {
    pub(crate) fn new(
        settings: &WebhookSettings,
        client: &Client,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, InvalidDestination> {
        let url = parse_url(settings.url.expose_secret()).ok_or(InvalidDestination("webhook_url"))?;
        let signer = SharedSecret::parse(settings.secret.expose_secret());
        let signer = signer.map_err(|_| InvalidDestination("webhook_secret"))?;
        Ok(Self { client: client.clone(), url, signer, clock: Arc::clone(clock) })
    }

    pub(crate) async fn send(&self, message: &Message) -> Result<(), SendError> {
        match self.post(message).await? {
            status if status.is_success() => Ok(()),
            status => Err(SendError::Refused(status.as_u16())),
        }
    }

    async fn post(&self, message: &Message) -> Result<StatusCode, SendError> {
        // The time of this attempt: receivers refuse old ones.
        let timestamp = self.clock.now().as_second();
        let signature = self.signer.sign(&message.id, timestamp, message.json.as_bytes());
        let signature = signature.ok_or(SendError::Malformed)?;
        let request = self
            .client
            .post(self.url.clone())
            .header("content-type", "application/json")
            .header(HEADER_WEBHOOK_ID, &message.id)
            .header(HEADER_WEBHOOK_TIMESTAMP, timestamp)
            .header(HEADER_WEBHOOK_SIGNATURE, signature)
            .body(message.json.clone());
        request.send().await.map(|response| response.status()).map_err(|error| failure(&error))
    }

    /// Checks that the server responds, and with permission that it accepts a test notice.
    pub(crate) async fn check(&self, writes: WriteProbes, timeout: Duration) -> [AccountCheck; 2] {
        const TITLE: &str = "The server of the webhook responds";
        let request = async { self.client.head(self.url.clone()).send().await.map_err(|error| failure(&error)) };
        let response = tokio::time::timeout(timeout, request).await.unwrap_or(Err(SendError::Timeout));
        let hint = match response.map(|response| response.status()) {
            Ok(status) if status.is_redirection() => {
                Some("It redirects, and redirects are not followed: set webhook_url to the target.".to_owned())
            }
            Ok(status) if status.is_server_error() => Some(format!("It responded with status {}.", status.as_u16())),
            Ok(_) => None,
            Err(error) => Some(format!("{}: check webhook_url and the network.", capitalized(error))),
        };
        [AccountCheck::new("WEBHOOK", TITLE, hint), self.check_notice(writes, timeout).await]
    }

    async fn check_notice(&self, writes: WriteProbes, timeout: Duration) -> AccountCheck {
        const TITLE: &str = "The webhook accepts a signed notice";
        if writes == WriteProbes::Never {
            let hint = "`--try-writes` sends a test notice.".to_owned();
            return AccountCheck::with_outcome("WEBHOOK_NOTICE", TITLE, CheckOutcome::NotTried(hint.into()));
        }
        let message = Message::test(self.clock.now());
        let result = tokio::time::timeout(timeout, self.send(&message)).await.unwrap_or(Err(SendError::Timeout));
        let hint = result.err().map(|error| {
            format!("{}: check webhook_url, and that the receiver has the same webhook_secret.", capitalized(error))
        });
        AccountCheck::new("WEBHOOK_NOTICE", TITLE, hint)
    }
}

/// Classifies an error of the client, whose text contains the URL.
fn failure(error: &reqwest::Error) -> SendError {
    if error.is_timeout() { SendError::Timeout } else { SendError::Unreachable }
}

/// Writes an error as the beginning of a sentence.
pub(crate) fn capitalized(error: SendError) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
