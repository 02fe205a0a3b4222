//! Field writers of the catalog types. They read the facts through the same functions as the resolvers.

use std::sync::Arc;

use catalog::PerformanceQuery;
use domain::{WebUrl, text as spoken};

use crate::graphql::base::id;
use crate::graphql::base::loaders::{AvailabilityOf, PerformancesOf, TicketTypesOf};
use crate::graphql::base::page::PageInfo;
use crate::graphql::base::scalars::{CurrencyCode, DateTime, LocalDate, Locale, int};
use crate::graphql::json_writer::selection::{
    FieldWriter, JsonFields, RowField, empty_list, enum_value, id as identifier, instant, leaf, list, list_in_memory,
    number, object, object_in_memory, object_or_null, owned_text, text, text_or_null,
};
use crate::graphql::topics::catalog::availability::{parse_max_age, parse_quantity};
use crate::graphql::topics::catalog::{
    AudienceEnum, Availability, AvailabilityStatusEnum, BookingModeEnum, Event, EventEdge, EventStatusEnum, Freshness,
    Money, Offer, Performance, PerformanceConnection, PerformanceEdge, Price, Section, Tax, TicketType,
};
use crate::graphql::topics::sources::source::capabilities;
use crate::graphql::topics::sources::{EnvironmentEnum, ExternalRef, Source, VendorKindEnum};

impl JsonFields for Event {
    fn field_writer(field: &RowField<'_>) -> Option<FieldWriter<Self>> {
        Some(match field.name() {
            "id" => identifier(|event: &Self| id::event_id(&event.0.source.id, &event.inner().key)),
            "source" => object(field, |event: &Self| Source(Arc::clone(&event.0.source)))?,
            "externalRefs" => list(field, |event: &Self| ExternalRef::list(&event.0.source, &event.inner().refs))?,
            "title" => {
                let locale = LocaleArgument::parse(field)?;
                text(move |event: &Self| event.inner().title.resolve(locale.locale()))
            }
            "summary" => {
                let locale = LocaleArgument::parse(field)?;
                text_or_null(move |event: &Self| Some(event.inner().summary.as_ref()?.resolve(locale.locale())))
            }
            "description" => {
                let locale = LocaleArgument::parse(field)?;
                text_or_null(move |event: &Self| Some(event.inner().description.as_ref()?.resolve(locale.locale())))
            }
            "image" => text_or_null(|event: &Self| event.inner().image.as_ref().map(WebUrl::as_str)),
            "venue" => text_or_null(|event: &Self| event.inner().venue.as_deref()),
            "categories" => leaf(|event: &Self| event.inner().categories.clone()),
            "timeZone" => text(|event: &Self| &event.inner().time_zone),
            "bookingMode" => enum_value(|event: &Self| BookingModeEnum::from(event.inner().booking_mode)),
            "status" => enum_value(|event: &Self| EventStatusEnum::from(event.inner().status)),
            "isPrivate" => leaf(|event: &Self| event.inner().is_private),
            "startsAt" => instant(|event: &Self| event.to_date_time(event.inner().starts_at)),
            "endsAt" => instant(|event: &Self| event.to_date_time(event.inner().ends_at)),
            "durationMinutes" => leaf(|event: &Self| event.inner().duration_minutes.map(int)),
            "capacity" => leaf(|event: &Self| event.inner().capacity.map(int)),
            "soldQuantity" => leaf(|event: &Self| event.inner().sold_quantity.map(int)),
            "priceFrom" => object_or_null(field, |event: &Self, _| event.inner().price_from.map(Money))?,
            "sections" => list(field, |event: &Self| Section::list(&event.0))?,
            "ticketTypes" => list_in_memory(field, |event: &Self, app| {
                let found = app.loaders.get_loaded(&TicketTypesOf(event.0.clone()))?.ok()?;
                Some(TicketType::list(&event.0.source, &found.value))
            })?,
            "performances" => performances_writer(field)?,
            "freshness" => object(field, |event: &Self| Freshness::of(&event.0.source, event.0.value.freshness))?,
            _ => return None,
        })
    }
}

