//! Editing templates (`acme.md §3`): create, full-replace update, one-way publish, delete, resources and schedules.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::routing::{get, post};
use axum::{Json, Router};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::acme::error_response::{AcmeErrorResponse, parse_body};
use crate::acme::paging::format_instant;
use crate::acme::state::AcmeState;
use crate::acme::venue::{FIRST_NEW_TEMPLATE, TEMPLATE_PREFIX};
use crate::acme::{AcmeEmulator, JsonResult, SharedAcme};

/// Result of an operation that returns 200 with an empty body (`acme.md §2.4`).
pub(super) type EmptyResult = Result<(), AcmeErrorResponse>;

const TEMPLATE_PATH: &str = "/v2/b2b/event/template/{id}";

pub(super) fn router() -> Router<Arc<AcmeEmulator>> {
    let below = |name: &str| format!("{TEMPLATE_PATH}/{name}");
    Router::new()
        .route("/v2/b2b/event/template", post(create))
        .route(TEMPLATE_PATH, axum::routing::put(update).delete(delete))
        .route(&below("published"), get(read_published))
        .route(&below("resources"), get(list_resources).put(set_resources).post(add_resource))
        .route(&below("schedules"), get(list_schedules).put(set_schedules).post(add_schedule))
}

impl AcmeEmulator {
    /// Reads from a template; fails with 404 if it does not exist.
    pub(super) fn read_template<T>(
        &self,
        id: &str,
        look: impl FnOnce(&Value) -> Result<T, AcmeErrorResponse>,
    ) -> Result<T, AcmeErrorResponse> {
        let found = self.store.read(|state| self.find_template(state, id));
        look(&found.ok_or_else(|| AcmeErrorResponse::not_found("event template"))?)
    }

    /// Changes a template. A rejected change leaves it unmodified.
    pub(super) fn edit_template<T>(
        &self,
        id: &str,
        change: impl FnOnce(&mut Value, &mut AcmeState) -> Result<T, AcmeErrorResponse>,
    ) -> Result<T, AcmeErrorResponse> {
        self.store.update(|state| {
            let mut template =
                self.find_template(state, id).ok_or_else(|| AcmeErrorResponse::not_found("event template"))?;
            let result = change(&mut template, state)?;
            state.templates.insert(id.to_owned(), Some(template));
            Ok(result)
        })
    }

    /// Builds the stored template: the given fields, and defaults for missing ones (`acme.md §7.1`).
    fn normalize_template(
        &self,
        mut fields: Map<String, Value>,
        id: &str,
        review_state: &str,
    ) -> Result<Value, AcmeErrorResponse> {
        for name in ["name", "description"] {
            if fields.get(name).and_then(Value::as_str).is_none_or(|text| text.trim().is_empty()) {
                return Err(AcmeErrorResponse::invalid(format!("{name} is required")));
            }
        }
        let kinds = [
            ("type", ["standard", "private"]),
            ("admissionType", ["standard", "generalAdmission"]),
            ("reviewState", ["draft", "published"]),
        ];
        for (name, allowed) in kinds {
            if fields.get(name).is_some_and(|value| !value.is_null() && !allowed.iter().any(|word| value == word)) {
                return Err(AcmeErrorResponse::invalid(format!("{name} must be {} or {}", allowed[0], allowed[1])));
            }
        }
        let summary: String = fields["description"].as_str().unwrap_or_default().chars().take(300).collect();
        let now = format_instant(self.now(), &self.zone);
        let schedules = fields.remove("schedules").unwrap_or(json!([]));
        for name in ["soldQuantity", "id", "membership"] {
            if fields.get(name).is_some_and(Value::is_null) || name != "membership" {
                fields.remove(name);
            }
        }
        let mut template = json!({
            "type": "standard", "admissionType": "standard", "shortDescription": summary, "startTime": now, "endTime": null,
            "duration": { "hour": 1, "minutes": 0 }, "capacity": 0, "reviewState": review_state, "prerequisites": null,
            "recommendations": null, "dependents": null, "addOns": { "inventoryAddOns": [], "inventoryIds": [] },
            "membership": { "restrictions": [], "discounts": [] }, "resources": [],
        });
        if let Some(known) = template.as_object_mut() {
            known.extend(fields.into_iter().filter(|(name, value)| !value.is_null() || name == "endTime"));
        }
        template["id"] = json!(id);
        template["schedules"] = normalize_schedules(&schedules, id)?;
        Ok(template)
    }
}

