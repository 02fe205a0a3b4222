//! The sales of all sellers, for operators.

use async_graphql::SimpleObject;

use crate::graphql::base::ctx::Ctx;
use crate::graphql::base::error::{ApiError, ErrorCode};
use crate::graphql::base::scalars::LocalDate;
use crate::graphql::topics::resellers::Reseller;
use crate::graphql::topics::resellers::reseller::{check_days, time_zones};
use crate::graphql::topics::resellers::statement::StatementRow;

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
    let statements = resellers::seller_statements(orders, &ctx.actor(), resellers, days, &time_zones(ctx)).await?;
    Ok(statements.into_iter().map(|statement| SellerStatement::of(ctx, statement)).collect())
}

impl SellerStatement {
    fn of(ctx: &Ctx, statement: resellers::SellerStatement) -> Self {
        Self {
            reseller_key: statement.key,
            reseller: statement.reseller.map(Reseller),
            rows: statement.rows.into_iter().filter_map(|row| StatementRow::of(ctx, row)).collect(),
        }
    }
}
