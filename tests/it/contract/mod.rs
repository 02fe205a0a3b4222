//! The contract of a source: one sentence a test, each run for every vendor against its emulator on a fixed clock.

mod acme;
mod bench;
mod catalogue;
mod faults;
mod ordering;
mod ticketing;

use bench::{Bench, each_vendor};
