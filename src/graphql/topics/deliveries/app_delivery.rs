//! A ticket in a mobile app.

use async_graphql::{Enum, ID, Object};
use deliveries::{Channel, Delivery};
use domain::OrderKey;
use domain::mobile::AppTicketState;
use jiff::Timestamp;

use crate::graphql::base::id::delivery_id;
use crate::graphql::base::scalars::DateTime;

/// The state of a ticket in an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum AppDeliveryState {
    /// Not in the app.
    NotSent,
    /// In the app, not downloaded yet.
    Injected,
    /// In the holder's wallet.
    Downloaded,
    /// In the wallet, assigned to a guest.
    Assigned,
    /// Being transferred to another person.
    TransferPending,
    /// Transferred to another person.
    Transferred,
    /// The code can be shown.
    Activated,
    /// Used at the gate. It can no longer be transferred.
    Controlled,
    /// Deletion requested, not confirmed yet.
    DeletionPending,
    /// Deleted.
    Deleted,
}

impl From<Option<AppTicketState>> for AppDeliveryState {
    fn from(state: Option<AppTicketState>) -> Self {
        match state {
            None => Self::NotSent,
            Some(AppTicketState::Injected) => Self::Injected,
            Some(AppTicketState::Downloaded) => Self::Downloaded,
            Some(AppTicketState::Assigned) => Self::Assigned,
            Some(AppTicketState::TransferPending) => Self::TransferPending,
            Some(AppTicketState::Transferred) => Self::Transferred,
            Some(AppTicketState::Activated) => Self::Activated,
            Some(AppTicketState::Controlled) => Self::Controlled,
            Some(AppTicketState::DeletionPending) => Self::DeletionPending,
            Some(AppTicketState::Deleted) => Self::Deleted,
        }
    }
}

/// A ticket in a mobile app.
#[derive(Debug, Clone)]
pub struct AppDelivery {
    /// The order, and the index of the ticket in it.
    ticket: (OrderKey, usize),
    /// Key of the channel.
    pub channel: String,
    app: String,
    state: AppDeliveryState,
    vendor_state: String,
    visible_from: Option<DateTime>,
    has_drifted: bool,
}

impl AppDelivery {
    /// Creates the state of a ticket of an order in a channel. Without a delivery record the ticket waits for its first cycle.
    pub fn of(channel: &Channel, ticket: (OrderKey, usize), delivery: Option<&Delivery>, now: Timestamp) -> Self {
        Self {
            ticket,
            channel: channel.app.id.clone(),
            app: channel.app.app.to_owned(),
            state: delivery.and_then(|delivery| delivery.state).into(),
            vendor_state: delivery.map(|delivery| delivery.vendor_state.clone()).unwrap_or_default(),
            visible_from: delivery.and_then(|delivery| delivery.visible_from).map(DateTime::utc),
            has_drifted: delivery.is_some_and(|delivery| delivery.has_drifted(now, channel.drift_tolerance())),
        }
    }
}

/// A ticket in a mobile app.
#[Object]
impl AppDelivery {
    /// Global id of the delivery. Opaque.
    pub async fn id(&self) -> ID {
        delivery_id(self.ticket.0, self.ticket.1, &self.channel)
    }

    /// The app.
    async fn app(&self) -> &str {
        &self.app
    }

    /// The state of the ticket in the app.
    async fn state(&self) -> AppDeliveryState {
        self.state
    }

    /// The state as the app names it. Empty until the app has reported one.
    async fn vendor_state(&self) -> &str {
        &self.vendor_state
    }

    /// Time from which the app shows the code. Null if unknown.
    async fn barcode_visible_from(&self) -> Option<DateTime> {
        self.visible_from
    }

    /// True if the two systems have disagreed for more than two cycles.
    async fn drift(&self) -> bool {
        self.has_drifted
    }
}
