//! Initial data: hosts, venues, and a calendar of recurring nights and festivals.
//!
//! Event ids are derived from the series and the date, so they are the same on every day and after every restart.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, Weekday};
use jiff::{Timestamp, ToSpan};

use crate::ticketing::state::{
    DIGITS, TicketingAccount, TicketingCategory, TicketingEvent, TicketingHost, TicketingRegion, TicketingSection,
    TicketingState, TicketingVenue, derive_text,
};

/// Host whose events the sandbox configuration sells.
pub const HOST: &str = "17201149984410";
/// Integration key of an administrator.
pub const ADMINISTRATOR_KEY: &str = "5a6e0d1cb00c0000000000000000c0de";
/// Integration key limited to public data, accounts and lookups.
pub const RESTRICTED_KEY: &str = "5a6e0d1cb00c0000000000000000feed";
/// Account of the administrator key.
pub(super) const INTEGRATION_ACCOUNT: &str = "TG-00000001";

const OTHER_HOST: &str = "17201149990027";
const REGION: &str = "17201150093318";
const CATEGORY: &str = "17201150055527";
const PIER: &str = "17201150127783";
const DECK: &str = "17201150131206";

/// Days that the calendar extends into the past and the future.
const DAYS_BACK: i64 = 8;
const DAYS_AHEAD: i64 = 70;

enum Recurrence {
    Weekly(Weekday),
    /// N-th weekday of each month.
    Monthly(i8, Weekday),
}

struct EventSeries {
    title: &'static str,
    description: &'static str,
    host: &'static str,
    venue: &'static str,
    subcategory: &'static str,
    status: &'static str,
    public: bool,
    rule: Recurrence,
    /// Start hour and duration in hours.
    hours: (i8, i64),
    tags: &'static [&'static str],
    sections: &'static [SectionTemplate],
}

struct SectionTemplate {
    name: &'static str,
    description: &'static str,
    /// Base and current price, in hundredths.
    prices: (i64, i64),
    capacity: u32,
    sold: u32,
    /// Days before the event on which sales start.
    opens: i64,
}

const fn section_template(
    name: &'static str,
    description: &'static str,
    price: i64,
    capacity: u32,
    sold: u32,
) -> SectionTemplate {
    SectionTemplate { name, description, prices: (price, price), capacity, sold, opens: 120 }
}

const QUAY_FRIDAYS: EventSeries = EventSeries {
    title: "Quay Fridays",
    description: "Soca, dancehall and a sea breeze, from ten until the ferry leaves.",
    host: HOST,
    venue: PIER,
    subcategory: "Club Night",
    status: "Scheduled",
    public: true,
    rule: Recurrence::Weekly(Weekday::Friday),
    hours: (22, 5),
    tags: &["soca", "dancehall"],
    sections: &[
        section_template("General Admission", "Dance floor and bar", 8_000, 400, 112),
        SectionTemplate {
            prices: (8_000, 6_000),
            ..section_template("Early Bird", "The same floor, for those who plan", 0, 60, 21)
        },
        section_template("VIP Deck", "Upper deck with table service", 25_000, 40, 9),
    ],
};

const SUNSET_LIME: EventSeries = EventSeries {
    title: "Sunset Lime",
    description: "Bring a chair and a cooler: acoustic sets while the sun goes down. No charge.",
    host: HOST,
    venue: DECK,
    subcategory: "Live Music",
    status: "Scheduled",
    public: true,
    rule: Recurrence::Weekly(Weekday::Sunday),
    hours: (17, 3),
    tags: &["acoustic", "free"],
    sections: &[section_template("Free Entry", "Standing, first come", 0, 200, 34)],
};

const GALA: EventSeries = EventSeries {
    title: "Harbour Lights Gala",
    description: "An evening on the quay: lanterns, a big band and supper at the captain's table.",
    host: HOST,
    venue: PIER,
    subcategory: "Gala",
    status: "Scheduled",
    public: true,
    rule: Recurrence::Monthly(2, Weekday::Saturday),
    hours: (20, 3),
    tags: &["quay", "gala"],
    sections: &[
        section_template("Quayside", "Standing, quay side", 5_000, 300, 48),
        section_template("Pavilion", "Seated under the roof", 12_000, 120, 61),
        section_template("Captain's Table", "Supper and a reserved seat", 29_990, 24, 23),
    ],
};

