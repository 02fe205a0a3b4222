//! Other readings of what S-360's documents leave open (`secutix.md §8`): each can be switched on by a state change.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::faults::StateChange;
use crate::secutix::world::Institution;

/// Fields with amounts.
const AMOUNTS: &[&str] = &["amount", "basePrice", "minAmount", "price", "saleAmount", "totalAmount", "unitPrice"];
/// Fields with words of states.
const STATES: &[&str] = &["orderState", "salesChannelType", "ticketState", "state"];

/// Call that takes payments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum PaymentsAt {
    /// `closeOrder`, as a list.
    #[default]
    List,
    /// None: the pending account is charged without a payment.
    None,
    /// `createPaymentsAndCloseOrder` only.
    Facade,
}

/// The readings that are switched on.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Readings {
    /// Tickets stand in a list beside the movements.
    tickets_beside: bool,
    /// Amounts are in hundredths of the currency unit.
    hundredths: bool,
    /// The catalog also has a season of another organization.
    other_season: bool,
    /// Movements and operations name no contingent.
    unnamed_contingents: bool,
    /// Neither the type of the channel nor the permissions of a contact are shown.
    hidden_setup: bool,
    /// Permissions of a contact are shown as texts.
    authorization_texts: bool,
    /// Call that takes payments.
    pub payments_at: PaymentsAt,
    /// Other words for states.
    words: BTreeMap<String, String>,
}

impl Readings {
    /// Switches a reading; returns false if the change is none of them.
    pub(super) fn apply(&mut self, change: &StateChange) -> Result<bool, String> {
        let is_on = change.value.as_bool().unwrap_or(true);
        match change.name.as_str() {
            "tickets_beside" => self.tickets_beside = is_on,
            "hundredths" => self.hundredths = is_on,
            "other_season" => self.other_season = is_on,
            "unnamed_contingents" => self.unnamed_contingents = is_on,
            "hidden_setup" => self.hidden_setup = is_on,
            "authorization_texts" => self.authorization_texts = is_on,
            "payments_at" => {
                let place = serde_json::from_value(change.value.clone());
                self.payments_at = place.map_err(|_| "payments_at must be list, none or facade".to_owned())?;
            }
            "word" => {
                let words = change.id.clone().zip(change.value.as_str().map(str::to_owned));
                let (known, other) = words.ok_or("word needs a word as id and another one as value")?;
                self.words.insert(known, other);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Converts the parameters of a request.
    pub(super) fn read(&self, parameters: &mut Value) {
        if self.hundredths {
            scale_amounts(parameters, |amount| amount * 10);
        }
    }

    /// Converts a result.
    pub(super) fn write(&self, result: &mut Value, institution: &Institution) {
        if self.other_season
            && let Some(seasons) = result.pointer_mut("/catalogData/seasons").and_then(Value::as_array_mut)
        {
            seasons.push(other_season(institution));
        }
        if self.tickets_beside
            && let Some(order) = result.get_mut("orderDetailsData")
        {
            move_tickets(order);
        }
        if self.unnamed_contingents {
            for_each_object(result, &|object| drop(object.remove("contingentId")));
        }
        if self.authorization_texts && result.get("authorizations").is_some() {
            result["authorizations"] = json!(["PENDING_ACCOUNT"]);
        }
        if self.hidden_setup {
            for_each_object(result, &|object| {
                object.remove("salesChannelType");
                object.remove("authorizations");
            });
        }
        if self.hundredths {
            scale_amounts(result, |amount| amount / 10);
        }
        if !self.words.is_empty() {
            for_each_object(result, &|object| {
                for field in STATES {
                    let other = object.get(*field).and_then(Value::as_str).and_then(|word| self.words.get(word));
                    if let Some(other) = other {
                        object.insert((*field).to_owned(), json!(other));
                    }
                }
            });
        }
    }
}

/// Calls a function with every object of a value.
fn for_each_object(value: &mut Value, change: &dyn Fn(&mut serde_json::Map<String, Value>)) {
    match value {
        Value::Object(object) => {
            change(object);
            object.values_mut().for_each(|inner| for_each_object(inner, change));
        }
        Value::Array(list) => list.iter_mut().for_each(|inner| for_each_object(inner, change)),
        _ => {}
    }
}

fn scale_amounts(value: &mut Value, scale: impl Fn(i64) -> i64) {
    for_each_object(value, &|object| {
        for field in AMOUNTS {
            let amount = object.get(*field).and_then(crate::secutix::encoding::as_number);
            if let Some(amount) = amount {
                object.insert((*field).to_owned(), json!(scale(amount)));
            }
        }
    });
}

/// Moves the ticket fields of each movement into a list of the order.
fn move_tickets(order: &mut Value) {
    let Some(movements) = order.get_mut("movementDatas").and_then(Value::as_array_mut) else { return };
    let tickets: Vec<Value> = movements
        .iter_mut()
        .filter_map(Value::as_object_mut)
        .map(|movement| {
            let mut ticket = json!({"movementId": movement.get("movementId")});
            for field in ["ticketId", "ticketState", "barcode"] {
                if let Some(value) = movement.remove(field) {
                    ticket[field] = value;
                }
            }
            ticket
        })
        .collect();
    order["ticketDatas"] = json!(tickets);
}

/// A season of another organization at the same institution, with one product.
fn other_season(institution: &Institution) -> Value {
    json!({
        "id": institution.season.id + 1, "code": "OTHER", "state": "RUNNING", "organizationCode": "OTHER",
        "audienceCategories": [], "priceLevels": [],
        "products": [{"id": 99_001, "code": "FOREIGN", "productFamilyType": "SINGLE_ENTRY", "state": "RUNNING", "event": {"performances": []}}],
    })
}
