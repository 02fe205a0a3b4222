//! Edits and the port that makes each of them.

use serde::Serialize;

use crate::idempotency::{EditOutcome, StoredError};
use domain::authoring::{BackOfficeEdit, EventChange, NewEvent, PartialFailure, SectionEdit};
use domain::ids::StepKey;
use domain::{ErrorKind, EventKey, Key, SectionKey, Source, TokenKey, VendorError, VendorOperation};

/// Edit at one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Edit {
    /// Creates an event.
    Create(NewEvent),
    /// Updates an event.
    Update(EventKey, EventChange),
    /// Publishes an event or submits it for publication.
    Publish(EventKey),
    /// Deletes an event.
    Delete(EventKey),
    /// Edits a section of an event.
    Section(EventKey, SectionEdit),
    /// Edits the arrangement of an event.
    Arrange(EventKey, BackOfficeEdit),
    /// Issues an admission token.
    IssueToken(EventKey, Vec<SectionKey>),
    /// Replaces the sections of an admission token.
    RescopeToken(TokenKey, Vec<SectionKey>),
    /// Revokes an admission token.
    RevokeToken(TokenKey),
}

/// Key of the edited resource, and the parts of the edit that failed.
type EditedResource = Result<(String, Vec<PartialFailure>), VendorError>;

impl Edit {
    /// Applies the edit and returns its outcome.
    pub(super) async fn apply(&self, source: &Source, key: &StepKey) -> EditOutcome {
        match self.execute(source, key).await {
            Ok((made, partial_failures)) => {
                let to_stored = |failure: PartialFailure| {
                    log_failure(&failure.error);
                    StoredError::new(failure.path, &failure.error)
                };
                EditOutcome {
                    resource: Some(made),
                    failure: None,
                    partial_failures: partial_failures.into_iter().map(to_stored).collect(),
                }
            }
            Err(error) => {
                log_failure(&error);
                EditOutcome { failure: Some(StoredError::new(Vec::new(), &error)), ..EditOutcome::default() }
            }
        }
    }

    async fn execute(&self, source: &Source, key: &StepKey) -> EditedResource {
        let cannot = |operation| VendorError::new(&source.id, operation, ErrorKind::Unsupported);
        match self {
            Self::IssueToken(..) | Self::RescopeToken(..) | Self::RevokeToken(_) => {
                self.call_admissions(source, key).await
            }
            Self::Section(event, edit) => {
                let port = source.section_authoring.as_ref().ok_or_else(|| cannot(VendorOperation::WriteAuthoring))?;
                port.edit_section(event, edit).await?;
                edited(event)
            }
            Self::Arrange(event, change) => {
                let port = source.back_office.as_ref().ok_or_else(|| cannot(VendorOperation::WriteAuthoring))?;
                port.apply_edit(event, change).await?;
                edited(event)
            }
            Self::Create(_) | Self::Update(..) | Self::Publish(_) | Self::Delete(_) => {
                self.call_authoring(source, key).await
            }
        }
    }

    async fn call_authoring(&self, source: &Source, key: &StepKey) -> EditedResource {
        let cannot = || VendorError::new(&source.id, VendorOperation::WriteAuthoring, ErrorKind::Unsupported);
        let port = source.authoring.as_ref().ok_or_else(cannot)?;
        match self {
            Self::Create(event) => {
                let created = port.create_event(key, event).await?;
                Ok((created.event.as_str().to_owned(), created.partial_failures))
            }
            Self::Update(event, change) => port.update_event(event, change).await.and_then(|()| edited(event)),
            Self::Publish(event) => port.publish_event(event).await.and_then(|()| edited(event)),
            Self::Delete(event) => port.delete_event(event).await.and_then(|()| edited(event)),
            _ => Err(VendorError::new(&source.id, VendorOperation::WriteAuthoring, ErrorKind::Internal)),
        }
    }

    async fn call_admissions(&self, source: &Source, key: &StepKey) -> EditedResource {
        let cannot = || VendorError::new(&source.id, VendorOperation::WriteTokens, ErrorKind::Unsupported);
        let port = source.admissions.as_ref().ok_or_else(cannot)?;
        match self {
            Self::IssueToken(event, sections) => {
                port.issue_token(key, event, sections).await.and_then(|token| edited(&token.key))
            }
            Self::RescopeToken(token, sections) => {
                port.rescope_token(token, sections).await.and_then(|changed| edited(&changed.key))
            }
            Self::RevokeToken(token) => port.revoke_token(token).await.and_then(|()| edited(token)),
            _ => Err(VendorError::new(&source.id, VendorOperation::WriteTokens, ErrorKind::Internal)),
        }
    }
}

fn edited<K>(key: &Key<K>) -> EditedResource {
    Ok((key.as_str().to_owned(), Vec::new()))
}

/// Logs a failure with its cause, which stored errors do not contain.
fn log_failure(error: &VendorError) {
    tracing::warn!(
        source = error.source.as_str(),
        operation = error.operation.name(),
        kind = error.kind.name(),
        effect = ?error.effect,
        cause = error.cause.as_ref().map(tracing::field::display),
        "edit failed at its source"
    );
}
