//! Edits of an event invalidate the event, the lists that contain it, and its performances.

use std::sync::Arc;

use async_trait::async_trait;

use super::InvalidateOnWrite;
use crate::tag_invalidation::Invalidation;
use domain::authoring::{
    AddOn, Authoring, BackOffice, BackOfficeEdit, CreatedEvent, EventChange, MemberDiscount, MembershipCategory,
    NewEvent, RelatedEvents, Relation, Resource, Schedule, SectionAuthoring, SectionEdit,
};
use domain::ids::StepKey;
use domain::{Effect, ErrorKind, Event, EventKey, SectionKey, VendorError};

impl<P: ?Sized> InvalidateOnWrite<P> {
    /// Invalidates an event, unless the call had no effect. An event that no longer exists is invalidated too.
    fn invalidate_event<T>(&self, event: &EventKey, outcome: Result<T, VendorError>) -> Result<T, VendorError> {
        let is_unchanged =
            outcome.as_ref().is_err_and(|error| error.effect == Effect::None && error.kind != ErrorKind::NotFound);
        if !is_unchanged {
            self.cache.invalidate(Invalidation::Event(self.source.clone(), event.clone()));
        }
        outcome
    }
}

#[async_trait]
impl Authoring for InvalidateOnWrite<dyn Authoring> {
    async fn create_event(&self, key: &StepKey, event: &NewEvent) -> Result<CreatedEvent, VendorError> {
        let outcome = self.inner.create_event(key, event).await;
        match &outcome {
            Ok(created) => self.cache.invalidate(Invalidation::Event(self.source.clone(), created.event.clone())),
            // An event may have been created; its key is unknown.
            Err(error) if error.effect == Effect::Unknown => {
                self.cache.invalidate(Invalidation::Source(self.source.clone()));
            }
            Err(_) => {}
        }
        outcome
    }

    async fn update_event(&self, event: &EventKey, change: &EventChange) -> Result<(), VendorError> {
        self.invalidate_event(event, self.inner.update_event(event, change).await)
    }

    async fn publish_event(&self, event: &EventKey) -> Result<(), VendorError> {
        self.invalidate_event(event, self.inner.publish_event(event).await)
    }

    async fn delete_event(&self, event: &EventKey) -> Result<(), VendorError> {
        self.invalidate_event(event, self.inner.delete_event(event).await)
    }

    async fn find_published(&self, event: &EventKey) -> Result<Option<Arc<Event>>, VendorError> {
        self.inner.find_published(event).await
    }
}

#[async_trait]
impl SectionAuthoring for InvalidateOnWrite<dyn SectionAuthoring> {
    async fn edit_section(&self, event: &EventKey, edit: &SectionEdit) -> Result<Option<SectionKey>, VendorError> {
        self.invalidate_event(event, self.inner.edit_section(event, edit).await)
    }
}

#[async_trait]
impl BackOffice for InvalidateOnWrite<dyn BackOffice> {
    async fn list_schedules(&self, event: &EventKey) -> Result<Vec<Schedule>, VendorError> {
        self.inner.list_schedules(event).await
    }

    async fn list_resources(&self, event: &EventKey) -> Result<Vec<Resource>, VendorError> {
        self.inner.list_resources(event).await
    }

    async fn load_related(&self, event: &EventKey, relation: Relation) -> Result<RelatedEvents, VendorError> {
        self.inner.load_related(event, relation).await
    }

    async fn list_add_ons(&self, event: &EventKey) -> Result<Vec<AddOn>, VendorError> {
        self.inner.list_add_ons(event).await
    }

    async fn list_restrictions(&self, event: &EventKey) -> Result<Vec<MembershipCategory>, VendorError> {
        self.inner.list_restrictions(event).await
    }

    async fn list_discounts(&self, event: &EventKey) -> Result<Vec<MemberDiscount>, VendorError> {
        self.inner.list_discounts(event).await
    }

    async fn find_discount(&self, event: &EventKey, category: &str) -> Result<Option<MemberDiscount>, VendorError> {
        self.inner.find_discount(event, category).await
    }

    async fn apply_edit(&self, event: &EventKey, change: &BackOfficeEdit) -> Result<(), VendorError> {
        self.invalidate_event(event, self.inner.apply_edit(event, change).await)
    }
}
