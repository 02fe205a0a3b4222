//! Amounts of money as a locale writes them, with the data of Unicode CLDR.

use domain::money::Money;
use domain::text::Locale;
use fixed_decimal::Decimal;
use icu_experimental::dimension::currency::CurrencyType;
use icu_experimental::dimension::currency::formatter::CurrencyFormatter;
use icu_experimental::dimension::provider::currency::fractions::{CurrencyFractionsV1, Rounding};
use icu_locale_core::extensions::unicode::Value;
use icu_provider::{DataProvider, DataResponse};

/// Formats an amount as a locale writes it: `39,95 €` in `fr`, `CHF 1'239.95` in `de-CH`.
///
/// Falls back to the neutral form if the locale would round the amount: CLDR shows some currencies without the decimal places of ISO 4217.
pub(in crate::graphql) fn format_money(money: Money, locale: &Locale) -> String {
    localized(money, locale).unwrap_or_else(|| money.to_string())
}

fn localized(money: Money, locale: &Locale) -> Option<String> {
    let locale: icu_locale_core::Locale = locale.as_str().parse().ok()?;
    let code = Value::try_from_str(&money.currency.code().to_ascii_lowercase()).ok()?;
    let currency = CurrencyType::try_from(&code).ok()?;
    let exponent = i16::try_from(money.currency.exponent()).ok()?;
    let fractions: DataResponse<CurrencyFractionsV1> =
        icu_experimental::provider::Baked.load(icu_provider::DataRequest::default()).ok()?;
    let shown = fractions.payload.get().resolve(currency);
    if i16::from(shown.digits) < exponent || shown.rounding != Rounding::R1 {
        return None;
    }
    let formatter = CurrencyFormatter::try_new_symbol((&locale).into(), currency, Default::default()).ok()?;
    let mut amount = Decimal::from(money.amount);
    amount.multiply_pow10(-exponent);
    Some(formatter.format_fixed_decimal(&amount).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formatted(locale: &str, amount: i64, currency: &str) -> String {
        let money = Money { amount, currency: currency.parse().expect("a currency") };
        format_money(money, &Locale::parse(locale).expect("a locale"))
    }

    #[test]
    fn amounts_are_written_as_the_region_writes_them() {
        let cases = [
            ("en-US", 123_450, "USD", "$1,234.50"),
            ("en-GB", -3_995, "GBP", "-£39.95"),
            ("de", 123_995, "EUR", "1.239,95\u{a0}€"),
            ("de-CH", 123_995, "CHF", "CHF\u{a0}1'239.95"),
            ("fr", 123_995, "EUR", "1\u{202f}239,95\u{a0}€"),
            ("fr-CH", 3_995, "CHF", "39,95\u{a0}CHF"),
            ("ja", 3_995, "JPY", "￥3,995"),
            ("en", 1_500, "KWD", "KWD\u{a0}1.500"),
        ];
        for (locale, amount, currency, expected) in cases {
            assert_eq!(formatted(locale, amount, currency), expected, "{locale}");
        }
    }

    #[test]
    fn an_amount_that_the_locale_would_round_is_written_in_full() {
        assert_eq!(formatted("en", 1_500, "IQD"), "1.500 IQD");
        assert_eq!(formatted("hu", 12_345, "HUF"), "123.45 HUF");
    }

    #[test]
    fn an_unknown_language_gets_the_neutral_symbols() {
        assert_eq!(formatted("tlh", 3_995, "EUR"), "€\u{a0}39.95");
        assert_eq!(formatted("tlh", i64::MIN, "EUR"), "-€\u{a0}92,233,720,368,547,758.08");
    }
}
