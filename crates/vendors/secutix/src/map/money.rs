//! Money: thousandths of the currency unit on the wire, minor units here (`secutix.md §4.2`). A factor of ten against cents.

use domain::{Currency, Money};

/// Why an amount was not taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AmountFault {
    /// Not a multiple of the smallest amount of the currency.
    #[error("{0} thousandths are finer than the smallest amount")]
    TooFine(i64),
    /// Below zero, or too large for anybody.
    #[error("{0} thousandths are out of range")]
    OutOfRange(i64),
}

/// A currency and its smallest amount in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Coin {
    /// The currency.
    pub currency: Currency,
    /// The smallest amount, in thousandths; at least 1.
    pub smallest: i64,
}

impl Coin {
    /// A currency whose smallest amount the vendor may have told; otherwise it is the minor unit.
    pub fn new(currency: Currency, told: Option<i64>) -> Self {
        let minor = 1000 / 10_i64.pow(currency.exponent().min(3));
        Self { currency, smallest: told.filter(|told| *told > 0).unwrap_or(minor).max(1) }
    }

    /// Takes over an amount. Nothing is rounded: 25000 is 25.00, and 25005 is refused where a cent is the smallest amount.
    pub fn money(&self, thousandths: i64) -> Result<Money, AmountFault> {
        if !(0..=i64::MAX / 1000).contains(&thousandths) {
            return Err(AmountFault::OutOfRange(thousandths));
        }
        let scaled = thousandths * 10_i64.pow(self.currency.exponent().min(3));
        if thousandths % self.smallest != 0 || scaled % 1000 != 0 {
            return Err(AmountFault::TooFine(thousandths));
        }
        Ok(Money::new(scaled / 1000, self.currency))
    }
}

/// The same amount as the wire writes it.
pub(crate) fn thousandths(money: Money) -> i64 {
    money.amount.saturating_mul(1000) / 10_i64.pow(money.currency.exponent().min(3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coin(code: &str, smallest: Option<i64>) -> Coin {
        Coin::new(code.parse().expect("a currency"), smallest)
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
                coin(code, None).money(thousandths).map(|money| money.amount),
                Ok(minor),
                "{thousandths} {code}"
            );
        }
    }

    #[test]
    fn an_amount_finer_than_the_smallest_one_is_refused_and_never_rounded() {
        assert_eq!(coin("EUR", None).money(25_005), Err(AmountFault::TooFine(25_005)));
        assert_eq!(coin("CHF", Some(50)).money(25_010), Err(AmountFault::TooFine(25_010)));
        assert_eq!(coin("JPY", Some(10)).money(1_010), Err(AmountFault::TooFine(1_010)));
        assert_eq!(coin("EUR", None).money(-10), Err(AmountFault::OutOfRange(-10)));
        assert!(coin("EUR", None).money(i64::MAX).is_err());
    }
}