/// Builds the stored schedules: each has an id, a start time, and hours in numeric form (`acme.md §3.2 e, l`).
fn normalize_schedules(list: &Value, template: &str) -> Result<Value, AcmeErrorResponse> {
    let list = list.as_array().ok_or_else(|| AcmeErrorResponse::invalid("schedules must be a list"))?;
    let kept = |(at, schedule): (usize, &Value)| {
        let mut schedule = schedule.clone();
        let fields =
            schedule.as_object_mut().ok_or_else(|| AcmeErrorResponse::invalid("a schedule must be an object"))?;
        let begin =
            fields.get("effectiveStartTime").and_then(Value::as_str).and_then(|text| text.parse::<Timestamp>().ok());
        begin.ok_or_else(|| AcmeErrorResponse::invalid("effectiveStartTime is required"))?;
        let derived = Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("schedule {at} of {template}, {fields:?}").as_bytes());
        let id = fields.entry("id").or_insert(Value::Null);
        if !id.is_string() {
            *id = json!(derived.to_string());
        }
        for hour in fields.get_mut("hours").and_then(Value::as_array_mut).into_iter().flatten() {
            normalize_hour(hour)?;
        }
        Ok(schedule)
    };
    list.iter().enumerate().map(kept).collect()
}

fn normalize_hour(hour: &mut Value) -> Result<(), AcmeErrorResponse> {
    let result = match hour["hour"].as_str().and_then(|text| text.split_once(':')) {
        Some((hours, minutes)) => hours.parse::<u64>().ok().zip(minutes.parse::<u64>().ok()),
        None => hour["hour"].as_u64().map(|hours| (hours, hour["minutes"].as_u64().unwrap_or(0))),
    };
    let (hours, minutes) = result
        .filter(|(hours, minutes)| *hours < 24 && *minutes < 60)
        .ok_or_else(|| AcmeErrorResponse::invalid("hour must be a number from 0 to 23, or HH:MM"))?;
    *hour = json!({ "hour": hours, "minutes": minutes, "quantity": hour["quantity"].as_u64().unwrap_or(1) });
    Ok(())
}

async fn create(State(acme): SharedAcme, headers: HeaderMap, bytes: Bytes) -> JsonResult {
    let fields: Map<String, Value> = parse_body(&headers, &bytes)?;
    if fields.contains_key("id") {
        return Err(AcmeErrorResponse::invalid("a new template must not have an id"));
    }
    acme.store.update(|state| {
        let id = format!("{TEMPLATE_PREFIX}{:04x}", state.next_id(FIRST_NEW_TEMPLATE));
        let template = acme.normalize_template(fields, &id, "draft")?;
        state.templates.insert(id.clone(), Some(template));
        Ok(Json(json!(id)))
    })
}

