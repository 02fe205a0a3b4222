//! `ExternalAccessControlService`: access control operations (`secutix.md §3.8`).

use serde::{Deserialize, Serialize};

use crate::wire::{ACCESS_CONTROL, LenientList, LenientString, Method};

/// Lists the control operations of one ticket.
pub(crate) const GET_CONTROLLED_TICKET: Method = Method { service: ACCESS_CONTROL, name: "getControlledTicket" };

/// Parameters of `getControlledTicket`. Contains a barcode, so this type has no `Debug`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ControlledTicketQuery<'a> {
    /// A barcode or ticket number.
    pub bar_code_or_tax_number: &'a str,
}

/// Result of `getControlledTicket`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ControlledTicketResult {
    /// The ticket.
    pub controlled_ticket_data: Option<ControlledTicket>,
}

/// A ticket in access control.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ControlledTicket {
    /// Its control operations, in order.
    pub control_operations: LenientList<ControlOperation>,
}

/// A control operation.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ControlOperation {
    /// Its type.
    pub control_operation_type: Option<LenientString>,
    /// Its time.
    pub operation_date_time: Option<LenientString>,
}
