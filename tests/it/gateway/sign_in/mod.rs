//! Sign-in of people: a provider under the control of the test, cookies, and requests that other sites cause.

mod limits;

use std::sync::Arc;
use std::time::Duration;

use audit::AuditLog;
use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use parking_lot::Mutex;
use reqwest::Response;
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use serde_json::{Value, json};
use sign_in::{Access, Provider, ProviderSettings, Role, RoleRule, SessionLimits, Sessions, User};
use store_sql::{CredentialKey, open_stores};
use ticketgraph::gateway::auth::SessionAuth;
use ticketgraph::gateway::sign_in::SignIn;
use ticketgraph::gateway::sign_in::cookies::Cookies;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;
use url::Url;

use crate::default_config::default_store_settings;
use crate::gateway::socket::{Received, Socket};
use crate::gateway::{GatewayOptions, Signer, TestGateway, sign, signer, start_with};

const ORIGIN: &str = "https://tickets.example";
const SESSION: &str = "__Host-ticketgraph-session";

/// Responses of the provider.
#[derive(Default)]
struct Answers {
    issuer: String,
    id_token: String,
    keys: Value,
    user_info: Value,
    /// Forms that were posted to the token endpoint.
    forms: Vec<String>,
    /// Holds back tokens until it has permits.
    holds_tokens: Option<Arc<Semaphore>>,
}

type SharedAnswers = Arc<Mutex<Answers>>;

struct World {
    gateway: TestGateway,
    sessions: Arc<Sessions>,
    answers: SharedAnswers,
    signer: Signer,
    _provider: AbortOnDropHandle<()>,
}

async fn start_provider(answers: SharedAnswers) -> (String, AbortOnDropHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let issuer = format!("http://{}", listener.local_addr().expect("an address"));
    answers.lock().issuer.clone_from(&issuer);
    let configuration = |State(answers): State<SharedAnswers>| async move {
        let issuer = answers.lock().issuer.clone();
        Json(json!({
            "issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize"), "token_endpoint": format!("{issuer}/token"),
            "userinfo_endpoint": format!("{issuer}/me"), "jwks_uri": format!("{issuer}/jwks"), "response_types_supported": ["code"],
            "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["ES256", "HS256", "none"],
        }))
    };
    let token = |State(answers): State<SharedAnswers>, form: String| async move {
        answers.lock().forms.push(form);
        let hold = answers.lock().holds_tokens.clone();
        if let Some(hold) = hold {
            hold.acquire().await.expect("a semaphore").forget();
        }
        let id_token = answers.lock().id_token.clone();
        Json(json!({"access_token": "a", "token_type": "Bearer", "id_token": id_token}))
    };
    let router = Router::new()
        .route("/.well-known/openid-configuration", get(configuration))
        .route("/jwks", get(|State(answers): State<SharedAnswers>| async move { Json(answers.lock().keys.clone()) }))
        .route("/token", post(token))
        .route("/me", get(|State(answers): State<SharedAnswers>| async move { Json(answers.lock().user_info.clone()) }))
        .with_state(answers);
    let serve = async move { axum::serve(listener, router).await.expect("a provider") };
    (issuer, AbortOnDropHandle::new(tokio_util::task::TaskTracker::new().spawn(serve)))
}

impl World {
    async fn start() -> Self {
        Self::start_with(None, None).await
    }

