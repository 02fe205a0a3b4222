//! Which templates belong together (`acme.md §3`, operations 14 to 25): prerequisites, recommendations, dependents.
//! POST adds by `eventTemplateId`, PUT replaces (INFERRED, `acme.md §3.2 h`).

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::acme::Acme;
use crate::acme::refusal::{Refusal, body};

/// One of the three kinds of relation.
#[derive(Clone, Copy)]
struct Relation {
    /// The part of the path, and the key inside a template.
    name: &'static str,
    /// The key of the list inside the object.
    list: &'static str,
    /// Whether removing all answers with the template's id, or with nothing.
    tells_id: bool,
}

const RELATIONS: [Relation; 3] = [
    Relation { name: "prerequisites", list: "requires", tells_id: false },
    Relation { name: "recommendations", list: "recommendations", tells_id: true },
    Relation { name: "dependents", list: "dependents", tells_id: true },
];

type Told = Result<Response, Refusal>;
type House = State<Arc<Acme>>;
type Id = Path<String>;

pub(super) fn router() -> Router<Arc<Acme>> {
    RELATIONS.into_iter().fold(Router::new(), |router, relation| {
        let path = format!("/v2/b2b/event/template/{{id}}/{}", relation.name);
        let read = get(move |State(acme): House, Path(id): Id| async move { relation.read(&acme, &id) });
        let routes = read
            .put(move |State(acme): House, Path(id): Id, headers: HeaderMap, bytes: Bytes| async move {
                relation.write(&acme, &id, body(&headers, &bytes)?, false)
            })
            .post(move |State(acme): House, Path(id): Id, headers: HeaderMap, bytes: Bytes| async move {
                relation.write(&acme, &id, body(&headers, &bytes)?, true)
            })
            .delete(move |State(acme): House, Path(id): Id| async move { relation.clear(&acme, &id) });
        router.route(&path, routes)
    })
}

impl Relation {
    /// The object of a template, empty where it has none.
    fn of(self, template: &Value) -> Value {
        if template[self.name].is_object() {
            return template[self.name].clone();
        }
        match self.name {
            "prerequisites" => json!({ "operation": "allOf", "requires": [] }),
            "recommendations" => json!({ "recommendations": [], "tags": [] }),
            _ => json!({ "dependents": [] }),
        }
    }

    fn read(self, acme: &Acme, id: &str) -> Told {
        acme.look(id, |template| Ok(Json(self.of(template)).into_response()))
    }

    fn write(self, acme: &Acme, id: &str, wish: Value, adds: bool) -> Told {
        let wished = wish[self.list].as_array().ok_or_else(|| Refusal::invalid(format!("{} is a list", self.list)))?;
        acme.edit(id, |template, book| {
            let known =
                |entry: &&Value| entry["eventTemplateId"].as_str().is_some_and(|id| acme.template(book, id).is_some());
            if !wished.iter().all(|entry| known(&entry)) {
                return Err(Refusal::invalid("eventTemplateId names no template"));
            }
            if self.name == "prerequisites" && wish["operation"] != "allOf" {
                return Err(Refusal::invalid("operation is allOf"));
            }
            let mut whole = if adds { self.of(template) } else { wish.clone() };
            if adds {
                let is_new =
                    |entry: &&Value| !wished.iter().any(|one| one["eventTemplateId"] == entry["eventTemplateId"]);
                let mut list: Vec<Value> =
                    whole[self.list].as_array().into_iter().flatten().filter(is_new).cloned().collect();
                list.extend(wished.iter().cloned());
                whole[self.list] = list.into();
                add_tags(&mut whole, &wish);
            }
            template[self.name] = whole.clone();
            Ok(Json(whole).into_response())
        })
    }

    fn clear(self, acme: &Acme, id: &str) -> Told {
        acme.edit(id, |template, _| {
            template[self.name] = Value::Null;
            Ok(if self.tells_id { Json(json!(id)).into_response() } else { ().into_response() })
        })
    }
}

/// Only recommendations have tags.
fn add_tags(whole: &mut Value, wish: &Value) {
    let Some(tags) = whole["tags"].as_array_mut() else { return };
    for tag in wish["tags"].as_array().into_iter().flatten() {
        if !tags.contains(tag) {
            tags.push(tag.clone());
        }
    }
}
