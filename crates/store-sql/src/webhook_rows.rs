//! Rows of webhooks and their messages.

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use crate::codec::{decode_json, decode_name, encode_json, encode_name, from_nanos, to_nanos, unreadable};
use crate::credential_cipher::Ciphertext;
use crate::sql::{SqlRow, SqlTransaction, SqlValue};
use crate::store::SqlStore;
use change_feed::ChangeSubject;
use domain::{Scope, StoreError};
use webhooks::delivery::WebhookDelivery;
use webhooks::{PreviousKey, SigningKey, Webhook, WebhookKey, WebhookOwner};

/// Columns of a webhook.
pub(crate) const WEBHOOK_COLUMNS: &str = "id, caller, reseller, scopes, events, include, key_id, sealed, state, disabled_reason, created_at, \
    position, failing_since, fence";
/// Columns of a message.
const MESSAGE_COLUMNS: [&str; 12] = [
    "webhook",
    "message",
    "position",
    "subject",
    "version",
    "at",
    "created_at",
    "state",
    "attempts",
    "first_attempt_at",
    "next_attempt_at",
    "log",
];
/// Number of messages in one statement. Few different numbers, so that the statements stay prepared.
const BATCH_SIZES: [usize; 4] = [64, 16, 4, 1];

/// URL and secrets of a webhook, which are encrypted.
#[derive(Serialize, Deserialize)]
struct SealedParts {
    url: String,
    salt: String,
    signing: String,
    /// Replaced key and the end of its use, of a row of an earlier version.
    #[serde(default, skip_serializing)]
    previous: Option<(String, i64)>,
    /// Replaced keys and the ends of their use, newest first.
    #[serde(default)]
    replaced: Vec<(String, i64)>,
}

/// Returns the location of the encrypted parts of a webhook, which is the associated data of their encryption.
fn location(key: &str) -> String {
    format!("webhook {key}")
}

fn signing_key(text: &str) -> Result<SigningKey, StoreError> {
    SigningKey::parse(text).map_err(|_| unreadable("the secret of a webhook"))
}

impl SqlStore {
    pub(crate) fn decode_webhook(&self, row: &SqlRow) -> Result<Webhook, StoreError> {
        let id = row.text("id")?;
        let sealed = Ciphertext { key_id: row.text("key_id")?, bytes: row.bytes("sealed")? };
        let parts: SealedParts = decode_json(self.cipher.decrypt(&location(&id), &sealed)?.expose_secret())?;
        let previous = parts.replaced.iter().chain(&parts.previous).map(|(key, until)| {
            Ok::<_, StoreError>(PreviousKey { key: signing_key(key)?, until: from_nanos(*until)? })
        });
        let previous = previous.collect::<Result<_, _>>()?;
        let scopes: Vec<String> = row.json("scopes")?;
        // A scope of a later version grants nothing here.
        let scopes = scopes.iter().filter_map(|name| name.parse::<Scope>().ok()).collect();
        let disabled = row.opt_text("disabled_reason")?;
        Ok(Webhook {
            key: WebhookKey(id),
            owner: WebhookOwner { caller: row.text("caller")?, reseller: row.opt_text("reseller")?, scopes },
            url: SecretString::from(parts.url),
            events: row.json("events")?,
            include: decode_name(&row.text("include")?, "the content of a webhook")?,
            signing: signing_key(&parts.signing)?,
            previous,
            salt: SecretString::from(parts.salt),
            state: decode_name(&row.text("state")?, "the state of a webhook")?,
            disabled: disabled.map(|name| decode_name(&name, "the reason of a disabled webhook")).transpose()?,
            created_at: row.time("created_at")?,
            position: row.unsigned("position")?,
            failing_since: row.opt_time("failing_since")?,
            fence: row.unsigned("fence")?,
        })
    }

    /// Decodes a webhook, or logs that it cannot be read.
    pub(crate) fn decode_readable_webhook(&self, row: &SqlRow) -> Option<Webhook> {
        let decoded = self.decode_webhook(row);
        if decoded.is_err() {
            let key = row.text("id").unwrap_or_default();
            tracing::error!(webhook = key, "a webhook of the ledger cannot be read: it is skipped");
        }
        decoded.ok()
    }

    /// Returns the values of a webhook, except for the fencing token.
    pub(crate) fn encode_webhook(&self, webhook: &Webhook) -> Result<Vec<SqlValue>, StoreError> {
        let text = |key: &SigningKey| key.to_stored_text().expose_secret().to_owned();
        let parts = SealedParts {
            url: webhook.url.expose_secret().to_owned(),
            salt: webhook.salt.expose_secret().to_owned(),
            signing: text(&webhook.signing),
            previous: None,
            replaced: webhook.previous.iter().map(|one| (text(&one.key), to_nanos(one.until))).collect(),
        };
        let sealed = self.cipher.encrypt(&location(&webhook.key.0), &encode_json(&parts)?)?;
        let scopes: Vec<&str> = webhook.owner.scopes.iter().map(|scope| scope.as_str()).collect();
        Ok(vec![
            webhook.key.0.as_str().into(),
            webhook.owner.caller.as_str().into(),
            webhook.owner.reseller.as_deref().into(),
            encode_json(&scopes)?.into(),
            encode_json(&webhook.events)?.into(),
            encode_name(webhook.include).into(),
            sealed.key_id.into(),
            sealed.bytes.into(),
            encode_name(webhook.state).into(),
            webhook.disabled.map(encode_name).into(),
            to_nanos(webhook.created_at).into(),
            webhook.position.into(),
            webhook.failing_since.map(to_nanos).into(),
        ])
    }
}

