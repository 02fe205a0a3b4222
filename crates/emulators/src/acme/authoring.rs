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

use crate::acme::Acme;
use crate::acme::book::Book;
use crate::acme::paging::iso;
use crate::acme::refusal::{Refusal, body};
use crate::acme::venue::{FIRST_NEW_TEMPLATE, TEMPLATE_PREFIX};

pub(super) type Answer = Result<Json<Value>, Refusal>;
/// An operation that returns nothing: 200 with an empty body (`acme.md §2.4`).
pub(super) type Nothing = Result<(), Refusal>;
pub(super) type House = State<Arc<Acme>>;

const ONE: &str = "/v2/b2b/event/template/{id}";

pub(super) fn router() -> Router<Arc<Acme>> {
    let below = |name: &str| format!("{ONE}/{name}");
    Router::new()
        .route("/v2/b2b/event/template", post(create))
        .route(ONE, axum::routing::put(update).delete(delete))
        .route(&below("published"), get(published))
        .route(&below("resources"), get(list_resources).put(set_resources).post(add_resource))
        .route(&below("schedules"), get(list_schedules).put(set_schedules).post(add_schedule))
}

impl Acme {
    /// A part of a template; `NotFound` where there is no such template.
    pub(super) fn look<T>(&self, id: &str, look: impl FnOnce(&Value) -> Result<T, Refusal>) -> Result<T, Refusal> {
        let found = self.keeper.read(|book| self.template(book, id));
        look(&found.ok_or_else(|| Refusal::not_found("event template"))?)
    }

    /// Changes a template. A change that is refused leaves it as it was.
    pub(super) fn edit<T>(
        &self,
        id: &str,
        change: impl FnOnce(&mut Value, &mut Book) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        self.keeper.change(|book| {
            let mut template = self.template(book, id).ok_or_else(|| Refusal::not_found("event template"))?;
            let told = change(&mut template, book)?;
            book.templates.insert(id.to_owned(), Some(template));
            Ok(told)
        })
    }

    /// What a template says after it was written: the fields as they came, defaults where none came (`acme.md §7.1`).
    fn written(&self, mut fields: Map<String, Value>, id: &str, review_state: &str) -> Result<Value, Refusal> {
        for name in ["name", "description"] {
            if fields.get(name).and_then(Value::as_str).is_none_or(|text| text.trim().is_empty()) {
                return Err(Refusal::invalid(format!("{name} is required")));
            }
        }
        let kinds = [
            ("type", ["standard", "private"]),
            ("admissionType", ["standard", "generalAdmission"]),
            ("reviewState", ["draft", "published"]),
        ];
        for (name, allowed) in kinds {
            if fields.get(name).is_some_and(|value| !value.is_null() && !allowed.iter().any(|word| value == word)) {
                return Err(Refusal::invalid(format!("{name} is {} or {}", allowed[0], allowed[1])));
            }
        }
        let summary: String = fields["description"].as_str().unwrap_or_default().chars().take(300).collect();
        let now = iso(self.now(), &self.zone);
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
        template["schedules"] = scheduled(&schedules, id)?;
        Ok(template)
    }
}

/// The schedules as they are kept: each with an id and a begin, its hours in the numeric form (`acme.md §3.2 e, l`).
fn scheduled(list: &Value, template: &str) -> Result<Value, Refusal> {
    let list = list.as_array().ok_or_else(|| Refusal::invalid("schedules is a list"))?;
    let kept = |(at, schedule): (usize, &Value)| {
        let mut schedule = schedule.clone();
        let fields = schedule.as_object_mut().ok_or_else(|| Refusal::invalid("a schedule is an object"))?;
        let begin =
            fields.get("effectiveStartTime").and_then(Value::as_str).and_then(|text| text.parse::<Timestamp>().ok());
        begin.ok_or_else(|| Refusal::invalid("effectiveStartTime is required"))?;
        let made = Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("schedule {at} of {template}, {fields:?}").as_bytes());
        let id = fields.entry("id").or_insert(Value::Null);
        if !id.is_string() {
            *id = json!(made.to_string());
        }
        for hour in fields.get_mut("hours").and_then(Value::as_array_mut).into_iter().flatten() {
            numeric(hour)?;
        }
        Ok(schedule)
    };
    list.iter().enumerate().map(kept).collect()
}

fn numeric(hour: &mut Value) -> Result<(), Refusal> {
    let told = match hour["hour"].as_str().and_then(|text| text.split_once(':')) {
        Some((hours, minutes)) => hours.parse::<u64>().ok().zip(minutes.parse::<u64>().ok()),
        None => hour["hour"].as_u64().map(|hours| (hours, hour["minutes"].as_u64().unwrap_or(0))),
    };
    let (hours, minutes) = told
        .filter(|(hours, minutes)| *hours < 24 && *minutes < 60)
        .ok_or_else(|| Refusal::invalid("hour is a number from 0 to 23, or HH:MM"))?;
    *hour = json!({ "hour": hours, "minutes": minutes, "quantity": hour["quantity"].as_u64().unwrap_or(1) });
    Ok(())
}

