//! The ports of selling: hold, confirm, release, look up, cancel.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::error::VendorError;
use crate::ids::{ExternalRef, PerformanceKey, StepKey, TicketTypeKey};
use crate::money::Money;
use crate::source::LegShape;
use crate::text::Locale;

/// The visitor that an order is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// Given name.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
    /// Address for e-mail.
    pub email: String,
    /// Telephone number.
    pub phone: Option<String>,
    /// Postal code.
    pub postal_code: Option<String>,
}

/// How tickets shall reach the visitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeliveryPreference {
    /// As codes through us.
    Barcode,
    /// Into the mobile app of the source. Its codes are for the app alone, never shown by us.
    MobileApp,
}

/// One line of a leg.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegLine {
    /// Our number of the line in the order, from 0; stable.
    pub line: usize,
    /// What is visited.
    pub performance: PerformanceKey,
    /// As what.
    pub ticket_type: TicketTypeKey,
    /// How many tickets, at least 1.
    pub quantity: u32,
    /// What one ticket was promised to cost.
    pub unit_price: Money,
}

/// Everything about a leg that its source needs to book it. It is in the ledger before the source hears of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegRequest {
    /// Our reference of the leg: unique, never changes, safe to show. At most 20 letters, digits and hyphens.
    pub reference: String,
    /// What is bought.
    pub lines: Vec<LegLine>,
    /// For whom.
    pub contact: Contact,
    /// Settings of the selling reseller in this source (organisation, point of sale …); empty: those of the source itself.
    pub account: BTreeMap<String, String>,
    /// Language of the visitor.
    pub locale: Option<Locale>,
    /// How tickets shall reach the visitor.
    pub delivery: DeliveryPreference,
}

/// What a hold sets aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum HoldSecures {
    /// A number of places.
    Capacity,
    /// Certain seats.
    Seats,
    /// The price.
    Price,
}

/// Places set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// What the vendor calls it; everything that a later step needs.
    pub refs: Vec<ExternalRef>,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// What it sets aside.
    pub secures: Vec<HoldSecures>,
    /// What the leg will cost, where the hold tells.
    pub total: Option<Money>,
}

/// A ticket as the vendor issued it.
#[derive(Debug, Clone)]
pub struct IssuedTicket {
    /// The line of the leg that it belongs to.
    pub line: usize,
    /// What the vendor calls it. The first one names the ticket for cancellations.
    pub refs: Vec<ExternalRef>,
    /// The code that opens the gate; none while there is none yet.
    pub barcode: Option<Barcode>,
    /// Row and seat, where numbered.
    pub seat: Option<String>,
    /// Where it stands at the vendor.
    pub state: TicketState,
}

/// The code that opens the gate. The value is a secret.
#[derive(Debug, Clone)]
pub struct Barcode {
    /// How to print it.
    pub symbology: Symbology,
    /// What it says.
    pub value: SecretString,
}

/// How a code is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Symbology {
    /// QR code.
    Qr,
    /// Code 128.
    Code128,
    /// Aztec code.
    Aztec,
    /// PDF417.
    Pdf417,
    /// Another one.
    Other,
}

/// Where a ticket stands at the vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TicketState {
    /// Sold, no code yet. Also what an unknown vendor status becomes.
    Pending,
    /// Usable.
    Issued,
    /// Admitted, and when.
    Used(Option<Timestamp>),
    /// No longer usable.
    Void,
}

/// A sale.
#[derive(Debug, Clone)]
pub struct Confirmed {
    /// What the vendor calls it; everything that a later step needs.
    pub refs: Vec<ExternalRef>,
    /// The tickets.
    pub tickets: Vec<IssuedTicket>,
    /// What the vendor charged, where told.
    pub total: Option<Money>,
}

/// What a look-up found out about an earlier call.
#[derive(Debug, Clone)]
pub enum Found<T> {
    /// It happened; this is its outcome.
    Done(T),
    /// It certainly did not happen, and will not by itself.
    NotDone,
    /// The vendor cannot tell yet; ask again.
    Unclear,
}

/// A sale or hold that stands at the vendor under our account, for reconciliation. What was undone or ran out is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VendorSale {
    /// Our reference, where the vendor keeps it.
    pub reference: Option<String>,
    /// What the vendor calls it.
    pub refs: Vec<ExternalRef>,
    /// Whether it is a completed sale.
    pub is_sold: bool,
}

