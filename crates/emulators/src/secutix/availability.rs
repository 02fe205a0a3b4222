//! `AvailabilityService`: places less what is held, sold here or sold elsewhere (`secutix.md §3.2`).

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::secutix::book::{Book, Sold, Twists};
use crate::secutix::method::{Desk, Outcome, Refusal};
use crate::secutix::voice::Parameters;
use crate::secutix::world::{Content, Institution, Item, Product, Show, scatter};

/// Asks for one row each.
const EACH: i64 = -1;

/// What is free of something in one contingent.
pub(super) fn free(book: &Book, institution: &Institution, what: Sold, contingent: (i64, i64), now: Timestamp) -> i64 {
    let (contingent, share) = contingent;
    let (product, of, capacity, elsewhere) = match what {
        Sold::Seats { show, category } => {
            let Some((product, made)) = institution.show(show) else { return 0 };
            let places = made.seats.iter().find(|(known, _)| known.as_ref().map(|known| known.id) == category);
            let capacity = places.map_or(0, |(_, places)| *places);
            (product.id, show, capacity, scatter(show, category.unwrap_or(0), capacity * 6 / 10))
        }
        Sold::Things { item } => match institution.item(item) {
            Some((product, made)) => (product.id, item, made.capacity, scatter(item, 0, made.capacity / 2)),
            None => return 0,
        },
    };
    let Twists { sold_out, more, closed_contingents, .. } = &book.twists;
    if sold_out.contains(&of) || sold_out.contains(&product) || closed_contingents.contains(&contingent) {
        return 0;
    }
    let first = institution.contingents[0].0 == contingent;
    let extra = if first { more.get(&of).or_else(|| more.get(&product)).copied().unwrap_or(0) } else { 0 };
    ((capacity - elsewhere) * share / 100 + extra - book.taken(what, contingent, now)).max(0)
}

/// `getEventAvailability`: empty lists give one sum, -1 gives a row each, ids give those.
pub(super) fn events(book: &mut Book, desk: &Desk<'_>, call: &Parameters) -> Outcome {
    check_point_of_sale(desk, call)?;
    let wanted = call.ids("performanceIds");
    if wanted.is_empty() {
        return Err(Refusal("error.performance.missing", "performanceIds is mandatory"));
    }
    let events = call.ids("eventIds");
    let shows = wanted.iter().filter_map(|id| desk.institution.show(*id));
    let mut rows = Vec::new();
    for (product, show) in shows.filter(|(product, _)| events.is_empty() || events.contains(&product.id)) {
        rows.extend(date_rows(book, desk, call, product, show));
    }
    Ok(json!({"eventAvailabilityData": {"eventAvailabilities": rows}}))
}

fn date_rows(book: &Book, desk: &Desk<'_>, call: &Parameters, product: &Product, show: &Show) -> Vec<Value> {
    let known: Vec<Option<i64>> = show.seats.iter().map(|(category, _)| category.as_ref().map(|one| one.id)).collect();
    let contingents: Vec<i64> = desk.institution.contingents.iter().map(|(id, _, _)| *id).collect();
    let by_category = groups(&call.ids("seatCategoryIds"), &known, |id| *id);
    let by_contingent = groups(&call.ids("contingentIds"), &contingents, |id| Some(*id));
    let mut rows = Vec::new();
    for (category, categories) in &by_category {
        for (contingent, contingents) in &by_contingent {
            let sum: i64 = categories
                .iter()
                .flat_map(|category| contingents.iter().map(move |contingent| (*category, *contingent)))
                .map(|(category, contingent)| {
                    let share = share(desk.institution, contingent);
                    free(book, desk.institution, Sold::Seats { show: show.id, category }, (contingent, share), desk.now)
                })
                .sum();
            rows.push(json!({
                "eventId": product.id, "performanceId": show.id, "seatCategoryId": category,
                "contingentId": contingent, "availability": sum,
            }));
        }
    }
    rows
}

/// How a list of ids divides what there is: one sum, a row each, or only those named.
fn groups<T: Copy>(asked: &[i64], known: &[T], id: impl Fn(&T) -> Option<i64>) -> Vec<(Option<i64>, Vec<T>)> {
    if asked.is_empty() {
        return vec![(None, known.to_vec())];
    }
    let is_wanted = |one: &&T| asked.contains(&EACH) || id(one).is_some_and(|id| asked.contains(&id));
    known.iter().filter(is_wanted).map(|one| (id(one), vec![*one])).collect()
}

/// The share of a contingent, in percent.
pub(super) fn share(institution: &Institution, contingent: i64) -> i64 {
    institution.contingents.iter().find(|(id, _, _)| *id == contingent).map_or(0, |(_, _, share)| *share)
}

/// `getProductAvailability`: passes by their things; names inferred.
pub(super) fn products(book: &mut Book, desk: &Desk<'_>, call: &Parameters) -> Outcome {
    check_point_of_sale(desk, call)?;
    let mut rows = Vec::new();
    for product in call.ids("productIds").iter().filter_map(|id| desk.institution.product(*id)) {
        if let Content::Pass { items, .. } = &product.content {
            rows.extend(items.iter().map(|item| item_row(book, desk, product, item)));
        }
    }
    Ok(json!({"productAvailabilityData": {"productAvailabilities": rows}}))
}

fn item_row(book: &Book, desk: &Desk<'_>, product: &Product, item: &Item) -> Value {
    let what = Sold::Things { item: item.id };
    let contingents = desk.institution.contingents.iter();
    let sum: i64 = contingents.map(|(id, _, share)| free(book, desk.institution, what, (*id, *share), desk.now)).sum();
    json!({"productId": product.id, "itemId": item.id, "availability": sum})
}

/// `getUpdatedAvailabilities`: the products whose places changed since an instant.
pub(super) fn updated(book: &mut Book, desk: &Desk<'_>, call: &Parameters) -> Outcome {
    check_point_of_sale(desk, call)?;
    let since = call.instant("referenceDate").ok_or(Refusal("error.referenceDate", "referenceDate is mandatory"))?;
    let changed = call.ids("productIds").into_iter().filter_map(|id| Some((id, *book.twists.changed_at.get(&id)?)));
    let rows: Vec<Value> = changed
        .filter(|(_, at)| *at >= since)
        .map(|(id, at)| json!({"productId": id, "lastUpdate": desk.voice.instant(at)}))
        .collect();
    Ok(json!({ "availabilityUpdateData": rows }))
}

/// Every sale goes over the channel's own point of sale.
pub(super) fn check_point_of_sale(desk: &Desk<'_>, call: &Parameters) -> Result<(), Refusal> {
    if call.id("pointOfSalesId") == Some(desk.institution.point_of_sale) {
        return Ok(());
    }
    Err(Refusal("error.pointOfSales", "unknown point of sales"))
}
