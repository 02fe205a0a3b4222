//! Keys of this source: only the ids that later calls need.
//!
//! Event `81001`, date `82001`, pass `81005.open` or `81005.i7001` (one of its items), ticket type `81001.s83001.84011`
//! (product, seat category, tariff) or `81005.i7001.84011` (product, item, tariff).

use domain::{EventKey, PerformanceKey, SectionKey, TicketTypeKey};

/// Vendor ids in a performance key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum PerformanceRef {
    /// A date of a single entry.
    Date(i64),
    /// A pass without a date.
    OpenPass(i64),
    /// An item of a pass with its own date.
    PassItem {
        /// Id of the product.
        product: i64,
        /// Id of the item.
        item: i64,
    },
}

/// Part of a product that a ticket type sells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum ProductItem {
    /// A seat category of a product's dates; `None` if the price has none.
    SeatCategory(Option<i64>),
    /// An item of a pass.
    PassItem(i64),
}

/// Vendor ids in a ticket type key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TariffRef {
    /// Id of the product.
    pub product_id: i64,
    /// Part of the product.
    pub item: ProductItem,
    /// Id of the audience sub-category.
    pub audience_id: i64,
}

/// Builds the key of a product.
pub(crate) fn event(product: i64) -> EventKey {
    EventKey::new(product.to_string())
}

/// Builds the key of a seat category.
pub(crate) fn section(category: i64) -> SectionKey {
    SectionKey::new(category.to_string())
}

/// Builds the key of a date or of a pass.
pub(crate) fn performance(reference: PerformanceRef) -> PerformanceKey {
    PerformanceKey::new(match reference {
        PerformanceRef::Date(id) => id.to_string(),
        PerformanceRef::OpenPass(product) => format!("{product}.open"),
        PerformanceRef::PassItem { product, item } => format!("{product}.i{item}"),
    })
}

/// Builds the key of a tariff.
pub(crate) fn ticket_type(tariff: TariffRef) -> TicketTypeKey {
    let TariffRef { product_id, item, audience_id } = tariff;
    TicketTypeKey::new(match item {
        ProductItem::SeatCategory(Some(category)) => format!("{product_id}.s{category}.{audience_id}"),
        ProductItem::SeatCategory(None) => format!("{product_id}.s.{audience_id}"),
        ProductItem::PassItem(item) => format!("{product_id}.i{item}.{audience_id}"),
    })
}

/// Parses a performance key; `None` for any text that [`performance`] does not produce.
pub(crate) fn parse_performance(key: &PerformanceKey) -> Option<PerformanceRef> {
    let text = key.as_str();
    let reference = match text.split_once('.') {
        None => PerformanceRef::Date(text.parse().ok()?),
        Some((product, "open")) => PerformanceRef::OpenPass(product.parse().ok()?),
        Some((product, item)) => {
            PerformanceRef::PassItem { product: product.parse().ok()?, item: item.strip_prefix('i')?.parse().ok()? }
        }
    };
    (performance(reference) == *key).then_some(reference)
}

/// Parses a ticket type key; `None` for any text that [`ticket_type`] does not produce.
pub(crate) fn parse_ticket_type(key: &TicketTypeKey) -> Option<TariffRef> {
    let mut parts = key.as_str().splitn(3, '.');
    let (product, item, audience) = (parts.next()?, parts.next()?, parts.next()?);
    let item = match item.strip_prefix('s') {
        Some("") => ProductItem::SeatCategory(None),
        Some(category) => ProductItem::SeatCategory(Some(category.parse().ok()?)),
        None => ProductItem::PassItem(item.strip_prefix('i')?.parse().ok()?),
    };
    let tariff = TariffRef { product_id: product.parse().ok()?, item, audience_id: audience.parse().ok()? };
    (ticket_type(tariff) == *key).then_some(tariff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_round_trips() {
        for reference in [
            PerformanceRef::Date(82001),
            PerformanceRef::OpenPass(81005),
            PerformanceRef::PassItem { product: 81005, item: 7 },
        ] {
            assert_eq!(parse_performance(&performance(reference)), Some(reference));
        }
        for item in
            [ProductItem::SeatCategory(Some(83001)), ProductItem::SeatCategory(None), ProductItem::PassItem(7001)]
        {
            let tariff = TariffRef { product_id: 81001, item, audience_id: 84011 };
            assert_eq!(parse_ticket_type(&ticket_type(tariff)), Some(tariff));
        }
    }

    #[test]
    fn foreign_keys_are_rejected() {
        for text in ["", "x", "+82001", "82001 ", "1.2", "1.i", "1.open.2", "082001"] {
            assert_eq!(parse_performance(&PerformanceKey::new(text)), None, "{text}");
        }
        for text in ["", "1", "1.2.3", "1.s2", "1.s2.", "1.sx.3", "1.s2.3.4", "1.s02.3"] {
            assert_eq!(parse_ticket_type(&TicketTypeKey::new(text)), None, "{text}");
        }
    }
}
