//! What can be written of each type of the catalogue. Each reads the facts by the same functions as its resolvers.

use std::sync::Arc;

use crate::graphql::catalog::availability::{max_age, quantity};
use crate::graphql::catalog::{
    Audience, Availability, AvailabilityStatus, BookingMode, Event, EventEdge, EventStatus, Freshness, Money, Offer,
    Performance, PerformanceConnection, PerformanceEdge, Price, Section, Tax, TicketType,
};
use crate::graphql::id;
use crate::graphql::loaders::{AvailabilityOf, PerformancesOf, TicketTypesOf};
use crate::graphql::page::PageInfo;
use crate::graphql::scalars::{CurrencyCode, DateTime, LocalDate, Locale, int};
use crate::graphql::sources::source::capabilities;
use crate::graphql::sources::{Environment, ExternalRef, Source, VendorKind};
use crate::graphql::writer::selection::{
    Asked, FieldWriter, Written, id as identifier, instant, leaf, list, list_in_memory, made_text, nothing, number,
    object, object_in_memory, object_or_null, text, text_or_null, word,
};
use catalog::PerformanceQuery;
use domain::text as spoken;

impl Written for Event {
    fn field(asked: &Asked<'_>) -> Option<FieldWriter<Self>> {
        Some(match asked.name() {
            "id" => identifier(|event: &Self| id::event_id(&event.0.source.id, &event.told().key)),
            "source" => object(asked, |event: &Self| Source(Arc::clone(&event.0.source)))?,
            "externalRefs" => list(asked, |event: &Self| ExternalRef::all(&event.0.source, &event.told().refs))?,
            "title" => {
                let locale = Language::read(asked)?;
                text(move |event: &Self| event.told().title.pick(locale.tag()))
            }
            "summary" => {
                let locale = Language::read(asked)?;
                text_or_null(move |event: &Self| Some(event.told().summary.as_ref()?.pick(locale.tag())))
            }
            "description" => {
                let locale = Language::read(asked)?;
                text_or_null(move |event: &Self| Some(event.told().description.as_ref()?.pick(locale.tag())))
            }
            "image" => text_or_null(|event: &Self| event.told().image.as_deref()),
            "venue" => text_or_null(|event: &Self| event.told().venue.as_deref()),
            "categories" => leaf(|event: &Self| event.told().categories.clone()),
            "timeZone" => text(|event: &Self| &event.told().time_zone),
            "bookingMode" => word(|event: &Self| BookingMode::from(event.told().booking_mode)),
            "status" => word(|event: &Self| EventStatus::from(event.told().status)),
            "isPrivate" => leaf(|event: &Self| event.told().is_private),
            "startsAt" => instant(|event: &Self| event.instant(event.told().starts_at)),
            "endsAt" => instant(|event: &Self| event.instant(event.told().ends_at)),
            "durationMinutes" => leaf(|event: &Self| event.told().duration_minutes.map(int)),
            "capacity" => leaf(|event: &Self| event.told().capacity.map(int)),
            "soldQuantity" => leaf(|event: &Self| event.told().sold_quantity.map(int)),
            "priceFrom" => object_or_null(asked, |event: &Self, _| event.told().price_from.map(Money))?,
            "sections" => list(asked, |event: &Self| Section::all(&event.0))?,
            "ticketTypes" => list_in_memory(asked, |event: &Self, app| {
                let found = app.loaders.find(&TicketTypesOf(event.0.clone()))?.ok()?;
                Some(TicketType::all(&event.0.source, &found.value))
            })?,
            "performances" => performances(asked)?,
            "freshness" => object(asked, |event: &Self| Freshness::of(&event.0.source, event.0.value.freshness))?,
            _ => return None,
        })
    }
}

fn performances(asked: &Asked<'_>) -> Option<FieldWriter<Event>> {
    let from: Option<DateTime> = asked.argument("from")?;
    let to: Option<DateTime> = asked.argument("to")?;
    let first: Option<i32> = asked.argument("first")?;
    let after: Option<String> = asked.argument("after")?;
    let window = (from.map(|from| from.at), to.map(|to| to.at));
    object_in_memory(asked, move |event: &Event, app| {
        let query = PerformanceQuery::new(window, first, after.as_deref(), app.now).ok()?;
        let page = app.loaders.find(&PerformancesOf { event: event.0.clone(), query })?.ok()?;
        Some(PerformanceConnection::new(&event.0, Ok(page)))
    })
}

impl Written for EventEdge {
    fn field(asked: &Asked<'_>) -> Option<FieldWriter<Self>> {
        Some(match asked.name() {
            "cursor" => made_text(|edge: &Self| edge.0.cursor().encode()),
            "node" => object(asked, |edge: &Self| Event(edge.0.clone()))?,
            _ => return None,
        })
    }
}

