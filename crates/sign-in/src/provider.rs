//! The OpenID Connect provider: discovery, authorization code with PKCE, and the verification of ID tokens.

use std::sync::Arc;
use std::time::Duration;

use domain::Clock;
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreClientAuthMethod, CoreErrorResponseType,
    CoreGenderClaim, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreProviderMetadata,
    CoreRevocableToken, CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AdditionalClaims, AuthType, AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken, EmptyExtraTokenFields,
    EndpointMaybeSet, EndpointNotSet, EndpointSet, IdTokenFields, IssuerUrl, Nonce, OAuth2TokenResponse,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, StandardErrorResponse, StandardTokenResponse,
    TokenResponse, UserInfoClaims,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use url::Url;

use crate::discovery::Discovery;
use crate::http::ProviderHttp;
use crate::pending::PendingSignIn;
use crate::role::find_claim;

/// Time limit of a step of a sign-in, as a multiple of that of a request.
const REQUESTS_PER_STEP: u32 = 3;
/// Accepted clock difference to the provider.
const CLOCK_LEEWAY: Duration = Duration::from_secs(30);
/// Longest subject, in bytes, as OpenID Connect Core §2 allows.
const MAX_SUBJECT_BYTES: usize = 255;
/// Longest name, in characters.
const MAX_NAME_CHARS: usize = 100;

/// Accepted signatures of ID tokens: asymmetric ones, whatever the provider lists.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// Settings of the provider.
#[derive(Debug, Clone)]
pub struct ProviderSettings {
    /// Issuer, exactly as the provider writes it; a URL below which it publishes its configuration.
    pub issuer: String,
    /// Client id at the provider.
    pub client_id: String,
    /// Client secret; `None` for a public client.
    pub client_secret: Option<SecretString>,
    /// Address to which the provider sends browsers back.
    pub redirect_url: Url,
    /// Scopes to ask for besides `openid`.
    pub scopes: Vec<String>,
    /// Claim that decides the role.
    pub roles_claim: String,
    /// Time limit of a request to the provider, and of a discovery. Each step of a sign-in takes three times as long at most.
    pub timeout: Duration,
    /// Sign-ins that are completed at the same time; more are rejected.
    pub in_flight: usize,
}

/// A person, as the provider identifies it.
#[derive(Debug, Clone, PartialEq)]
pub struct Identity {
    /// Subject, unique at the provider and never reused.
    pub subject: String,
    /// Name for people: the e-mail address, else the name, else the subject.
    pub name: String,
    /// All claims.
    pub claims: Map<String, Value>,
}

/// Parameters with which a browser returns from the provider.
#[derive(Debug, Default, Deserialize)]
pub struct Callback {
    /// Authorization code.
    pub code: Option<String>,
    /// `state` of the request.
    pub state: Option<String>,
    /// Error code of the provider.
    pub error: Option<String>,
    /// Issuer (RFC 9207).
    pub iss: Option<String>,
}

/// Reason why somebody could not sign in. Contains no text of the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignInError {
    /// The provider cannot be reached or does not work as it should.
    #[error("the sign-in provider is not available")]
    Unavailable,
    /// The person or the provider refused.
    #[error("the provider refused the sign-in")]
    Refused,
    /// The return belongs to no sign-in of this browser. One that has begun may still be completed.
    #[error("the sign-in is none of this browser")]
    Unrelated,
    /// The return, or its token, is not valid.
    #[error("the sign-in could not be verified")]
    Invalid,
}

/// All claims besides those of the standard.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct OtherClaims(Map<String, Value>);

impl AdditionalClaims for OtherClaims {}

type TokenFields = IdTokenFields<
    OtherClaims,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;

type Tokens = StandardTokenResponse<TokenFields, CoreTokenType>;

type OidcClient = Client<
    OtherClaims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Tokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// An OpenID Connect provider.
pub struct Provider {
    settings: ProviderSettings,
    http: ProviderHttp,
    clock: Arc<dyn Clock>,
    discovery: Discovery<OidcClient>,
    places: Semaphore,
}

impl Provider {
    /// Creates a provider; it is discovered when somebody signs in. The client must not follow redirects.
    pub fn new(settings: ProviderSettings, client: reqwest::Client, clock: Arc<dyn Clock>) -> Self {
        let places = Semaphore::new(settings.in_flight);
        let http = ProviderHttp { client, timeout: settings.timeout };
        let discovery = Discovery::new(settings.timeout);
        Self { settings, http, clock, discovery, places }
    }

