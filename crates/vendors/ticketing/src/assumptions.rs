//! Assumptions where TickeTing's documentation is silent (`ticketing.md §7`). They are corrected here, and only here,
//! once the real document is available.

use std::time::Duration;

use rust_decimal::Decimal;

/// I10: time for which a placed order waits for payment before it becomes `Timed Outgoing` and its capacity is released.
pub(super) const PAYMENT_WINDOW: Duration = Duration::from_secs(900);

/// I11: fee of a free ticket.
pub(super) const FREE_TICKET_FEE: Decimal = Decimal::ZERO;

/// I5: a registered event that was not submitted for review.
pub(super) const DRAFT: &str = "Draft";
/// I5: an event under review.
pub(super) const SUBMITTED: &str = "Submitted";
/// I5: a published event; it keeps this status after it ended.
pub(super) const SCHEDULED: &str = "Scheduled";
/// I5: a canceled event.
pub(super) const CANCELED: &str = "Cancelled";

/// Assumed duration of an event without an end.
pub(super) const DEFAULT_EVENT_DURATION: Duration = Duration::from_secs(24 * 3600);

/// I14: name of the redeemer and of the device that admit visitors; the vendor requires both (`§4.9`).
pub(super) const REDEEMER: &str = "ticketgraph";
/// See [`REDEEMER`].
pub(super) const DEVICE: &str = "ticketgraph gate";

/// I5 and `§4.6`: read-only fields of an event. Not sent back: images are read as URLs and written as data, sections
/// have their own endpoints, and the host is part of the first write only.
pub(super) const READ_ONLY_EVENT_FIELDS: &[&str] =
    &["self", "host", "status", "published", "popularity", "banner", "thumbnail", "sections"];
/// I7: read-only fields of a section; its price is written as `basePrice`.
pub(super) const READ_ONLY_SECTION_FIELDS: &[&str] = &["self", "price", "active", "sold", "remaining", "reserved"];
