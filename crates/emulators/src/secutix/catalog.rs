//! `CatalogService`: the point of sale and the catalogue of the day (`secutix.md §3.1`, §4.1).

use serde_json::{Value, json};

use crate::secutix::book::{ABANDON_MINUTES, Book, Twists};
use crate::secutix::method::{Desk, Outcome};
use crate::secutix::voice::{Parameters, Voice, label};
use crate::secutix::world::{Category, Content, Institution, Item, Product, Show};

/// `getPOSConfig`.
pub(super) fn pos_config(book: &mut Book, desk: &Desk<'_>, _: &Parameters) -> Outcome {
    let Institution { code, zone, currency, point_of_sale, pending_account, languages, .. } = desk.institution;
    let method = |id: i64, code: &str, kind: &str, rank: i64, sells: bool| {
        json!({
            "id": id, "code": code, "paymentType": kind, "rank": rank, "forPayment": sells, "forReimbursement": true,
            "externalName": {"translations": [{"locale": "en", "value": code}]},
        })
    };
    let is_closed = book.twists.closed_channels.contains(*code);
    let channel_state = if is_closed { "SUSPENDED" } else { "RUNNING" };
    Ok(json!({"posConfigData": {
        "posId": point_of_sale, "posCode": "DGTKPOS", "posActivityState": "RUNNING", "salesChannelActivityState": channel_state,
        "salesChannelId": point_of_sale + 10, "salesChannelCode": "DGTK", "institCode": code,
        "organizationId": 400_001, "organizationCode": "MAIN", "organizationName": label(&desk.institution.name),
        "organizationTimeZone": zone.iana_name(), "currencyCode": currency,
        "institutionCurrency": cash(desk.institution), "organizationCurrency": cash(desk.institution),
        "catalogCurrencies": [cash(desk.institution)], "multiCatalogCurrencyEnabled": false,
        "mainLanguage": languages[0], "languageList": languages.join(","), "orderAbandonDelay": ABANDON_MINUTES,
        "maxSeatsPerPerformance": 10, "netPrices": false, "testInstitution": true,
        "paymentMethods": [
            method(pending_account + 1, "CASH", "CASH", 1, false),
            method(*pending_account, "PEND", "PENDING_ACCOUNT", 2, true),
        ],
    }}))
}

/// A currency (`secutix.md §4.2`).
pub(super) fn cash(institution: &Institution) -> Value {
    json!({
        "currencyCode": institution.currency, "fractionDigit": 2,
        "minAmount": institution.min_amount, "symbol": institution.symbol,
    })
}

/// `getLastSetupUpdate`; its field is inferred.
pub(super) fn last_update(book: &mut Book, desk: &Desk<'_>, _: &Parameters) -> Outcome {
    // Set-up is done at night, unless someone twists the world.
    let night = desk.now.to_zoned(desk.institution.zone.clone()).date().at(3, 0, 12, 0);
    let night = desk.institution.zone.to_timestamp(night).unwrap_or(desk.now).min(desk.now);
    let twisted = book.twists.set_up_at.get(desk.institution.code).copied();
    let last = twisted.map_or(night, |twisted| twisted.max(night));
    Ok(json!({"lastUpdate": desk.voice.instant(last)}))
}

/// `getCatalogDetailed`: at once, or after some questions with the same `requestId` (`secutix.md §2.7`).
pub(super) fn detailed(book: &mut Book, desk: &Desk<'_>, call: &Parameters) -> Outcome {
    let slow = book.twists.slow_catalog;
    if slow > 0 {
        let known = call.id("requestId").filter(|id| book.requests.contains_key(id));
        let id = known.unwrap_or_else(|| book.number() % 1_000_000);
        let asked = book.requests.entry(id).or_insert(0);
        *asked += 1;
        if *asked <= slow {
            return Ok(
                json!({"statusCode": "in_progress", "requestId": id, "requestState": "IN_PROGRESS", "catalogData": null}),
            );
        }
        book.requests.remove(&id);
    }
    let season = &desk.institution.season;
    let is_wanted = |name: &str, code: &str| call.text(name).is_none_or(|wanted| wanted == code);
    let everything = call.text("scope").as_deref() == Some("EXTENDED");
    let shown = |id: i64, state: &str| {
        everything || matches!(state_of(&book.twists, id, state).as_str(), "RUNNING" | "SUSPENDED")
    };
    let products: Vec<Value> = season
        .products
        .iter()
        .filter(|made| is_wanted("productCode", &made.code) && shown(made.id, made.state))
        .map(|made| product(made, &book.twists, &desk.voice, everything))
        .collect();
    let seasons = if is_wanted("seasonCode", &season.code) { vec![season_of(desk, products)] } else { Vec::new() };
    let site = label(&desk.institution.site);
    Ok(json!({"requestState": "SUCCESS", "catalogData": {
        "seasons": seasons,
        "physicalConfigurations": [{"id": 87_001, "code": "MAIN", "siteId": 87_100, "siteCode": "SITE", "siteExternalName": site}],
    }}))
}

