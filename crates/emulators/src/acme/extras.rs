//! Add-ons and membership elements of a template (`acme.md §3`, operations 26 to 39), and the list of add-ons (`§4.10`).

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query as Parameters, State};
use axum::http::HeaderMap;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::acme::Acme;
use crate::acme::authoring::{Answer, House};
use crate::acme::paging::{Query, envelope};
use crate::acme::refusal::{Refusal, body};

const ONE: &str = "/v2/b2b/event/template/{id}";

pub(super) fn router() -> Router<Arc<Acme>> {
    let below = |name: &str| format!("{ONE}/{name}");
    Router::new()
        .route("/v2/b2b/addons", get(stock))
        .route("/v2/b2b/addons/{id}", get(of_stock))
        // The seed prints the first without `/addons` (`acme.md §3.2 c`); both are taken.
        .route(ONE, post(add_add_ons))
        .route(&below("addons"), get(list_add_ons).post(add_add_ons).put(set_add_ons).delete(clear_add_ons))
        .route(&below("addons/{add_on}"), post(add_add_on).delete(remove_add_on))
        .route(&below("memberships"), get(read_membership).put(set_membership))
        .route(&below("memberships/restrictions/{category}"), post(restrict).delete(unrestrict))
        .route(&below("memberships/discounts"), get(list_discounts).post(add_discount))
        .route(&below("memberships/discounts/{category}"), get(read_discount).delete(remove_discount))
}

/// The add-ons of the museum's shop.
fn add_ons() -> Vec<Value> {
    let add_on = |id: u64, name: &str, price: &str| json!({ "id": id, "name": name, "price": price, "type": "inventory", "active": true });
    vec![add_on(310, "Audio guide", "6.00"), add_on(311, "Map", "2.50"), add_on(312, "Tote bag", "12.00")]
}

fn add_on(id: u64) -> Option<Value> {
    add_ons().into_iter().find(|add_on| add_on["id"] == id)
}

/// The list of a template with its add-ons filled in.
fn filled(template: &Value) -> Value {
    let ids = ids_of(template);
    let full: Vec<Value> = ids.iter().filter_map(|id| add_on(*id)).collect();
    json!({ "addOns": { "inventoryAddOns": full, "inventoryIds": ids } })
}

fn ids_of(template: &Value) -> Vec<u64> {
    template["addOns"]["inventoryIds"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect()
}

/// The ids of a list that was sent; a body without `addOns` is a mis-sent template and is refused.
fn wished(wish: &Value) -> Result<Vec<u64>, Refusal> {
    let ids =
        wish["addOns"]["inventoryIds"].as_array().ok_or_else(|| Refusal::invalid("addOns.inventoryIds is a list"))?;
    let known = |id: &Value| id.as_u64().filter(|id| add_on(*id).is_some());
    ids.iter().map(|id| known(id).ok_or_else(|| Refusal::invalid("no such add-on"))).collect()
}

fn set_ids(acme: &Acme, template: &str, change: impl FnOnce(Vec<u64>) -> Vec<u64>) -> Answer {
    acme.edit(template, |template, _| {
        let mut ids = change(ids_of(template));
        let mut seen = Vec::new();
        ids.retain(|id| {
            !seen.contains(id) && {
                seen.push(*id);
                true
            }
        });
        template["addOns"] = json!({ "inventoryAddOns": [], "inventoryIds": ids });
        Ok(Json(filled(template)))
    })
}

async fn stock(Parameters(query): Parameters<Query>) -> Answer {
    let wanted = query.get("search").map(|text| text.to_lowercase());
    let is_meant = |add_on: &Value| {
        let name = add_on["name"].as_str().unwrap_or_default().to_lowercase();
        wanted.as_ref().is_none_or(|wanted| name.contains(wanted))
    };
    envelope(add_ons().into_iter().filter(is_meant).collect(), &query, "id").map(Json)
}

async fn of_stock(Path(id): Path<u64>) -> Answer {
    add_on(id).map(Json).ok_or_else(|| Refusal::not_found("add-on"))
}

async fn list_add_ons(State(acme): House, Path(id): Path<String>) -> Answer {
    acme.look(&id, |template| Ok(Json(filled(template))))
}

async fn add_add_ons(State(acme): House, Path(id): Path<String>, headers: HeaderMap, bytes: Bytes) -> Answer {
    let more = wished(&body(&headers, &bytes)?)?;
    set_ids(&acme, &id, |ids| ids.into_iter().chain(more).collect())
}

async fn set_add_ons(State(acme): House, Path(id): Path<String>, headers: HeaderMap, bytes: Bytes) -> Answer {
    let whole = wished(&body(&headers, &bytes)?)?;
    set_ids(&acme, &id, |_| whole)
}

async fn clear_add_ons(State(acme): House, Path(id): Path<String>) -> Answer {
    set_ids(&acme, &id, |_| Vec::new())
}

async fn add_add_on(State(acme): House, Path((id, one)): Path<(String, u64)>) -> Answer {
    add_on(one).ok_or_else(|| Refusal::not_found("add-on"))?;
    set_ids(&acme, &id, |ids| ids.into_iter().chain([one]).collect())
}

async fn remove_add_on(State(acme): House, Path((id, one)): Path<(String, u64)>) -> Answer {
    set_ids(&acme, &id, |ids| ids.into_iter().filter(|id| *id != one).collect())
}

/// A membership category with its name; only its id need be written.
fn category(id: &str) -> Result<Value, Refusal> {
    let name = match id {
        "66f0cc30c3d2e4b5a6970001" => "Gold",
        "66f0cc30c3d2e4b5a6970002" => "Silver",
        _ => return Err(Refusal::not_found("membership category")),
    };
    Ok(json!({ "id": id, "name": name }))
}

/// A discount with its name; blank means no price change (`acme.md §7.3`).
fn discount(id: Option<&str>) -> Result<Value, Refusal> {
    let name = match id {
        None | Some("") => return Ok(Value::Null),
        Some("66f0dd40c3d2e4b5a6970001") => "Quarter off",
        Some("66f0dd40c3d2e4b5a6970002") => "Tenth off",
        Some(_) => return Err(Refusal::invalid("no such discount")),
    };
    Ok(json!({ "id": id, "name": name }))
}

/// What the update of all elements takes: objects (`acme.md §3.2 n`).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Membership {
    restrictions: Vec<Named>,
    discounts: Vec<MemberDiscount>,
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MemberDiscount {
    category: Named,
    #[serde(default)]
    discount: Option<Named>,
    #[serde(default)]
    max_tickets: Option<u32>,
}

/// What adding one discount takes: flat ids.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewDiscount {
    category_id: String,
    #[serde(default)]
    discount_id: Option<String>,
    #[serde(default)]
    max_tickets: Option<u32>,
}

