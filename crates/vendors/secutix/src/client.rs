//! The endpoints, one function each. `wire` holds the requests and results, `protocol` their encoding.

use std::sync::Arc;
use std::time::Duration;

use domain::{Effect, ErrorKind, RefusalReason, SourceId, VendorError, VendorOperation};
use serde::de::DeserializeOwned;

use crate::catalog_store::CatalogStore;
use crate::facts::{Facts, Rejection};
use crate::map::orders;
use crate::protocol::{Parameters, Protocol, ProtocolRequest, ProtocolResponse, ResultStatus};
use crate::wire::access::{ControlledTicket, ControlledTicketQuery, ControlledTicketResult, GET_CONTROLLED_TICKET};
use crate::wire::availability::{
    AvailabilityRow, EventAvailabilityQuery, EventAvailabilityResult, GET_EVENT_AVAILABILITY, GET_PRODUCT_AVAILABILITY,
    GET_UPDATED_AVAILABILITIES, ProductAvailabilityQuery, ProductAvailabilityResult, UpdatedAvailabilitiesQuery,
    UpdatedAvailabilitiesResult,
};
use crate::wire::catalog::{
    CatalogData, CatalogQuery, CatalogResult, GET_CATALOG_DETAILED, GET_LAST_SETUP_UPDATE, GET_POS_CONFIG,
    LastSetupUpdateResult, PosConfig, PosConfigResult,
};
use crate::wire::contact::{ContactDataResult, ContactQuery, GET_CONTACT_DATA};
use crate::wire::history::{LIST_TICKETS_BY_CRITERIA, TicketListResult, TicketQuery};
use crate::wire::orders::{
    ABANDON_MOVEMENTS, AbandonMovements, CANCEL_OPERATIONS, CLOSE_ORDER, CREATE_OR_UPDATE_ORDER,
    CREATE_PAYMENTS_AND_CLOSE_ORDER, CancelOperations, CloseOrder, CloseOrderResult, CreateOrder, GET_ORDER_DETAILS,
    OrderDetailResult, OrderDetails, OrderQuery, OrderUpdate, OrderUpdateResult, PayAndClose,
};
use crate::wire::{LenientString, Method, NoParameters};

/// The vendor may take 30 s before it starts to send a catalog (`secutix.md §7`).
const CATALOG_TIMEOUT: Duration = Duration::from_secs(120);

/// Polling schedule of an asynchronous result.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PollSchedule {
    /// Delays between requests; the last one repeats.
    pub delays: [Duration; 4],
    /// Maximum total time.
    pub max_wait: Duration,
}

impl PollSchedule {
    /// For responses that are `in_progress` (`secutix.md §2.7`).
    pub(crate) const IN_PROGRESS: Self = Self::from_seconds([2, 4, 8, 10], 180);
    /// For a sale to be complete (`secutix.md §5.5`). Slightly shorter than the 30 s deadline of a confirmation, so that the
    /// poll ends first.
    pub(crate) const ORDER_COMPLETION: Self = Self::from_seconds([1, 2, 4, 8], 25);

    const fn from_seconds(seconds: [u64; 4], max_wait_seconds: u64) -> Self {
        let [first, second, third, last] = seconds;
        let delays = [
            Duration::from_secs(first),
            Duration::from_secs(second),
            Duration::from_secs(third),
            Duration::from_secs(last),
        ];
        Self { delays, max_wait: Duration::from_secs(max_wait_seconds) }
    }

    /// Yields the delays until the maximum total time is reached.
    pub(crate) fn remaining_delays(self) -> impl Iterator<Item = Duration> {
        let started_at = tokio::time::Instant::now();
        let delays = self.delays.into_iter().chain(std::iter::repeat(self.delays[3]));
        delays.take_while(move |delay| started_at.elapsed() + *delay <= self.max_wait)
    }
}

/// Client of one S-360 institution.
pub(crate) struct Client {
    source: SourceId,
    protocol: Box<dyn Protocol>,
    poll_schedule: PollSchedule,
    facts: Arc<Facts>,
}

/// Outcome of one call.
pub(crate) enum CallReply<T> {
    /// The result is available.
    Completed(T),
    /// Still in progress, with the request id to poll with, if the vendor sent one.
    InProgress(Option<i64>),
}

impl Client {
    /// Creates a client over one of the two protocols. Asynchronous results are polled on the given schedule.
    pub(crate) fn new(
        source: SourceId,
        protocol: Box<dyn Protocol>,
        poll_schedule: PollSchedule,
        facts: Arc<Facts>,
    ) -> Self {
        Self { source, protocol, poll_schedule, facts }
    }

