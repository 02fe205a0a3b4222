//! A ticket in a mobile app.

use async_graphql::{Enum, SimpleObject};
use deliveries::{Channel, Delivery};
use domain::mobile::AppTicketState;
use jiff::Timestamp;

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
#[derive(Debug, Clone, SimpleObject)]
pub struct AppDelivery {
    /// The app.
    app: String,
    /// The state of the ticket in the app.
    state: AppDeliveryState,
    /// The state as the app names it. Empty until the app has reported one.
    vendor_state: String,
    /// Time from which the app shows the code. Null if unknown.
    barcode_visible_from: Option<DateTime>,
    /// True if the two systems have disagreed for more than two cycles.
    drift: bool,
}

impl AppDelivery {
    /// Creates the state of a ticket in a channel. Without a delivery record the ticket waits for its first cycle.
    pub fn of(channel: &Channel, delivery: Option<&Delivery>, now: Timestamp) -> Self {
        Self {
            app: channel.app.app.to_owned(),
            state: delivery.and_then(|delivery| delivery.state).into(),
            vendor_state: delivery.map(|delivery| delivery.vendor_state.clone()).unwrap_or_default(),
            barcode_visible_from: delivery.and_then(|delivery| delivery.visible_from).map(DateTime::utc),
            drift: delivery.is_some_and(|delivery| delivery.has_drifted(now, channel.drift_tolerance())),
        }
    }
}