    /// Starts with a limit of requests per address, and an audit log.
    async fn start_with(per_address: Option<u32>, audit: Option<Arc<AuditLog>>) -> Self {
        let (answers, signer) = (SharedAnswers::default(), signer());
        answers.lock().keys = json!({ "keys": [signer.jwk] });
        answers.lock().user_info = json!({ "sub": "mara" });
        let (issuer, provider) = start_provider(Arc::clone(&answers)).await;
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
        let clock: Arc<dyn domain::Clock> = Arc::new(domain::SystemClock);
        let settings = ProviderSettings {
            issuer,
            client_id: "ticketgraph".to_owned(),
            client_secret: Some("planted-secret".into()),
            redirect_url: Url::parse(&format!("{ORIGIN}/sign-in/callback")).expect("a URL"),
            scopes: vec!["email".to_owned()],
            roles_claim: "groups".to_owned(),
            timeout: Duration::from_secs(5),
            in_flight: 2,
        };
        let provider_of = Provider::new(settings, client.build().expect("a client"), Arc::clone(&clock));
        let stores = open_stores("sqlite::memory:", &[CredentialKey::new([7; 32])], &default_store_settings()).await;
        let limits = SessionLimits {
            idle_timeout: Duration::from_secs(3600),
            lifetime: Duration::from_secs(36_000),
            per_user: 3,
        };
        let store = stores.expect("the store opens").sessions;
        let sessions = Arc::new(Sessions::new(store, clock, limits, answers.lock().issuer.clone()));
        let rule = |value: &str, role, reseller: &str| RoleRule {
            value: value.to_owned(),
            access: Access { reseller: Some(reseller.to_owned()), role },
        };
        let rules = vec![rule("sellers", Role::Seller, "tiqets"), rule("gone", Role::Viewer, "removed")];
        let cookies = Cookies { is_secure: true };
        let sign_in = SignIn {
            provider: provider_of,
            provider_name: "Example Login".to_owned(),
            roles_claim: "groups".to_owned(),
            rules: rules.clone(),
            sessions: Arc::clone(&sessions),
            cookies,
            requests_per_minute_and_address: per_address,
        };
        let auth = SessionAuth {
            sessions: Arc::clone(&sessions),
            cookies,
            origin: ORIGIN.to_owned(),
            resellers: ["tiqets".to_owned()].into(),
            rules,
            requests_per_minute: None,
        };
        let (sign_in, sessions_of) = (Some(Arc::new(sign_in)), Some(auth));
        let options = GatewayOptions { sign_in, sessions: sessions_of, audit, ..GatewayOptions::default() };
        Self { gateway: start_with(options).await, sessions, answers, signer, _provider: provider }
    }

    async fn get(&self, path: &str, cookie: Option<&str>) -> Response {
        let request = self.gateway.client.get(format!("http://{}{path}", self.gateway.address));
        let request = match cookie {
            Some(cookie) => request.header(COOKIE, cookie),
            None => request,
        };
        request.send().await.expect("a response")
    }

    /// Begins a sign-in. Returns the cookie, and the parameters that the provider gets.
    async fn begin(&self) -> (String, Url) {
        let response = self.get("/sign-in", None).await;
        assert_eq!(response.status(), 303);
        (cookie(&response, "sign-in"), location(&response))
    }

    fn claims(&self, nonce: &str) -> Value {
        let now = jsonwebtoken::get_current_timestamp();
        json!({"iss": self.answers.lock().issuer, "aud": "ticketgraph", "sub": "mara", "email": "mara@example.org",
               "groups": ["sellers"], "nonce": nonce, "iat": now, "exp": now + 60})
    }

    /// Signs in with an ID token that is made of the nonce. Returns the last response.
    async fn sign_in_with(&self, token: impl FnOnce(&Self, &str) -> String) -> Response {
        let (pending, url) = self.begin().await;
        let id_token = token(self, &parameter(&url, "nonce"));
        self.answers.lock().id_token = id_token;
        let state = parameter(&url, "state");
        self.get(&format!("/sign-in/callback?code=c&state={state}"), Some(&pending)).await
    }

    /// Signs in, and returns the session's cookie.
    async fn sign_in(&self) -> String {
        let response = self.sign_in_with(|world, nonce| sign(&world.signer, &world.claims(nonce))).await;
        assert_eq!(response.headers()[LOCATION], "/dashboard");
        cookie(&response, "session")
    }

    /// Starts a session as an earlier sign-in has done, and returns its cookie.
    async fn start_session(&self, role: Role) -> String {
        let access = Access { reseller: Some("tiqets".to_owned()), role };
        let user = User { id: "mara".to_owned(), name: "mara@example.org".to_owned(), access };
        format!("{SESSION}={}", self.sessions.start(user).await.expect("a session").expose())
    }

    /// Asks who the caller is, with these headers.
    async fn viewer(&self, headers: &[(&str, &str)]) -> (u16, Value) {
        let mut request = self.gateway.client.post(self.gateway.url());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = json!({ "query": "{ viewer { id name scopes } }" }).to_string();
        let response = request.header("content-type", "application/json").body(body).send().await.expect("a response");
        (response.status().as_u16(), response.json().await.expect("JSON"))
    }
}

fn parameter(url: &Url, name: &str) -> String {
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
}

fn location(response: &Response) -> Url {
    response.headers()[LOCATION].to_str().expect("text").parse().expect("a URL")
}

