//! Import of orders of the past: all of them in one transaction, into a ledger without orders.

use async_trait::async_trait;

use crate::group_commit::write_rows;
use crate::order_rows::OrderRows;
use crate::sqlite::assign_all_positions;
use crate::store::SqlStore;
use domain::StoreError;
use orders::history::{OrderImport, PastOrder};

#[async_trait]
impl OrderImport for SqlStore {
    async fn import(&self, orders: &[PastOrder]) -> Result<bool, StoreError> {
        if !self.database.is_exclusive() {
            return Err(StoreError::Failed("orders are imported only into a ledger of one process".into()));
        }
        let mut transaction = self.database.begin_write().await?;
        if transaction.fetch_first("SELECT key FROM orders LIMIT 1", Vec::new()).await?.is_some() {
            return Ok(false);
        }
        for order in orders {
            write_rows(&mut transaction, OrderRows::new(&self.cipher, &order.write())?).await?;
        }
        // No other transaction can be committed before this one, so the positions are final.
        let last = assign_all_positions(&mut transaction).await?;
        transaction.commit().await?;
        self.sequencer.saw(last);
        Ok(true)
    }
}
