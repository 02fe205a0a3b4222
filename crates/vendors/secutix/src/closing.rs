//! Closes a cart as a sale, and explains a refusal (`secutix.md §5.5`).

use std::collections::BTreeMap;

use domain::ordering::LegRequest;
use domain::{Effect, ErrorKind, ExternalRef, RefusalReason, VendorError, VendorOperation};

use crate::facts::{ClosePayments, OrderState};
use crate::map::orders::{self, kind};
use crate::map::point_of_sale::PointOfSale;
use crate::ordering::SecutixOrdering;
use crate::wire::LenientString;
use crate::wire::orders::{CloseOrder, ContactData, PayAndClose, Payment, PaymentParams, SALE};

impl SecutixOrdering {
    /// Closes a cart as a sale, at the price of the hold. Returns true if the response says that it is closed.
    pub(crate) async fn close_order(&self, leg: &LegRequest, order_id: i64, amount: i64) -> Result<bool, VendorError> {
        let operation = VendorOperation::Confirm;
        let point_of_sale = self.snapshots.point_of_sale(operation).await?;
        let payments = match point_of_sale.payment_method {
            _ if !self.client.facts().needs_payment_method() => Vec::new(),
            Some(payment_method_id) if amount > 0 => vec![Payment { payment_method_id, amount }],
            None if amount > 0 => return Err(self.client.rejected(operation, RefusalReason::PaymentDeclined, None)),
            _ => Vec::new(),
        };
        match self.send_close(self.contact(leg), order_id, amount, payments).await {
            Ok(state) => Ok(self.client.facts().order_state(state.as_ref()) == OrderState::Closed),
            Err(error) if matches!(error.kind, ErrorKind::Rejected(_) | ErrorKind::NotFound) => {
                self.explain_refused_close(error, &point_of_sale, order_id, amount).await
            }
            Err(error) => Err(error),
        }
    }

    async fn send_close(
        &self,
        contact: ContactData,
        order_id: i64,
        amount: i64,
        payments: Vec<Payment>,
    ) -> Result<Option<LenientString>, VendorError> {
        if self.client.facts().close_payments == ClosePayments::Facade {
            let close = PayAndClose {
                order_id,
                order_type: SALE,
                is_converted_reservation: false,
                create_token: false,
                payments,
                payment_params: PaymentParams {
                    contact_number: contact.contact_reference.clone(),
                    total_amount: amount,
                    payment_parameters_map: BTreeMap::new(),
                },
                purchasers_info: vec![contact],
                max_waiting_time: 0,
            };
            return self.client.pay_and_close(&close).await;
        }
        let close = CloseOrder {
            order_id,
            order_type: SALE,
            purchaser_info: contact,
            payments,
            // Tickets in the mobile app carry the barcodes too.
            generate_bar_codes: true,
            max_waiting_time: 0,
        };
        self.client.close_order(&close).await
    }

    /// Reads what became of an order whose close was refused, because hardly any code of a refusal is documented. True if it is
    /// closed: our request reached the vendor twice, or an earlier one after its look-up. Otherwise the reason, or the changed price
    /// if the payment no longer covers the order: the buyer agreed to the price of the hold (`secutix.md §5.4`).
    async fn explain_refused_close(
        &self,
        error: VendorError,
        point_of_sale: &PointOfSale,
        order_id: i64,
        amount: i64,
    ) -> Result<bool, VendorError> {
        let operation = VendorOperation::Confirm;
        let expired = || self.client.rejected(operation, RefusalReason::HoldExpired, None);
        let details = match self.order_details(operation, order_id).await {
            Ok(details) => details,
            Err(read) if read.kind == ErrorKind::NotFound => return Err(expired()),
            Err(_) => return Err(error.with_effect(Effect::Unknown)),
        };
        match self.client.facts().order_state(details.order_state.as_ref()) {
            OrderState::Closed => Ok(true),
            OrderState::Abandoned | OrderState::Canceled => Err(expired()),
            OrderState::Unknown => Err(error.with_effect(Effect::Unknown)),
            OrderState::Open => {
                let now = details.sale_amount.map(|total| total.0).filter(|now| *now != amount);
                let now = now.and_then(|now| self.money(operation, point_of_sale, &details, now).ok());
                let error = if error.kind == ErrorKind::NotFound { expired() } else { error };
                Err(now.map_or(error, |now| self.client.rejected(operation, RefusalReason::PriceChanged { now }, None)))
            }
        }
    }

    /// Returns the amount that a cart is closed with: that of the hold, or of the cart if the hold did not contain it.
    pub(crate) async fn amount_to_pay(&self, order_id: i64, refs: &[ExternalRef]) -> Result<i64, VendorError> {
        if let Some(amount) = orders::find_id(refs, kind::AMOUNT) {
            return Ok(amount);
        }
        let operation = VendorOperation::Confirm;
        let details = match self.order_details(operation, order_id).await {
            Err(error) if error.kind == ErrorKind::NotFound => {
                return Err(self.client.rejected(operation, RefusalReason::HoldExpired, None));
            }
            read => read?,
        };
        details
            .sale_amount
            .map(|total| total.0)
            .ok_or_else(|| self.client.error(operation, ErrorKind::Malformed).with_cause("the order has no saleAmount"))
    }
}
