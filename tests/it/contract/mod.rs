//! The contract of a source: each test runs for every vendor, against its emulator with a fixed clock.

mod accounts;
mod acme;
mod catalog;
mod demo_emulator;
mod faults;
pub(crate) mod fixture;
pub(crate) mod ordering;
mod recorded;
mod secutix;
mod secutix_orders;
mod ticketing;
mod tixngo;

use fixture::{VendorFixture, each_vendor};
