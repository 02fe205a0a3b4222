//! Money and prices.

use std::sync::Arc;

use async_graphql::{Context, Object};

use crate::graphql::ctx::Ctx;
use crate::graphql::scalars::{CurrencyCode, DateTime, MinorUnits, int};
use domain::money;
use domain::source::Source;

/// An amount of a currency in whole minor units.
#[derive(Debug, Clone, Copy)]
pub struct Money(pub money::Money);

/// An amount of a currency in whole minor units.
#[Object]
impl Money {
    /// Minor units, e.g. cents.
    async fn amount(&self) -> MinorUnits {
        MinorUnits(self.0.amount)
    }

    /// The currency.
    async fn currency(&self) -> CurrencyCode {
        CurrencyCode(self.0.currency)
    }

    /// How many decimal places the minor unit has: 2 for EUR, 0 for JPY.
    async fn exponent(&self) -> i32 {
        int(self.0.currency.exponent())
    }

    /// For people, e.g. 39.95 EUR.
    async fn formatted(&self) -> String {
        self.0.to_string()
    }
}

/// What one ticket costs the visitor.
pub struct Price {
    pub(in crate::graphql) source: Arc<Source>,
    pub(in crate::graphql) price: money::Price,
}

impl Price {
    /// A price of a source.
    pub fn of(source: &Arc<Source>, price: &money::Price) -> Self {
        Self { source: Arc::clone(source), price: price.clone() }
    }

    pub(in crate::graphql) fn commission_of(&self, ctx: &Ctx) -> Option<money::Money> {
        let reseller = ctx.viewer.reseller.as_deref()?;
        ctx.partners()?.commission(reseller, &self.source.id, self.price.retail)
    }

    pub(in crate::graphql) fn net_of(&self, ctx: &Ctx) -> Option<money::Money> {
        let kept = self.commission_of(ctx)?;
        Some(money::Money { amount: self.price.retail.amount - kept.amount, ..kept })
    }
}

/// What one ticket costs the visitor.
#[Object]
impl Price {
    /// What the visitor pays, mandatory taxes and fees included.
    async fn retail(&self) -> Money {
        Money(self.price.retail)
    }

    /// Price before a reduction; null unless higher than retail.
    async fn original(&self) -> Option<Money> {
        self.price.original.map(Money)
    }

    /// What the viewing reseller owes the venue; null unless the viewer may see it.
    async fn net(&self, ctx: &Context<'_>) -> Option<Money> {
        self.net_of(Ctx::of(ctx)).map(Money)
    }

    /// What the viewing reseller keeps; null unless the viewer may see it.
    async fn commission(&self, ctx: &Context<'_>) -> Option<Money> {
        self.commission_of(Ctx::of(ctx)).map(Money)
    }

    /// The part of retail that is fees, where the source tells.
    async fn fees(&self) -> Option<Money> {
        self.price.fees.map(Money)
    }

    /// The parts of retail that are taxes, where the source tells.
    async fn taxes(&self) -> Vec<Tax> {
        self.price.taxes.iter().cloned().map(Tax).collect()
    }

    /// Until when the source stands by the price. Null: may still move before confirmation.
    async fn guaranteed_until(&self) -> Option<DateTime> {
        self.price.guaranteed_until.map(|at| DateTime::of(&self.source, at))
    }
}

/// A tax inside a price.
pub struct Tax(pub(in crate::graphql) money::Tax);

/// A tax inside a price.
#[Object]
impl Tax {
    /// The tax as the source names it.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Its amount, already in the retail price.
    async fn amount(&self) -> Money {
        Money(self.0.amount)
    }
}
