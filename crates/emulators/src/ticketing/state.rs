//! State of the emulated TickeTing, and the generation of its ids.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::ticketing::seed;

/// Time for payment of a placed order, in seconds (`ticketing.md §7` I10).
pub(super) const PAYMENT_WINDOW_SECONDS: i64 = 900;

/// State that outlives the process.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct TicketingState {
    /// Day for which events were last seeded.
    seeded_on: Option<Date>,
    /// Counter that makes generated texts unique.
    generated: u64,
    last_id: u64,
    pub regions: BTreeMap<String, TicketingRegion>,
    pub venues: BTreeMap<String, TicketingVenue>,
    pub categories: BTreeMap<String, TicketingCategory>,
    pub hosts: BTreeMap<String, TicketingHost>,
    pub events: BTreeMap<String, TicketingEvent>,
    /// Deleted seeded events, which must not be seeded again.
    pub deleted: BTreeSet<String>,
    pub tokens: BTreeMap<String, TicketingToken>,
    pub accounts: BTreeMap<String, TicketingAccount>,
    pub sessions: BTreeMap<String, TicketingSession>,
    pub orders: BTreeMap<String, TicketingOrder>,
    /// Unpaid orders, by payment deadline in Unix seconds.
    pub awaiting_payment: BTreeSet<(i64, String)>,
    pub tickets: BTreeMap<String, IssuedTicket>,
    pub admissions: Vec<TicketingAdmission>,
    pub transfers: BTreeMap<String, TicketingTransfer>,
    pub submissions: BTreeMap<String, EventSubmission>,
    pub integrations: BTreeMap<String, ApiIntegration>,
    pub quirks: ServerQuirks,
}

/// Quirks of the server, set by state changes.
#[derive(Default, Clone, Serialize, Deserialize)]
pub(super) struct ServerQuirks {
    /// Returns gateway errors under `error`, as the vendor's gateway code does (`§2.4` G).
    pub gateway_errors: bool,
    /// Returns paging counters as text (`§3.2`).
    pub text_numbers: bool,
    /// Returns empty objects as `[]` (`§3.5`).
    pub empty_lists: bool,
    /// Maximum records per page. Default: 100.
    pub page_cap: Option<usize>,
    /// Number of payments that are declined regardless of the card.
    pub declines: u32,
    /// Surcharge on the fee of each ticket, in hundredths; the vendor's fee table is only a forecast.
    pub fee_surcharge: i64,
    /// Ignores `host` on the public list of events (`§4.6`).
    #[serde(default)]
    pub ignores_host: bool,
    /// Refuses the lists of a host's events to every key.
    #[serde(default)]
    pub hides_host_events: bool,
    /// Deletes sections with sold or reserved tickets (`§4.7`).
    #[serde(default)]
    pub deletes_sold_sections: bool,
    /// Number of requests that fail with the vendor's own fault.
    #[serde(default)]
    pub server_errors: u32,
    /// Words that replace those of a status, such as `Fulfilled`.
    #[serde(default)]
    pub words: BTreeMap<String, String>,
}

