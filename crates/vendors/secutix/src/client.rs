//! The endpoints, one function each. What is asked is in `wire`, how it is spoken in `speech`.

use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::inferred;
use crate::speech::{Ask, Opened, Parameters, Speech, Verdict};
use crate::wire::access::{ControlledTicket, ControlledTicketQuery, ControlledTicketResult, GET_CONTROLLED_TICKET};
use crate::wire::availability::{
    EventAvailabilityQuery, EventAvailabilityResult, Free, GET_EVENT_AVAILABILITY, GET_PRODUCT_AVAILABILITY,
    GET_UPDATED_AVAILABILITIES, ProductAvailabilityQuery, ProductAvailabilityResult, UpdatedAvailabilitiesQuery,
    UpdatedAvailabilitiesResult,
};
use crate::wire::catalog::{
    Catalog, CatalogQuery, CatalogResult, GET_CATALOG_DETAILED, GET_LAST_SETUP_UPDATE, GET_POS_CONFIG,
    LastSetupUpdateResult, PosConfig, PosConfigResult,
};
use crate::wire::contact::{ContactDataResult, ContactQuery, GET_CONTACT_DATA};
use crate::wire::history::{LIST_TICKETS_BY_CRITERIA, TicketListResult, TicketQuery};
use crate::wire::order::{
    ABANDON_MOVEMENTS, AbandonMovements, CANCEL_OPERATIONS, CLOSE_ORDER, CREATE_OR_UPDATE_ORDER, CancelOperations,
    CloseOrder, CloseOrderResult, CreateOrder, GET_ORDER_DETAILS, OrderDetailResult, OrderDetails, OrderQuery,
    OrderUpdate, OrderUpdateResult,
};
use crate::wire::{Method, Nothing, Words};
use domain::{Effect, ErrorKind, Operation, Reason, SourceId, VendorError};

/// A catalogue may take 30 s before it answers at all (`secutix.md §7`).
const CATALOG_TIMEOUT: Duration = Duration::from_secs(120);

/// How patiently something in the making is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// Waits between questions; the last one repeats.
    pub waits: [Duration; 4],
    /// How long in all.
    pub patience: Duration,
}

impl Pace {
    /// For answers that are `in_progress` (`secutix.md §2.7`).
    pub const ASYNCHRONOUS: Self = Self::of([2, 4, 8, 10], 180);
    /// For a sale to be complete (`secutix.md §5.5`); a little less than the 30 s that a confirmation may take, so that the answer
    /// is ours and not that of a deadline.
    pub const CLOSING: Self = Self::of([1, 2, 4, 8], 25);

    const fn of(seconds: [u64; 4], patience: u64) -> Self {
        let [first, second, third, rest] = seconds;
        let waits = [
            Duration::from_secs(first),
            Duration::from_secs(second),
            Duration::from_secs(third),
            Duration::from_secs(rest),
        ];
        Self { waits, patience: Duration::from_secs(patience) }
    }

    /// The waits, until patience is at its end.
    pub fn until_tired(self) -> impl Iterator<Item = Duration> {
        let begun = tokio::time::Instant::now();
        let waits = self.waits.into_iter().chain(std::iter::repeat(self.waits[3]));
        waits.take_while(move |wait| begun.elapsed() + *wait <= self.patience)
    }
}

/// Calls S-360.
pub(crate) struct Client {
    source: SourceId,
    speech: Box<dyn Speech>,
    pace: Pace,
}

/// What a call came to.
pub(crate) enum Reply<T> {
    /// The data.
    Done(T),
    /// Still working; under which name to ask again, where told.
    InProgress(Option<i64>),
}

impl Client {
    /// A client that speaks one of the two transports, and asks for answers in the making at a pace.
    pub fn new(source: SourceId, speech: Box<dyn Speech>, pace: Pace) -> Self {
        Self { source, speech, pace }
    }

    /// An error of this source that has no answer behind it.
    pub fn error(&self, operation: Operation, kind: ErrorKind) -> VendorError {
        VendorError::new(&self.source, operation, kind)
    }

    /// A refusal in our words, with the vendor's code.
    pub fn rejected(&self, operation: Operation, reason: Reason, code: Option<&str>) -> VendorError {
        VendorError::rejected(&self.source, operation, reason, code.map(str::to_owned))
    }

