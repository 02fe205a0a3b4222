//! A ticket in a mobile app.

use async_graphql::{Enum, SimpleObject};
use jiff::Timestamp;

use crate::graphql::scalars::DateTime;
use deliveries::{Channel, Parcel};
use domain::mobile::AppState;

/// Where a ticket stands in an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum AppDeliveryState {
    /// Not there.
    NotSent,
    /// There, not fetched by a phone yet.
    Injected,
    /// In the holder's wallet.
    Downloaded,
    /// In the wallet, under a guest's name.
    Assigned,
    /// On its way to somebody else.
    TransferPending,
    /// With somebody else.
    Transferred,
    /// Its code can be shown.
    Activated,
    /// Used at the gate; it never changes hands again.
    Controlled,
    /// To be deleted, not confirmed yet.
    DeletionPending,
    /// Deleted.
    Deleted,
}

impl From<Option<AppState>> for AppDeliveryState {
    fn from(state: Option<AppState>) -> Self {
        match state {
            None => Self::NotSent,
            Some(AppState::Injected) => Self::Injected,
            Some(AppState::Downloaded) => Self::Downloaded,
            Some(AppState::Assigned) => Self::Assigned,
            Some(AppState::TransferPending) => Self::TransferPending,
            Some(AppState::Transferred) => Self::Transferred,
            Some(AppState::Activated) => Self::Activated,
            Some(AppState::Controlled) => Self::Controlled,
            Some(AppState::DeletionPending) => Self::DeletionPending,
            Some(AppState::Deleted) => Self::Deleted,
        }
    }
}

/// A ticket in a mobile app.
#[derive(Debug, Clone, SimpleObject)]
pub struct AppDelivery {
    /// The app.
    app: String,
    /// Where the ticket stands there.
    state: AppDeliveryState,
    /// The same in the app's own word; empty while the app has said nothing.
    vendor_state: String,
    /// From when the app shows the code; null where nobody says so.
    barcode_visible_from: Option<DateTime>,
    /// The two systems disagree for longer than two cycles.
    drift: bool,
}

impl AppDelivery {
    /// A ticket on its way through a channel; without a parcel it waits for its first cycle.
    pub fn of(channel: &Channel, parcel: Option<&Parcel>, now: Timestamp) -> Self {
        Self {
            app: channel.app.app.to_owned(),
            state: parcel.and_then(|parcel| parcel.state).into(),
            vendor_state: parcel.map(|parcel| parcel.vendor_state.clone()).unwrap_or_default(),
            barcode_visible_from: parcel.and_then(|parcel| parcel.visible_from).map(DateTime::utc),
            drift: parcel.is_some_and(|parcel| parcel.drifts(now, channel.patience())),
        }
    }
}
