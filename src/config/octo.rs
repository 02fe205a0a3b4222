//! `[octo]`: limits of the endpoints for OCTO resellers.

use std::num::NonZeroUsize;

use crate::config::section::Section;

/// Limits of the endpoints for OCTO resellers.
#[derive(Debug, Clone)]
pub struct OctoConfig {
    /// Products of a supplier.
    pub products: NonZeroUsize,
    /// Availabilities of a response.
    pub availabilities: NonZeroUsize,
    /// Bookings of a list.
    pub bookings: NonZeroUsize,
}

impl OctoConfig {
    pub(super) fn read(from: &Section<'_>) -> Self {
        Self {
            products: from.get("products"),
            availabilities: from.get("availabilities"),
            bookings: from.get("bookings"),
        }
    }
}