    /// One call, read as far as it got.
    pub async fn call<T: DeserializeOwned>(
        &self,
        operation: Operation,
        method: Method,
        parameters: &dyn Parameters,
        timeout: Option<Duration>,
    ) -> Result<Reply<T>, VendorError> {
        let opened = self.speech.ask(&Ask { operation, method, parameters, timeout }).await?;
        match opened.verdict()? {
            Verdict::Success => opened.read().map(Reply::Done),
            Verdict::InProgress(id) => Ok(Reply::InProgress(id)),
            Verdict::Refused { code, is_technical } => Err(self.refusal(&opened, operation, &code, is_technical)),
        }
    }

    /// One call that must answer at once.
    pub async fn read<T: DeserializeOwned>(
        &self,
        operation: Operation,
        method: Method,
        parameters: &dyn Parameters,
    ) -> Result<T, VendorError> {
        match self.call(operation, method, parameters, None).await? {
            Reply::Done(data) => Ok(data),
            Reply::InProgress(_) => {
                let error = self.error(operation, ErrorKind::Timeout).with_effect(lost(operation));
                Err(error.with_retry_after(Some(self.pace.waits[0])).because("the vendor is still working on it"))
            }
        }
    }

    fn refusal(&self, opened: &Opened, operation: Operation, code: &str, is_technical: bool) -> VendorError {
        if code == inferred::ORDER_NOT_FOUND {
            return opened.error(ErrorKind::NotFound).because(code.to_owned());
        }
        if is_technical {
            return opened.error(ErrorKind::Unavailable).with_effect(lost(operation));
        }
        self.rejected(operation, inferred::reason(code), Some(code))
    }

    /// `getPOSConfig` (`secutix.md §3.1`).
    pub async fn pos_config(&self, operation: Operation) -> Result<PosConfig, VendorError> {
        let result: PosConfigResult = self.read(operation, GET_POS_CONFIG, &Nothing {}).await?;
        result.pos_config_data.ok_or_else(|| self.empty(operation, "posConfigData"))
    }

    /// `getContactData` (`secutix.md §3.9`): whether a contact is there and in use.
    pub async fn contact_state(&self, operation: Operation, number: &str) -> Result<(), VendorError> {
        let query = ContactQuery { contact_number: number.to_owned(), details: vec!["GENERAL", "AUTHORIZATIONS"] };
        let result: ContactDataResult = self.read(operation, GET_CONTACT_DATA, &query).await?;
        let is_known = result.contact_number.is_some() && inferred::is_active(result.state.as_ref());
        if is_known { Ok(()) } else { Err(self.error(operation, ErrorKind::NotFound)) }
    }

    /// `getLastSetupUpdate` (`secutix.md §3.1`).
    pub async fn last_setup_update(&self, operation: Operation) -> Result<Option<Words>, VendorError> {
        let result: LastSetupUpdateResult = self.read(operation, GET_LAST_SETUP_UPDATE, &Nothing {}).await?;
        Ok(result.last_update)
    }

    /// `getCatalogDetailed`, asked again until it is there; after three minutes a retryable error (`secutix.md §2.7`).
    pub async fn catalog(&self, operation: Operation) -> Result<Catalog, VendorError> {
        let mut query = CatalogQuery::default();
        let mut waits = self.pace.until_tired();
        loop {
            let reply = self.call(operation, GET_CATALOG_DETAILED, &query, Some(CATALOG_TIMEOUT)).await?;
            match reply {
                Reply::Done(result) => {
                    let result: CatalogResult = result;
                    return result.catalog_data.ok_or_else(|| self.empty(operation, "catalogData"));
                }
                Reply::InProgress(id) => query.request_id = id.or(query.request_id),
            }
            let Some(wait) = waits.next() else {
                let error = self.error(operation, ErrorKind::Timeout).with_retry_after(Some(self.pace.waits[3]));
                return Err(error.because("the catalogue was in the making for too long"));
            };
            tokio::time::sleep(wait).await;
        }
    }

    /// `getEventAvailability` (`secutix.md §3.2`).
    pub async fn event_availability(&self, query: &EventAvailabilityQuery) -> Result<Vec<Free>, VendorError> {
        let operation = Operation::LoadAvailability;
        let result: EventAvailabilityResult = self.read(operation, GET_EVENT_AVAILABILITY, query).await?;
        let data = result.event_availability_data.ok_or_else(|| self.empty(operation, "eventAvailabilityData"))?;
        Ok(data.event_availabilities.0)
    }

    /// `getProductAvailability` (`secutix.md §3.2`); its fields are inferred.
    pub async fn product_availability(&self, query: &ProductAvailabilityQuery) -> Result<Vec<Free>, VendorError> {
        let operation = Operation::LoadAvailability;
        let result: ProductAvailabilityResult = self.read(operation, GET_PRODUCT_AVAILABILITY, query).await?;
        let data = result.product_availability_data.ok_or_else(|| self.empty(operation, "productAvailabilityData"))?;
        Ok(data.product_availabilities.0)
    }