fn performances_writer(field: &RowField<'_>) -> Option<FieldWriter<Event>> {
    let from: Option<DateTime> = field.argument("from")?;
    let to: Option<DateTime> = field.argument("to")?;
    let first: Option<i32> = field.argument("first")?;
    let after: Option<String> = field.argument("after")?;
    let window = (from.map(|from| from.at), to.map(|to| to.at));
    object_in_memory(field, move |event: &Event, app| {
        let query = PerformanceQuery::new(window, first, after.as_deref(), app.now).ok()?;
        let page = app.loaders.get_loaded(&PerformancesOf { event: event.0.clone(), query })?.ok()?;
        Some(PerformanceConnection::new(&event.0, Ok(page)))
    })
}

impl JsonFields for EventEdge {
    fn field_writer(field: &RowField<'_>) -> Option<FieldWriter<Self>> {
        Some(match field.name() {
            "cursor" => owned_text(|edge: &Self| edge.0.cursor().encode()),
            "node" => object(field, |edge: &Self| Event(edge.0.clone()))?,
            _ => return None,
        })
    }
}

impl JsonFields for PerformanceConnection {
    fn field_writer(field: &RowField<'_>) -> Option<FieldWriter<Self>> {
        Some(match field.name() {
            "edges" => list(field, |page: &Self| page.performances().into_iter().map(PerformanceEdge).collect())?,
            "nodes" => list(field, Self::performances)?,
            "pageInfo" => object(field, Self::page)?,
            // A page in memory has no problems.
            "problems" => empty_list(),
            _ => return None,
        })
    }
}

impl JsonFields for PageInfo {
    fn field_writer(field: &RowField<'_>) -> Option<FieldWriter<Self>> {
        Some(match field.name() {
            "hasNextPage" => leaf(|page: &Self| page.has_next_page),
            "hasPreviousPage" => leaf(|page: &Self| page.has_previous_page),
            "startCursor" => text_or_null(|page: &Self| page.start_cursor.as_deref()),
            "endCursor" => text_or_null(|page: &Self| page.end_cursor.as_deref()),
            _ => return None,
        })
    }
}

impl JsonFields for PerformanceEdge {
    fn field_writer(field: &RowField<'_>) -> Option<FieldWriter<Self>> {
        Some(match field.name() {
            "cursor" => owned_text(|edge: &Self| edge.0.performance.cursor().encode()),
            "node" => object(field, |edge: &Self| edge.0.clone())?,
            _ => return None,
        })
    }
}

impl JsonFields for Performance {
    fn field_writer(field: &RowField<'_>) -> Option<FieldWriter<Self>> {
        Some(match field.name() {
            "id" => identifier(|row: &Self| id::performance_id(&row.performance.source.id, &row.inner().key)),
            "event" => object_in_memory(field, |row: &Self, _| row.event.clone().map(Event))?,
            "externalRefs" => list(field, |row: &Self| ExternalRef::list(&row.performance.source, &row.inner().refs))?,
            "startsAt" => instant(|row: &Self| row.to_date_time(row.inner().starts_at)),
            "endsAt" => instant(|row: &Self| row.to_date_time(row.inner().ends_at)),
            "date" => leaf(|row: &Self| row.inner().date.map(LocalDate)),
            "cutoffAt" => instant(|row: &Self| row.to_date_time(row.inner().cutoff_at)),
            "availability" => {
                let max_age = parse_max_age(field.argument("maxAgeSeconds")?).ok()?;
                let places = parse_quantity(field.argument("quantity")?).ok()?;
                object_in_memory(field, move |row: &Self, app| {
                    let key = AvailabilityOf { performance: row.performance.clone(), max_age };
                    let outcome = app.loaders.get_loaded(&key).filter(|outcome| outcome.problem.is_none())?;
                    Some(Availability::of(&row.performance.source, outcome, places))
                })?
            }
            _ => return None,
        })
    }
}

