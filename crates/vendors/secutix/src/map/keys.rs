//! Our keys: what a later call needs to name, and nothing else.
//!
//! Event `81001`, date `82001`, pass `81005.open` or `81005.i7001` (one of its things), ticket type `81001.s83001.84011`
//! (product, seat category, tariff) or `81005.i7001.84011` (product, thing, tariff).

use domain::{EventKey, PerformanceKey, SectionKey, TicketTypeKey};

/// What a performance key names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Occasion {
    /// A date of a single entry.
    Date(i64),
    /// A pass, any day.
    OpenPass(i64),
    /// A thing of a pass that has its day.
    PassItem {
        /// The product.
        product: i64,
        /// The thing.
        item: i64,
    },
}

/// What a ticket type is a tariff of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Ware {
    /// A seat category of a product's dates; none where the price has none.
    Seats(Option<i64>),
    /// A thing of a pass.
    Item(i64),
}

/// What a ticket type key names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Tariff {
    /// The product.
    pub product: i64,
    /// What of it.
    pub ware: Ware,
    /// The audience sub-category.
    pub audience: i64,
}

/// The key of a product.
pub(crate) fn event(product: i64) -> EventKey {
    EventKey::new(product.to_string())
}

/// The key of a seat category.
pub(crate) fn section(category: i64) -> SectionKey {
    SectionKey::new(category.to_string())
}

/// The key of a date, or of a pass.
pub(crate) fn performance(occasion: Occasion) -> PerformanceKey {
    PerformanceKey::new(match occasion {
        Occasion::Date(id) => id.to_string(),
        Occasion::OpenPass(product) => format!("{product}.open"),
        Occasion::PassItem { product, item } => format!("{product}.i{item}"),
    })
}

/// The key of a tariff.
pub(crate) fn ticket_type(tariff: Tariff) -> TicketTypeKey {
    let Tariff { product, ware, audience } = tariff;
    TicketTypeKey::new(match ware {
        Ware::Seats(Some(category)) => format!("{product}.s{category}.{audience}"),
        Ware::Seats(None) => format!("{product}.s.{audience}"),
        Ware::Item(item) => format!("{product}.i{item}.{audience}"),
    })
}

/// Reads a performance key; `None` for text that this folder never makes.
pub(crate) fn read_performance(key: &PerformanceKey) -> Option<Occasion> {
    let text = key.as_str();
    let occasion = match text.split_once('.') {
        None => Occasion::Date(text.parse().ok()?),
        Some((product, "open")) => Occasion::OpenPass(product.parse().ok()?),
        Some((product, item)) => {
            Occasion::PassItem { product: product.parse().ok()?, item: item.strip_prefix('i')?.parse().ok()? }
        }
    };
    (performance(occasion) == *key).then_some(occasion)
}

/// Reads a ticket type key; `None` for text that this folder never makes.
pub(crate) fn read_ticket_type(key: &TicketTypeKey) -> Option<Tariff> {
    let mut parts = key.as_str().splitn(3, '.');
    let (product, ware, audience) = (parts.next()?, parts.next()?, parts.next()?);
    let ware = match ware.strip_prefix('s') {
        Some("") => Ware::Seats(None),
        Some(category) => Ware::Seats(Some(category.parse().ok()?)),
        None => Ware::Item(ware.strip_prefix('i')?.parse().ok()?),
    };
    let tariff = Tariff { product: product.parse().ok()?, ware, audience: audience.parse().ok()? };
    (ticket_type(tariff) == *key).then_some(tariff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_read_back_as_what_it_names() {
        for occasion in
            [Occasion::Date(82001), Occasion::OpenPass(81005), Occasion::PassItem { product: 81005, item: 7 }]
        {
            assert_eq!(read_performance(&performance(occasion)), Some(occasion));
        }
        for ware in [Ware::Seats(Some(83001)), Ware::Seats(None), Ware::Item(7001)] {
            let tariff = Tariff { product: 81001, ware, audience: 84011 };
            assert_eq!(read_ticket_type(&ticket_type(tariff)), Some(tariff));
        }
    }

    #[test]
    fn text_that_we_never_made_names_nothing() {
        for text in ["", "x", "+82001", "82001 ", "1.2", "1.i", "1.open.2", "082001"] {
            assert_eq!(read_performance(&PerformanceKey::new(text)), None, "{text}");
        }
        for text in ["", "1", "1.2.3", "1.s2", "1.s2.", "1.sx.3", "1.s2.3.4", "1.s02.3"] {
            assert_eq!(read_ticket_type(&TicketTypeKey::new(text)), None, "{text}");
        }
    }
}
