//! State of the emulated TIXnGO: organizers with their events, tickets and status log.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::tixngo::readings::Readings;

/// State that outlives the process.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct TixngoState {
    pub organizers: BTreeMap<String, EmulatedOrganizer>,
    /// Disables time-driven transitions, except deletions.
    pub is_manual: bool,
    /// Confirms deletions only on the state change `tick`.
    pub holds_deletions: bool,
    /// Other readings of the documents.
    #[serde(default)]
    pub readings: Readings,
}

impl TixngoState {
    /// Returns the organizer, creating it if necessary.
    pub(super) fn organizer(&mut self, name: &str) -> &mut EmulatedOrganizer {
        self.organizers.entry(name.to_owned()).or_default()
    }

    /// True if the ticket belongs to another organizer.
    pub(super) fn is_foreign(&self, organizer: &str, ticket: &str) -> bool {
        self.organizers.iter().any(|(name, other)| name != organizer && other.tickets.contains_key(ticket))
    }

    /// Finds the organizer of a ticket.
    pub(super) fn find(&mut self, ticket: &str) -> Option<&mut EmulatedOrganizer> {
        self.organizers.values_mut().find(|organizer| organizer.tickets.contains_key(ticket))
    }
}

/// An organizer.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct EmulatedOrganizer {
    /// Position of the last change in the feed.
    pub last_position: u64,
    /// Events as last injected, by id.
    pub events: BTreeMap<String, Value>,
    pub tickets: BTreeMap<String, InjectedTicket>,
    pub log: Vec<StatusLogEntry>,
}

/// A ticket.
#[derive(Serialize, Deserialize)]
pub(super) struct InjectedTicket {
    /// The ticket as last injected.
    pub injected: Value,
    /// Number of accepted injections. Each may be billed.
    #[serde(default)]
    pub injections: u32,
    pub status: String,
    pub updated_at: Timestamp,
    /// Position in the feed.
    pub position: u64,
    pub level: u32,
    pub owner: Value,
    pub first_owner: Value,
    /// E-mail address of the recipient while a transfer is pending.
    pub recipient: Option<String>,
    /// Guest named by the owner.
    pub assignee: Option<Value>,
    /// Reason of the cancellation.
    pub reason: Option<String>,
    pub shows_deleted: bool,
}

/// An entry of the status log.
#[derive(Serialize, Deserialize)]
pub(super) struct StatusLogEntry {
    pub at: Timestamp,
    pub ticket: String,
    pub action: String,
    pub from: Option<String>,
    pub to: String,
    pub actor: String,
}

impl EmulatedOrganizer {
    /// Sets the status of a ticket, adds a log entry, and moves the ticket to the end of the feed.
    pub(super) fn set_status(&mut self, id: &str, status: &str, (action, actor): (&str, &str), at: Timestamp) {
        let Some(ticket) = self.tickets.get_mut(id) else { return };
        self.last_position += 1;
        let from = std::mem::replace(&mut ticket.status, status.to_owned());
        ticket.position = self.last_position;
        ticket.updated_at = at;
        self.log.push(StatusLogEntry {
            at,
            ticket: id.to_owned(),
            action: action.to_owned(),
            from: (!from.is_empty()).then_some(from),
            to: status.to_owned(),
            actor: actor.to_owned(),
        });
    }
}

impl InjectedTicket {
    /// Returns text of the injected ticket by JSON pointer.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.injected.pointer(path)?.as_str()
    }

    /// Returns an instant of the injected ticket by JSON pointer.
    pub(super) fn instant(&self, path: &str) -> Option<Timestamp> {
        self.text(path)?.parse().ok()
    }

    /// Returns the maximum number of transfers. Default: 3 (`tixngo.md §8.1` I14).
    pub(super) fn max_transfers(&self) -> u32 {
        if self.injected.pointer("/transferRules/allowed").and_then(Value::as_bool) == Some(false) {
            return 0;
        }
        let most = self.injected.pointer("/transferRules/maxTransfers").and_then(Value::as_u64);
        most.map_or(3, |most| u32::try_from(most).unwrap_or(u32::MAX))
    }
}