    /// `getUpdatedAvailabilities` (`secutix.md §3.2`): the products that changed.
    pub async fn updated_availabilities(&self, query: &UpdatedAvailabilitiesQuery) -> Result<Vec<i64>, VendorError> {
        let operation = Operation::LoadAvailability;
        let result: UpdatedAvailabilitiesResult = self.read(operation, GET_UPDATED_AVAILABILITIES, query).await?;
        Ok(result.availability_update_data.0.iter().filter_map(|row| Some(row.product_id?.0)).collect())
    }

    /// `createOrUpdateOrder` (`secutix.md §3.3`). Not repeatable: each call without an order makes another one; asking again for
    /// the same `requestId` does not.
    pub async fn create_order(&self, mut order: CreateOrder) -> Result<OrderUpdate, VendorError> {
        let operation = Operation::Hold;
        let mut waits = self.pace.until_tired();
        loop {
            let reply: Reply<OrderUpdateResult> = self.call(operation, CREATE_OR_UPDATE_ORDER, &order, None).await?;
            let id = match reply {
                Reply::Done(result) => {
                    return result.order_update_data.ok_or_else(|| self.empty(operation, "orderUpdateData"));
                }
                Reply::InProgress(id) => id,
            };
            let Some((id, wait)) = id.zip(waits.next()) else {
                let error = self.error(operation, ErrorKind::Timeout).with_effect(Effect::Unknown);
                return Err(error.because("the order was in the making for too long, or without a name to ask for"));
            };
            order.request_id = Some(id);
            tokio::time::sleep(wait).await;
        }
    }

    /// `closeOrder` (`secutix.md §3.4`). Its answer is not believed: the order is read.
    pub async fn close_order(&self, close: &CloseOrder) -> Result<(), VendorError> {
        let reply: Reply<CloseOrderResult> = self.call(Operation::Confirm, CLOSE_ORDER, close, None).await?;
        match reply {
            Reply::Done(_) | Reply::InProgress(_) => Ok(()),
        }
    }

    /// `getOrderDetails` (`secutix.md §3.4`); `NotFound` where the vendor does not know the order.
    pub async fn order_details(&self, order_id: i64) -> Result<OrderDetails, VendorError> {
        let operation = Operation::LookUp;
        let result: OrderDetailResult = self.read(operation, GET_ORDER_DETAILS, &OrderQuery { order_id }).await?;
        result.order_details_data.ok_or_else(|| self.empty(operation, "orderDetailsData"))
    }

    /// `abandonMovements` (`secutix.md §3.4`).
    pub async fn abandon(&self, order_id: i64, movement_ids: Vec<i64>) -> Result<(), VendorError> {
        let places = AbandonMovements { order_id, movement_ids };
        let _: OrderUpdateResult = self.read(Operation::Release, ABANDON_MOVEMENTS, &places).await?;
        Ok(())
    }

    /// `cancelOperations` (`secutix.md §3.4`). Its answer is not believed: the order is read.
    pub async fn cancel_operations(&self, cancel: &CancelOperations) -> Result<(), VendorError> {
        let _: OrderUpdateResult = self.read(Operation::Cancel, CANCEL_OPERATIONS, cancel).await?;
        Ok(())
    }

    /// One page of `listTicketsByCriteria` (`secutix.md §3.5`).
    pub async fn tickets(&self, query: &TicketQuery) -> Result<TicketListResult, VendorError> {
        self.read(Operation::ListOrders, LIST_TICKETS_BY_CRITERIA, query).await
    }

    /// `getControlledTicket` (`secutix.md §3.8`).
    pub async fn controlled_ticket(&self, code: &str) -> Result<ControlledTicket, VendorError> {
        let operation = Operation::LookUp;
        let query = ControlledTicketQuery { bar_code_or_tax_number: code };
        let result: ControlledTicketResult = self.read(operation, GET_CONTROLLED_TICKET, &query).await?;
        result.controlled_ticket_data.ok_or_else(|| self.empty(operation, "controlledTicketData"))
    }

    /// A success without its data field: neither success nor failure.
    pub fn empty(&self, operation: Operation, field: &'static str) -> VendorError {
        let error = self.error(operation, ErrorKind::Malformed).with_effect(lost(operation));
        error.because(format!("success without {field}"))
    }
}

/// What a call may have done whose answer says too little.
fn lost(operation: Operation) -> Effect {
    if operation.reads() { Effect::None } else { Effect::Unknown }
}
