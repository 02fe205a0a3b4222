//! The contract of a source: one sentence a test, each run for every vendor against its emulator on a fixed clock.

mod accounts;
mod acme;
pub(crate) mod bench;
mod catalogue;
mod faults;
mod ordering;
mod secutix;
mod secutix_orders;
mod ticketing;
mod tixngo;

use bench::{Bench, each_vendor};
