//! Table of the emulated methods: service, name, result class, and implementation (`secutix.md §3`).

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::secutix::encoding::{Encoder, Parameters};
use crate::secutix::state::SecutixState;
use crate::secutix::world::Institution;
use crate::secutix::{access, availability, catalog, orders, reference_data, tickets};

/// The caller's institution and the time of the call.
pub(super) struct CallContext<'a> {
    pub institution: &'a Institution,
    pub now: Timestamp,
    pub encoder: Encoder,
}

/// An error of a method: code and human-readable message.
#[derive(Debug)]
pub(super) struct MethodError(pub &'static str, pub &'static str);

/// Data of a result, without the fields that all results share.
pub(super) type MethodResult = Result<Value, MethodError>;

/// An emulated method.
pub(super) struct Method {
    /// Service name in JSON paths.
    pub service: &'static str,
    /// Method name.
    pub name: &'static str,
    /// Result class, the element name in SOAP.
    pub class: &'static str,
    /// Name of the data field, `null` in an error.
    pub data: &'static str,
    /// Implementation.
    pub run: fn(&mut SecutixState, &CallContext<'_>, &Parameters) -> MethodResult,
}

const fn method(
    service: &'static str,
    name: &'static str,
    class: &'static str,
    data: &'static str,
    update: fn(&mut SecutixState, &CallContext<'_>, &Parameters) -> MethodResult,
) -> Method {
    Method { service, name, class, data, run: update }
}

const CATALOG: &str = "catalogService";
const AVAILABILITY: &str = "availabilityService";
const FACADE: &str = "externalOrderFacade";
const ORDER: &str = "externalOrderService";
const HISTORY: &str = "externalOrderHistoryService";
const ACCESS: &str = "externalAccessControlService";

/// All methods. Undocumented result classes are INFERRED (`secutix.md §3`).
pub(super) const METHODS: &[Method] = &[
    method(CATALOG, "isCatalogServiceAlive", "WebMethodResult", "", |_, _, _| Ok(json!({}))),
    method(CATALOG, "getPOSConfig", "POSConfigResult", "posConfigData", catalog::pos_config),
    method(CATALOG, "getCatalogDetailed", "CatalogResultDetailed", "catalogData", catalog::catalog_detailed),
    method(CATALOG, "getLastSetupUpdate", "LastSetupUpdateResult", "", catalog::last_setup_update),
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
    method("setupService", "listSeasons", "SeasonsResult", "seasons", reference_data::seasons),
    method(
        "shipmentPublicService",
        "getAvailableShipmentModes",
        "ShipmentModesDetailedData",
        "shipmentModes",
        reference_data::shipment_modes,
    ),
    method("contactInformationPublicService", "getContactData", "ContactDataResult", "", reference_data::contact),
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
    /// Finds a method by service and name, the same in both transports.
    pub(super) fn find(service: &str, name: &str) -> Option<&'static Self> {
        METHODS.iter().find(|method| method.service.eq_ignore_ascii_case(service) && method.name == name)
    }

    /// Builds the complete result: the shared fields first, then the data (`secutix.md §2.6`).
    pub(super) fn result(&self, outcome: MethodResult) -> Value {
        let mut result = json!({"statusCode": "success", "requestId": null, "statusDetail": null});
        match outcome {
            Ok(Value::Object(data)) => {
                if let Some(result) = result.as_object_mut() {
                    result.extend(data);
                }
            }
            Ok(_) => {}
            Err(MethodError(code, message)) => {
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
