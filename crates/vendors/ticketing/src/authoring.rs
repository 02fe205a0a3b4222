//! Editing the host's events and their sections (`ticketing.md §4.6`, `§4.7`).

use std::sync::Arc;

use async_trait::async_trait;

use crate::assumptions::EventWord;
use crate::map::{authoring, event as events, keys};
use crate::{TicketingSource, settings, wire};
use domain::authoring::{
    Authoring, CreatedEvent, EventChange, NewEvent, PartialFailure, SectionAuthoring, SectionEdit,
};
use domain::ids::StepKey;
use domain::{
    Effect, ErrorKind, Event, EventKey, EventStatus, RefusalReason, SectionKey, VendorError, VendorOperation,
};

const READ: VendorOperation = VendorOperation::ReadAuthoring;
const WRITE: VendorOperation = VendorOperation::WriteAuthoring;

impl TicketingSource {
    fn invalid_input(&self, field: String) -> VendorError {
        self.client.rejected(WRITE, RefusalReason::InvalidInput { field })
    }

    fn conflict(&self) -> VendorError {
        self.client.rejected(WRITE, RefusalReason::Conflict)
    }

    /// Returns the id of an event; a malformed key is not found.
    fn event_id<'k>(&self, op: VendorOperation, event: &'k EventKey) -> Result<&'k str, VendorError> {
        if keys::is_id(event.as_str()) { Ok(event.as_str()) } else { Err(self.client.error(op, ErrorKind::NotFound)) }
    }

    /// Returns the id of a section of this event; a section of another event is not found.
    fn section_id<'k>(&self, event: &str, section: &'k SectionKey) -> Result<&'k str, VendorError> {
        let own = keys::split_key(section.as_str()).filter(|(owner, _)| *owner == event);
        own.map(|(_, id)| id).ok_or_else(|| self.client.error(WRITE, ErrorKind::NotFound))
    }

    /// True if a section must not be deleted: it has sold or reserved tickets, or may have some because the key sees no counts.
    fn keeps_section(&self, fields: &wire::RawFields) -> bool {
        !self.defaults.facts.deletes_sold_sections && authoring::known_allocation(fields) != Some(0)
    }

    /// Error of a resource that was created but has no readable id: it may exist.
    fn created_without_id(&self) -> VendorError {
        self.client.error(WRITE, ErrorKind::Malformed).with_effect(Effect::Unknown)
    }
}

#[async_trait]
impl Authoring for TicketingSource {
    async fn create_event(&self, _key: &StepKey, event: &NewEvent) -> Result<CreatedEvent, VendorError> {
        // Everything is validated before anything is sent, so that no half-created event remains.
        let body = authoring::new_event(event, &self.defaults).map_err(|field| self.invalid_input(field))?;
        let (span, now) = (authoring::event_span(event), self.clock.now());
        let section = |(at, section)| {
            let written = authoring::new_section(section, span, now, &self.defaults);
            written.map_err(|field| self.invalid_input(format!("sections.{at}.{field}")))
        };
        let sections: Vec<_> = event.sections.iter().enumerate().map(section).collect::<Result<_, _>>()?;
        let uri = self.client.register_event(&body).await?;
        let id = keys::id_from_uri(&uri).ok_or_else(|| self.created_without_id())?;
        self.own_events.insert(id);
        let cannot = |path| PartialFailure { path, error: self.client.error(WRITE, ErrorKind::Unsupported) };
        let mut setbacks: Vec<PartialFailure> = authoring::unsupported_parts(event).into_iter().map(cannot).collect();
        for (at, section) in sections.iter().enumerate() {
            if let Err(error) = self.client.add_section(id, section).await {
                setbacks.push(PartialFailure { path: vec!["sections".to_owned(), at.to_string()], error });
            }
        }
        Ok(CreatedEvent { event: EventKey::new(id), partial_failures: setbacks })
    }

    async fn update_event(&self, event: &EventKey, change: &EventChange) -> Result<(), VendorError> {
        let id = self.event_id(WRITE, event)?;
        let fields = self.client.event_fields(id).await?;
        let changed =
            authoring::changed_event(fields, change, &self.defaults).map_err(|field| self.invalid_input(field))?;
        self.client.replace_event(id, &changed).await
    }

    async fn publish_event(&self, event: &EventKey) -> Result<(), VendorError> {
        let id = self.event_id(WRITE, event)?;
        let status = authoring::status(&self.client.event_fields(id).await?);
        // INFERRED (`§7` I5, I6): a draft is submitted for review, and its approval publishes it.
        match settings::meaning(&self.defaults.facts.event_status_words, &status) {
            Some(EventWord::Draft) => self.client.submit_event(id).await,
            Some(EventWord::Canceled) => Err(self.conflict()),
            Some(EventWord::Submitted | EventWord::Published) | None => Ok(()),
        }
    }

    async fn delete_event(&self, event: &EventKey) -> Result<(), VendorError> {
        let id = self.event_id(WRITE, event)?;
        match self.client.event_fields(id).await {
            // The vendor checks only whether anything is on sale right now (`§4.6`).
            Ok(fields) if authoring::allocated_in_event(&fields) > 0 => Err(self.conflict()),
            Ok(_) => self.client.delete_event(id).await,
            Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn find_published(&self, event: &EventKey) -> Result<Option<Arc<Event>>, VendorError> {
        let wire = self.client.event(READ, self.event_id(READ, event)?).await?;
        let event = events::event(&wire, &self.defaults, self.clock.now());
        let event = event.ok_or_else(|| self.client.error(READ, ErrorKind::Malformed))?;
        Ok((event.status != EventStatus::Draft).then(|| Arc::new(event)))
    }
}

#[async_trait]
impl SectionAuthoring for TicketingSource {
    async fn edit_section(&self, event: &EventKey, edit: &SectionEdit) -> Result<Option<SectionKey>, VendorError> {
        let id = self.event_id(WRITE, event)?;
        match edit {
            SectionEdit::Add(section) => {
                let span = authoring::span_from_fields(&self.client.event_fields(id).await?, &self.defaults);
                let body = authoring::new_section(section, span, self.clock.now(), &self.defaults);
                let body = body.map_err(|field| self.invalid_input(format!("section.{field}")))?;
                let uri = self.client.add_section(id, &body).await?;
                keys::section_key(event, &uri).map(Some).ok_or_else(|| self.created_without_id())
            }
            SectionEdit::Change(key, change) => {
                let section = self.section_id(id, key)?;
                let fields = self.client.section_fields(id, section).await?;
                let changed = authoring::changed_section(fields, change, &self.defaults);
                self.client.replace_section(id, section, &changed.map_err(|field| self.invalid_input(field))?).await?;
                Ok(Some(key.clone()))
            }
            SectionEdit::Remove(key) => {
                let section = self.section_id(id, key)?;
                // Read immediately before the deletion: the vendor may delete sold tickets (`§4.7` \[C\]). A sale in between stays
                // possible.
                match self.client.section_fields(id, section).await {
                    Ok(fields) if self.keeps_section(&fields) => return Err(self.conflict()),
                    Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
                    outcome => outcome?,
                };
                self.client.delete_section(id, section).await.map(|()| None)
            }
        }
    }
}
