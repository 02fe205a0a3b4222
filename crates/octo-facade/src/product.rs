//! Maps sources and events to suppliers and products (octo.md §12.2).

use std::collections::BTreeSet;
use std::time::Duration;

use crate::content::{option_content, product_content, unit_content};
use crate::facts::{EventFacts, MoneyFacts, PriceFacts, SourceFacts, UnitFacts, VisitMode};
use crate::inferred::{AGES, CONTACT_FIELDS, DELIVERY_FORMATS, OPTION};
use crate::slot::{SlotTimes, zone_of};
use crate::wire::{
    OctoOption, OctoOptionLimits, OctoPricing, OctoProduct, OctoProductPricing, OctoSupplier, OctoSupplierContact,
    OctoTax, OctoUnit, OctoUnitLimits,
};

/// Ways of delivery.
pub(crate) const DELIVERY_METHODS: &[&str] = &["TICKET"];
/// Redemption of every product.
pub(crate) const REDEMPTION: &str = "DIGITAL";

/// Context of a product besides its event.
#[derive(Debug, Clone, Copy)]
pub struct ProductContext<'a> {
    /// Source of the event.
    pub source: &'a SourceFacts,
    /// Largest number of units of a booking.
    pub max_units: u32,
    /// Time before the visit after which a sale cannot be canceled.
    pub cancellation_cutoff: Duration,
    /// True with the capability `octo/pricing`.
    pub has_pricing: bool,
    /// True with the capability `octo/content`.
    pub has_content: bool,
}

/// Converts a source. `base` is the URL under which suppliers are.
pub fn supplier(source: &SourceFacts, base: &str) -> OctoSupplier {
    OctoSupplier {
        id: source.name.clone(),
        name: if source.institution.is_empty() { source.name.clone() } else { source.institution.clone() },
        endpoint: format!("{base}/{}", source.name),
        contact: OctoSupplierContact::default(),
    }
}

/// Converts an event.
pub fn product(event: &EventFacts, context: &ProductContext<'_>) -> OctoProduct {
    OctoProduct {
        id: event.id.clone(),
        internal_name: event.title.clone(),
        reference: None,
        locale: "en",
        time_zone: event.time_zone.clone(),
        allow_freesale: false,
        instant_confirmation: true,
        instant_delivery: context.source.has("BARCODE_AT_CONFIRM"),
        availability_required: event.booking_mode != VisitMode::Open,
        availability_type: match event.booking_mode {
            VisitMode::Timed => "START_TIME",
            VisitMode::Dated | VisitMode::Open => "OPENING_HOURS",
        },
        delivery_formats: DELIVERY_FORMATS,
        delivery_methods: DELIVERY_METHODS,
        redemption_method: REDEMPTION,
        options: vec![option(event, context)],
        pricing: context.has_pricing.then(|| currencies(event, context.source)),
        content: context.has_content.then(|| product_content(event)),
    }
}

fn option(event: &EventFacts, context: &ProductContext<'_>) -> OctoOption {
    let (amount, unit) = cutoff(context.cancellation_cutoff);
    OctoOption {
        id: OPTION,
        default: true,
        internal_name: OPTION,
        reference: None,
        availability_local_start_times: start_times(event),
        cancellation_cutoff: format!("{amount} {unit}{}", if amount == 1 { "" } else { "s" }),
        cancellation_cutoff_amount: amount,
        cancellation_cutoff_unit: unit,
        required_contact_fields: CONTACT_FIELDS,
        restrictions: OctoOptionLimits { min_units: 1, max_units: context.max_units },
        units: event.ticket_types.iter().map(|kind| unit_of(kind, context)).collect(),
        content: context.has_content.then(|| option_content(event)),
    }
}

/// Returns the start times of the next performances, each once. Empty for opening hours (octo.md §4.3).
fn start_times(event: &EventFacts) -> Vec<String> {
    if event.booking_mode != VisitMode::Timed {
        return Vec::new();
    }
    let zone = zone_of(event);
    let nodes = event.performances.iter().flat_map(|list| &list.nodes);
    let times: BTreeSet<String> =
        nodes.filter_map(|next| next.starts_at).map(|at| SlotTimes::start_time(at, &zone)).collect();
    times.into_iter().collect()
}

