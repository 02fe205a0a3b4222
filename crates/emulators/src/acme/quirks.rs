//! The other reading of what ACME's documents leave open. Each is off by default and set by a state change of its name, so that
//! tests can show what a client does when the vendor differs (`acme.md`, "Changed on 2026-11-28").

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::acme::error_response::AcmeErrorResponse;
use crate::acme::paging::Query;

/// Names of the state changes.
pub(super) const NAMES: &str = "`uuid_ignored`, `uuid_memory`, `hidden_contacts`, `bare_pages`, `discounted_price_zero`, \
                     `ticket_word`, `refund_word`, `check_in_word`, `instance_word`, `unit_amounts`, `no_channels`, `holds_stay`, \
                     `hidden_payments`";

/// Quirks of the vendor.
#[derive(Default, Clone, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct AcmeQuirks {
    /// The organization check-out ignores the request UUID (`§2.3`).
    pub(super) uuid_ignored: bool,
    /// Minutes after which a request UUID is forgotten; `None`: never.
    pub(super) uuid_memory: Option<i64>,
    /// Lists and details of orders hide e-mail, telephone and names, and a search by them finds nothing (`§4.5`).
    pub(super) hidden_contacts: bool,
    /// Maximum rows of a bare array; more are on further pages. `None`: a bare array is whole (`§2.6`).
    pub(super) bare_pages: Option<usize>,
    /// Price lines without a discount have a discounted price of 0 instead of the price (`§7.5`).
    pub(super) discounted_price_zero: bool,
    /// Word of a good ticket instead of `Active` (`§7.6`).
    pub(super) ticket_word: Option<String>,
    /// Word of a refunded ticket instead of `Refunded`.
    pub(super) refund_word: Option<String>,
    /// Word of a used ticket in `checkInStatus`, which replaces its `checkInDate`.
    pub(super) check_in_word: Option<String>,
    /// Word of an instance that takes place instead of `active` (`§7.5`).
    pub(super) instance_word: Option<String>,
    /// The amount of an item of a check-out is the price of one ticket, not of the line (`§4.3`).
    pub(super) unit_amounts: bool,
    /// Lists of sales channels name those of the venue only, although resellers may sell (`§6`).
    pub(super) no_channels: bool,
    /// A hold stays after its check-out until it expires (`§4.2`).
    pub(super) holds_stay: bool,
    /// The order detail omits the payment (`§7.4`).
    pub(super) hidden_payments: bool,
}

impl AcmeQuirks {
    /// Sets a quirk; `None` if there is none of this name.
    pub(super) fn set(&mut self, name: &str, value: &Value) -> Option<Result<(), String>> {
        let flag = || value.as_bool().ok_or_else(|| format!("the value of `{name}` must be true or false"));
        let word = || Ok(value.as_str().filter(|word| !word.is_empty()).map(str::to_owned));
        let count = || Ok(value.as_u64().filter(|count| *count > 0));
        Some(match name {
            "uuid_ignored" => flag().map(|on| self.uuid_ignored = on),
            "uuid_memory" => count().map(|minutes| self.uuid_memory = minutes.and_then(|count| count.try_into().ok())),
            "hidden_contacts" => flag().map(|on| self.hidden_contacts = on),
            "bare_pages" => count().map(|most| self.bare_pages = most.and_then(|count| count.try_into().ok())),
            "discounted_price_zero" => flag().map(|on| self.discounted_price_zero = on),
            "ticket_word" => word().map(|word| self.ticket_word = word),
            "refund_word" => word().map(|word| self.refund_word = word),
            "check_in_word" => word().map(|word| self.check_in_word = word),
            "instance_word" => word().map(|word| self.instance_word = word),
            "unit_amounts" => flag().map(|on| self.unit_amounts = on),
            "no_channels" => flag().map(|on| self.no_channels = on),
            "holds_stay" => flag().map(|on| self.holds_stay = on),
            "hidden_payments" => flag().map(|on| self.hidden_payments = on),
            _ => return None,
        })
    }

    /// True if the UUID of a request that was answered at `used_at` still counts.
    pub(super) fn remembers_uuid(&self, used_at: Timestamp, now: Timestamp) -> bool {
        let is_forgotten = |minutes: i64| now.duration_since(used_at) > SignedDuration::from_mins(minutes);
        !self.uuid_ignored && !self.uuid_memory.is_some_and(is_forgotten)
    }

    /// Returns the page of a bare array that a query asks for.
    pub(super) fn bare_page(&self, list: Vec<Value>, query: &Query) -> Result<Value, AcmeErrorResponse> {
        let Some(most) = self.bare_pages else { return Ok(list.into()) };
        let number = |name: &str, default: i64| match query.get(name) {
            None => Ok(default),
            Some(text) => text.parse().map_err(|_| AcmeErrorResponse::invalid(format!("{name} must be a number"))),
        };
        let (page, size) = (number("page", 1)?, number("pageSize", 100)?);
        let size = usize::try_from(size).map_or(most, |size| size.min(most));
        let first = usize::try_from(page - 1).unwrap_or(0).saturating_mul(size);
        Ok(list.into_iter().skip(first).take(size).collect())
    }

    /// Removes who bought an order from its view.
    pub(super) fn hide_contacts(&self, order: &mut Value) {
        let Some(fields) = order.as_object_mut().filter(|_| self.hidden_contacts) else { return };
        fields.retain(|name, _| !["email", "phoneNumber", "zipCode"].contains(&name.as_str()));
        fields.retain(|name, _| !name.starts_with("billing") && !name.starts_with("contact"));
        fields.insert("obfuscated".to_owned(), json!(true));
    }

    /// Rewrites the price lines and the sales channels inside a template or an instance.
    pub(super) fn rewrite_prices(&self, value: &mut Value) {
        match value {
            Value::Array(list) => list.iter_mut().for_each(|one| self.rewrite_prices(one)),
            Value::Object(fields) => {
                let has_no_discount =
                    fields.get("discountedPrice").is_none_or(|price| fields.get("price") == Some(price));
                if self.discounted_price_zero && fields.contains_key("personType") && has_no_discount {
                    fields.insert("discountedPrice".to_owned(), json!(0));
                    fields.insert("discount".to_owned(), json!(0));
                }
                if let Some(channels) = fields.get_mut("salesChannels").and_then(Value::as_array_mut)
                    && self.no_channels
                {
                    channels.retain(|channel| channel["channel"] != "reseller" || channel["enabled"] != true);
                }
                fields.values_mut().for_each(|one| self.rewrite_prices(one));
            }
            _ => {}
        }
    }
}
