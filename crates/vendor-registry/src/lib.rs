//! The list of vendors and of delivery apps: the only crate that names them.

use vendor_api::{App, Vendor};

/// The only list of vendors.
pub const VENDORS: &[Vendor] = &[vendor_acme::ROW, vendor_secutix::ROW, vendor_ticketing::ROW];

/// The only list of apps.
pub const APPS: &[App] = &[vendor_tixngo::ROW];
