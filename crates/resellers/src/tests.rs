//! Tests of percentages.

use rust_decimal::Decimal;

use crate::statement::percentage_of;
use domain::Money;

fn money(amount: i64, currency: &str) -> Money {
    Money::new(amount, currency.parse().expect("a currency"))
}

#[test]
fn a_percentage_is_rounded_half_away_from_zero() {
    for (amount, percent, kept) in [
        (1_000, "10", 100),
        (5, "10", 1),
        (4, "10", 0),
        (-5, "10", -1),
        (1_999, "8.25", 165),
        (1, "100", 1),
        (7, "0", 0),
    ] {
        let percent: Decimal = percent.parse().expect("a rate");
        assert_eq!(percentage_of(money(amount, "EUR"), percent).amount, kept, "{percent} % of {amount}");
    }
}
