//! Requests to the provider: a time limit, a size limit, no redirects.

use std::pin::Pin;
use std::time::Duration;

use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};

/// Largest response of a provider, in bytes: key sets and user information are much smaller.
const MAX_RESPONSE_BYTES: usize = 1 << 20;

/// A request to the provider failed. Does not contain its URL.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    /// The request could not be sent, or its response did not arrive in time.
    #[error("the provider cannot be reached: {0}")]
    Failed(String),
    /// The response is larger than any that a provider sends.
    #[error("the response of the provider is larger than {MAX_RESPONSE_BYTES} bytes")]
    TooLarge,
}

impl From<reqwest::Error> for HttpError {
    fn from(error: reqwest::Error) -> Self {
        Self::Failed(error.without_url().to_string())
    }
}

/// Sends requests to the provider.
pub(crate) struct ProviderHttp {
    /// A client that follows no redirects.
    pub(crate) client: reqwest::Client,
    /// Time limit of a request.
    pub(crate) timeout: Duration,
}

impl ProviderHttp {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let mut request = reqwest::Request::try_from(request)?;
        *request.timeout_mut() = Some(self.timeout);
        let mut response = self.client.execute(request).await?;
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > MAX_RESPONSE_BYTES {
                return Err(HttpError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        let mut read = HttpResponse::new(body);
        (*read.status_mut(), *read.headers_mut()) = (status, headers);
        Ok(read)
    }
}

impl<'c> AsyncHttpClient<'c> for ProviderHttp {
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}
