//! Contacts, set-up and shipments, as far as readiness checks need them (`secutix.md §3.6`, §3.7, §3.9).

use serde_json::json;

use crate::secutix::book::Book;
use crate::secutix::method::{Desk, Outcome, Refusal};
use crate::secutix::voice::{Parameters, label};

/// `getContactData`.
pub(super) fn contact(book: &mut Book, desk: &Desk<'_>, call: &Parameters) -> Outcome {
    let number = call.id("contactNumber").filter(|number| desk.institution.contacts.contains(number));
    let number = number.filter(|number| !book.twists.forgotten_contacts.contains(number));
    let number = number.ok_or(Refusal("error.contact.notFound", "unknown contact"))?;
    Ok(json!({
        "contactId": number + 5_000, "contactNumber": number, "state": "ACTIVE", "type": "STRUCTURE", "role": "TECHNICAL",
        "guest": false, "authorizations": [{"type": "PENDING_ACCOUNT", "authorized": true}],
    }))
}

/// `listSeasons`: without tariffs and price levels, as observed.
pub(super) fn seasons(_: &mut Book, desk: &Desk<'_>, _: &Parameters) -> Outcome {
    let season = &desk.institution.season;
    Ok(json!({"seasons": [{
        "id": season.id, "code": season.code, "state": "RUNNING", "externalName": label(&season.name),
        "start": desk.voice.instant(season.start), "end": desk.voice.instant(season.end),
    }]}))
}

/// `getAvailableShipmentModes`.
pub(super) fn shipment_modes(_: &mut Book, _: &Desk<'_>, call: &Parameters) -> Outcome {
    if call.id("pointOfSalesId").is_none() || call.text("shipmentContents").is_none() {
        return Err(Refusal("error.shipment", "pointOfSalesId and shipmentContents are mandatory"));
    }
    let mode = json!({
        "id": 97_001, "code": "PAH", "contactAddressRequired": false, "deliveryTimeInDays": null, "catalogTypes": ["TICKETING"],
    });
    Ok(json!({ "shipmentModes": [mode] }))
}
