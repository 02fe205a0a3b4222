//! Relations between templates (`acme.md §3`, operations 14 to 25): prerequisites, recommendations, dependents.
//! POST adds by `eventTemplateId`, PUT replaces (INFERRED, `acme.md §3.2 h`).

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::acme::error_response::{AcmeErrorResponse, parse_body};
use crate::acme::{AcmeEmulator, SharedAcme};

/// One kind of relation.
#[derive(Clone, Copy)]
struct Relation {
    /// Path segment, and key inside a template.
    name: &'static str,
    /// Key of the list inside the object.
    list: &'static str,
    /// True if removing all entries returns the template's id; otherwise the body is empty.
    returns_id: bool,
}

const RELATIONS: [Relation; 3] = [
    Relation { name: "prerequisites", list: "requires", returns_id: false },
    Relation { name: "recommendations", list: "recommendations", returns_id: true },
    Relation { name: "dependents", list: "dependents", returns_id: true },
];

type RelationResult = Result<Response, AcmeErrorResponse>;
type TemplateId = Path<String>;

pub(super) fn router() -> Router<Arc<AcmeEmulator>> {
    RELATIONS.into_iter().fold(Router::new(), |router, relation| {
        let path = format!("/v2/b2b/event/template/{{id}}/{}", relation.name);
        let read = get(move |State(acme): SharedAcme, Path(id): TemplateId| async move { relation.read(&acme, &id) });
        let routes = read
            .put(move |State(acme): SharedAcme, Path(id): TemplateId, headers: HeaderMap, bytes: Bytes| async move {
                relation.write(&acme, &id, parse_body(&headers, &bytes)?, false)
            })
            .post(move |State(acme): SharedAcme, Path(id): TemplateId, headers: HeaderMap, bytes: Bytes| async move {
                relation.write(&acme, &id, parse_body(&headers, &bytes)?, true)
            })
            .delete(move |State(acme): SharedAcme, Path(id): TemplateId| async move { relation.clear(&acme, &id) });
        router.route(&path, routes)
    })
}

impl Relation {
    /// Returns the template's object of this kind, or an empty one.
    fn value_in(self, template: &Value) -> Value {
        if template[self.name].is_object() {
            return template[self.name].clone();
        }
        match self.name {
            "prerequisites" => json!({ "operation": "allOf", "requires": [] }),
            "recommendations" => json!({ "recommendations": [], "tags": [] }),
            _ => json!({ "dependents": [] }),
        }
    }

    fn read(self, acme: &AcmeEmulator, id: &str) -> RelationResult {
        acme.read_template(id, |template| Ok(Json(self.value_in(template)).into_response()))
    }

    fn write(self, acme: &AcmeEmulator, id: &str, request: Value, adds: bool) -> RelationResult {
        let requested = request[self.list]
            .as_array()
            .ok_or_else(|| AcmeErrorResponse::invalid(format!("{} must be a list", self.list)))?;
        acme.edit_template(id, |template, state| {
            let known = |entry: &&Value| {
                entry["eventTemplateId"].as_str().is_some_and(|id| acme.find_template(state, id).is_some())
            };
            if !requested.iter().all(|entry| known(&entry)) {
                return Err(AcmeErrorResponse::invalid("eventTemplateId is not a template"));
            }
            if self.name == "prerequisites" && request["operation"] != "allOf" {
                return Err(AcmeErrorResponse::invalid("operation must be allOf"));
            }
            let mut whole = if adds { self.value_in(template) } else { request.clone() };
            if adds {
                let is_new =
                    |entry: &&Value| !requested.iter().any(|one| one["eventTemplateId"] == entry["eventTemplateId"]);
                let mut list: Vec<Value> =
                    whole[self.list].as_array().into_iter().flatten().filter(is_new).cloned().collect();
                list.extend(requested.iter().cloned());
                whole[self.list] = list.into();
                merge_tags(&mut whole, &request);
            }
            template[self.name] = whole.clone();
            Ok(Json(whole).into_response())
        })
    }

    fn clear(self, acme: &AcmeEmulator, id: &str) -> RelationResult {
        acme.edit_template(id, |template, _| {
            template[self.name] = Value::Null;
            Ok(if self.returns_id { Json(json!(id)).into_response() } else { ().into_response() })
        })
    }
}

/// Adds the request's tags; only recommendations have any.
fn merge_tags(whole: &mut Value, request: &Value) {
    let Some(tags) = whole["tags"].as_array_mut() else { return };
    for tag in request["tags"].as_array().into_iter().flatten() {
        if !tags.contains(tag) {
            tags.push(tag.clone());
        }
    }
}
