//! The tables of vendors and of mobile delivery apps: the only crate that names the vendor crates.

use vendor_api::{DeliveryApp, Vendor};

/// All vendors.
pub const VENDORS: &[Vendor] =
    &[vendor_acme::VENDOR, vendor_secutix::VENDOR, vendor_ticketing::VENDOR, vendor_octo::VENDOR];

/// All delivery apps.
pub const APPS: &[DeliveryApp] = &[vendor_tixngo::APP];
