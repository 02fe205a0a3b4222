//! OCTO for resellers: the requests that they send and the objects that they receive.
//!
//! Pure, except for the port of the stored bookings. The gateway reads catalog and orders, and this crate maps both directions
//! (octo.md §12.2). What the papers of OCTO leave open is in [`inferred`].

pub mod availability;
pub mod booking;
pub mod capability;
pub mod content;
pub mod error;
pub mod facts;
pub mod inferred;
pub mod problem;
pub mod product;
pub mod request;
pub mod slot;
pub mod store;
pub mod wire;

pub use crate::capability::{OctoCapabilities, OctoCapability};
pub use crate::error::{OctoError, OctoErrorCode};
pub use crate::store::{BookingDetails, BookingFilter, BookingStore, StoredBooking};
