//! The point of sale: what every other call and every mapping needs to know (`secutix.md §3.1`).

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use crate::inferred;
use crate::map::money::Coin;
use crate::map::text;
use crate::wire::catalog::{PaymentMethod, PosConfig};
use crate::wire::{CurrencyCash, Words};
use domain::Currency;

/// What the configuration says, where the vendor says nothing, or against it.
#[derive(Debug, Clone)]
pub(crate) struct House {
    /// The zone, until the organisation's own is known.
    pub zone: TimeZone,
    /// The currency, where the point of sale names none.
    pub currency: Option<Currency>,
    /// The point of sale to use.
    pub point_of_sale: Option<i64>,
    /// Id or code of the payment method to use.
    pub payment_method: Option<String>,
}

/// The point of sale.
#[derive(Debug, Clone)]
pub(crate) struct Till {
    /// What calls name `pointOfSalesId`.
    pub point_of_sale: i64,
    /// The zone of the organisation.
    pub zone: TimeZone,
    /// The currency of the catalogue.
    pub coin: Coin,
    /// Other currencies that the institution uses.
    pub coins: BTreeMap<Currency, Coin>,
    /// The first language.
    pub main_language: String,
    /// How sales are paid: the configured method, else the first pending account; none where the point of sale has none.
    pub payment_method: Option<i64>,
    /// The name of the organisation.
    pub organization: Option<String>,
    /// Most places of one performance in one order.
    pub most_places: Option<u32>,
}

/// What the point of sale leaves open.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TillFault {
    /// No id, and none configured.
    #[error("the point of sale has no posId and none is configured")]
    NoPointOfSale,
    /// No currency that we know, and none configured.
    #[error("the point of sale names no currency that we know and none is configured")]
    NoCurrency,
}

impl Till {
    /// Reads the point of sale.
    pub fn read(pos: &PosConfig, house: &House) -> Result<Self, TillFault> {
        let point_of_sale = house.point_of_sale.or(pos.pos_id.map(|id| id.0)).ok_or(TillFault::NoPointOfSale)?;
        let told = [&pos.organization_currency, &pos.institution_currency];
        let told = told.into_iter().flatten().chain(&pos.catalog_currencies.0);
        let coins: BTreeMap<Currency, Coin> = told.filter_map(coin).map(|coin| (coin.currency, coin)).collect();
        let currency = pos
            .currency_code
            .as_ref()
            .and_then(|code| code.0.trim().parse().ok())
            .or_else(|| coins.keys().next().copied().filter(|_| coins.len() == 1))
            .or(house.currency)
            .ok_or(TillFault::NoCurrency)?;
        let main_language = pos.main_language.as_ref().map(|words| words.0.clone()).unwrap_or_default();
        Ok(Self {
            point_of_sale,
            zone: zone(pos.organization_time_zone.as_ref()).unwrap_or_else(|| house.zone.clone()),
            coin: coins.get(&currency).copied().unwrap_or_else(|| Coin::new(currency, None)),
            organization: text::text(pos.organization_name.as_ref(), None, &main_language).map(|text| text.main),
            main_language,
            payment_method: payment_method(&pos.payment_methods.0, house.payment_method.as_deref()),
            most_places: pos
                .max_seats_per_performance
                .and_then(|most| u32::try_from(most.0).ok())
                .filter(|most| *most > 0),
            coins,
        })
    }

    /// The currency of an order, where its answer names one; else that of the catalogue.
    pub fn coin_of(&self, told: Option<&CurrencyCash>) -> Coin {
        let Some(named) = told.and_then(coin) else { return self.coin };
        match told.and_then(|told| told.min_amount) {
            Some(_) => named,
            None => self.coins.get(&named.currency).copied().unwrap_or(named),
        }
    }
}

fn coin(cash: &CurrencyCash) -> Option<Coin> {
    let currency = cash.currency_code.as_ref()?.0.trim().parse().ok()?;
    Some(Coin::new(currency, cash.min_amount.map(|amount| amount.0)))
}

fn zone(name: Option<&Words>) -> Option<TimeZone> {
    TimeZone::get(name?.0.trim()).ok()
}

/// The configured method by id or code; else the first pending account that sales can be paid with (`secutix.md §3.1`).
fn payment_method(methods: &[PaymentMethod], configured: Option<&str>) -> Option<i64> {
    let id_of = |method: &PaymentMethod| method.id.map(|id| id.0);
    if let Some(wanted) = configured {
        let named = methods.iter().find(|method| {
            id_of(method).is_some_and(|id| id.to_string() == wanted)
                || method.code.as_ref().is_some_and(|code| code.0 == wanted)
        });
        // An id that the list does not hold is still what the operator wants; the vendor will say no.
        return named.map_or_else(|| wanted.parse().ok(), id_of);
    }
    let is_pending =
        |method: &&PaymentMethod| method.payment_type.as_ref().is_some_and(|name| name.0 == inferred::PENDING_ACCOUNT);
    let mut pending: Vec<_> =
        methods.iter().filter(|method| method.for_payment.is_none_or(|flag| flag.0)).filter(is_pending).collect();
    pending.sort_by_key(|method| method.rank.map_or(i64::MAX, |rank| rank.0));
    pending.into_iter().find_map(id_of)
}
