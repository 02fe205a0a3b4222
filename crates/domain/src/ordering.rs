//! The ports of ordering: hold, confirm, release, look up, cancel.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr};

use crate::error::VendorError;
use crate::ids::{ExternalRef, PerformanceKey, SourceId, StepKey, TicketTypeKey};
use crate::money::Money;
use crate::text::Locale;

/// The visitor for whom an order is placed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// Email address.
    pub email: String,
    /// Phone number.
    pub phone: Option<String>,
    /// Postal code.
    pub postal_code: Option<String>,
}

/// Accepts one at-sign with a local part before it and a dotted domain after it. The venue's mail server decides the
/// rest.
pub fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let has_dot = domain.split_once('.').is_some_and(|(name, rest)| !name.is_empty() && !rest.is_empty());
    let is_plain = |part: &str| {
        !part.is_empty() && !part.contains('@') && !part.chars().any(|c| c.is_whitespace() || c.is_control())
    };
    text.len() <= 254 && is_plain(local) && is_plain(domain) && has_dot && !domain.ends_with('.')
}

/// The way in which tickets are delivered to the visitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, EnumString, IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum DeliveryPreference {
    /// As barcodes returned by this service.
    Barcode,
    /// To the mobile app of the source. The barcodes are for the app only; this service never returns them.
    MobileApp,
}

/// Sequence of steps by which a leg of an order is sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, EnumString, IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum LegShape {
    /// A hold, then a confirmation.
    HoldThenConfirm,
    /// A single confirmation without a hold.
    ConfirmOnly,
    /// The hold is already the sale, so it must never run in the hold phase.
    CommitsAtHold,
}

/// One line of a leg.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegLine {
    /// Zero-based index of the line in the order. Never changes.
    pub line: usize,
    /// Performance.
    pub performance: PerformanceKey,
    /// Ticket type.
    pub ticket_type: TicketTypeKey,
    /// Number of tickets, at least 1.
    pub quantity: u32,
    /// Quoted price of one ticket.
    pub unit_price: Money,
}

/// All data that a source needs to book a leg. Written to the order store before the source is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegRequest {
    /// This service's reference of the leg: unique, immutable, safe to display. At most 20 letters, digits and hyphens.
    pub reference: String,
    /// Lines of the leg.
    pub lines: Vec<LegLine>,
    /// Contact that the source gets: the visitor, or the seller for a source that requires one at the hold before the visitor is
    /// known. `None` until the visitor is known.
    pub contact: Option<Contact>,
    /// Settings of the selling reseller at this source, such as organization and point of sale. Empty for the source's own
    /// account.
    pub account: BTreeMap<String, String>,
    /// Language of the visitor.
    pub locale: Option<Locale>,
    /// Delivery of the tickets.
    pub delivery: DeliveryPreference,
    /// True if a hold waits for the client, to whom its end is reported; false if it is confirmed at once.
    pub hold_waits_for_client: bool,
}

/// Part of an order that a hold secures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, EnumString, IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum HoldSecures {
    /// A number of places.
    Capacity,
    /// Specific seats.
    Seats,
    /// The price.
    Price,
}

/// A hold placed at the vendor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacedHold {
    /// The vendor's identifiers, sufficient for every later step.
    pub refs: Vec<ExternalRef>,
    /// Expiry of the hold.
    pub expires_at: Option<Timestamp>,
    /// Parts of the order that the hold secures.
    pub secures: Vec<HoldSecures>,
    /// Total price of the leg, if the hold reports it.
    pub total: Option<Money>,
}

/// A ticket as the vendor issued it.
#[derive(Debug, Clone)]
pub struct IssuedTicket {
    /// Line of the leg.
    pub line: usize,
    /// The vendor's identifiers. The first one identifies the ticket in cancellations.
    pub refs: Vec<ExternalRef>,
    /// Barcode for admission, once it is available.
    pub barcode: Option<Barcode>,
    /// Row and seat, if the seat is numbered.
    pub seat: Option<String>,
    /// State at the vendor.
    pub state: TicketState,
}

/// The barcode of a ticket. Its value is secret.
#[derive(Debug, Clone)]
pub struct Barcode {
    /// Symbology.
    pub symbology: Symbology,
    /// Encoded value.
    pub value: SecretString,
}

