//! What the emulated TickeTing knows: everything that its API can show or change, and how its ids are made.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ticketing::seed;

/// How long a placed order waits for its payment, in seconds (`ticketing.md §7` I10).
pub(super) const PAYMENT_WINDOW: i64 = 900;

/// The whole memory.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Book {
    /// The calendar day up to which events were seeded.
    seeded_on: Option<Date>,
    /// Counts everything that was ever made, so that nothing is named twice.
    made: u64,
    last_id: u64,
    pub regions: BTreeMap<String, Region>,
    pub venues: BTreeMap<String, Venue>,
    pub categories: BTreeMap<String, Category>,
    pub hosts: BTreeMap<String, Host>,
    pub events: BTreeMap<String, Event>,
    /// Seeded events that were deleted: they do not come back.
    pub deleted: BTreeSet<String>,
    pub tokens: BTreeMap<String, Token>,
    pub accounts: BTreeMap<String, Account>,
    pub sessions: BTreeMap<String, Session>,
    pub orders: BTreeMap<String, Order>,
    /// Orders that wait for their payment, by deadline in Unix seconds.
    pub waiting: BTreeSet<(i64, String)>,
    pub tickets: BTreeMap<String, Ticket>,
    pub admissions: Vec<Admission>,
    pub transfers: BTreeMap<String, Transfer>,
    pub submissions: BTreeMap<String, Submission>,
    pub integrations: BTreeMap<String, Integration>,
    pub switches: Switches,
}

