//! What can be edited on events, read where a source has a back office.

use std::sync::Arc;

use crate::Federation;
use crate::sourced::SourcedEvent;
use domain::authoring::{AddOn, BackOffice, MemberDiscount, MembershipCategory, Related, Relation, Resource, Schedule};
use domain::catalog::Event;
use domain::error::{ErrorKind, Operation, VendorError};
use domain::ids::EventKey;

const READ: Operation = Operation::ReadAuthoring;

impl Federation {
    /// The event as it is published; none while it is a draft, or where the source has no back office.
    pub async fn find_published(&self, event: &SourcedEvent) -> Result<Option<Arc<Event>>, VendorError> {
        match &event.source.authoring {
            Some(port) => self.ask(&event.source, READ, port.find_published(key(event))).await,
            None => Ok(None),
        }
    }

    /// When performances take place; nothing where the source has no schedules.
    pub async fn list_schedules(&self, event: &SourcedEvent) -> Result<Vec<Schedule>, VendorError> {
        match office(event) {
            Some(port) => self.ask(&event.source, READ, port.list_schedules(key(event))).await,
            None => Ok(Vec::new()),
        }
    }

    /// What performances need; nothing where the source has no resources.
    pub async fn list_resources(&self, event: &SourcedEvent) -> Result<Vec<Resource>, VendorError> {
        match office(event) {
            Some(port) => self.ask(&event.source, READ, port.list_resources(key(event))).await,
            None => Ok(Vec::new()),
        }
    }

    /// The events of a relation; [`ErrorKind::Unsupported`] where the source has none.
    pub async fn load_related(&self, event: &SourcedEvent, relation: Relation) -> Result<Related, VendorError> {
        match office(event) {
            Some(port) => self.ask(&event.source, READ, port.load_related(key(event), relation)).await,
            None => Err(VendorError::new(&event.source.id, READ, ErrorKind::Unsupported)),
        }
    }

    /// What is sold beside the tickets; nothing where the source has no add-ons.
    pub async fn list_add_ons(&self, event: &SourcedEvent) -> Result<Vec<AddOn>, VendorError> {
        match office(event) {
            Some(port) => self.ask(&event.source, READ, port.list_add_ons(key(event))).await,
            None => Ok(Vec::new()),
        }
    }

    /// The kinds of member that may buy; none where everybody may, or the source knows no members.
    pub async fn list_restrictions(&self, event: &SourcedEvent) -> Result<Vec<MembershipCategory>, VendorError> {
        match office(event) {
            Some(port) => self.ask(&event.source, READ, port.list_restrictions(key(event))).await,
            None => Ok(Vec::new()),
        }
    }

    /// What members pay; nothing where the source knows no members.
    pub async fn list_discounts(&self, event: &SourcedEvent) -> Result<Vec<MemberDiscount>, VendorError> {
        match office(event) {
            Some(port) => self.ask(&event.source, READ, port.list_discounts(key(event))).await,
            None => Ok(Vec::new()),
        }
    }

    /// What members of one kind pay; none where nothing is agreed, or the source knows no members.
    pub async fn find_discount(
        &self,
        event: &SourcedEvent,
        category: &str,
    ) -> Result<Option<MemberDiscount>, VendorError> {
        match office(event) {
            Some(port) => self.ask(&event.source, READ, port.find_discount(key(event), category)).await,
            None => Ok(None),
        }
    }
}

fn key(event: &SourcedEvent) -> &EventKey {
    &event.value.value.key
}

fn office(event: &SourcedEvent) -> Option<&Arc<dyn BackOffice>> {
    event.source.back_office.as_ref()
}
