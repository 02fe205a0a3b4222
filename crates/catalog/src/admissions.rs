//! Staff credentials of events, where a source has them.

use std::sync::Arc;

use futures_util::future::join_all;
use secrecy::SecretString;

use crate::Federation;
use crate::cursor::SkipCursor;
use crate::error::RequestError;
use crate::paging::PageSize;
use crate::sourced::{Sourced, SourcedEvent};
use domain::admissions::{Admission, AdmissionToken, TokenPage};
use domain::error::{Effect, ErrorKind, Operation, VendorError};
use domain::ids::{EventKey, TokenKey};
use domain::source::Source;

/// A page of the admission tokens of an event that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenQuery {
    is_global: Option<bool>,
    first: PageSize,
    skip: usize,
}

impl TokenQuery {
    /// Checks the arguments of a list of tokens; `is_global` picks only the global one, or only the others.
    pub fn new(is_global: Option<bool>, first: Option<i32>, after: Option<&str>) -> Result<Self, RequestError> {
        let skip = after.map(SkipCursor::decode).transpose()?.map_or(0, |cursor| cursor.0);
        Ok(Self { is_global, first: PageSize::new(first)?, skip })
    }
}

/// A page of the admission tokens of an event.
#[derive(Debug, Clone)]
pub struct TokenSlice {
    /// The tokens, the global one first.
    pub tokens: Vec<Arc<AdmissionToken>>,
    /// How many came before.
    pub skipped: usize,
    /// How many there are in all, where told.
    pub total: Option<u32>,
    /// Whether more follow.
    pub has_next: bool,
}

impl TokenSlice {
    /// The place of the token at `index` of this page.
    pub fn cursor(&self, index: usize) -> SkipCursor {
        SkipCursor(self.skipped + index + 1)
    }
}

impl Federation {
    /// A page of the tokens of each event, in the order of the events; none where the source has no gate. One call for each
    /// event, all at once: the vendor has no bulk form.
    pub async fn list_tokens(
        &self,
        events: &[SourcedEvent],
        query: &TokenQuery,
    ) -> Vec<Result<TokenSlice, VendorError>> {
        join_all(events.iter().map(|event| self.list_tokens_of(event, query))).await
    }

    async fn list_tokens_of(&self, event: &SourcedEvent, query: &TokenQuery) -> Result<TokenSlice, VendorError> {
        let Some(gate) = &event.source.admissions else {
            return Ok(slice(TokenPage { tokens: Vec::new(), total: Some(0) }, query));
        };
        // One row more tells whether a page follows.
        let limit = query.first.rows() + 1;
        let call = gate.list_tokens(&event.value.value.key, query.is_global, query.skip, limit);
        self.ask(&event.source, Operation::ReadTokens, call).await.map(|page| slice(page, query))
    }

    /// One token. [`ErrorKind::Unsupported`] where the source has no gate.
    pub async fn load_token(&self, token: &Sourced<TokenKey>) -> Result<Arc<AdmissionToken>, VendorError> {
        let source = &token.source;
        let Some(gate) = &source.admissions else {
            return Err(VendorError::new(&source.id, Operation::ReadTokens, ErrorKind::Unsupported));
        };
        self.ask(source, Operation::ReadTokens, gate.load_token(&token.value)).await.map(Arc::new)
    }
}

/// What admits: a staff credential by its key, or by its secret.
#[derive(Debug, Clone)]
pub enum Credential {
    /// By its key: its secret is read from the source, and shown to nobody.
    Token(TokenKey),
    /// By its secret.
    Code(SecretString),
}

impl Federation {
    /// Lets visitors in at an event. Serials that are not in the answer were refused. A credential of another event, and one that was
    /// revoked, admit nobody: [`ErrorKind::NotFound`].
    pub async fn admit(
        &self,
        event: &Sourced<EventKey>,
        credential: &Credential,
        serials: &[String],
    ) -> Result<Vec<Admission>, VendorError> {
        let source = &event.source;
        let no = |kind| VendorError::new(&source.id, Operation::Admit, kind);
        let gate = source.admissions.as_ref().ok_or_else(|| no(ErrorKind::Unsupported))?;
        let code = match credential {
            Credential::Code(code) => code.clone(),
            Credential::Token(token) => self.ask(source, Operation::ReadTokens, gate.load_token(token)).await?.code,
        };
        // Nobody is let in by an exchange: whatever became of it, it did no harm.
        let key = self.ask(source, Operation::WriteTokens, gate.exchange_code(&code)).await;
        let key = key.map_err(|error| error.with_effect(Effect::None))?;
        if key.event != event.value {
            return Err(no(ErrorKind::NotFound));
        }
        // A call that ran into our own deadline was under way.
        match self.ask(source, Operation::Admit, gate.admit(&key, serials)).await {
            Err(error) if error.kind == ErrorKind::Timeout => Err(error.with_effect(Effect::Unknown)),
            told => told,
        }
    }

    /// Who was let in at the event of a token, as far as its bearer may know.
    pub async fn list_admissions(
        &self,
        source: &Arc<Source>,
        token: &AdmissionToken,
    ) -> Result<Vec<Admission>, VendorError> {
        let no = || VendorError::new(&source.id, Operation::ReadAdmissions, ErrorKind::Unsupported);
        let gate = source.admissions.as_ref().ok_or_else(no)?;
        let key = self.ask(source, Operation::WriteTokens, gate.exchange_code(&token.code)).await?;
        self.ask(source, Operation::ReadAdmissions, gate.list_admissions(&key)).await
    }
}

fn slice(page: TokenPage, query: &TokenQuery) -> TokenSlice {
    let rows = query.first.rows();
    TokenSlice {
        has_next: page.tokens.len() > rows,
        tokens: page.tokens.into_iter().take(rows).map(Arc::new).collect(),
        skipped: query.skip,
        total: page.total,
    }
}
