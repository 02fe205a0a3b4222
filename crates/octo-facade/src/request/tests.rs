//! Bodies that are valid, and the errors of those that are not.

use serde_json::json;

use super::*;
use crate::error::OctoErrorCode;

fn body<T: DeserializeOwned>(value: &Value) -> Result<T, OctoError> {
    parse(value.to_string().as_bytes())
}

fn check(fields: Value) -> Result<AvailabilitySelection, OctoError> {
    let mut all = json!({ "productId": "p", "optionId": "DEFAULT" });
    for (name, value) in fields.as_object().expect("fields") {
        all[name] = value.clone();
    }
    body::<CheckRequest>(&all)?.check().map(|(_, selection)| selection)
}

fn reserve(change: Value) -> Result<Reserve, OctoError> {
    let mut all = json!({
        "uuid": "0B6C4B0E-9D6F-5A35-8C7B-4A2F1F0F8E11", "productId": "p", "optionId": "DEFAULT", "availabilityId": "a",
        "unitItems": [{ "unitId": "adult" }, { "unitId": "child" }],
    });
    for (name, value) in change.as_object().expect("fields") {
        all[name] = value.clone();
    }
    body::<ReserveBody>(&all)?.check("harbor", 3, false)
}

fn code<T>(outcome: Result<T, OctoError>) -> Option<OctoErrorCode> {
    outcome.err().map(|error| error.code)
}

#[test]
fn a_check_names_exactly_one_way_to_select() {
    let one = "2027-06-15".parse().expect("a day");
    assert_eq!(check(json!({ "localDate": "2027-06-15" })), Ok(AvailabilitySelection::Days(one, one)));
    assert_eq!(check(json!({ "availabilityIds": ["a"] })), Ok(AvailabilitySelection::Ids(vec!["a".to_owned()])));
    let range = json!({ "localDateStart": "2027-01-01", "localDateEnd": "2027-12-31" });
    assert!(matches!(check(range), Ok(AvailabilitySelection::Days(..))));
    let many: Vec<String> = (0..=MAX_AVAILABILITY_IDS).map(|number| number.to_string()).collect();
    for invalid in [
        json!({}),
        json!({ "localDateStart": "2027-06-15" }),
        json!({ "localDate": "2027-06-15", "availabilityIds": ["a"] }),
        json!({ "localDateStart": "2027-06-15", "localDateEnd": "2027-06-15", "availabilityIds": ["a"] }),
        json!({ "availabilityIds": [] }),
        json!({ "availabilityIds": many }),
        json!({ "availabilityIds": [5] }),
        json!({ "localDate": "15.06.2027" }),
        json!({ "localDate": "2027-06-15T10:00:00Z" }),
        json!({ "localDateStart": "2027-06-16", "localDateEnd": "2027-06-15" }),
        json!({ "localDateStart": "2027-01-01", "localDateEnd": "2028-01-02" }),
        json!({ "localDate": "2027-06-15", "units": [{ "id": "adult", "quantity": -1 }] }),
    ] {
        assert_eq!(code(check(invalid.clone())), Some(OctoErrorCode::BadRequest), "{invalid}");
    }
}

#[test]
fn missing_and_unknown_ids_are_errors_of_their_own() {
    let missing = body::<CheckRequest>(&json!({})).and_then(|request| request.check().map(|_| ()));
    assert_eq!(code(missing), Some(OctoErrorCode::InvalidProductId));
    assert_eq!(code(check(json!({ "optionId": "other" }))), Some(OctoErrorCode::InvalidOptionId));
    let days = json!({ "productId": "p", "optionId": "DEFAULT" });
    let calendar = body::<CalendarRequest>(&days).and_then(|request| request.check().map(|_| ()));
    assert_eq!(code(calendar), Some(OctoErrorCode::BadRequest));
}