/// Returns a cookie that a response sets, as a browser sends it.
fn cookie(response: &Response, name: &str) -> String {
    let texts = response.headers().get_all(SET_COOKIE).iter().map(|value| value.to_str().expect("text"));
    let found = texts
        .filter_map(|text| text.split(';').next())
        .find(|pair| pair.starts_with(&format!("__Host-ticketgraph-{name}=")));
    found.unwrap_or_else(|| panic!("no cookie {name}")).to_owned()
}

#[tokio::test]
async fn a_sign_in_uses_pkce_state_and_nonce_and_no_value_of_one_serves_another() {
    let world = World::start().await;
    let ((first, url), (second, other)) = (world.begin().await, world.begin().await);
    for name in ["state", "nonce", "code_challenge"] {
        assert!(parameter(&url, name).len() > 20 && parameter(&url, name) != parameter(&other, name), "{name}");
    }
    assert_eq!(parameter(&url, "code_challenge_method"), "S256");
    assert_eq!(parameter(&url, "redirect_uri"), format!("{ORIGIN}/sign-in/callback"));
    assert_eq!(parameter(&url, "scope"), "openid email");
    world.answers.lock().id_token = sign(&world.signer, &world.claims(&parameter(&url, "nonce")));
    let state = parameter(&url, "state");
    for (path, cookie, ends_sign_in) in [
        (format!("/sign-in/callback?code=c&state={state}"), None, false),
        (format!("/sign-in/callback?code=c&state={state}"), Some(&second), false),
        ("/sign-in/callback?code=c&state=guessed".to_owned(), Some(&first), false),
        ("/sign-in/callback?code=c&state=guessed&state=twice".to_owned(), Some(&first), false),
        ("/sign-in/callback?code=c".to_owned(), Some(&first), false),
        ("/sign-in/callback".to_owned(), Some(&first), false),
        (format!("/sign-in/callback?state={state}"), Some(&first), true),
        (format!("/sign-in/callback?code=c&state={state}&iss=https://evil.example"), Some(&first), true),
    ] {
        let response = world.get(&path, cookie.map(String::as_str)).await;
        assert_eq!(response.headers()[LOCATION], "/dashboard?sign-in=invalid", "{path}");
        assert_eq!(response.headers().contains_key(SET_COOKIE), ends_sign_in, "{path}: any site may open it");
    }
    assert!(world.answers.lock().forms.is_empty(), "no code was exchanged");
    let done = world.get(&format!("/sign-in/callback?code=c&state={state}"), Some(&first)).await;
    assert_eq!(done.headers()[LOCATION], "/dashboard");
    let form = world.answers.lock().forms.concat();
    assert!(form.contains("code_verifier=") && !form.contains("planted-secret"), "{form}");
    let refused = world.get(&format!("/sign-in/callback?error=access_denied&state={state}"), Some(&first)).await;
    assert_eq!(refused.headers()[LOCATION], "/dashboard?sign-in=refused");
}

#[tokio::test]
async fn an_id_token_that_is_not_for_this_sign_in_is_rejected() {
    let world = World::start().await;
    let forger = signer();
    let changed = |name: &'static str, value: Value| {
        move |world: &World, nonce: &str| {
            let mut claims = world.claims(nonce);
            claims[name] = value;
            sign(&world.signer, &claims)
        }
    };
    for (name, value) in [
        ("nonce", json!("of another sign-in")),
        ("nonce", Value::Null),
        ("aud", json!("another")),
        ("iss", json!("https://elsewhere.example")),
        ("exp", json!(1_000_000_000)),
        ("sub", json!("")),
    ] {
        let response = world.sign_in_with(changed(name, value.clone())).await;
        assert_eq!(response.headers()[LOCATION], "/dashboard?sign-in=invalid", "{name} {value}");
    }
    let forged = world.sign_in_with(|world, nonce| sign(&forger, &world.claims(nonce))).await;
    assert_eq!(forged.headers()[LOCATION], "/dashboard?sign-in=invalid");
    // The provider lists HMAC, and its secret is known; it is not accepted all the same.
    let secret = jsonwebtoken::EncodingKey::from_secret(b"planted-secret");
    let symmetric = world.sign_in_with(|world, nonce| {
        jsonwebtoken::encode(&jsonwebtoken::Header::default(), &world.claims(nonce), &secret).expect("a token")
    });
    assert_eq!(symmetric.await.headers()[LOCATION], "/dashboard?sign-in=invalid");
    world.sign_in().await;
}

