//! Maps money: thousandths of the currency unit on the wire, minor units here, a factor of ten for cents (`secutix.md §4.2`). The unit
//! is INFERRED: an amount that does not fit the currency as the vendor describes it is refused, and never rounded.

use domain::{Currency, Money};
use serde::Deserialize;

use crate::wire::CurrencyCash;

/// Error of converting an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AmountError {
    /// Not a multiple of the smallest amount of the currency.
    #[error(
        "the amount {0} is finer than the smallest amount of its currency; if amounts have another unit, set assumptions.amount_unit"
    )]
    TooFine(i64),
    /// Negative or too large.
    #[error("the amount {0} is out of range")]
    OutOfRange(i64),
    /// The smallest amount of the currency is not one in the configured unit.
    #[error("the smallest amount of the currency does not fit the unit of amounts: set assumptions.amount_unit")]
    WrongUnit,
}

/// Unit of the amounts on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AmountUnit {
    /// A thousandth of the currency unit.
    Thousandths,
    /// A hundredth of it.
    Hundredths,
}

impl AmountUnit {
    /// Number of them in a currency unit.
    const fn parts(self) -> i64 {
        match self {
            Self::Thousandths => 1000,
            Self::Hundredths => 100,
        }
    }

    /// Converts money to an amount on the wire.
    pub(crate) fn amount(self, money: Money) -> i64 {
        money.amount.saturating_mul(self.parts()) / 10_i64.pow(money.currency.exponent().min(3))
    }
}

/// A currency and its smallest amount on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CurrencyInfo {
    /// The currency.
    pub currency: Currency,
    /// Smallest amount in `unit`; at least 1.
    pub min_amount: i64,
    /// Unit of amounts.
    pub unit: AmountUnit,
    /// False if the vendor's smallest amount cannot be one in `unit`.
    pub fits_unit: bool,
}

impl CurrencyInfo {
    /// Creates a currency with the vendor's smallest amount, or its minor unit if the vendor sent none.
    pub(crate) fn new(currency: Currency, min_amount: Option<i64>, unit: AmountUnit) -> Self {
        let minor_unit = unit.parts() / 10_i64.pow(currency.exponent().min(3));
        let min_amount = min_amount.filter(|amount| *amount > 0).unwrap_or(minor_unit).max(1);
        Self { currency, min_amount, unit, fits_unit: true }
    }

    /// Maps a currency of a response, and compares its smallest amount with its number of decimal places: two places and 10 are
    /// thousandths, two places and 1 or 5 cannot be.
    pub(crate) fn from_cash(cash: &CurrencyCash, unit: AmountUnit) -> Option<Self> {
        let currency: Currency = cash.currency_code.as_ref()?.0.trim().parse().ok()?;
        let min_amount = cash.min_amount.map(|amount| amount.0).filter(|amount| *amount > 0);
        let places = cash.fraction_digit.and_then(|digits| u32::try_from(digits.0).ok());
        let places = places.unwrap_or_else(|| currency.exponent());
        let smallest = 10_i64.checked_pow(places).map_or(0, |parts| unit.parts() / parts);
        let fits_unit = min_amount.is_none_or(|min_amount| smallest > 0 && min_amount % smallest == 0);
        Some(Self { fits_unit, ..Self::new(currency, min_amount, unit) })
    }

    /// Converts an amount without rounding: 25000 is 25.00, and 25005 is an error if a cent is the smallest amount. Nothing is nothing
    /// in any unit.
    pub(crate) fn money(&self, amount: i64) -> Result<Money, AmountError> {
        if !(0..=i64::MAX / 1000).contains(&amount) {
            return Err(AmountError::OutOfRange(amount));
        }
        if !self.fits_unit && amount != 0 {
            return Err(AmountError::WrongUnit);
        }
        let (scaled, parts) = (amount * 10_i64.pow(self.currency.exponent().min(3)), self.unit.parts());
        if amount % self.min_amount != 0 || scaled % parts != 0 {
            return Err(AmountError::TooFine(amount));
        }
        Ok(Money::new(scaled / parts, self.currency))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn currency_info(code: &str, min_amount: Option<i64>) -> CurrencyInfo {
        CurrencyInfo::new(code.parse().expect("known currency"), min_amount, AmountUnit::Thousandths)
    }

    fn cash(code: &str, fraction_digit: i64, min_amount: i64) -> CurrencyCash {
        let json =
            format!("{{\"currencyCode\":\"{code}\",\"fractionDigit\":{fraction_digit},\"minAmount\":{min_amount}}}");
        serde_json::from_str(&json).expect("a currency")
    }

    #[test]
    fn hundredths_are_converted_if_the_setting_says_so() {
        let euro = CurrencyInfo::new("EUR".parse().expect("known currency"), None, AmountUnit::Hundredths);
        assert_eq!((euro.money(2_505).map(|money| money.amount), euro.min_amount), (Ok(2_505), 1));
        assert_eq!(AmountUnit::Hundredths.amount(Money::new(2_505, euro.currency)), 2_505);
        assert_eq!(AmountUnit::Thousandths.amount(Money::new(2_505, euro.currency)), 25_050);
    }

    #[test]
    fn a_smallest_amount_that_is_none_in_the_unit_refuses_every_amount_but_nothing() {
        let (thousandths, hundredths) = (AmountUnit::Thousandths, AmountUnit::Hundredths);
        for (cash, unit, fits) in [
            (cash("EUR", 2, 10), thousandths, true),
            (cash("CHF", 2, 50), thousandths, true),
            (cash("EUR", 2, 1), thousandths, false),
            (cash("CHF", 2, 5), thousandths, false),
            (cash("CHF", 2, 5), hundredths, true),
            (cash("KWD", 3, 1), thousandths, true),
            (cash("KWD", 3, 1), hundredths, false),
            (cash("EUR", 40, 10), thousandths, false),
        ] {
            let info = CurrencyInfo::from_cash(&cash, unit).expect("a known currency");
            assert_eq!(info.money(25_000).is_ok(), fits, "{cash:?} {unit:?}");
            assert!(info.money(0).is_ok());
        }
    }

    #[test]
    fn thousandths_become_minor_units_of_each_currency() {
        for (code, thousandths, minor) in [
            ("EUR", 25_000, 2_500),
            ("CHF", 4_000, 400),
            ("EUR", 10, 1),
            ("JPY", 1_200_000, 1_200),
            ("KWD", 1_234, 1_234),
        ] {
            assert_eq!(
                currency_info(code, None).money(thousandths).map(|money| money.amount),
                Ok(minor),
                "{thousandths} {code}"
            );
        }
    }

    #[test]
    fn an_amount_finer_than_the_smallest_one_is_an_error_and_never_rounded() {
        assert_eq!(currency_info("EUR", None).money(25_005), Err(AmountError::TooFine(25_005)));
        assert_eq!(currency_info("CHF", Some(50)).money(25_010), Err(AmountError::TooFine(25_010)));
        assert_eq!(currency_info("JPY", Some(10)).money(1_010), Err(AmountError::TooFine(1_010)));
        assert_eq!(currency_info("EUR", None).money(-10), Err(AmountError::OutOfRange(-10)));
        assert!(currency_info("EUR", None).money(i64::MAX).is_err());
    }
}
