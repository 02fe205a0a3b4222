//! `contact` of a reseller and of the operator's own shop.

use crate::config::section::Section;
use domain::ordering::{Contact, is_email};

/// Reads a contact. `None` if nothing of it is written.
pub(super) fn read_contact(from: &Section<'_>) -> Option<Contact> {
    let text = |key: &str| from.find::<String>(key).filter(|text| !text.is_empty());
    let (first_name, last_name, email) = (text("first_name"), text("last_name"), text("email"));
    let (phone, postal_code) = (text("phone"), text("postal_code"));
    let required = [("first_name", &first_name), ("last_name", &last_name), ("email", &email)];
    if required.iter().all(|(_, value)| value.is_none()) && phone.is_none() && postal_code.is_none() {
        return None;
    }
    for (key, _) in required.iter().filter(|(_, value)| value.is_none()) {
        from.report(key, "is missing: a contact has at least `first_name`, `last_name` and `email`");
    }
    if email.as_ref().is_some_and(|email| !is_email(email)) {
        from.report("email", "must be an email address like `tickets@example.com`");
    }
    Some(Contact { first_name: first_name?, last_name: last_name?, email: email?, phone, postal_code })
}