/// Selling.
///
/// Each call is noted in the ledger before it is made. A failed write says what it may have done: with
/// [`Effect::None`](crate::Effect::None) it certainly did nothing, and is refused or tried again with the same key;
/// with [`Effect::Unknown`](crate::Effect::Unknown) it is looked up by the `find_` of its kind, again and again, and
/// never sent with another key.
#[async_trait]
pub trait Ordering: Send + Sync {
    /// How a leg with these lines behaves. Pure, from facts in the lines and the settings; calls nobody.
    fn shape(&self, leg: &LegRequest) -> LegShape;

    /// Why this leg cannot be settled by this source, known before anything is held.
    fn refuses(&self, leg: &LegRequest) -> Option<SettlementRefusal>;

    /// Sets places aside. Called for legs of the shape [`LegShape::HoldThenConfirm`] only. Not repeated by itself unless
    /// the vendor honours keys. Once a look-up did not find a lost hold, it is called once more with the same key.
    async fn hold(&self, key: &StepKey, leg: &LegRequest) -> Result<Held, VendorError>;

    /// Turns a hold into a sale and answers with its tickets; those whose codes are not there yet are pending, and are
    /// read again by [`load_tickets`](Self::load_tickets). Legs of the other shapes come here without a hold and with
    /// empty `refs`: they are sold directly. What `refs` it answers with replaces those of the hold.
    async fn confirm(&self, key: &StepKey, leg: &LegRequest, refs: &[ExternalRef]) -> Result<Confirmed, VendorError>;

    /// Gives a hold back. Releasing what is gone succeeds.
    async fn release(&self, key: &StepKey, leg: &LegRequest, refs: &[ExternalRef]) -> Result<(), VendorError>;

    /// What became of a hold whose answer was lost. Asked once, right after.
    async fn find_hold(&self, key: &StepKey, leg: &LegRequest) -> Result<Found<Held>, VendorError>;

    /// What became of a confirmation whose answer was lost. Asked ever less often until it is clear, or a human takes over.
    /// After [`Found::NotDone`] the confirmation is made again with the same key, so it must be certain: where a vendor's
    /// silence proves nothing, the answer is [`Found::Unclear`].
    async fn find_confirmation(
        &self,
        key: &StepKey,
        leg: &LegRequest,
        refs: &[ExternalRef],
    ) -> Result<Found<Confirmed>, VendorError>;

    /// Reads the tickets of a sale again: their state, codes that were pending.
    async fn load_tickets(&self, leg: &LegRequest, refs: &[ExternalRef]) -> Result<Vec<IssuedTicket>, VendorError>;

    /// Lists what was sold through us in a window, as far as the vendor can tell, for the legs given or beyond them.
    async fn list_sales(
        &self,
        from: Timestamp,
        to: Timestamp,
        performances: &[PerformanceKey],
        references: &[String],
    ) -> Result<Vec<VendorSale>, VendorError>;
}

/// Why a leg cannot be settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettlementRefusal {
    /// The source needs an instrument to pay, and none is configured.
    NoInstrument,
    /// The selling reseller has no account in this source.
    NoAccount,
    /// The tickets cannot be delivered in the way asked for.
    Delivery,
}

/// Prolonging a hold.
#[async_trait]
pub trait HoldExtension: Send + Sync {
    /// Starts the time of a hold anew, as far as the vendor allows.
    async fn extend(&self, key: &StepKey, leg: &LegRequest, refs: &[ExternalRef]) -> Result<Held, VendorError>;
}

/// Which tickets of a line go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelLine {
    /// The line of the leg.
    pub line: usize,
    /// The first references of the tickets that go.
    pub tickets: Vec<ExternalRef>,
}

/// A sale undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancelled {
    /// What the vendor gives back, where told.
    pub refunded: Option<Money>,
    /// First references of the tickets that are void now.
    pub void: Vec<ExternalRef>,
}

/// Undoing sales.
#[async_trait]
pub trait Refunds: Send + Sync {
    /// Undoes tickets of a sale; all of them where the source knows whole orders only. What it says is read again, not believed.
    async fn cancel(
        &self,
        key: &StepKey,
        leg: &LegRequest,
        refs: &[ExternalRef],
        lines: &[CancelLine],
    ) -> Result<Cancelled, VendorError>;

    /// What became of a cancellation whose answer was lost. After [`Found::NotDone`] it is made again with the same key.
    async fn find_cancellation(
        &self,
        key: &StepKey,
        leg: &LegRequest,
        refs: &[ExternalRef],
        lines: &[CancelLine],
    ) -> Result<Found<Cancelled>, VendorError>;
}