    /// Begins a sign-in: returns the provider's address for the browser, and what the browser must bring back.
    /// `asks_again`: the provider shall ask for the account even if the person is signed in there.
    ///
    /// # Errors
    ///
    /// `Unavailable` if the provider cannot be discovered.
    pub async fn begin(&self, asks_again: bool) -> Result<(Url, PendingSignIn), SignInError> {
        let client = self.within_limit(self.client()).await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let flow = CoreAuthenticationFlow::AuthorizationCode;
        let mut request = client.authorize_url(flow, CsrfToken::new_random, Nonce::new_random);
        if asks_again {
            request = request.add_prompt(CoreAuthPrompt::Login);
        }
        let scopes = self.settings.scopes.iter().filter(|scope| *scope != "openid").cloned().map(Scope::new);
        let (url, state, nonce) = request.add_scopes(scopes).set_pkce_challenge(challenge).url();
        let pending = PendingSignIn {
            state: state.into_secret().into(),
            nonce: nonce.secret().as_str().into(),
            verifier: verifier.into_secret().into(),
        };
        Ok((url, pending))
    }

    /// Completes a sign-in: exchanges the code and verifies the ID token.
    ///
    /// # Errors
    ///
    /// `Unrelated` if the return belongs to no sign-in of this browser, `Refused` if the provider returns an error, `Invalid` if the return
    /// or its token is not valid, `Unavailable` if the provider does not respond or too many people sign in at the same time.
    pub async fn complete(&self, callback: Callback, pending: &PendingSignIn) -> Result<Identity, SignInError> {
        let Some(state) = callback.state else { return Err(SignInError::Unrelated) };
        let expected = pending.state.expose_secret();
        if aws_lc_rs::constant_time::verify_slices_are_equal(state.as_bytes(), expected.as_bytes()).is_err() {
            return Err(SignInError::Unrelated);
        }
        if callback.iss.is_some_and(|iss| iss != self.settings.issuer) {
            return Err(SignInError::Invalid);
        }
        if callback.error.is_some() {
            return Err(SignInError::Refused);
        }
        let code = AuthorizationCode::new(callback.code.ok_or(SignInError::Invalid)?);
        self.within_limit(self.identify(code, pending)).await
    }

    /// Exchanges a code. Holds a place during requests, but not while it waits for a discovery.
    async fn identify(&self, code: AuthorizationCode, pending: &PendingSignIn) -> Result<Identity, SignInError> {
        let client = self.client().await?;
        let place = self.places.try_acquire().map_err(|_| SignInError::Unavailable)?;
        let tokens = self.exchange(&client, code, pending).await?;
        let (mut claims, _place) = match self.verify(&client, &tokens, pending) {
            Ok(claims) => (claims, place),
            // The provider may have changed its keys.
            Err(_) => {
                drop(place);
                let renewed = self.renewed_client().await?;
                let claims = self.verify(&renewed, &tokens, pending)?;
                (claims, self.places.try_acquire().map_err(|_| SignInError::Unavailable)?)
            }
        };
        if find_claim(&claims, &self.settings.roles_claim).is_none() || !claims.contains_key("email") {
            for (name, value) in self.user_info(&client, &tokens, &claims).await? {
                claims.entry(name).or_insert(value);
            }
        }
        identity(claims)
    }

    /// Discovers the provider now.
    ///
    /// # Errors
    ///
    /// `Unavailable`, also if the last attempt was a moment ago.
    pub async fn discover(&self) -> Result<(), SignInError> {
        self.renewed_client().await.map(drop)
    }

    async fn exchange(
        &self,
        client: &OidcClient,
        code: AuthorizationCode,
        pending: &PendingSignIn,
    ) -> Result<Tokens, SignInError> {
        let verifier = PkceCodeVerifier::new(pending.verifier.expose_secret().to_owned());
        let request = client.exchange_code(code).map_err(|_| SignInError::Unavailable)?;
        request.set_pkce_verifier(verifier).request_async(&self.http).await.map_err(|error| match error {
            openidconnect::RequestTokenError::ServerResponse(_) => SignInError::Invalid,
            _ => SignInError::Unavailable,
        })
    }