impl Barcode {
    /// Returns true if both read the same at the gate.
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.symbology == other.symbology && self.value.expose_secret() == other.value.expose_secret()
    }
}

/// Symbology of a barcode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, EnumString, IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Symbology {
    /// QR code.
    Qr,
    /// Code 128.
    Code128,
    /// Aztec code.
    Aztec,
    /// PDF417.
    Pdf417,
    /// Any other symbology.
    Other,
}

/// State of a ticket at the vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TicketState {
    /// Sold, but without a barcode yet. An unknown vendor status maps to this value.
    Pending,
    /// Issued and usable.
    Issued,
    /// Used for admission, with the time if known.
    Used(Option<Timestamp>),
    /// Voided.
    Void,
}

/// A completed sale.
#[derive(Debug, Clone)]
pub struct ConfirmedSale {
    /// The vendor's identifiers, sufficient for every later step.
    pub refs: Vec<ExternalRef>,
    /// Tickets.
    pub tickets: Vec<IssuedTicket>,
    /// Amount charged by the vendor, if reported.
    pub total: Option<Money>,
}

/// Result of looking up the outcome of an earlier call.
#[derive(Debug, Clone)]
pub enum LookupOutcome<T> {
    /// The call took effect, with this result.
    Done(T),
    /// The call certainly did not take effect and will not do so later.
    NotDone,
    /// The outcome cannot be determined yet; look it up again later.
    Undetermined,
}

/// A sale or hold that exists at the vendor under this service's account, for reconciliation. Excludes canceled sales and
/// expired or released holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VendorSale {
    /// This service's reference, if the vendor stores it.
    pub reference: Option<String>,
    /// The vendor's identifiers.
    pub refs: Vec<ExternalRef>,
    /// True for a completed sale, false for a hold.
    pub is_sold: bool,
}

/// Capability: sells tickets.
///
/// The intent of each call is written to the order store before the call is made. A failed write reports its possible effect.
/// With [`Effect::None`](crate::Effect::None) it had none, and the step fails or is retried with the same key. With
/// [`Effect::Unknown`](crate::Effect::Unknown) the outcome is looked up repeatedly with the matching `find_` method, and the
/// call is never repeated with another key.
#[async_trait]
pub trait Ordering: Send + Sync {
    /// Returns the shape of a leg with these lines. Pure: depends only on the lines and the settings.
    fn shape(&self, leg: &LegRequest) -> LegShape;

    /// Returns the reason why this source cannot settle the leg, if there is one. Checked before any hold is placed.
    fn settlement_refusal(&self, leg: &LegRequest) -> Option<SettlementRefusal>;

    /// Places a hold. Called only for legs of the shape [`LegShape::HoldThenConfirm`]. Retried automatically only if the
    /// vendor honors idempotency keys. If a lookup does not find a hold whose response was lost, the hold is placed once
    /// more with the same key.
    async fn hold(&self, key: &StepKey, leg: &LegRequest) -> Result<PlacedHold, VendorError>;

    /// Confirms a hold as a sale and returns its tickets. Tickets without a barcode are pending and are reloaded with
    /// [`load_tickets`](Self::load_tickets). Legs of the other shapes have no hold and empty `refs`; they are sold
    /// directly. The returned `refs` replace those of the hold.
    async fn confirm(
        &self,
        key: &StepKey,
        leg: &LegRequest,
        refs: &[ExternalRef],
    ) -> Result<ConfirmedSale, VendorError>;

    /// Releases a hold. Releasing a hold that no longer exists succeeds.
    async fn release(&self, key: &StepKey, leg: &LegRequest, refs: &[ExternalRef]) -> Result<(), VendorError>;

    /// Looks up a hold whose response was lost. Called once, immediately afterwards.
    async fn find_hold(&self, key: &StepKey, leg: &LegRequest) -> Result<LookupOutcome<PlacedHold>, VendorError>;

    /// Looks up a confirmation whose response was lost. Called at growing intervals until the outcome is determined or an
    /// operator takes over. [`LookupOutcome::NotDone`] must be certain, because the confirmation is then repeated with the
    /// same key. If the absence of the sale proves nothing, the result is [`LookupOutcome::Undetermined`].
    async fn find_confirmation(
        &self,
        key: &StepKey,
        leg: &LegRequest,
        refs: &[ExternalRef],
    ) -> Result<LookupOutcome<ConfirmedSale>, VendorError>;

