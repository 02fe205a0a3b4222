//! The vendors of the schema, from the list in `domain`.

use async_graphql::Enum;
use domain::{source, vendor_enum};

vendor_enum! {
    /// A vendor of ticketing systems.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
    #[graphql(name = "VendorKind", remote = "source::VendorKind")]
    pub enum VendorKindEnum
}