#[test]
fn a_reservation_needs_units_and_takes_the_uuid_in_lower_case() {
    let request = reserve(json!({})).expect("a request");
    assert_eq!(request.uuid.to_string(), "0b6c4b0e-9d6f-5a35-8c7b-4a2f1f0f8e11");
    let long = "x".repeat(MAX_TEXT + 1);
    let item = json!({ "unitId": "adult", "uuid": "5b1d5a51-6a0d-5d09-9a4f-6d1c2f6a7f01" });
    for (change, expected) in [
        (json!({ "unitItems": [] }), OctoErrorCode::UnprocessableEntity),
        (json!({ "unitItems": null }), OctoErrorCode::UnprocessableEntity),
        (json!({ "unitItems": [{}] }), OctoErrorCode::InvalidUnitId),
        (json!({ "unitItems": vec![json!({ "unitId": "adult" }); 4] }), OctoErrorCode::UnprocessableEntity),
        (json!({ "unitItems": [item, item] }), OctoErrorCode::BadRequest),
        (json!({ "uuid": "0b6c4b0e9d6f5a358c7b4a2f1f0f8e11" }), OctoErrorCode::BadRequest),
        (json!({ "uuid": "invalidUUID" }), OctoErrorCode::BadRequest),
        (json!({ "resellerReference": long }), OctoErrorCode::BadRequest),
        (json!({ "contact": { "firstName": long } }), OctoErrorCode::BadRequest),
        (json!({ "contact": { "firstName": 5 } }), OctoErrorCode::BadRequest),
        (json!({ "expirationMinutes": 0 }), OctoErrorCode::BadRequest),
        (json!({ "productId": null }), OctoErrorCode::InvalidProductId),
    ] {
        assert_eq!(code(reserve(change.clone())), Some(expected), "{change}");
    }
}

#[test]
fn the_hash_of_a_request_leaves_out_the_uuid_and_nothing_else() {
    let hash = |change: Value| orders::idempotency::request_hash(&reserve(change).expect("a request"));
    let other = json!({ "uuid": "0b6c4b0e-9d6f-5a35-8c7b-4a2f1f0f8e12" });
    assert_eq!(hash(json!({})), hash(other));
    for change in [
        json!({ "availabilityId": "b" }),
        json!({ "unitItems": [{ "unitId": "adult" }] }),
        json!({ "notes": "n" }),
        json!({ "resellerReference": "r" }),
        json!({ "contact": { "firstName": "Ada" } }),
    ] {
        assert_ne!(hash(json!({})), hash(change.clone()), "{change}");
    }
}

#[test]
fn errors_of_bodies_name_the_field_and_never_its_value() {
    let error = body::<ReserveBody>(&json!({ "contact": { "emailAddress": 4711 } })).expect_err("a wrong type");
    assert!(error.message.contains("contact.emailAddress") && !error.message.contains("4711"), "{}", error.message);
    for text in ["", "{}", "\u{feff}{}"] {
        assert!(parse::<CancelBody>(text.as_bytes()).is_ok(), "{text}");
    }
    for text in ["{", "[]", "null", "{} {}", "reason=x"] {
        assert_eq!(code(parse::<CancelBody>(text.as_bytes())), Some(OctoErrorCode::BadRequest), "{text}");
    }
}

#[test]
fn a_list_needs_a_reference_or_a_day() {
    let list = |pairs: &[(&str, &str)]| {
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        ListRequest::of(&pairs)
    };
    assert_eq!(code(list(&[])), Some(OctoErrorCode::BadRequest));
    assert_eq!(code(list(&[("productId", "p")])), Some(OctoErrorCode::BadRequest));
    assert_eq!(code(list(&[("localDateStart", "2027-06-15")])), Some(OctoErrorCode::BadRequest));
    assert_eq!(code(list(&[("resellerReference", "r"), ("optionId", "x")])), Some(OctoErrorCode::InvalidOptionId));
    assert!(list(&[("localDate", "2027-06-15")]).is_ok_and(|filter| filter.days.is_some()));
    assert!(list(&[("supplierReference", "n"), ("foo", "bar")]).is_ok());
}