    /// Verifies signature, issuer, audience, expiry and nonce of the ID token, and returns its claims.
    fn verify(
        &self,
        client: &OidcClient,
        tokens: &Tokens,
        pending: &PendingSignIn,
    ) -> Result<Map<String, Value>, SignInError> {
        let token = tokens.id_token().ok_or(SignInError::Invalid)?;
        let now = self.clock.now();
        let verifier = client.id_token_verifier().set_allowed_algs(ALGORITHMS).set_time_fn(move || {
            let seconds = domain::time::earlier(now, CLOCK_LEEWAY).as_second();
            chrono::DateTime::from_timestamp(seconds, 0).unwrap_or_default()
        });
        let nonce = Nonce::new(pending.nonce.expose_secret().to_owned());
        let claims = token.claims(&verifier, &nonce).map_err(|_| SignInError::Invalid)?;
        to_map(claims)
    }

    /// Fetches the claims that the provider does not put into ID tokens. None if it has no such endpoint.
    async fn user_info(
        &self,
        client: &OidcClient,
        tokens: &Tokens,
        claims: &Map<String, Value>,
    ) -> Result<Map<String, Value>, SignInError> {
        let subject = claims.get("sub").and_then(Value::as_str).unwrap_or_default();
        let subject = openidconnect::SubjectIdentifier::new(subject.to_owned());
        let Ok(request) = client.user_info(tokens.access_token().clone(), Some(subject)) else {
            return Ok(Map::new());
        };
        let info: UserInfoClaims<OtherClaims, CoreGenderClaim> =
            request.request_async(&self.http).await.map_err(|error| match error {
                openidconnect::UserInfoError::ClaimsVerification(_) => SignInError::Invalid,
                _ => SignInError::Unavailable,
            })?;
        to_map(&info)
    }

    /// Ends a step of a sign-in in time.
    async fn within_limit<T>(&self, step: impl Future<Output = Result<T, SignInError>>) -> Result<T, SignInError> {
        let limit = self.settings.timeout.saturating_mul(REQUESTS_PER_STEP);
        timeout(limit, step).await.unwrap_or(Err(SignInError::Unavailable))
    }

    /// Returns the discovered provider.
    async fn client(&self) -> Result<Arc<OidcClient>, SignInError> {
        self.discovery.get(self.fetch_client()).await.ok_or(SignInError::Unavailable)
    }

    /// Returns the provider, discovered again unless that was tried a moment ago.
    async fn renewed_client(&self) -> Result<Arc<OidcClient>, SignInError> {
        self.discovery.renew(self.fetch_client()).await.ok_or(SignInError::Unavailable)
    }

    async fn fetch_client(&self) -> Result<OidcClient, String> {
        let issuer = IssuerUrl::new(self.settings.issuer.clone()).map_err(|error| error.to_string())?;
        let metadata = CoreProviderMetadata::discover_async(issuer, &self.http).await.map_err(|error| match error {
            openidconnect::DiscoveryError::Request(error) => error.to_string(),
            openidconnect::DiscoveryError::Response(status, ..) => format!("status {status}"),
            openidconnect::DiscoveryError::Validation(_) => "it names another issuer".to_owned(),
            _ => "its configuration cannot be read".to_owned(),
        })?;
        let methods = metadata.token_endpoint_auth_methods_supported();
        let basic = methods.is_none_or(|methods| methods.contains(&CoreClientAuthMethod::ClientSecretBasic));
        let secret = self.settings.client_secret.as_ref();
        let secret = secret.map(|secret| ClientSecret::new(secret.expose_secret().to_owned()));
        let id = ClientId::new(self.settings.client_id.clone());
        let redirect = RedirectUrl::from_url(self.settings.redirect_url.clone());
        let method = if basic { AuthType::BasicAuth } else { AuthType::RequestBody };
        Ok(Client::from_provider_metadata(metadata, id, secret).set_redirect_uri(redirect).set_auth_type(method))
    }
}

fn to_map(claims: &impl Serialize) -> Result<Map<String, Value>, SignInError> {
    match serde_json::to_value(claims) {
        Ok(Value::Object(map)) => Ok(map),
        _ => Err(SignInError::Invalid),
    }
}

fn identity(claims: Map<String, Value>) -> Result<Identity, SignInError> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let subject = text("sub").filter(|subject| subject.len() <= MAX_SUBJECT_BYTES).ok_or(SignInError::Invalid)?;
    let name = ["email", "name", "preferred_username"].into_iter().find_map(text).unwrap_or(subject);
    let (subject, name) = (subject.to_owned(), name.chars().take(MAX_NAME_CHARS).collect());
    Ok(Identity { subject, name, claims })
}
