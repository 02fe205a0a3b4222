//! Money and prices.

use std::sync::Arc;

use async_graphql::{Context, Object};
use domain::money;
use domain::source::Source;
use domain::text;

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::localized_money::format_money;
use crate::graphql::base::scalars::{CurrencyCode, DateTime, Locale, MinorUnits, int};

/// An amount of money in whole minor units.
#[derive(Debug, Clone, Copy)]
pub struct Money(pub money::Money);

impl Money {
    /// Formats as a locale writes it.
    pub(in crate::graphql) fn formatted_in(self, locale: Option<&text::Locale>) -> String {
        locale.map_or_else(|| self.0.to_string(), |locale| format_money(self.0, locale))
    }
}

/// An amount of money in whole minor units.
#[Object]
impl Money {
    /// Minor units, for example cents.
    async fn amount(&self) -> MinorUnits {
        MinorUnits(self.0.amount)
    }

    /// The currency.
    async fn currency(&self) -> CurrencyCode {
        CurrencyCode(self.0.currency)
    }

    /// Number of decimal places: 2 for EUR, 0 for JPY.
    async fn exponent(&self) -> i32 {
        int(self.0.currency.exponent())
    }

    /// Human-readable text: 39.95 EUR, or as a locale writes it, for example 39,95 € in `fr`.
    ///
    /// An amount with more decimal places than the locale shows is never rounded: it gets the form without a locale.
    async fn formatted(
        &self,
        #[graphql(desc = "Language and region, for example fr-CH.")] locale: Option<Locale>,
    ) -> String {
        self.formatted_in(locale.as_ref().map(|locale| &locale.0))
    }
}

/// The price of one ticket for the visitor.
pub struct Price {
    pub(in crate::graphql) source: Arc<Source>,
    pub(in crate::graphql) price: money::Price,
}

impl Price {
    /// Creates a price of a source.
    pub fn of(source: &Arc<Source>, price: &money::Price) -> Self {
        Self { source: Arc::clone(source), price: price.clone() }
    }

    pub(in crate::graphql) fn commission_for(&self, ctx: &Ctx) -> Option<money::Money> {
        let reseller = ctx.viewer.reseller.as_deref()?;
        ctx.resellers()?.commission(reseller, &self.source.id, self.price.retail)
    }

    pub(in crate::graphql) fn net_for(&self, ctx: &Ctx) -> Option<money::Money> {
        let commission = self.commission_for(ctx)?;
        Some(money::Money { amount: self.price.retail.amount - commission.amount, ..commission })
    }
}

/// The price of one ticket for the visitor.
#[Object]
impl Price {
    /// The price for the visitor, including mandatory taxes and fees.
    async fn retail(&self) -> Money {
        Money(self.price.retail)
    }

    /// The price before a reduction. Null unless it is higher than `retail`.
    async fn original(&self) -> Option<Money> {
        self.price.original.map(Money)
    }

    /// The amount that the viewing reseller owes the venue. Null unless the viewer may see it.
    async fn net(&self, ctx: &Context<'_>) -> Option<Money> {
        self.net_for(Ctx::of(ctx)).map(Money)
    }

    /// The amount that the viewing reseller keeps. Null unless the viewer may see it.
    async fn commission(&self, ctx: &Context<'_>) -> Option<Money> {
        self.commission_for(Ctx::of(ctx)).map(Money)
    }

    /// The fees included in `retail`, if the source reports them.
    async fn fees(&self) -> Option<Money> {
        self.price.fees.map(Money)
    }

    /// The taxes included in `retail`, if the source reports them.
    async fn taxes(&self) -> Vec<Tax> {
        self.price.taxes.iter().cloned().map(Tax).collect()
    }

    /// Time until which the source guarantees the price. Null if it may still change before confirmation.
    async fn guaranteed_until(&self) -> Option<DateTime> {
        self.price.guaranteed_until.map(|at| DateTime::of(&self.source, at))
    }
}

/// A tax included in a price.
pub struct Tax(pub(in crate::graphql) money::Tax);

/// A tax included in a price.
#[Object]
impl Tax {
    /// The name of the tax at the source.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The amount, already included in the retail price.
    async fn amount(&self) -> Money {
        Money(self.0.amount)
    }
}
