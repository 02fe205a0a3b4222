//! The sales of all sellers, for operators.

use async_graphql::SimpleObject;
use jiff::civil::Date;

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::error::{ApiError, ErrorCode};
use crate::graphql::base::scalars::LocalDate;
use crate::graphql::topics::resellers::Reseller;
use crate::graphql::topics::resellers::reseller::check_days;
use crate::graphql::topics::resellers::statement::{StatementRow, StatementScope};

/// The sales of one seller: a reseller, or the own shop.
#[derive(SimpleObject)]
pub(super) struct SellerStatement {
    /// The key of the reseller in the configuration. Null for direct sales, which are orders without a reseller.
    reseller_key: Option<String>,
    /// The reseller. Null for direct sales, and for a reseller that is no longer configured.
    reseller: Option<Reseller>,
    /// The sales, one row per source and currency. Empty without sales.
    rows: Vec<StatementRow>,
}

/// Loads the statements of all sellers. Not for callers of a reseller.
pub(super) async fn load_seller_statements(
    ctx: &Ctx,
    from: LocalDate,
    to: LocalDate,
) -> Result<Vec<SellerStatement>, ApiError> {
    let days = check_days(ctx, from, to)?;
    if ctx.viewer.reseller.is_some() {
        return Err(ApiError::new(ErrorCode::Forbidden));
    }
    let (orders, resellers) = (ctx.orders()?, ctx.resellers().map(AsRef::as_ref));
    let statements = resellers::seller_statements(orders, &ctx.actor(), resellers, days, &ctx.time_zones()).await?;
    Ok(statements.into_iter().map(|statement| SellerStatement::of(statement, days)).collect())
}

impl SellerStatement {
    fn of(statement: resellers::SellerStatement, days: (Date, Date)) -> Self {
        let scope = StatementScope { reseller: statement.key.clone(), days };
        Self {
            reseller_key: statement.key,
            reseller: statement.reseller.map(Reseller),
            rows: statement.rows.into_iter().map(|row| StatementRow::new(row, &scope)).collect(),
        }
    }
}
