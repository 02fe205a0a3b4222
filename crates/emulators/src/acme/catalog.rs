//! Reading templates, instances and the calendar (`acme.md §3`, `§4.1`, `§4.9`).

use std::sync::Arc;

use axum::extract::{Path, Query as Parameters, State};
use axum::routing::get;
use axum::{Json, Router};
use jiff::civil::Date;
use jiff::{Span, Timestamp};
use serde_json::{Value, json};

use crate::acme::error_response::AcmeErrorResponse;
use crate::acme::instances::{self, EventInstance};
use crate::acme::paging::{Query, envelope, format_instant, parse_instant};
use crate::acme::state::AcmeState;
use crate::acme::{AcmeEmulator, JsonResult, SharedAcme, venue};

pub(super) fn router() -> Router<Arc<AcmeEmulator>> {
    Router::new()
        .route("/v2/b2b/event/template", get(list_templates))
        .route("/v2/b2b/event/templates", get(list_templates))
        .route("/v2/b2b/event/templates/summaries", get(summarize_templates))
        .route("/v2/b2b/event/template/{id}", get(read_template))
        .route("/v2/b2b/event/templates/{id}", get(read_template))
        .route("/v2/b2b/event/instances", get(list_instances))
        .route("/v2/b2b/event/instances/summaries", get(summarize_instances))
        .route("/v2/b2b/event/instances/{id}", get(read_instance))
        .route("/v2/b2c/event/templates/calendar", get(venue_calendar))
        .route("/v2/b2c/event/templates/{id}/calendar", get(template_calendar))
}

/// Returns the filter for the query's `type`; the default is everything except private (`acme.md §3.1`).
fn type_filter(query: &Query) -> Result<impl Fn(bool) -> bool + use<>, AcmeErrorResponse> {
    let wanted = query.get("type").map_or("standard", String::as_str);
    let (standard, private) = match wanted {
        "standard" => (true, false),
        "private" => (false, true),
        "all" => (true, true),
        _ => return Err(AcmeErrorResponse::invalid("type must be standard, private or all")),
    };
    Ok(move |is_private| if is_private { private } else { standard })
}

impl AcmeEmulator {
    /// Returns the templates whose run overlaps the window, both ends included (`acme.md §3.1`).
    fn filter_templates(&self, query: &Query) -> Result<Vec<Value>, AcmeErrorResponse> {
        let (from, to) = (parse_instant(query, "startTime")?, parse_instant(query, "endTime")?);
        let is_wanted = type_filter(query)?;
        let time = |value: &Value| value.as_str()?.parse::<Timestamp>().ok();
        let overlaps = |template: &Value| {
            from.is_none_or(|from| time(&template["endTime"]).is_none_or(|end| end >= from))
                && to.is_none_or(|to| time(&template["startTime"]).is_none_or(|start| start <= to))
        };
        let all = self.store.read(|state| {
            let all = self.all_templates(state).into_iter().map(|template| self.template_view(state, template));
            all.collect::<Vec<_>>()
        });
        Ok(all.into_iter().filter(|t| is_wanted(t["type"] == "private") && overlaps(t)).collect())
    }

    /// Serializes a template with its sold quantity and current prices.
    pub(super) fn template_view(&self, state: &AcmeState, mut template: Value) -> Value {
        let sold = state
            .orders
            .values()
            .flat_map(|order| &order.items)
            .filter(|item| template["id"] == item.template_id.as_str());
        template["soldQuantity"] = json!(sold.map(|item| item.quantity).sum::<u32>());
        if let Some(prices) = template["priceList"]["prices"].as_array_mut() {
            for line in prices {
                if let Some(price) = line["personType"]["id"].as_str().and_then(|id| state.prices.get(id)) {
                    line["price"] = venue::json_number(price);
                    line["discountedPrice"] = line["price"].clone();
                }
            }
        }
        state.quirks.rewrite_prices(&mut template);
        template
    }

