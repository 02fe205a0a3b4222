//! Headers of public responses, and which responses are none.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{EVENT, Service, TITLES};

/// Returns a directive's value, such as that of `s-maxage`.
fn directive(cache_control: &str, name: &str) -> Option<u64> {
    let mut directives = cache_control.split(", ").filter_map(|directive| directive.split_once('='));
    directives.find(|(found, _)| *found == name)?.1.parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_anonymous_read_of_the_catalog_by_get_is_public_with_its_lifetime_tag_and_cache_tags() {
    let service = Service::start(&[]);
    let event = service.events_of("harbor").await.remove(0);
    let plain = vec![("query", TITLES.to_owned())];
    let persisted = service.persist(EVENT, &json!({ "id": event })).await;
    for (query, may_be_stale) in [(plain, true), (persisted, false)] {
        let received = service.get_cached(&query, &[]).await;
        let control = received.header("cache-control");
        assert!(received.status == 200 && control.starts_with("public, s-maxage="), "{received:?}");
        assert!((1..=300).contains(&directive(control, "s-maxage").expect("a lifetime")), "{control}");
        assert_eq!(directive(control, "max-age"), Some(0), "browsers revalidate: no purge reaches them");
        let stale = [directive(control, "stale-while-revalidate"), directive(control, "stale-if-error")];
        // Availability is never served after its expiry.
        assert_eq!(stale, if may_be_stale { [Some(10), Some(60)] } else { [Some(0), Some(0)] });
        let tags: BTreeSet<&str> = received.header("surrogate-key").split(' ').collect();
        assert_eq!(received.header("cache-tag").split(',').collect::<BTreeSet<_>>(), tags);
        let kinds: BTreeSet<&str> = tags.iter().map(|tag| tag.split('-').next().expect("a kind")).collect();
        let expected = if may_be_stale { vec!["e", "s", "ticketgraph"] } else { vec!["e", "p", "s", "ticketgraph"] };
        assert_eq!(kinds, expected.into_iter().collect(), "{tags:?}");
        for header in ["x-request-id", "ratelimit-limit", "ratelimit-remaining", "set-cookie"] {
            assert_eq!(received.header(header), "", "{header} depends on the caller");
        }
        let vary = received.headers.get_all("vary").iter().map(|value| value.to_str().expect("text"));
        let vary: Vec<&str> = vary.flat_map(|value| value.split(", ")).collect();
        for header in ["accept", "accept-encoding", "authorization", "cookie", "origin"] {
            assert!(vary.contains(&header), "{vary:?}");
        }
        let tag = received.header("etag");
        assert!(tag.starts_with('"'), "strong: {tag}");
        let again = service.get(&query, &[("if-none-match", tag)]).await;
        assert_eq!((again.status, again.body.as_str(), again.header("etag")), (304, "", tag));
        assert!(again.is_public() && again.header("surrogate-key") == received.header("surrogate-key"), "{again:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_media_type_and_coding_has_an_entity_tag_of_its_own() {
    let service = Service::start(&[]);
    let query = [("query", TITLES.to_owned())];
    let mut tags = BTreeSet::new();
    for media in ["application/json", "application/graphql-response+json"] {
        for coding in ["identity", "gzip", "br", "zstd"] {
            let received = service.get_cached(&query, &[("accept", media), ("accept-encoding", coding)]).await;
            assert!(received.is_public(), "{received:?}");
            tags.insert(received.header("etag").to_owned());
        }
    }
    assert_eq!(tags.len(), 8, "{tags:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_caller_who_sees_what_everybody_sees_gets_a_public_response() {
    let service = Service::start(&[]);
    let query = [("query", TITLES.to_owned())];
    assert!(service.get_cached(&query, &[]).await.is_public());
    for key in ["storefront", "tiqets-dashboard", "digitick-dashboard", "gate", "editor", "operator"] {
        let authorization = format!("Bearer sandbox-{key}");
        let received = service.get_cached(&query, &[("authorization", &authorization)]).await;
        assert_eq!((received.status, received.header("cache-control")), (200, "private, no-cache"), "{key}");
        assert_eq!((received.header("surrogate-key"), received.header("cache-tag")), ("", ""), "{key}");
        assert_ne!(received.header("x-request-id"), "", "{key}");
    }
    let posted = service.client.post(format!("{}/graphql", service.origin)).json(&json!({ "query": TITLES }));
    let posted = posted.send().await.expect("a response");
    assert_eq!(posted.headers()["cache-control"], "no-store");
    for private in ["{ viewer { id } }", "{ __typename }", "{ sources { health { state } } }", "{ events { nope } }"] {
        let received = service.get_cached(&[("query", private.to_owned())], &[]).await;
        assert!(!received.is_public(), "{private}: {received:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_equally_scoped_key_shares_the_response_and_a_key_of_a_reseller_does_not() {
    let clients = "TICKETGRAPH__CLIENTS__";
    let of = |name: &str, key: &str| format!("{clients}{name}__{key}");
    let settings = [
        (of("GUEST", "KEY"), "{ value = \"guest\" }"),
        (of("GUEST", "SCOPES"), "[\"catalog:read\"]"),
        (of("PARTNER", "KEY"), "{ value = \"partner\" }"),
        (of("PARTNER", "SCOPES"), "[\"catalog:read\"]"),
        (of("PARTNER", "RESELLER"), "tiqets"),
    ];
    let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    let service = Service::start(&settings);
    let query = [("query", TITLES.to_owned())];
    let anonymous = service.get_cached(&query, &[]).await;
    let guest = service.get_cached(&query, &[("authorization", "Bearer guest")]).await;
    assert!(anonymous.is_public() && guest.is_public(), "{guest:?}");
    assert_eq!((&anonymous.body, anonymous.header("etag")), (&guest.body, guest.header("etag")));
    let partner = service.get_cached(&query, &[("authorization", "Bearer partner")]).await;
    assert_eq!(partner.header("cache-control"), "private, no-cache", "{partner:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_public_if_it_is_disabled_or_anonymous_callers_are_rejected() {
    let query = [("query", TITLES.to_owned())];
    let disabled = Service::start(&[("TICKETGRAPH__EDGE__ENABLED", "false")]);
    assert_eq!(disabled.get_cached(&query, &[]).await.header("cache-control"), "private, no-cache");
    let closed = Service::start(&[("TICKETGRAPH__AUTH__ANONYMOUS__ENABLED", "false")]);
    let rejected = closed.get(&query, &[]).await;
    assert_eq!((rejected.status, rejected.header("cache-control")), (401, "no-store"));
    let received = closed.get_cached(&query, &[("authorization", "Bearer sandbox-storefront")]).await;
    assert_eq!((received.status, received.header("cache-control")), (200, "private, no-cache"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_with_more_facts_than_tags_has_coarser_ones() {
    let service = Service::start(&[("TICKETGRAPH__EDGE__MAX_TAGS", "4")]);
    let document =
        "{ events(first: 20) { nodes { title performances(first: 3) { nodes { availability { status } } } } } }";
    let received = service.get_cached(&[("query", document.to_owned())], &[]).await;
    let tags: Vec<&str> = received.header("surrogate-key").split(' ').collect();
    let of = |kind: &str| tags.iter().filter(|tag| tag.starts_with(kind)).count();
    assert!(received.is_public() && of("p-") == 0 && of("e-") == 0 && of("a-") > 0, "{received:?}");
    assert!(tags.len() <= 1 + 2 * of("s-"), "{tags:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_is_not_public_right_after_a_fact_of_it_was_sold() {
    let service = Service::start(&[]);
    let events = service.events_of("harbor").await;
    let mut sold = None;
    for event in &events {
        if let Some(offer) = service.find_offer(event).await {
            sold = Some((event.clone(), offer));
            break;
        }
    }
    let (event, offer) = sold.expect("something to buy");
    let query = service.persist(EVENT, &json!({ "id": event })).await;
    assert!(service.get_cached(&query, &[]).await.is_public());
    assert_eq!(service.buy("sold", &offer).await, Value::from("CONFIRMED"));
    let received = service.get_cached(&query, &[]).await;
    assert!(!received.is_public(), "another replica may not know of the sale yet: {received:?}");
    crate::layers::support::until("it is public again", async || service.get(&query, &[]).await.is_public()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_router_gets_the_lifetime_of_what_everybody_sees_also_of_entities_and_only_if_it_is_configured() {
    let event_of = async |service: &Service| service.events_of("harbor").await.remove(0);
    let post = async |service: &Service, body: &Value, key: Option<&str>| {
        let mut control = String::new();
        for _ in 0..3 {
            let request = service.client.post(format!("{}/graphql", service.origin)).json(body);
            let request = key.into_iter().fold(request, |request, key| request.bearer_auth(key));
            let response = request.send().await.expect("a response");
            control = response.headers()["cache-control"].to_str().expect("text").to_owned();
            let is_public = control.contains("public");
            assert_eq!(is_public, !response.headers().contains_key("x-request-id"), "{response:?}");
            assert!(!(is_public && response.headers().contains_key("ratelimit-limit")), "{response:?}");
            let received: Value = response.json().await.expect("JSON");
            assert_eq!(received.get("errors"), None, "{received}");
        }
        control
    };
    let entities = "query($_representations: [_Any!]!) { _entities(representations: $_representations) {
        ... on Event { title performances(first: 2) { nodes { startsAt } } } } }";
    let service = Service::start(&[("TICKETGRAPH__EDGE__ROUTER_CACHES", "true")]);
    let event = event_of(&service).await;
    let representations = json!([{ "__typename": "Event", "id": event }]);
    let of_entities = json!({ "query": entities, "variables": { "_representations": representations } });
    for body in [json!({ "query": TITLES }), of_entities.clone()] {
        let control = post(&service, &body, None).await;
        let lifetime = control.strip_prefix("public, s-maxage=").expect("a lifetime");
        assert!((1..=300).contains(&lifetime.parse::<u64>().expect("seconds")), "{control}");
        assert_eq!(post(&service, &body, Some("sandbox-operator")).await, "no-store");
    }
    assert_eq!(post(&service, &json!({ "query": "{ viewer { id } }" }), None).await, "no-store");
    let sdl = async |service: &Service| {
        let data = service.api().query("{ _service { sdl } }", Value::Null).await;
        data["_service"]["sdl"].as_str().expect("SDL").to_owned()
    };
    assert!(sdl(&service).await.contains("@cacheTag(format: \"event-{$key.id}\")"));
    let service = Service::start(&[]);
    assert_eq!(post(&service, &of_entities, None).await, "no-store");
    assert!(!sdl(&service).await.contains("@cacheTag"), "Apollo Gateway refuses it");
}
