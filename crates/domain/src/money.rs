//! Money as integer minor units with a currency. Decimals appear only at the boundaries, floating-point numbers never.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// An ISO 4217 currency.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency(iso_currency::Currency);

impl Currency {
    /// Returns the three-letter code.
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// Returns the number of decimal places of the minor unit: 2 for EUR, 0 for JPY, 3 for KWD.
    pub fn exponent(self) -> u32 {
        self.0.exponent().unwrap_or(0).into()
    }
}

impl FromStr for Currency {
    type Err = MoneyError;

    fn from_str(code: &str) -> Result<Self, MoneyError> {
        iso_currency::Currency::from_code(code).map(Self).ok_or_else(|| MoneyError::UnknownCurrency(code.to_owned()))
    }
}

impl TryFrom<String> for Currency {
    type Error = MoneyError;

    fn try_from(code: String) -> Result<Self, MoneyError> {
        code.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.code().to_owned()
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.code())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.code())
    }
}

/// Error of an amount or currency conversion.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The text is not an ISO 4217 code.
    #[error("{0:?} is not an ISO 4217 currency code")]
    UnknownCurrency(String),
    /// The amount has more decimal places than the currency.
    #[error("{amount} has more decimal places than {currency} allows")]
    ExcessPrecision {
        /// Amount that was converted.
        amount: Decimal,
        /// Currency of the amount.
        currency: Currency,
    },
    /// The amount exceeds 2^53 - 1 minor units.
    #[error("the amount is out of range")]
    OutOfRange,
    /// The two amounts have different currencies.
    #[error("{0} and {1} cannot be added")]
    CurrencyMismatch(Currency, Currency),
}

/// An amount in minor units of a currency. Its absolute value is at most 2^53 - 1, so that every client reads it exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Money {
    /// Minor units.
    pub amount: i64,
    /// Currency of the amount.
    pub currency: Currency,
}

const MAX_AMOUNT: i64 = (1 << 53) - 1;

impl Money {
    /// Creates an amount from minor units.
    pub fn new(amount: i64, currency: Currency) -> Self {
        Self { amount, currency }
    }

    /// Returns zero in a currency.
    pub fn zero(currency: Currency) -> Self {
        Self::new(0, currency)
    }

    /// Converts an amount in major units, e.g. `25.00`. Fails if it has more decimal places than the currency; never rounds.
    pub fn from_major(amount: Decimal, currency: Currency) -> Result<Self, MoneyError> {
        let scaled = amount
            .checked_mul(Decimal::from(10_i64.pow(currency.exponent())))
            .ok_or(MoneyError::OutOfRange)?
            .normalize();
        if scaled.scale() > 0 {
            return Err(MoneyError::ExcessPrecision { amount, currency });
        }
        let amount = i64::try_from(scaled).map_err(|_| MoneyError::OutOfRange)?;
        if amount.abs() > MAX_AMOUNT {
            return Err(MoneyError::OutOfRange);
        }
        Ok(Self { amount, currency })
    }

    /// Returns the amount in major units with the decimal places of the currency.
    pub fn to_major(self) -> Decimal {
        Decimal::new(self.amount, self.currency.exponent())
    }

    /// Adds two amounts. Fails if the currencies differ or the sum overflows.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::CurrencyMismatch(self.currency, other.currency));
        }
        let amount = self.amount.checked_add(other.amount).ok_or(MoneyError::OutOfRange)?;
        Ok(Self { amount, ..self })
    }

    /// Multiplies the amount by `count`. Fails on overflow.
    pub fn checked_mul(self, count: u32) -> Result<Self, MoneyError> {
        let amount = self.amount.checked_mul(count.into()).ok_or(MoneyError::OutOfRange)?;
        Ok(Self { amount, ..self })
    }
}

/// Human-readable form, e.g. `39.95 EUR`.
impl fmt::Display for Money {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, minor) = (if self.amount < 0 { "-" } else { "" }, self.amount.unsigned_abs());
        let (places, unit) = (self.currency.exponent() as usize, 10_u64.pow(self.currency.exponent()));
        match places {
            0 => write!(out, "{sign}{minor} {}", self.currency.code()),
            _ => write!(out, "{sign}{}.{:0places$} {}", minor / unit, minor % unit, self.currency.code()),
        }
    }
}

/// Price of one ticket for the visitor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// Amount that the visitor pays, including mandatory taxes and fees.
    pub retail: Money,
    /// Price before a reduction. Present only if it is higher than `retail`.
    pub original: Option<Money>,
    /// Fees included in `retail`, if the source reports them.
    pub fees: Option<Money>,
    /// Taxes included in `retail`, if the source reports them.
    pub taxes: Vec<Tax>,
    /// Time until which the source guarantees the price. `None` means that it may change until confirmation.
    pub guaranteed_until: Option<jiff::Timestamp>,
}

impl Price {
    /// Creates a price of which only the total is known.
    pub fn from_retail(retail: Money) -> Self {
        Self { retail, original: None, fees: None, taxes: Vec::new(), guaranteed_until: None }
    }
}

/// A tax inside a price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tax {
    /// Name of the tax, as the source names it.
    pub name: String,
    /// Amount, included in the retail price.
    pub amount: Money,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(text: &str, currency: &str) -> Result<Money, MoneyError> {
        Money::from_major(text.parse().expect("a decimal"), currency.parse().expect("a currency"))
    }

    #[test]
    fn major_amounts_become_minor_units_by_the_exponent_of_their_currency() {
        for (text, currency, minor) in
            [("25.00", "EUR", 2500), ("0.5", "EUR", 50), ("120", "JPY", 120), ("1.234", "KWD", 1234)]
        {
            assert_eq!(money(text, currency).map(|m| m.amount), Ok(minor), "{text} {currency}");
        }
    }

    #[test]
    fn an_amount_with_too_many_decimal_places_is_rejected_instead_of_rounded() {
        assert!(matches!(money("1.005", "EUR"), Err(MoneyError::ExcessPrecision { .. })));
        assert!(matches!(money("0.5", "JPY"), Err(MoneyError::ExcessPrecision { .. })));
        assert_eq!(money("90071992547409.92", "EUR"), Err(MoneyError::OutOfRange));
    }

    #[test]
    fn money_is_displayed_with_the_decimal_places_of_its_currency() {
        assert_eq!(money("39.9", "EUR").expect("money").to_string(), "39.90 EUR");
        assert_eq!(money("120", "JPY").expect("money").to_string(), "120 JPY");
        assert_eq!(money("-0.05", "EUR").expect("money").to_string(), "-0.05 EUR");
        assert_eq!(money("1234.5", "KWD").expect("money").to_string(), "1234.500 KWD");
    }
}
