//! The bodies that resellers send, checked as far as possible without the catalog (octo.md §5, §6).

use std::collections::BTreeSet;

use domain::BookingUuid;
use jiff::civil::Date;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::OctoError;
use crate::inferred::OPTION;
use crate::wire::OctoContact;

/// Longest range of days, both ends included (octo.md §2.5).
pub const MAX_DAYS: i32 = 366;
/// Largest number of ids of availabilities in a request (octo.md §2.5).
pub const MAX_AVAILABILITY_IDS: usize = 100;
/// Longest text of a name, an address or a reference, in characters.
const MAX_TEXT: usize = 255;
/// Longest notes or reason, in characters.
const MAX_NOTES: usize = 1_000;
/// Largest number of languages of a contact.
const MAX_LOCALES: usize = 10;
/// Longest hold that may be asked for, in minutes.
const MAX_EXPIRATION: u64 = 7 * 24 * 60;

/// Parses a body. An empty one is an object without fields.
///
/// # Errors
///
/// The body is no JSON, or a field has the wrong type. The error names the field, and never its value.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, OctoError> {
    // A byte order mark is ignored (RFC 8259 §8.1).
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let body = if body.is_empty() { b"{}".as_slice() } else { body };
    let value: Value = serde_json::from_slice(body).map_err(|_| OctoError::bad_request("the body is not JSON"))?;
    if !value.is_object() {
        return Err(OctoError::bad_request("the body is no object"));
    }
    serde_path_to_error::deserialize(value)
        .map_err(|error| OctoError::bad_request(format!("`{}` is missing or has the wrong type", error.path())))
}

/// A number of units of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct OctoUnitCount {
    /// The unit.
    pub id: String,
    /// Number.
    pub quantity: u32,
}

/// Product and option of a request.
fn product_and_option<'a>(product: Option<&'a str>, option: Option<&str>) -> Result<&'a str, OctoError> {
    let product = product.ok_or_else(|| OctoError::product(None))?;
    match option {
        Some(OPTION) => Ok(product),
        other => Err(OctoError::option(other)),
    }
}

fn day(text: &str, field: &str) -> Result<Date, OctoError> {
    let parsed = text.parse().ok().filter(|_| text.len() == "YYYY-MM-DD".len());
    parsed.ok_or_else(|| OctoError::bad_request(format!("`{field}` must be a day, as YYYY-MM-DD")))
}

fn day_range(from: Date, to: Date) -> Result<(Date, Date), OctoError> {
    if to < from {
        return Err(OctoError::bad_request("`localDateEnd` is before `localDateStart`"));
    }
    if (to - from).get_days() >= MAX_DAYS {
        return Err(OctoError::bad_request("at most one year may be requested"));
    }
    Ok((from, to))
}

/// Body of `POST /availability/calendar`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CalendarRequest {
    product_id: Option<String>,
    option_id: Option<String>,
    local_date_start: Option<String>,
    local_date_end: Option<String>,
    units: Option<Vec<OctoUnitCount>>,
}

impl CalendarRequest {
    /// Returns the product and the days.
    ///
    /// # Errors
    ///
    /// Product or option is missing, a day is missing or none, or there are too many.
    pub fn check(&self) -> Result<(&str, (Date, Date)), OctoError> {
        let (Some(from), Some(to)) = (&self.local_date_start, &self.local_date_end) else {
            product_and_option(self.product_id.as_deref(), self.option_id.as_deref())?;
            return Err(OctoError::bad_request("`localDateStart` and `localDateEnd` are required"));
        };
        let product = product_and_option(self.product_id.as_deref(), self.option_id.as_deref())?;
        let days = day_range(day(from, "localDateStart")?, day(to, "localDateEnd")?)?;
        Ok((product, days))
    }

    /// Returns the units that are needed together. The calendar does not count them: a check does.
    pub fn units(&self) -> &[OctoUnitCount] {
        self.units.as_deref().unwrap_or_default()
    }
}

/// Availabilities of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AvailabilitySelection {
    /// Those of a range of days, both ends included.
    Days(Date, Date),
    /// Those with these ids.
    Ids(Vec<String>),
}

