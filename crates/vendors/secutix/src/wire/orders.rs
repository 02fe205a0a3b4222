//! `ExternalOrderFacade` and `ExternalOrderService` (`secutix.md §3.3`, §3.4, §4.3).

use std::collections::BTreeMap;

use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};

use crate::facts::AttributionOrder;
use crate::wire::{CurrencyCash, FACADE, LenientInt, LenientList, LenientString, Method, ORDER};

/// Pays a cart and closes it as a sale.
pub(crate) const CREATE_PAYMENTS_AND_CLOSE_ORDER: Method =
    Method { service: FACADE, name: "createPaymentsAndCloseOrder" };
/// Creates a cart or adds to one.
pub(crate) const CREATE_OR_UPDATE_ORDER: Method = Method { service: FACADE, name: "createOrUpdateOrder" };
/// Closes a cart as a sale.
pub(crate) const CLOSE_ORDER: Method = Method { service: ORDER, name: "closeOrder" };
/// Reads a cart or a sale.
pub(crate) const GET_ORDER_DETAILS: Method = Method { service: ORDER, name: "getOrderDetails" };
/// Removes movements from a cart.
pub(crate) const ABANDON_MOVEMENTS: Method = Method { service: ORDER, name: "abandonMovements" };
/// Cancels movements of a sale.
pub(crate) const CANCEL_OPERATIONS: Method = Method { service: ORDER, name: "cancelOperations" };

/// Order type of a plain sale.
pub(crate) const SALE: &str = "SALE";

/// The contact that an order is associated with.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ContactData {
    /// Number of the contact.
    pub contact_reference: String,
}

/// Parameters of `createOrUpdateOrder`, in their documented order.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateOrder {
    /// Id of the request that was `in_progress`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<i64>,
    /// Mandatory.
    pub point_of_sales_id: i64,
    /// [`SALE`].
    pub order_type: &'static str,
    /// The technical contact as purchaser.
    pub purchasers_info: Vec<ContactData>,
    /// Our reference.
    pub external_reference: String,
    /// Seats.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub single_entry_attribution_operations: Vec<SingleEntry>,
    /// Passes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub simple_product_operations: Vec<SimpleProduct>,
    /// Mandatory in old versions.
    pub is_resume_all_option_operations: bool,
    /// Mandatory in old versions.
    pub is_resume_all_reservation_operations: bool,
}

/// Seats that the vendor chooses.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SingleEntry {
    /// Date, seat category, tariff and quantity.
    pub operation_attributions: Vec<Attribution>,
}

/// A number of seats of a date, a seat category and a tariff.
#[derive(Debug)]
pub(crate) struct Attribution {
    /// The date.
    pub performance_id: i64,
    /// The seat category.
    pub seat_category_id: Option<i64>,
    /// The tariff.
    pub audience_sub_category_id: i64,
    /// Number of seats.
    pub quantity: u32,
    /// Order of the fields on the wire. It matters to SOAP only.
    pub order_of_fields: AttributionOrder,
}

impl Serialize for Attribution {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let length = if self.seat_category_id.is_some() { 4 } else { 3 };
        let mut fields = serializer.serialize_struct("Attribution", length)?;
        if self.order_of_fields == AttributionOrder::AudienceFirst {
            fields.serialize_field("audienceSubCategoryId", &self.audience_sub_category_id)?;
            fields.serialize_field("quantity", &self.quantity)?;
        }
        fields.serialize_field("performanceId", &self.performance_id)?;
        match &self.seat_category_id {
            Some(category) => fields.serialize_field("seatCategoryId", category)?,
            None => fields.skip_field("seatCategoryId")?,
        }
        if self.order_of_fields == AttributionOrder::PerformanceFirst {
            fields.serialize_field("audienceSubCategoryId", &self.audience_sub_category_id)?;
            fields.serialize_field("quantity", &self.quantity)?;
        }
        fields.end()
    }
}

/// A number of one item of a pass.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SimpleProduct {
    /// The item.
    pub item_id: i64,
    /// The tariff.
    pub audience_sub_category_id: i64,
    /// Number of items.
    pub quantity: u32,
}

/// Result of `createOrUpdateOrder`, `abandonMovements` and `cancelOperations`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct OrderUpdateResult {
    /// The data field.
    pub order_update_data: Option<OrderUpdate>,
}

/// Changes of an order: a delta, never the whole order (`secutix.md §7`).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct OrderUpdate {
    /// The order.
    pub order_id: Option<LenientInt>,
    /// Secret id of the order.
    pub order_secret_id: Option<LenientString>,
    /// Expiry of the cart; not documented here, used if present.
    pub expiration_date: Option<LenientString>,
    /// The currency.
    pub catalog_currency: Option<CurrencyCash>,
    /// Operations created or changed.
    pub operation_data_updates: LenientList<OrderOperation>,
    /// Movements created or changed.
    pub movement_data_updates: LenientList<Movement>,
}

/// An operation: a line of an order.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct OrderOperation {
    /// Its id.
    pub operation_id: Option<LenientInt>,
    /// Number of seats.
    pub quantity: Option<LenientInt>,
    /// Price of one seat.
    pub unit_price: Option<LenientInt>,
    /// Price of all seats.
    pub total_amount: Option<LenientInt>,
    /// The product.
    pub product_id: Option<LenientInt>,
    /// The item of the pass.
    pub item_id: Option<LenientInt>,
    /// The date; in details only.
    pub performance_id: Option<LenientInt>,
    /// The seat category, if present.
    pub seat_category_id: Option<LenientInt>,
    /// The tariff.
    pub audience_sub_category_id: Option<LenientInt>,
    /// The contingent that its seats are taken from.
    pub contingent_id: Option<LenientInt>,
}