/// How the server misbehaves, set by twists.
#[derive(Default, Clone, Serialize, Deserialize)]
pub(super) struct Switches {
    /// Outer errors come under `error`, as the vendor's gateway code sends them (`§2.4` G).
    pub gateway_errors: bool,
    /// Paging counters are text (`§3.2`).
    pub text_numbers: bool,
    /// Empty objects are `[]` (`§3.5`).
    pub empty_lists: bool,
    /// The most records of a page; none: 100.
    pub page_cap: Option<usize>,
    /// So many payments are declined, whatever the card.
    pub declines: u32,
    /// Added to the fee of each ticket, in hundredths: the vendor's table is only a forecast.
    pub fee_surcharge: i64,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Region {
    pub id: String,
    pub name: String,
    pub country: String,
    pub district: String,
    pub city: String,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Venue {
    pub id: String,
    pub name: String,
    pub region: String,
    pub longitude: String,
    pub latitude: String,
    pub address: String,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Category {
    pub id: String,
    pub name: String,
    pub subcategories: Vec<String>,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Host {
    pub id: String,
    /// Fields as they are shown, except `self`.
    pub profile: BTreeMap<String, String>,
    /// Account numbers of its administrators.
    pub administrators: BTreeSet<String>,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Event {
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
    /// Echoed as sent.
    pub start: Option<String>,
    pub end: Option<String>,
    pub published: Option<Timestamp>,
    pub popularity: u32,
    pub disclaimer: Option<String>,
    pub tags: Vec<String>,
    pub sections: Vec<Section>,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Section {
    pub id: String,
    pub name: String,
    pub description: String,
    /// Hundredths of the currency.
    pub base: i64,
    pub current: i64,
    pub expires: Option<String>,
    pub sales_start: String,
    pub sales_end: String,
    pub capacity: u32,
    pub sold: u32,
    pub reserved: u32,
}

impl Section {
    /// `capacity - sold - reserved` (`§4.10`).
    pub(super) fn remaining(&self) -> u32 {
        self.capacity.saturating_sub(self.sold).saturating_sub(self.reserved)
    }
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Token {
    pub id: String,
    pub event: String,
    pub code: String,
    pub key: String,
    pub global: bool,
    /// Section ids; a global token covers all, also those added later.
    pub sections: Vec<String>,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Account {
    pub number: String,
    pub username: String,
    pub email: String,
    pub password: String,
    pub role: String,
    /// Other fields of the profile, as they are shown.
    pub profile: BTreeMap<String, String>,
    /// The region preferred.
    pub region: Option<String>,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Session {
    pub id: String,
    pub account: String,
    pub started: Timestamp,
    pub is_over: bool,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Order {
    pub number: String,
    pub status: String,
    pub placed: Timestamp,
    pub customer: String,
    pub items: Vec<Item>,
    /// Hundredths of the currency.
    pub fees: i64,
    pub tickets: Vec<String>,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Item {
    pub number: String,
    pub event: String,
    pub section: String,
    pub name: String,
    pub description: String,
    pub price: i64,
    pub quantity: u32,
}

impl Order {
    pub(super) fn subtotal(&self) -> i64 {
        self.items.iter().map(|item| item.price * i64::from(item.quantity)).sum()
    }

    pub(super) fn total(&self) -> i64 {
        self.subtotal() + self.fees
    }
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Ticket {
    pub id: String,
    pub serial: String,
    pub event: String,
    pub section: String,
    pub owner: String,
    pub status: String,
    pub issued: Timestamp,
    pub redeemed: Option<Timestamp>,
    pub changed: Timestamp,
    /// On its way in this transfer.
    pub transfer: Option<String>,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Admission {
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
pub(super) struct Transfer {
    pub id: String,
    pub status: String,
    pub initiated: Timestamp,
    pub sender: String,
    pub recipient: String,
    /// Event, section and quantity.
    pub lots: Vec<(String, String, u32)>,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Submission {
    pub id: String,
    pub event: String,
    pub decided: bool,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Integration {
    pub id: String,
    pub name: String,
    pub role: String,
    pub key: String,
}

impl Book {
    /// Whether the day or a payment window has passed since the book was last brought up to date.
    pub(super) fn is_due(&self, now: Timestamp, today: Date) -> bool {
        self.seeded_on != Some(today) || self.waiting.first().is_some_and(|(deadline, _)| *deadline <= now.as_second())
    }

    /// Brings the book up to date: the events of the day are announced, orders that were not paid in time lose their places.
    pub(super) fn bring_up_to_date(&mut self, now: Timestamp, today: Date) {
        if self.seeded_on != Some(today) {
            seed::plant(self, today, now);
            self.seeded_on = Some(today);
        }
        while let Some((deadline, number)) = self.waiting.first().cloned() {
            if deadline > now.as_second() {
                break;
            }
            self.free_places(&number, "Timed Out");
        }
    }

    /// Ends a placed order: its places are free again.
    pub(super) fn free_places(&mut self, number: &str, status: &str) {
        let Some(order) = self.orders.get_mut(number) else { return };
        status.clone_into(&mut order.status);
        self.waiting.remove(&(deadline(order.placed), number.to_owned()));
        for item in order.items.clone() {
            if let Some(section) = self.section_mut(&item.event, &item.section) {
                section.reserved = section.reserved.saturating_sub(item.quantity);
            }
        }
    }

    pub(super) fn section(&self, event: &str, section: &str) -> Option<&Section> {
        self.events.get(event)?.sections.iter().find(|it| it.id == section)
    }

    pub(super) fn section_mut(&mut self, event: &str, section: &str) -> Option<&mut Section> {
        self.events.get_mut(event)?.sections.iter_mut().find(|it| it.id == section)
    }

    pub(super) fn account_by_name(&self, identification: &str) -> Option<&Account> {
        let same = |told: &str| told.eq_ignore_ascii_case(identification);
        self.accounts.values().find(|account| same(&account.username) || same(&account.email))
    }

    /// A new id: Unix seconds and four digits (`§3.1`), never given twice.
    pub(super) fn next_id(&mut self, now: Timestamp) -> String {
        let wanted = u64::try_from(now.as_second()).unwrap_or(0) * 10_000;
        self.last_id = wanted.max(self.last_id + 1);
        self.last_id.to_string()
    }

    /// New text of `length` out of `alphabet`, never the same twice in practice, the same again in a fresh sandbox.
    pub(super) fn next_text(&mut self, what: &str, alphabet: &[u8], length: usize) -> String {
        self.made += 1;
        derived(&format!("{what} {}", self.made), alphabet, length)
    }

    /// A new API or session key: 32 of `[a-z0-9]`.
    pub(super) fn next_key(&mut self) -> String {
        self.next_text("key", HEX, 32)
    }

    /// Makes the global token of an event (`§4.8`).
    pub(super) fn add_global_token(&mut self, event: &str, id: String) {
        let code = derived(&format!("global code {event}"), UPPER, 8);
        let key = derived(&format!("global key {event}"), HEX, 32);
        let token = Token { id: id.clone(), event: event.to_owned(), code, key, global: true, sections: Vec::new() };
        self.tokens.insert(id, token);
    }
}

/// When an order that was placed then is given up.
pub(super) fn deadline(placed: Timestamp) -> i64 {
    placed.saturating_add(SignedDuration::from_secs(PAYMENT_WINDOW)).map_or(i64::MAX, Timestamp::as_second)
}

/// Digits and capitals, as codes and serials have them.
pub(super) const UPPER: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
/// Hexadecimal digits.
pub(super) const HEX: &[u8] = b"0123456789abcdef";
/// Decimal digits.
pub(super) const DIGITS: &[u8] = b"0123456789";

/// Text derived from a name: the same name always gives the same text.
pub(super) fn derived(name: &str, alphabet: &[u8], length: usize) -> String {
    let digest = Sha256::digest(format!("ticketing sandbox, {name}"));
    let chars = digest.iter().cycle().take(length).map(|byte| alphabet[usize::from(*byte) % alphabet.len()]);
    chars.map(char::from).collect()
}
