//! Guarded ports that edit events: each method runs its call through the guard.

use std::sync::Arc;

use async_trait::async_trait;

use super::ports::Guarded;
use domain::authoring::{
    AddOn, Authoring, BackOffice, BackOfficeEdit, CreatedEvent, EventChange, MemberDiscount, MembershipCategory,
    NewEvent, RelatedEvents, Relation, Resource, Schedule, SectionAuthoring, SectionEdit,
};
use domain::ids::StepKey;
use domain::{Event, EventKey, SectionKey, VendorError, VendorOperation};

const READ: VendorOperation = VendorOperation::ReadAuthoring;
const WRITE: VendorOperation = VendorOperation::WriteAuthoring;

#[async_trait]
impl Authoring for Guarded<dyn Authoring> {
    async fn create_event(&self, key: &StepKey, event: &NewEvent) -> Result<CreatedEvent, VendorError> {
        self.guard.call(WRITE, || self.inner.create_event(key, event)).await
    }

    async fn update_event(&self, event: &EventKey, change: &EventChange) -> Result<(), VendorError> {
        self.guard.call(WRITE, || self.inner.update_event(event, change)).await
    }

    async fn publish_event(&self, event: &EventKey) -> Result<(), VendorError> {
        self.guard.call(WRITE, || self.inner.publish_event(event)).await
    }

    async fn delete_event(&self, event: &EventKey) -> Result<(), VendorError> {
        self.guard.call(WRITE, || self.inner.delete_event(event)).await
    }

    async fn find_published(&self, event: &EventKey) -> Result<Option<Arc<Event>>, VendorError> {
        self.guard.call(READ, || self.inner.find_published(event)).await
    }
}

#[async_trait]
impl SectionAuthoring for Guarded<dyn SectionAuthoring> {
    async fn edit_section(&self, event: &EventKey, edit: &SectionEdit) -> Result<Option<SectionKey>, VendorError> {
        self.guard.call(WRITE, || self.inner.edit_section(event, edit)).await
    }
}

#[async_trait]
impl BackOffice for Guarded<dyn BackOffice> {
    async fn list_schedules(&self, event: &EventKey) -> Result<Vec<Schedule>, VendorError> {
        self.guard.call(READ, || self.inner.list_schedules(event)).await
    }

    async fn list_resources(&self, event: &EventKey) -> Result<Vec<Resource>, VendorError> {
        self.guard.call(READ, || self.inner.list_resources(event)).await
    }

    async fn load_related(&self, event: &EventKey, relation: Relation) -> Result<RelatedEvents, VendorError> {
        self.guard.call(READ, || self.inner.load_related(event, relation)).await
    }

    async fn list_add_ons(&self, event: &EventKey) -> Result<Vec<AddOn>, VendorError> {
        self.guard.call(READ, || self.inner.list_add_ons(event)).await
    }

    async fn list_restrictions(&self, event: &EventKey) -> Result<Vec<MembershipCategory>, VendorError> {
        self.guard.call(READ, || self.inner.list_restrictions(event)).await
    }

    async fn list_discounts(&self, event: &EventKey) -> Result<Vec<MemberDiscount>, VendorError> {
        self.guard.call(READ, || self.inner.list_discounts(event)).await
    }

    async fn find_discount(&self, event: &EventKey, category: &str) -> Result<Option<MemberDiscount>, VendorError> {
        self.guard.call(READ, || self.inner.find_discount(event, category)).await
    }

    async fn apply_edit(&self, event: &EventKey, change: &BackOfficeEdit) -> Result<(), VendorError> {
        self.guard.call(WRITE, || self.inner.apply_edit(event, change)).await
    }
}
