//! The back office: event templates and what belongs to them (`acme.md §3`).

use std::sync::Arc;

use async_trait::async_trait;
use reqwest::Method;
use serde_json::Value;

use crate::client::Client;
use crate::map::{Venue, authoring, belongings, event, keys, schedules};
use domain::authoring::{
    AddOn, Arrangement, Authoring, BackOffice, Created, EventChange, MemberDiscount, MembershipCategory, NewEvent,
    Related, Relation, Resource, Schedule, Setback,
};
use domain::ids::StepKey;
use domain::{Clock, ErrorKind, Event, EventKey, Operation, Reason, SourceId, VendorError};

/// The desk of the venue's editors. Its key may be another than the one that sells: a reseller's may not edit (`acme.md §5`).
pub(crate) struct Desk {
    pub(crate) source: SourceId,
    pub(crate) client: Client,
    pub(crate) venue: Venue,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Desk {
    /// The template of a key; a key that we never made is not found.
    fn template<'k>(&self, op: Operation, event: &'k EventKey) -> Result<&'k str, VendorError> {
        keys::template(event).ok_or_else(|| VendorError::new(&self.source, op, ErrorKind::NotFound))
    }

    fn readable<'k>(&self, event: &'k EventKey) -> Result<&'k str, VendorError> {
        self.template(Operation::ReadAuthoring, event)
    }

    fn wrong(&self, field: impl Into<String>) -> VendorError {
        let reason = Reason::InvalidInput { field: field.into() };
        VendorError::rejected(&self.source, Operation::WriteAuthoring, reason, None)
    }

    /// Fields with an operation of their own are refused before anything is sent.
    fn check_fields<'a>(&self, fields: impl IntoIterator<Item = &'a String>) -> Result<(), VendorError> {
        match authoring::closed_field(fields) {
            Some(name) => Err(self.wrong(format!("vendorFields.{name}"))),
            None => Ok(()),
        }
    }

    /// An id of the back office that stands in a path.
    fn plain<'a>(&self, field: &str, id: &'a str) -> Result<&'a str, VendorError> {
        if keys::is_plain(id) { Ok(id) } else { Err(self.wrong(field)) }
    }

    /// Reads a template, changes it, and writes it back whole, with its id in the body.
    async fn rewrite(&self, event: &EventKey, change: impl FnOnce(&mut Value) -> bool) -> Result<(), VendorError> {
        let id = self.template(Operation::WriteAuthoring, event)?;
        let mut template = self.client.read_template(id).await?;
        if !change(&mut template) {
            return Ok(());
        }
        if let Some(fields) = template.as_object_mut() {
            fields.insert("id".to_owned(), id.into());
        }
        self.client.replace_template(id, &template).await
    }

    async fn write(&self, method: Method, id: &str, part: &[&str], body: Option<Value>) -> Result<(), VendorError> {
        self.client.write_part(method, id, part, body.as_ref()).await
    }

    async fn set_schedules(&self, id: &str, wished: &[Schedule]) -> Result<(), VendorError> {
        let known = self.client.read_part(id, &["schedules"]).await?;
        let before = |schedule: &Schedule| {
            let wanted = schedule.id.as_deref()?;
            known.as_array()?.iter().find(|one| one["id"].as_str() == Some(wanted))
        };
        if wished.iter().any(|schedule| schedule.id.is_some() && before(schedule).is_none()) {
            return Err(self.wrong("schedules"));
        }
        let list: Vec<Value> =
            wished.iter().map(|schedule| schedules::written(schedule, before(schedule), &self.venue)).collect();
        self.write(Method::PUT, id, &["schedules"], Some(list.into())).await
    }

    /// POST joins by template, PUT replaces, DELETE ends (`acme.md §3.2 h`, INFERRED).
    async fn relate(&self, id: &str, relation: Relation, wish: &Related, adds: bool) -> Result<(), VendorError> {
        let (part, _) = belongings::words(relation);
        if wish.events.iter().any(|one| keys::template(&one.event).is_none()) {
            return Err(self.wrong("relations"));
        }
        if adds {
            let body = belongings::written_related(relation, wish, &Value::Null);
            return self.write(Method::POST, id, &[part], Some(body)).await;
        }
        if wish.events.is_empty() && wish.tags.as_ref().is_none_or(Vec::is_empty) {
            return self.write(Method::DELETE, id, &[part], None).await;
        }
        let known = self.client.read_part(id, &[part]).await?;
        let body = belongings::written_related(relation, wish, &known);
        self.write(Method::PUT, id, &[part], Some(body)).await
    }

    /// One add-on has a path of its own; several go to the template itself, as the vendor prints it (`acme.md §3`, operation 27).
    async fn add_add_ons(&self, id: &str, ids: &[String]) -> Result<(), VendorError> {
        match ids {
            [] => Ok(()),
            [one] => self.write(Method::POST, id, &["addons", self.plain("addOns", one)?], None).await,
            several => {
                let body = belongings::written_add_ons(several).ok_or_else(|| self.wrong("addOns"))?;
                self.write(Method::POST, id, &[], Some(body)).await
            }
        }
    }

    async fn arrange_membership(&self, id: &str, change: &Arrangement) -> Result<(), VendorError> {
        let one_of = |list, category| Ok([MEMBERSHIPS, list, self.plain("category", category)?]);
        match change {
            Arrangement::SetMembership { restrictions, discounts } => {
                let body = belongings::membership(restrictions, discounts);
                self.write(Method::PUT, id, &[MEMBERSHIPS], Some(body)).await
            }
            Arrangement::SetDiscount(line) => {
                let body = belongings::new_discount(line);
                self.write(Method::POST, id, &[MEMBERSHIPS, "discounts"], Some(body)).await
            }
            Arrangement::RemoveDiscount(category) => {
                self.write(Method::DELETE, id, &one_of("discounts", category)?, None).await
            }
            Arrangement::AllowCategory(category) => {
                self.write(Method::POST, id, &one_of("restrictions", category)?, None).await
            }
            Arrangement::DenyCategory(category) => {
                self.write(Method::DELETE, id, &one_of("restrictions", category)?, None).await
            }
            _ => Err(VendorError::new(&self.source, Operation::WriteAuthoring, ErrorKind::Internal)),
        }
    }
}

