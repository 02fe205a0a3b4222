//! The port of a mobile ticketing app: delivers tickets to phones and reads their status.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use crate::error::{Batch, VendorError};
use crate::ids::{Key, SourceId};
use crate::money::Money;
use crate::text::{Locale, LocalizedText};

/// Marker type for keys of tickets in a mobile app.
pub enum OfAppTicket {}
/// Key of a ticket in a mobile app, chosen by this service. Sending the same key again updates the same ticket. At most 256
/// letters, digits, blanks and `*.-_+/()`.
pub type AppTicketKey = Key<OfAppTicket>;

/// The event of a ticket in the app. Sent with each ticket: the first one creates the event in the app, later ones update it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppEvent {
    /// Id of the event in the app. Never changes.
    pub id: String,
    /// Name.
    pub name: LocalizedText,
    /// Venue.
    pub site: LocalizedText,
    /// City.
    pub city: LocalizedText,
    /// Two-letter ISO 3166 country code.
    pub country_code: String,
    /// Postal code.
    pub zip: String,
    /// Start.
    pub starts_at: Timestamp,
    /// Time after which the tickets of the event can no longer be used.
    pub expires_at: Timestamp,
    /// Web page of the event.
    pub website: Option<String>,
}

/// Holder of the wallet that receives a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppHolder {
    /// Email address that identifies the wallet.
    pub email: String,
    /// First name, at most 50 characters.
    pub first_name: String,
    /// Last name, at most 100 characters.
    pub last_name: String,
    /// Phone number.
    pub phone: Option<String>,
    /// Preferred language of the holder in the app.
    pub language: Option<Locale>,
}

/// A ticket as sent to the app.
#[derive(Debug, Clone)]
pub struct AppTicket {
    /// Key in the app.
    pub key: AppTicketKey,
    /// Event.
    pub event: AppEvent,
    /// Holder of the receiving wallet.
    pub holder: AppHolder,
    /// Price paid.
    pub price: Option<Money>,
    /// Ticket category, e.g. ADULT.
    pub category: Option<String>,
    /// Ticket number for searching.
    pub ticket_number: String,
    /// Barcode for admission. Secret: the app hides it until activation.
    pub barcode: SecretString,
    /// Labels and values that describe the seat, in display order: gate, block, row, seat.
    pub seating: Vec<(String, String)>,
    /// Time from which the barcode may be shown. `None` leaves it to the app.
    pub visible_from: Option<Timestamp>,
    /// Activation group: tickets of one group are activated together.
    pub group: Option<String>,
    /// Groups tickets that were sent together.
    pub file: Option<String>,
    /// Maximum number of transfers. `None` leaves it to the app.
    pub max_transfers: Option<u32>,
}

/// Request to remove a ticket from all wallets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppCancellation {
    /// Key of the ticket.
    pub key: AppTicketKey,
    /// Reason code. The same ticket may be sent again with a different reason.
    pub reason: String,
    /// True if the holder is to be notified.
    pub notify_holder: bool,
}

/// Report that a ticket was used at the gate. The ticket can no longer be transferred.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppControl {
    /// Key of the ticket.
    pub key: AppTicketKey,
    /// Time of the control.
    pub controlled_at: Timestamp,
}

/// State of a ticket in the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum AppTicketState {
    /// Injected, but not downloaded by a phone yet.
    Injected,
    /// In the holder's wallet.
    Downloaded,
    /// In the wallet, assigned to a guest.
    Assigned,
    /// Being transferred to another holder.
    TransferPending,
    /// Transferred to another holder.
    Transferred,
    /// The barcode can be shown.
    Activated,
    /// Used at the gate.
    Controlled,
    /// Deletion requested, but not confirmed yet.
    DeletionPending,
    /// Deleted.
    Deleted,
}

impl AppTicketState {
    /// Returns the name used in the store and the GraphQL schema.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// State change that follows from a status of the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AppStateUpdate {
    /// The ticket has this state.
    Is(AppTicketState),
    /// A transfer failed: the ticket has its previous state.
    TransferReverted,
    /// Unknown status: the state stays as it is.
    Unknown,
}

impl AppStateUpdate {
    /// Returns the state of a ticket whose state was `before`. A ticket whose transfer failed has the state in which its
    /// owner had it.
    pub fn apply_to(self, before: Option<AppTicketState>) -> Option<AppTicketState> {
        match (self, before) {
            (Self::Is(state), _) => Some(state),
            (Self::TransferReverted, None | Some(AppTicketState::TransferPending)) => Some(AppTicketState::Downloaded),
            (Self::TransferReverted | Self::Unknown, before) => before,
        }
    }
}