/// Body of `POST /availability`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CheckRequest {
    product_id: Option<String>,
    option_id: Option<String>,
    local_date: Option<String>,
    local_date_start: Option<String>,
    local_date_end: Option<String>,
    availability_ids: Option<Vec<String>>,
    units: Option<Vec<OctoUnitCount>>,
}

impl CheckRequest {
    /// Returns the product and the availabilities.
    ///
    /// # Errors
    ///
    /// Product or option is missing; none or several of day, range and ids are given; or there are too many.
    pub fn check(&self) -> Result<(&str, AvailabilitySelection), OctoError> {
        let product = product_and_option(self.product_id.as_deref(), self.option_id.as_deref())?;
        let range = (self.local_date_start.as_deref(), self.local_date_end.as_deref());
        let selection = match (self.local_date.as_deref(), range, &self.availability_ids) {
            (Some(only), (None, None), None) => {
                let only = day(only, "localDate")?;
                AvailabilitySelection::Days(only, only)
            }
            (None, (Some(from), Some(to)), None) => {
                let (from, to) = day_range(day(from, "localDateStart")?, day(to, "localDateEnd")?)?;
                AvailabilitySelection::Days(from, to)
            }
            (None, (None, None), Some(ids)) => {
                if ids.is_empty() || ids.len() > MAX_AVAILABILITY_IDS {
                    let message = format!("`availabilityIds` must have 1 to {MAX_AVAILABILITY_IDS} ids");
                    return Err(OctoError::bad_request(message));
                }
                AvailabilitySelection::Ids(ids.clone())
            }
            _ => {
                return Err(OctoError::bad_request(
                    "exactly one is required: `localDate`, `localDateStart` with `localDateEnd`, or `availabilityIds`",
                ));
            }
        };
        Ok((product, selection))
    }

    /// Returns the units that are needed together.
    pub fn units(&self) -> &[OctoUnitCount] {
        self.units.as_deref().unwrap_or_default()
    }
}

/// A unit item of a body.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UnitItemBody {
    uuid: Option<String>,
    unit_id: Option<String>,
    reseller_reference: Option<String>,
    contact: Option<OctoContact>,
}

/// A unit item of a valid request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnitItemRequest {
    /// The reseller's uuid.
    pub uuid: Option<BookingUuid>,
    /// The unit.
    pub unit_id: String,
    /// The reseller's reference.
    pub reseller_reference: Option<String>,
    /// The holder.
    pub contact: Option<OctoContact>,
}

/// Checks unit items: at least one, each with a unit, and no uuid twice.
fn unit_items(items: &[UnitItemBody], max_units: u32) -> Result<Vec<UnitItemRequest>, OctoError> {
    if items.is_empty() {
        return Err(OctoError::refused("`unitItems` is empty"));
    }
    if items.len() > usize::try_from(max_units).unwrap_or(usize::MAX) {
        return Err(OctoError::refused(format!("a booking has at most {max_units} units")));
    }
    let mut used = BTreeSet::new();
    let item = |item: &UnitItemBody| {
        let uuid = item.uuid.as_deref().map(|text| uuid(text, "unitItems.uuid")).transpose()?;
        if uuid.is_some_and(|uuid| !used.insert(uuid)) {
            return Err(OctoError::bad_request("two unit items have the same `uuid`"));
        }
        check_text(item.reseller_reference.as_deref(), MAX_TEXT, "unitItems.resellerReference")?;
        item.contact.as_ref().map(check_contact).transpose()?;
        Ok(UnitItemRequest {
            uuid,
            unit_id: item.unit_id.clone().ok_or_else(|| OctoError::unit(None))?,
            reseller_reference: item.reseller_reference.clone(),
            contact: item.contact.clone(),
        })
    };
    items.iter().map(item).collect()
}

fn uuid(text: &str, field: &str) -> Result<BookingUuid, OctoError> {
    BookingUuid::parse(text).ok_or_else(|| OctoError::bad_request(format!("`{field}` is no uuid")))
}

