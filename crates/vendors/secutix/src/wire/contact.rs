//! `ContactInformationPublicService` (`secutix.md §3.9`).

use serde::{Deserialize, Serialize};

use crate::wire::{CONTACT, Method, Whole, Words};

/// Reads a contact.
pub const GET_CONTACT_DATA: Method = Method { service: CONTACT, name: "getContactData" };

/// The parameters of `getContactData`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ContactQuery {
    /// The number of the contact.
    pub contact_number: String,
    /// Which parts of it.
    pub details: Vec<&'static str>,
}

/// The answer of `getContactData`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContactDataResult {
    /// The number of the contact.
    pub contact_number: Option<Whole>,
    /// Where it stands; its words are inferred.
    pub state: Option<Words>,
}