/// Status of a ticket as reported by the app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppTicketStatus {
    /// Key of the ticket.
    pub key: AppTicketKey,
    /// State change that follows from the status.
    pub update: AppStateUpdate,
    /// Status in the app's own term.
    pub vendor_state: String,
    /// Time of the last change.
    pub updated_at: Option<Timestamp>,
    /// Email address of the owner or, while a transfer is pending, of the recipient.
    pub owner_email: Option<String>,
    /// Name of the owner, or of the guest to whom the ticket was assigned.
    pub holder_name: Option<String>,
    /// Number of transfers so far.
    pub transfers: Option<u32>,
}

/// A page of the status feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppStatusPage {
    /// Current status of each ticket, in feed order.
    pub statuses: Vec<AppTicketStatus>,
    /// Cursor of the next page. Must be stored after the statuses of this page, never before.
    pub next_cursor: Option<String>,
    /// True if the feed currently has no further page.
    pub is_caught_up: bool,
}

/// Delivers tickets to a mobile app.
///
/// The result of a batch contains every requested ticket: success is per ticket, never per call. A ticket that the app
/// rejected is
/// `Rejected` or `NotFound` and is never resent automatically. After any other error it may be resent with the same key.
#[async_trait]
pub trait MobileApp: Send + Sync {
    /// Injects tickets. An existing ticket is updated and keeps its owner and status. Returns the resulting state of each
    /// ticket.
    async fn inject(&self, tickets: &[AppTicket]) -> Batch<AppTicketKey, AppStateUpdate>;

    /// Requests the deletion of tickets. Idempotent.
    async fn cancel(&self, tickets: &[AppCancellation]) -> Batch<AppTicketKey, AppStateUpdate>;

    /// Reports tickets as used at the gate.
    async fn control(&self, tickets: &[AppControl]) -> Batch<AppTicketKey, AppStateUpdate>;

    /// Reads one page of the status feed after the cursor `after`, or from the beginning if it is `None`. Must never run
    /// concurrently: the feed supports a single reader.
    async fn read_changes(&self, after: Option<&str>) -> Result<AppStatusPage, VendorError>;

    /// Loads the status of one ticket.
    async fn load_status(&self, ticket: &AppTicketKey) -> Result<AppTicketStatus, VendorError>;
}

/// Identity of an event in the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppEventIdentity {
    /// Each performance is an event, with its own start.
    Performance,
    /// The product is one event: a later performance moves its start.
    Product,
}

/// Effect of sending a ticket again whose first response was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reinjection {
    /// The ticket is updated.
    Update,
    /// It is refused, because the app has the ticket.
    Refused,
    /// A second ticket may be made: it is sent again only if the app certainly has none.
    NewTicket,
}

/// Rules of an app that decide what is sent to it, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AppRules {
    /// Identity of an event.
    pub event_identity: AppEventIdentity,
    /// Validity of a pass whose product has none. `None`: such a ticket is not sent.
    pub pass_validity: Option<Duration>,
    /// Effect of sending a ticket again.
    pub reinjection: Reinjection,
    /// Maximum number of times that a ticket is sent with an unknown outcome.
    pub max_injections: u32,
}

/// One configured delivery channel, which delivers the tickets of a source to an app.
#[derive(Clone)]
pub struct AppChannel {
    /// Key in the configuration.
    pub id: String,
    /// Name of the app in the vendor registry.
    pub app: &'static str,
    /// Source whose tickets are delivered.
    pub source: SourceId,
    /// Maximum number of tickets per vendor call. Larger batches are split.
    pub max_batch: usize,
    /// Rules of the app.
    pub rules: AppRules,
    /// Port of the app.
    pub port: Arc<dyn MobileApp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_transfer_restores_the_state_in_which_the_owner_had_the_ticket() {
        let reverted = |before| AppStateUpdate::TransferReverted.apply_to(before);
        assert_eq!(reverted(Some(AppTicketState::TransferPending)), Some(AppTicketState::Downloaded));
        assert_eq!(reverted(Some(AppTicketState::Controlled)), Some(AppTicketState::Controlled));
        assert_eq!(AppStateUpdate::Unknown.apply_to(Some(AppTicketState::Activated)), Some(AppTicketState::Activated));
        assert_eq!(AppStateUpdate::Unknown.apply_to(None), None);
        assert_eq!(AppStateUpdate::Is(AppTicketState::Deleted).apply_to(None), Some(AppTicketState::Deleted));
    }
}
