//! Arithmetic of amounts.

use std::collections::BTreeMap;

use domain::{Currency, Money};

/// Sums amounts per currency, in ascending order of currency code.
pub(crate) fn sum_by_currency(amounts: impl IntoIterator<Item = Money>) -> Vec<Money> {
    let mut sums: BTreeMap<Currency, Money> = BTreeMap::new();
    for money in amounts {
        let sum = sums.entry(money.currency).or_insert(Money::zero(money.currency));
        *sum = add(*sum, money);
    }
    sums.into_values().collect()
}

/// Splits an amount into refund and fee. The fee is rounded down, in favor of the visitor.
pub(crate) fn split_cancellation_fee(total: Money, fee: u32) -> (Money, Money) {
    let fee_amount = i128::from(total.amount) * i128::from(fee.min(10_000)) / 10_000;
    let fee_amount = i64::try_from(fee_amount).unwrap_or(total.amount);
    (Money { amount: total.amount - fee_amount, ..total }, Money { amount: fee_amount, ..total })
}

/// Adds two amounts of one currency. Planning limits amounts so that sums do not overflow.
pub(crate) fn add(left: Money, right: Money) -> Money {
    Money { amount: left.amount.saturating_add(right.amount), ..left }
}

pub(crate) fn multiply(money: Money, count: u32) -> Money {
    Money { amount: money.amount.saturating_mul(count.into()), ..money }
}
