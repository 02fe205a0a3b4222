//! The read-only sentences of the contract, which hold for an emulator, a recording and a live account alike.

use std::sync::Arc;
use std::time::Duration;

use domain::accounts::{AccountConfig, WriteProbes};
use domain::ids::StepKey;
use domain::ordering::{Contact, DeliveryPreference, LegLine, LegRequest};
use domain::{
    AvailabilityStatus, CatalogScope, Clock, EventKey, EventStatus, LegShape, Observed, Offer, Performance,
    PerformanceWindow, Source, VendorError, VendorOperation, observe_responses,
};
use resellers::check_account;

/// Events of each source that are checked, as many as `record` reads.
const MAX_EVENTS: usize = 20;
const MAX_PERFORMANCES: usize = 3;

/// A sentence that does not hold.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Deviation {
    /// Operation whose answer deviates.
    pub(crate) operation: VendorOperation,
    /// The sentence.
    pub(crate) expected: &'static str,
    /// The kind of deviation, without values.
    pub(crate) seen: String,
}

/// Collects deviations.
#[derive(Default)]
struct Findings(Vec<Deviation>);

impl Findings {
    fn hold(&mut self, operation: VendorOperation, expected: &'static str, holds: bool) {
        if !holds {
            self.0.push(Deviation { operation, expected, seen: "otherwise".to_owned() });
        }
    }

    /// Returns the value, or records the error.
    fn read<T>(&mut self, expected: &'static str, result: Result<T, VendorError>) -> Option<T> {
        result.map_err(|error| self.failed(expected, &error)).ok()
    }

    fn failed(&mut self, expected: &'static str, error: &VendorError) {
        let seen = format!("error {}", error.kind.name());
        self.0.push(Deviation { operation: error.operation, expected, seen });
    }
}

/// Checks a source, and makes no call that writes.
pub(crate) async fn check_reads(source: &Source, clock: &dyn Clock) -> Vec<Deviation> {
    let (mut deviations, seen) = observe_responses(read_all(source, clock)).await;
    for deviation in &mut deviations {
        let misfits = seen.iter().filter(|response| response.operation == deviation.operation);
        if let Some(misfit) = misfits.filter_map(|response| response.misfit.as_ref()).next_back() {
            deviation.seen += &format!(", {misfit}");
        }
    }
    deviations
}

async fn read_all(source: &Source, clock: &dyn Clock) -> Vec<Deviation> {
    let mut findings = Findings::default();
    for check in check_account(source, &AccountConfig::default(), WriteProbes::Never).await {
        if !check.outcome.is_fine() {
            let seen = format!("check {}", check.code);
            let expected = "every check of the account passes";
            findings.0.push(Deviation { operation: VendorOperation::CheckConnection, expected, seen });
        }
    }
    let events = check_events(source, &mut findings).await;
    check_ticket_types(source, &events, &mut findings).await;
    let coming = check_performances(source, &events, clock, &mut findings).await;
    check_availability(source, &coming, &mut findings).await;
    findings.0
}

async fn check_events(source: &Source, findings: &mut Findings) -> Vec<EventKey> {
    let operation = VendorOperation::ListEvents;
    let Some(listed) = findings.read("events can be listed", source.catalog.list_events(CatalogScope::Public).await)
    else {
        return Vec::new();
    };
    let events = listed.value;
    findings.hold(operation, "there are events", !events.is_empty());
    findings.hold(operation, "each event is listed once, by ascending key", events.is_sorted_by(|a, b| a.key < b.key));
    findings.hold(operation, "an event has a title", events.iter().all(|event| !event.title.main.is_empty()));
    let is_public = |status, is_private: bool| !is_private && status != EventStatus::Draft;
    let all_public = events.iter().all(|event| is_public(event.status, event.is_private));
    findings.hold(operation, "the public list has neither private events nor drafts", all_public);
    events.iter().take(MAX_EVENTS).map(|event| event.key.clone()).collect()
}

async fn check_ticket_types(source: &Source, events: &[EventKey], findings: &mut Findings) {
    let operation = VendorOperation::LoadTicketTypes;
    let mut batch = source.catalog.load_ticket_types(events).await;
    let mut priced = 0;
    for key in events {
        let Some(result) = batch.remove(key) else {
            findings.hold(operation, "every event is answered", false);
            continue;
        };
        let Some(types) = findings.read("ticket types can be read", result) else { continue };
        for ticket_type in types.value.iter() {
            findings.hold(operation, "a ticket type belongs to its event", ticket_type.event == *key);
            findings.hold(operation, "a ticket type has a name", !ticket_type.name.main.is_empty());
            if let Some(price) = &ticket_type.price {
                priced += 1;
                let fits = source.currency.is_none_or(|currency| currency == price.retail.currency);
                findings.hold(operation, "prices have the currency of the source", fits && price.retail.amount >= 0);
            }
        }
    }
    findings.hold(operation, "some ticket type has a price", priced > 0 || events.is_empty());
}