const MEMBERSHIPS: &str = "memberships";

#[async_trait]
impl Authoring for Desk {
    async fn create_event(&self, _key: &StepKey, event: &NewEvent) -> Result<Created, VendorError> {
        self.check_fields(event.vendor_fields.keys())?;
        let id = self.client.create_template(&authoring::new_template(event, &self.venue)).await?;
        // Templates have no sections: prices hang on ticket types, which the venue keeps.
        let cannot = || VendorError::new(&self.source, Operation::WriteAuthoring, ErrorKind::Unsupported);
        let setback = |at: usize| Setback { path: vec!["sections".to_owned(), at.to_string()], error: cannot() };
        Ok(Created { event: EventKey::new(id), setbacks: (0..event.sections.len()).map(setback).collect() })
    }

    async fn update_event(&self, event: &EventKey, change: &EventChange) -> Result<(), VendorError> {
        self.check_fields(change.vendor_fields.keys())?;
        self.rewrite(event, |template| {
            authoring::change_template(template, change, &self.venue);
            true
        })
        .await
    }

    async fn publish_event(&self, event: &EventKey) -> Result<(), VendorError> {
        // INFERRED (`acme.md §8.5`): no publish endpoint is known, a PUT with `published` does it.
        self.rewrite(event, |template| {
            let is_news = template["reviewState"] != "published";
            if is_news {
                template["reviewState"] = "published".into();
            }
            is_news
        })
        .await
    }

    async fn delete_event(&self, event: &EventKey) -> Result<(), VendorError> {
        self.client.delete_template(self.template(Operation::WriteAuthoring, event)?).await
    }

    async fn find_published(&self, event: &EventKey) -> Result<Option<Arc<Event>>, VendorError> {
        let Some(wire) = self.client.find_published(self.readable(event)?).await? else { return Ok(None) };
        let malformed =
            |fault| VendorError::new(&self.source, Operation::ReadAuthoring, ErrorKind::Malformed).because(fault);
        let template = serde_json::from_value(wire).map_err(|fault: serde_json::Error| malformed(fault))?;
        Ok(Some(Arc::new(event::event(&template, &self.venue, self.clock.now()))))
    }
}

