//! The methods that the emulator has: service, name, result class, and the function that answers (`secutix.md §3`).

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::secutix::book::Book;
use crate::secutix::voice::{Parameters, Voice};
use crate::secutix::world::Institution;
use crate::secutix::{access, availability, catalog, orders, others, tickets};

/// Who calls, and when.
pub(super) struct Desk<'a> {
    pub institution: &'a Institution,
    pub now: Timestamp,
    pub voice: Voice,
}

/// A refusal: a code, and what people would read.
#[derive(Debug)]
pub(super) struct Refusal(pub &'static str, pub &'static str);

/// The data of a result, without the fields that all results share.
pub(super) type Outcome = Result<Value, Refusal>;

/// A method.
pub(super) struct Method {
    /// The service as JSON addresses write it.
    pub service: &'static str,
    /// The name on the wire.
    pub name: &'static str,
    /// The class that SOAP wraps the result in.
    pub class: &'static str,
    /// The data field, `null` in a refusal.
    pub data: &'static str,
    /// Answers a call.
    pub answer: fn(&mut Book, &Desk<'_>, &Parameters) -> Outcome,
}

const fn method(
    service: &'static str,
    name: &'static str,
    class: &'static str,
    data: &'static str,
    answer: fn(&mut Book, &Desk<'_>, &Parameters) -> Outcome,
) -> Method {
    Method { service, name, class, data, answer }
}

const CATALOG: &str = "catalogService";
const AVAILABILITY: &str = "availabilityService";
const FACADE: &str = "externalOrderFacade";
const ORDER: &str = "externalOrderService";
const HISTORY: &str = "externalOrderHistoryService";
const ACCESS: &str = "externalAccessControlService";

/// All of them. Classes that are not attested are inferred (`secutix.md §3`).
pub(super) const METHODS: &[Method] = &[
    method(CATALOG, "isCatalogServiceAlive", "WebMethodResult", "", |_, _, _| Ok(json!({}))),
    method(CATALOG, "getPOSConfig", "POSConfigResult", "posConfigData", catalog::pos_config),
    method(CATALOG, "getCatalogDetailed", "CatalogResultDetailed", "catalogData", catalog::detailed),
    method(CATALOG, "getLastSetupUpdate", "LastSetupUpdateResult", "", catalog::last_update),
    method(
        AVAILABILITY,
        "getEventAvailability",
        "EventAvailabilityResult",
        "eventAvailabilityData",
        availability::events,
    ),
    method(
        AVAILABILITY,
        "getPerformanceAvailability",
        "EventAvailabilityResult",
        "eventAvailabilityData",
        availability::events,
    ),
    method(
        AVAILABILITY,
        "getProductAvailability",
        "ProductAvailabilityResult",
        "productAvailabilityData",
        availability::products,
    ),
    method(
        AVAILABILITY,
        "getUpdatedAvailabilities",
        "AvailabilityUpdateResult",
        "availabilityUpdateData",
        availability::updated,
    ),
    method(FACADE, "createOrUpdateOrder", "OrderUpdateResult", "orderUpdateData", orders::create_or_update),
    method(FACADE, "createPaymentsAndCloseOrder", "CreatePaymentsResult", "orderData", orders::pay_and_close),
    method(ORDER, "closeOrder", "CloseOrderResult", "orderData", orders::close),
    method(ORDER, "getOrderDetails", "OrderDetailResult", "orderDetailsData", orders::details),
    method(ORDER, "abandonMovements", "OrderUpdateResult", "orderUpdateData", orders::abandon),
    method(ORDER, "cancelOperations", "OrderUpdateResult", "orderUpdateData", orders::cancel),
    method(ORDER, "updateExternalReferences", "WebMethodResult", "", orders::set_reference),
    method(ORDER, "getExternalReference", "ExternalReferenceResult", "externalReferences", orders::references),
    method(ORDER, "getFileDetails", "FileDetailResult", "fileDetailsData", orders::file),
    method(ORDER, "getFileDetailsFromOrderSecretId", "FileDetailResult", "fileDetailsData", orders::file),
    method(HISTORY, "listTicketsByCriteria", "TicketSummariesResult", "ticketSummaries", tickets::list),
    method(HISTORY, "countFilesByCriteria", "CountFilesResult", "count", tickets::count),
    method("setupService", "listSeasons", "SeasonsResult", "seasons", others::seasons),
    method(
        "shipmentPublicService",
        "getAvailableShipmentModes",
        "ShipmentModesDetailedData",
        "shipmentModes",
        others::shipment_modes,
    ),
    method("contactInformationPublicService", "getContactData", "ContactDataResult", "", others::contact),
    method(ACCESS, "exportList", "AccessControlListResult", "accessControlListData", access::export),
    method(ACCESS, "getControlledTicket", "ControlledTicketResult", "controlledTicketData", access::controlled),
    method(ACCESS, "importControlledTicket", "WebMethodResult", "", access::import),
    method(ACCESS, "burnTicket", "WebMethodResult", "", access::burn),
    method(ACCESS, "getTimeZone", "TimeZoneResult", "timeZone", access::time_zone),
    method(
        ACCESS,
        "getAccessControlCatalog",
        "AccessControlCatalogResult",
        "accessControlCatalogData",
        access::catalog,
    ),
];

impl Method {
    /// The method of a service, under the name that either transport uses.
    pub fn find(service: &str, name: &str) -> Option<&'static Self> {
        METHODS.iter().find(|method| method.service.eq_ignore_ascii_case(service) && method.name == name)
    }

    /// The whole result: the shared fields first, then the data (`secutix.md §2.6`).
    pub fn result(&self, outcome: Outcome) -> Value {
        let mut result = json!({"statusCode": "success", "requestId": null, "statusDetail": null});
        match outcome {
            Ok(Value::Object(data)) => {
                if let Some(result) = result.as_object_mut() {
                    result.extend(data);
                }
            }
            Ok(_) => {}
            Err(Refusal(code, message)) => {
                result["statusCode"] = json!(code);
                if !self.data.is_empty() {
                    result[self.data] = Value::Null;
                }
                if self.class == "OrderUpdateResult" {
                    result["expectedException"] = json!(true);
                    result["statusMessage"] = json!(message);
                } else {
                    result["statusDetail"] = json!(message);
                }
            }
        }
        result
    }
}