impl Written for PerformanceConnection {
    fn field(asked: &Asked<'_>) -> Option<FieldWriter<Self>> {
        Some(match asked.name() {
            "edges" => list(asked, |page: &Self| page.all().into_iter().map(PerformanceEdge).collect())?,
            "nodes" => list(asked, Self::all)?,
            "pageInfo" => object(asked, Self::page)?,
            // A page that is in memory has none.
            "problems" => nothing(),
            _ => return None,
        })
    }
}

impl Written for PageInfo {
    fn field(asked: &Asked<'_>) -> Option<FieldWriter<Self>> {
        Some(match asked.name() {
            "hasNextPage" => leaf(|page: &Self| page.has_next_page),
            "hasPreviousPage" => leaf(|page: &Self| page.has_previous_page),
            "startCursor" => text_or_null(|page: &Self| page.start_cursor.as_deref()),
            "endCursor" => text_or_null(|page: &Self| page.end_cursor.as_deref()),
            _ => return None,
        })
    }
}

impl Written for PerformanceEdge {
    fn field(asked: &Asked<'_>) -> Option<FieldWriter<Self>> {
        Some(match asked.name() {
            "cursor" => made_text(|edge: &Self| edge.0.performance.cursor().encode()),
            "node" => object(asked, |edge: &Self| edge.0.clone())?,
            _ => return None,
        })
    }
}

impl Written for Performance {
    fn field(asked: &Asked<'_>) -> Option<FieldWriter<Self>> {
        Some(match asked.name() {
            "id" => identifier(|row: &Self| id::performance_id(&row.performance.source.id, &row.told().key)),
            "event" => object_in_memory(asked, |row: &Self, _| row.event.clone().map(Event))?,
            "externalRefs" => list(asked, |row: &Self| ExternalRef::all(&row.performance.source, &row.told().refs))?,
            "startsAt" => instant(|row: &Self| row.instant(row.told().starts_at)),
            "endsAt" => instant(|row: &Self| row.instant(row.told().ends_at)),
            "date" => leaf(|row: &Self| row.told().date.map(LocalDate)),
            "cutoffAt" => instant(|row: &Self| row.instant(row.told().cutoff_at)),
            "availability" => {
                let max_age = max_age(asked.argument("maxAgeSeconds")?).ok()?;
                let places = quantity(asked.argument("quantity")?).ok()?;
                object_in_memory(asked, move |row: &Self, app| {
                    let key = AvailabilityOf { performance: row.performance.clone(), max_age };
                    let outcome = app.loaders.find(&key).filter(|outcome| outcome.problem.is_none())?;
                    Some(Availability::of(&row.performance.source, outcome, places))
                })?
            }
            _ => return None,
        })
    }
}

impl Written for Availability {
    fn field(asked: &Asked<'_>) -> Option<FieldWriter<Self>> {
        Some(match asked.name() {
            "status" => word(|free: &Self| AvailabilityStatus::from(free.told().status)),
            "vacancies" => leaf(|free: &Self| free.told().vacancies.map(int)),
            "capacity" => leaf(|free: &Self| free.told().capacity.map(int)),
            "maxPerOrder" => leaf(|free: &Self| free.told().max_per_order.map(int)),
            "offers" => list(asked, Offer::all)?,
            "freshness" => {
                object(asked, |free: &Self| Freshness::of(&free.source, free.outcome.availability.freshness))?
            }
            // One with a problem is left to the executor.
            "problems" => nothing(),
            _ => return None,
        })
    }
}

impl Written for Offer {
    fn field(asked: &Asked<'_>) -> Option<FieldWriter<Self>> {
        Some(match asked.name() {
            "ticketType" => {
                object(asked, |offer: &Self| TicketType::single(Arc::clone(&offer.source), &offer.offer().ticket_type))?
            }
            "price" => object(asked, |offer: &Self| Price::of(&offer.source, &offer.offer().price))?,
            "vacancies" => leaf(|offer: &Self| offer.offer().vacancies.map(int)),
            "status" => word(|offer: &Self| AvailabilityStatus::from(offer.offer().status)),
            _ => return None,
        })
    }
}

impl Written for TicketType {
    fn field(asked: &Asked<'_>) -> Option<FieldWriter<Self>> {
        Some(match asked.name() {
            "id" => identifier(|kind: &Self| id::ticket_type_id(&kind.source.id, &kind.kind().event, &kind.kind().key)),
            "source" => object(asked, |kind: &Self| Source(Arc::clone(&kind.source)))?,
            "externalRefs" => list(asked, |kind: &Self| ExternalRef::all(&kind.source, &kind.kind().refs))?,
            "name" => {
                let locale = Language::read(asked)?;
                text(move |kind: &Self| kind.kind().name.pick(locale.tag()))
            }
            "description" => {
                let locale = Language::read(asked)?;
                text_or_null(move |kind: &Self| Some(kind.kind().description.as_ref()?.pick(locale.tag())))
            }
            "audience" => word(|kind: &Self| Audience::from(kind.kind().audience)),
            "minAge" => leaf(|kind: &Self| kind.kind().min_age.map(int)),
            "maxAge" => leaf(|kind: &Self| kind.kind().max_age.map(int)),
            "admits" => leaf(|kind: &Self| int(kind.kind().admits)),
            "section" => object_or_null(asked, |kind: &Self, _| kind.bound_to())?,
            "price" => object_or_null(asked, |kind: &Self, _| {
                kind.kind().price.as_ref().map(|price| Price::of(&kind.source, price))
            })?,
            "minPerOrder" => leaf(|kind: &Self| kind.kind().min_per_order.map(int)),
            "maxPerOrder" => leaf(|kind: &Self| kind.kind().max_per_order.map(int)),
            _ => return None,
        })
    }
}

