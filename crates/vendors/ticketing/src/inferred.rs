//! What no paper of TickeTing says and we had to decide (`ticketing.md §7`). To be replaced here, and only here, when the real
//! document is at hand.

use std::time::Duration;

use rust_decimal::Decimal;

/// I10: how long a placed order waits for its payment, then it is `Timed Out` and its places are free again.
pub(super) const PAYMENT_WINDOW: Duration = Duration::from_secs(900);

/// I11: the fee of a ticket that costs nothing.
pub(super) const FREE_TICKET_FEE: Decimal = Decimal::ZERO;

/// I5: an event that is registered and not sent for review.
pub(super) const DRAFT: &str = "Draft";
/// I5: an event under review.
pub(super) const SUBMITTED: &str = "Submitted";
/// I5: a published event; it keeps this status when it is over.
pub(super) const SCHEDULED: &str = "Scheduled";
/// I5: an event that was called off.
pub(super) const CANCELLED: &str = "Cancelled";

/// How long an event is taken to last that tells no end.
pub(super) const UNTOLD_LENGTH: Duration = Duration::from_secs(24 * 3600);

/// I14: who lets visitors in through us, and with which device; the vendor wants both named (`§4.9`).
pub(super) const REDEEMER: &str = "ticketgraph";
/// See [`REDEEMER`].
pub(super) const DEVICE: &str = "ticketgraph gate";

/// I5 and `§4.6`: what an event says of itself and no write sets. Not sent back: pictures are read as addresses and written as
/// data, sections have addresses of their own, and the host is in the first write only.
pub(super) const EVENT_IS_TOLD: &[&str] =
    &["self", "host", "status", "published", "popularity", "banner", "thumbnail", "sections"];
/// I7: what a section says of itself and no write sets; its price is written as `basePrice`.
pub(super) const SECTION_IS_TOLD: &[&str] = &["self", "price", "active", "sold", "remaining", "reserved"];
