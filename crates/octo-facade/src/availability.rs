//! Maps performances and calendars to availabilities (octo.md §5, §12.2).

use crate::content::OctoSlotContent;
use crate::facts::{AvailabilityFacts, DayFacts, EventFacts, OfferFacts, PerformanceFacts, VisitMode};
use crate::product::{pricing, total};
use crate::request::OctoUnitCount;
use crate::slot::{SlotTimes, opening_hours};
use crate::wire::{OctoAvailability, OctoAvailabilityPricing, OctoDay, OctoUnitPricing};

/// States in which something is for sale.
const FOR_SALE: [&str; 3] = ["AVAILABLE", "LIMITED", "FREESALE"];
/// States of OCTO. `UNKNOWN` is none: it never means sold out.
const KNOWN: [&str; 5] = ["AVAILABLE", "FREESALE", "SOLD_OUT", "LIMITED", "CLOSED"];

/// Context of a check.
#[derive(Debug, Clone, Copy)]
pub struct CheckContext<'a> {
    /// Units that are needed together; empty: any.
    pub units: &'a [OctoUnitCount],
    /// Largest number of units of a booking.
    pub max_units: u32,
    /// True with the capability `octo/pricing`.
    pub has_pricing: bool,
    /// True with the capability `octo/content`.
    pub has_content: bool,
}

/// Converts a performance with its availability. `None` if the availability is unknown, or the visit is open and has no times.
pub fn availability(
    event: &EventFacts,
    performance: &PerformanceFacts,
    context: &CheckContext<'_>,
) -> Option<OctoAvailability> {
    let times = SlotTimes::of(event, performance)?;
    let facts = performance.availability.as_ref()?;
    let status = known(&facts.status)?;
    let has_offers = context.units.iter().all(|wanted| can_sell(facts, wanted));
    let status = if FOR_SALE.contains(&status) && !has_offers { "SOLD_OUT" } else { status };
    let most = i64::from(context.max_units);
    Some(OctoAvailability {
        slot: times.to_slot(event, performance),
        available: FOR_SALE.contains(&status),
        status,
        vacancies: facts.vacancies.filter(|_| status != "FREESALE"),
        capacity: facts.capacity.filter(|_| status != "FREESALE"),
        max_units: Some(facts.max_per_order.map_or(most, |limit| limit.min(most))),
        utc_cutoff_at: times.cutoff(performance),
        prices: context.has_pricing.then(|| prices(facts, context.units)),
        content: context.has_content.then(OctoSlotContent::default),
    })
}

/// Returns true if the places of one kind can be sold together.
fn can_sell(facts: &AvailabilityFacts, wanted: &OctoUnitCount) -> bool {
    let has_room = |offer: &OfferFacts| {
        FOR_SALE.contains(&offer.status.as_str())
            && offer.vacancies.is_none_or(|left| left >= i64::from(wanted.quantity))
    };
    facts.offers.iter().any(|offer| offer.ticket_type.id == wanted.id && has_room(offer))
}

fn prices(facts: &AvailabilityFacts, units: &[OctoUnitCount]) -> OctoAvailabilityPricing {
    let price =
        |offer: &OfferFacts| OctoUnitPricing { unit_id: offer.ticket_type.id.clone(), pricing: pricing(&offer.price) };
    let unit_pricing: Vec<OctoUnitPricing> = facts.offers.iter().map(price).collect();
    let of_unit = |wanted: &OctoUnitCount| {
        let found = unit_pricing.iter().find(|price| price.unit_id == wanted.id)?;
        Some((&found.pricing, usize::try_from(wanted.quantity).ok()?))
    };
    let wanted: Option<Vec<_>> = units.iter().map(of_unit).collect();
    let pricing = wanted.and_then(total);
    OctoAvailabilityPricing { unit_pricing, pricing }
}

