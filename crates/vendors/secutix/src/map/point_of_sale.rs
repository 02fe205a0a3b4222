//! The point of sale, which every other call and mapping depends on (`secutix.md §3.1`).

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::Currency;
use jiff::tz::TimeZone;

use crate::facts::Facts;
use crate::map::money::CurrencyInfo;
use crate::map::text;
use crate::wire::catalog::{PaymentMethod, PosConfig};
use crate::wire::{CurrencyCash, LenientString};

/// Configured values that complete or override the vendor's.
#[derive(Debug, Clone)]
pub(crate) struct SourceDefaults {
    /// Time zone if the organization has none.
    pub time_zone: TimeZone,
    /// Currency if the point of sale has none.
    pub currency: Option<Currency>,
    /// Id of the point of sale to use.
    pub point_of_sale_id: Option<i64>,
    /// Id or code of the payment method to use.
    pub payment_method: Option<String>,
    /// Inferred facts that apply to the source.
    pub facts: Arc<Facts>,
}

/// The point of sale.
#[derive(Debug, Clone)]
pub(crate) struct PointOfSale {
    /// Id, sent as `pointOfSalesId`.
    pub id: i64,
    /// Time zone of the organization.
    pub time_zone: TimeZone,
    /// Currency of the catalog.
    pub currency: CurrencyInfo,
    /// All currencies of the institution.
    pub currencies: BTreeMap<Currency, CurrencyInfo>,
    /// Main language of its labels.
    pub main_language: String,
    /// Payment method of sales: the configured one, otherwise the first pending account. `None` if the point of sale has none.
    pub payment_method: Option<i64>,
    /// Name of the organization.
    pub organization: Option<String>,
    /// Maximum number of seats of one performance in one order.
    pub max_per_order: Option<u32>,
}

/// Error of a point of sale with missing values.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PointOfSaleError {
    /// No id, and none configured.
    #[error("the point of sale has no posId and none is configured")]
    NoPointOfSale,
    /// No known currency, and none configured.
    #[error("the point of sale has no known currency and none is configured")]
    NoCurrency,
}

impl PointOfSale {
    /// Maps the configuration of the point of sale.
    pub(crate) fn from_config(pos: &PosConfig, defaults: &SourceDefaults) -> Result<Self, PointOfSaleError> {
        let id = defaults.point_of_sale_id.or(pos.pos_id.map(|id| id.0)).ok_or(PointOfSaleError::NoPointOfSale)?;
        let unit = defaults.facts.amount_unit;
        let currencies = [&pos.organization_currency, &pos.institution_currency];
        let currencies = currencies.into_iter().flatten().chain(&pos.catalog_currencies.0);
        let currencies: BTreeMap<Currency, CurrencyInfo> = currencies
            .filter_map(|cash| CurrencyInfo::from_cash(cash, unit))
            .map(|info| (info.currency, info))
            .collect();
        let currency = pos
            .currency_code
            .as_ref()
            .and_then(|code| code.0.trim().parse().ok())
            .or_else(|| currencies.keys().next().copied().filter(|_| currencies.len() == 1))
            .or(defaults.currency)
            .ok_or(PointOfSaleError::NoCurrency)?;
        let main_language = pos.main_language.as_ref().map(|words| words.0.clone()).unwrap_or_default();
        Ok(Self {
            id,
            time_zone: time_zone(pos.organization_time_zone.as_ref()).unwrap_or_else(|| defaults.time_zone.clone()),
            currency: currencies.get(&currency).copied().unwrap_or_else(|| CurrencyInfo::new(currency, None, unit)),
            organization: text::localized_text(pos.organization_name.as_ref(), None, &main_language)
                .map(|text| text.main),
            main_language,
            payment_method: payment_method(&pos.payment_methods.0, defaults),
            max_per_order: pos
                .max_seats_per_performance
                .and_then(|seats| u32::try_from(seats.0).ok())
                .filter(|seats| *seats > 0),
            currencies,
        })
    }

    /// Returns the currency of an order if its response contains one, otherwise that of the catalog.
    pub(crate) fn currency_of(&self, cash: Option<&CurrencyCash>) -> CurrencyInfo {
        let unit = self.currency.unit;
        let Some(info) = cash.and_then(|cash| CurrencyInfo::from_cash(cash, unit)) else { return self.currency };
        match cash.and_then(|cash| cash.min_amount) {
            Some(_) => info,
            None => self.currencies.get(&info.currency).copied().unwrap_or(info),
        }
    }
}

fn time_zone(name: Option<&LenientString>) -> Option<TimeZone> {
    TimeZone::get(name?.0.trim()).ok()
}

/// Returns the configured method by id or code, otherwise the first pending account available for payment (`secutix.md §3.1`).
fn payment_method(methods: &[PaymentMethod], defaults: &SourceDefaults) -> Option<i64> {
    let id_of = |method: &PaymentMethod| method.id.map(|id| id.0);
    if let Some(configured) = defaults.payment_method.as_deref() {
        let method = methods.iter().find(|method| {
            id_of(method).is_some_and(|id| id.to_string() == configured)
                || method.code.as_ref().is_some_and(|code| code.0 == configured)
        });
        // An id that is not in the list is sent anyway; the vendor will reject it.
        return method.map_or_else(|| configured.parse().ok(), id_of);
    }
    let is_pending = |method: &&PaymentMethod| {
        method.payment_type.as_ref().is_some_and(|name| name.0 == defaults.facts.pending_account)
    };
    let mut pending: Vec<_> =
        methods.iter().filter(|method| method.for_payment.is_none_or(|flag| flag.0)).filter(is_pending).collect();
    pending.sort_by_key(|method| method.rank.map_or(i64::MAX, |rank| rank.0));
    pending.into_iter().find_map(id_of)
}
