//! `ContactInformationPublicService` (`secutix.md §3.9`).

use serde::{Deserialize, Serialize};

use crate::wire::{CONTACT, LenientBool, LenientInt, LenientList, LenientString, Method, Tolerant};

/// Reads a contact.
pub(crate) const GET_CONTACT_DATA: Method = Method { service: CONTACT, name: "getContactData" };

/// Parameters of `getContactData`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ContactQuery {
    /// The number of the contact.
    pub contact_number: String,
    /// Parts of the contact to return.
    pub details: Vec<&'static str>,
}

/// Result of `getContactData`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ContactDataResult {
    /// The number of the contact.
    pub contact_number: Option<LenientInt>,
    /// Its state; the values are inferred.
    pub state: Option<LenientString>,
    /// Permissions of the contact. The detail can be requested (`secutix.md §3.9`); its form is inferred, so any other is accepted.
    pub authorizations: Option<Tolerant<LenientList<Tolerant<Authorization>>>>,
}

/// Permission of a contact; all names are inferred.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Authorization {
    /// Type of the permission: that of a payment method.
    pub r#type: Option<LenientString>,
    /// True if it is granted.
    pub authorized: Option<LenientBool>,
}

impl ContactDataResult {
    /// Returns the permission of a type. `None` if the response does not show it.
    pub(crate) fn is_authorized(&self, kind: &str) -> Option<bool> {
        let Some(Tolerant::Parsed(all)) = &self.authorizations else { return None };
        let mut of_kind = all.parsed().filter(|one| one.r#type.as_ref().is_some_and(|name| name.0.trim() == kind));
        of_kind.find_map(|one| one.authorized.map(|flag| flag.0))
    }
}