#[tokio::test]
async fn claims_without_a_role_grant_nothing_and_those_of_the_user_information_count() {
    let world = World::start().await;
    let with_groups = |groups: Value| {
        move |world: &World, nonce: &str| {
            let mut claims = world.claims(nonce);
            match groups {
                Value::Null => claims.as_object_mut().expect("an object").remove("groups").map_or((), drop),
                groups => claims["groups"] = groups,
            }
            sign(&world.signer, &claims)
        }
    };
    for groups in [json!(["strangers"]), json!([]), Value::Null] {
        let response = world.sign_in_with(with_groups(groups)).await;
        assert_eq!(response.headers()[LOCATION], "/dashboard?sign-in=no-access");
        assert!(!format!("{:?}", response.headers()).contains("ticketgraph-session"), "no session begins");
    }
    world.answers.lock().user_info = json!({"sub": "mara", "groups": ["sellers"]});
    let response = world.sign_in_with(with_groups(Value::Null)).await;
    assert_eq!(response.headers()[LOCATION], "/dashboard");
    world.answers.lock().user_info = json!({"sub": "somebody else", "groups": ["sellers"]});
    let response = world.sign_in_with(with_groups(Value::Null)).await;
    assert_eq!(response.headers()[LOCATION], "/dashboard?sign-in=invalid");
}

