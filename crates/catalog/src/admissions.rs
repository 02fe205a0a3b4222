//! Staff credentials and admissions, for sources that have a gate.

use std::collections::HashSet;
use std::sync::Arc;

use domain::admissions::{Admission, AdmissionToken, TokenPage};
use domain::error::{Effect, ErrorKind, VendorError, VendorOperation};
use domain::ids::{EventKey, TokenKey};
use domain::source::Source;
use futures_util::future::join_all;
use secrecy::SecretString;

use crate::UnifiedCatalog;
use crate::cursor::OffsetCursor;
use crate::error::InvalidArgument;
use crate::paging::PageSize;
use crate::sourced::{Sourced, SourcedEvent};

/// Query of a page of an event's admission tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AdmissionTokenQuery {
    is_global: Option<bool>,
    first: PageSize,
    offset: usize,
}

impl AdmissionTokenQuery {
    /// Validates the arguments of a token list. `is_global` selects only the global token, or only the others.
    pub fn new(is_global: Option<bool>, first: Option<i32>, after: Option<&str>) -> Result<Self, InvalidArgument> {
        let skip = after.map(OffsetCursor::decode).transpose()?.map_or(0, |cursor| cursor.0);
        Ok(Self { is_global, first: PageSize::new(first)?, offset: skip })
    }
}

/// A page of the admission tokens of an event.
#[derive(Debug, Clone)]
pub struct AdmissionTokenPage {
    /// The tokens, the global one first.
    pub tokens: Vec<Arc<AdmissionToken>>,
    /// Number of preceding tokens.
    pub offset: usize,
    /// Total number of tokens, if reported.
    pub total: Option<u32>,
    /// True if more rows follow.
    pub has_next: bool,
}

impl AdmissionTokenPage {
    /// Returns the cursor of the token at `index` of this page.
    pub fn cursor(&self, index: usize) -> OffsetCursor {
        OffsetCursor(self.offset + index + 1)
    }
}

impl UnifiedCatalog {
    /// Lists a page of tokens for each event, in the order of the events. Empty for a source without a gate. Makes one
    /// concurrent call per event, because vendors have no bulk endpoint.
    pub async fn list_tokens(
        &self,
        events: &[SourcedEvent],
        query: &AdmissionTokenQuery,
    ) -> Vec<Result<AdmissionTokenPage, VendorError>> {
        join_all(events.iter().map(|event| self.list_tokens_of(event, query))).await
    }

    async fn list_tokens_of(
        &self,
        event: &SourcedEvent,
        query: &AdmissionTokenQuery,
    ) -> Result<AdmissionTokenPage, VendorError> {
        let Some(gate) = &event.source.admissions else {
            return Ok(to_page(TokenPage { tokens: Vec::new(), total: Some(0) }, query));
        };
        // One extra row shows whether another page follows.
        let limit = query.first.rows() + 1;
        let call = gate.list_tokens(&event.value.value.key, query.is_global, query.offset, limit);
        self.call_source(&event.source, VendorOperation::ReadTokens, call).await.map(|page| to_page(page, query))
    }

    /// Loads one token. Fails with [`ErrorKind::Unsupported`] if the source has no gate.
    pub async fn load_token(&self, token: &Sourced<TokenKey>) -> Result<Arc<AdmissionToken>, VendorError> {
        let source = &token.source;
        let Some(gate) = &source.admissions else {
            return Err(VendorError::new(&source.id, VendorOperation::ReadTokens, ErrorKind::Unsupported));
        };
        self.call_source(source, VendorOperation::ReadTokens, gate.load_token(&token.value)).await.map(Arc::new)
    }
}

/// Largest number of serial numbers in one admission.
const MAX_SERIALS: usize = 100;

/// The credential of an admission: an admission token or its secret.
#[derive(Debug, Clone)]
pub enum AdmissionCredential<T> {
    /// A token. Its secret is read from the source and never exposed.
    Token(T),
    /// The secret itself.
    Code(SecretString),
}

impl<T> AdmissionCredential<T> {
    /// Takes exactly one of a token and a secret.
    pub fn new(token: Option<T>, code: Option<String>) -> Result<Self, InvalidArgument> {
        match (token, code) {
            (Some(token), None) => Ok(Self::Token(token)),
            (None, Some(code)) => Ok(Self::Code(code.into())),
            _ => Err(InvalidArgument::new("token", "the only one of `token` and `code`")),
        }
    }

    /// Converts the token, if it is the credential.
    pub fn try_map_token<U, E>(self, convert: impl FnOnce(T) -> Result<U, E>) -> Result<AdmissionCredential<U>, E> {
        Ok(match self {
            Self::Token(token) => AdmissionCredential::Token(convert(token)?),
            Self::Code(code) => AdmissionCredential::Code(code),
        })
    }
}

/// A valid request to admit visitors at an event.
pub struct AdmissionRequest {
    event: Sourced<EventKey>,
    credential: AdmissionCredential<TokenKey>,
    serials: Vec<String>,
}