impl JsonFields for Availability {
    fn field_writer(field: &RowField<'_>) -> Option<FieldWriter<Self>> {
        Some(match field.name() {
            "status" => enum_value(|availability: &Self| AvailabilityStatusEnum::from(availability.inner().status)),
            "vacancies" => leaf(|availability: &Self| availability.inner().vacancies.map(int)),
            "capacity" => leaf(|availability: &Self| availability.inner().capacity.map(int)),
            "maxPerOrder" => leaf(|availability: &Self| availability.inner().max_per_order.map(int)),
            "offers" => list(field, Offer::list)?,
            "freshness" => object(field, |availability: &Self| {
                Freshness::of(&availability.source, availability.outcome.availability.freshness)
            })?,
            // An availability with a problem is left to the executor.
            "problems" => empty_list(),
            _ => return None,
        })
    }
}

impl JsonFields for Offer {
    fn field_writer(field: &RowField<'_>) -> Option<FieldWriter<Self>> {
        Some(match field.name() {
            "ticketType" => {
                object(field, |offer: &Self| TicketType::single(Arc::clone(&offer.source), &offer.inner().ticket_type))?
            }
            "price" => object(field, |offer: &Self| Price::of(&offer.source, &offer.inner().price))?,
            "vacancies" => leaf(|offer: &Self| offer.inner().vacancies.map(int)),
            "status" => enum_value(|offer: &Self| AvailabilityStatusEnum::from(offer.inner().status)),
            _ => return None,
        })
    }
}

impl JsonFields for TicketType {
    fn field_writer(field: &RowField<'_>) -> Option<FieldWriter<Self>> {
        Some(match field.name() {
            "id" => identifier(|ticket_type: &Self| {
                id::ticket_type_id(&ticket_type.source.id, &ticket_type.inner().event, &ticket_type.inner().key)
            }),
            "source" => object(field, |ticket_type: &Self| Source(Arc::clone(&ticket_type.source)))?,
            "externalRefs" => {
                list(field, |ticket_type: &Self| ExternalRef::list(&ticket_type.source, &ticket_type.inner().refs))?
            }
            "name" => {
                let locale = LocaleArgument::parse(field)?;
                text(move |ticket_type: &Self| ticket_type.inner().name.resolve(locale.locale()))
            }
            "description" => {
                let locale = LocaleArgument::parse(field)?;
                text_or_null(move |ticket_type: &Self| {
                    Some(ticket_type.inner().description.as_ref()?.resolve(locale.locale()))
                })
            }
            "audience" => enum_value(|ticket_type: &Self| AudienceEnum::from(ticket_type.inner().audience)),
            "minAge" => leaf(|ticket_type: &Self| ticket_type.inner().min_age.map(int)),
            "maxAge" => leaf(|ticket_type: &Self| ticket_type.inner().max_age.map(int)),
            "admits" => leaf(|ticket_type: &Self| int(ticket_type.inner().admits)),
            "section" => object_or_null(field, |ticket_type: &Self, _| ticket_type.restricted_to())?,
            "price" => object_or_null(field, |ticket_type: &Self, _| {
                ticket_type.inner().price.as_ref().map(|price| Price::of(&ticket_type.source, price))
            })?,
            "minPerOrder" => leaf(|ticket_type: &Self| ticket_type.inner().min_per_order.map(int)),
            "maxPerOrder" => leaf(|ticket_type: &Self| ticket_type.inner().max_per_order.map(int)),
            _ => return None,
        })
    }
}

impl JsonFields for Section {
    fn field_writer(field: &RowField<'_>) -> Option<FieldWriter<Self>> {
        Some(match field.name() {
            "id" => {
                identifier(|section: &Self| id::section_id(&section.source.id, &section.event, &section.section.key))
            }
            "name" => text(|section: &Self| &section.section.name.main),
            "capacity" => leaf(|section: &Self| section.section.capacity.map(int)),
            "externalRefs" => list(field, |section: &Self| ExternalRef::list(&section.source, &section.section.refs))?,
            _ => return None,
        })
    }
}

