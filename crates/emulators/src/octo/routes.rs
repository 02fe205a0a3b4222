//! Paths and their operations (`octo.md §3`).

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantNames};

use crate::octo::switches::{Generation, Switches};
use crate::octo::world;

/// Path of the base URL.
pub(super) const BASE_PATH: &str = "/octo";
/// Id of the supplier.
pub(super) const SUPPLIER: &str = "laguna-5120";

/// An operation, as named in state changes and in the counts of calls.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, EnumString, IntoStaticStr, VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub(super) enum Operation {
    Supplier,
    Capabilities,
    Whoami,
    Products,
    Product,
    Calendar,
    Availability,
    Reserve,
    Confirm,
    Extend,
    Update,
    Cancel,
    Get,
    List,
}

impl Operation {
    /// Returns true if the operation changes bookings.
    pub(super) fn writes(self) -> bool {
        matches!(self, Self::Reserve | Self::Confirm | Self::Extend | Self::Update | Self::Cancel)
    }
}

/// A call: its operation, and the id in its path.
pub(super) struct Route {
    pub(super) operation: Operation,
    pub(super) id: Option<String>,
    /// The answer is a list with the supplier.
    pub(super) is_supplier_list: bool,
}

/// Finds the route of a request. A slash at the end is ignored, and each segment is percent-decoded by itself, because ids may contain
/// slashes. `None`: no such path in the generation that is spoken.
pub(super) fn find_route(method: &str, path: &str, switches: &Switches) -> Option<Route> {
    let generation = switches.generation;
    let path = path.strip_prefix(BASE_PATH).filter(|rest| rest.is_empty() || rest.starts_with('/'))?;
    let decode = |part: &str| percent_encoding::percent_decode_str(part).decode_utf8_lossy().into_owned();
    let parts: Vec<String> = path.trim_matches('/').split('/').map(decode).collect();
    let mut parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let is_scoped = parts.len() > 2 && parts[0] == "suppliers";
    let wants_scope = generation == Generation::First && parts[0] != "suppliers";
    let may_be_scoped = matches!(generation, Generation::First | Generation::Any) && parts.get(1) == Some(&SUPPLIER);
    if wants_scope || (is_scoped && !may_be_scoped) {
        return None;
    }
    if is_scoped {
        parts.drain(..2);
    }
    let route = |operation, id: Option<&str>| {
        Some(Route { operation, id: id.map(str::to_owned), is_supplier_list: parts[0] == "suppliers" && id.is_none() })
    };
    let (is_new, is_old) = (matches!(generation, Generation::New | Generation::Any), generation != Generation::New);
    let found = match (method, parts.as_slice()) {
        ("GET", ["supplier"]) if is_new => route(Operation::Supplier, None),
        ("GET", ["suppliers"]) if is_old => route(Operation::Supplier, None),
        ("GET", ["suppliers", id]) if is_old && *id == SUPPLIER => route(Operation::Supplier, Some(id)),
        ("GET", ["capabilities"]) => route(Operation::Capabilities, None),
        ("GET", ["whoami"]) => route(Operation::Whoami, None),
        ("GET", ["products"]) => route(Operation::Products, None),
        ("GET", ["products", id]) => route(Operation::Product, Some(id)),
        ("POST", ["availability", "calendar"]) => route(Operation::Calendar, None),
        ("POST", ["availability"]) => route(Operation::Availability, None),
        ("POST", ["bookings"]) => route(Operation::Reserve, None),
        ("GET", ["bookings"]) => route(Operation::List, None),
        ("GET", ["bookings", uuid]) => route(Operation::Get, Some(uuid)),
        ("PATCH", ["bookings", uuid]) => route(Operation::Update, Some(uuid)),
        ("DELETE", ["bookings", uuid]) if is_old => route(Operation::Cancel, Some(uuid)),
        ("POST", ["bookings", uuid, "cancel"]) if is_new => route(Operation::Cancel, Some(uuid)),
        ("POST", ["bookings", uuid, "confirm"]) => route(Operation::Confirm, Some(uuid)),
        ("POST", ["bookings", uuid, "extend"]) => route(Operation::Extend, Some(uuid)),
        _ => None,
    };
    found.filter(|route| !switches.missing.contains(&route.operation))
}

/// Returns the index of the language that `Accept-Language` prefers; the first one if it names none of them.
pub(super) fn find_language(accepted: &str) -> usize {
    let wanted = accepted.split(',').map(|range| range.split([';', '-']).next().unwrap_or_default().trim());
    wanted.filter_map(|tag| world::LANGUAGES.iter().position(|known| *known == tag)).next().unwrap_or(0)
}