    /// Reloads the tickets of a sale: their states and barcodes that were pending.
    async fn load_tickets(&self, leg: &LegRequest, refs: &[ExternalRef]) -> Result<Vec<IssuedTicket>, VendorError>;

    /// Lists the sales and holds of this service's account in a time window, as far as the vendor can list them. May be
    /// limited to the given performances and references.
    async fn list_sales(
        &self,
        from: Timestamp,
        to: Timestamp,
        performances: &[PerformanceKey],
        references: &[String],
    ) -> Result<Vec<VendorSale>, VendorError>;
}

/// Reason why a leg cannot be settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettlementRefusal {
    /// The source requires a payment instrument, and none is configured.
    NoInstrument {
        /// Key of the source that configures it.
        setting: &'static str,
    },
    /// The selling reseller has no account at this source.
    NoAccount {
        /// Key of the account. `None` if there is no account at all.
        setting: Option<&'static str>,
    },
    /// The source does not support the requested delivery.
    UnsupportedDelivery,
}

impl SettlementRefusal {
    /// Describes what the configuration lacks, for operators.
    pub fn missing(self) -> &'static str {
        match self {
            Self::NoInstrument { .. } => "no means of payment is configured at the source",
            Self::NoAccount { .. } => {
                "no buying account is configured, neither at the source nor for the caller's reseller"
            }
            Self::UnsupportedDelivery => "it does not deliver tickets in the requested way",
        }
    }

    /// Returns the path of the setting that is missing, for operators. `None` if no setting would allow the order.
    pub fn missing_setting(self, source: &SourceId, reseller: Option<&str>) -> Option<String> {
        let (table, key) = match (self, reseller) {
            (Self::UnsupportedDelivery, _) => return None,
            (Self::NoAccount { setting }, Some(reseller)) => {
                (format!("resellers.{reseller}.connections.{source}"), setting)
            }
            (Self::NoAccount { setting }, None) => (format!("sources.{source}"), setting),
            (Self::NoInstrument { setting }, _) => (format!("sources.{source}"), Some(setting)),
        };
        Some(key.map_or_else(|| table.clone(), |key| format!("{table}.{key}")))
    }
}

/// Capability: extends holds.
#[async_trait]
pub trait HoldExtension: Send + Sync {
    /// Restarts the lifetime of a hold, as far as the vendor permits.
    async fn extend(&self, key: &StepKey, leg: &LegRequest, refs: &[ExternalRef]) -> Result<PlacedHold, VendorError>;
}

/// The tickets of one line to cancel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelLine {
    /// Line of the leg.
    pub line: usize,
    /// First references of the tickets to cancel.
    pub tickets: Vec<ExternalRef>,
}

/// Result of a cancellation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompletedCancellation {
    /// Amount refunded by the vendor, if reported.
    pub refunded: Option<Money>,
    /// First references of the voided tickets.
    pub voided: Vec<ExternalRef>,
}

/// Capability: cancels sales.
#[async_trait]
pub trait Refunds: Send + Sync {
    /// Cancels tickets of a sale, or the whole sale if the source cancels only whole orders. The result is verified by a
    /// reload.
    async fn cancel(
        &self,
        key: &StepKey,
        leg: &LegRequest,
        refs: &[ExternalRef],
        lines: &[CancelLine],
    ) -> Result<CompletedCancellation, VendorError>;

    /// Looks up a cancellation whose response was lost. After [`LookupOutcome::NotDone`] it is repeated with the same key.
    async fn find_cancellation(
        &self,
        key: &StepKey,
        leg: &LegRequest,
        refs: &[ExternalRef],
        lines: &[CancelLine],
    ) -> Result<LookupOutcome<CompletedCancellation>, VendorError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_email_address_needs_a_local_part_and_a_dotted_domain() {
        for valid in ["ada@example.org", "a+leg1@sub.example.co"] {
            assert!(is_email(valid), "{valid}");
        }
        for invalid in
            ["", "ada", "@example.org", "ada@", "ada@example", "a b@example.org", "a@b@c.org", "ada@example."]
        {
            assert!(!is_email(invalid), "{invalid}");
        }
    }
}
