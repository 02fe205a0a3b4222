//! Add-ons and membership elements of a template (`acme.md §3`, operations 26 to 39), and the list of add-ons (`§4.10`).

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query as Parameters, State};
use axum::http::HeaderMap;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::acme::error_response::{AcmeErrorResponse, parse_body};
use crate::acme::paging::{Query, envelope};
use crate::acme::{AcmeEmulator, JsonResult, SharedAcme};

const TEMPLATE_PATH: &str = "/v2/b2b/event/template/{id}";

pub(super) fn router() -> Router<Arc<AcmeEmulator>> {
    let below = |name: &str| format!("{TEMPLATE_PATH}/{name}");
    Router::new()
        .route("/v2/b2b/addons", get(list_available_add_ons))
        .route("/v2/b2b/addons/{id}", get(read_available_add_on))
        // The documentation lists the first without `/addons` (`acme.md §3.2 c`); both are accepted.
        .route(TEMPLATE_PATH, post(add_add_ons))
        .route(&below("addons"), get(list_add_ons).post(add_add_ons).put(set_add_ons).delete(clear_add_ons))
        .route(&below("addons/{add_on}"), post(add_add_on).delete(remove_add_on))
        .route(&below("memberships"), get(read_membership).put(set_membership))
        .route(&below("memberships/restrictions/{category}"), post(add_restriction).delete(remove_restriction))
        .route(&below("memberships/discounts"), get(list_discounts).post(add_discount))
        .route(&below("memberships/discounts/{category}"), get(read_discount).delete(remove_discount))
}

/// Returns all add-ons of the museum shop.
fn available_add_ons() -> Vec<Value> {
    let add_on = |id: u64, name: &str, price: &str| json!({ "id": id, "name": name, "price": price, "type": "inventory", "active": true });
    vec![add_on(310, "Audio guide", "6.00"), add_on(311, "Map", "2.50"), add_on(312, "Tote bag", "12.00")]
}

fn find_add_on(id: u64) -> Option<Value> {
    available_add_ons().into_iter().find(|add_on| add_on["id"] == id)
}

/// Serializes the add-on list of a template, with the add-ons' details.
fn add_ons_view(template: &Value) -> Value {
    let ids = add_on_ids(template);
    let full: Vec<Value> = ids.iter().filter_map(|id| find_add_on(*id)).collect();
    json!({ "addOns": { "inventoryAddOns": full, "inventoryIds": ids } })
}

fn add_on_ids(template: &Value) -> Vec<u64> {
    template["addOns"]["inventoryIds"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect()
}

/// Parses the requested add-on ids. A body without `addOns` is a misplaced template and is rejected.
fn requested_ids(request: &Value) -> Result<Vec<u64>, AcmeErrorResponse> {
    let ids = request["addOns"]["inventoryIds"]
        .as_array()
        .ok_or_else(|| AcmeErrorResponse::invalid("addOns.inventoryIds must be a list"))?;
    let known = |id: &Value| id.as_u64().filter(|id| find_add_on(*id).is_some());
    ids.iter().map(|id| known(id).ok_or_else(|| AcmeErrorResponse::invalid("no such add-on"))).collect()
}

fn update_add_on_ids(acme: &AcmeEmulator, template: &str, change: impl FnOnce(Vec<u64>) -> Vec<u64>) -> JsonResult {
    acme.edit_template(template, |template, _| {
        let mut ids = change(add_on_ids(template));
        let mut seen = Vec::new();
        ids.retain(|id| {
            !seen.contains(id) && {
                seen.push(*id);
                true
            }
        });
        template["addOns"] = json!({ "inventoryAddOns": [], "inventoryIds": ids });
        Ok(Json(add_ons_view(template)))
    })
}

async fn list_available_add_ons(Parameters(query): Parameters<Query>) -> JsonResult {
    let wanted = query.get("search").map(|text| text.to_lowercase());
    let is_match = |add_on: &Value| {
        let name = add_on["name"].as_str().unwrap_or_default().to_lowercase();
        wanted.as_ref().is_none_or(|wanted| name.contains(wanted))
    };
    envelope(available_add_ons().into_iter().filter(is_match).collect(), &query, "id").map(Json)
}

async fn read_available_add_on(Path(id): Path<u64>) -> JsonResult {
    find_add_on(id).map(Json).ok_or_else(|| AcmeErrorResponse::not_found("add-on"))
}

async fn list_add_ons(State(acme): SharedAcme, Path(id): Path<String>) -> JsonResult {
    acme.read_template(&id, |template| Ok(Json(add_ons_view(template))))
}

async fn add_add_ons(State(acme): SharedAcme, Path(id): Path<String>, headers: HeaderMap, bytes: Bytes) -> JsonResult {
    let more = requested_ids(&parse_body(&headers, &bytes)?)?;
    update_add_on_ids(&acme, &id, |ids| ids.into_iter().chain(more).collect())
}

async fn set_add_ons(State(acme): SharedAcme, Path(id): Path<String>, headers: HeaderMap, bytes: Bytes) -> JsonResult {
    let whole = requested_ids(&parse_body(&headers, &bytes)?)?;
    update_add_on_ids(&acme, &id, |_| whole)
}

async fn clear_add_ons(State(acme): SharedAcme, Path(id): Path<String>) -> JsonResult {
    update_add_on_ids(&acme, &id, |_| Vec::new())
}

async fn add_add_on(State(acme): SharedAcme, Path((id, one)): Path<(String, u64)>) -> JsonResult {
    find_add_on(one).ok_or_else(|| AcmeErrorResponse::not_found("add-on"))?;
    update_add_on_ids(&acme, &id, |ids| ids.into_iter().chain([one]).collect())
}

async fn remove_add_on(State(acme): SharedAcme, Path((id, one)): Path<(String, u64)>) -> JsonResult {
    update_add_on_ids(&acme, &id, |ids| ids.into_iter().filter(|id| *id != one).collect())
}

/// Serializes a membership category with its name.
fn membership_category(id: &str) -> Result<Value, AcmeErrorResponse> {
    let name = match id {
        "66f0cc30c3d2e4b5a6970001" => "Gold",
        "66f0cc30c3d2e4b5a6970002" => "Silver",
        _ => return Err(AcmeErrorResponse::not_found("membership category")),
    };
    Ok(json!({ "id": id, "name": name }))
}

/// Serializes a discount with its name; a blank id means no price change (`acme.md §7.3`).
fn membership_discount(id: Option<&str>) -> Result<Value, AcmeErrorResponse> {
    let name = match id {
        None | Some("") => return Ok(Value::Null),
        Some("66f0dd40c3d2e4b5a6970001") => "Quarter off",
        Some("66f0dd40c3d2e4b5a6970002") => "Tenth off",
        Some(_) => return Err(AcmeErrorResponse::invalid("no such discount")),
    };
    Ok(json!({ "id": id, "name": name }))
}

/// Body of the update of all membership elements: nested objects (`acme.md §3.2 n`).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MembershipRequest {
    restrictions: Vec<IdReference>,
    discounts: Vec<DiscountRequest>,
}