#[tokio::test]
async fn a_cookie_is_a_caller_only_with_the_header_and_from_the_pages_of_the_service() {
    let world = World::start().await;
    let session = world.sign_in().await;
    let csrf = ("x-csrf-protection", "1");
    let own = ("cookie", session.as_str());
    let (status, body) = world.viewer(&[own, csrf, ("origin", ORIGIN), ("sec-fetch-site", "same-origin")]).await;
    let viewer = &body["data"]["viewer"];
    assert_eq!((status, viewer["id"].as_str()), (200, Some("sign-in/mara")));
    assert_eq!(viewer["name"], "mara@example.org");
    let (_, body) = world.viewer(&[own]).await;
    assert_eq!(body["data"]["viewer"]["name"], "anonymous", "a simple request of another site");
    for foreign in [
        ("origin", "https://evil.example"),
        ("origin", "https://shop.example"),
        ("origin", "http://tickets.example"),
        ("origin", "https://tickets.example.evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("sec-fetch-site", "none"),
    ] {
        let (status, body) = world.viewer(&[own, csrf, foreign]).await;
        assert_eq!((status, body["errors"][0]["extensions"]["code"].as_str()), (403, Some("FORBIDDEN")), "{foreign:?}");
    }
    // A key is used as it was, whatever cookies the browser sends with it.
    let (_, body) = world.viewer(&[own, ("authorization", "Bearer right")]).await;
    assert_eq!(body["data"]["viewer"]["name"], "shop");
    let unknown = format!("{SESSION}={}", "A".repeat(43));
    for cookie in [unknown.as_str(), &format!("{SESSION}=x"), "theme=dark"] {
        let (status, body) = world.viewer(&[("cookie", cookie), csrf]).await;
        assert_eq!(
            (status, body["errors"][0]["extensions"]["code"].as_str()),
            (401, Some("UNAUTHENTICATED")),
            "{cookie}"
        );
    }
}

#[tokio::test]
async fn other_origins_may_not_send_the_header_nor_read_the_session() {
    let world = World::start().await;
    let preflight = world.gateway.client.request(reqwest::Method::OPTIONS, world.gateway.url());
    let preflight = preflight
        .header("origin", "https://shop.example")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type,x-csrf-protection");
    let response = preflight.send().await.expect("a response");
    let allowed = response.headers()["access-control-allow-headers"].to_str().expect("text").to_owned();
    assert!(allowed.contains("authorization") && !allowed.contains("csrf"), "{allowed}");
    assert!(!response.headers().contains_key("access-control-allow-credentials"));
    for path in ["/session", "/graphql?query=%7B__typename%7D", "/exports/orders.csv"] {
        let response = world.get(path, None).await;
        let vary = format!("{:?}", response.headers().get_all("vary").iter().collect::<Vec<_>>());
        assert!(vary.contains("cookie") && vary.contains("x-csrf-protection"), "{path}: {vary}");
    }
    let response = world.get("/session", None).await;
    assert!(!response.headers().contains_key("access-control-allow-origin"));
    assert_eq!(response.headers()["cache-control"], "no-store");
}

#[tokio::test]
async fn the_end_of_a_session_needs_the_header_and_removes_the_cookie() {
    let world = World::start().await;
    let (one, two) = (world.sign_in().await, world.sign_in().await);
    let csrf = ("x-csrf-protection", "1");
    let post = async |path: &str, headers: &[(&str, &str)]| {
        let mut request = world.gateway.client.post(format!("http://{}{path}", world.gateway.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.expect("a response")
    };
    let is_signed_in = async |cookie: &str| world.viewer(&[("cookie", cookie), csrf]).await.0 == 200;
    assert_eq!(post("/session/end", &[("cookie", &one)]).await.status(), 403);
    assert_eq!(post("/session/end", &[("cookie", &one), csrf, ("origin", "https://evil.example")]).await.status(), 403);
    assert!(is_signed_in(&one).await);
    let ended = post("/session/end", &[("cookie", &one), csrf]).await;
    assert_eq!(ended.status(), 204);
    assert!(ended.headers()[SET_COOKIE].to_str().expect("text").contains("Max-Age=0"));
    assert_eq!((is_signed_in(&one).await, is_signed_in(&two).await), (false, true));
    assert_eq!(post("/session/end", &[("cookie", &one), csrf]).await.status(), 204, "repeated");
    let three = world.sign_in().await;
    assert_eq!(post("/session/end?everywhere=true", &[("cookie", &two), csrf]).await.status(), 204);
    assert_eq!((is_signed_in(&two).await, is_signed_in(&three).await), (false, false));
}

#[tokio::test]
async fn a_session_of_a_reseller_that_is_no_longer_configured_opens_nothing() {
    let world = World::start().await;
    let response = world.sign_in_with(|world, nonce| {
        let mut claims = world.claims(nonce);
        claims["groups"] = json!("gone");
        sign(&world.signer, &claims)
    });
    let session = cookie(&response.await, "session");
    let (status, _) = world.viewer(&[("cookie", &session), ("x-csrf-protection", "1")]).await;
    assert_eq!(status, 401);
}

#[tokio::test]
async fn a_session_ends_with_the_rule_that_granted_its_role() {
    let world = World::start().await;
    for (role, status) in [(Role::Seller, 200), (Role::Manager, 401), (Role::Viewer, 401)] {
        let session = world.start_session(role).await;
        assert_eq!(world.viewer(&[("cookie", &session), ("x-csrf-protection", "1")]).await.0, status, "{role:?}");
    }
}

#[tokio::test]
async fn a_stream_ends_when_its_person_signs_out() {
    let world = World::start().await;
    let session = world.sign_in().await;
    let headers =
        [("cookie", session.as_str()), ("origin", ORIGIN), ("sec-websocket-protocol", "graphql-transport-ws")];
    let mut socket = Socket::connect_with(&world.gateway, &headers).await;
    socket.send(json!({"type": "connection_init", "payload": {"x-csrf-protection": "1"}})).await;
    assert_eq!(socket.receive().await, Received::Message(json!({"type": "connection_ack"})));
    world.sessions.end_all("mara").await.expect("an end");
    assert_eq!(socket.receive().await, Received::Closed(4403));
}

#[tokio::test]
async fn more_people_than_places_are_asked_to_try_again() {
    let world = World::start().await;
    let mut begun = Vec::new();
    for _ in 0..3 {
        begun.push(world.begin().await);
    }
    world.answers.lock().id_token = sign(&world.signer, &world.claims(&parameter(&begun[0].1, "nonce")));
    // The provider answers no one until the third has come back.
    world.answers.lock().holds_tokens = Some(Arc::new(Semaphore::new(0)));
    let held = world.answers.lock().holds_tokens.clone().expect("a semaphore");
    let come_back = async |(pending, url): &(String, Url)| {
        let path = format!("/sign-in/callback?code=c&state={}", parameter(url, "state"));
        let response = world.get(&path, Some(pending)).await;
        response.headers()[LOCATION].to_str().expect("text").to_owned()
    };
    let third = async {
        while world.answers.lock().forms.len() < 2 {
            tokio::task::yield_now().await;
        }
        let rejected = tokio::time::timeout(Duration::from_secs(10), come_back(&begun[2])).await;
        let location = rejected.expect("a rejection without a wait");
        held.add_permits(2);
        location
    };
    let (one, two, three) = tokio::join!(come_back(&begun[0]), come_back(&begun[1]), third);
    assert_eq!(three, "/dashboard?sign-in=unavailable");
    assert_eq!([one, two], ["/dashboard", "/dashboard?sign-in=invalid"], "the token is that of the first");
}