    /// Returns the instances that start within `[startTime, endTime)`. `templateId` is ignored without `startTime`
    /// (`acme.md §8.9`).
    fn filter_instances(&self, state: &AcmeState, query: &Query) -> Result<Vec<EventInstance>, AcmeErrorResponse> {
        let start = parse_instant(query, "startTime")?;
        let today = self.now().to_zoned(self.zone.clone()).start_of_day().map_or(self.now(), |day| day.timestamp());
        let from = start.unwrap_or(today);
        let day_after = from.to_zoned(self.zone.clone()).date().tomorrow().unwrap_or(Date::MAX);
        let midnight = day_after.to_zoned(self.zone.clone()).map_or(from, |day| day.timestamp());
        let to = parse_instant(query, "endTime")?.unwrap_or(midnight);
        let template = query.get("templateId").filter(|_| start.is_some());
        let channel = query.get("salesChannel").or_else(|| query.get("saleChannel"));
        let is_wanted = type_filter(query)?;
        let (first, last) = (from.to_zoned(self.zone.clone()).date(), to.to_zoned(self.zone.clone()).date());
        if last > first.saturating_add(Span::new().days(400)) {
            return Err(AcmeErrorResponse::invalid("the range is too long"));
        }
        let mut instances = Vec::new();
        for owner in self.all_templates(state) {
            if template.is_some_and(|id| owner["id"] != id.as_str()) || !is_wanted(owner["type"] == "private") {
                continue;
            }
            let days = first.series(Span::new().days(1)).take_while(|day| *day <= last);
            instances.extend(days.flat_map(|day| instances::instances_on(&owner, day, &self.zone)));
        }
        instances.retain(|instance| instance.start >= from && instance.start < to);
        instances.retain(|instance| channel.is_none_or(|channel| instance.is_sold_on(channel)));
        Ok(instances)
    }

    /// Serializes an Event Object (`acme.md §7.5`), where `available` is a boolean.
    pub(super) fn instance_view(&self, state: &AcmeState, instance: &EventInstance) -> Value {
        let counts = state.instance_counts(instance, self.now());
        let is_canceled = state.is_canceled(instance);
        let template = &instance.template;
        let active = state.quirks.instance_word.as_deref().unwrap_or("active");
        let mut shown = json!({
            "id": instance.id, "templateId": template["id"], "name": template["name"], "description": template["description"],
            "shortDescription": template["shortDescription"], "type": template["type"], "admissionType": template["admissionType"],
            "startTime": format_instant(instance.start, &self.zone), "endTime": format_instant(instance.end, &self.zone), "capacity": instance.capacity(),
            "soldQuantity": counts.sold, "checkInCount": counts.checked_in, "available": counts.available > 0 && !is_canceled,
            "state": if is_canceled { "canceled" } else { active }, "scheduleId": instance.schedule["id"], "offSchedule": false,
            "manuallyDeleted": false, "priceList": state.price_list(instance), "salesChannels": instance.schedule["salesChannels"],
        });
        state.quirks.rewrite_prices(&mut shown);
        shown
    }

    /// Serializes a row of the summaries, where `available` is a number.
    fn instance_summary(&self, state: &AcmeState, instance: &EventInstance) -> Value {
        let counts = state.instance_counts(instance, self.now());
        let active = state.quirks.instance_word.as_deref().unwrap_or("active");
        let status = if state.is_canceled(instance) { "canceled" } else { active };
        json!({
            "id": instance.id, "templateId": instance.template["id"], "startTime": format_instant(instance.start, &self.zone),
            "endTime": format_instant(instance.end, &self.zone), "name": instance.template["name"], "sold": counts.sold,
            "available": counts.available, "reserved": counts.reserved, "checkedIn": counts.checked_in,
            "type": instance.template["type"], "admissionType": instance.template["admissionType"], "state": status,
            "scheduleName": instance.schedule["name"],
        })
    }

