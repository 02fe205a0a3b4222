//! What the emulated TIXnGO remembers: an organizer a key, its events, its tickets and the log of what happened to them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Everything.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Book {
    pub organizers: BTreeMap<String, Organizer>,
    /// The clock alone moves no ticket.
    pub is_by_hand: bool,
    /// Deletions wait for a tick by hand.
    pub holds_deletions: bool,
}

impl Book {
    /// An organizer, made where there is none yet.
    pub fn organizer(&mut self, name: &str) -> &mut Organizer {
        self.organizers.entry(name.to_owned()).or_default()
    }

    /// Whether another organizer has the ticket.
    pub fn is_foreign(&self, organizer: &str, ticket: &str) -> bool {
        self.organizers.iter().any(|(name, other)| name != organizer && other.tickets.contains_key(ticket))
    }

    /// The ticket, whoever has it.
    pub fn find(&mut self, ticket: &str) -> Option<&mut Organizer> {
        self.organizers.values_mut().find(|organizer| organizer.tickets.contains_key(ticket))
    }
}

/// One organizer.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Organizer {
    /// The place of the last change in its feed.
    pub last: u64,
    /// As they were last told, by id.
    pub events: BTreeMap<String, Value>,
    pub tickets: BTreeMap<String, Ticket>,
    pub log: Vec<Row>,
}

/// A ticket.
#[derive(Serialize, Deserialize)]
pub(super) struct Ticket {
    /// As it was last injected.
    pub told: Value,
    pub status: String,
    pub updated_at: Timestamp,
    /// Its place in the feed.
    pub changed: u64,
    pub level: u32,
    pub owner: Value,
    pub first_owner: Value,
    /// The address of the recipient while a transfer is pending.
    pub recipient: Option<String>,
    /// The guest whose name the owner gave.
    pub assignee: Option<Value>,
    /// Why it was cancelled.
    pub reason: Option<String>,
    pub shows_deleted: bool,
}

/// A line of the log of statuses.
#[derive(Serialize, Deserialize)]
pub(super) struct Row {
    pub at: Timestamp,
    pub ticket: String,
    pub action: String,
    pub from: Option<String>,
    pub to: String,
    pub actor: String,
}

impl Organizer {
    /// Moves a ticket to a status, with a line in the log and a new place in the feed.
    pub fn set(&mut self, id: &str, status: &str, (action, actor): (&str, &str), at: Timestamp) {
        let Some(ticket) = self.tickets.get_mut(id) else { return };
        self.last += 1;
        let from = std::mem::replace(&mut ticket.status, status.to_owned());
        ticket.changed = self.last;
        ticket.updated_at = at;
        self.log.push(Row {
            at,
            ticket: id.to_owned(),
            action: action.to_owned(),
            from: (!from.is_empty()).then_some(from),
            to: status.to_owned(),
            actor: actor.to_owned(),
        });
    }
}

impl Ticket {
    /// Text of the ticket as it was told, by path.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.told.pointer(path)?.as_str()
    }

    /// An instant of the ticket as it was told.
    pub fn instant(&self, path: &str) -> Option<Timestamp> {
        self.text(path)?.parse().ok()
    }

    /// How often it may change hands; 3 where nobody said (`tixngo.md §8.1` I14).
    pub fn most_transfers(&self) -> u32 {
        if self.told.pointer("/transferRules/allowed").and_then(Value::as_bool) == Some(false) {
            return 0;
        }
        let most = self.told.pointer("/transferRules/maxTransfers").and_then(Value::as_u64);
        most.map_or(3, |most| u32::try_from(most).unwrap_or(u32::MAX))
    }
}
