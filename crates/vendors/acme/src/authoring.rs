//! Editing event templates and the data that belongs to them (`acme.md §3`).

use std::sync::Arc;

use async_trait::async_trait;
use reqwest::Method;
use serde_json::Value;

use crate::client::Client;
use crate::map::{SourceDefaults, authoring, event, keys, related_data, schedules};
use domain::authoring::{
    AddOn, Authoring, BackOffice, BackOfficeEdit, CreatedEvent, EventChange, MemberDiscount, MembershipCategory,
    NewEvent, PartialFailure, RelatedEvents, Relation, Resource, Schedule,
};
use domain::ids::StepKey;
use domain::{Clock, ErrorKind, Event, EventKey, RefusalReason, SourceId, VendorError, VendorOperation};

/// Edits the venue's events. Its key may differ from the selling key, because a reseller's key may not edit (`acme.md
/// §5`).
pub(crate) struct AcmeAuthoring {
    pub(crate) source: SourceId,
    pub(crate) client: Client,
    pub(crate) defaults: SourceDefaults,
    pub(crate) clock: Arc<dyn Clock>,
}

impl AcmeAuthoring {
    /// Returns the template id of a key; a malformed key is not found.
    fn template_id<'k>(&self, op: VendorOperation, event: &'k EventKey) -> Result<&'k str, VendorError> {
        keys::template_id(event).ok_or_else(|| VendorError::new(&self.source, op, ErrorKind::NotFound))
    }

    fn readable_template_id<'k>(&self, event: &'k EventKey) -> Result<&'k str, VendorError> {
        self.template_id(VendorOperation::ReadAuthoring, event)
    }

    fn invalid_input(&self, field: impl Into<String>) -> VendorError {
        let reason = RefusalReason::InvalidInput { field: field.into() };
        VendorError::rejected(&self.source, VendorOperation::WriteAuthoring, reason, None)
    }

    /// Rejects fields that have an operation of their own, before anything is sent.
    fn check_fields<'a>(&self, fields: impl IntoIterator<Item = &'a String>) -> Result<(), VendorError> {
        match authoring::read_only_field(fields) {
            Some(name) => Err(self.invalid_input(format!("vendorFields.{name}"))),
            None => Ok(()),
        }
    }

    /// Validates a back-office id that becomes a path segment.
    fn path_id<'a>(&self, field: &str, id: &'a str) -> Result<&'a str, VendorError> {
        if keys::is_plain(id) { Ok(id) } else { Err(self.invalid_input(field)) }
    }

    /// Reads a template, changes it, and writes the whole template back, with its id in the body.
    async fn update_template(
        &self,
        event: &EventKey,
        change: impl FnOnce(&mut Value) -> bool,
    ) -> Result<(), VendorError> {
        let id = self.template_id(VendorOperation::WriteAuthoring, event)?;
        let mut template = self.client.read_template(id).await?;
        if !change(&mut template) {
            return Ok(());
        }
        if let Some(fields) = template.as_object_mut() {
            fields.insert("id".to_owned(), id.into());
        }
        self.client.replace_template(id, &template).await
    }

    async fn write_part(
        &self,
        method: Method,
        id: &str,
        part: &[&str],
        body: Option<Value>,
    ) -> Result<(), VendorError> {
        self.client.write_part(method, id, part, body.as_ref()).await
    }

    async fn set_schedules(&self, id: &str, requested: &[Schedule]) -> Result<(), VendorError> {
        let previous = self.client.read_part(id, &["schedules"]).await?;
        let before = |schedule: &Schedule| {
            let wanted = schedule.id.as_deref()?;
            previous.as_array()?.iter().find(|one| one["id"].as_str() == Some(wanted))
        };
        if requested.iter().any(|schedule| schedule.id.is_some() && before(schedule).is_none()) {
            return Err(self.invalid_input("schedules"));
        }
        let list: Vec<Value> = requested
            .iter()
            .map(|schedule| schedules::schedule_to_wire(schedule, before(schedule), &self.defaults))
            .collect();
        self.write_part(Method::PUT, id, &["schedules"], Some(list.into())).await
    }

    /// POST adds entries, PUT replaces them, DELETE removes all (`acme.md §3.2 h`, INFERRED).
    async fn write_related(
        &self,
        id: &str,
        relation: Relation,
        related: &RelatedEvents,
        adds: bool,
    ) -> Result<(), VendorError> {
        let (part, _) = related_data::relation_names(relation);
        if related.events.iter().any(|one| keys::template_id(&one.event).is_none()) {
            return Err(self.invalid_input("relations"));
        }
        if adds {
            let body = related_data::related_to_wire(relation, related, &Value::Null);
            return self.write_part(Method::POST, id, &[part], Some(body)).await;
        }
        if related.events.is_empty() && related.tags.as_ref().is_none_or(Vec::is_empty) {
            return self.write_part(Method::DELETE, id, &[part], None).await;
        }
        let previous = self.client.read_part(id, &[part]).await?;
        let body = related_data::related_to_wire(relation, related, &previous);
        self.write_part(Method::PUT, id, &[part], Some(body)).await
    }

    /// A single add-on has its own path; several are posted to the template itself, as the vendor documents it
    /// (`acme.md §3`, operation 27).
    async fn add_add_ons(&self, id: &str, ids: &[String]) -> Result<(), VendorError> {
        match ids {
            [] => Ok(()),
            [one] => self.write_part(Method::POST, id, &["addons", self.path_id("addOns", one)?], None).await,
            several => {
                let body = related_data::add_ons_to_wire(several).ok_or_else(|| self.invalid_input("addOns"))?;
                self.write_part(Method::POST, id, &[], Some(body)).await
            }
        }
    }

    async fn write_membership(&self, id: &str, change: &BackOfficeEdit) -> Result<(), VendorError> {
        let one_of = |list, category| Ok([MEMBERSHIPS, list, self.path_id("category", category)?]);
        match change {
            BackOfficeEdit::SetMembership { restrictions, discounts } => {
                let body = related_data::membership_to_wire(restrictions, discounts);
                self.write_part(Method::PUT, id, &[MEMBERSHIPS], Some(body)).await
            }
            BackOfficeEdit::SetDiscount(line) => {
                let body = related_data::discount_to_wire(line);
                self.write_part(Method::POST, id, &[MEMBERSHIPS, "discounts"], Some(body)).await
            }
            BackOfficeEdit::RemoveDiscount(category) => {
                self.write_part(Method::DELETE, id, &one_of("discounts", category)?, None).await
            }
            BackOfficeEdit::AllowCategory(category) => {
                self.write_part(Method::POST, id, &one_of("restrictions", category)?, None).await
            }
            BackOfficeEdit::DenyCategory(category) => {
                self.write_part(Method::DELETE, id, &one_of("restrictions", category)?, None).await
            }
            _ => Err(VendorError::new(&self.source, VendorOperation::WriteAuthoring, ErrorKind::Internal)),
        }
    }
}

