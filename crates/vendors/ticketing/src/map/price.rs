//! Money (`ticketing.md §3.4`, `§4.10`): major units without a currency, and a fee that only the order shows.

use rust_decimal::{Decimal, RoundingStrategy};

use crate::assumptions::FREE_TICKET_FEE;
use crate::wire::SectionPrice;
use domain::{Currency, Money, MoneyError, Price};

/// Fee of a ticket by its base price: up to and including the first amount, the second. Taken from the vendor's SDK,
/// whose tests expect the server to agree; the fees of an actual order take precedence.
const FEE_TABLE: [(i64, Fee); 4] = [(50, Fee(99)), (100, Fee(199)), (150, Fee(299)), (200, Fee(399))];
/// Fee of a ticket above the last row of [`FEE_TABLE`].
const HIGHEST_FEE: Fee = Fee(499);

/// Hundredths of a major unit.
#[derive(Clone, Copy)]
struct Fee(i64);

/// Maps an amount, rounded to two decimals, because some of the vendor's numbers come from floats.
pub(crate) fn money(amount: Decimal, currency: Currency) -> Result<Money, MoneyError> {
    Money::from_major(amount.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero), currency)
}

/// Price of a ticket of a section, including its estimated fee; `None` if the wire has no price.
pub(crate) fn section_price(wire: &SectionPrice, currency: Currency) -> Option<Price> {
    let current = wire.current.or(wire.base)?.0;
    let base = wire.base.or(wire.current)?.0;
    let fee = if current.is_zero() { FREE_TICKET_FEE } else { forecast_fee(base) };
    let fees = money(fee, currency).ok()?;
    let retail = money(current, currency).ok()?.checked_add(fees).ok()?;
    let original = money(base, currency).ok()?.checked_add(fees).ok()?;
    Some(Price {
        retail,
        original: Some(original).filter(|original| original.amount > retail.amount),
        fees: Some(fees),
        taxes: Vec::new(),
        guaranteed_until: None,
    })
}

fn forecast_fee(base: Decimal) -> Decimal {
    if base.is_zero() {
        return FREE_TICKET_FEE;
    }
    let row = FEE_TABLE.iter().find(|(up_to, _)| base <= Decimal::from(*up_to));
    Decimal::new(row.map_or(HIGHEST_FEE, |(_, fee)| *fee).0, 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_price(json: &str) -> Option<Price> {
        section_price(&serde_json::from_str(json).expect("a price"), "TTD".parse().expect("a currency"))
    }

    #[test]
    fn the_fee_of_the_table_is_part_of_the_price() {
        for (base, retail) in [
            ("0", 0),
            ("0.99", 198),
            ("50", 5099),
            ("50.01", 5200),
            ("100", 10199),
            ("150", 15299),
            ("200", 20399),
            ("299.9", 30489),
        ] {
            let price = parse_price(&format!(r#"{{"base": {base}, "current": {base}}}"#)).expect("a price");
            assert_eq!((price.retail.amount, price.original), (retail, None), "{base}");
        }
    }

    #[test]
    fn a_reduced_price_names_the_price_before() {
        let price = parse_price(r#"{"base": 80, "current": 60, "expires": "2034-01-01T00:00"}"#).expect("a price");
        assert_eq!((price.retail.amount, price.original.map(|m| m.amount)), (6199, Some(8199)));
        assert_eq!(parse_price(r#"{"current": "20.00"}"#).expect("a price").retail.amount, 2099);
        assert_eq!(parse_price("{}"), None);
    }

    #[test]
    fn an_amount_is_read_from_its_text_and_the_noise_of_a_float_is_rounded_away() {
        let currency = "TTD".parse().expect("a currency");
        for (text, minor) in [("101.97999999999999", 10198), ("1e2", 10000), ("90071992547409.91", 9007199254740991)] {
            let amount: crate::wire::Amount = serde_json::from_str(text).expect("an amount");
            assert_eq!(money(amount.0, currency).map(|m| m.amount), Ok(minor), "{text}");
        }
    }
}