async fn create(State(acme): House, headers: HeaderMap, bytes: Bytes) -> Answer {
    let fields: Map<String, Value> = body(&headers, &bytes)?;
    if fields.contains_key("id") {
        return Err(Refusal::invalid("a new template has no id"));
    }
    acme.keeper.change(|book| {
        let id = format!("{TEMPLATE_PREFIX}{:04x}", book.draw(FIRST_NEW_TEMPLATE));
        let template = acme.written(fields, &id, "draft")?;
        book.templates.insert(id.clone(), Some(template));
        Ok(Json(json!(id)))
    })
}

/// Replaces everything: what is not sent is gone (`acme.md §8.8`). Only the review state stays where none is sent.
async fn update(State(acme): House, Path(id): Path<String>, headers: HeaderMap, bytes: Bytes) -> Answer {
    let fields: Map<String, Value> = body(&headers, &bytes)?;
    if fields.get("id").and_then(Value::as_str) != Some(&id) {
        return Err(Refusal::invalid("the body needs the id of the path"));
    }
    acme.edit(&id, |template, book| {
        let is_published = template["reviewState"] == "published";
        if is_published && fields.get("reviewState").is_some_and(|state| state == "draft") {
            return Err(Refusal::published_one_way());
        }
        let state = if is_published { "published" } else { "draft" };
        let written = acme.written(fields, &id, state)?;
        if written["capacity"].as_u64().is_none_or(|capacity| capacity < u64::from(most_sold(book, &id))) {
            return Err(Refusal::invalid("the capacity is below what was sold"));
        }
        *template = written;
        Ok(Json(acme.shown(book, template.clone())))
    })
}

/// The places sold of the fullest instance of a template.
fn most_sold(book: &Book, template: &str) -> u32 {
    let mut sold: std::collections::BTreeMap<&str, u32> = std::collections::BTreeMap::new();
    for item in book.orders.values().flat_map(|order| &order.items).filter(|item| item.template_id == template) {
        *sold.entry(&item.event_id).or_default() += item.quantity * item.places;
    }
    sold.into_values().max().unwrap_or(0)
}

/// Only what nobody bought can be deleted (`acme.md §6`).
async fn delete(State(acme): House, Path(id): Path<String>) -> Answer {
    acme.keeper.change(|book| {
        acme.template(book, &id).ok_or_else(|| Refusal::not_found("event template"))?;
        if most_sold(book, &id) > 0 {
            return Err(Refusal::invalid("tickets were sold"));
        }
        book.templates.insert(id.clone(), None);
        Ok(Json(json!(id)))
    })
}

async fn published(State(acme): House, Path(id): Path<String>) -> Answer {
    let found = acme.keeper.read(|book| Some(acme.shown(book, acme.template(book, &id)?)));
    let found = found.filter(|template| template["reviewState"] == "published");
    found.map(Json).ok_or_else(|| Refusal::not_found("published event template"))
}

async fn list_resources(State(acme): House, Path(id): Path<String>) -> Answer {
    acme.look(&id, |template| Ok(Json(template["resources"].clone())))
}

async fn set_resources(State(acme): House, Path(id): Path<String>, headers: HeaderMap, bytes: Bytes) -> Nothing {
    let list: Vec<Map<String, Value>> = body(&headers, &bytes)?;
    acme.edit(&id, |template, _| {
        template["resources"] = json!(list);
        Ok(())
    })
}

async fn add_resource(State(acme): House, Path(id): Path<String>, headers: HeaderMap, bytes: Bytes) -> Nothing {
    let one: Map<String, Value> = body(&headers, &bytes)?;
    acme.edit(&id, |template, _| {
        if let Some(list) = template["resources"].as_array_mut() {
            list.push(one.into());
        }
        Ok(())
    })
}

async fn list_schedules(State(acme): House, Path(id): Path<String>) -> Answer {
    acme.look(&id, |template| Ok(Json(template["schedules"].clone())))
}

/// Replaces the whole set; ids that are sent are kept (`acme.md §3.2 e`).
async fn set_schedules(State(acme): House, Path(id): Path<String>, headers: HeaderMap, bytes: Bytes) -> Nothing {
    let list: Value = body(&headers, &bytes)?;
    acme.edit(&id, |template, _| {
        template["schedules"] = scheduled(&list, &id)?;
        Ok(())
    })
}

async fn add_schedule(State(acme): House, Path(id): Path<String>, headers: HeaderMap, bytes: Bytes) -> Nothing {
    let one: Map<String, Value> = body(&headers, &bytes)?;
    acme.edit(&id, |template, _| {
        let mut list = template["schedules"].as_array().cloned().unwrap_or_default();
        list.push(one.into());
        template["schedules"] = scheduled(&list.into(), &id)?;
        Ok(())
    })
}