impl ServerQuirks {
    /// Replaces the status words in a response.
    pub(super) fn rewrite_words(&self, shown: &mut Value) {
        match shown {
            Value::Array(list) => list.iter_mut().for_each(|one| self.rewrite_words(one)),
            Value::Object(fields) => {
                let status = fields.get("status").and_then(Value::as_str);
                if let Some(word) = status.and_then(|status| self.words.get(status)).cloned() {
                    fields.insert("status".to_owned(), word.into());
                }
                fields.values_mut().for_each(|one| self.rewrite_words(one));
            }
            _ => {}
        }
    }
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct TicketingRegion {
    pub id: String,
    pub name: String,
    pub country: String,
    pub district: String,
    pub city: String,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct TicketingVenue {
    pub id: String,
    pub name: String,
    pub region: String,
    pub longitude: String,
    pub latitude: String,
    pub address: String,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct TicketingCategory {
    pub id: String,
    pub name: String,
    pub subcategories: Vec<String>,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct TicketingHost {
    pub id: String,
    /// Wire fields, except `self`.
    pub profile: BTreeMap<String, String>,
    /// Account numbers of its administrators.
    pub administrators: BTreeSet<String>,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct TicketingEvent {
    pub id: String,
    pub host: String,
    pub title: String,
    pub description: String,
    pub kind: String,
    pub subcategory: String,
    pub status: String,
    pub public: bool,
    pub category: String,
    pub venue: String,
    /// Start as sent by the client.
    pub start: Option<String>,
    pub end: Option<String>,
    pub published: Option<Timestamp>,
    pub popularity: u32,
    pub disclaimer: Option<String>,
    pub tags: Vec<String>,
    pub sections: Vec<TicketingSection>,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct TicketingSection {
    pub id: String,
    pub name: String,
    pub description: String,
    /// Amount in hundredths of the currency unit.
    pub base: i64,
    pub current: i64,
    pub expires: Option<String>,
    pub sales_start: String,
    pub sales_end: String,
    pub capacity: u32,
    pub sold: u32,
    pub reserved: u32,
}

impl TicketingSection {
    /// Returns `capacity - sold - reserved` (`§4.10`).
    pub(super) fn remaining(&self) -> u32 {
        self.capacity.saturating_sub(self.sold).saturating_sub(self.reserved)
    }
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct TicketingToken {
    pub id: String,
    pub event: String,
    pub code: String,
    pub key: String,
    pub global: bool,
    /// Section ids. A global token covers all sections, including later ones.
    pub sections: Vec<String>,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct TicketingAccount {
    pub number: String,
    pub username: String,
    pub email: String,
    pub password: String,
    pub role: String,
    /// Other wire fields of the profile.
    pub profile: BTreeMap<String, String>,
    /// Preferred region.
    pub region: Option<String>,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct TicketingSession {
    pub id: String,
    pub account: String,
    pub started: Timestamp,
    pub is_over: bool,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct TicketingOrder {
    pub number: String,
    pub status: String,
    pub placed: Timestamp,
    pub customer: String,
    pub items: Vec<TicketingOrderItem>,
    /// Amount in hundredths of the currency unit.
    pub fees: i64,
    pub tickets: Vec<String>,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct TicketingOrderItem {
    pub number: String,
    pub event: String,
    pub section: String,
    pub name: String,
    pub description: String,
    pub price: i64,
    pub quantity: u32,
}

impl TicketingOrder {
    pub(super) fn subtotal(&self) -> i64 {
        self.items.iter().map(|item| item.price * i64::from(item.quantity)).sum()
    }

    pub(super) fn total(&self) -> i64 {
        self.subtotal() + self.fees
    }
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct IssuedTicket {
    pub id: String,
    pub serial: String,
    pub event: String,
    pub section: String,
    pub owner: String,
    pub status: String,
    pub issued: Timestamp,
    pub redeemed: Option<Timestamp>,
    pub changed: Timestamp,
    /// Pending transfer.
    pub transfer: Option<String>,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct TicketingAdmission {
    pub id: String,
    pub event: String,
    pub section: String,
    pub serial: String,
    pub patron: String,
    pub redeemer: String,
    pub device: String,
    pub admitted: Timestamp,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct TicketingTransfer {
    pub id: String,
    pub status: String,
    pub initiated: Timestamp,
    pub sender: String,
    pub recipient: String,
    /// Event, section and quantity.
    pub lots: Vec<(String, String, u32)>,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct EventSubmission {
    pub id: String,
    pub event: String,
    pub decided: bool,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct ApiIntegration {
    pub id: String,
    pub name: String,
    pub role: String,
    pub key: String,
}

impl TicketingState {
    /// True if a new day has begun or a payment deadline has passed since the last update.
    pub(super) fn is_due(&self, now: Timestamp, today: Date) -> bool {
        self.seeded_on != Some(today)
            || self.awaiting_payment.first().is_some_and(|(deadline, _)| *deadline <= now.as_second())
    }

    /// Seeds the events of a new day and releases the seats of orders that were not paid in time.
    pub(super) fn bring_up_to_date(&mut self, now: Timestamp, today: Date) {
        if self.seeded_on != Some(today) {
            seed::seed(self, today, now);
            self.seeded_on = Some(today);
        }
        while let Some((deadline, number)) = self.awaiting_payment.first().cloned() {
            if deadline > now.as_second() {
                break;
            }
            self.release_seats(&number, "Timed Out");
        }
    }

    /// Ends a placed order and releases its seats.
    pub(super) fn release_seats(&mut self, number: &str, status: &str) {
        let Some(order) = self.orders.get_mut(number) else { return };
        status.clone_into(&mut order.status);
        self.awaiting_payment.remove(&(payment_deadline(order.placed), number.to_owned()));
        for item in order.items.clone() {
            if let Some(section) = self.section_mut(&item.event, &item.section) {
                section.reserved = section.reserved.saturating_sub(item.quantity);
            }
        }
    }

    pub(super) fn section(&self, event: &str, section: &str) -> Option<&TicketingSection> {
        self.events.get(event)?.sections.iter().find(|it| it.id == section)
    }

    pub(super) fn section_mut(&mut self, event: &str, section: &str) -> Option<&mut TicketingSection> {
        self.events.get_mut(event)?.sections.iter_mut().find(|it| it.id == section)
    }

    pub(super) fn account_by_name(&self, identification: &str) -> Option<&TicketingAccount> {
        let same = |text: &str| text.eq_ignore_ascii_case(identification);
        self.accounts.values().find(|account| same(&account.username) || same(&account.email))
    }

    /// Returns a unique id: Unix seconds and four digits (`§3.1`).
    pub(super) fn next_id(&mut self, now: Timestamp) -> String {
        let wanted = u64::try_from(now.as_second()).unwrap_or(0) * 10_000;
        self.last_id = wanted.max(self.last_id + 1);
        self.last_id.to_string()
    }

    /// Returns new text of `length` from `alphabet`. The sequence is the same in every fresh sandbox.
    pub(super) fn next_text(&mut self, purpose: &str, alphabet: &[u8], length: usize) -> String {
        self.generated += 1;
        derive_text(&format!("{purpose} {}", self.generated), alphabet, length)
    }

    /// Returns a new API or session key: 32 hexadecimal digits.
    pub(super) fn next_key(&mut self) -> String {
        self.next_text("key", HEX, 32)
    }

    /// Creates the global token of an event (`§4.8`).
    pub(super) fn add_global_token(&mut self, event: &str, id: String) {
        let code = derive_text(&format!("global code {event}"), UPPER, 8);
        let key = derive_text(&format!("global key {event}"), HEX, 32);
        let token =
            TicketingToken { id: id.clone(), event: event.to_owned(), code, key, global: true, sections: Vec::new() };
        self.tokens.insert(id, token);
    }
}

/// Returns the payment deadline of an order, in Unix seconds.
pub(super) fn payment_deadline(placed: Timestamp) -> i64 {
    placed.saturating_add(SignedDuration::from_secs(PAYMENT_WINDOW_SECONDS)).map_or(i64::MAX, Timestamp::as_second)
}

/// Digits and capital letters, used in codes and serials.
pub(super) const UPPER: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
/// Hexadecimal digits.
pub(super) const HEX: &[u8] = b"0123456789abcdef";
/// Decimal digits.
pub(super) const DIGITS: &[u8] = b"0123456789";

/// Derives text from a name; the same name always gives the same text.
pub(super) fn derive_text(name: &str, alphabet: &[u8], length: usize) -> String {
    let digest = Sha256::digest(format!("ticketing sandbox, {name}"));
    let chars = digest.iter().cycle().take(length).map(|byte| alphabet[usize::from(*byte) % alphabet.len()]);
    chars.map(char::from).collect()
}
