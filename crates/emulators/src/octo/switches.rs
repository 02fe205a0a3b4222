//! Other readings of what OCTO leaves open, and habits of real suppliers (`octo.md §10, §11, §14`). Each is off by default and switched on
//! by a state change of its name, so that tests can show what a client does when the supplier differs. The README lists them.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use strum::{EnumString, VariantNames};

use crate::faults::StateChange;
use crate::octo::routes::Operation;

/// A habit that is on or off.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, EnumString, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub(super) enum Flag {
    /// Every cancellation keeps `utcExpiresAt`.
    CancelKeepsExpiry,
    /// A second cancellation is refused.
    CancelTwiceRefused,
    /// A second confirmation is refused, with the one text that a client is known to match.
    ConfirmTwiceRefused,
    /// A canceled or expired booking can be confirmed, without places.
    ConfirmsCanceled,
    /// `GET` needs `Content-Type`, too.
    ContentTypeOnGet,
    /// Each unit takes one place, whatever its `paxCount`.
    CountsUnits,
    /// A reservation is answered by 201.
    Created,
    /// The calendar has rows for closed days (O6).
    ClosedDayRows,
    /// Responses repeat `Octo-Env`.
    EchoesEnv,
    /// Bookings take no place.
    EndlessStock,
    /// An expired hold has a `cancellation`.
    ExpiredCancellation,
    /// An extension counts from the former end (O7).
    ExtendsFromEnd,
    /// `supplier.endpoint` is that of another host.
    ForeignEndpoint,
    /// `utcCutoffAt` has a fraction.
    FractionalCutoff,
    /// `vacancies` and `capacity` are null.
    HiddenVacancies,
    /// `net` is null.
    HiddenNet,
    /// A read of an expired hold is refused (O9).
    HidesExpired,
    /// A hold that is canceled is `EXPIRED` (O4).
    HoldCancelExpires,
    /// `availabilityLocalStartTimes` of opening hours is `["00:00"]`.
    HourStartTimes,
    /// Unit items stay `ON_HOLD`.
    ItemsStayOnHold,
    /// Lists by date compare the day of creation (O8).
    ListsByCreation,
    /// Lists leave holds and expired bookings out.
    ListsSoldOnly,
    /// Responses have no `Octo-Capabilities`.
    NoCapabilityEcho,
    /// Every key is accepted.
    NoKeyCheck,
    /// Opening hours are `00:00` to `23:59` (O12).
    NoOpeningHours,
    /// Availability has no prices; only those of the product, which end in `From`, exist.
    NoSlotPrices,
    /// `ticket` and `voucher` are null while on hold.
    NoTicketOnHold,
    /// `minUnits` is null.
    NullMinUnits,
    /// With a raised `currency_precision`, amounts do not end in zeros.
    OddAmounts,
    /// Keys with null are left out.
    OmitsNulls,
    /// Open-dated products need an `availabilityId` (O15).
    OpenNeedsAvailability,
    /// `optionId` may be left out of a reservation.
    OptionOptional,
    /// The body of a repeated reservation is not compared (O3).
    OtherBodyAccepted,
    /// Unknown paths and invalid JSON are answered in plain text.
    PlainErrors,
    /// A confirmation takes the prices of its time (O5).
    PriceDrifts,
    /// Refusals are `BAD_REQUEST` instead of `UNPROCESSABLE_ENTITY`.
    RefusesWithBadRequest,
    /// A rejected booking keeps its places (O11).
    RejectedKeepsPlaces,
    /// Rate limits are `TOO_MANY_REQUESTS` under status 400 (O13).
    RateLimitAs400,
    /// Errors of keys have status 400 (O2).
    KeyErrorsAs400,
    /// Totals of bookings are zero.
    ZeroTotals,
}

/// Flags of the public example server, which [`Switches::apply`] sets together as `octomock` (`octo.md §13.4`).
const OCTOMOCK: [Flag; 11] = [
    Flag::NoKeyCheck,
    Flag::EndlessStock,
    Flag::ConfirmsCanceled,
    Flag::ItemsStayOnHold,
    Flag::ZeroTotals,
    Flag::HidesExpired,
    Flag::ListsByCreation,
    Flag::PlainErrors,
    Flag::NoCapabilityEcho,
    Flag::HoldCancelExpires,
    Flag::RefusesWithBadRequest,
];

/// Form of the paths (`octo.md §1`).
#[derive(Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Generation {
    /// `GET /supplier`, `POST …/cancel`.
    #[default]
    New,
    /// `GET /suppliers`, `DELETE` to cancel.
    Old,
    /// The old form below `/suppliers/{id}`.
    First,
    /// All of them.
    Any,
}

