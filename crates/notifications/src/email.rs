//! E-mail over SMTP, one connection for each message.

use std::time::Duration;

use domain::accounts::AccountCheck;
use lettre::message::header::ContentType;
use lettre::message::{Mailbox, MessageBuilder};
use lettre::transport::smtp;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use secrecy::ExposeSecret;

use crate::message::Message;
use crate::webhook::capitalized;
use crate::{EmailSettings, InvalidDestination, SendError};

/// Returns true for an address, with or without a name: `Box office <office@example.org>`.
pub fn is_mailbox(text: &str) -> bool {
    text.parse::<Mailbox>().is_ok()
}

/// Returns true for a URL of a mail server: `smtps://…`, or `smtp://…` with `?tls=required` or without.
pub fn is_smtp_url(text: &str) -> bool {
    AsyncSmtpTransport::<Tokio1Executor>::from_url(text).is_ok()
}

pub(crate) struct EmailDestination {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
}

impl EmailDestination {
    pub(crate) fn new(settings: &EmailSettings, timeout: Duration) -> Result<Self, InvalidDestination> {
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(settings.smtp_url.expose_secret())
            .map_err(|_| InvalidDestination("smtp_url"))?
            .timeout(Some(timeout))
            .build();
        let from = settings.from.parse().map_err(|_| InvalidDestination("email_from"))?;
        let to: Result<Vec<Mailbox>, _> = settings.to.iter().map(|address| address.parse()).collect();
        Ok(Self { transport, from, to: to.map_err(|_| InvalidDestination("email_to"))? })
    }

    pub(crate) async fn send(&self, message: &Message) -> Result<(), SendError> {
        let id = format!("<{}@{}>", message.id, self.from.email.domain());
        let to = |builder: MessageBuilder, address: &Mailbox| builder.to(address.clone());
        let email = self.to.iter().fold(lettre::Message::builder().from(self.from.clone()), to);
        let email = email.subject(&message.subject).message_id(Some(id)).header(ContentType::TEXT_PLAIN);
        let email = email.body(message.text.clone()).map_err(|_| SendError::Malformed)?;
        self.transport.send(email).await.map(|_| ()).map_err(|error| failure(&error))
    }

    /// Connects, greets and logs in. Sends no mail.
    pub(crate) async fn check(&self, timeout: Duration) -> AccountCheck {
        const TITLE: &str = "The mail server accepts the login";
        let connected = async { self.transport.test_connection().await.map_err(|error| failure(&error)) };
        let hint = match tokio::time::timeout(timeout, connected).await.unwrap_or(Err(SendError::Timeout)) {
            Ok(true) => None,
            Ok(false) => Some("It closed the connection: check smtp_url.".to_owned()),
            Err(error) => {
                Some(format!("{}: check host, port, TLS, user and password of smtp_url.", capitalized(error)))
            }
        };
        AccountCheck::new("SMTP", TITLE, hint)
    }
}

/// Classifies an error of the transport, whose text may quote the server.
fn failure(error: &smtp::Error) -> SendError {
    match error.status() {
        Some(code) => SendError::RefusedMail(code.into()),
        None if error.is_timeout() => SendError::Timeout,
        None if error.is_tls() => SendError::Tls,
        None if error.is_client() || error.is_response() => SendError::Malformed,
        None => SendError::Unreachable,
    }
}
