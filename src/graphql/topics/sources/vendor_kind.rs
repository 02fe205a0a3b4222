//! The vendors: the only list of them in the schema.

use async_graphql::Enum;
use domain::source;

/// A vendor of ticketing systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(name = "VendorKind", remote = "source::VendorKind")]
pub enum VendorKindEnum {
    /// ACME Ticketing.
    Acme,
    /// SecuTix S-360.
    Secutix,
    /// TickeTing.
    Ticketing,
}
