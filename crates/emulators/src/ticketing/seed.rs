//! What there is from the start: hosts, venues, and a calendar of nights and festivals that goes on for ever.
//!
//! Events repeat by rules and are named after their own day, so their ids are the same on every day and after every restart.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, Weekday};
use jiff::{Timestamp, ToSpan};

use crate::ticketing::book::{Account, Book, Category, DIGITS, Event, Host, Region, Section, Venue, derived};

/// The host whose events the sandbox configuration sells.
pub const HOST: &str = "17201149984410";
/// The integration key of an administrator.
pub const ADMINISTRATOR_KEY: &str = "5a6e0d1cb00c0000000000000000c0de";
/// An integration key that may do little more than read what is public.
pub const WEAK_KEY: &str = "5a6e0d1cb00c0000000000000000feed";
/// The account that the administrator's key stands for.
pub(super) const INTEGRATION_ACCOUNT: &str = "TG-00000001";

const OTHER_HOST: &str = "17201149990027";
const REGION: &str = "17201150093318";
const CATEGORY: &str = "17201150055527";
const PIER: &str = "17201150127783";
const DECK: &str = "17201150131206";

/// How far the calendar reaches back and ahead, in days.
const BACK: i64 = 8;
const AHEAD: i64 = 70;

enum Rule {
    Weekly(Weekday),
    /// The n-th weekday of each month.
    Monthly(i8, Weekday),
}

struct Series {
    title: &'static str,
    description: &'static str,
    host: &'static str,
    venue: &'static str,
    subcategory: &'static str,
    status: &'static str,
    public: bool,
    rule: Rule,
    /// Hour of the day, and how many hours.
    hours: (i8, i64),
    tags: &'static [&'static str],
    sections: &'static [Stand],
}

struct Stand {
    name: &'static str,
    description: &'static str,
    /// Hundredths: before and after a reduction.
    prices: (i64, i64),
    capacity: u32,
    sold: u32,
    /// Days before the event on which sales begin.
    opens: i64,
}

const fn stand(name: &'static str, description: &'static str, price: i64, capacity: u32, sold: u32) -> Stand {
    Stand { name, description, prices: (price, price), capacity, sold, opens: 120 }
}

const QUAY_FRIDAYS: Series = Series {
    title: "Quay Fridays",
    description: "Soca, dancehall and a sea breeze, from ten until the ferry leaves.",
    host: HOST,
    venue: PIER,
    subcategory: "Club Night",
    status: "Scheduled",
    public: true,
    rule: Rule::Weekly(Weekday::Friday),
    hours: (22, 5),
    tags: &["soca", "dancehall"],
    sections: &[
        stand("General Admission", "Dance floor and bar", 8_000, 400, 112),
        Stand { prices: (8_000, 6_000), ..stand("Early Bird", "The same floor, for those who plan", 0, 60, 21) },
        stand("VIP Deck", "Upper deck with table service", 25_000, 40, 9),
    ],
};

const SUNSET_LIME: Series = Series {
    title: "Sunset Lime",
    description: "Bring a chair and a cooler: acoustic sets while the sun goes down. No charge.",
    host: HOST,
    venue: DECK,
    subcategory: "Live Music",
    status: "Scheduled",
    public: true,
    rule: Rule::Weekly(Weekday::Sunday),
    hours: (17, 3),
    tags: &["acoustic", "free"],
    sections: &[stand("Free Entry", "Standing, first come", 0, 200, 34)],
};

const GALA: Series = Series {
    title: "Harbour Lights Gala",
    description: "An evening on the quay: lanterns, a big band and supper at the captain's table.",
    host: HOST,
    venue: PIER,
    subcategory: "Gala",
    status: "Scheduled",
    public: true,
    rule: Rule::Monthly(2, Weekday::Saturday),
    hours: (20, 3),
    tags: &["quay", "gala"],
    sections: &[
        stand("Quayside", "Standing, quay side", 5_000, 300, 48),
        stand("Pavilion", "Seated under the roof", 12_000, 120, 61),
        stand("Captain's Table", "Supper and a reserved seat", 29_990, 24, 23),
    ],
};

