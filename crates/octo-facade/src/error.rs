//! Errors of OCTO: a closed list of codes, each with its HTTP status (octo.md §2.3, §2.4).

use serde_json::{Map, Value};
use strum::{EnumIter, IntoStaticStr};

/// The code of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumIter, IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum OctoErrorCode {
    /// The product is missing or unknown.
    InvalidProductId,
    /// The option is missing or unknown.
    InvalidOptionId,
    /// The unit is missing or unknown.
    InvalidUnitId,
    /// The availability is missing or unknown.
    InvalidAvailabilityId,
    /// The booking is unknown, its uuid names another one, or its hold has expired.
    InvalidBookingUuid,
    /// The request is malformed.
    BadRequest,
    /// The request is well-formed and refused.
    UnprocessableEntity,
    /// The request has no key.
    Unauthorized,
    /// The key is unknown, or not for this.
    Forbidden,
    /// There is no such path.
    NotFound,
    /// The caller exceeded its rate limit.
    TooManyRequests,
    /// This service or the venue's system failed.
    InternalServerError,
}

impl OctoErrorCode {
    /// The code as resellers see it.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Returns the usual HTTP status. Every refusal of a request is 400 (octo.md §2.4).
    pub fn status(self) -> u16 {
        match self {
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::TooManyRequests => 429,
            Self::InternalServerError => 500,
            _ => 400,
        }
    }
}

/// An error as a reseller receives it.
#[derive(Debug, Clone, PartialEq)]
pub struct OctoError {
    /// The code.
    pub code: OctoErrorCode,
    /// HTTP status.
    pub status: u16,
    /// Message for people. It is ours: no text of a vendor, no data of a visitor.
    pub message: String,
    /// The id that the error is about, by the name of its field.
    pub about: Option<(&'static str, Value)>,
    /// Seconds after which the same request may succeed.
    pub retry_after: Option<u64>,
}

impl OctoError {
    /// Creates an error with the usual status of its code.
    pub fn new(code: OctoErrorCode, message: impl Into<String>) -> Self {
        Self { code, status: code.status(), message: message.into(), about: None, retry_after: None }
    }

    /// The product is missing or unknown.
    pub fn product(id: Option<&str>) -> Self {
        Self::new(OctoErrorCode::InvalidProductId, "the product is missing or unknown").about("productId", id)
    }

    /// The option is missing or unknown.
    pub fn option(id: Option<&str>) -> Self {
        Self::new(OctoErrorCode::InvalidOptionId, "the option is missing or unknown").about("optionId", id)
    }

    /// The unit is missing or unknown.
    pub fn unit(id: Option<&str>) -> Self {
        Self::new(OctoErrorCode::InvalidUnitId, "the unit is missing or unknown").about("unitId", id)
    }

    /// The availability is missing or unknown.
    pub fn availability(id: Option<&str>) -> Self {
        Self::new(OctoErrorCode::InvalidAvailabilityId, "the availability is missing or unknown")
            .about("availabilityId", id)
    }

    /// The booking is unknown, its uuid was used for another one, or its hold has expired.
    pub fn booking(uuid: &str, message: &str) -> Self {
        Self::new(OctoErrorCode::InvalidBookingUuid, message).about("uuid", Some(uuid))
    }

    /// The request is malformed.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(OctoErrorCode::BadRequest, message)
    }

    /// The request is well-formed and refused.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(OctoErrorCode::UnprocessableEntity, message)
    }

    /// This service failed.
    pub fn internal() -> Self {
        Self::new(OctoErrorCode::InternalServerError, "an internal error")
    }

    /// The venue's system, or the ledger, cannot be reached. Nothing was booked.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self { status: 503, ..Self::new(OctoErrorCode::InternalServerError, message) }
    }

    /// Returns a copy with another HTTP status.
    #[must_use]
    pub fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// Returns a copy with a time to wait, in seconds.
    #[must_use]
    pub fn with_retry_after(self, seconds: Option<u64>) -> Self {
        Self { retry_after: seconds, ..self }
    }

    fn about(self, field: &'static str, id: Option<&str>) -> Self {
        Self { about: Some((field, id.map_or(Value::Null, Value::from))), ..self }
    }

    /// Returns the body of the response.
    pub fn to_json(&self) -> Value {
        let mut body = Map::new();
        body.insert("error".to_owned(), self.code.as_str().into());
        body.insert("errorMessage".to_owned(), self.message.as_str().into());
        if let Some((field, id)) = &self.about {
            body.insert((*field).to_owned(), id.clone());
        }
        if let (OctoErrorCode::TooManyRequests, Some(seconds)) = (self.code, self.retry_after) {
            body.insert("retryAfter".to_owned(), seconds.into());
        }
        Value::Object(body)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use strum::IntoEnumIterator as _;

    use super::*;

    #[test]
    fn refusals_are_400_and_name_the_id_that_they_are_about() {
        let error = OctoError::unit(Some("adult"));
        let body =
            json!({ "error": "INVALID_UNIT_ID", "errorMessage": "the unit is missing or unknown", "unitId": "adult" });
        assert_eq!((error.status, error.to_json()), (400, body));
        assert_eq!(OctoError::product(None).to_json()["productId"], Value::Null);
        let others: Vec<_> =
            OctoErrorCode::iter().filter(|code| code.status() != 400).map(OctoErrorCode::as_str).collect();
        assert_eq!(others, ["UNAUTHORIZED", "FORBIDDEN", "NOT_FOUND", "TOO_MANY_REQUESTS", "INTERNAL_SERVER_ERROR"]);
    }

    #[test]
    fn only_a_rate_limit_has_a_time_in_its_body() {
        let limited = OctoError::new(OctoErrorCode::TooManyRequests, "slow down").with_retry_after(Some(7));
        assert_eq!(limited.to_json()["retryAfter"], 7);
        assert_eq!(OctoError::unavailable("later").with_retry_after(Some(7)).to_json().get("retryAfter"), None);
    }
}
