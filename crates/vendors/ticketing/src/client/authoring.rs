//! Endpoints for editing events and their sections (`ticketing.md §4.6`, `§4.7`).

use reqwest::Method;

use crate::client::{Client, is_resource_missing, rejects_forbidden};
use crate::wire;
use domain::{RefusalReason, VendorError, VendorOperation};

const READ: VendorOperation = VendorOperation::ReadAuthoring;
const WRITE: VendorOperation = VendorOperation::WriteAuthoring;

/// Reasons of rejected writes, by status alone; texts are never interpreted.
fn write_rejections(status: u16) -> Option<RefusalReason> {
    match status {
        400 => Some(RefusalReason::InvalidInput { field: "input".to_owned() }),
        403 => Some(RefusalReason::Forbidden),
        409 => Some(RefusalReason::Conflict),
        _ => None,
    }
}

fn section_path(event: &str, section: &str) -> String {
    format!("/events/{event}/sections/{section}")
}

impl Client {
    /// `GET /events/{event}` or one of its sections as raw fields, to be changed and written back.
    async fn read_fields(&self, path: &str) -> Result<wire::RawFields, VendorError> {
        let response = self.send(self.call(READ, Method::GET, self.url(path))).await?;
        self.read_json(&response, rejects_forbidden)
    }

    async fn put_fields(&self, path: &str, fields: &wire::RawFields) -> Result<(), VendorError> {
        let response = self.write(WRITE, Method::PUT, path, Some(fields)).await?;
        self.check_status(&response, write_rejections)
    }

    async fn delete_path(&self, path: &str) -> Result<(), VendorError> {
        let response = self.write(WRITE, Method::DELETE, path, None::<&()>).await?;
        if is_resource_missing(&response) { Ok(()) } else { self.check_status(&response, write_rejections) }
    }

    /// `POST /events`; returns the URI of the new event. A title that the host already uses is `Conflict`.
    pub(crate) async fn register_event(&self, fields: &wire::RawFields) -> Result<String, VendorError> {
        let response = self.write(WRITE, Method::POST, "/events", Some(fields)).await?;
        self.read_json::<wire::Event>(&response, write_rejections).map(|event| event.uri)
    }

    /// `GET /events/{event}` as raw fields.
    pub(crate) async fn event_fields(&self, event: &str) -> Result<wire::RawFields, VendorError> {
        self.read_fields(&format!("/events/{event}")).await
    }

    /// `PUT /events/{event}`: the whole event, without its host.
    pub(crate) async fn replace_event(&self, event: &str, fields: &wire::RawFields) -> Result<(), VendorError> {
        self.put_fields(&format!("/events/{event}"), fields).await
    }

    /// `DELETE /events/{event}`. Succeeds if the event no longer exists; one with sections on sale is `Conflict`.
    pub(crate) async fn delete_event(&self, event: &str) -> Result<(), VendorError> {
        self.delete_path(&format!("/events/{event}")).await
    }

    /// `POST /events/{event}/submissions`: submits a draft for review. `Conflict` if it was already submitted or
    /// canceled.
    pub(crate) async fn submit_event(&self, event: &str) -> Result<(), VendorError> {
        let nothing = wire::RawFields::new();
        let response = self.write(WRITE, Method::POST, &format!("/events/{event}/submissions"), Some(&nothing)).await?;
        self.check_status(&response, write_rejections)
    }

    /// `POST /events/{event}/sections`; returns the URI of the new section, relative to its event.
    pub(crate) async fn add_section(&self, event: &str, fields: &wire::RawFields) -> Result<String, VendorError> {
        let response = self.write(WRITE, Method::POST, &format!("/events/{event}/sections"), Some(fields)).await?;
        self.read_json::<wire::Section>(&response, write_rejections).map(|section| section.uri)
    }

    /// `GET /events/{event}/sections/{section}` as raw fields.
    pub(crate) async fn section_fields(&self, event: &str, section: &str) -> Result<wire::RawFields, VendorError> {
        self.read_fields(&section_path(event, section)).await
    }

    /// `PUT /events/{event}/sections/{section}`: the whole section.
    pub(crate) async fn replace_section(
        &self,
        event: &str,
        section: &str,
        fields: &wire::RawFields,
    ) -> Result<(), VendorError> {
        self.put_fields(&section_path(event, section), fields).await
    }

    /// `DELETE /events/{event}/sections/{section}`. Succeeds if the section no longer exists; one with tickets is
    /// `Conflict`.
    pub(crate) async fn delete_section(&self, event: &str, section: &str) -> Result<(), VendorError> {
        self.delete_path(&section_path(event, section)).await
    }
}