const REGATTA: EventSeries = EventSeries {
    title: "Steelpan Regatta",
    description: "Three days of boats and bands: <b>twelve pans</b>, one bay, no sleep.",
    host: HOST,
    venue: DECK,
    subcategory: "Festival",
    status: "Scheduled",
    public: true,
    rule: Recurrence::Monthly(3, Weekday::Friday),
    hours: (16, 54),
    tags: &["festival", "steelpan"],
    sections: &[
        section_template("Weekend Pass", "All three days", 45_000, 800, 266),
        section_template("Saturday Only", "The day of the finals", 19_500, 500, 140),
        section_template("Junior Pass", "Under sixteen, with an adult", 10_000, 150, 12),
    ],
};

const SOLD_OUT: EventSeries = EventSeries {
    title: "Dimanche Gras Warm-Up",
    description: "The small one before the big one. It always sells out.",
    host: HOST,
    venue: DECK,
    subcategory: "Club Night",
    status: "Scheduled",
    public: true,
    rule: Recurrence::Monthly(1, Weekday::Thursday),
    hours: (21, 6),
    tags: &["carnival"],
    sections: &[section_template("General Admission", "Standing", 15_000, 250, 250)],
};

const NOT_YET_ON_SALE: EventSeries = EventSeries {
    title: "J'ouvert Breakfast Cruise",
    description: "Mud, music and doubles at sunrise. Sales open a week ahead.",
    host: HOST,
    venue: PIER,
    subcategory: "Cruise",
    status: "Scheduled",
    public: true,
    rule: Recurrence::Monthly(4, Weekday::Saturday),
    hours: (4, 5),
    tags: &["carnival", "cruise"],
    sections: &[SectionTemplate { opens: 7, ..section_template("Deck Pass", "Breakfast included", 17_550, 90, 0) }],
};

const PRIVATE: EventSeries = EventSeries {
    title: "Crew Party",
    description: "For those who work the other nights.",
    host: HOST,
    venue: DECK,
    subcategory: "Club Night",
    status: "Scheduled",
    public: false,
    rule: Recurrence::Monthly(2, Weekday::Monday),
    hours: (19, 4),
    tags: &[],
    sections: &[section_template("Guest List", "By name", 2_500, 80, 17)],
};

const DRAFT: EventSeries = EventSeries {
    title: "Rooftop Series",
    description: "To be decided.",
    host: HOST,
    venue: DECK,
    subcategory: "Live Music",
    status: "Draft",
    public: true,
    rule: Recurrence::Monthly(3, Weekday::Wednesday),
    hours: (19, 3),
    tags: &[],
    sections: &[section_template("Roof", "Open air", 9_000, 100, 0)],
};

const CALLED_OFF: EventSeries = EventSeries {
    title: "Moonlight Sail",
    description: "Called off: the boat is in dry dock.",
    host: HOST,
    venue: PIER,
    subcategory: "Cruise",
    status: "Cancelled",
    public: true,
    rule: Recurrence::Monthly(4, Weekday::Tuesday),
    hours: (20, 3),
    tags: &["cruise"],
    sections: &[section_template("Deck Pass", "Welcome drink included", 22_000, 60, 5)],
};

const OTHER_HOST_CONCERT: EventSeries = EventSeries {
    title: "Savannah Sounds",
    description: "Another host's open-air concert.",
    host: OTHER_HOST,
    venue: DECK,
    subcategory: "Live Music",
    status: "Scheduled",
    public: true,
    rule: Recurrence::Monthly(2, Weekday::Sunday),
    hours: (18, 4),
    tags: &["open air"],
    sections: &[section_template("Lawn", "Bring a blanket", 6_500, 1_000, 301)],
};

const CALENDAR: [&EventSeries; 10] = [
    &QUAY_FRIDAYS,
    &SUNSET_LIME,
    &GALA,
    &REGATTA,
    &SOLD_OUT,
    &NOT_YET_ON_SALE,
    &PRIVATE,
    &DRAFT,
    &CALLED_OFF,
    &OTHER_HOST_CONCERT,
];

/// Adds missing initial data and events.
pub(super) fn seed(state: &mut TicketingState, today: Date, now: Timestamp) {
    if state.hosts.is_empty() {
        seed_reference_data(state);
    }
    seed_events(state, today, today.saturating_sub(DAYS_BACK.days()), now);
}

/// Adds the missing events from a day on.
pub(super) fn seed_events(state: &mut TicketingState, today: Date, from: Date, now: Timestamp) {
    for series in CALENDAR {
        for date in event_dates(&series.rule, today, from) {
            seed_event(state, series, date, now);
        }
    }
}

fn event_dates(rule: &Recurrence, today: Date, from: Date) -> Vec<Date> {
    let days = from.series(1.day()).take_while(|day| *day <= today.saturating_add(DAYS_AHEAD.days()));
    let falls = |day: &Date| match rule {
        Recurrence::Weekly(weekday) => day.weekday() == *weekday,
        Recurrence::Monthly(nth, weekday) => day.nth_weekday_of_month(*nth, *weekday).is_ok_and(|it| it == *day),
    };
    days.filter(falls).collect()
}

