//! Editing events of the host and their sections (`ticketing.md §4.6`, `§4.7`).

use std::sync::Arc;

use async_trait::async_trait;

use crate::map::{authoring, event as events, keys};
use crate::{Account, inferred};
use domain::authoring::{Authoring, Created, EventChange, NewEvent, SectionEdit, Sectioning, Setback};
use domain::ids::StepKey;
use domain::{Effect, ErrorKind, Event, EventKey, EventStatus, Operation, Reason, SectionKey, VendorError};

const READ: Operation = Operation::ReadAuthoring;
const WRITE: Operation = Operation::WriteAuthoring;

impl Account {
    fn wrong(&self, field: String) -> VendorError {
        self.client.rejected(WRITE, Reason::InvalidInput { field })
    }

    fn conflict(&self) -> VendorError {
        self.client.rejected(WRITE, Reason::Conflict)
    }

    /// The id of an event; a key that we never made is not found.
    fn editable<'k>(&self, op: Operation, event: &'k EventKey) -> Result<&'k str, VendorError> {
        if keys::is_id(event.as_str()) { Ok(event.as_str()) } else { Err(self.client.error(op, ErrorKind::NotFound)) }
    }

    /// The id of a section of this event; one of another event is not found.
    fn section_of<'k>(&self, event: &str, section: &'k SectionKey) -> Result<&'k str, VendorError> {
        let own = keys::split(section.as_str()).filter(|(owner, _)| *owner == event);
        own.map(|(_, id)| id).ok_or_else(|| self.client.error(WRITE, ErrorKind::NotFound))
    }

    /// What was made and cannot be named: it may be there.
    fn unnamed(&self) -> VendorError {
        self.client.error(WRITE, ErrorKind::Malformed).with_effect(Effect::Unknown)
    }
}

#[async_trait]
impl Authoring for Account {
    async fn create_event(&self, _key: &StepKey, event: &NewEvent) -> Result<Created, VendorError> {
        // Everything that can be wrong is found before anything is sent: a half of it would stay.
        let body = authoring::new_event(event, &self.terms).map_err(|field| self.wrong(field))?;
        let (span, now) = (authoring::span(event), self.clock.now());
        let section = |(at, section)| {
            let written = authoring::new_section(section, span, now, &self.terms);
            written.map_err(|field| self.wrong(format!("sections.{at}.{field}")))
        };
        let sections: Vec<_> = event.sections.iter().enumerate().map(section).collect::<Result<_, _>>()?;
        let uri = self.client.register_event(&body).await?;
        let id = keys::tail(&uri).ok_or_else(|| self.unnamed())?;
        let cannot = |path| Setback { path, error: self.client.error(WRITE, ErrorKind::Unsupported) };
        let mut setbacks: Vec<Setback> = authoring::left_out(event).into_iter().map(cannot).collect();
        for (at, section) in sections.iter().enumerate() {
            if let Err(error) = self.client.add_section(id, section).await {
                setbacks.push(Setback { path: vec!["sections".to_owned(), at.to_string()], error });
            }
        }
        Ok(Created { event: EventKey::new(id), setbacks })
    }

    async fn update_event(&self, event: &EventKey, change: &EventChange) -> Result<(), VendorError> {
        let id = self.editable(WRITE, event)?;
        let fields = self.client.event_fields(id).await?;
        let changed = authoring::changed_event(fields, change, &self.terms).map_err(|field| self.wrong(field))?;
        self.client.replace_event(id, &changed).await
    }

    async fn publish_event(&self, event: &EventKey) -> Result<(), VendorError> {
        let id = self.editable(WRITE, event)?;
        let status = authoring::status(&self.client.event_fields(id).await?);
        // INFERRED (`§7` I5, I6): a draft is handed in, and its approval publishes it.
        if status.eq_ignore_ascii_case(inferred::DRAFT) {
            return self.client.submit_event(id).await;
        }
        if status.eq_ignore_ascii_case(inferred::CANCELLED) { Err(self.conflict()) } else { Ok(()) }
    }

    async fn delete_event(&self, event: &EventKey) -> Result<(), VendorError> {
        let id = self.editable(WRITE, event)?;
        match self.client.event_fields(id).await {
            // The vendor asks only whether anything is on sale at present (`§4.6`).
            Ok(fields) if authoring::taken_of_event(&fields) > 0 => Err(self.conflict()),
            Ok(_) => self.client.delete_event(id).await,
            Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn find_published(&self, event: &EventKey) -> Result<Option<Arc<Event>>, VendorError> {
        let wire = self.client.event(READ, self.editable(READ, event)?).await?;
        let told = events::event(&wire, &self.terms, self.clock.now());
        let told = told.ok_or_else(|| self.client.error(READ, ErrorKind::Malformed))?;
        Ok((told.status != EventStatus::Draft).then(|| Arc::new(told)))
    }
}

#[async_trait]
impl Sectioning for Account {
    async fn edit_section(&self, event: &EventKey, edit: &SectionEdit) -> Result<Option<SectionKey>, VendorError> {
        let id = self.editable(WRITE, event)?;
        match edit {
            SectionEdit::Add(section) => {
                let span = authoring::span_of(&self.client.event_fields(id).await?, &self.terms);
                let body = authoring::new_section(section, span, self.clock.now(), &self.terms);
                let body = body.map_err(|field| self.wrong(format!("section.{field}")))?;
                let uri = self.client.add_section(id, &body).await?;
                keys::section(event, &uri).map(Some).ok_or_else(|| self.unnamed())
            }
            SectionEdit::Change(key, change) => {
                let section = self.section_of(id, key)?;
                let fields = self.client.section_fields(id, section).await?;
                let changed = authoring::changed_section(fields, change, &self.terms);
                self.client.replace_section(id, section, &changed.map_err(|field| self.wrong(field))?).await?;
                Ok(Some(key.clone()))
            }
            SectionEdit::Remove(key) => {
                let section = self.section_of(id, key)?;
                match self.client.section_fields(id, section).await {
                    // INFERRED (`§7` I7): the vendor refuses it as well.
                    Ok(fields) if authoring::taken_of_section(&fields) > 0 => return Err(self.conflict()),
                    Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
                    outcome => outcome?,
                };
                self.client.delete_section(id, section).await.map(|()| None)
            }
        }
    }
}
