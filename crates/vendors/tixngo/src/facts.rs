//! The inferred facts that apply to a channel: the values of [`ASSUMPTIONS`](crate::assumptions::ASSUMPTIONS), typed.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::RefusalReason;
use domain::mobile::{AppEventIdentity, AppRules, AppStateUpdate, AppTicketState, Reinjection};
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::Value;
use vendor_api::{Assumptions, InvalidSetting};

use crate::assumptions::{FeedEntry, FeedPage, PushResponse, TicketError, TicketResult};

/// Meanings of the words of outcomes.
pub(crate) const OUTCOMES: &[&str] = &["accepted", "rejected"];
/// Meanings of the codes of rejections.
pub(crate) const REJECTIONS: &[&str] = &["not_found", "invalid", "conflict", "too_late", "other"];
/// Meanings of the words of statuses.
pub(crate) const STATUSES: &[&str] = &[
    "injected",
    "downloaded",
    "assigned",
    "transfer_pending",
    "transferred",
    "activated",
    "controlled",
    "deletion_pending",
    "deleted",
    "transfer_reverted",
];

/// Shape of the response to a push (`tixngo.md §8.1` I6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AnswerShape {
    /// `{"result": [row]}`.
    Result,
    /// `{"tickets": [row]}`.
    Tickets,
    /// `[row]`.
    List,
    /// `{"accepted": [id], "rejected": [row]}`.
    Accepted,
}

/// Shape of a page of the status feed (`tixngo.md §8.1` I7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FeedShape {
    /// `{"result": [entry], "pagination": {"nextPageKey": key}}`.
    Result,
    /// `{"items": [entry], "nextPageKey": key}`.
    Items,
    /// `[entry]`, all in one page.
    List,
}

/// Outcome of one ticket in a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The app has it.
    Accepted,
    /// The app refuses it.
    Rejected,
}

/// Facts of one channel.
#[derive(Debug)]
pub(crate) struct Facts {
    /// Rules that decide what is sent.
    pub rules: AppRules,
    /// Maximum number of tickets in a call.
    pub tickets_per_call: usize,
    /// Maximum number of controlled tickets in a call.
    pub controlled_tickets_per_call: usize,
    /// Path of canceled tickets, below the configured URL.
    pub path_cancelled: String,
    /// Path of controlled tickets.
    pub path_controlled: String,
    /// Path of the status feed.
    pub path_diff: String,
    answer_shape: AnswerShape,
    feed_shape: FeedShape,
    outcomes: BTreeMap<String, String>,
    rejections: BTreeMap<String, String>,
    statuses: BTreeMap<String, String>,
}

impl Facts {
    /// Reads the values.
    pub(crate) fn from_assumptions(values: &Assumptions) -> Result<Self, InvalidSetting> {
        let (event_id, reinjection): (String, String) = (values.get("event_id")?, values.get("reinjection")?);
        let validity: String = values.get("pass_validity")?;
        let pass_validity: Option<Duration> =
            validity.parse::<SignedDuration>().ok().and_then(|time| time.try_into().ok());
        Ok(Self {
            rules: AppRules {
                event_identity: match event_id.as_str() {
                    "product" => AppEventIdentity::Product,
                    _ => AppEventIdentity::Performance,
                },
                pass_validity,
                reinjection: match reinjection.as_str() {
                    "refused" => Reinjection::Refused,
                    "new_ticket" => Reinjection::NewTicket,
                    _ => Reinjection::Update,
                },
                max_injections: values.get("injection_attempts")?,
            },
            tickets_per_call: values.get("tickets_per_call")?,
            controlled_tickets_per_call: values.get("controlled_tickets_per_call")?,
            path_cancelled: path(values, "path_cancelled")?,
            path_controlled: path(values, "path_controlled")?,
            path_diff: path(values, "path_diff")?,
            answer_shape: values.get("answer_shape")?,
            feed_shape: values.get("feed_shape")?,
            outcomes: values.words("outcomes")?,
            rejections: values.words("rejections")?,
            statuses: values.words("statuses")?,
        })
    }

    /// Returns the outcome of a ticket; `None` if its word is unknown.
    pub(crate) fn outcome(&self, word: &str) -> Option<Outcome> {
        match self.outcomes.get(&word.to_lowercase())?.as_str() {
            "accepted" => Some(Outcome::Accepted),
            _ => Some(Outcome::Rejected),
        }
    }