/// Returns a duration in the largest unit that has no rest.
fn cutoff(before: Duration) -> (u64, &'static str) {
    let minutes = before.as_secs().div_ceil(60);
    match minutes {
        0 => (0, "hour"),
        _ if minutes.is_multiple_of(24 * 60) => (minutes / (24 * 60), "day"),
        _ if minutes.is_multiple_of(60) => (minutes / 60, "hour"),
        _ => (minutes, "minute"),
    }
}

fn unit_of(kind: &UnitFacts, context: &ProductContext<'_>) -> OctoUnit {
    let (youngest, oldest) = AGES;
    OctoUnit {
        id: kind.id.clone(),
        internal_name: kind.name.clone(),
        reference: None,
        kind: unit_type(&kind.audience),
        required_contact_fields: Vec::new(),
        restrictions: OctoUnitLimits {
            min_age: kind.min_age.unwrap_or(youngest),
            max_age: kind.max_age.unwrap_or(oldest),
            id_required: false,
            min_quantity: kind.min_per_order,
            max_quantity: kind.max_per_order,
            pax_count: kind.admits,
            accompanied_by: Vec::new(),
        },
        content: context.has_content.then(|| unit_content(kind)),
        pricing_from: context.has_pricing.then(|| kind.price.iter().map(pricing).collect()),
    }
}

/// Returns the type of a unit. Groups and members have no name in OCTO.
fn unit_type(audience: &str) -> &'static str {
    const KNOWN: [&str; 7] = ["ADULT", "YOUTH", "CHILD", "INFANT", "FAMILY", "SENIOR", "STUDENT"];
    KNOWN.into_iter().find(|known| *known == audience).unwrap_or("OTHER")
}

fn currencies(event: &EventFacts, source: &SourceFacts) -> OctoProductPricing {
    let prices = event.ticket_types.iter().filter_map(|kind| kind.price.as_ref());
    let mut available: Vec<String> = Vec::new();
    for currency in source.default_currency.iter().chain(prices.map(|price| &price.retail.currency)) {
        if !available.contains(currency) {
            available.push(currency.clone());
        }
    }
    OctoProductPricing {
        default_currency: available.first().cloned(),
        available_currencies: available,
        pricing_per: "UNIT",
    }
}

/// Converts a price.
pub fn pricing(price: &PriceFacts) -> OctoPricing {
    let retail = price.retail.amount;
    OctoPricing {
        original: price.original.as_ref().map_or(retail, |original| original.amount.max(retail)),
        retail,
        net: price.net.as_ref().map(|net| net.amount),
        currency: price.retail.currency.clone(),
        currency_precision: price.retail.exponent,
        included_taxes: price.taxes.iter().map(|tax| included_tax(&tax.name, &tax.amount)).collect(),
    }
}

fn included_tax(name: &str, amount: &MoneyFacts) -> OctoTax {
    OctoTax { name: name.to_owned(), retail: amount.amount, original: amount.amount, net: None }
}

/// Adds prices up, each taken a number of times. `None` without a price, with several currencies, or beyond any amount.
pub fn total<'a>(prices: impl IntoIterator<Item = (&'a OctoPricing, usize)>) -> Option<OctoPricing> {
    let mut sum: Option<OctoPricing> = None;
    for (price, count) in prices {
        let price = times(price, count)?;
        sum = Some(match sum {
            None => price,
            Some(sum) => plus(sum, price)?,
        });
    }
    sum
}

fn times(price: &OctoPricing, count: usize) -> Option<OctoPricing> {
    let count = i64::try_from(count).ok()?;
    let taxes = price.included_taxes.iter().map(|tax| {
        let (retail, original) = (tax.retail.checked_mul(count)?, tax.original.checked_mul(count)?);
        Some(OctoTax { retail, original, ..tax.clone() })
    });
    Some(OctoPricing {
        original: price.original.checked_mul(count)?,
        retail: price.retail.checked_mul(count)?,
        net: match price.net {
            Some(net) => Some(net.checked_mul(count)?),
            None => None,
        },
        included_taxes: taxes.collect::<Option<_>>()?,
        ..price.clone()
    })
}