impl Written for Section {
    fn field(asked: &Asked<'_>) -> Option<FieldWriter<Self>> {
        Some(match asked.name() {
            "id" => identifier(|part: &Self| id::section_id(&part.source.id, &part.event, &part.section.key)),
            "name" => text(|part: &Self| &part.section.name.main),
            "capacity" => leaf(|part: &Self| part.section.capacity.map(int)),
            "externalRefs" => list(asked, |part: &Self| ExternalRef::all(&part.source, &part.section.refs))?,
            _ => return None,
        })
    }
}

impl Written for Price {
    fn field(asked: &Asked<'_>) -> Option<FieldWriter<Self>> {
        Some(match asked.name() {
            "retail" => object(asked, |price: &Self| Money(price.price.retail))?,
            "original" => object_or_null(asked, |price: &Self, _| price.price.original.map(Money))?,
            "net" => object_or_null(asked, |price: &Self, app| price.net_of(app).map(Money))?,
            "commission" => object_or_null(asked, |price: &Self, app| price.commission_of(app).map(Money))?,
            "fees" => object_or_null(asked, |price: &Self, _| price.price.fees.map(Money))?,
            "taxes" => list(asked, |price: &Self| price.price.taxes.iter().cloned().map(Tax).collect())?,
            "guaranteedUntil" => {
                instant(|price: &Self| price.price.guaranteed_until.map(|at| DateTime::of(&price.source, at)))
            }
            _ => return None,
        })
    }
}

impl Written for Tax {
    fn field(asked: &Asked<'_>) -> Option<FieldWriter<Self>> {
        Some(match asked.name() {
            "name" => text(|tax: &Self| &tax.0.name),
            "amount" => object(asked, |tax: &Self| Money(tax.0.amount))?,
            _ => return None,
        })
    }
}

impl Written for Money {
    fn field(asked: &Asked<'_>) -> Option<FieldWriter<Self>> {
        Some(match asked.name() {
            "amount" => number(|money: &Self| money.0.amount),
            "currency" => text(|money: &Self| money.0.currency.code()),
            "exponent" => number(|money: &Self| money.0.currency.exponent().into()),
            "formatted" => made_text(|money: &Self| money.0.to_string()),
            _ => return None,
        })
    }
}

impl Written for Freshness {
    fn field(asked: &Asked<'_>) -> Option<FieldWriter<Self>> {
        Some(match asked.name() {
            "mode" => word(|age: &Self| age.mode),
            "observedAt" => leaf(|age: &Self| age.observed_at),
            "expiresAt" => leaf(|age: &Self| age.expires_at),
            _ => return None,
        })
    }
}

impl Written for ExternalRef {
    fn field(asked: &Asked<'_>) -> Option<FieldWriter<Self>> {
        Some(match asked.name() {
            "source" => object(asked, |named: &Self| Source(Arc::clone(&named.source)))?,
            "kind" => text(|named: &Self| &named.reference.kind),
            "value" => text(|named: &Self| &named.reference.value),
            _ => return None,
        })
    }
}

/// Its health and its deliveries are not facts of the catalogue: the executor tells them.
impl Written for Source {
    fn field(asked: &Asked<'_>) -> Option<FieldWriter<Self>> {
        Some(match asked.name() {
            "id" => identifier(|source: &Self| id::source_id(&source.0.id)),
            "name" => text(|source: &Self| source.0.id.as_str()),
            "vendor" => word(|source: &Self| VendorKind::from(source.0.vendor)),
            "institution" => text(|source: &Self| &source.0.institution),
            "environment" => word(|source: &Self| Environment::from(source.0.environment)),
            "timeZone" => text(|source: &Self| source.0.time_zone.iana_name().unwrap_or("UTC")),
            "defaultCurrency" => leaf(|source: &Self| source.0.currency.map(CurrencyCode)),
            "capabilities" => leaf(|source: &Self| capabilities(&source.0)),
            _ => return None,
        })
    }
}

/// The language that a field is asked for in.
struct Language(Option<Locale>);

impl Language {
    fn read(asked: &Asked<'_>) -> Option<Self> {
        asked.argument("locale").map(Self)
    }

    fn tag(&self) -> Option<&spoken::Locale> {
        self.0.as_ref().map(|locale| &locale.0)
    }
}
