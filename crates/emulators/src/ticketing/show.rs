//! How things are shown (`ticketing.md §5`): the shapes of dates, of money, and of references, each where the vendor has it.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::ticketing::book::{
    Account, Admission, Book, Event, Host, Order, Region, Section, Session, Ticket, Token, Transfer, Venue,
};

/// Who looks, and when: what the server shows depends on both.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub now: Timestamp,
    /// The zone of local times.
    pub zone: &'a TimeZone,
    /// A key that is not shown how much was sold.
    pub is_weak: bool,
}

impl View<'_> {
    /// A local time of an event; `None` where it is no time.
    pub(super) fn local(&self, text: &str) -> Option<Timestamp> {
        if let Ok(told) = text.parse::<Timestamp>() {
            return Some(told);
        }
        let local: DateTime = text.parse().ok()?;
        self.zone.to_ambiguous_timestamp(local).compatible().ok()
    }

    /// Whether an event is over: its end is in the past.
    pub(super) fn is_over(&self, event: &Event) -> bool {
        event.end.as_deref().and_then(|end| self.local(end)).is_some_and(|end| end < self.now)
    }

    /// Whether a section is on sale now (`§6.1` step 2).
    pub(super) fn is_on_sale(&self, event: &Event, section: &Section) -> bool {
        let begun = self.local(&section.sales_start).is_none_or(|at| at <= self.now);
        let over = self.local(&section.sales_end).is_some_and(|at| at <= self.now);
        event.status == "Scheduled" && begun && !over && !self.is_over(event)
    }
}

/// Hundredths as a JSON number in major units, with no more places than needed: `50`, `299.9`, `0.99`.
pub(super) fn amount(hundredths: i64) -> Value {
    serde_json::from_str(&Decimal::new(hundredths, 2).normalize().to_string()).unwrap_or(Value::Null)
}

fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()
}

pub(super) fn section_uri(event: &str, section: &str) -> String {
    format!("/events/{event}/sections/{section}")
}

pub(super) fn session(book: &Book, session: &Session, key: &str) -> Value {
    let account = book.accounts.get(&session.account).map(account);
    json!({
        "self": format!("/sessions/{}", session.id),
        "started": session.started.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        "key": key,
        "account": account,
    })
}

pub(super) fn account(account: &Account) -> Value {
    let mut shown = json!({
        "self": format!("/accounts/{}", account.number),
        "number": account.number,
        "username": account.username,
        "email": account.email,
        "role": account.role,
        "verified": false,
        "activated": true,
        "preferences": format!("/accounts/{}/preferences", account.number),
    });
    for (field, value) in &account.profile {
        shown[field] = json!(value);
    }
    shown
}

/// An account as other objects name it.
pub(super) fn owner(number: &str) -> Value {
    json!({ "self": format!("/accounts/{number}"), "number": number })
}

pub(super) fn host(host: &Host) -> Value {
    let mut shown = json!({ "self": format!("/hosts/{}", host.id) });
    for (field, value) in &host.profile {
        shown[field] = json!(value);
    }
    shown
}

pub(super) fn region(region: &Region) -> Value {
    json!({
        "self": format!("/regions/{}", region.id), "name": region.name, "country": region.country,
        "district": region.district, "city": region.city,
        "icon": format!("https://media.example/region/{}", region.id),
    })
}

/// A venue; `region` is text in the list of venues and an object inside an event (`§4.15`).
pub(super) fn venue(venue: &Venue, region: Value) -> Value {
    json!({
        "self": format!("/venues/{}", venue.id), "name": venue.name, "address": venue.address,
        "longitude": venue.longitude, "latitude": venue.latitude, "region": region,
        "map": format!("https://media.example/map/{}", venue.id),
    })
}

pub(super) fn event(book: &Book, view: View<'_>, event: &Event) -> Value {
    let no_object = || if book.switches.empty_lists { json!([]) } else { Value::Null };
    let category = book.categories.get(&event.category).filter(|_| !book.switches.empty_lists);
    let place = book.venues.get(&event.venue).filter(|_| !book.switches.empty_lists);
    let place = place.map(|it| venue(it, book.regions.get(&it.region).map_or(Value::Null, region)));
    json!({
        "self": format!("/events/{}", event.id),
        "title": event.title,
        "description": event.description,
        "type": event.kind,
        "status": event.status,
        "public": event.public,
        "category": category.map_or_else(no_object, |category| json!({
            "self": format!("/categories/{}", category.id), "name": category.name,
            "subcategories": category.subcategories,
        })),
        "subcategory": event.subcategory,
        "venue": place.unwrap_or_else(no_object),
        "start": event.start,
        "end": event.end,
        "published": event.published.map(seconds).unwrap_or_default(),
        "popularity": event.popularity,
        "disclaimer": event.disclaimer,
        "tags": event.tags,
        "banner": format!("https://media.example/banner/{}", event.id),
        "thumbnail": format!("https://media.example/thumbnail/{}", event.id),
        "sections": event.sections.iter().map(|it| {
            section(view, event, it, format!("/sections/{}", it.id))
        }).collect::<Vec<_>>(),
    })
}