/// Converts a day of the calendar. `None` if its state is unknown.
pub fn calendar_day(event: &EventFacts, day: &DayFacts, has_pricing: bool) -> Option<OctoDay> {
    let status = known(&day.status)?;
    let regular = event.ticket_types.iter().filter_map(|unit| {
        let price = unit.price.as_ref()?;
        Some(OctoUnitPricing { unit_id: unit.id.clone(), pricing: pricing(price) })
    });
    Some(OctoDay {
        local_date: day.date.to_string(),
        available: FOR_SALE.contains(&status),
        status,
        vacancies: None,
        capacity: None,
        opening_hours: opening_hours(event),
        unit_pricing_from: has_pricing.then(|| regular.collect()),
    })
}

/// Returns true for an event whose visits have no times: nothing has to be asked before a booking.
pub fn is_open(event: &EventFacts) -> bool {
    event.booking_mode == VisitMode::Open
}

fn known(status: &str) -> Option<&'static str> {
    KNOWN.into_iter().find(|known| *known == status)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::slot::tests::{event, performance, price};

    fn offered(status: &str, vacancies: Value) -> PerformanceFacts {
        let offers = json!([{ "status": status, "vacancies": vacancies, "ticketType": { "id": "adult" }, "price": price(1200) }]);
        let availability =
            json!({ "status": status, "vacancies": vacancies, "capacity": 40, "maxPerOrder": 8, "offers": offers });
        performance(json!({ "startsAt": "2026-06-15T08:00:00Z", "availability": availability }))
    }

    fn wanted(id: &str, quantity: u32) -> Vec<OctoUnitCount> {
        vec![OctoUnitCount { id: id.to_owned(), quantity }]
    }

    fn context(units: &[OctoUnitCount], has_pricing: bool) -> CheckContext<'_> {
        CheckContext { units, max_units: 50, has_pricing, has_content: false }
    }

    #[test]
    fn what_is_unknown_is_left_out_and_never_sold_out() {
        let event = event("TIMED");
        assert!(availability(&event, &offered("UNKNOWN", Value::Null), &context(&[], false)).is_none());
        let day = |status: &str| DayFacts { date: "2026-06-15".parse().expect("a day"), status: status.to_owned() };
        assert!(calendar_day(&event, &day("UNKNOWN"), false).is_none());
        for (status, is_available) in [("AVAILABLE", true), ("LIMITED", true), ("SOLD_OUT", false), ("CLOSED", false)] {
            let slot = availability(&event, &offered(status, json!(5)), &context(&[], false)).expect("a slot");
            assert_eq!((slot.status, slot.available), (status, is_available));
            assert_eq!(calendar_day(&event, &day(status), false).expect("a day").available, is_available);
        }
    }

    #[test]
    fn units_that_do_not_fit_are_not_available_together() {
        let event = event("TIMED");
        for (units, is_available) in
            [(wanted("adult", 5), true), (wanted("adult", 6), false), (wanted("group", 1), false)]
        {
            let slot = availability(&event, &offered("AVAILABLE", json!(5)), &context(&units, false)).expect("a slot");
            assert_eq!((slot.available, slot.status == "SOLD_OUT"), (is_available, !is_available), "{units:?}");
        }
    }

    #[test]
    fn free_sale_has_no_number_of_places() {
        let slot = availability(&event("TIMED"), &offered("FREESALE", json!(5)), &context(&[], false)).expect("a slot");
        assert_eq!((slot.available, slot.vacancies, slot.capacity, slot.max_units), (true, None, None, Some(8)));
    }

    #[test]
    fn prices_and_their_total_come_with_their_capability() {
        let units = wanted("adult", 3);
        let slot =
            availability(&event("TIMED"), &offered("AVAILABLE", json!(5)), &context(&units, true)).expect("a slot");
        let slot = serde_json::to_value(slot).expect("JSON");
        assert_eq!((&slot["unitPricing"][0]["retail"], &slot["pricing"]["retail"]), (&json!(1200), &json!(3600)));
        assert_eq!(slot["localDateTimeStart"], "2026-06-15T10:00:00+02:00");
        let slot =
            availability(&event("TIMED"), &offered("AVAILABLE", json!(5)), &context(&units, false)).expect("a slot");
        assert_eq!(serde_json::to_value(slot).expect("JSON").get("unitPricing"), None);
    }
}