    /// Returns the inferred facts that apply to the source.
    pub(crate) fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Returns the source that is called.
    pub(crate) fn source(&self) -> &SourceId {
        &self.source
    }

    /// Returns an error of this source without a response behind it.
    pub(crate) fn error(&self, operation: VendorOperation, kind: ErrorKind) -> VendorError {
        VendorError::new(&self.source, operation, kind)
    }

    /// Returns a rejection with our reason and the vendor's code.
    pub(crate) fn rejected(
        &self,
        operation: VendorOperation,
        reason: RefusalReason,
        code: Option<&str>,
    ) -> VendorError {
        VendorError::rejected(&self.source, operation, reason, code.map(str::to_owned))
    }

    /// Sends one request and classifies its result.
    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        operation: VendorOperation,
        method: Method,
        parameters: &dyn Parameters,
        timeout: Option<Duration>,
    ) -> Result<CallReply<T>, VendorError> {
        match self.send(operation, method, parameters, timeout).await? {
            CallReply::Completed(response) => response.parse().map(CallReply::Completed),
            CallReply::InProgress(id) => Ok(CallReply::InProgress(id)),
        }
    }

    /// Sends one request and classifies its result, which is not parsed yet.
    async fn send(
        &self,
        operation: VendorOperation,
        method: Method,
        parameters: &dyn Parameters,
        timeout: Option<Duration>,
    ) -> Result<CallReply<ProtocolResponse>, VendorError> {
        let response = self.protocol.call(&ProtocolRequest { operation, method, parameters, timeout }).await?;
        match response.status()? {
            ResultStatus::Success => Ok(CallReply::Completed(response)),
            ResultStatus::InProgress(id) => Ok(CallReply::InProgress(id)),
            ResultStatus::Rejected { code, is_unexpected } => {
                Err(self.rejection(&response, operation, &code, is_unexpected))
            }
        }
    }

    /// Sends one request that must complete synchronously.
    pub(crate) async fn call_sync<T: DeserializeOwned>(
        &self,
        operation: VendorOperation,
        method: Method,
        parameters: &dyn Parameters,
    ) -> Result<T, VendorError> {
        match self.call(operation, method, parameters, None).await? {
            CallReply::Completed(data) => Ok(data),
            CallReply::InProgress(_) => Err(self.still_in_progress(operation)),
        }
    }

    fn still_in_progress(&self, operation: VendorOperation) -> VendorError {
        let error = self.error(operation, ErrorKind::Timeout).with_effect(effect_of_lost_response(operation));
        error
            .with_retry_after(Some(self.poll_schedule.delays[0]))
            .with_cause("the vendor is still processing the request")
    }

    fn rejection(
        &self,
        response: &ProtocolResponse,
        operation: VendorOperation,
        code: &str,
        is_unexpected: bool,
    ) -> VendorError {
        if self.facts.is_technical(code, is_unexpected) {
            return response.error(ErrorKind::Unavailable).with_effect(effect_of_lost_response(operation));
        }
        match self.facts.rejection(code) {
            Rejection::NotFound => response.error(ErrorKind::NotFound).with_cause(code.to_owned()),
            Rejection::Refused(reason) => self.rejected(operation, reason, Some(code)),
        }
    }

    /// `getPOSConfig` (`secutix.md §3.1`).
    pub(crate) async fn pos_config(&self, operation: VendorOperation) -> Result<PosConfig, VendorError> {
        self.pos_config_and_text(operation).await.map(|(pos, _)| pos)
    }

    /// Like [`Client::pos_config`], with the text of the result.
    pub(crate) async fn pos_config_and_text(
        &self,
        operation: VendorOperation,
    ) -> Result<(PosConfig, Vec<u8>), VendorError> {
        match self.send(operation, GET_POS_CONFIG, &NoParameters {}, None).await? {
            CallReply::Completed(response) => {
                let result: PosConfigResult = response.parse()?;
                let pos = result.pos_config_data.ok_or_else(|| self.missing_field(operation, "posConfigData"))?;
                Ok((pos, response.into_text()))
            }
            CallReply::InProgress(_) => Err(self.still_in_progress(operation)),
        }
    }

    /// `getContactData` (`secutix.md §3.9`). `NotFound` unless the contact exists and is active.
    pub(crate) async fn active_contact(
        &self,
        operation: VendorOperation,
        number: &str,
    ) -> Result<ContactDataResult, VendorError> {
        let query = ContactQuery { contact_number: number.to_owned(), details: vec!["GENERAL", "AUTHORIZATIONS"] };
        let result: ContactDataResult = self.call_sync(operation, GET_CONTACT_DATA, &query).await?;
        let is_usable = result.contact_number.is_some() && self.facts.is_active(result.state.as_ref());
        if is_usable { Ok(result) } else { Err(self.error(operation, ErrorKind::NotFound)) }
    }

    /// `getLastSetupUpdate` (`secutix.md §3.1`).
    pub(crate) async fn last_setup_update(
        &self,
        operation: VendorOperation,
    ) -> Result<Option<LenientString>, VendorError> {
        let result: LastSetupUpdateResult = self.call_sync(operation, GET_LAST_SETUP_UPDATE, &NoParameters {}).await?;
        Ok(result.last_update)
    }

    /// `getCatalogDetailed`, polled until it is complete; a retryable error after three minutes (`secutix.md §2.7`). Goes on with
    /// the request `pending`, if there is one, and keeps the id of one that is in progress. Returns the catalog and its text.
    pub(crate) async fn catalog(
        &self,
        operation: VendorOperation,
        pending: Option<i64>,
        store: &CatalogStore,
    ) -> Result<(CatalogData, Vec<u8>), VendorError> {
        let mut query = CatalogQuery { request_id: pending };
        let mut delays = self.poll_schedule.remaining_delays();
        loop {
            match self.send(operation, GET_CATALOG_DETAILED, &query, Some(CATALOG_TIMEOUT)).await? {
                CallReply::Completed(response) => {
                    let result: CatalogResult = response.parse()?;
                    let catalog = result.catalog_data.ok_or_else(|| self.missing_field(operation, "catalogData"))?;
                    return Ok((catalog, response.into_text()));
                }
                CallReply::InProgress(id) => {
                    query.request_id = id.or(query.request_id);
                    if let Some(id) = id.filter(|id| pending != Some(*id)) {
                        store.set_pending(Some(id)).await;
                    }
                }
            }
            let Some(delay) = delays.next() else {
                let error =
                    self.error(operation, ErrorKind::Timeout).with_retry_after(Some(self.poll_schedule.delays[3]));
                return Err(error.with_cause("the catalog was in progress for too long"));
            };
            tokio::time::sleep(delay).await;
        }
    }

    /// `getEventAvailability` (`secutix.md §3.2`).
    pub(crate) async fn event_availability(
        &self,
        query: &EventAvailabilityQuery,
    ) -> Result<Vec<AvailabilityRow>, VendorError> {
        let operation = VendorOperation::LoadAvailability;
        let result: EventAvailabilityResult = self.call_sync(operation, GET_EVENT_AVAILABILITY, query).await?;
        let data =
            result.event_availability_data.ok_or_else(|| self.missing_field(operation, "eventAvailabilityData"))?;
        Ok(data.event_availabilities.0)
    }

    /// `getProductAvailability` (`secutix.md §3.2`); its fields are inferred.
    pub(crate) async fn product_availability(
        &self,
        query: &ProductAvailabilityQuery,
    ) -> Result<Vec<AvailabilityRow>, VendorError> {
        let operation = VendorOperation::LoadAvailability;
        let result: ProductAvailabilityResult = self.call_sync(operation, GET_PRODUCT_AVAILABILITY, query).await?;
        let data =
            result.product_availability_data.ok_or_else(|| self.missing_field(operation, "productAvailabilityData"))?;
        Ok(data.product_availabilities.0)
    }

    /// `getUpdatedAvailabilities` (`secutix.md §3.2`): returns the products that changed.
    pub(crate) async fn updated_availabilities(
        &self,
        query: &UpdatedAvailabilitiesQuery,
    ) -> Result<Vec<i64>, VendorError> {
        let operation = VendorOperation::LoadAvailability;
        let result: UpdatedAvailabilitiesResult = self.call_sync(operation, GET_UPDATED_AVAILABILITIES, query).await?;
        Ok(result.availability_update_data.0.iter().filter_map(|row| Some(row.product_id?.0)).collect())
    }

    /// `createOrUpdateOrder` (`secutix.md §3.3`). Not repeatable: each call without an order id creates another order. Polling
    /// with the same `requestId` does not.
    pub(crate) async fn create_order(&self, mut order: CreateOrder) -> Result<OrderUpdate, VendorError> {
        let operation = VendorOperation::Hold;
        let mut delays = self.poll_schedule.remaining_delays();
        loop {
            let reply: Result<CallReply<OrderUpdateResult>, VendorError> =
                self.call(operation, CREATE_OR_UPDATE_ORDER, &order, None).await;
            let id = match reply {
                Ok(CallReply::Completed(result)) => {
                    return result.order_update_data.ok_or_else(|| self.missing_field(operation, "orderUpdateData"));
                }
                Ok(CallReply::InProgress(id)) => id,
                // Only the poll failed; the order is being created.
                Err(error) if order.request_id.is_some() && error.kind.is_transient() => order.request_id,
                Err(error) if order.request_id.is_some() && !matches!(error.kind, ErrorKind::Rejected(_)) => {
                    return Err(error.with_effect(Effect::Unknown));
                }
                Err(error) => return Err(error),
            };
            let Some((id, delay)) = id.or(order.request_id).zip(delays.next()) else {
                let error = self.error(operation, ErrorKind::Timeout).with_effect(Effect::Unknown);
                return Err(error.with_cause("the order was in progress for too long, or without a requestId"));
            };
            order.request_id = Some(id);
            tokio::time::sleep(delay).await;
        }
    }

    /// `closeOrder` (`secutix.md §3.4`). Returns the state of the order, if the response contains it.
    pub(crate) async fn close_order(&self, close: &CloseOrder) -> Result<Option<LenientString>, VendorError> {
        self.close(CLOSE_ORDER, close).await
    }

    /// `createPaymentsAndCloseOrder` (`secutix.md §3.3`), whose result is inferred to be that of `closeOrder`.
    pub(crate) async fn pay_and_close(&self, close: &PayAndClose) -> Result<Option<LenientString>, VendorError> {
        self.close(CREATE_PAYMENTS_AND_CLOSE_ORDER, close).await
    }

    async fn close(&self, method: Method, close: &dyn Parameters) -> Result<Option<LenientString>, VendorError> {
        let reply: CallReply<CloseOrderResult> = self.call(VendorOperation::Confirm, method, close, None).await?;
        match reply {
            CallReply::Completed(result) => Ok(result.order_data.and_then(|data| data.order_state)),
            CallReply::InProgress(_) => Ok(None),
        }
    }

    /// `getOrderDetails` (`secutix.md §3.4`). `NotFound` if the order does not exist.
    pub(crate) async fn order_details(&self, order_id: i64) -> Result<OrderDetails, VendorError> {
        let operation = VendorOperation::LookUp;
        let query = OrderQuery { order_id, granularity: self.facts.order_granularity.clone() };
        let result: OrderDetailResult = self.call_sync(operation, GET_ORDER_DETAILS, &query).await?;
        let mut details = result.order_details_data.ok_or_else(|| self.missing_field(operation, "orderDetailsData"))?;
        orders::place_tickets(&mut details, self.facts.tickets_at);
        Ok(details)
    }

    /// `abandonMovements` (`secutix.md §3.4`).
    pub(crate) async fn abandon_movements(&self, order_id: i64, movement_ids: Vec<i64>) -> Result<(), VendorError> {
        let parameters = AbandonMovements { order_id, movement_ids };
        let _: OrderUpdateResult = self.call_sync(VendorOperation::Release, ABANDON_MOVEMENTS, &parameters).await?;
        Ok(())
    }

    /// `cancelOperations` (`secutix.md §3.4`). Its response is not trusted: the order is read afterwards.
    pub(crate) async fn cancel_operations(&self, cancel: &CancelOperations) -> Result<(), VendorError> {
        let _: OrderUpdateResult = self.call_sync(VendorOperation::Cancel, CANCEL_OPERATIONS, cancel).await?;
        Ok(())
    }

    /// One page of `listTicketsByCriteria` (`secutix.md §3.5`).
    pub(crate) async fn list_tickets(&self, query: &TicketQuery) -> Result<TicketListResult, VendorError> {
        self.call_sync(VendorOperation::ListOrders, LIST_TICKETS_BY_CRITERIA, query).await
    }

    /// `getControlledTicket` (`secutix.md §3.8`).
    pub(crate) async fn controlled_ticket(&self, code: &str) -> Result<ControlledTicket, VendorError> {
        let operation = VendorOperation::LookUp;
        let query = ControlledTicketQuery { bar_code_or_tax_number: code };
        let result: ControlledTicketResult = self.call_sync(operation, GET_CONTROLLED_TICKET, &query).await?;
        result.controlled_ticket_data.ok_or_else(|| self.missing_field(operation, "controlledTicketData"))
    }

    /// Returns the error of a success without its data field: neither success nor failure.
    pub(crate) fn missing_field(&self, operation: VendorOperation, field: &'static str) -> VendorError {
        let error = self.error(operation, ErrorKind::Malformed).with_effect(effect_of_lost_response(operation));
        error.with_cause(format!("success without {field}"))
    }
}

/// Returns the possible effect of a call whose response is lost or incomplete.
fn effect_of_lost_response(operation: VendorOperation) -> Effect {
    if operation.is_read_only() { Effect::None } else { Effect::Unknown }
}