fn season_of(desk: &Desk<'_>, products: Vec<Value>) -> Value {
    let season = &desk.institution.season;
    let audiences: Vec<Value> = season
        .audiences
        .iter()
        .map(|category| {
            let tariffs = category.tariffs.iter().map(|tariff| {
                json!({
                    "id": tariff.id, "code": tariff.code, "audienceCategoryKind": tariff.kind.word(),
                    "crossSeatCategory": false, "requiredAudienceSubCategoryIds": [], "externalName": label(&tariff.name),
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
        "id": season.id, "code": season.code, "state": "RUNNING", "externalName": label(&season.name),
        "start": desk.voice.instant(season.start), "end": desk.voice.instant(season.end),
        "audienceCategories": audiences, "priceLevels": season.price_levels.iter().map(level).collect::<Vec<_>>(),
        "products": products,
    })
}

/// The state of a product or date, unless it was twisted.
pub(super) fn state_of(twists: &Twists, id: i64, made: &str) -> String {
    twists.states.get(&id).cloned().unwrap_or_else(|| made.to_owned())
}

/// A price, unless it was twisted: of the date or thing first, then of the product.
pub(super) fn price_of(twists: &Twists, of: i64, product: i64, made: i64) -> i64 {
    let twisted = twists.prices.get(&of).or_else(|| twists.prices.get(&product));
    twisted.copied().unwrap_or(made)
}

fn product(made: &Product, twists: &Twists, voice: &Voice, everything: bool) -> Value {
    let mut out = json!({
        "id": made.id, "code": made.code, "productFamilyType": made.family, "state": state_of(twists, made.id, made.state),
        "externalName": label(&made.name), "vatCodeId": 300_021, "exchangeable": true,
    });
    if !made.description.is_empty() {
        out["description"] = label(&made.description);
    }
    if let Some(image) = made.image {
        out["largeImageUrl"] = json!(image);
    }
    match &made.content {
        Content::Dates(shows) => {
            let shown = |show: &&Show| everything || state_of(twists, show.id, "RUNNING") != "CANCELED";
            let shows: Vec<Value> = shows.iter().filter(shown).map(|show| date(show, made.id, twists, voice)).collect();
            out["event"] = json!({ "performances": shows });
        }
        Content::Pass { date_mandatory, items } => {
            let items: Vec<Value> = items.iter().map(|one| item(one, made.id, twists, voice)).collect();
            out["pass"] =
                json!({"consecutive": false, "guided": false, "dateMandatory": date_mandatory, "items": items});
        }
        Content::Bare => {
            out["vatCodeId"] = Value::Null;
        }
    }
    out
}

fn date(show: &Show, product: i64, twists: &Twists, voice: &Voice) -> Value {
    let category = |category: &Category| {
        let mut out = json!({"id": category.id, "code": category.code});
        if !category.name.is_empty() {
            out["externalName"] = label(&category.name);
        }
        out
    };
    let categories: Vec<Value> = show.seats.iter().filter_map(|(one, _)| one.as_ref().map(category)).collect();
    let price = |(category, tariff, level, amount): &(Option<i64>, i64, i64, i64)| {
        json!({
            "seatCatId": category, "audSubCatId": tariff, "priceLevelId": level,
            "amount": price_of(twists, show.id, product, *amount),
        })
    };
    json!({
        "id": show.id, "state": state_of(twists, show.id, "RUNNING"), "start": voice.instant(show.start),
        "duration": show.seconds, "seatCategories": categories, "prices": show.prices.iter().map(price).collect::<Vec<_>>(),
    })
}

fn item(one: &Item, product: i64, twists: &Twists, voice: &Voice) -> Value {
    let price = |(tariff, amount): &(i64, i64)| {
        json!({
            "audSubCatId": tariff, "amount": price_of(twists, one.id, product, *amount), "minQty": 1, "maxQty": 10,
            "startDate": one.first_day.map(|day| voice.day(day)), "endDate": one.last_day.map(|day| voice.day(day)),
            "startTime": one.hour, "allVisitLanguages": true, "allVisitThemes": true,
        })
    };
    let mut out = json!({
        "itemId": one.id, "timeslotIds": one.timeslots, "itemPrices": one.prices.iter().map(price).collect::<Vec<_>>(),
    });
    if !one.name.is_empty() {
        out["externalName"] = label(&one.name);
    }
    out
}