async fn check_performances(
    source: &Source,
    events: &[EventKey],
    clock: &dyn Clock,
    findings: &mut Findings,
) -> Vec<Observed<Arc<Performance>>> {
    let operation = VendorOperation::ListPerformances;
    let now = clock.now();
    let window = PerformanceWindow { from: now, to: None, limit: MAX_PERFORMANCES };
    let mut batch = source.catalog.list_performances(events, &window).await;
    let mut coming = Vec::new();
    for key in events {
        let Some(result) = batch.remove(key) else {
            findings.hold(operation, "every event is answered", false);
            continue;
        };
        let Some(listed) = findings.read("performances can be listed", result) else { continue };
        let performances = &listed.value;
        findings.hold(operation, "a list keeps to its limit", performances.len() <= MAX_PERFORMANCES);
        findings.hold(
            operation,
            "performances come by ascending start",
            performances.is_sorted_by_key(|one| one.starts_at),
        );
        let in_window = |one: &Arc<Performance>| one.event == *key && one.starts_at.is_none_or(|at| at >= now);
        findings.hold(
            operation,
            "performances lie in the window and belong to their event",
            performances.iter().all(in_window),
        );
        coming.extend(performances.iter().map(|one| Observed { value: Arc::clone(one), freshness: listed.freshness }));
    }
    findings.hold(operation, "some event has a performance ahead", !coming.is_empty() || events.is_empty());
    coming
}

async fn check_availability(
    source: &Source,
    coming: &[Observed<Arc<Performance>>],
    findings: &mut Findings,
) -> Vec<(Arc<Performance>, Offer)> {
    let operation = VendorOperation::LoadAvailability;
    let mut batch = source.catalog.load_availability(coming, Duration::ZERO).await;
    let mut offers = Vec::new();
    for observed in coming {
        let performance = &observed.value;
        let Some(result) = batch.remove(&performance.key) else {
            findings.hold(operation, "every performance is answered", false);
            continue;
        };
        let Some(availability) = findings.read("availability can be read", result) else { continue };
        for offer in &availability.value.offers {
            findings.hold(operation, "an offer is one of its event", offer.ticket_type.event == performance.event);
            offers.push((Arc::clone(performance), offer.clone()));
        }
    }
    findings.hold(operation, "something is offered", !offers.is_empty() || coming.is_empty());
    offers
}

/// Holds one ticket of the first offer and gives it back. Only for a target whose owner allowed writes.
pub(crate) async fn check_hold(source: &Source, clock: &dyn Clock, key: &StepKey) -> Vec<Deviation> {
    let mut findings = Findings::default();
    let Some(ordering) = source.ordering.as_deref() else { return Vec::new() };
    let events = check_events(source, &mut findings).await;
    let coming = check_performances(source, &events, clock, &mut findings).await;
    let offers = check_availability(source, &coming, &mut findings).await;
    let is_open = |offer: &Offer| offer.status == AvailabilityStatus::Available && offer.price.retail.amount > 0;
    let Some((performance, offer)) = offers.into_iter().find(|(_, offer)| is_open(offer)) else {
        findings.hold(VendorOperation::Hold, "there is something to hold", false);
        return findings.0;
    };
    let leg = one_ticket(&performance, &offer);
    if ordering.shape(&leg) == LegShape::HoldThenConfirm {
        let held = findings.read("an available ticket can be held", ordering.hold(key, &leg).await);
        if let Some(held) = held {
            findings.read("a hold can be given back", ordering.release(key, &leg, &held.refs).await);
        }
    }
    findings.0
}

fn one_ticket(performance: &Performance, offer: &Offer) -> LegRequest {
    LegRequest {
        reference: "TG-CONTRACT-1".to_owned(),
        lines: vec![LegLine {
            line: 0,
            performance: performance.key.clone(),
            ticket_type: offer.ticket_type.key.clone(),
            quantity: offer.ticket_type.min_per_order.unwrap_or(1).max(1),
            unit_price: offer.price.retail,
        }],
        contact: Some(Contact {
            first_name: "Contract".to_owned(),
            last_name: "Test".to_owned(),
            email: "contract@example.org".to_owned(),
            phone: Some("2025550101".to_owned()),
            postal_code: Some("02110".to_owned()),
        }),
        account: std::collections::BTreeMap::new(),
        locale: None,
        delivery: DeliveryPreference::Barcode,
        hold_waits_for_client: true,
    }
}
