//! Endpoints by which events and their sections are edited (`ticketing.md §4.6`, `§4.7`).

use reqwest::Method;

use crate::client::{Client, forbidden, is_gone};
use crate::wire;
use domain::{Operation, Reason, VendorError};

const READ: Operation = Operation::ReadAuthoring;
const WRITE: Operation = Operation::WriteAuthoring;

/// What a refused write means: by the status alone, since texts are never looked at.
fn refusal(status: u16) -> Option<Reason> {
    match status {
        400 => Some(Reason::InvalidInput { field: "input".to_owned() }),
        403 => Some(Reason::Forbidden),
        409 => Some(Reason::Conflict),
        _ => None,
    }
}

fn section_path(event: &str, section: &str) -> String {
    format!("/events/{event}/sections/{section}")
}

impl Client {
    /// `GET /events/{event}` or a section of it, as it stands on the wire, to be changed and written back.
    async fn read_fields(&self, path: &str) -> Result<wire::Fields, VendorError> {
        let answer = self.send(self.call(READ, Method::GET, self.address(path))).await?;
        self.read(&answer, forbidden)
    }

    async fn put(&self, path: &str, fields: &wire::Fields) -> Result<(), VendorError> {
        let answer = self.write(WRITE, Method::PUT, path, Some(fields)).await?;
        self.accept(&answer, refusal)
    }

    async fn delete(&self, path: &str) -> Result<(), VendorError> {
        let answer = self.write(WRITE, Method::DELETE, path, None::<&()>).await?;
        if is_gone(&answer) { Ok(()) } else { self.accept(&answer, refusal) }
    }

    /// `POST /events`: the URI of the new event. A title that the host has already is `Conflict`.
    pub(crate) async fn register_event(&self, fields: &wire::Fields) -> Result<String, VendorError> {
        let answer = self.write(WRITE, Method::POST, "/events", Some(fields)).await?;
        self.read::<wire::Event>(&answer, refusal).map(|event| event.uri)
    }

    /// `GET /events/{event}`, every field as it stands.
    pub(crate) async fn event_fields(&self, event: &str) -> Result<wire::Fields, VendorError> {
        self.read_fields(&format!("/events/{event}")).await
    }

    /// `PUT /events/{event}`: the whole event, without its host.
    pub(crate) async fn replace_event(&self, event: &str, fields: &wire::Fields) -> Result<(), VendorError> {
        self.put(&format!("/events/{event}"), fields).await
    }

    /// `DELETE /events/{event}`. What is gone already is gone; one with sections on sale is `Conflict`.
    pub(crate) async fn delete_event(&self, event: &str) -> Result<(), VendorError> {
        self.delete(&format!("/events/{event}")).await
    }

    /// `POST /events/{event}/submissions`: hands a draft in for review. Handed in already, or called off: `Conflict`.
    pub(crate) async fn submit_event(&self, event: &str) -> Result<(), VendorError> {
        let nothing = wire::Fields::new();
        let answer = self.write(WRITE, Method::POST, &format!("/events/{event}/submissions"), Some(&nothing)).await?;
        self.accept(&answer, refusal)
    }

    /// `POST /events/{event}/sections`: the URI of the new section, relative to its event.
    pub(crate) async fn add_section(&self, event: &str, fields: &wire::Fields) -> Result<String, VendorError> {
        let answer = self.write(WRITE, Method::POST, &format!("/events/{event}/sections"), Some(fields)).await?;
        self.read::<wire::Section>(&answer, refusal).map(|section| section.uri)
    }

    /// `GET /events/{event}/sections/{section}`, every field as it stands.
    pub(crate) async fn section_fields(&self, event: &str, section: &str) -> Result<wire::Fields, VendorError> {
        self.read_fields(&section_path(event, section)).await
    }

    /// `PUT /events/{event}/sections/{section}`: the whole section.
    pub(crate) async fn replace_section(
        &self,
        event: &str,
        section: &str,
        fields: &wire::Fields,
    ) -> Result<(), VendorError> {
        self.put(&section_path(event, section), fields).await
    }

    /// `DELETE /events/{event}/sections/{section}`. What is gone already is gone; one with tickets is `Conflict`.
    pub(crate) async fn delete_section(&self, event: &str, section: &str) -> Result<(), VendorError> {
        self.delete(&section_path(event, section)).await
    }
}
