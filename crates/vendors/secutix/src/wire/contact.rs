//! `ContactInformationPublicService` (`secutix.md §3.9`).

use serde::{Deserialize, Serialize};

use crate::wire::{CONTACT, LenientInt, LenientString, Method};

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
}
