//! Money (`octo.md §9.1`): integers with their own number of decimal places, converted exactly or not at all.

use rust_decimal::Decimal;

use crate::wire::Pricing;
use domain::{Currency, Money, Price, Tax};

/// Largest number of taxes of a price.
const MAX_TAXES: usize = 20;

/// Returns the price that a visitor pays; `None` without one in this currency, or if it cannot be written in it exactly.
pub(crate) fn price(wire: &Pricing, currency: Currency) -> Option<Price> {
    let retail = retail(wire, currency)?;
    let original = wire.original.and_then(|original| money(original, wire, currency));
    let tax = |tax: &crate::wire::IncludedTax| {
        Some(Tax { name: tax.name.clone(), amount: money(tax.retail, wire, currency)? })
    };
    Some(Price {
        retail,
        original: original.filter(|original| original.amount > retail.amount),
        fees: None,
        taxes: wire.included_taxes.iter().take(MAX_TAXES).filter_map(tax).collect(),
        guaranteed_until: None,
    })
}

/// Returns what a visitor pays; see [`price`].
pub(crate) fn retail(wire: &Pricing, currency: Currency) -> Option<Money> {
    money(wire.retail.filter(|retail| *retail >= 0)?, wire, currency)
}

fn money(value: i64, wire: &Pricing, currency: Currency) -> Option<Money> {
    if wire.currency.as_deref() != Some(currency.code()) {
        return None;
    }
    let major = Decimal::try_from_i128_with_scale(value.into(), wire.currency_precision?).ok()?;
    Money::from_major(major, currency).ok()
}

/// Returns the lowest of the prices in a currency. Those ending in `From` are shown and never sold at (`octo.md §14`, trap 6).
pub(crate) fn lowest<'a>(all: impl IntoIterator<Item = &'a Pricing>, currency: Currency) -> Option<Money> {
    all.into_iter().filter_map(|one| retail(one, currency)).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str, currency: &str) -> Option<Price> {
        price(&serde_json::from_str(json).expect("a price"), currency.parse().expect("a currency"))
    }

    #[test]
    fn an_amount_is_converted_by_its_own_precision_exactly_or_not_at_all() {
        for (retail, precision, currency, minor) in [
            (2500, 2, "EUR", Some(2500)),
            (25, 0, "EUR", Some(2500)),
            (25_000, 3, "EUR", Some(2500)),
            (25_001, 3, "EUR", None),
            (1200, 0, "JPY", Some(1200)),
            (120_000, 2, "JPY", Some(1200)),
            (120_050, 2, "JPY", None),
            (-1, 2, "EUR", None),
            (1, 99, "EUR", None),
        ] {
            let json = format!(r#"{{"retail": {retail}, "currency": "{currency}", "currencyPrecision": {precision}}}"#);
            assert_eq!(read(&json, currency).map(|price| price.retail.amount), minor, "{json}");
        }
        assert_eq!(read(r#"{"retail": 100, "currency": "USD", "currencyPrecision": 2}"#, "EUR"), None);
        assert_eq!(read(r#"{"retail": 100, "currency": "EUR"}"#, "EUR"), None, "no precision");
        assert_eq!(read(r#"{"retail": "1", "currency": "EUR", "currencyPrecision": 2}"#, "EUR"), None);
    }

    #[test]
    fn only_a_higher_original_is_a_reduction_and_taxes_are_inside() {
        let json = |original: i64| {
            format!(
                r#"{{"original": {original}, "retail": 1000, "net": 800, "currency": "EUR", "currencyPrecision": 2,
                    "includedTaxes": [{{"name": "VAT", "retail": 91, "original": 91, "net": 70}}, 7]}}"#
            )
        };
        let reduced = read(&json(1200), "EUR").expect("a price");
        assert_eq!(reduced.original.map(|money| money.amount), Some(1200));
        let taxes: Vec<_> = reduced.taxes.iter().map(|tax| (tax.name.as_str(), tax.amount.amount)).collect();
        assert_eq!((reduced.retail.amount, taxes), (1000, vec![("VAT", 91)]));
        assert_eq!(read(&json(1000), "EUR").expect("a price").original, None);
    }
}