/// Derives a fourteen-digit id, like the vendor's own, from a name.
fn stable_id(name: &str) -> String {
    format!("172{}", derive_text(name, DIGITS, 11))
}

fn seed_event(state: &mut TicketingState, series: &EventSeries, date: Date, now: Timestamp) {
    let event_id = stable_id(&format!("{} {date}", series.title));
    if state.events.contains_key(&event_id) || state.deleted.contains(&event_id) {
        return;
    }
    let start = date.at(series.hours.0, 0, 0, 0);
    let end = start.saturating_add(series.hours.1.hours());
    let minute = |at: jiff::civil::DateTime| at.strftime("%Y-%m-%dT%H:%M").to_string();
    let section = |stand: &SectionTemplate| {
        let (base, current) = stand.prices;
        TicketingSection {
            id: stable_id(&format!("{} {date} {}", series.title, stand.name)),
            name: stand.name.to_owned(),
            description: stand.description.to_owned(),
            base,
            current,
            expires: (base != current).then(|| minute(start)),
            sales_start: minute(start.saturating_sub(stand.opens.days())),
            sales_end: minute(end.saturating_sub(1.hour())),
            capacity: stand.capacity,
            sold: stand.sold,
            reserved: 0,
        }
    };
    let is_published = matches!(series.status, "Scheduled" | "Cancelled");
    let event = TicketingEvent {
        id: event_id.clone(),
        host: series.host.to_owned(),
        title: series.title.to_owned(),
        description: series.description.to_owned(),
        kind: "Standard".to_owned(),
        subcategory: series.subcategory.to_owned(),
        status: series.status.to_owned(),
        public: series.public,
        category: CATEGORY.to_owned(),
        venue: series.venue.to_owned(),
        start: Some(minute(start)),
        end: Some(minute(end)),
        published: is_published.then(|| now.saturating_sub(720.hours()).unwrap_or(now)),
        popularity: series.sections.iter().map(|stand| stand.sold).sum(),
        disclaimer: None,
        tags: series.tags.iter().map(|tag| (*tag).to_owned()).collect(),
        sections: series.sections.iter().map(section).collect(),
    };
    state.add_global_token(&event_id, stable_id(&format!("{} {date} global token", series.title)));
    state.events.insert(event_id, event);
}

fn seed_reference_data(state: &mut TicketingState) {
    let region = TicketingRegion {
        id: REGION.to_owned(),
        name: "Port of Spain".to_owned(),
        country: "Trinidad and Tobago".to_owned(),
        district: "Port of Spain".to_owned(),
        city: "Port of Spain".to_owned(),
    };
    state.regions.insert(region.id.clone(), region);
    for (id, name, address) in [(PIER, "North Quay", "1 Wrightson Road"), (DECK, "The Deck", "12 Foreshore Drive")] {
        let venue = TicketingVenue {
            id: id.to_owned(),
            name: name.to_owned(),
            region: REGION.to_owned(),
            longitude: "-61.5182".to_owned(),
            latitude: "10.6490".to_owned(),
            address: address.to_owned(),
        };
        state.venues.insert(id.to_owned(), venue);
    }
    let subcategories = ["Club Night", "Cruise", "Festival", "Gala", "Live Music"];
    let category = TicketingCategory {
        id: CATEGORY.to_owned(),
        name: "Nightlife".to_owned(),
        subcategories: subcategories.map(str::to_owned).to_vec(),
    };
    state.categories.insert(category.id.clone(), category);
    for (number, username, role) in [
        (INTEGRATION_ACCOUNT, "integration", "administrator"),
        ("GA-7C20F1B4", "gate.manager", "customer"),
        ("BE-19D3A0C7", "bea.holder", "customer"),
        ("CY-55E8F2A1", "cy.guest", "customer"),
    ] {
        let account = TicketingAccount {
            number: number.to_owned(),
            username: username.to_owned(),
            email: format!("{username}@example.org"),
            password: "correct-horse".to_owned(),
            role: role.to_owned(),
            profile: BTreeMap::new(),
            region: None,
        };
        state.accounts.insert(number.to_owned(), account);
    }
    for (id, name) in [(HOST, "Quay Nights"), (OTHER_HOST, "Savannah Sounds")] {
        let profile = [("name", name), ("contact", "The box office"), ("email", "office@example.org")];
        let host = TicketingHost {
            id: id.to_owned(),
            profile: profile.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
            administrators: BTreeSet::from(["GA-7C20F1B4".to_owned()]),
        };
        state.hosts.insert(id.to_owned(), host);
    }
}
