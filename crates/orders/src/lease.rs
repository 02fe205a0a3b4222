//! Leases with fencing tokens: one runner owns an order at a time, and a superseded runner cannot write.
//!
//! The store grants a lease with [`OrderStore::claim`](crate::OrderStore::claim) or with a write, and increments the fencing token of
//! the order each time. A write under an older token fails. A lease has a length, and ends by the clock of the store, which is
//! the same for all replicas: a process whose clock is off takes no order from another one.

use std::time::Duration;

use crate::order::Order;
use domain::OrderKey;

/// Right to write to an order. The fencing token grows with every owner, so a late writer is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// The leased order.
    pub order: OrderKey,
    /// Fencing token of the owner.
    pub fence: u64,
}

/// Precondition of a write.
#[derive(Debug, Clone, Copy)]
pub enum Precondition<'a> {
    /// The order does not exist yet.
    New,
    /// Nobody owns the order, and it has not changed since it was read.
    Unleased(&'a Order),
    /// The writer owns the order, and it has not changed since the last write.
    Leased(&'a Order, Lease),
}

impl<'a> Precondition<'a> {
    /// Returns the order before the write.
    pub fn previous(&self) -> Option<&'a Order> {
        match *self {
            Self::New => None,
            Self::Unleased(order) | Self::Leased(order, _) => Some(order),
        }
    }
}

/// State of the lease after a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseAfterWrite {
    /// Held by the writer for this time from the write. A writer without a lease becomes a new owner.
    Held(Duration),
    /// Released.
    Released,
}
