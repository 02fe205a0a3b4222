//! Routes of the emulated TickeTing, with the methods and the keys that each accepts (`ticketing.md §2.7`).

/// An endpoint with its path parameters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Route<'a> {
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

impl<'a> Route<'a> {
    /// Finds the endpoint of a path.
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

    /// Returns the supported HTTP methods.
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

    /// True if restricted keys may call the endpoint, which may still reject the request.
    pub(super) fn allows_restricted_keys(self, method: &str) -> bool {
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

    /// True if only administrators may call the endpoint.
    pub(super) fn requires_administrator(self, method: &str) -> bool {
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