fn entry(category_id: &str, discount_id: Option<&str>, most: Option<u32>) -> Result<Value, Refusal> {
    Ok(json!({ "category": category(category_id)?, "discount": discount(discount_id)?, "maxTickets": most }))
}

/// Changes one of the two lists of a template's membership elements, and tells them all.
fn set_list(
    acme: &Acme,
    id: &str,
    list: &str,
    change: impl FnOnce(Vec<Value>) -> Result<Vec<Value>, Refusal>,
) -> Answer {
    acme.edit(id, |template, _| {
        let known = template["membership"][list].as_array().cloned().unwrap_or_default();
        template["membership"][list] = change(known)?.into();
        Ok(Json(template["membership"].clone()))
    })
}

async fn read_membership(State(acme): House, Path(id): Path<String>) -> Answer {
    acme.look(&id, |template| Ok(Json(template["membership"].clone())))
}

async fn set_membership(State(acme): House, Path(id): Path<String>, headers: HeaderMap, bytes: Bytes) -> Answer {
    let wish: Membership = body(&headers, &bytes)?;
    let restrictions: Vec<Value> = wish.restrictions.iter().map(|one| category(&one.id)).collect::<Result<_, _>>()?;
    let named =
        |one: &MemberDiscount| entry(&one.category.id, one.discount.as_ref().map(|d| d.id.as_str()), one.max_tickets);
    let discounts: Vec<Value> = wish.discounts.iter().map(named).collect::<Result<_, _>>()?;
    acme.edit(&id, |template, _| {
        template["membership"] = json!({ "restrictions": restrictions, "discounts": discounts });
        Ok(Json(template["membership"].clone()))
    })
}

async fn restrict(State(acme): House, Path((id, one)): Path<(String, String)>) -> Answer {
    let category = category(&one)?;
    set_list(&acme, &id, "restrictions", |mut list| {
        list.retain(|known| known["id"] != category["id"]);
        list.push(category);
        Ok(list)
    })
}

async fn unrestrict(State(acme): House, Path((id, one)): Path<(String, String)>) -> Answer {
    set_list(&acme, &id, "restrictions", |list| {
        Ok(list.into_iter().filter(|known| known["id"] != one.as_str()).collect())
    })
}

async fn list_discounts(State(acme): House, Path(id): Path<String>) -> Answer {
    acme.look(&id, |template| Ok(Json(template["membership"]["discounts"].clone())))
}

async fn read_discount(State(acme): House, Path((id, one)): Path<(String, String)>) -> Answer {
    acme.look(&id, |template| {
        let mut discounts = template["membership"]["discounts"].as_array().into_iter().flatten();
        let found = discounts.find(|discount| discount["category"]["id"] == one.as_str());
        found.cloned().map(Json).ok_or_else(|| Refusal::not_found("membership discount"))
    })
}

/// An existing category is updated (`acme.md §3`, operation 38).
async fn add_discount(State(acme): House, Path(id): Path<String>, headers: HeaderMap, bytes: Bytes) -> Answer {
    let wish: NewDiscount = body(&headers, &bytes)?;
    let new = entry(&wish.category_id, wish.discount_id.as_deref(), wish.max_tickets)?;
    set_list(&acme, &id, "discounts", |mut list| {
        list.retain(|known| known["category"]["id"] != new["category"]["id"]);
        list.push(new);
        Ok(list)
    })
}

async fn remove_discount(State(acme): House, Path((id, one)): Path<(String, String)>) -> Answer {
    let is_other = |known: &Value| known["category"]["id"] != one.as_str();
    set_list(&acme, &id, "discounts", |list| Ok(list.into_iter().filter(is_other).collect()))
}
