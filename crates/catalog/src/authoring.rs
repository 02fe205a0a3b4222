//! Editable data of events, for sources that have a back office.

use std::sync::Arc;

use domain::authoring::{
    AddOn, BackOffice, MemberDiscount, MembershipCategory, RelatedEvents, Relation, Resource, Schedule,
};
use domain::catalog::Event;
use domain::error::{ErrorKind, VendorError, VendorOperation};
use domain::ids::EventKey;

use crate::UnifiedCatalog;
use crate::sourced::SourcedEvent;

const READ_OPERATION: VendorOperation = VendorOperation::ReadAuthoring;

impl UnifiedCatalog {
    /// Finds the published version of an event. Returns `None` for a draft and for a source without authoring.
    pub async fn find_published(&self, event: &SourcedEvent) -> Result<Option<Arc<Event>>, VendorError> {
        match &event.source.authoring {
            Some(port) => self.call_source(&event.source, READ_OPERATION, port.find_published(event_key(event))).await,
            None => Ok(None),
        }
    }

    /// Lists the schedules. Empty for a source without a back office.
    pub async fn list_schedules(&self, event: &SourcedEvent) -> Result<Vec<Schedule>, VendorError> {
        match back_office(event) {
            Some(port) => self.call_source(&event.source, READ_OPERATION, port.list_schedules(event_key(event))).await,
            None => Ok(Vec::new()),
        }
    }

    /// Lists the resources. Empty for a source without a back office.
    pub async fn list_resources(&self, event: &SourcedEvent) -> Result<Vec<Resource>, VendorError> {
        match back_office(event) {
            Some(port) => self.call_source(&event.source, READ_OPERATION, port.list_resources(event_key(event))).await,
            None => Ok(Vec::new()),
        }
    }

    /// Loads the events of a relation. Fails with [`ErrorKind::Unsupported`] if the source has no back office.
    pub async fn load_related(&self, event: &SourcedEvent, relation: Relation) -> Result<RelatedEvents, VendorError> {
        match back_office(event) {
            Some(port) => {
                self.call_source(&event.source, READ_OPERATION, port.load_related(event_key(event), relation)).await
            }
            None => Err(VendorError::new(&event.source.id, READ_OPERATION, ErrorKind::Unsupported)),
        }
    }

    /// Lists the add-ons. Empty for a source without a back office.
    pub async fn list_add_ons(&self, event: &SourcedEvent) -> Result<Vec<AddOn>, VendorError> {
        match back_office(event) {
            Some(port) => self.call_source(&event.source, READ_OPERATION, port.list_add_ons(event_key(event))).await,
            None => Ok(Vec::new()),
        }
    }

    /// Lists the membership categories that may buy. Empty if there is no restriction or the source has no back office.
    pub async fn list_restrictions(&self, event: &SourcedEvent) -> Result<Vec<MembershipCategory>, VendorError> {
        match back_office(event) {
            Some(port) => {
                self.call_source(&event.source, READ_OPERATION, port.list_restrictions(event_key(event))).await
            }
            None => Ok(Vec::new()),
        }
    }

    /// Lists the discounts for members. Empty for a source without a back office.
    pub async fn list_discounts(&self, event: &SourcedEvent) -> Result<Vec<MemberDiscount>, VendorError> {
        match back_office(event) {
            Some(port) => self.call_source(&event.source, READ_OPERATION, port.list_discounts(event_key(event))).await,
            None => Ok(Vec::new()),
        }
    }

    /// Finds the discount of a membership category. Returns `None` if there is none or the source has no back office.
    pub async fn find_discount(
        &self,
        event: &SourcedEvent,
        category: &str,
    ) -> Result<Option<MemberDiscount>, VendorError> {
        match back_office(event) {
            Some(port) => {
                self.call_source(&event.source, READ_OPERATION, port.find_discount(event_key(event), category)).await
            }
            None => Ok(None),
        }
    }
}

fn event_key(event: &SourcedEvent) -> &EventKey {
    &event.value.value.key
}

fn back_office(event: &SourcedEvent) -> Option<&Arc<dyn BackOffice>> {
    event.source.back_office.as_ref()
}