fn plus(one: OctoPricing, other: OctoPricing) -> Option<OctoPricing> {
    if (&one.currency, one.currency_precision) != (&other.currency, other.currency_precision) {
        return None;
    }
    let mut taxes = one.included_taxes;
    for tax in other.included_taxes {
        match taxes.iter_mut().find(|known| known.name == tax.name) {
            Some(known) => {
                known.retail = known.retail.checked_add(tax.retail)?;
                known.original = known.original.checked_add(tax.original)?;
            }
            None => taxes.push(tax),
        }
    }
    let net = match one.net.zip(other.net) {
        Some((one, other)) => Some(one.checked_add(other)?),
        None => None,
    };
    Some(OctoPricing {
        original: one.original.checked_add(other.original)?,
        retail: one.retail.checked_add(other.retail)?,
        net,
        included_taxes: taxes,
        ..other_fields(one.currency, one.currency_precision)
    })
}

/// Returns a price of nothing in a currency.
fn other_fields(currency: String, currency_precision: u32) -> OctoPricing {
    OctoPricing { original: 0, retail: 0, net: None, currency, currency_precision, included_taxes: Vec::new() }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::slot::tests::{event, price};

    pub(crate) fn source() -> SourceFacts {
        serde_json::from_value(json!({
            "id": "s-1", "name": "harbor", "institution": "", "defaultCurrency": null, "capabilities": ["ORDERING"],
        }))
        .expect("a source")
    }

    fn as_json(mode: &str, has_pricing: bool) -> Value {
        let source = source();
        let cancellation_cutoff = Duration::from_secs(48 * 3600);
        let context =
            ProductContext { source: &source, max_units: 50, cancellation_cutoff, has_pricing, has_content: false };
        serde_json::to_value(product(&event(mode), &context)).expect("JSON")
    }

    #[test]
    fn a_product_has_every_key_and_limits_that_are_never_null() {
        let product = as_json("DATED", false);
        assert_eq!(product["availabilityType"], "OPENING_HOURS");
        assert_eq!(product["options"][0]["restrictions"], json!({ "minUnits": 1, "maxUnits": 50 }));
        assert_eq!(product["options"][0]["availabilityLocalStartTimes"], json!([]));
        assert_eq!(product["options"][0]["cancellationCutoff"], "2 days");
        assert_eq!((&product["reference"], product.get("defaultCurrency")), (&Value::Null, None));
        let unit = &product["options"][0]["units"][1];
        assert_eq!(unit["type"], "OTHER");
        assert_eq!((&unit["restrictions"]["minAge"], &unit["restrictions"]["maxAge"]), (&json!(0), &json!(99)));
        assert_eq!(unit.get("pricingFrom"), None);
        for (mode, required, kind) in [("TIMED", true, "START_TIME"), ("OPEN", false, "OPENING_HOURS")] {
            let product = as_json(mode, false);
            assert_eq!(
                (&product["availabilityRequired"], &product["availabilityType"]),
                (&json!(required), &json!(kind))
            );
        }
    }

    #[test]
    fn prices_come_with_their_capability_only() {
        let product = as_json("TIMED", true);
        assert_eq!((&product["defaultCurrency"], &product["pricingPer"]), (&json!("CHF"), &json!("UNIT")));
        let units = &product["options"][0]["units"];
        assert_eq!(units[0]["pricingFrom"][0]["retail"], 1200);
        assert_eq!(units[0]["pricingFrom"][0]["net"], 1100);
        assert_eq!(units[1]["pricingFrom"], json!([]), "no price is known");
    }

    #[test]
    fn totals_add_taxes_by_name_and_refuse_two_currencies() {
        let facts = |amount| serde_json::from_value::<PriceFacts>(price(amount)).expect("a price");
        let (adult, child) = (pricing(&facts(1200)), pricing(&facts(500)));
        let sum = total([(&adult, 2), (&child, 1)]).expect("a total");
        assert_eq!((sum.retail, sum.net, sum.included_taxes[0].retail), (2900, Some(2600), 290));
        let foreign = OctoPricing { currency: "EUR".to_owned(), ..child };
        assert_eq!(total([(&adult, 1), (&foreign, 1)]), None);
    }
}