/// Replaces the template; omitted fields are reset (`acme.md §8.8`), except the review state.
async fn update(State(acme): SharedAcme, Path(id): Path<String>, headers: HeaderMap, bytes: Bytes) -> JsonResult {
    let fields: Map<String, Value> = parse_body(&headers, &bytes)?;
    if fields.get("id").and_then(Value::as_str) != Some(&id) {
        return Err(AcmeErrorResponse::invalid("the id of the body must equal that of the path"));
    }
    acme.edit_template(&id, |template, state| {
        let is_published = template["reviewState"] == "published";
        if is_published && fields.get("reviewState").is_some_and(|requested| requested == "draft") {
            return Err(AcmeErrorResponse::published_one_way());
        }
        let review_state = if is_published { "published" } else { "draft" };
        let written = acme.normalize_template(fields, &id, review_state)?;
        if written["capacity"].as_u64().is_none_or(|capacity| capacity < u64::from(max_sold_per_instance(state, &id))) {
            return Err(AcmeErrorResponse::invalid("the capacity is below the number of tickets sold"));
        }
        *template = written;
        Ok(Json(acme.template_view(state, template.clone())))
    })
}

/// Returns the largest number of seats sold of any instance of a template.
fn max_sold_per_instance(state: &AcmeState, template: &str) -> u32 {
    let mut sold: std::collections::BTreeMap<&str, u32> = std::collections::BTreeMap::new();
    for item in state.orders.values().flat_map(|order| &order.items).filter(|item| item.template_id == template) {
        *sold.entry(&item.event_id).or_default() += item.quantity * item.seats;
    }
    sold.into_values().max().unwrap_or(0)
}

/// Deletes a template without sales (`acme.md §6`).
async fn delete(State(acme): SharedAcme, Path(id): Path<String>) -> JsonResult {
    acme.store.update(|state| {
        acme.find_template(state, &id).ok_or_else(|| AcmeErrorResponse::not_found("event template"))?;
        if max_sold_per_instance(state, &id) > 0 {
            return Err(AcmeErrorResponse::invalid("the template has sold tickets"));
        }
        state.templates.insert(id.clone(), None);
        Ok(Json(json!(id)))
    })
}

async fn read_published(State(acme): SharedAcme, Path(id): Path<String>) -> JsonResult {
    let found = acme.store.read(|state| Some(acme.template_view(state, acme.find_template(state, &id)?)));
    let found = found.filter(|template| template["reviewState"] == "published");
    found.map(Json).ok_or_else(|| AcmeErrorResponse::not_found("published event template"))
}

async fn list_resources(State(acme): SharedAcme, Path(id): Path<String>) -> JsonResult {
    acme.read_template(&id, |template| Ok(Json(template["resources"].clone())))
}

async fn set_resources(
    State(acme): SharedAcme,
    Path(id): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> EmptyResult {
    let list: Vec<Map<String, Value>> = parse_body(&headers, &bytes)?;
    acme.edit_template(&id, |template, _| {
        template["resources"] = json!(list);
        Ok(())
    })
}

async fn add_resource(
    State(acme): SharedAcme,
    Path(id): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> EmptyResult {
    let one: Map<String, Value> = parse_body(&headers, &bytes)?;
    acme.edit_template(&id, |template, _| {
        if let Some(list) = template["resources"].as_array_mut() {
            list.push(one.into());
        }
        Ok(())
    })
}

async fn list_schedules(State(acme): SharedAcme, Path(id): Path<String>) -> JsonResult {
    acme.read_template(&id, |template| Ok(Json(template["schedules"].clone())))
}

/// Replaces all schedules; given ids are kept (`acme.md §3.2 e`).
async fn set_schedules(
    State(acme): SharedAcme,
    Path(id): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> EmptyResult {
    let list: Value = parse_body(&headers, &bytes)?;
    acme.edit_template(&id, |template, _| {
        template["schedules"] = normalize_schedules(&list, &id)?;
        Ok(())
    })
}

async fn add_schedule(
    State(acme): SharedAcme,
    Path(id): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> EmptyResult {
    let one: Map<String, Value> = parse_body(&headers, &bytes)?;
    acme.edit_template(&id, |template, _| {
        let mut list = template["schedules"].as_array().cloned().unwrap_or_default();
        list.push(one.into());
        template["schedules"] = normalize_schedules(&list.into(), &id)?;
        Ok(())
    })
}
