//! The door of the emulated TickeTing: which addresses there are, who is asking, and the order of checks (`ticketing.md §2.7`).

use axum::http::HeaderMap;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::ticketing::book::{Book, Event};
use crate::ticketing::reply::{Fields, Query, Refusal};
use crate::ticketing::seed::{ADMINISTRATOR_KEY, INTEGRATION_ACCOUNT, WEAK_KEY};
use crate::ticketing::show::View;

/// The lowest client version that is served.
const OLDEST_CLIENT: [u64; 3] = [3, 0, 0];

/// An address, by its endpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place<'a> {
    Sessions,
    ActiveSession,
    TokenCode(&'a str),
    Integrations,
    Integration(&'a str),
    Accounts,
    Account(&'a str),
    Wallet(&'a str),
    TransferHistory(&'a str),
    Preferences(&'a str),
    Lookups,
    Hosts,
    Host(&'a str),
    HostEvents(&'a str),
    HostStatistics(&'a str),
    PublishedEvents,
    Events,
    Event(&'a str),
    EventStatistics(&'a str),
    EventSubmissions(&'a str),
    Sections(&'a str),
    Section(&'a str, &'a str),
    Tokens(&'a str),
    Token(&'a str, &'a str),
    EventTickets(&'a str),
    Admissions(&'a str),
    Orders,
    Order(&'a str),
    Payments(&'a str),
    Refunds(&'a str),
    Transfers,
    Transfer(&'a str),
    Claims(&'a str),
    Regions,
    Region(&'a str),
    Venues,
    Venue(&'a str),
    Categories,
    Category(&'a str),
    Countries,
    Submissions,
    Decisions(&'a str),
}

impl<'a> Place<'a> {
    /// The endpoint of a path; `None`: there is none.
    pub(super) fn find(parts: &[&'a str]) -> Option<Self> {
        Some(match *parts {
            ["sessions"] => Self::Sessions,
            ["sessions", "active"] => Self::ActiveSession,
            ["tokens", code] => Self::TokenCode(code),
            ["integrations"] => Self::Integrations,
            ["integrations", id] => Self::Integration(id),
            ["accounts"] => Self::Accounts,
            ["accounts", number] => Self::Account(number),
            ["accounts", number, "tickets"] => Self::Wallet(number),
            ["accounts", number, "transfers"] => Self::TransferHistory(number),
            ["accounts", number, "preferences"] => Self::Preferences(number),
            ["lookups"] => Self::Lookups,
            ["hosts"] => Self::Hosts,
            ["hosts", id] => Self::Host(id),
            ["hosts", id, "events"] => Self::HostEvents(id),
            ["hosts", id, "statistics"] => Self::HostStatistics(id),
            ["published-events"] => Self::PublishedEvents,
            ["events"] => Self::Events,
            ["events", id] => Self::Event(id),
            ["events", id, "statistics"] => Self::EventStatistics(id),
            ["events", id, "submissions"] => Self::EventSubmissions(id),
            ["events", id, "sections"] => Self::Sections(id),
            ["events", id, "sections", section] => Self::Section(id, section),
            ["events", id, "tokens"] => Self::Tokens(id),
            ["events", id, "tokens", token] => Self::Token(id, token),
            ["events", id, "tickets"] => Self::EventTickets(id),
            ["events", id, "admissions"] => Self::Admissions(id),
            ["orders"] => Self::Orders,
            ["orders", number] => Self::Order(number),
            ["orders", number, "payments"] => Self::Payments(number),
            ["orders", number, "refunds"] => Self::Refunds(number),
            ["transfers"] => Self::Transfers,
            ["transfers", id] => Self::Transfer(id),
            ["transfers", id, "claims"] => Self::Claims(id),
            ["regions"] => Self::Regions,
            ["regions", id] => Self::Region(id),
            ["venues"] => Self::Venues,
            ["venues", id] => Self::Venue(id),
            ["categories"] => Self::Categories,
            ["categories", id] => Self::Category(id),
            ["countries"] => Self::Countries,
            ["submissions"] => Self::Submissions,
            ["submissions", id, "decisions"] => Self::Decisions(id),
            _ => return None,
        })
    }

    /// The methods that the endpoint supports.
    pub(super) fn methods(self) -> &'static [&'static str] {
        match self {
            Self::Sessions
            | Self::Lookups
            | Self::EventSubmissions(_)
            | Self::Sections(_)
            | Self::Payments(_)
            | Self::Refunds(_)
            | Self::Transfers
            | Self::Claims(_)
            | Self::Decisions(_) => &["POST"],
            Self::ActiveSession | Self::Order(_) | Self::Transfer(_) => &["GET", "DELETE"],
            Self::Integration(_) => &["DELETE"],
            Self::TokenCode(_)
            | Self::Wallet(_)
            | Self::TransferHistory(_)
            | Self::HostEvents(_)
            | Self::HostStatistics(_)
            | Self::PublishedEvents
            | Self::EventStatistics(_)
            | Self::EventTickets(_)
            | Self::Countries
            | Self::Submissions => &["GET"],
            Self::Preferences(_) => &["GET", "PUT"],
            Self::Integrations
            | Self::Accounts
            | Self::Hosts
            | Self::Events
            | Self::Tokens(_)
            | Self::Admissions(_)
            | Self::Orders
            | Self::Regions
            | Self::Venues
            | Self::Categories => &["GET", "POST"],
            Self::Account(_)
            | Self::Host(_)
            | Self::Event(_)
            | Self::Section(..)
            | Self::Token(..)
            | Self::Region(_)
            | Self::Venue(_)
            | Self::Category(_) => &["GET", "PUT", "DELETE"],
        }
    }

    /// Whether everybody with a valid key may come in here; what is behind may still refuse.
    fn is_open_to_weak_keys(self, method: &str) -> bool {
        let reads = matches!(
            self,
            Self::PublishedEvents
                | Self::Event(_)
                | Self::Section(..)
                | Self::Hosts
                | Self::Host(_)
                | Self::HostEvents(_)
                | Self::Regions
                | Self::Region(_)
                | Self::Venues
                | Self::Venue(_)
                | Self::Categories
                | Self::Category(_)
                | Self::Countries
                | Self::TokenCode(_)
                | Self::ActiveSession
        );
        match method {
            "GET" => reads,
            "POST" => matches!(self, Self::Sessions | Self::Lookups | Self::Accounts),
            _ => self == Self::ActiveSession,
        }
    }

    /// Whether only administrators may come in here.
    fn is_for_administrators(self, method: &str) -> bool {
        match self {
            Self::Integrations | Self::Integration(_) | Self::Submissions | Self::Decisions(_) | Self::Refunds(_) => {
                true
            }
            Self::Accounts => method == "GET",
            Self::Regions | Self::Region(_) | Self::Venues | Self::Venue(_) | Self::Categories | Self::Category(_) => {
                method != "GET"
            }
            _ => false,
        }
    }
}

/// Whose key it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Caller {
    Administrator,
    Weak,
    /// A session of this account.
    Person(String),
    /// The bearer of an admission token, by its id.
    Gate(String),
}

/// A request that came through the door.
pub(super) struct Ask<'a> {
    pub method: &'a str,
    pub query: Query,
    pub body: Value,
    pub caller: Caller,
    /// The key that it came with.
    pub key: String,
    pub now: Timestamp,
    pub zone: &'a TimeZone,
}

impl Ask<'_> {
    pub(super) fn view(&self) -> View<'_> {
        View { now: self.now, zone: self.zone, is_weak: self.caller == Caller::Weak }
    }

    pub(super) fn fields(&self) -> Fields<'_> {
        Fields(&self.body)
    }

    /// The account that the caller acts as.
    pub(super) fn account(&self) -> &str {
        match &self.caller {
            Caller::Person(number) => number,
            _ => INTEGRATION_ACCOUNT,
        }
    }

    /// Whether the caller may act for an account.
    pub(super) fn acts_for(&self, number: &str) -> bool {
        self.caller == Caller::Administrator || self.caller == Caller::Person(number.to_owned())
    }

    /// Whether the caller administers a host.
    pub(super) fn administers(&self, book: &Book, host: &str) -> bool {
        match &self.caller {
            Caller::Administrator => true,
            Caller::Person(number) => book.hosts.get(host).is_some_and(|host| host.administrators.contains(number)),
            Caller::Weak | Caller::Gate(_) => false,
        }
    }

    /// The event, where the caller administers its host.
    pub(super) fn managed<'b>(&self, book: &'b Book, event: &str) -> Result<&'b Event, Refusal> {
        let event = book.events.get(event).ok_or_else(Refusal::gone)?;
        if self.administers(book, &event.host) {
            return Ok(event);
        }
        Err(Refusal::new(403, "This account is not an administrator for the relevant event host."))
    }
}

/// Checks the client version, then the key, then what the key may do.
pub(super) fn admit(book: &Book, place: Place<'_>, method: &str, headers: &HeaderMap) -> Result<Caller, Refusal> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().trim();
    if !is_served(header("x-client-version")) {
        return Err(Refusal::outdated());
    }
    let key = header("x-api-key");
    if key.is_empty() {
        return Err(Refusal::unauthenticated());
    }
    let caller = caller(book, key).ok_or_else(|| match place {
        Place::ActiveSession => Refusal::new(401, "There is no active session for the given key."),
        _ => Refusal::restricted(),
    })?;
    let may = match &caller {
        Caller::Administrator => true,
        Caller::Weak => place.is_open_to_weak_keys(method),
        Caller::Person(number) => {
            let is_administrator = book.accounts.get(number).is_some_and(|account| account.role == "administrator");
            is_administrator || !place.is_for_administrators(method)
        }
        Caller::Gate(token) => match place {
            Place::EventTickets(event) | Place::Admissions(event) => {
                book.tokens.get(token).is_some_and(|token| token.event == event)
            }
            _ => false,
        },
    };
    if may { Ok(caller) } else { Err(Refusal::restricted()) }
}

fn is_served(version: &str) -> bool {
    let parts: Option<Vec<u64>> = version.split('.').map(|part| part.parse().ok()).collect();
    parts.is_some_and(|parts| parts.as_slice() >= OLDEST_CLIENT.as_slice())
}

fn caller(book: &Book, key: &str) -> Option<Caller> {
    match key {
        ADMINISTRATOR_KEY => return Some(Caller::Administrator),
        WEAK_KEY => return Some(Caller::Weak),
        _ => {}
    }
    if let Some(session) = book.sessions.get(key).filter(|session| !session.is_over) {
        return Some(Caller::Person(session.account.clone()));
    }
    if let Some(integration) = book.integrations.values().find(|integration| integration.key == key) {
        let is_administrator = integration.role == "administrator";
        return Some(if is_administrator { Caller::Administrator } else { Caller::Weak });
    }
    let token = book.tokens.values().find(|token| token.key == key)?;
    Some(Caller::Gate(token.id.clone()))
}
