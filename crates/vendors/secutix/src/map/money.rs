//! Maps money: thousandths of the currency unit on the wire, minor units here, a factor of ten for cents (`secutix.md §4.2`).

use domain::{Currency, Money};

/// Error of converting an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AmountError {
    /// Not a multiple of the smallest amount of the currency.
    #[error("{0} thousandths are finer than the smallest amount")]
    TooFine(i64),
    /// Negative or too large.
    #[error("{0} thousandths are out of range")]
    OutOfRange(i64),
}

/// A currency and its smallest amount in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CurrencyInfo {
    /// The currency.
    pub currency: Currency,
    /// Smallest amount in thousandths; at least 1.
    pub min_amount: i64,
}

impl CurrencyInfo {
    /// Creates a currency with the vendor's smallest amount, or its minor unit if the vendor sent none.
    pub(crate) fn new(currency: Currency, min_amount: Option<i64>) -> Self {
        let minor_unit = 1000 / 10_i64.pow(currency.exponent().min(3));
        Self { currency, min_amount: min_amount.filter(|amount| *amount > 0).unwrap_or(minor_unit).max(1) }
    }

    /// Converts an amount without rounding: 25000 is 25.00, and 25005 is an error if a cent is the smallest amount.
    pub(crate) fn money(&self, thousandths: i64) -> Result<Money, AmountError> {
        if !(0..=i64::MAX / 1000).contains(&thousandths) {
            return Err(AmountError::OutOfRange(thousandths));
        }
        let scaled = thousandths * 10_i64.pow(self.currency.exponent().min(3));
        if thousandths % self.min_amount != 0 || scaled % 1000 != 0 {
            return Err(AmountError::TooFine(thousandths));
        }
        Ok(Money::new(scaled / 1000, self.currency))
    }
}

/// Converts an amount to thousandths.
pub(crate) fn thousandths(money: Money) -> i64 {
    money.amount.saturating_mul(1000) / 10_i64.pow(money.currency.exponent().min(3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn currency_info(code: &str, min_amount: Option<i64>) -> CurrencyInfo {
        CurrencyInfo::new(code.parse().expect("known currency"), min_amount)
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
