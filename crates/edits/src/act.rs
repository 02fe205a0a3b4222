//! The edits, and which port makes each.

use serde::Serialize;

use crate::journal::{Mishap, Record};
use domain::authoring::{Arrangement, EventChange, NewEvent, SectionEdit, Setback};
use domain::ids::StepKey;
use domain::{ErrorKind, EventKey, Key, Operation, SectionKey, Source, TokenKey, VendorError};

/// A change at one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Edit {
    /// Makes an event.
    Create(NewEvent),
    /// Changes an event.
    Update(EventKey, EventChange),
    /// Publishes an event, or hands it in for that.
    Publish(EventKey),
    /// Deletes an event.
    Delete(EventKey),
    /// Changes a part of the place of an event.
    Section(EventKey, SectionEdit),
    /// Changes what belongs to an event.
    Arrange(EventKey, Arrangement),
    /// Issues an admission token.
    IssueToken(EventKey, Vec<SectionKey>),
    /// Replaces the sections of an admission token.
    RescopeToken(TokenKey, Vec<SectionKey>),
    /// Makes an admission token useless.
    RevokeToken(TokenKey),
}

/// The key of what was made, and what of it was not.
type Made = Result<(String, Vec<Setback>), VendorError>;

impl Edit {
    /// Makes the change, and tells what came of it.
    pub(super) async fn act(&self, source: &Source, key: &StepKey) -> Record {
        match self.made(source, key).await {
            Ok((made, setbacks)) => {
                let kept = |setback: Setback| {
                    tell(&setback.error);
                    Mishap::of(setback.path, &setback.error)
                };
                Record { made: Some(made), failure: None, setbacks: setbacks.into_iter().map(kept).collect() }
            }
            Err(error) => {
                tell(&error);
                Record { failure: Some(Mishap::of(Vec::new(), &error)), ..Record::default() }
            }
        }
    }

    async fn made(&self, source: &Source, key: &StepKey) -> Made {
        let cannot = |operation| VendorError::new(&source.id, operation, ErrorKind::Unsupported);
        match self {
            Self::IssueToken(..) | Self::RescopeToken(..) | Self::RevokeToken(_) => self.gate(source, key).await,
            Self::Section(event, edit) => {
                let port = source.sectioning.as_ref().ok_or_else(|| cannot(Operation::WriteAuthoring))?;
                port.edit_section(event, edit).await?;
                done(event)
            }
            Self::Arrange(event, change) => {
                let port = source.back_office.as_ref().ok_or_else(|| cannot(Operation::WriteAuthoring))?;
                port.arrange(event, change).await?;
                done(event)
            }
            Self::Create(_) | Self::Update(..) | Self::Publish(_) | Self::Delete(_) => self.author(source, key).await,
        }
    }

    async fn author(&self, source: &Source, key: &StepKey) -> Made {
        let cannot = || VendorError::new(&source.id, Operation::WriteAuthoring, ErrorKind::Unsupported);
        let port = source.authoring.as_ref().ok_or_else(cannot)?;
        match self {
            Self::Create(event) => {
                let created = port.create_event(key, event).await?;
                Ok((created.event.as_str().to_owned(), created.setbacks))
            }
            Self::Update(event, change) => port.update_event(event, change).await.and_then(|()| done(event)),
            Self::Publish(event) => port.publish_event(event).await.and_then(|()| done(event)),
            Self::Delete(event) => port.delete_event(event).await.and_then(|()| done(event)),
            _ => Err(VendorError::new(&source.id, Operation::WriteAuthoring, ErrorKind::Internal)),
        }
    }

    async fn gate(&self, source: &Source, key: &StepKey) -> Made {
        let cannot = || VendorError::new(&source.id, Operation::WriteTokens, ErrorKind::Unsupported);
        let port = source.admissions.as_ref().ok_or_else(cannot)?;
        match self {
            Self::IssueToken(event, sections) => {
                port.issue_token(key, event, sections).await.and_then(|token| done(&token.key))
            }
            Self::RescopeToken(token, sections) => {
                port.rescope_token(token, sections).await.and_then(|changed| done(&changed.key))
            }
            Self::RevokeToken(token) => port.revoke_token(token).await.and_then(|()| done(token)),
            _ => Err(VendorError::new(&source.id, Operation::WriteTokens, ErrorKind::Internal)),
        }
    }
}

fn done<K>(key: &Key<K>) -> Made {
    Ok((key.as_str().to_owned(), Vec::new()))
}

/// What is kept has no cause: it goes to the log here.
fn tell(error: &VendorError) {
    tracing::warn!(
        source = error.source.as_str(),
        operation = error.operation.name(),
        kind = error.kind.name(),
        effect = ?error.effect,
        cause = error.cause.as_ref().map(tracing::field::display),
        "a source failed an edit"
    );
}