impl JsonFields for Price {
    fn field_writer(field: &RowField<'_>) -> Option<FieldWriter<Self>> {
        Some(match field.name() {
            "retail" => object(field, |price: &Self| Money(price.price.retail))?,
            "original" => object_or_null(field, |price: &Self, _| price.price.original.map(Money))?,
            "net" => object_or_null(field, |price: &Self, app| price.net_for(app).map(Money))?,
            "commission" => object_or_null(field, |price: &Self, app| price.commission_for(app).map(Money))?,
            "fees" => object_or_null(field, |price: &Self, _| price.price.fees.map(Money))?,
            "taxes" => list(field, |price: &Self| price.price.taxes.iter().cloned().map(Tax).collect())?,
            "guaranteedUntil" => {
                instant(|price: &Self| price.price.guaranteed_until.map(|at| DateTime::of(&price.source, at)))
            }
            _ => return None,
        })
    }
}

impl JsonFields for Tax {
    fn field_writer(field: &RowField<'_>) -> Option<FieldWriter<Self>> {
        Some(match field.name() {
            "name" => text(|tax: &Self| &tax.0.name),
            "amount" => object(field, |tax: &Self| Money(tax.0.amount))?,
            _ => return None,
        })
    }
}

impl JsonFields for Money {
    fn field_writer(field: &RowField<'_>) -> Option<FieldWriter<Self>> {
        Some(match field.name() {
            "amount" => number(|money: &Self| money.0.amount),
            "currency" => text(|money: &Self| money.0.currency.code()),
            "exponent" => number(|money: &Self| money.0.currency.exponent().into()),
            "formatted" => {
                let locale = LocaleArgument::parse(field)?;
                owned_text(move |money: &Self| money.formatted_in(locale.locale()))
            }
            _ => return None,
        })
    }
}

impl JsonFields for Freshness {
    fn field_writer(field: &RowField<'_>) -> Option<FieldWriter<Self>> {
        Some(match field.name() {
            "mode" => enum_value(|age: &Self| age.mode),
            "observedAt" => leaf(|age: &Self| age.observed_at),
            "expiresAt" => leaf(|age: &Self| age.expires_at),
            _ => return None,
        })
    }
}

impl JsonFields for ExternalRef {
    fn field_writer(field: &RowField<'_>) -> Option<FieldWriter<Self>> {
        Some(match field.name() {
            "source" => object(field, |external_ref: &Self| Source(Arc::clone(&external_ref.source)))?,
            "kind" => text(|external_ref: &Self| &external_ref.reference.kind),
            "value" => text(|external_ref: &Self| &external_ref.reference.value),
            _ => return None,
        })
    }
}

/// Health and delivery are not facts of the catalog and are left to the executor.
impl JsonFields for Source {
    fn field_writer(field: &RowField<'_>) -> Option<FieldWriter<Self>> {
        Some(match field.name() {
            "id" => identifier(|source: &Self| id::source_id(&source.0.id)),
            "name" => text(|source: &Self| source.0.id.as_str()),
            "vendor" => enum_value(|source: &Self| VendorKindEnum::from(source.0.vendor)),
            "institution" => text(|source: &Self| &source.0.institution),
            "environment" => enum_value(|source: &Self| EnvironmentEnum::from(source.0.environment)),
            "timeZone" => text(|source: &Self| source.0.time_zone.iana_name().unwrap_or("UTC")),
            "defaultCurrency" => leaf(|source: &Self| source.0.currency.map(CurrencyCode)),
            "capabilities" => leaf(|source: &Self| capabilities(&source.0)),
            _ => return None,
        })
    }
}

/// The `locale` argument of a field.
struct LocaleArgument(Option<Locale>);

impl LocaleArgument {
    fn parse(field: &RowField<'_>) -> Option<Self> {
        field.argument("locale").map(Self)
    }

    fn locale(&self) -> Option<&spoken::Locale> {
        self.0.as_ref().map(|locale| &locale.0)
    }
}
