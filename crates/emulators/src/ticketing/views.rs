//! Serialization of all objects (`ticketing.md §5`), with the vendor's formats of dates, amounts and references.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::ticketing::state::{
    IssuedTicket, TicketingAccount, TicketingAdmission, TicketingEvent, TicketingHost, TicketingOrder, TicketingRegion,
    TicketingSection, TicketingSession, TicketingState, TicketingToken, TicketingTransfer, TicketingVenue,
};

/// Time and permissions of a request, which the serialized objects depend on.
#[derive(Clone, Copy)]
pub(super) struct ViewContext<'a> {
    pub now: Timestamp,
    /// Time zone of local times.
    pub zone: &'a TimeZone,
    /// True if the caller may not see sales figures.
    pub hides_sales: bool,
}

impl ViewContext<'_> {
    /// Parses a local time of an event.
    pub(super) fn parse_local(&self, text: &str) -> Option<Timestamp> {
        if let Ok(text) = text.parse::<Timestamp>() {
            return Some(text);
        }
        let local: DateTime = text.parse().ok()?;
        self.zone.to_ambiguous_timestamp(local).compatible().ok()
    }

    /// True if the event's end is in the past.
    pub(super) fn is_over(&self, event: &TicketingEvent) -> bool {
        event.end.as_deref().and_then(|end| self.parse_local(end)).is_some_and(|end| end < self.now)
    }

    /// True if the section is on sale now (`§6.1` step 2).
    pub(super) fn is_on_sale(&self, event: &TicketingEvent, section: &TicketingSection) -> bool {
        let begun = self.parse_local(&section.sales_start).is_none_or(|at| at <= self.now);
        let over = self.parse_local(&section.sales_end).is_some_and(|at| at <= self.now);
        event.status == "Scheduled" && begun && !over && !self.is_over(event)
    }
}

/// Converts hundredths to a JSON number in major units without trailing zeros: `50`, `299.9`, `0.99`.
pub(super) fn json_amount(hundredths: i64) -> Value {
    serde_json::from_str(&Decimal::new(hundredths, 2).normalize().to_string()).unwrap_or(Value::Null)
}

fn format_seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()
}

pub(super) fn section_uri(event: &str, section: &str) -> String {
    format!("/events/{event}/sections/{section}")
}

pub(super) fn session(state: &TicketingState, session: &TicketingSession, key: &str) -> Value {
    let account = state.accounts.get(&session.account).map(account);
    json!({
        "self": format!("/sessions/{}", session.id),
        "started": session.started.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        "key": key,
        "account": account,
    })
}

