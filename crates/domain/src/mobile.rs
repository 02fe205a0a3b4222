//! The port of a mobile app: tickets handed over for delivery to phones, and where they stand there.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::error::{Batch, VendorError};
use crate::ids::{Key, SourceId};
use crate::money::Money;
use crate::text::{Locale, Text};

/// Marks a key that names a ticket in a mobile app.
pub enum OfAppTicket {}
/// Names a ticket in a mobile app. We choose it; the same key again is the same ticket. At most 256 letters, digits, blanks and
/// `*.-_+/()`.
pub type AppTicketKey = Key<OfAppTicket>;

/// What a ticket in the app is for. Handed over with each ticket: the first one makes the event there, later ones update it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppEvent {
    /// Names the event in the app; never changes.
    pub id: String,
    /// The name.
    pub name: Text,
    /// The place.
    pub site: Text,
    /// The city.
    pub city: Text,
    /// ISO 3166 code of the country, two letters.
    pub country_code: String,
    /// Postal code.
    pub zip: String,
    /// Begin.
    pub starts_at: Timestamp,
    /// From then on the event cannot be used any more.
    pub expires_at: Timestamp,
    /// The page of the event.
    pub website: Option<String>,
}

/// Whose wallet a ticket goes into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppHolder {
    /// The address that names the wallet.
    pub email: String,
    /// Given name, at most 50 characters.
    pub first_name: String,
    /// Family name, at most 100 characters.
    pub last_name: String,
    /// Telephone number.
    pub phone: Option<String>,
    /// The language that the app speaks to the holder.
    pub language: Option<Locale>,
}

/// A ticket as the app is given it.
#[derive(Debug, Clone)]
pub struct AppTicket {
    /// The key in the app.
    pub key: AppTicketKey,
    /// What it is for.
    pub event: AppEvent,
    /// Whose wallet it goes into.
    pub holder: AppHolder,
    /// What it cost.
    pub price: Option<Money>,
    /// What kind it is, like ADULT.
    pub category: Option<String>,
    /// The number by which people search for it.
    pub ticket_number: String,
    /// The code that opens the gate. A secret: the app hides it until activation.
    pub barcode: SecretString,
    /// Where to go, in the order of display: gate, block, row, seat.
    pub places: Vec<(String, String)>,
    /// When the code may be shown; none: when the phone decides.
    pub visible_from: Option<Timestamp>,
    /// Tickets of one group are activated together.
    pub group: Option<String>,
    /// Groups tickets that were handed over together.
    pub file: Option<String>,
    /// How often it may change hands; none: as the app decides.
    pub max_transfers: Option<u32>,
}

/// A ticket that must leave the wallets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppCancellation {
    /// The ticket.
    pub key: AppTicketKey,
    /// Why, as a code. With another reason it may be sent again.
    pub reason: String,
    /// Whether the holder shall be told.
    pub notifies: bool,
}

/// A ticket that was used at the gate: it never changes hands again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppControl {
    /// The ticket.
    pub key: AppTicketKey,
    /// When.
    pub controlled_at: Timestamp,
}

/// Where a ticket stands in the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum AppState {
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
    /// Used at the gate.
    Controlled,
    /// To be deleted, not confirmed yet.
    DeletionPending,
    /// Deleted.
    Deleted,
}

impl AppState {
    /// The name in the ledger and the schema.
    pub fn name(self) -> &'static str {
        match self {
            Self::Injected => "INJECTED",
            Self::Downloaded => "DOWNLOADED",
            Self::Assigned => "ASSIGNED",
            Self::TransferPending => "TRANSFER_PENDING",
            Self::Transferred => "TRANSFERRED",
            Self::Activated => "ACTIVATED",
            Self::Controlled => "CONTROLLED",
            Self::DeletionPending => "DELETION_PENDING",
            Self::Deleted => "DELETED",
        }
    }
}

/// What the app's own status means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AppSays {
    /// It stands there.
    Is(AppState),
    /// A transfer failed: it is where it was before.
    Back,
    /// A status that we do not know: nothing is concluded from it.
    Unknown,
}

impl AppSays {
    /// Where a ticket stands that stood at `before`. A ticket that comes back from a transfer stands where its owner had it.
    pub fn after(self, before: Option<AppState>) -> Option<AppState> {
        match (self, before) {
            (Self::Is(state), _) => Some(state),
            (Self::Back, None | Some(AppState::TransferPending)) => Some(AppState::Downloaded),
            (Self::Back | Self::Unknown, before) => before,
        }
    }
}

/// What the app says of a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppStatus {
    /// The ticket.
    pub key: AppTicketKey,
    /// What its status means.
    pub says: AppSays,
    /// The status in the app's own word.
    pub vendor_state: String,
    /// Since when.
    pub updated_at: Option<Timestamp>,
    /// Who has it; while a transfer is pending, whom it goes to. Only the address is sure to be known.
    pub owner_email: Option<String>,
    /// The name of the owner, or of the guest it was assigned to.
    pub holder_name: Option<String>,
    /// How often it has changed hands.
    pub transfers: Option<u32>,
}

/// A page of the status feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppChanges {
    /// Each ticket as it is now, in the order of the feed.
    pub statuses: Vec<AppStatus>,
    /// Where the next page begins. To be kept after the statuses are, never before.
    pub next: Option<String>,
    /// Nothing follows for now.
    pub is_last: bool,
}

/// Handing tickets to a mobile app.
///
/// Batch answers hold every ticket that was asked for: success is per ticket, never per call. A ticket that the app refused is
/// `Rejected` (or `NotFound`) and is not sent again by itself; with any other error it may be sent again, as the same ticket.
#[async_trait]
pub trait MobileApp: Send + Sync {
    /// Hands tickets over. A ticket that is there is updated and keeps its owner and status. What it answers is what became of it.
    async fn inject(&self, tickets: &[AppTicket]) -> Batch<AppTicketKey, AppSays>;

    /// Asks for tickets to be deleted. What is deleted already stays so.
    async fn cancel(&self, tickets: &[AppCancellation]) -> Batch<AppTicketKey, AppSays>;

    /// Says that tickets were used at the gate.
    async fn control(&self, tickets: &[AppControl]) -> Batch<AppTicketKey, AppSays>;

    /// Reads one page of what changed since `after` (none: since ever). Never to be called by two at once: the feed belongs to one
    /// reader.
    async fn read_changes(&self, after: Option<&str>) -> Result<AppChanges, VendorError>;

    /// Reads one ticket.
    async fn load(&self, ticket: &AppTicketKey) -> Result<AppStatus, VendorError>;
}

/// One configured delivery channel: the tickets of a source, into an app.
#[derive(Clone)]
pub struct AppChannel {
    /// The key in the configuration.
    pub id: String,
    /// The app, as its table names it.
    pub app: &'static str,
    /// The source whose tickets it delivers.
    pub source: SourceId,
    /// Most tickets that one call of the vendor takes; larger batches are split.
    pub max_batch: usize,
    /// The app itself.
    pub port: Arc<dyn MobileApp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_transfer_puts_a_ticket_back_where_its_owner_had_it() {
        let back = |before| AppSays::Back.after(before);
        assert_eq!(back(Some(AppState::TransferPending)), Some(AppState::Downloaded));
        assert_eq!(back(Some(AppState::Controlled)), Some(AppState::Controlled));
        assert_eq!(AppSays::Unknown.after(Some(AppState::Activated)), Some(AppState::Activated));
        assert_eq!(AppSays::Unknown.after(None), None);
        assert_eq!(AppSays::Is(AppState::Deleted).after(None), Some(AppState::Deleted));
    }
}
