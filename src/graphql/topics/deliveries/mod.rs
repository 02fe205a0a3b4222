//! Deliveries: channels to mobile apps, the state of tickets in them, and deliveries on demand.

mod app_delivery;
mod channel;
mod payload;
mod queue;

use deliveries::Deliveries;

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::error::{ApiError, ErrorCode};

pub use app_delivery::AppDelivery;
pub use channel::DeliveryChannel;
pub use payload::DeliveryMutation;

impl Ctx {
    /// Returns the delivery service, or an error if it is not configured.
    pub fn deliveries(&self) -> Result<&Deliveries, ApiError> {
        self.services.deliveries.as_ref().ok_or_else(|| ApiError::new(ErrorCode::UnsupportedBySource))
    }
}