const REGATTA: Series = Series {
    title: "Steelpan Regatta",
    description: "Three days of boats and bands: <b>twelve pans</b>, one bay, no sleep.",
    host: HOST,
    venue: DECK,
    subcategory: "Festival",
    status: "Scheduled",
    public: true,
    rule: Rule::Monthly(3, Weekday::Friday),
    hours: (16, 54),
    tags: &["festival", "steelpan"],
    sections: &[
        stand("Weekend Pass", "All three days", 45_000, 800, 266),
        stand("Saturday Only", "The day of the finals", 19_500, 500, 140),
        stand("Junior Pass", "Under sixteen, with an adult", 10_000, 150, 12),
    ],
};

const SOLD_OUT: Series = Series {
    title: "Dimanche Gras Warm-Up",
    description: "The small one before the big one. It always sells out.",
    host: HOST,
    venue: DECK,
    subcategory: "Club Night",
    status: "Scheduled",
    public: true,
    rule: Rule::Monthly(1, Weekday::Thursday),
    hours: (21, 6),
    tags: &["carnival"],
    sections: &[stand("General Admission", "Standing", 15_000, 250, 250)],
};

const NOT_YET: Series = Series {
    title: "J'ouvert Breakfast Cruise",
    description: "Mud, music and doubles at sunrise. Sales open a week ahead.",
    host: HOST,
    venue: PIER,
    subcategory: "Cruise",
    status: "Scheduled",
    public: true,
    rule: Rule::Monthly(4, Weekday::Saturday),
    hours: (4, 5),
    tags: &["carnival", "cruise"],
    sections: &[Stand { opens: 7, ..stand("Deck Pass", "Breakfast included", 17_550, 90, 0) }],
};

const PRIVATE: Series = Series {
    title: "Crew Party",
    description: "For those who work the other nights.",
    host: HOST,
    venue: DECK,
    subcategory: "Club Night",
    status: "Scheduled",
    public: false,
    rule: Rule::Monthly(2, Weekday::Monday),
    hours: (19, 4),
    tags: &[],
    sections: &[stand("Guest List", "By name", 2_500, 80, 17)],
};

const DRAFT: Series = Series {
    title: "Rooftop Series",
    description: "To be decided.",
    host: HOST,
    venue: DECK,
    subcategory: "Live Music",
    status: "Draft",
    public: true,
    rule: Rule::Monthly(3, Weekday::Wednesday),
    hours: (19, 3),
    tags: &[],
    sections: &[stand("Roof", "Open air", 9_000, 100, 0)],
};

const CALLED_OFF: Series = Series {
    title: "Moonlight Sail",
    description: "Called off: the boat is in dry dock.",
    host: HOST,
    venue: PIER,
    subcategory: "Cruise",
    status: "Cancelled",
    public: true,
    rule: Rule::Monthly(4, Weekday::Tuesday),
    hours: (20, 3),
    tags: &["cruise"],
    sections: &[stand("Deck Pass", "Welcome drink included", 22_000, 60, 5)],
};

const OTHERS: Series = Series {
    title: "Savannah Sounds",
    description: "Another host's open-air concert.",
    host: OTHER_HOST,
    venue: DECK,
    subcategory: "Live Music",
    status: "Scheduled",
    public: true,
    rule: Rule::Monthly(2, Weekday::Sunday),
    hours: (18, 4),
    tags: &["open air"],
    sections: &[stand("Lawn", "Bring a blanket", 6_500, 1_000, 301)],
};

const CALENDAR: [&Series; 10] =
    [&QUAY_FRIDAYS, &SUNSET_LIME, &GALA, &REGATTA, &SOLD_OUT, &NOT_YET, &PRIVATE, &DRAFT, &CALLED_OFF, &OTHERS];

