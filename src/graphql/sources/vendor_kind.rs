//! The vendors by name: the one place of the schema that lists them.

use async_graphql::Enum;

use domain::source;

/// A company whose ticketing system is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "source::VendorKind")]
pub enum VendorKind {
    /// ACME Ticketing.
    Acme,
    /// SecuTix S-360.
    Secutix,
    /// TickeTing.
    Ticketing,
}
