//! Contacts, seasons and shipment modes, as far as readiness checks need them (`secutix.md §3.6`, §3.7, §3.9).

use serde_json::json;

use crate::secutix::encoding::{Parameters, localized};
use crate::secutix::method::{CallContext, MethodError, MethodResult};
use crate::secutix::state::SecutixState;

/// `getContactData`.
pub(super) fn contact(state: &mut SecutixState, context: &CallContext<'_>, call: &Parameters) -> MethodResult {
    let number = call.id("contactNumber").filter(|number| context.institution.contacts.contains(number));
    let number = number.filter(|number| !state.overrides.removed_contacts.contains(number));
    let is_authorized = number.is_some_and(|number| !state.overrides.unauthorized_contacts.contains(&number));
    let number = number.ok_or(MethodError("error.contact.notFound", "unknown contact"))?;
    // The form of the permissions is INFERRED.
    Ok(json!({
        "contactId": number + 5_000, "contactNumber": number, "state": "ACTIVE", "type": "STRUCTURE", "role": "TECHNICAL",
        "guest": false, "authorizations": [{"type": "PENDING_ACCOUNT", "authorized": is_authorized}],
    }))
}

/// `listSeasons`: omits tariffs and price levels, as observed.
pub(super) fn seasons(_: &mut SecutixState, context: &CallContext<'_>, _: &Parameters) -> MethodResult {
    let season = &context.institution.season;
    Ok(json!({"seasons": [{
        "id": season.id, "code": season.code, "state": "RUNNING", "externalName": localized(&season.name),
        "start": context.encoder.instant(season.start), "end": context.encoder.instant(season.end),
    }]}))
}

/// `getAvailableShipmentModes`.
pub(super) fn shipment_modes(_: &mut SecutixState, _: &CallContext<'_>, call: &Parameters) -> MethodResult {
    if call.id("pointOfSalesId").is_none() || call.text("shipmentContents").is_none() {
        return Err(MethodError("error.shipment", "pointOfSalesId and shipmentContents are mandatory"));
    }
    let mode = json!({
        "id": 97_001, "code": "PAH", "contactAddressRequired": false, "deliveryTimeInDays": null, "catalogTypes": ["TICKETING"],
    });
    Ok(json!({ "shipmentModes": [mode] }))
}
