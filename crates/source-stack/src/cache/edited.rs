//! Forgets what our own edits make untrue: the event, the lists that it stands in, and its performances.

use std::sync::Arc;

use async_trait::async_trait;

use crate::cache::{Forgetful, Invalidation};
use domain::authoring::{
    AddOn, Arrangement, Authoring, BackOffice, Created, EventChange, MemberDiscount, MembershipCategory, NewEvent,
    Related, Relation, Resource, Schedule, SectionEdit, Sectioning,
};
use domain::ids::StepKey;
use domain::{Effect, ErrorKind, Event, EventKey, SectionKey, VendorError};

impl<P: ?Sized> Forgetful<P> {
    /// Forgets an event, unless the call certainly changed nothing. One that the source knows no longer is forgotten too.
    fn forget_event<T>(&self, event: &EventKey, outcome: Result<T, VendorError>) -> Result<T, VendorError> {
        let is_idle =
            outcome.as_ref().is_err_and(|error| error.effect == Effect::None && error.kind != ErrorKind::NotFound);
        if !is_idle {
            self.cache.forget(Invalidation::Event(self.source.clone(), event.clone()));
        }
        outcome
    }
}

#[async_trait]
impl Authoring for Forgetful<dyn Authoring> {
    async fn create_event(&self, key: &StepKey, event: &NewEvent) -> Result<Created, VendorError> {
        let outcome = self.inner.create_event(key, event).await;
        match &outcome {
            Ok(created) => self.cache.forget(Invalidation::Event(self.source.clone(), created.event.clone())),
            // Which event was made, if one was, nobody told us.
            Err(error) if error.effect == Effect::Unknown => {
                self.cache.forget(Invalidation::Source(self.source.clone()));
            }
            Err(_) => {}
        }
        outcome
    }

    async fn update_event(&self, event: &EventKey, change: &EventChange) -> Result<(), VendorError> {
        self.forget_event(event, self.inner.update_event(event, change).await)
    }

    async fn publish_event(&self, event: &EventKey) -> Result<(), VendorError> {
        self.forget_event(event, self.inner.publish_event(event).await)
    }

    async fn delete_event(&self, event: &EventKey) -> Result<(), VendorError> {
        self.forget_event(event, self.inner.delete_event(event).await)
    }

    async fn find_published(&self, event: &EventKey) -> Result<Option<Arc<Event>>, VendorError> {
        self.inner.find_published(event).await
    }
}

#[async_trait]
impl Sectioning for Forgetful<dyn Sectioning> {
    async fn edit_section(&self, event: &EventKey, edit: &SectionEdit) -> Result<Option<SectionKey>, VendorError> {
        self.forget_event(event, self.inner.edit_section(event, edit).await)
    }
}

#[async_trait]
impl BackOffice for Forgetful<dyn BackOffice> {
    async fn list_schedules(&self, event: &EventKey) -> Result<Vec<Schedule>, VendorError> {
        self.inner.list_schedules(event).await
    }

    async fn list_resources(&self, event: &EventKey) -> Result<Vec<Resource>, VendorError> {
        self.inner.list_resources(event).await
    }

    async fn load_related(&self, event: &EventKey, relation: Relation) -> Result<Related, VendorError> {
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

    async fn arrange(&self, event: &EventKey, change: &Arrangement) -> Result<(), VendorError> {
        self.forget_event(event, self.inner.arrange(event, change).await)
    }
}