fn check_text(text: Option<&str>, limit: usize, field: &str) -> Result<(), OctoError> {
    if text.is_some_and(|text| text.chars().count() > limit) {
        return Err(OctoError::bad_request(format!("`{field}` has more than {limit} characters")));
    }
    Ok(())
}

fn check_contact(contact: &OctoContact) -> Result<(), OctoError> {
    let texts = [
        (&contact.full_name, "contact.fullName"),
        (&contact.first_name, "contact.firstName"),
        (&contact.last_name, "contact.lastName"),
        (&contact.email_address, "contact.emailAddress"),
        (&contact.phone_number, "contact.phoneNumber"),
        (&contact.postal_code, "contact.postalCode"),
        (&contact.country, "contact.country"),
    ];
    for (text, field) in texts {
        check_text(text.as_deref(), MAX_TEXT, field)?;
    }
    check_text(contact.notes.as_deref(), MAX_NOTES, "contact.notes")?;
    if contact.locales.len() > MAX_LOCALES {
        return Err(OctoError::bad_request(format!("`contact.locales` has more than {MAX_LOCALES} languages")));
    }
    contact.locales.iter().try_for_each(|locale| check_text(Some(locale), MAX_TEXT, "contact.locales"))
}

/// Body of `POST /bookings`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ReserveBody {
    uuid: Option<String>,
    product_id: Option<String>,
    option_id: Option<String>,
    availability_id: Option<String>,
    expiration_minutes: Option<u64>,
    notes: Option<String>,
    reseller_reference: Option<String>,
    contact: Option<OctoContact>,
    unit_items: Option<Vec<UnitItemBody>>,
}

/// A valid request to hold a booking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reserve {
    /// The uuid, which is the idempotency key.
    #[serde(skip)]
    pub uuid: BookingUuid,
    /// Key of the source.
    pub source: String,
    /// The product.
    pub product: String,
    /// The availability; `None` for open visits.
    pub availability: Option<String>,
    /// Units, one entry a ticket.
    pub unit_items: Vec<UnitItemRequest>,
    /// The reseller's reference.
    pub reseller_reference: Option<String>,
    /// The visitor.
    pub contact: Option<OctoContact>,
    /// Notes.
    pub notes: Option<String>,
    /// True to refuse live sources.
    pub is_test: bool,
}

impl ReserveBody {
    /// Checks the body. A missing uuid is drawn.
    ///
    /// # Errors
    ///
    /// An id is missing, there are no unit items or too many, or a text is too long.
    pub fn check(self, source: &str, max_units: u32, is_test: bool) -> Result<Reserve, OctoError> {
        let product = product_and_option(self.product_id.as_deref(), self.option_id.as_deref())?.to_owned();
        let uuid = match &self.uuid {
            Some(text) => uuid(text, "uuid")?,
            None => BookingUuid::random(),
        };
        let unit_items = unit_items(self.unit_items.as_deref().unwrap_or_default(), max_units)?;
        check_text(self.reseller_reference.as_deref(), MAX_TEXT, "resellerReference")?;
        check_text(self.notes.as_deref(), MAX_NOTES, "notes")?;
        self.contact.as_ref().map(check_contact).transpose()?;
        check_expiration(self.expiration_minutes)?;
        Ok(Reserve {
            uuid,
            source: source.to_owned(),
            product,
            availability: self.availability_id,
            unit_items,
            reseller_reference: self.reseller_reference,
            contact: self.contact,
            notes: self.notes,
            is_test,
        })
    }
}

fn check_expiration(minutes: Option<u64>) -> Result<(), OctoError> {
    if minutes.is_some_and(|minutes| minutes == 0 || minutes > MAX_EXPIRATION) {
        return Err(OctoError::bad_request(format!("`expirationMinutes` must be 1 to {MAX_EXPIRATION}")));
    }
    Ok(())
}

/// Body of `PATCH /bookings/{uuid}` and of a confirmation.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ChangeBody {
    product_id: Option<String>,
    option_id: Option<String>,
    availability_id: Option<String>,
    expiration_minutes: Option<u64>,
    notes: Option<String>,
    reseller_reference: Option<String>,
    contact: Option<OctoContact>,
    unit_items: Option<Vec<UnitItemBody>>,
}

