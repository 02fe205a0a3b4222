//! `CatalogService`: the point of sale and the day's catalog (`secutix.md §3.1`, §4.1).

use serde_json::{Value, json};

use crate::secutix::encoding::{Encoder, Parameters, localized};
use crate::secutix::method::{CallContext, MethodResult};
use crate::secutix::state::{ABANDON_MINUTES, Overrides, SecutixState};
use crate::secutix::world::{
    Institution, ProductContent, SecutixPassItem, SecutixPerformance, SecutixProduct, SecutixSeatCategory,
};

/// `getPOSConfig`.
pub(super) fn pos_config(state: &mut SecutixState, context: &CallContext<'_>, _: &Parameters) -> MethodResult {
    let Institution { code, zone, currency, point_of_sale, pending_account, languages, .. } = context.institution;
    let method = |id: i64, code: &str, kind: &str, rank: i64, sells: bool| {
        json!({
            "id": id, "code": code, "paymentType": kind, "rank": rank, "forPayment": sells, "forReimbursement": true,
            "externalName": {"translations": [{"locale": "en", "value": code}]},
        })
    };
    let is_closed = state.overrides.closed_channels.contains(*code);
    let channel_state = if is_closed { "SUSPENDED" } else { "RUNNING" };
    Ok(json!({"posConfigData": {
        "posId": point_of_sale, "posCode": "DGTKPOS", "posActivityState": "RUNNING", "salesChannelActivityState": channel_state,
        "salesChannelId": point_of_sale + 10, "salesChannelCode": "DGTK",
        // INFERRED: no document shows the type.
        "salesChannelType": "REALTIME_INTERFACE", "institCode": code,
        "organizationId": 400_001, "organizationCode": "MAIN", "organizationName": localized(&context.institution.name),
        "organizationTimeZone": zone.iana_name(), "currencyCode": currency,
        "institutionCurrency": currency_view(context.institution), "organizationCurrency": currency_view(context.institution),
        "catalogCurrencies": [currency_view(context.institution)], "multiCatalogCurrencyEnabled": false,
        "mainLanguage": languages[0], "languageList": languages.join(","), "orderAbandonDelay": ABANDON_MINUTES,
        "maxSeatsPerPerformance": 10, "netPrices": false, "testInstitution": true,
        "paymentMethods": [
            method(pending_account + 1, "CASH", "CASH", 1, false),
            method(*pending_account, "PEND", "PENDING_ACCOUNT", 2, true),
        ],
    }}))
}

/// Serializes the institution's currency (`secutix.md §4.2`).
pub(super) fn currency_view(institution: &Institution) -> Value {
    json!({
        "currencyCode": institution.currency, "fractionDigit": 2,
        "minAmount": institution.min_amount, "symbol": institution.symbol,
    })
}

/// `getLastSetupUpdate`. Its field is INFERRED.
pub(super) fn last_setup_update(state: &mut SecutixState, context: &CallContext<'_>, _: &Parameters) -> MethodResult {
    // The setup changes every night, and with each state change.
    let night = context.now.to_zoned(context.institution.zone.clone()).date().at(3, 0, 12, 0);
    let night = context.institution.zone.to_timestamp(night).unwrap_or(context.now).min(context.now);
    let changed = state.overrides.setup_changed_at.get(context.institution.code).copied();
    let last = changed.map_or(night, |changed| changed.max(night));
    Ok(json!({"lastUpdate": context.encoder.instant(last)}))
}

/// `getCatalogDetailed`: returned at once, or after several polls with the same `requestId` (`secutix.md §2.7`).
pub(super) fn catalog_detailed(state: &mut SecutixState, context: &CallContext<'_>, call: &Parameters) -> MethodResult {
    let slow = state.overrides.slow_catalog;
    if slow > 0 {
        let known = call.id("requestId").filter(|id| state.catalog_requests.contains_key(id));
        let id = known.unwrap_or_else(|| state.next_number() % 1_000_000);
        let polls = state.catalog_requests.entry(id).or_insert(0);
        *polls += 1;
        if *polls <= slow {
            return Ok(
                json!({"statusCode": "in_progress", "requestId": id, "requestState": "IN_PROGRESS", "catalogData": null}),
            );
        }
        state.catalog_requests.remove(&id);
    }
    let season = &context.institution.season;
    let is_wanted = |name: &str, code: &str| call.text(name).is_none_or(|wanted| wanted == code);
    let everything = call.text("scope").as_deref() == Some("EXTENDED");
    let shown = |id: i64, default: &str| {
        everything || matches!(state_of(&state.overrides, id, default).as_str(), "RUNNING" | "SUSPENDED")
    };
    let products: Vec<Value> = season
        .products
        .iter()
        .filter(|product| is_wanted("productCode", &product.code) && shown(product.id, product.state))
        .map(|product| product_view(product, &state.overrides, &context.encoder, everything))
        .collect();
    let seasons = if is_wanted("seasonCode", &season.code) { vec![season_view(context, products)] } else { Vec::new() };
    let site = localized(&context.institution.site);
    Ok(json!({"requestState": "SUCCESS", "catalogData": {
        "seasons": seasons,
        "physicalConfigurations": [{"id": 87_001, "code": "MAIN", "siteId": 87_100, "siteCode": "SITE", "siteExternalName": site}],
    }}))
}

