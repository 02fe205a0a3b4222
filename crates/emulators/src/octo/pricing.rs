//! The capability `octo/pricing` (`octo.md §9.1`).

use jiff::civil::{Date, Weekday};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::octo::request::Call;
use crate::octo::state::OctoState;
use crate::octo::switches::Flag;
use crate::octo::world::{Currency, Price, Product, ProductOption, Unit};

/// Share of the retail price that the reseller owes, in percent.
const NET_PERCENT: i64 = 85;
/// Tax inside a price, in percent.
const TAX_PERCENT: i64 = 22;
/// Price on Saturdays and Sundays, in percent of the usual one.
const WEEKEND_PERCENT: i64 = 110;

/// Highest `currencyPrecision` of a switch.
const MAX_PRECISION: u32 = 6;

/// A price in minor units of a currency.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Amounts {
    pub(super) original: i64,
    pub(super) retail: i64,
    pub(super) net: i64,
    pub(super) currency: String,
    pub(super) precision: u32,
}

impl Amounts {
    fn new(price: Price, currency: &Currency, date: Option<Date>) -> Self {
        let is_weekend = date.is_some_and(|date| matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday));
        let percent = if is_weekend { WEEKEND_PERCENT } else { 100 };
        let (above, below) = currency.rate;
        let convert = |amount: i64| amount * percent * above / (100 * below);
        let retail = convert(price.retail);
        Self {
            original: convert(price.original).max(retail),
            retail,
            net: retail * NET_PERCENT / 100,
            currency: currency.code.to_owned(),
            precision: currency.precision,
        }
    }

    /// Returns zero in a currency.
    pub(super) fn zero(currency: &Currency) -> Self {
        Self::new(Price { original: 0, retail: 0 }, currency, None)
    }

    /// Adds prices of one currency.
    pub(super) fn sum<'a>(prices: impl Iterator<Item = &'a Self>, currency: &Currency) -> Self {
        prices.fold(Self::zero(currency), |sum, price| Self {
            original: sum.original + price.original,
            retail: sum.retail + price.retail,
            net: sum.net + price.net,
            ..sum
        })
    }

    /// Writes the price.
    pub(super) fn show(&self, state: &OctoState) -> Value {
        let switches = &state.switches;
        let precision = switches.currency_precision.unwrap_or(self.precision).clamp(self.precision, MAX_PRECISION);
        let odd = i64::from(switches.is(Flag::OddAmounts) && precision > self.precision);
        let scale = |amount: i64| amount * 10_i64.pow(precision - self.precision) + if amount > 0 { odd } else { 0 };
        let net = |amount: i64| if switches.is(Flag::HiddenNet) { Value::Null } else { scale(amount).into() };
        let tax = |amount: i64| amount * TAX_PERCENT / (100 + TAX_PERCENT);
        json!({
            "original": scale(self.original), "retail": scale(self.retail), "net": net(self.net),
            "currency": self.currency, "currencyPrecision": precision,
            "includedTaxes": [{
                "name": "IVA", "original": scale(tax(self.original)), "retail": scale(tax(self.retail)), "net": net(tax(self.net)),
            }],
        })
    }
}

impl OctoState {
    /// Returns the price of a unit on a day; without a day, the lowest one.
    pub(super) fn unit_price(&self, id: &str, unit: &Unit, currency: &Currency, date: Option<Date>) -> Amounts {
        let edited = self.edits.prices.get(&format!("{id}|{}", unit.id));
        Amounts::new(edited_price(unit.price, edited), currency, date)
    }

    /// Returns the price of a booking, for products that are priced so.
    pub(super) fn booking_price(
        &self,
        id: &str,
        option: &ProductOption,
        currency: &Currency,
        date: Option<Date>,
    ) -> Amounts {
        Amounts::new(edited_price(option.price, self.edits.prices.get(id)), currency, date)
    }

    /// Adds the prices of a slot to its row, with the total of `units` if there are any.
    pub(super) fn add_slot_prices(
        &self,
        row: &mut Value,
        (id, product, option): (&str, &Product, &ProductOption),
        currency: &Currency,
        date: Date,
        units: &[&Unit],
    ) {
        if product.is_per_booking {
            row["pricing"] = self.booking_price(id, option, currency, Some(date)).show(self);
            return;
        }
        let price = |unit: &Unit| self.unit_price(id, unit, currency, Some(date));
        row["unitPricing"] = option.units.iter().map(|unit| with_unit(price(unit).show(self), unit)).collect();
        if !units.is_empty() {
            let prices: Vec<Amounts> = units.iter().map(|unit| price(unit)).collect();
            row["pricing"] = Amounts::sum(prices.iter(), currency).show(self);
        }
    }

    /// Adds the lowest prices of a day to its row of the calendar.
    pub(super) fn add_calendar_prices(
        &self,
        row: &mut Value,
        (id, product, option): (&str, &Product, &ProductOption),
        currency: &Currency,
    ) {
        if product.is_per_booking {
            row["pricingFrom"] = self.booking_price(id, option, currency, None).show(self);
        } else {
            let price = |unit: &Unit| with_unit(self.unit_price(id, unit, currency, None).show(self), unit);
            row["unitPricingFrom"] = option.units.iter().map(price).collect();
        }
    }

    /// Returns the prices of a unit in every currency of the product.
    pub(super) fn unit_prices(&self, id: &str, product: &Product, unit: &Unit) -> Value {
        product.currencies.iter().map(|currency| self.unit_price(id, unit, currency, None).show(self)).collect()
    }

    /// Returns the prices of a booking in every currency of the product.
    pub(super) fn booking_prices(&self, id: &str, product: &Product, option: &ProductOption) -> Value {
        product.currencies.iter().map(|currency| self.booking_price(id, option, currency, None).show(self)).collect()
    }
}

/// Adds the fields of a product.
pub(super) fn add_product_fields(fields: &mut Map<String, Value>, product: &Product, call: &Call<'_>) {
    if call.capabilities.pricing {
        let codes: Vec<&str> = product.currencies.iter().map(|currency| currency.code).collect();
        fields.insert("defaultCurrency".to_owned(), codes.first().copied().into());
        fields.insert("availableCurrencies".to_owned(), codes.into());
        fields.insert("pricingPer".to_owned(), if product.is_per_booking { "BOOKING" } else { "UNIT" }.into());
    }
}

fn edited_price(price: Price, edited: Option<&i64>) -> Price {
    edited.map_or(price, |&retail| Price { original: retail, retail })
}

fn with_unit(mut price: Value, unit: &Unit) -> Value {
    price["unitId"] = unit.id.into();
    price
}