/// A movement: one seat.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Movement {
    /// Its id.
    pub movement_id: Option<LenientInt>,
    /// Its operation.
    pub operation_id: Option<LenientInt>,
    /// The contingent that its seat is taken from.
    pub contingent_id: Option<LenientInt>,
    /// Its ticket; the location of barcode and state is inferred (`secutix.md §8`).
    pub ticket_id: Option<LenientInt>,
    /// Barcode.
    #[serde(alias = "barCode")]
    pub barcode: Option<LenientString>,
    /// State of the ticket.
    pub ticket_state: Option<LenientString>,
    /// Alternative location of the three fields above.
    pub ticket: Option<MovementTicket>,
}

/// A ticket nested in its movement.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct MovementTicket {
    /// Its id.
    #[serde(alias = "id")]
    pub ticket_id: Option<LenientInt>,
    /// Barcode.
    #[serde(alias = "barCode")]
    pub barcode: Option<LenientString>,
    /// Its state.
    #[serde(alias = "state")]
    pub ticket_state: Option<LenientString>,
}

/// A ticket beside the movements, in a list whose name is inferred (`secutix.md §8`).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct OrderTicket {
    /// Its movement.
    pub movement_id: Option<LenientInt>,
    /// Its id.
    #[serde(alias = "id")]
    pub ticket_id: Option<LenientInt>,
    /// Barcode.
    #[serde(alias = "barCode")]
    pub barcode: Option<LenientString>,
    /// Its state.
    #[serde(alias = "state")]
    pub ticket_state: Option<LenientString>,
}

/// Parameters of `closeOrder`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CloseOrder {
    /// The order.
    pub order_id: i64,
    /// [`SALE`].
    pub order_type: &'static str,
    /// The technical contact as purchaser: one object here, a list in the facade.
    pub purchaser_info: ContactData,
    /// Payments; the field is inferred for this method.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub payments: Vec<Payment>,
    /// True to generate barcodes now.
    pub generate_bar_codes: bool,
    /// Zero, as in the samples.
    pub max_waiting_time: u32,
}

/// A payment.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Payment {
    /// The method.
    pub payment_method_id: i64,
    /// Amount.
    pub amount: i64,
}

/// Parameters of `createPaymentsAndCloseOrder` (`secutix.md §3.3`).
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PayAndClose {
    /// The order.
    pub order_id: i64,
    /// [`SALE`].
    pub order_type: &'static str,
    /// False: the order is no reservation.
    pub is_converted_reservation: bool,
    /// False: nothing is paid again.
    pub create_token: bool,
    /// Payments.
    pub payments: Vec<Payment>,
    /// The payer.
    pub payment_params: PaymentParams,
    /// The technical contact as purchaser.
    pub purchasers_info: Vec<ContactData>,
    /// Zero, as in the samples.
    pub max_waiting_time: u32,
}

/// Payer of a sale.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PaymentParams {
    /// Number of the contact.
    pub contact_number: String,
    /// Amount of all payments.
    pub total_amount: i64,
    /// Empty, as in the sample.
    pub payment_parameters_map: BTreeMap<String, String>,
}

/// Result of `closeOrder`. Its data field is inferred (`secutix.md §3.4`), so it may be absent.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct CloseOrderResult {
    /// The data field.
    pub order_data: Option<ClosedOrder>,
}

/// A closed order.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ClosedOrder {
    /// Its state.
    pub order_state: Option<LenientString>,
}

/// Parameters of `getOrderDetails`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OrderQuery {
    /// The order.
    pub order_id: i64,
    /// Detail of the response; the default of the vendor is not documented (`secutix.md §3.4`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub granularity: Option<String>,
}

/// Parameters of `abandonMovements`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AbandonMovements {
    /// The order.
    pub order_id: i64,
    /// The movements.
    pub movement_ids: Vec<i64>,
}

/// Parameters of `cancelOperations`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CancelOperations {
    /// The order.
    pub order_id: i64,
    /// The operations of the movements.
    pub operation_ids: Vec<i64>,
    /// The movements.
    pub movement_ids: Vec<i64>,
}

/// Result of `getOrderDetails`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct OrderDetailResult {
    /// The data field.
    pub order_details_data: Option<OrderDetails>,
}

/// An order.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct OrderDetails {
    /// Its id.
    pub order_id: Option<LenientInt>,
    /// Its state; only `CLOSED` is documented.
    pub order_state: Option<LenientString>,
    /// Expiry of a cart.
    pub expiration_date: Option<LenientString>,
    /// Total of all sale lines.
    pub sale_amount: Option<LenientInt>,
    /// The currency.
    pub catalog_currency: Option<CurrencyCash>,
    /// The operations.
    pub operation_datas: LenientList<OrderOperation>,
    /// The movements.
    pub movement_datas: LenientList<Movement>,
    /// Tickets beside the movements.
    pub ticket_datas: LenientList<OrderTicket>,
    /// The same under another name.
    pub tickets: LenientList<OrderTicket>,
}