/// Treatment of requests without `Octo-Capabilities`, or of the header itself.
#[derive(Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum CapabilitiesHeader {
    /// Refused.
    #[default]
    Required,
    /// None.
    Optional,
    /// All.
    MissingMeansAll,
    /// The header is ignored; all are in effect.
    AlwaysOn,
}

/// Spelling of capability ids that is understood (O1).
#[derive(Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum CapabilityNames {
    /// Both.
    #[default]
    Both,
    /// With `octo/`.
    Long,
    /// Without it.
    Short,
}

/// Form of availability ids.
#[derive(Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum AvailabilityIds {
    /// The local start.
    #[default]
    LocalStart,
    /// Digits, underscores and characters that must not be encoded in a body.
    Opaque,
}

/// Origin of `testMode`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Env {
    /// `Octo-Env`, or the test key.
    #[default]
    Header,
    /// The test key alone.
    Key,
    /// None: every booking is real.
    Ignored,
}

/// Answer to a reservation whose `uuid` is taken (`octo.md §6.2`).
#[derive(Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RepeatedUuid {
    /// The booking as it is now.
    #[default]
    Same,
    /// `INVALID_BOOKING_UUID`.
    Used,
    /// Status 500.
    Error,
}

/// Prices in the calendar.
#[derive(Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum CalendarPrices {
    /// Those that end in `From`.
    #[default]
    From,
    /// None.
    None,
    /// Also those of a slot.
    Quotes,
}

/// Form of `octo/content`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ContentForm {
    /// `features`, `media`, `durationMinutesFrom`, …
    #[default]
    New,
    /// `subtitle`, `highlights`, `coverImageUrl`, …
    Old,
    /// Both.
    Both,
}

/// `product`, `option` and `unit` inside bookings.
#[derive(Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum BookingProduct {
    /// As in the catalog.
    #[default]
    Full,
    /// Left out.
    None,
    /// With an earlier name.
    Stale,
}

/// Everything that is switched on.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Switches {
    flags: BTreeSet<Flag>,
    pub(super) generation: Generation,
    pub(super) capabilities_header: CapabilitiesHeader,
    pub(super) capability_names: CapabilityNames,
    pub(super) availability_ids: AvailabilityIds,
    pub(super) env: Env,
    pub(super) repeated_uuid: RepeatedUuid,
    pub(super) calendar_prices: CalendarPrices,
    pub(super) content_form: ContentForm,
    pub(super) booking_product: BookingProduct,
    /// Text behind the key and a slash that every request needs.
    pub(super) key_suffix: Option<String>,
    /// Longest hold in minutes, if not the usual one.
    pub(super) hold_minutes: Option<i64>,
    /// Maximum rows of a list.
    pub(super) list_cap: Option<usize>,
    /// Copies of the first product at the end of the list.
    pub(super) extra_products: usize,
    /// `currencyPrecision`, if higher than the usual one.
    pub(super) currency_precision: Option<u32>,
    /// `vacancies` and `capacity` of `FREESALE`.
    pub(super) freesale_number: Option<u32>,
    /// Calls to refuse for their rate.
    pub(super) rate_limited: u64,
    /// Operations that do not exist.
    pub(super) missing: BTreeSet<Operation>,
    /// Operations that the key is not for.
    pub(super) denied: BTreeSet<Operation>,
    /// Calls that are carried out and answered with an internal error, by operation.
    pub(super) errors_after: BTreeMap<Operation, u64>,
    /// Calls that are not carried out and answered with an internal error, by operation.
    pub(super) errors_before: BTreeMap<Operation, u64>,
    /// Status of these internal errors, if not 400.
    pub(super) error_status: Option<u16>,
    /// Capabilities that `/capabilities` lists as required.
    pub(super) required_capabilities: BTreeSet<String>,
    /// Other words for states, by the usual ones.
    pub(super) words: BTreeMap<String, String>,
}

impl Switches {
    /// Returns true if a flag is on.
    pub(super) fn is(&self, flag: Flag) -> bool {
        self.flags.contains(&flag)
    }

    /// Switches a flag, as a control call does.
    fn turn(&mut self, flag: Flag, is_on: bool) {
        if is_on {
            self.flags.insert(flag);
        } else {
            self.flags.remove(&flag);
        }
    }

