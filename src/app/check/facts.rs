//! Facts of a source, to compare with the venue's back office: an inferred unit, zone or list shows here first.

use jiff::tz::TimeZone;

use domain::{CatalogScope, Clock, Event, PerformanceWindow, Source, TicketType, VendorError};

/// Performances that are read of one event.
const PERFORMANCES: usize = 20;

/// Reads one product, its price, a date and its places, and counts what is on sale.
pub(super) async fn read(source: &Source, clock: &dyn Clock) -> Vec<String> {
    match read_catalog(source, clock).await {
        Ok(facts) => facts,
        Err(error) => vec![format!("the catalog cannot be read: {}", error.kind.name())],
    }
}

async fn read_catalog(source: &Source, clock: &dyn Clock) -> Result<Vec<String>, VendorError> {
    let events = source.catalog.list_events(CatalogScope::Public).await?.value;
    let mut facts = vec![format!("{} events on sale", events.len())];
    for event in events.iter() {
        if let Some(more) = read_event(source, event, clock).await? {
            facts.extend(more);
            break;
        }
    }
    Ok(facts)
}

/// Reads an event. `None` if it has no price.
async fn read_event(source: &Source, event: &Event, clock: &dyn Clock) -> Result<Option<Vec<String>>, VendorError> {
    let keys = std::slice::from_ref(&event.key);
    let mut types = source.catalog.load_ticket_types(keys).await;
    let Some(types) = types.remove(&event.key).transpose()? else { return Ok(None) };
    let priced = |one: &TicketType| Some((one.name.resolve(None).to_owned(), one.price.as_ref()?.retail));
    let Some((name, price)) = types.value.iter().find_map(priced) else { return Ok(None) };
    let title = event.title.resolve(None);
    let mut facts = vec![format!("{title}: {} ticket types, of them {name} for {price}", types.value.len())];
    let window = PerformanceWindow { from: clock.now(), to: None, limit: PERFORMANCES };
    let mut performances = source.catalog.list_performances(keys, &window).await;
    let performances = performances.remove(&event.key).transpose()?;
    let next = performances.as_ref().and_then(|listed| listed.value.first().cloned());
    let Some(next) = next else { return Ok(Some(facts)) };
    let time = match (next.starts_at, next.date) {
        (Some(at), _) => at.to_zoned(zone(source)).strftime("%Y-%m-%d %H:%M %Z").to_string(),
        (None, Some(date)) => date.to_string(),
        (None, None) => "any day".to_owned(),
    };
    let freshness = performances.map(|listed| listed.freshness);
    let observed = freshness.map(|freshness| domain::Observed { value: next.clone(), freshness });
    let mut availability =
        source.catalog.load_availability(observed.as_slice(), std::time::Duration::from_secs(60)).await;
    let places = availability.remove(&next.key).transpose()?.and_then(|availability| availability.value.vacancies);
    facts.push(format!("next: {time}, places left: {}", places.map_or("unknown".to_owned(), |left| left.to_string())));
    Ok(Some(facts))
}

fn zone(source: &Source) -> TimeZone {
    source.time_zone.clone()
}