/// A section under the URI given: relative to its event inside the event, full elsewhere.
pub(super) fn section(view: View<'_>, event: &Event, section: &Section, uri: String) -> Value {
    let mut shown = json!({
        "self": uri,
        "name": section.name,
        "description": section.description,
        "price": {
            "base": amount(section.base), "current": amount(section.current), "expires": section.expires,
        },
        "salesStart": section.sales_start,
        "salesEnd": section.sales_end,
        "active": view.is_on_sale(event, section),
        "remaining": section.remaining(),
    });
    if !view.is_weak {
        shown["capacity"] = json!(section.capacity);
        shown["sold"] = json!(section.sold);
        shown["reserved"] = json!(section.reserved);
    }
    shown
}

pub(super) fn token(book: &Book, token: &Token) -> Value {
    json!({
        "self": format!("/events/{}/tokens/{}", token.event, token.id),
        "code": token.code,
        "global": token.global,
        "sections": token_sections(book, token),
    })
}

/// Full URIs; a global token covers whatever sections there are.
pub(super) fn token_sections(book: &Book, token: &Token) -> Vec<String> {
    let all = book.events.get(&token.event).map(|event| event.sections.as_slice()).unwrap_or_default();
    let covered = all.iter().filter(|section| token.global || token.sections.contains(&section.id));
    covered.map(|section| section_uri(&token.event, &section.id)).collect()
}

fn place_of(book: &Book, event: &str, section: &str) -> Value {
    let name = book.section(event, section).map(|it| it.name.clone());
    json!({ "self": section_uri(event, section), "name": name })
}

pub(super) fn ticket(book: &Book, ticket: &Ticket) -> Value {
    json!({
        "self": format!("/events/{}/tickets/{}", ticket.event, ticket.id),
        "serial": ticket.serial,
        "status": ticket.status,
        "section": place_of(book, &ticket.event, &ticket.section),
        "owner": owner(&ticket.owner),
        "issued": seconds(ticket.issued),
        "redeemed": ticket.redeemed.map_or_else(|| "N/A".to_owned(), seconds),
    })
}

pub(super) fn admission(book: &Book, admission: &Admission) -> Value {
    json!({
        "self": format!("/events/{}/admissions/{}", admission.event, admission.id),
        "redeemer": admission.redeemer,
        "device": admission.device,
        "ticket": admission.serial,
        "patron": owner(&admission.patron),
        "section": place_of(book, &admission.event, &admission.section),
        "admitted": seconds(admission.admitted),
    })
}

pub(super) fn order(order: &Order) -> Value {
    let item = |item: &crate::ticketing::book::Item| {
        json!({
            "section": section_uri(&item.event, &item.section), "number": item.number, "name": item.name,
            "description": item.description, "price": amount(item.price), "quantity": item.quantity,
        })
    };
    json!({
        "self": format!("/orders/{}", order.number),
        "number": order.number,
        "status": order.status,
        "placed": seconds(order.placed),
        "subtotal": amount(order.subtotal()),
        "fees": amount(order.fees),
        "total": amount(order.total()),
        "items": order.items.iter().map(item).collect::<Vec<_>>(),
        "customer": owner(&order.customer),
        "payments": format!("/orders/{}/payments", order.number),
        "refunds": format!("/orders/{}/refunds", order.number),
    })
}

pub(super) fn transfer(book: &Book, transfer: &Transfer) -> Value {
    let lot = |(event, section, quantity): &(String, String, u32)| {
        json!({
            "event": { "self": format!("/events/{event}") },
            "section": place_of(book, event, section),
            "quantity": quantity,
        })
    };
    json!({
        "self": format!("/transfers/{}", transfer.id),
        "status": transfer.status,
        "initiated": seconds(transfer.initiated),
        "tickets": transfer.lots.iter().map(lot).collect::<Vec<_>>(),
        "sender": { "number": transfer.sender },
        "recipient": { "number": transfer.recipient },
        "claims": format!("/transfers/{}/claims", transfer.id),
    })
}