fn season_view(context: &CallContext<'_>, products: Vec<Value>) -> Value {
    let season = &context.institution.season;
    let audiences: Vec<Value> = season
        .audience_categories
        .iter()
        .map(|category| {
            let tariffs = category.tariffs.iter().map(|tariff| {
                json!({
                    "id": tariff.id, "code": tariff.code, "audienceCategoryKind": tariff.kind.wire_name(),
                    "crossSeatCategory": false, "requiredAudienceSubCategoryIds": [], "externalName": localized(&tariff.name),
                })
            });
            json!({
                "id": category.id, "code": category.code, "mainCategory": category.main,
                "secondaryCategory": category.secondary, "audienceSubCategories": tariffs.collect::<Vec<_>>(),
            })
        })
        .collect();
    let level = |(id, code, main): &(i64, &str, &str)| json!({"id": id, "code": code, "mainCategory": main});
    json!({
        "id": season.id, "code": season.code, "state": "RUNNING", "externalName": localized(&season.name),
        "start": context.encoder.instant(season.start), "end": context.encoder.instant(season.end),
        "audienceCategories": audiences, "priceLevels": season.price_levels.iter().map(level).collect::<Vec<_>>(),
        "products": products,
    })
}

/// Returns the overridden state of a product or performance, else `default`.
pub(super) fn state_of(overrides: &Overrides, id: i64, default: &str) -> String {
    overrides.states.get(&id).cloned().unwrap_or_else(|| default.to_owned())
}

/// Returns the overridden price of the performance or pass item, else of the product, else `default`.
pub(super) fn price_of(overrides: &Overrides, of: i64, product: i64, default: i64) -> i64 {
    let overridden = overrides.prices.get(&of).or_else(|| overrides.prices.get(&product));
    overridden.copied().unwrap_or(default)
}

fn product_view(product: &SecutixProduct, overrides: &Overrides, encoder: &Encoder, everything: bool) -> Value {
    let mut out = json!({
        "id": product.id, "code": product.code, "productFamilyType": product.family, "state": state_of(overrides, product.id, product.state),
        "externalName": localized(&product.name), "vatCodeId": 300_021, "exchangeable": true,
    });
    if !product.description.is_empty() {
        out["description"] = localized(&product.description);
    }
    if let Some(image) = product.image {
        out["largeImageUrl"] = json!(image);
    }
    match &product.content {
        ProductContent::Performances(performances) => {
            let shown = |performance: &&SecutixPerformance| {
                everything || state_of(overrides, performance.id, "RUNNING") != "CANCELED"
            };
            let performances: Vec<Value> = performances
                .iter()
                .filter(shown)
                .map(|performance| performance_view(performance, product.id, overrides, encoder))
                .collect();
            out["event"] = json!({ "performances": performances });
        }
        ProductContent::Pass { date_mandatory, items } => {
            let items: Vec<Value> =
                items.iter().map(|one| pass_item_view(one, product.id, overrides, encoder)).collect();
            out["pass"] =
                json!({"consecutive": false, "guided": false, "dateMandatory": date_mandatory, "items": items});
        }
        ProductContent::Empty => {
            out["vatCodeId"] = Value::Null;
        }
    }
    out
}

fn performance_view(performance: &SecutixPerformance, product: i64, overrides: &Overrides, encoder: &Encoder) -> Value {
    let category = |category: &SecutixSeatCategory| {
        let mut out = json!({"id": category.id, "code": category.code});
        if !category.name.is_empty() {
            out["externalName"] = localized(&category.name);
        }
        out
    };
    let categories: Vec<Value> = performance.seats.iter().filter_map(|(one, _)| one.as_ref().map(category)).collect();
    let price = |(category, tariff, level, amount): &(Option<i64>, i64, i64, i64)| {
        json!({
            "seatCatId": category, "audSubCatId": tariff, "priceLevelId": level,
            "amount": price_of(overrides, performance.id, product, *amount),
        })
    };
    json!({
        "id": performance.id, "state": state_of(overrides, performance.id, "RUNNING"), "start": encoder.instant(performance.start),
        "duration": performance.seconds, "seatCategories": categories, "prices": performance.prices.iter().map(price).collect::<Vec<_>>(),
    })
}

fn pass_item_view(one: &SecutixPassItem, product: i64, overrides: &Overrides, encoder: &Encoder) -> Value {
    let price = |(tariff, amount): &(i64, i64)| {
        json!({
            "audSubCatId": tariff, "amount": price_of(overrides, one.id, product, *amount), "minQty": 1, "maxQty": 10,
            "startDate": one.first_day.map(|day| encoder.day(day)), "endDate": one.last_day.map(|day| encoder.day(day)),
            "startTime": one.hour, "allVisitLanguages": true, "allVisitThemes": true,
        })
    };
    let mut out = json!({
        "itemId": one.id, "timeslotIds": one.timeslots, "itemPrices": one.prices.iter().map(price).collect::<Vec<_>>(),
    });
    if !one.name.is_empty() {
        out["externalName"] = localized(&one.name);
    }
    out
}