const MEMBERSHIPS: &str = "memberships";

#[async_trait]
impl Authoring for AcmeAuthoring {
    async fn create_event(&self, _key: &StepKey, event: &NewEvent) -> Result<CreatedEvent, VendorError> {
        self.check_fields(event.vendor_fields.keys())?;
        let id = self.client.create_template(&authoring::new_template(event, &self.defaults)).await?;
        // Templates have no sections: prices belong to ticket types, which the venue maintains.
        let cannot = || VendorError::new(&self.source, VendorOperation::WriteAuthoring, ErrorKind::Unsupported);
        let setback = |at: usize| PartialFailure { path: vec!["sections".to_owned(), at.to_string()], error: cannot() };
        Ok(CreatedEvent {
            event: EventKey::new(id),
            partial_failures: (0..event.sections.len()).map(setback).collect(),
        })
    }

    async fn update_event(&self, event: &EventKey, change: &EventChange) -> Result<(), VendorError> {
        self.check_fields(change.vendor_fields.keys())?;
        self.update_template(event, |template| {
            authoring::change_template(template, change, &self.defaults);
            true
        })
        .await
    }

    async fn publish_event(&self, event: &EventKey) -> Result<(), VendorError> {
        // INFERRED (`acme.md §8.5`): no publish endpoint is documented; a PUT with `published` publishes.
        self.update_template(event, |template| {
            let is_changed = template["reviewState"] != "published";
            if is_changed {
                template["reviewState"] = "published".into();
            }
            is_changed
        })
        .await
    }

    async fn delete_event(&self, event: &EventKey) -> Result<(), VendorError> {
        self.client.delete_template(self.template_id(VendorOperation::WriteAuthoring, event)?).await
    }

    async fn find_published(&self, event: &EventKey) -> Result<Option<Arc<Event>>, VendorError> {
        let Some(wire) = self.client.find_published(self.readable_template_id(event)?).await? else { return Ok(None) };
        let malformed = |error| {
            VendorError::new(&self.source, VendorOperation::ReadAuthoring, ErrorKind::Malformed).with_cause(error)
        };
        let template = serde_json::from_value(wire).map_err(|error: serde_json::Error| malformed(error))?;
        Ok(Some(Arc::new(event::event(&template, &self.defaults, self.clock.now()))))
    }
}