    fn calendar_view(&self, query: &Query, template: Option<&str>) -> JsonResult {
        let now = self.now().to_zoned(self.zone.clone());
        let start = parse_instant(query, "startTime")?.map_or(now.date(), |at| at.to_zoned(self.zone.clone()).date());
        let end = parse_instant(query, "endTime")?.map_or(start, |at| at.to_zoned(self.zone.clone()).date());
        let is_wanted = type_filter(query)?;
        let days = self.store.read(|state| {
            let templates = self.all_templates(state);
            if template.is_some_and(|id| !templates.iter().any(|template| template["id"] == id)) {
                return Err(AcmeErrorResponse::not_found("event template"));
            }
            let is_match = |owner: &Value| match template {
                Some(id) => owner["id"] == id,
                None => is_wanted(owner["type"] == "private"),
            };
            let owners: Vec<&Value> = templates.iter().filter(|owner| is_match(owner)).collect();
            let is_active = |day: Date| {
                let mut instances = owners.iter().flat_map(|owner| instances::instances_on(owner, day, &self.zone));
                instances.any(|instance| {
                    !state.is_canceled(&instance) && state.instance_counts(&instance, self.now()).available > 0
                })
            };
            let days = start.series(Span::new().days(1)).take_while(|day| *day <= end).take(400);
            let row =
                |day: Date| json!({ "date": day, "name": day.strftime("%A").to_string(), "active": is_active(day) });
            Ok(days.map(row).collect::<Vec<Value>>())
        })?;
        Ok(Json(json!({ "days": days })))
    }
}

async fn list_templates(State(acme): SharedAcme, Parameters(query): Parameters<Query>) -> JsonResult {
    let list = acme.filter_templates(&query)?;
    acme.store.read(|state| state.quirks.bare_page(list, &query)).map(Json)
}

async fn summarize_templates(State(acme): SharedAcme, Parameters(query): Parameters<Query>) -> JsonResult {
    const FIELDS: [&str; 9] = [
        "id",
        "name",
        "description",
        "shortDescription",
        "primaryImage",
        "startTime",
        "endTime",
        "reviewState",
        "soldQuantity",
    ];
    let summary =
        |template: Value| FIELDS.iter().map(|field| ((*field).to_owned(), template[*field].clone())).collect();
    let list = acme.filter_templates(&query)?.into_iter().map(summary).collect();
    envelope(list, &query, "name").map(Json)
}

async fn read_template(State(acme): SharedAcme, Path(id): Path<String>) -> JsonResult {
    let found = acme.store.read(|state| Some(acme.template_view(state, acme.find_template(state, &id)?)));
    found.map(Json).ok_or_else(|| AcmeErrorResponse::not_found("event template"))
}

async fn list_instances(State(acme): SharedAcme, Parameters(query): Parameters<Query>) -> JsonResult {
    let list = acme.store.read(|state| {
        let instances = acme.filter_instances(state, &query)?;
        Ok(instances.iter().map(|instance| acme.instance_view(state, instance)).collect())
    })?;
    envelope(list, &query, "startTime").map(Json)
}

async fn summarize_instances(State(acme): SharedAcme, Parameters(query): Parameters<Query>) -> JsonResult {
    let list = acme.store.read(|state| {
        let instances = acme.filter_instances(state, &query)?;
        Ok(instances.iter().map(|instance| acme.instance_summary(state, instance)).collect())
    })?;
    envelope(list, &query, "startTime").map(Json)
}

async fn read_instance(State(acme): SharedAcme, Path(id): Path<String>) -> JsonResult {
    let found =
        acme.store.read(|state| acme.find_instance(state, &id).map(|instance| acme.instance_view(state, &instance)));
    found.map(Json).ok_or_else(|| AcmeErrorResponse::not_found("event instance"))
}

async fn venue_calendar(State(acme): SharedAcme, Parameters(query): Parameters<Query>) -> JsonResult {
    acme.calendar_view(&query, None)
}

async fn template_calendar(
    State(acme): SharedAcme,
    Path(id): Path<String>,
    Parameters(query): Parameters<Query>,
) -> JsonResult {
    acme.calendar_view(&query, Some(&id))
}