impl AdmissionRequest {
    /// Validates the arguments of an admission: the token is of the event's source, and there are 1 to 100 distinct
    /// serial numbers, none of them blank. Duplicate serial numbers are dropped.
    pub fn new(
        event: Sourced<EventKey>,
        credential: AdmissionCredential<Sourced<TokenKey>>,
        serials: Vec<String>,
    ) -> Result<Self, InvalidArgument> {
        let credential = credential.try_map_token(|token| {
            let is_of_source = token.source.id == event.source.id;
            is_of_source.then_some(token.value).ok_or_else(|| InvalidArgument::new("token", "of the event's source"))
        })?;
        Ok(Self { event, credential, serials: distinct_serials(serials)? })
    }

    /// The event of the gate.
    pub fn event(&self) -> &Sourced<EventKey> {
        &self.event
    }
}

fn distinct_serials(mut serials: Vec<String>) -> Result<Vec<String>, InvalidArgument> {
    let mut seen = HashSet::new();
    serials.retain(|serial| seen.insert(serial.clone()));
    let is_valid = (1..=MAX_SERIALS).contains(&serials.len()) && serials.iter().all(|serial| !serial.trim().is_empty());
    is_valid.then_some(serials).ok_or_else(|| {
        InvalidArgument::new("serials", format!("1 to {MAX_SERIALS} serial numbers, none of them blank"))
    })
}

/// The outcome of an admission.
pub struct AdmissionOutcome {
    /// The admitted visitors.
    pub admitted: Vec<Admission>,
    /// Serial numbers that are missing from the source's response.
    pub rejected: Vec<String>,
}

impl UnifiedCatalog {
    /// Admits visitors at an event. A revoked credential, or one of another event, fails with
    /// [`ErrorKind::NotFound`]. A failure with [`Effect::Unknown`] may have admitted visitors.
    pub async fn admit(&self, request: &AdmissionRequest) -> Result<AdmissionOutcome, VendorError> {
        let AdmissionRequest { event, credential, serials } = request;
        let source = &event.source;
        let error = |kind| VendorError::new(&source.id, VendorOperation::Admit, kind);
        let gate = source.admissions.as_ref().ok_or_else(|| error(ErrorKind::Unsupported))?;
        let code = match credential {
            AdmissionCredential::Code(code) => code.clone(),
            AdmissionCredential::Token(token) => {
                self.call_source(source, VendorOperation::ReadTokens, gate.load_token(token)).await?.code
            }
        };
        // The exchange admits nobody, so its failure has no effect.
        let key = self.call_source(source, VendorOperation::WriteTokens, gate.exchange_code(&code)).await;
        let key = key.map_err(|error| error.with_effect(Effect::None))?;
        if key.event != event.value {
            return Err(error(ErrorKind::NotFound));
        }
        let admitted = match self.call_source(source, VendorOperation::Admit, gate.admit(&key, serials)).await {
            // After our own deadline the call may still be in progress.
            Err(error) if error.kind == ErrorKind::Timeout => return Err(error.with_effect(Effect::Unknown)),
            result => result?,
        };
        let is_missing = |serial: &&String| !admitted.iter().any(|admission| admission.ticket_serial == **serial);
        let rejected = serials.iter().filter(is_missing).cloned().collect();
        Ok(AdmissionOutcome { admitted, rejected })
    }

    /// Lists the admissions of a token's event that its bearer may see.
    pub async fn list_admissions(
        &self,
        source: &Arc<Source>,
        token: &AdmissionToken,
    ) -> Result<Vec<Admission>, VendorError> {
        let unsupported = || VendorError::new(&source.id, VendorOperation::ReadAdmissions, ErrorKind::Unsupported);
        let gate = source.admissions.as_ref().ok_or_else(unsupported)?;
        let key = self.call_source(source, VendorOperation::WriteTokens, gate.exchange_code(&token.code)).await?;
        self.call_source(source, VendorOperation::ReadAdmissions, gate.list_admissions(&key)).await
    }
}

fn to_page(page: TokenPage, query: &AdmissionTokenQuery) -> AdmissionTokenPage {
    let rows = query.first.rows();
    AdmissionTokenPage {
        has_next: page.tokens.len() > rows,
        tokens: page.tokens.into_iter().take(rows).map(Arc::new).collect(),
        offset: query.offset,
        total: page.total,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_admission_takes_1_to_100_distinct_serial_numbers() {
        let numbered = |count: usize| (0..count).map(|number| number.to_string()).collect::<Vec<_>>();
        assert_eq!(distinct_serials(vec!["a".into(), "b".into(), "a".into()]), Ok(vec!["a".into(), "b".into()]));
        assert_eq!(distinct_serials(numbered(100)).map(|serials| serials.len()), Ok(100));
        for invalid in [numbered(0), numbered(101), vec!["a".into(), " ".into()]] {
            assert_eq!(distinct_serials(invalid).expect_err("invalid").argument, "serials");
        }
    }

    #[test]
    fn an_admission_takes_exactly_one_of_a_token_and_a_secret() {
        let code = || Some("secret".to_owned());
        assert!(matches!(AdmissionCredential::new(Some(1), None), Ok(AdmissionCredential::Token(1))));
        assert!(matches!(AdmissionCredential::<u8>::new(None, code()), Ok(AdmissionCredential::Code(_))));
        assert!(
            AdmissionCredential::new(Some(1), code()).is_err() && AdmissionCredential::<u8>::new(None, None).is_err()
        );
    }
}
