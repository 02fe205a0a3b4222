//! Wire types of requests that TIXnGO documents (`tixngo.md §4.1` to `§4.6`).

use serde::Serialize;
use serde_json::Value;

use crate::assumptions::{PurchaseDetails, Security, TicketDetails, TransferRules};

/// A push of many tickets.
#[derive(Serialize)]
pub(super) struct Tickets<T> {
    pub tickets: Vec<T>,
}

/// A ticket to inject (`§4.1`). Contains a barcode, so this type has no `Debug`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Ticket<'a> {
    pub ticket_id: &'a str,
    pub event: Event<'a>,
    pub purchase_details: PurchaseDetails<'a>,
    pub security: Security<'a>,
    pub spectator_details: Spectator<'a>,
    pub activation_parameters: Activation<'a>,
    pub ticket_details: TicketDetails<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transfer_rules: Option<TransferRules>,
}

/// The event of a ticket (`§4.2`). Texts are plain or maps by language.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Event<'a> {
    pub id: &'a str,
    pub name: Value,
    pub address: Address<'a>,
    pub start_time: String,
    pub expiration_date: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub website: Option<&'a str>,
    pub metadata: [(); 0],
}

/// Address of an event.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Address<'a> {
    pub site: Value,
    pub city: Value,
    pub country_code: &'a str,
    pub zip: &'a str,
}

/// Holder of a ticket (`§4.5`).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Spectator<'a> {
    pub email: &'a str,
    pub first_name: String,
    pub last_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<&'a str>,
}

/// Time from which the barcode may be shown (`§4.6`).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Activation<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_id: Option<&'a str>,
    pub method: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
}