#[derive(Deserialize)]
struct IdReference {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DiscountRequest {
    category: IdReference,
    #[serde(default)]
    discount: Option<IdReference>,
    #[serde(default)]
    max_tickets: Option<u32>,
}

/// Body of adding one discount: flat ids.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FlatDiscountRequest {
    category_id: String,
    #[serde(default)]
    discount_id: Option<String>,
    #[serde(default)]
    max_tickets: Option<u32>,
}

fn discount_entry(category_id: &str, discount_id: Option<&str>, most: Option<u32>) -> Result<Value, AcmeErrorResponse> {
    Ok(
        json!({ "category": membership_category(category_id)?, "discount": membership_discount(discount_id)?, "maxTickets": most }),
    )
}

/// Changes one of the template's two membership lists and returns both.
fn edit_membership_list(
    acme: &AcmeEmulator,
    id: &str,
    list: &str,
    change: impl FnOnce(Vec<Value>) -> Result<Vec<Value>, AcmeErrorResponse>,
) -> JsonResult {
    acme.edit_template(id, |template, _| {
        let known = template["membership"][list].as_array().cloned().unwrap_or_default();
        template["membership"][list] = change(known)?.into();
        Ok(Json(template["membership"].clone()))
    })
}

async fn read_membership(State(acme): SharedAcme, Path(id): Path<String>) -> JsonResult {
    acme.read_template(&id, |template| Ok(Json(template["membership"].clone())))
}

async fn set_membership(
    State(acme): SharedAcme,
    Path(id): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> JsonResult {
    let request: MembershipRequest = parse_body(&headers, &bytes)?;
    let restrictions: Vec<Value> =
        request.restrictions.iter().map(|one| membership_category(&one.id)).collect::<Result<_, _>>()?;
    let named = |one: &DiscountRequest| {
        discount_entry(&one.category.id, one.discount.as_ref().map(|d| d.id.as_str()), one.max_tickets)
    };
    let discounts: Vec<Value> = request.discounts.iter().map(named).collect::<Result<_, _>>()?;
    acme.edit_template(&id, |template, _| {
        template["membership"] = json!({ "restrictions": restrictions, "discounts": discounts });
        Ok(Json(template["membership"].clone()))
    })
}

async fn add_restriction(State(acme): SharedAcme, Path((id, one)): Path<(String, String)>) -> JsonResult {
    let category = membership_category(&one)?;
    edit_membership_list(&acme, &id, "restrictions", |mut list| {
        list.retain(|known| known["id"] != category["id"]);
        list.push(category);
        Ok(list)
    })
}

async fn remove_restriction(State(acme): SharedAcme, Path((id, one)): Path<(String, String)>) -> JsonResult {
    edit_membership_list(&acme, &id, "restrictions", |list| {
        Ok(list.into_iter().filter(|known| known["id"] != one.as_str()).collect())
    })
}

async fn list_discounts(State(acme): SharedAcme, Path(id): Path<String>) -> JsonResult {
    acme.read_template(&id, |template| Ok(Json(template["membership"]["discounts"].clone())))
}

async fn read_discount(State(acme): SharedAcme, Path((id, one)): Path<(String, String)>) -> JsonResult {
    acme.read_template(&id, |template| {
        let mut discounts = template["membership"]["discounts"].as_array().into_iter().flatten();
        let found = discounts.find(|discount| discount["category"]["id"] == one.as_str());
        found.cloned().map(Json).ok_or_else(|| AcmeErrorResponse::not_found("membership discount"))
    })
}

/// Adds a discount, replacing that of the same category (`acme.md §3`, operation 38).
async fn add_discount(State(acme): SharedAcme, Path(id): Path<String>, headers: HeaderMap, bytes: Bytes) -> JsonResult {
    let request: FlatDiscountRequest = parse_body(&headers, &bytes)?;
    let new = discount_entry(&request.category_id, request.discount_id.as_deref(), request.max_tickets)?;
    edit_membership_list(&acme, &id, "discounts", |mut list| {
        list.retain(|known| known["category"]["id"] != new["category"]["id"]);
        list.push(new);
        Ok(list)
    })
}

async fn remove_discount(State(acme): SharedAcme, Path((id, one)): Path<(String, String)>) -> JsonResult {
    let is_other = |known: &Value| known["category"]["id"] != one.as_str();
    edit_membership_list(&acme, &id, "discounts", |list| Ok(list.into_iter().filter(is_other).collect()))
}