/// Selects messages by a condition.
pub(crate) async fn select_messages(
    transaction: &mut SqlTransaction,
    condition: &str,
    values: Vec<SqlValue>,
) -> Result<Vec<WebhookDelivery>, StoreError> {
    let sql = format!("SELECT {} FROM webhook_messages WHERE {condition}", MESSAGE_COLUMNS.join(", "));
    let rows = transaction.fetch_all(&sql, values).await?;
    Ok(rows.iter().filter_map(decode_readable_message).collect())
}

/// Decodes a message, or logs that it cannot be read: it does not hide the others.
fn decode_readable_message(row: &SqlRow) -> Option<WebhookDelivery> {
    let decoded = decode_message(row);
    if decoded.is_err() {
        let (webhook, message) = (row.text("webhook").unwrap_or_default(), row.text("message").unwrap_or_default());
        tracing::error!(webhook, message, "a message of a webhook cannot be read: it is skipped");
    }
    decoded.ok()
}

fn decode_message(row: &SqlRow) -> Result<WebhookDelivery, StoreError> {
    let subject = row.opt_text("subject")?;
    let subject = subject.map(|text| ChangeSubject::parse(&text).map_err(|_| unreadable("the object of a message")));
    let position = row.opt_int("position")?.map(u64::try_from).transpose();
    Ok(WebhookDelivery {
        webhook: WebhookKey(row.text("webhook")?),
        message: row.text("message")?,
        position: position.map_err(|_| unreadable("the position of a message"))?,
        subject: subject.transpose()?,
        version: row.unsigned("version")?,
        at: row.time("at")?,
        created_at: row.time("created_at")?,
        state: decode_name(&row.text("state")?, "the state of a message")?,
        attempts: u32::try_from(row.unsigned("attempts")?).unwrap_or(u32::MAX),
        first_attempt_at: row.opt_time("first_attempt_at")?,
        next_attempt_at: row.time("next_attempt_at")?,
        // The log is of use to people only.
        log: row.json("log").unwrap_or_default(),
    })
}

fn encode_message(delivery: &WebhookDelivery) -> Result<[SqlValue; MESSAGE_COLUMNS.len()], StoreError> {
    let nanos = |at: Option<Timestamp>| SqlValue::from(at.map(to_nanos));
    let subject = delivery.subject.as_ref().map(ChangeSubject::to_text).transpose();
    let position = delivery.position.map(|position| i64::try_from(position).unwrap_or(i64::MAX));
    Ok([
        delivery.webhook.0.as_str().into(),
        delivery.message.as_str().into(),
        position.into(),
        subject.map_err(|_| unreadable("the object of a message"))?.into(),
        delivery.version.into(),
        to_nanos(delivery.at).into(),
        to_nanos(delivery.created_at).into(),
        encode_name(delivery.state).into(),
        i64::from(delivery.attempts).into(),
        nanos(delivery.first_attempt_at),
        to_nanos(delivery.next_attempt_at).into(),
        encode_json(&delivery.log)?.into(),
    ])
}

/// Inserts messages, or replaces those with the same ids.
pub(crate) async fn save_messages(
    transaction: &mut SqlTransaction,
    messages: &[&WebhookDelivery],
) -> Result<(), StoreError> {
    let mut rest = messages;
    while !rest.is_empty() {
        let size = BATCH_SIZES.into_iter().find(|size| *size <= rest.len()).unwrap_or(1);
        let (batch, later) = rest.split_at(size);
        let mut values = Vec::with_capacity(size * MESSAGE_COLUMNS.len());
        for message in batch {
            values.extend(encode_message(message)?);
        }
        transaction.execute(&save_statement(size), values).await?;
        rest = later;
    }
    Ok(())
}

fn save_statement(rows: usize) -> String {
    let width = MESSAGE_COLUMNS.len();
    let row = |row: usize| {
        let values: Vec<String> = (1..=width).map(|column| format!("${}", row * width + column)).collect();
        format!("({})", values.join(", "))
    };
    let rows: Vec<String> = (0..rows).map(row).collect();
    let replaced: Vec<String> =
        MESSAGE_COLUMNS[2..].iter().map(|column| format!("{column} = excluded.{column}")).collect();
    format!(
        "INSERT INTO webhook_messages ({}) VALUES {} ON CONFLICT (webhook, message) DO UPDATE SET {}",
        MESSAGE_COLUMNS.join(", "),
        rows.join(", "),
        replaced.join(", ")
    )
}