    /// Applies a state change; returns false if it is none of a switch.
    pub(super) fn apply(&mut self, change: &StateChange) -> Result<bool, String> {
        let is_on = change.value.as_bool().unwrap_or(true);
        if let Ok(flag) = Flag::from_str(&change.name) {
            self.turn(flag, is_on);
            return Ok(true);
        }
        match change.name.as_str() {
            "octomock" => {
                OCTOMOCK.into_iter().for_each(|flag| self.turn(flag, is_on));
                self.repeated_uuid = if is_on { RepeatedUuid::Error } else { RepeatedUuid::Same };
                self.calendar_prices = if is_on { CalendarPrices::None } else { CalendarPrices::From };
            }
            "generation" => self.generation = parse(change)?,
            "capabilities_header" => self.capabilities_header = parse(change)?,
            "capability_names" => self.capability_names = parse(change)?,
            "availability_ids" => self.availability_ids = parse(change)?,
            "env" => self.env = parse(change)?,
            "repeated_uuid" => self.repeated_uuid = parse(change)?,
            "calendar_prices" => self.calendar_prices = parse(change)?,
            "content_form" => self.content_form = parse(change)?,
            "booking_product" => self.booking_product = parse(change)?,
            _ => return self.apply_value(change, is_on),
        }
        Ok(true)
    }

    /// Applies a state change with a number, a text, or an operation as id.
    fn apply_value(&mut self, change: &StateChange, is_on: bool) -> Result<bool, String> {
        match change.name.as_str() {
            "key_suffix" => self.key_suffix = parse(change)?,
            "hold_minutes" => self.hold_minutes = parse(change)?,
            "list_cap" => self.list_cap = parse(change)?,
            "extra_products" => self.extra_products = parse(change)?,
            "currency_precision" => self.currency_precision = parse(change)?,
            "freesale_number" => self.freesale_number = parse(change)?,
            "rate_limited" => self.rate_limited = parse(change)?,
            "error_status" => self.error_status = parse(change)?,
            "missing" => set(&mut self.missing, operation(change)?, is_on),
            "denied" => set(&mut self.denied, operation(change)?, is_on),
            "error_after" => drop(self.errors_after.insert(operation(change)?, parse(change)?)),
            "error_before" => drop(self.errors_before.insert(operation(change)?, parse(change)?)),
            "required_capability" => {
                let name = change.id.clone().ok_or("required_capability needs a capability as id")?;
                set(&mut self.required_capabilities, name, is_on);
            }
            "word" => {
                let words = change.id.clone().zip(change.value.as_str().map(str::to_owned));
                let (usual, other) = words.ok_or("word needs a word as id and another one as value")?;
                self.words.insert(usual, other);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Removes one from the internal errors of an operation; returns true if there was one.
    pub(super) fn take_error(&mut self, operation: Operation, is_after: bool) -> bool {
        let errors = if is_after { &mut self.errors_after } else { &mut self.errors_before };
        take_one(errors.get_mut(&operation))
    }

    /// Removes one from the calls to refuse for their rate; returns true if there was one.
    pub(super) fn take_rate_limit(&mut self) -> bool {
        take_one(Some(&mut self.rate_limited))
    }

    /// Rewrites a successful response.
    pub(super) fn rewrite(&self, shown: &mut Value) {
        match shown {
            Value::Array(rows) => rows.iter_mut().for_each(|row| self.rewrite(row)),
            Value::Object(fields) => {
                if self.is(Flag::OmitsNulls) {
                    fields.retain(|_, value| !value.is_null());
                }
                for field in ["status", "refund", "type", "redemptionMethod"] {
                    let other = fields.get(field).and_then(Value::as_str).and_then(|word| self.words.get(word));
                    if let Some(other) = other {
                        fields.insert(field.to_owned(), other.as_str().into());
                    }
                }
                fields.values_mut().for_each(|value| self.rewrite(value));
            }
            _ => {}
        }
    }
}

fn parse<T: DeserializeOwned>(change: &StateChange) -> Result<T, String> {
    T::deserialize(&change.value).map_err(|error| format!("{}: {error}", change.name))
}

fn operation(change: &StateChange) -> Result<Operation, String> {
    let name = change.id.as_deref().unwrap_or_default();
    Operation::from_str(name).map_err(|_| format!("{} needs as id one of {:?}", change.name, Operation::VARIANTS))
}

fn set<T: Ord>(all: &mut BTreeSet<T>, one: T, is_on: bool) {
    if is_on {
        all.insert(one);
    } else {
        all.remove(&one);
    }
}

fn take_one(count: Option<&mut u64>) -> bool {
    let Some(count) = count.filter(|count| **count > 0) else { return false };
    *count -= 1;
    true
}
