//! `AvailabilityService`: capacity less seats held or sold, here and elsewhere (`secutix.md §3.2`).

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::secutix::encoding::Parameters;
use crate::secutix::method::{CallContext, MethodError, MethodResult};
use crate::secutix::state::{Overrides, SecutixState, SoldItem};
use crate::secutix::world::{
    Institution, ProductContent, SecutixPassItem, SecutixPerformance, SecutixProduct, pseudo_random,
};

/// Id that requests one row per id.
const ROW_PER_ID: i64 = -1;

/// Returns the free seats of an item in one contingent, given as id and share in percent.
pub(super) fn free_seats(
    state: &SecutixState,
    institution: &Institution,
    sold_item: SoldItem,
    contingent: (i64, i64),
    now: Timestamp,
) -> i64 {
    let (contingent, share) = contingent;
    let (product, of, capacity, elsewhere) = match sold_item {
        SoldItem::Seats { performance, category } => {
            let Some((product, offer)) = institution.performance(performance) else { return 0 };
            let seats = offer.seats.iter().find(|(known, _)| known.as_ref().map(|known| known.id) == category);
            let capacity = seats.map_or(0, |(_, seats)| *seats);
            (product.id, performance, capacity, pseudo_random(performance, category.unwrap_or(0), capacity * 6 / 10))
        }
        SoldItem::PassItem { item } => match institution.pass_item(item) {
            Some((product, offer)) => (product.id, item, offer.capacity, pseudo_random(item, 0, offer.capacity / 2)),
            None => return 0,
        },
    };
    let Overrides { sold_out, extra_capacity: more, closed_contingents, .. } = &state.overrides;
    if sold_out.contains(&of) || sold_out.contains(&product) || closed_contingents.contains(&contingent) {
        return 0;
    }
    let first = institution.contingents[0].0 == contingent;
    let extra = if first { more.get(&of).or_else(|| more.get(&product)).copied().unwrap_or(0) } else { 0 };
    ((capacity - elsewhere) * share / 100 + extra - state.count_taken(sold_item, contingent, now)).max(0)
}

/// `getEventAvailability`. For each dimension, an empty list returns the sum, -1 one row per id, and ids one row for each of them.
pub(super) fn events(state: &mut SecutixState, context: &CallContext<'_>, call: &Parameters) -> MethodResult {
    check_point_of_sale(context, call)?;
    let wanted = call.ids("performanceIds");
    if wanted.is_empty() {
        return Err(MethodError("error.performance.missing", "performanceIds is mandatory"));
    }
    let events = call.ids("eventIds");
    let performances = wanted.iter().filter_map(|id| context.institution.performance(*id));
    let mut rows = Vec::new();
    for (product, performance) in performances.filter(|(product, _)| events.is_empty() || events.contains(&product.id))
    {
        rows.extend(performance_rows(state, context, call, product, performance));
    }
    Ok(json!({"eventAvailabilityData": {"eventAvailabilities": rows}}))
}

fn performance_rows(
    state: &SecutixState,
    context: &CallContext<'_>,
    call: &Parameters,
    product: &SecutixProduct,
    performance: &SecutixPerformance,
) -> Vec<Value> {
    let known: Vec<Option<i64>> =
        performance.seats.iter().map(|(category, _)| category.as_ref().map(|one| one.id)).collect();
    let contingents: Vec<i64> = context.institution.contingents.iter().map(|(id, _, _)| *id).collect();
    let by_category = group_ids(&call.ids("seatCategoryIds"), &known, |id| *id);
    let by_contingent = group_ids(&call.ids("contingentIds"), &contingents, |id| Some(*id));
    let mut rows = Vec::new();
    for (category, categories) in &by_category {
        for (contingent, contingents) in &by_contingent {
            let sum: i64 = categories
                .iter()
                .flat_map(|category| contingents.iter().map(move |contingent| (*category, *contingent)))
                .map(|(category, contingent)| {
                    let share = contingent_share(context.institution, contingent);
                    free_seats(
                        state,
                        context.institution,
                        SoldItem::Seats { performance: performance.id, category },
                        (contingent, share),
                        context.now,
                    )
                })
                .sum();
            rows.push(json!({
                "eventId": product.id, "performanceId": performance.id, "seatCategoryId": category,
                "contingentId": contingent, "availability": sum,
            }));
        }
    }
    rows
}

/// Groups the known ids by the requested ones: one sum, one row per id, or the requested ids only.
fn group_ids<T: Copy>(requested: &[i64], known: &[T], id: impl Fn(&T) -> Option<i64>) -> Vec<(Option<i64>, Vec<T>)> {
    if requested.is_empty() {
        return vec![(None, known.to_vec())];
    }
    let is_wanted = |one: &&T| requested.contains(&ROW_PER_ID) || id(one).is_some_and(|id| requested.contains(&id));
    known.iter().filter(is_wanted).map(|one| (id(one), vec![*one])).collect()
}

/// Returns the share of a contingent, in percent.
pub(super) fn contingent_share(institution: &Institution, contingent: i64) -> i64 {
    institution.contingents.iter().find(|(id, _, _)| *id == contingent).map_or(0, |(_, _, share)| *share)
}

/// `getProductAvailability`: passes by item. Field names are INFERRED.
pub(super) fn products(state: &mut SecutixState, context: &CallContext<'_>, call: &Parameters) -> MethodResult {
    check_point_of_sale(context, call)?;
    let mut rows = Vec::new();
    for product in call.ids("productIds").iter().filter_map(|id| context.institution.product(*id)) {
        if let ProductContent::Pass { items, .. } = &product.content {
            rows.extend(items.iter().map(|item| item_row(state, context, product, item)));
        }
    }
    Ok(json!({"productAvailabilityData": {"productAvailabilities": rows}}))
}

fn item_row(
    state: &SecutixState,
    context: &CallContext<'_>,
    product: &SecutixProduct,
    item: &SecutixPassItem,
) -> Value {
    let sold_item = SoldItem::PassItem { item: item.id };
    let contingents = context.institution.contingents.iter();
    let sum: i64 = contingents
        .map(|(id, _, share)| free_seats(state, context.institution, sold_item, (*id, *share), context.now))
        .sum();
    json!({"productId": product.id, "itemId": item.id, "availability": sum})
}

/// `getUpdatedAvailabilities`: returns the products whose availability changed since an instant.
pub(super) fn updated(state: &mut SecutixState, context: &CallContext<'_>, call: &Parameters) -> MethodResult {
    check_point_of_sale(context, call)?;
    let since =
        call.instant("referenceDate").ok_or(MethodError("error.referenceDate", "referenceDate is mandatory"))?;
    let changed = call
        .ids("productIds")
        .into_iter()
        .filter_map(|id| Some((id, *state.overrides.availability_changed_at.get(&id)?)));
    let rows: Vec<Value> = changed
        .filter(|(_, at)| *at >= since)
        .map(|(id, at)| json!({"productId": id, "lastUpdate": context.encoder.instant(at)}))
        .collect();
    Ok(json!({ "availabilityUpdateData": rows }))
}

/// Rejects any point of sale other than the channel's own.
pub(super) fn check_point_of_sale(context: &CallContext<'_>, call: &Parameters) -> Result<(), MethodError> {
    if call.id("pointOfSalesId") == Some(context.institution.point_of_sale) {
        return Ok(());
    }
    Err(MethodError("error.pointOfSales", "unknown point of sales"))
}