pub(super) fn account(account: &TicketingAccount) -> Value {
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

/// Serializes a reference to an account.
pub(super) fn account_reference(number: &str) -> Value {
    json!({ "self": format!("/accounts/{number}"), "number": number })
}

pub(super) fn host(host: &TicketingHost) -> Value {
    let mut shown = json!({ "self": format!("/hosts/{}", host.id) });
    for (field, value) in &host.profile {
        shown[field] = json!(value);
    }
    shown
}

pub(super) fn region(region: &TicketingRegion) -> Value {
    json!({
        "self": format!("/regions/{}", region.id), "name": region.name, "country": region.country,
        "district": region.district, "city": region.city,
        "icon": format!("https://media.example/region/{}", region.id),
    })
}

/// Serializes a venue. `region` is text in the list of venues and an object inside an event (`§4.15`).
pub(super) fn venue(venue: &TicketingVenue, region: Value) -> Value {
    json!({
        "self": format!("/venues/{}", venue.id), "name": venue.name, "address": venue.address,
        "longitude": venue.longitude, "latitude": venue.latitude, "region": region,
        "map": format!("https://media.example/map/{}", venue.id),
    })
}

pub(super) fn event(state: &TicketingState, view: ViewContext<'_>, event: &TicketingEvent) -> Value {
    let no_object = || if state.quirks.empty_lists { json!([]) } else { Value::Null };
    let category = state.categories.get(&event.category).filter(|_| !state.quirks.empty_lists);
    let route = state.venues.get(&event.venue).filter(|_| !state.quirks.empty_lists);
    let route = route.map(|it| venue(it, state.regions.get(&it.region).map_or(Value::Null, region)));
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
        "venue": route.unwrap_or_else(no_object),
        "start": event.start,
        "end": event.end,
        "published": event.published.map(format_seconds).unwrap_or_default(),
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

/// Serializes a section. Its `uri` is relative inside an event and full elsewhere.
pub(super) fn section(view: ViewContext<'_>, event: &TicketingEvent, section: &TicketingSection, uri: String) -> Value {
    let mut shown = json!({
        "self": uri,
        "name": section.name,
        "description": section.description,
        "price": {
            "base": json_amount(section.base), "current": json_amount(section.current), "expires": section.expires,
        },
        "salesStart": section.sales_start,
        "salesEnd": section.sales_end,
        "active": view.is_on_sale(event, section),
        "remaining": section.remaining(),
    });
    if !view.hides_sales {
        shown["capacity"] = json!(section.capacity);
        shown["sold"] = json!(section.sold);
        shown["reserved"] = json!(section.reserved);
    }
    shown
}

pub(super) fn token(state: &TicketingState, token: &TicketingToken) -> Value {
    json!({
        "self": format!("/events/{}/tokens/{}", token.event, token.id),
        "code": token.code,
        "global": token.global,
        "sections": token_sections(state, token),
    })
}

/// Returns the full URIs of the token's sections; a global token covers all.
pub(super) fn token_sections(state: &TicketingState, token: &TicketingToken) -> Vec<String> {
    let all = state.events.get(&token.event).map(|event| event.sections.as_slice()).unwrap_or_default();
    let covered = all.iter().filter(|section| token.global || token.sections.contains(&section.id));
    covered.map(|section| section_uri(&token.event, &section.id)).collect()
}

fn section_reference(state: &TicketingState, event: &str, section: &str) -> Value {
    let name = state.section(event, section).map(|it| it.name.clone());
    json!({ "self": section_uri(event, section), "name": name })
}

pub(super) fn ticket(state: &TicketingState, ticket: &IssuedTicket) -> Value {
    json!({
        "self": format!("/events/{}/tickets/{}", ticket.event, ticket.id),
        "serial": ticket.serial,
        "status": ticket.status,
        "section": section_reference(state, &ticket.event, &ticket.section),
        "owner": account_reference(&ticket.owner),
        "issued": format_seconds(ticket.issued),
        "redeemed": ticket.redeemed.map_or_else(|| "N/A".to_owned(), format_seconds),
    })
}

pub(super) fn admission(state: &TicketingState, admission: &TicketingAdmission) -> Value {
    json!({
        "self": format!("/events/{}/admissions/{}", admission.event, admission.id),
        "redeemer": admission.redeemer,
        "device": admission.device,
        "ticket": admission.serial,
        "patron": account_reference(&admission.patron),
        "section": section_reference(state, &admission.event, &admission.section),
        "admitted": format_seconds(admission.admitted),
    })
}

pub(super) fn order(order: &TicketingOrder) -> Value {
    let item = |item: &crate::ticketing::state::TicketingOrderItem| {
        json!({
            "section": section_uri(&item.event, &item.section), "number": item.number, "name": item.name,
            "description": item.description, "price": json_amount(item.price), "quantity": item.quantity,
        })
    };
    json!({
        "self": format!("/orders/{}", order.number),
        "number": order.number,
        "status": order.status,
        "placed": format_seconds(order.placed),
        "subtotal": json_amount(order.subtotal()),
        "fees": json_amount(order.fees),
        "total": json_amount(order.total()),
        "items": order.items.iter().map(item).collect::<Vec<_>>(),
        "customer": account_reference(&order.customer),
        "payments": format!("/orders/{}/payments", order.number),
        "refunds": format!("/orders/{}/refunds", order.number),
    })
}

pub(super) fn transfer(state: &TicketingState, transfer: &TicketingTransfer) -> Value {
    let lot = |(event, section, quantity): &(String, String, u32)| {
        json!({
            "event": { "self": format!("/events/{event}") },
            "section": section_reference(state, event, section),
            "quantity": quantity,
        })
    };
    json!({
        "self": format!("/transfers/{}", transfer.id),
        "status": transfer.status,
        "initiated": format_seconds(transfer.initiated),
        "tickets": transfer.lots.iter().map(lot).collect::<Vec<_>>(),
        "sender": { "number": transfer.sender },
        "recipient": { "number": transfer.recipient },
        "claims": format!("/transfers/{}/claims", transfer.id),
    })
}
