//! Other readings of what TIXnGO's documents leave open (`tixngo.md §8`): each can be switched on by a state change.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::faults::StateChange;
use crate::tixngo::wire::ACCEPTED;

/// The readings that are switched on. Empty texts: the usual one.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Readings {
    /// Shape of the response to a push: `tickets`, `list` or `accepted`.
    answer_shape: String,
    /// Shape of a page of the feed: `items` or `list`.
    feed_shape: String,
    /// A single ticket is wrapped into an object.
    wraps_ticket: bool,
    /// A ticket that is injected again is refused.
    pub refuses_again: bool,
    /// Other paths, by the usual ones.
    paths: BTreeMap<String, String>,
}

impl Readings {
    /// Switches a reading; returns false if the change is none of them.
    pub(super) fn apply(&mut self, change: &StateChange) -> Result<bool, String> {
        let text = || change.value.as_str().map(str::to_owned).ok_or_else(|| format!("{} needs a text", change.name));
        match change.name.as_str() {
            "answer_shape" => self.answer_shape = text()?,
            "feed_shape" => self.feed_shape = text()?,
            "wraps_ticket" => self.wraps_ticket = change.value.as_bool().unwrap_or(true),
            "refuses_again" => self.refuses_again = change.value.as_bool().unwrap_or(true),
            "path" => {
                let usual = change.id.clone().ok_or("path needs the usual one as id")?;
                self.paths.insert(usual, text()?);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Returns the usual path of a request; `None` if it is that of an endpoint that has another one here.
    pub(super) fn usual_path<'a>(&'a self, path: &'a str) -> Option<&'a str> {
        let below = path.strip_prefix("tickets/").unwrap_or(path);
        if let Some((usual, _)) = self.paths.iter().find(|(_, other)| *other == below) {
            return Some(match usual.as_str() {
                "cancelled" => "tickets/cancelled",
                "controlled" => "tickets/controlled",
                _ => "tickets/diff",
            });
        }
        (!self.paths.contains_key(below)).then_some(path)
    }

    /// Converts the response to a push.
    pub(super) fn answer(&self, mut answer: Value) -> Value {
        let rows = answer["result"].take();
        match self.answer_shape.as_str() {
            "tickets" => json!({ "tickets": rows }),
            "list" => rows,
            "accepted" => {
                let rows = rows.as_array().cloned().unwrap_or_default();
                let (accepted, rejected): (Vec<Value>, Vec<Value>) =
                    rows.into_iter().partition(|row| row["outcome"] == ACCEPTED);
                let ids: Vec<Value> = accepted.into_iter().map(|row| row["ticketId"].clone()).collect();
                json!({ "accepted": ids, "rejected": rejected })
            }
            _ => {
                answer["result"] = rows;
                answer
            }
        }
    }

    /// Converts a page of the feed.
    pub(super) fn page(&self, page: Value) -> Value {
        match self.feed_shape.as_str() {
            "items" => json!({ "items": page["result"], "nextPageKey": page["pagination"]["nextPageKey"] }),
            "list" => page["result"].clone(),
            _ => page,
        }
    }

    /// Converts a single ticket.
    pub(super) fn ticket(&self, ticket: Value) -> Value {
        if self.wraps_ticket { json!({ "ticket": ticket }) } else { ticket }
    }
}
