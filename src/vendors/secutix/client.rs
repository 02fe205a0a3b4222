//! The endpoints, one function each. What is asked is in `wire`, how it is spoken in `speech`.

use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::domain::{ErrorKind, Operation, Reason, SourceId, VendorError};
use crate::vendors::secutix::inferred;
use crate::vendors::secutix::speech::{Ask, Opened, Parameters, Speech, Verdict};
use crate::vendors::secutix::wire::availability::{
    EventAvailabilityQuery, EventAvailabilityResult, Free, GET_EVENT_AVAILABILITY, GET_PRODUCT_AVAILABILITY,
    GET_UPDATED_AVAILABILITIES, ProductAvailabilityQuery, ProductAvailabilityResult, UpdatedAvailabilitiesQuery,
    UpdatedAvailabilitiesResult,
};
use crate::vendors::secutix::wire::catalog::{
    Catalog, CatalogQuery, CatalogResult, GET_CATALOG_DETAILED, GET_LAST_SETUP_UPDATE, GET_POS_CONFIG,
    LastSetupUpdateResult, PosConfig, PosConfigResult,
};
use crate::vendors::secutix::wire::{Method, Nothing, Words};

/// A catalogue may take 30 s before it answers at all (`secutix.md §7`).
const CATALOG_TIMEOUT: Duration = Duration::from_secs(120);
/// Waits between questions for an answer in the making; the last one repeats (`secutix.md §2.7`).
const POLL: [Duration; 4] =
    [Duration::from_secs(2), Duration::from_secs(4), Duration::from_secs(8), Duration::from_secs(10)];
/// How long an answer may be in the making.
const PATIENCE: Duration = Duration::from_secs(180);

/// Calls S-360.
pub(crate) struct Client {
    source: SourceId,
    speech: Box<dyn Speech>,
}

/// What a call came to.
pub(crate) enum Reply<T> {
    /// The data.
    Done(T),
    /// Still working; under which name to ask again, where told.
    InProgress(Option<i64>),
}

impl Client {
    /// A client that speaks one of the two transports.
    pub fn new(source: SourceId, speech: Box<dyn Speech>) -> Self {
        Self { source, speech }
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
                let error = self.error(operation, ErrorKind::Timeout).with_retry_after(Some(POLL[0]));
                Err(error.because("the vendor is still working on it"))
            }
        }
    }

    fn refusal(&self, opened: &Opened, operation: Operation, code: &str, is_technical: bool) -> VendorError {
        if code == inferred::ORDER_NOT_FOUND {
            return opened.error(ErrorKind::NotFound).because(code.to_owned());
        }
        if is_technical {
            let effect = if operation.reads() { crate::domain::Effect::None } else { crate::domain::Effect::Unknown };
            return opened.error(ErrorKind::Unavailable).with_effect(effect);
        }
        self.rejected(operation, inferred::reason(code), Some(code))
    }

    /// `getPOSConfig` (`secutix.md §3.1`).
    pub async fn pos_config(&self, operation: Operation) -> Result<PosConfig, VendorError> {
        let result: PosConfigResult = self.read(operation, GET_POS_CONFIG, &Nothing {}).await?;
        result.pos_config_data.ok_or_else(|| self.empty(operation, "posConfigData"))
    }

    /// `getLastSetupUpdate` (`secutix.md §3.1`).
    pub async fn last_setup_update(&self, operation: Operation) -> Result<Option<Words>, VendorError> {
        let result: LastSetupUpdateResult = self.read(operation, GET_LAST_SETUP_UPDATE, &Nothing {}).await?;
        Ok(result.last_update)
    }

    /// `getCatalogDetailed`, asked again until it is there; after three minutes a retryable error (`secutix.md §2.7`).
    pub async fn catalog(&self, operation: Operation) -> Result<Catalog, VendorError> {
        let begun = tokio::time::Instant::now();
        let mut query = CatalogQuery::default();
        for wait in POLL.into_iter().chain(std::iter::repeat(POLL[3])) {
            let reply = self.call(operation, GET_CATALOG_DETAILED, &query, Some(CATALOG_TIMEOUT)).await?;
            match reply {
                Reply::Done(result) => {
                    let result: CatalogResult = result;
                    return result.catalog_data.ok_or_else(|| self.empty(operation, "catalogData"));
                }
                Reply::InProgress(id) => query.request_id = id.or(query.request_id),
            }
            if begun.elapsed() + wait > PATIENCE {
                break;
            }
            tokio::time::sleep(wait).await;
        }
        let error = self.error(operation, ErrorKind::Timeout).with_retry_after(Some(POLL[3]));
        Err(error.because("the catalogue was still in the making after three minutes"))
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

    /// A success without its data field: neither success nor failure.
    pub fn empty(&self, operation: Operation, field: &'static str) -> VendorError {
        let effect = if operation.reads() { crate::domain::Effect::None } else { crate::domain::Effect::Unknown };
        self.error(operation, ErrorKind::Malformed).with_effect(effect).because(format!("success without {field}"))
    }
}
