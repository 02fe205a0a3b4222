//! Authentication: JSON web tokens for JSON, the operator's password for SOAP and for the token endpoint (`secutix.md §2.3`).

use axum::http::{HeaderMap, header};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::secutix::SecutixEmulator;
use crate::secutix::world::Institution;

/// Seconds that a token's issue time may lie in the future (`secutix.md §8`).
const MAX_CLOCK_SKEW_SECONDS: i64 = 60;
/// Lifetime in seconds of tokens issued by the token endpoint.
const TOKEN_TTL_SECONDS: i64 = 300;

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: String,
    aud: String,
    #[serde(default)]
    iss: String,
    iat: i64,
    exp: i64,
}

pub(super) fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

/// Returns the institution of a valid token: `sub` is its code, `aud` its operator, signed with the operator's password.
/// Clients may date tokens by the real time or by the sandbox's shifted clock; both are accepted.
pub(super) fn authenticate<'a>(
    secutix: &SecutixEmulator,
    institutions: &'a [Institution],
    token: &str,
) -> Option<&'a Institution> {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    institutions.iter().find(|institution| {
        let key = DecodingKey::from_secret(institution.password.as_bytes());
        let Ok(token) = jsonwebtoken::decode::<Claims>(token, &key, &validation) else { return false };
        let Claims { sub, aud, iat, exp, .. } = token.claims;
        let (real_now, shifted_now) = (secutix.clock.base_now().as_second(), secutix.now().as_second());
        sub.eq_ignore_ascii_case(institution.code)
            && aud == institution.login
            && exp > real_now
            && iat <= shifted_now + MAX_CLOCK_SKEW_SECONDS
    })
}

/// Returns the institution of an operator's login and password.
pub(super) fn authenticate_operator<'a>(
    institutions: &'a [Institution],
    login: &Value,
    password: &Value,
) -> Option<&'a Institution> {
    institutions.iter().find(|institution| *login == institution.login && *password == institution.password)
}

/// Creates a token of the institution, signed with the operator's password.
pub(super) fn create_token(
    institution: &Institution,
    partner: &str,
    now: Timestamp,
) -> Result<String, jsonwebtoken::errors::Error> {
    let now = now.as_second();
    let claims = Claims {
        sub: institution.code.to_owned(),
        aud: institution.login.to_owned(),
        iss: partner.to_owned(),
        iat: now,
        exp: now + TOKEN_TTL_SECONDS,
    };
    jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(institution.password.as_bytes()))
}
