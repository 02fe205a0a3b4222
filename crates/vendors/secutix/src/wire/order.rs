//! `ExternalOrderFacade` and `ExternalOrderService` (`secutix.md §3.3`, §3.4, §4.3).

use serde::{Deserialize, Serialize};

use crate::wire::{CurrencyCash, FACADE, List, Method, ORDER, Whole, Words};

/// Makes a cart, or adds to one.
pub const CREATE_OR_UPDATE_ORDER: Method = Method { service: FACADE, name: "createOrUpdateOrder" };
/// Sells a cart.
pub const CLOSE_ORDER: Method = Method { service: ORDER, name: "closeOrder" };
/// Reads a cart or a sale.
pub const GET_ORDER_DETAILS: Method = Method { service: ORDER, name: "getOrderDetails" };
/// Takes places out of a cart.
pub const ABANDON_MOVEMENTS: Method = Method { service: ORDER, name: "abandonMovements" };
/// Cancels places.
pub const CANCEL_OPERATIONS: Method = Method { service: ORDER, name: "cancelOperations" };

/// The order type of a plain sale.
pub const SALE: &str = "SALE";

/// The contact that an order hangs on.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ContactData {
    /// The number of the contact.
    pub contact_reference: String,
}

/// The parameters of `createOrUpdateOrder`, in their documented order.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateOrder {
    /// The request that was `in_progress`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<i64>,
    /// Mandatory.
    pub point_of_sales_id: i64,
    /// [`SALE`].
    pub order_type: &'static str,
    /// Who buys: the technical contact.
    pub purchasers_info: Vec<ContactData>,
    /// Our reference.
    pub external_reference: String,
    /// Places.
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

/// Places that the vendor chooses.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SingleEntry {
    /// Which and how many.
    pub operation_attributions: Vec<Attribution>,
}

/// So many places of a date, a part of the hall and a tariff.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Attribution {
    /// The date.
    pub performance_id: i64,
    /// The part of the hall.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seat_category_id: Option<i64>,
    /// The tariff.
    pub audience_sub_category_id: i64,
    /// How many.
    pub quantity: u32,
}

/// So many of a thing of a pass.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SimpleProduct {
    /// The thing.
    pub item_id: i64,
    /// The tariff.
    pub audience_sub_category_id: i64,
    /// How many.
    pub quantity: u32,
}

/// The answer of `createOrUpdateOrder`, `abandonMovements` and `cancelOperations`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OrderUpdateResult {
    /// The data field.
    pub order_update_data: Option<OrderUpdate>,
}

/// What changed in an order: a delta, never the whole (`secutix.md §7`).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OrderUpdate {
    /// The order.
    pub order_id: Option<Whole>,
    /// Another name of the order.
    pub order_secret_id: Option<Words>,
    /// When the cart ends; not documented here, taken where it comes.
    pub expiration_date: Option<Words>,
    /// The currency.
    pub catalog_currency: Option<CurrencyCash>,
    /// Lines made or changed.
    pub operation_data_updates: List<Operation>,
    /// Places made or changed.
    pub movement_data_updates: List<Movement>,
}

/// A line of an order.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Operation {
    /// Its id.
    pub operation_id: Option<Whole>,
    /// How many places.
    pub quantity: Option<Whole>,
    /// Thousandths, one place.
    pub unit_price: Option<Whole>,
    /// Thousandths, all places.
    pub total_amount: Option<Whole>,
    /// The product.
    pub product_id: Option<Whole>,
    /// The thing of the pass.
    pub item_id: Option<Whole>,
    /// The date; in details only.
    pub performance_id: Option<Whole>,
    /// The part of the hall, where told.
    pub seat_category_id: Option<Whole>,
    /// The tariff.
    pub audience_sub_category_id: Option<Whole>,
}

/// A place.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Movement {
    /// Its id.
    pub movement_id: Option<Whole>,
    /// Its line.
    pub operation_id: Option<Whole>,
    /// Its ticket; where barcode and state stand is inferred (`secutix.md §8`).
    pub ticket_id: Option<Whole>,
    /// The code at the gate.
    #[serde(alias = "barCode")]
    pub barcode: Option<Words>,
    /// Where the ticket stands.
    pub ticket_state: Option<Words>,
    /// The same three, one level down.
    pub ticket: Option<MovementTicket>,
}

/// A ticket below its movement.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MovementTicket {
    /// Its id.
    #[serde(alias = "id")]
    pub ticket_id: Option<Whole>,
    /// The code at the gate.
    #[serde(alias = "barCode")]
    pub barcode: Option<Words>,
    /// Where it stands.
    #[serde(alias = "state")]
    pub ticket_state: Option<Words>,
}

/// The parameters of `closeOrder`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CloseOrder {
    /// The order.
    pub order_id: i64,
    /// [`SALE`].
    pub order_type: &'static str,
    /// Who buys: one object here, a list in the facade.
    pub purchaser_info: ContactData,
    /// How it is paid; the field is inferred for this method.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub payments: Vec<Payment>,
    /// Whether codes are made now.
    pub generate_bar_codes: bool,
    /// Zero, as in the samples.
    pub max_waiting_time: u32,
}

/// A payment.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Payment {
    /// The method.
    pub payment_method_id: i64,
    /// Thousandths.
    pub amount: i64,
}

/// The answer of `closeOrder`: its data member is not attested, so nothing of it is read.
#[derive(Debug, Default, Deserialize)]
pub struct CloseOrderResult {}

/// Names an order.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderQuery {
    /// The order.
    pub order_id: i64,
}

/// The parameters of `abandonMovements`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AbandonMovements {
    /// The order.
    pub order_id: i64,
    /// The places.
    pub movement_ids: Vec<i64>,
}

/// The parameters of `cancelOperations`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CancelOperations {
    /// The order.
    pub order_id: i64,
    /// The lines of the places.
    pub operation_ids: Vec<i64>,
    /// The places.
    pub movement_ids: Vec<i64>,
}

/// The answer of `getOrderDetails`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OrderDetailResult {
    /// The data field.
    pub order_details_data: Option<OrderDetails>,
}

/// An order.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OrderDetails {
    /// Its id.
    pub order_id: Option<Whole>,
    /// Where it stands; only `CLOSED` is attested.
    pub order_state: Option<Words>,
    /// When a cart ends.
    pub expiration_date: Option<Words>,
    /// Thousandths, all sale lines.
    pub sale_amount: Option<Whole>,
    /// The currency.
    pub catalog_currency: Option<CurrencyCash>,
    /// The lines.
    pub operation_datas: List<Operation>,
    /// The places.
    pub movement_datas: List<Movement>,
}
