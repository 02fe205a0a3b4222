//! Tests of client, mapping and sequence of calls with JSON of the contract (`octo.md`).

mod bookings;
mod catalog;
mod doubts;
mod facts;
mod hostile;
mod settings;
mod tickets;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::OctoSource;
use crate::client::Client;
use crate::map::booking;
use crate::recent::Recent;
use crate::settings::Settings;
use domain::ordering::{Contact, DeliveryPreference, LegLine, LegRequest};
use domain::{Clock, Currency, Environment, Money, PerformanceKey, SourceId, TicketTypeKey};
use testkit::{FixtureCase, ManualClock, StubServer};
use vendor_api::{SourceConfig, UnknownWords};

/// Time of all tests.
const NOW: &str = "2027-06-01T12:00:00Z";

fn euro() -> Currency {
    "EUR".parse().expect("a currency")
}

fn config(base_url: &str, lines: &str) -> SourceConfig {
    SourceConfig {
        id: SourceId::new("rehearsal"),
        environment: Environment::Sandbox,
        base_url: base_url.to_owned(),
        institution: "Lagoon".to_owned(),
        time_zone: TimeZone::get("Europe/Rome").expect("a zone"),
        currency: Some(euro()),
        vendor_settings: format!("api_key = \"a-key\"\n{lines}").parse().expect("TOML"),
    }
}

/// A source with more settings, whose supplier gives these responses in order.
async fn supplier(lines: &str, responses: Vec<(u16, Value)>) -> (OctoSource, StubServer) {
    let cases = responses.into_iter().map(|(status, body)| FixtureCase::new("a response", status, body.to_string()));
    source(lines, cases.collect()).await
}

async fn source(lines: &str, responses: Vec<FixtureCase>) -> (OctoSource, StubServer) {
    let server = StubServer::responding(responses).await;
    let settings = Settings::from_config(&config(&format!("{}/octo", server.base), lines)).expect("valid settings");
    let source = OctoSource {
        client: Client::new(server.client.clone(), &settings),
        defaults: settings.defaults,
        supplier_id: settings.supplier_id,
        env: settings.env,
        clock: ManualClock::at(NOW) as Arc<dyn Clock>,
        recent: Recent::default(),
        unknown_words: UnknownWords::default(),
    };
    (source, server)
}

/// Two adults and a child of one start time.
fn leg() -> LegRequest {
    let line = |line: usize, unit: &str, quantity: u32, price: i64| LegLine {
        line,
        performance: PerformanceKey::new("p-7/DEFAULT/s-1"),
        ticket_type: TicketTypeKey::new(format!("p-7/DEFAULT/{unit}")),
        quantity,
        unit_price: Money::new(price, euro()),
    };
    leg_of(vec![line(0, "adult", 2, 2500), line(1, "child", 1, 1000)])
}

/// One adult of each of two start times.
fn leg_of_two() -> LegRequest {
    let line = |line: usize, slot: &str| LegLine {
        line,
        performance: PerformanceKey::new(format!("p-7/DEFAULT/{slot}")),
        ticket_type: TicketTypeKey::new("p-7/DEFAULT/adult"),
        quantity: 1,
        unit_price: Money::new(2500, euro()),
    };
    leg_of(vec![line(0, "s-1"), line(1, "s-2")])
}

fn leg_of(lines: Vec<LegLine>) -> LegRequest {
    LegRequest {
        reference: "TG-1".to_owned(),
        lines,
        contact: Some(Contact {
            first_name: "Bea".to_owned(),
            last_name: "Holder".to_owned(),
            email: "bea@example.org".to_owned(),
            phone: None,
            postal_code: None,
        }),
        account: BTreeMap::new(),
        locale: None,
        delivery: DeliveryPreference::Barcode,
        hold_waits_for_client: true,
    }
}

fn pricing(retail: i64) -> Value {
    json!({ "original": retail, "retail": retail, "net": retail / 2, "currency": "EUR", "currencyPrecision": 2, "includedTaxes": [] })
}

fn unit(id: &str, kind: &str, restrictions: &Value) -> Value {
    json!({ "id": id, "internalName": id, "type": kind, "restrictions": restrictions, "pricingFrom": [pricing(900)] })
}

/// A product of one option, with other fields.
fn product(changes: &Value) -> Value {
    let mut product = json!({
        "id": "p-7", "internalName": "Cruise", "timeZone": "Europe/Rome", "instantConfirmation": true,
        "instantDelivery": true, "availabilityRequired": true, "availabilityType": "START_TIME",
        "redemptionMethod": "DIGITAL", "deliveryFormats": ["QRCODE"], "deliveryMethods": ["TICKET"],
        "defaultCurrency": "EUR", "pricingPer": "UNIT",
        "options": [{
            "id": "DEFAULT", "internalName": "Default", "restrictions": { "minUnits": 1, "maxUnits": 9 },
            "units": [unit("adult", "ADULT", &json!({ "paxCount": 1 })),
                      unit("child", "CHILD", &json!({ "paxCount": 1, "accompaniedBy": ["adult"] }))],
        }],
    });
    merge(&mut product, changes);
    product
}

/// A start time with prices of both units, with other fields.
fn slot(id: &str, changes: &Value) -> Value {
    let priced = |unit: &str, retail: i64| {
        let mut price = pricing(retail);
        merge(&mut price, &json!({ "unitId": unit }));
        price
    };
    let mut slot = json!({
        "id": id, "localDateTimeStart": "2027-06-15T10:00:00+02:00", "localDateTimeEnd": "2027-06-15T11:30:00+02:00",
        "allDay": false, "available": true, "status": "AVAILABLE", "vacancies": 20, "capacity": 40, "maxUnits": 9,
        "utcCutoffAt": "2027-06-15T07:00:00Z", "openingHours": [],
        "unitPricing": [priced("adult", 2500), priced("child", 1000)],
    });
    merge(&mut slot, changes);
    slot
}

/// The `number`th booking of a leg with a status.
fn booking(leg: &LegRequest, number: usize, status: &str, changes: &Value) -> Value {
    let intents = booking::intents(&SourceId::new("rehearsal"), leg).expect("bookings");
    let intent = &intents[number];
    let item = |item: &booking::ItemIntent| {
        let ticket = json!({ "redemptionMethod": "DIGITAL", "utcRedeemedAt": null,
            "deliveryOptions": [{ "deliveryFormat": "QRCODE", "deliveryValue": format!("code {}", item.uuid) }] });
        json!({ "uuid": item.uuid, "unitId": item.unit, "status": "ON_HOLD", "utcRedeemedAt": null,
            "ticket": ticket, "pricing": pricing(item.price.amount) })
    };
    let mut booking = json!({
        "id": "b-1", "uuid": intent.uuid, "testMode": true, "resellerReference": leg.reference, "supplierReference": "SUP-1",
        "status": status, "utcExpiresAt": "2027-06-01T12:15:00Z", "productId": "p-7", "optionId": "DEFAULT",
        "availabilityId": intent.availability, "deliveryMethods": ["TICKET"], "voucher": null, "cancellation": null,
        "unitItems": intent.items.iter().map(item).collect::<Vec<_>>(),
        "pricing": pricing(intent.promised.expect("a price").amount),
    });
    merge(&mut booking, changes);
    booking
}

fn error(code: &str) -> (u16, Value) {
    (400, json!({ "error": code, "errorMessage": "Desol\u{e9}, Bea" }))
}

/// Replaces the fields of an object.
fn merge(object: &mut Value, changes: &Value) {
    for (key, value) in changes.as_object().into_iter().flatten() {
        object[key] = value.clone();
    }
}