    /// Maps the reason of a rejection; `None` if the vendor has no such ticket.
    pub(crate) fn rejection_reason(&self, error: Option<&TicketError>) -> Option<RefusalReason> {
        let field = || error.and_then(|error| error.field.clone()).unwrap_or_else(|| "ticket".to_owned());
        let code = error.and_then(|error| error.code.as_deref()).unwrap_or_default().to_lowercase();
        Some(match self.rejections.get(&code).map(String::as_str) {
            Some("not_found") => return None,
            Some("invalid") => RefusalReason::InvalidInput { field: field() },
            Some("conflict") => RefusalReason::Conflict,
            Some("too_late") => RefusalReason::TooLate,
            _ => RefusalReason::Other,
        })
    }

    /// Maps a status (`§5`); one that is not in the table is unknown.
    pub(crate) fn parse_status(&self, status: &str) -> AppStateUpdate {
        let state = match self.statuses.get(&status.to_lowercase()).map(String::as_str) {
            Some("injected") => AppTicketState::Injected,
            // A deactivated ticket is still in the wallet, with its barcode hidden.
            Some("downloaded") => AppTicketState::Downloaded,
            Some("assigned") => AppTicketState::Assigned,
            Some("transfer_pending") => AppTicketState::TransferPending,
            Some("transferred") => AppTicketState::Transferred,
            Some("activated") => AppTicketState::Activated,
            Some("controlled") => AppTicketState::Controlled,
            Some("deletion_pending") => AppTicketState::DeletionPending,
            Some("deleted") => AppTicketState::Deleted,
            Some("transfer_reverted") => return AppStateUpdate::TransferReverted,
            _ => return AppStateUpdate::Unknown,
        };
        AppStateUpdate::Is(state)
    }

    /// Reads the response to a push. `None` if it has another shape.
    pub(crate) fn read_answer(&self, body: Value) -> Option<PushResponse> {
        let rows = |rows: Value| serde_json::from_value::<Vec<TicketResult>>(rows).ok();
        let result = match (self.answer_shape, body) {
            (AnswerShape::Result, Value::Object(mut body)) => rows(body.remove("result")?)?,
            (AnswerShape::Tickets, Value::Object(mut body)) => rows(body.remove("tickets")?)?,
            (AnswerShape::List, body @ Value::Array(_)) => rows(body)?,
            (AnswerShape::Accepted, Value::Object(mut body)) => {
                let accepted: Vec<String> = serde_json::from_value(body.remove("accepted")?).ok()?;
                let mut result: Vec<TicketResult> = accepted.into_iter().map(TicketResult::accepted).collect();
                let rejected = body.remove("rejected").map_or(Some(Vec::new()), rows)?;
                result.extend(rejected.into_iter().map(TicketResult::rejected));
                result
            }
            _ => return None,
        };
        Some(PushResponse { result })
    }

    /// Reads a page of the feed. `None` if it or an entry has another shape: skipping an unreadable entry would lose its change for good
    /// once the page key is stored.
    pub(crate) fn read_page(&self, body: Value) -> Option<FeedPage> {
        let entries = |entries: Value| serde_json::from_value::<Vec<FeedEntry>>(entries).ok();
        let key = |key: Option<&Value>| key.and_then(Value::as_str).map(str::to_owned);
        let (result, next_page_key) = match (self.feed_shape, body) {
            (FeedShape::Result, Value::Object(mut body)) => {
                let next = key(body.get("pagination").and_then(|page| page.get("nextPageKey")));
                (entries(body.remove("result")?)?, next)
            }
            (FeedShape::Items, Value::Object(mut body)) => {
                let next = key(body.get("nextPageKey"));
                (entries(body.remove("items")?)?, next)
            }
            (FeedShape::List, body @ Value::Array(_)) => (entries(body)?, None),
            _ => return None,
        };
        Some(FeedPage { result, next_page_key })
    }
}

/// Reads a path, without the slashes around it.
fn path(values: &Assumptions, key: &str) -> Result<String, InvalidSetting> {
    let path: String = values.get(key)?;
    let path = path.trim().trim_matches('/').to_owned();
    if path.is_empty() || path.contains(['?', '#']) {
        return Err(InvalidSetting::new(format!("assumptions.{key}"), "must be a path such as \"cancelled\""));
    }
    Ok(path)
}

#[cfg(test)]
impl Facts {
    /// Returns the facts of a table of settings.
    pub(crate) fn of(settings: &str) -> Self {
        let settings = settings.parse().expect("TOML");
        let values = Assumptions::from_settings(crate::assumptions::ASSUMPTIONS, &settings).expect("valid settings");
        Self::from_assumptions(&values).expect("typed settings")
    }
}
