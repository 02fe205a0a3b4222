//! `ExternalAccessControlService`: what the gate did (`secutix.md §3.8`).

use serde::{Deserialize, Serialize};

use crate::wire::{ACCESS_CONTROL, List, Method, Words};

/// Tells what the gate did to one ticket.
pub const GET_CONTROLLED_TICKET: Method = Method { service: ACCESS_CONTROL, name: "getControlledTicket" };

/// The parameters of `getControlledTicket`. Holds a code: this type has no `Debug`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ControlledTicketQuery<'a> {
    /// A code, or the number of the ticket.
    pub bar_code_or_tax_number: &'a str,
}

/// The answer of `getControlledTicket`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ControlledTicketResult {
    /// The ticket.
    pub controlled_ticket_data: Option<ControlledTicket>,
}

/// A ticket as the gate knows it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ControlledTicket {
    /// What was done to it, in order.
    pub control_operations: List<ControlOperation>,
}

/// Something that the gate did.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ControlOperation {
    /// What.
    pub control_operation_type: Option<Words>,
    /// When.
    pub operation_date_time: Option<Words>,
}