/// Adds what is not there yet.
pub(super) fn plant(book: &mut Book, today: Date, now: Timestamp) {
    if book.hosts.is_empty() {
        plant_world(book);
    }
    for series in CALENDAR {
        for date in dates(&series.rule, today) {
            plant_event(book, series, date, now);
        }
    }
}

fn dates(rule: &Rule, today: Date) -> Vec<Date> {
    let from = today.saturating_sub(BACK.days());
    let days = from.series(1.day()).take_while(|day| *day <= today.saturating_add(AHEAD.days()));
    let falls = |day: &Date| match rule {
        Rule::Weekly(weekday) => day.weekday() == *weekday,
        Rule::Monthly(nth, weekday) => day.nth_weekday_of_month(*nth, *weekday).is_ok_and(|it| it == *day),
    };
    days.filter(falls).collect()
}

/// Fourteen digits like the vendor's own, derived from a name.
fn id(name: &str) -> String {
    format!("172{}", derived(name, DIGITS, 11))
}

fn plant_event(book: &mut Book, series: &Series, date: Date, now: Timestamp) {
    let event_id = id(&format!("{} {date}", series.title));
    if book.events.contains_key(&event_id) || book.deleted.contains(&event_id) {
        return;
    }
    let start = date.at(series.hours.0, 0, 0, 0);
    let end = start.saturating_add(series.hours.1.hours());
    let minute = |at: jiff::civil::DateTime| at.strftime("%Y-%m-%dT%H:%M").to_string();
    let section = |stand: &Stand| {
        let (base, current) = stand.prices;
        Section {
            id: id(&format!("{} {date} {}", series.title, stand.name)),
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
    let event = Event {
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
    book.add_global_token(&event_id, id(&format!("{} {date} global token", series.title)));
    book.events.insert(event_id, event);
}

fn plant_world(book: &mut Book) {
    let region = Region {
        id: REGION.to_owned(),
        name: "Port of Spain".to_owned(),
        country: "Trinidad and Tobago".to_owned(),
        district: "Port of Spain".to_owned(),
        city: "Port of Spain".to_owned(),
    };
    book.regions.insert(region.id.clone(), region);
    for (id, name, address) in [(PIER, "North Quay", "1 Wrightson Road"), (DECK, "The Deck", "12 Foreshore Drive")] {
        let venue = Venue {
            id: id.to_owned(),
            name: name.to_owned(),
            region: REGION.to_owned(),
            longitude: "-61.5182".to_owned(),
            latitude: "10.6490".to_owned(),
            address: address.to_owned(),
        };
        book.venues.insert(id.to_owned(), venue);
    }
    let subcategories = ["Club Night", "Cruise", "Festival", "Gala", "Live Music"];
    let category = Category {
        id: CATEGORY.to_owned(),
        name: "Nightlife".to_owned(),
        subcategories: subcategories.map(str::to_owned).to_vec(),
    };
    book.categories.insert(category.id.clone(), category);
    for (number, username, role) in [
        (INTEGRATION_ACCOUNT, "integration", "administrator"),
        ("GA-7C20F1B4", "gate.manager", "customer"),
        ("BE-19D3A0C7", "bea.holder", "customer"),
        ("CY-55E8F2A1", "cy.guest", "customer"),
    ] {
        let account = Account {
            number: number.to_owned(),
            username: username.to_owned(),
            email: format!("{username}@example.org"),
            password: "correct-horse".to_owned(),
            role: role.to_owned(),
            profile: BTreeMap::new(),
            region: None,
        };
        book.accounts.insert(number.to_owned(), account);
    }
    for (id, name) in [(HOST, "Quay Nights"), (OTHER_HOST, "Savannah Sounds")] {
        let profile = [("name", name), ("contact", "The box office"), ("email", "office@example.org")];
        let host = Host {
            id: id.to_owned(),
            profile: profile.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
            administrators: BTreeSet::from(["GA-7C20F1B4".to_owned()]),
        };
        book.hosts.insert(id.to_owned(), host);
    }
}
