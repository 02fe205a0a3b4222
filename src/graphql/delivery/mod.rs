//! Deliveries: the channels into mobile apps, where a ticket stands there, and asking for more.

mod app_delivery;
mod channel;
mod payload;

use crate::graphql::ctx::Ctx;
use crate::graphql::error::{Code, Fault};
use deliveries::Deliveries;

pub use app_delivery::AppDelivery;
pub use channel::DeliveryChannel;
pub use payload::DeliveryMutation;

impl Ctx {
    /// The room of deliveries.
    pub fn deliveries(&self) -> Result<&Deliveries, Fault> {
        self.services.deliveries.as_ref().ok_or_else(|| Fault::new(Code::UnsupportedBySource))
    }
}