#[async_trait]
impl BackOffice for AcmeAuthoring {
    async fn list_schedules(&self, event: &EventKey) -> Result<Vec<Schedule>, VendorError> {
        let list = self.client.read_part(self.readable_template_id(event)?, &["schedules"]).await?;
        let schedules = list.as_array().into_iter().flatten();
        Ok(schedules.filter_map(|one| schedules::schedule(one, &self.defaults)).collect())
    }

    async fn list_resources(&self, event: &EventKey) -> Result<Vec<Resource>, VendorError> {
        Ok(related_data::resources(&self.client.read_part(self.readable_template_id(event)?, &["resources"]).await?))
    }

    async fn load_related(&self, event: &EventKey, relation: Relation) -> Result<RelatedEvents, VendorError> {
        let part = related_data::relation_names(relation).0;
        let wire = self.client.read_part(self.readable_template_id(event)?, &[part]).await?;
        Ok(related_data::related(relation, &wire))
    }

    async fn list_add_ons(&self, event: &EventKey) -> Result<Vec<AddOn>, VendorError> {
        Ok(related_data::add_ons(
            &self.client.read_part(self.readable_template_id(event)?, &["addons"]).await?,
            &self.defaults,
        ))
    }

    async fn list_restrictions(&self, event: &EventKey) -> Result<Vec<MembershipCategory>, VendorError> {
        Ok(related_data::restrictions(&self.client.read_part(self.readable_template_id(event)?, &[MEMBERSHIPS]).await?))
    }

    async fn list_discounts(&self, event: &EventKey) -> Result<Vec<MemberDiscount>, VendorError> {
        Ok(related_data::discounts(
            &self.client.read_part(self.readable_template_id(event)?, &[MEMBERSHIPS, "discounts"]).await?,
        ))
    }

    async fn find_discount(&self, event: &EventKey, category: &str) -> Result<Option<MemberDiscount>, VendorError> {
        let id = self.readable_template_id(event)?;
        if !keys::is_plain(category) {
            return Ok(None);
        }
        match self.client.read_part(id, &[MEMBERSHIPS, "discounts", category]).await {
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            found => Ok(related_data::discount(&found?)),
        }
    }

    async fn apply_edit(&self, event: &EventKey, change: &BackOfficeEdit) -> Result<(), VendorError> {
        let id = self.template_id(VendorOperation::WriteAuthoring, event)?;
        match change {
            BackOfficeEdit::AddSchedule(schedule) => {
                let schedule = Schedule { id: None, ..schedule.clone() };
                let body = schedules::schedule_to_wire(&schedule, None, &self.defaults);
                self.write_part(Method::POST, id, &["schedules"], Some(body)).await
            }
            BackOfficeEdit::SetSchedules(requested) => self.set_schedules(id, requested).await,
            BackOfficeEdit::AddResource(line) => {
                let body = related_data::resource_to_wire(line, &Value::Null);
                self.write_part(Method::POST, id, &["resources"], Some(body)).await
            }
            BackOfficeEdit::SetResources(lines) => {
                let previous = self.client.read_part(id, &["resources"]).await?;
                let list: Vec<Value> =
                    lines.iter().map(|line| related_data::resource_to_wire(line, &previous)).collect();
                self.write_part(Method::PUT, id, &["resources"], Some(list.into())).await
            }
            BackOfficeEdit::AddRelated(relation, related) => self.write_related(id, *relation, related, true).await,
            BackOfficeEdit::SetRelated(relation, related) => self.write_related(id, *relation, related, false).await,
            BackOfficeEdit::AddAddOns(ids) => self.add_add_ons(id, ids).await,
            BackOfficeEdit::SetAddOns(ids) if ids.is_empty() => {
                self.write_part(Method::DELETE, id, &["addons"], None).await
            }
            BackOfficeEdit::SetAddOns(ids) => {
                let body = related_data::add_ons_to_wire(ids).ok_or_else(|| self.invalid_input("addOns"))?;
                self.write_part(Method::PUT, id, &["addons"], Some(body)).await
            }
            BackOfficeEdit::RemoveAddOn(one) => {
                self.write_part(Method::DELETE, id, &["addons", self.path_id("addOn", one)?], None).await
            }
            membership => self.write_membership(id, membership).await,
        }
    }
}