/// A valid change of a booking.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BookingChange {
    /// Another product.
    pub product: Option<String>,
    /// Another availability.
    pub availability: Option<String>,
    /// Notes.
    pub notes: Option<String>,
    /// The reseller's reference.
    pub reseller_reference: Option<String>,
    /// The visitor.
    pub contact: Option<OctoContact>,
    /// All units: they replace those of the booking.
    pub unit_items: Option<Vec<UnitItemRequest>>,
}

impl ChangeBody {
    /// Checks the body of an update.
    ///
    /// # Errors
    ///
    /// The option is unknown, unit items are empty or too many, or a text is too long.
    pub fn check(self, max_units: u32) -> Result<BookingChange, OctoError> {
        if self.option_id.as_deref().is_some_and(|option| option != OPTION) {
            return Err(OctoError::option(self.option_id.as_deref()));
        }
        check_text(self.reseller_reference.as_deref(), MAX_TEXT, "resellerReference")?;
        check_text(self.notes.as_deref(), MAX_NOTES, "notes")?;
        self.contact.as_ref().map(check_contact).transpose()?;
        check_expiration(self.expiration_minutes)?;
        let unit_items = self.unit_items.as_deref().map(|items| unit_items(items, max_units)).transpose()?;
        Ok(BookingChange {
            product: self.product_id,
            availability: self.availability_id,
            notes: self.notes,
            reseller_reference: self.reseller_reference,
            contact: self.contact,
            unit_items,
        })
    }
}

/// Body of `POST /bookings/{uuid}/extend`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExtendBody {
    expiration_minutes: Option<u64>,
}

impl ExtendBody {
    /// Checks the body. The supplier decides how long its holds last.
    ///
    /// # Errors
    ///
    /// The number of minutes is zero or too large.
    pub fn check(&self) -> Result<(), OctoError> {
        check_expiration(self.expiration_minutes)
    }
}

/// Body of a cancellation.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CancelBody {
    reason: Option<String>,
}

impl CancelBody {
    /// Returns the reason.
    ///
    /// # Errors
    ///
    /// It is too long.
    pub fn check(self) -> Result<Option<String>, OctoError> {
        check_text(self.reason.as_deref(), MAX_NOTES, "reason")?;
        Ok(self.reason)
    }
}

/// Filter of a list of bookings (octo.md §6.7).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListRequest {
    /// The reseller's reference.
    pub reseller_reference: Option<String>,
    /// Number of the order.
    pub supplier_reference: Option<String>,
    /// Days of the visit, both ends included.
    pub days: Option<(Date, Date)>,
    /// The product.
    pub product: Option<String>,
}

impl ListRequest {
    /// Checks the parameters of a query. Unknown ones have no effect.
    ///
    /// # Errors
    ///
    /// No reference and no day is given, a day is none, or the option is unknown.
    pub fn of(parameters: &[(String, String)]) -> Result<Self, OctoError> {
        let text = |name: &str| parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        let range = (text("localDateStart"), text("localDateEnd"));
        let days = match (text("localDate"), range) {
            (Some(only), (None, None)) => {
                let only = day(&only, "localDate")?;
                Some((only, only))
            }
            (None, (Some(from), Some(to))) => {
                Some(day_range(day(&from, "localDateStart")?, day(&to, "localDateEnd")?)?)
            }
            (None, (None, None)) => None,
            _ => {
                return Err(OctoError::bad_request("either `localDate`, or `localDateStart` with `localDateEnd`"));
            }
        };
        if let Some(option) = text("optionId").filter(|option| option != OPTION) {
            return Err(OctoError::option(Some(&option)));
        }
        let filter = Self {
            reseller_reference: text("resellerReference"),
            supplier_reference: text("supplierReference"),
            days,
            product: text("productId"),
        };
        if filter.reseller_reference.is_none() && filter.supplier_reference.is_none() && filter.days.is_none() {
            return Err(OctoError::bad_request(
                "one is required: `resellerReference`, `supplierReference`, `localDate`, or `localDateStart` with `localDateEnd`",
            ));
        }
        Ok(filter)
    }
}

#[cfg(test)]
mod tests;