#[async_trait]
impl BackOffice for Desk {
    async fn list_schedules(&self, event: &EventKey) -> Result<Vec<Schedule>, VendorError> {
        let list = self.client.read_part(self.readable(event)?, &["schedules"]).await?;
        let schedules = list.as_array().into_iter().flatten();
        Ok(schedules.filter_map(|one| schedules::schedule(one, &self.venue)).collect())
    }

    async fn list_resources(&self, event: &EventKey) -> Result<Vec<Resource>, VendorError> {
        Ok(belongings::resources(&self.client.read_part(self.readable(event)?, &["resources"]).await?))
    }

    async fn load_related(&self, event: &EventKey, relation: Relation) -> Result<Related, VendorError> {
        let part = belongings::words(relation).0;
        let wire = self.client.read_part(self.readable(event)?, &[part]).await?;
        Ok(belongings::related(relation, &wire))
    }

    async fn list_add_ons(&self, event: &EventKey) -> Result<Vec<AddOn>, VendorError> {
        Ok(belongings::add_ons(&self.client.read_part(self.readable(event)?, &["addons"]).await?, &self.venue))
    }

    async fn list_restrictions(&self, event: &EventKey) -> Result<Vec<MembershipCategory>, VendorError> {
        Ok(belongings::restrictions(&self.client.read_part(self.readable(event)?, &[MEMBERSHIPS]).await?))
    }

    async fn list_discounts(&self, event: &EventKey) -> Result<Vec<MemberDiscount>, VendorError> {
        Ok(belongings::discounts(&self.client.read_part(self.readable(event)?, &[MEMBERSHIPS, "discounts"]).await?))
    }

    async fn find_discount(&self, event: &EventKey, category: &str) -> Result<Option<MemberDiscount>, VendorError> {
        let id = self.readable(event)?;
        if !keys::is_plain(category) {
            return Ok(None);
        }
        match self.client.read_part(id, &[MEMBERSHIPS, "discounts", category]).await {
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            found => Ok(belongings::discount(&found?)),
        }
    }

    async fn arrange(&self, event: &EventKey, change: &Arrangement) -> Result<(), VendorError> {
        let id = self.template(Operation::WriteAuthoring, event)?;
        match change {
            Arrangement::AddSchedule(schedule) => {
                let schedule = Schedule { id: None, ..schedule.clone() };
                let body = schedules::written(&schedule, None, &self.venue);
                self.write(Method::POST, id, &["schedules"], Some(body)).await
            }
            Arrangement::SetSchedules(wished) => self.set_schedules(id, wished).await,
            Arrangement::AddResource(line) => {
                let body = belongings::resource(line, &Value::Null);
                self.write(Method::POST, id, &["resources"], Some(body)).await
            }
            Arrangement::SetResources(lines) => {
                let known = self.client.read_part(id, &["resources"]).await?;
                let list: Vec<Value> = lines.iter().map(|line| belongings::resource(line, &known)).collect();
                self.write(Method::PUT, id, &["resources"], Some(list.into())).await
            }
            Arrangement::AddRelated(relation, wish) => self.relate(id, *relation, wish, true).await,
            Arrangement::SetRelated(relation, wish) => self.relate(id, *relation, wish, false).await,
            Arrangement::AddAddOns(ids) => self.add_add_ons(id, ids).await,
            Arrangement::SetAddOns(ids) if ids.is_empty() => self.write(Method::DELETE, id, &["addons"], None).await,
            Arrangement::SetAddOns(ids) => {
                let body = belongings::written_add_ons(ids).ok_or_else(|| self.wrong("addOns"))?;
                self.write(Method::PUT, id, &["addons"], Some(body)).await
            }
            Arrangement::RemoveAddOn(one) => {
                self.write(Method::DELETE, id, &["addons", self.plain("addOn", one)?], None).await
            }
            membership => self.arrange_membership(id, membership).await,
        }
    }
}
