//! The capability `octo/content`.

use reqwest::Method;
use serde_json::{Value, json};

use crate::octo_facade::{MUSEUM, Reseller, SHOP, Sandbox, days};

/// Keys of the content of a product and of its option.
const KEYS: [&str; 11] = [
    "title",
    "shortDescription",
    "description",
    "features",
    "faqs",
    "media",
    "locations",
    "categoryLabels",
    "durationMinutesFrom",
    "durationMinutesTo",
    "commentary",
];

async fn products(reseller: Reseller<'_>, languages: &str) -> Vec<Value> {
    let headers = [("octo-capabilities", "octo/content"), ("accept-language", languages)];
    let received = reseller.send_with(Method::GET, "/products", &headers, None).await;
    assert_eq!(received.headers["octo-capabilities"], "octo/content");
    received.ok().as_array().expect("products").clone()
}

#[tokio::test]
async fn texts_have_the_language_that_the_request_prefers() {
    let sandbox = Sandbox::start();
    let opera = sandbox.reseller(SHOP, "/octo/suppliers/opera");
    for (languages, title) in [
        ("de-CH, fr;q=0.5", "Die Hochzeit des Figaro"),
        ("de;q=0.3, fr;q=0.9", "Les Noces de Figaro"),
        ("en", "The Marriage of Figaro"),
    ] {
        let products = products(opera, languages).await;
        let found = products.iter().find(|product| product["title"] == title);
        let found = found.unwrap_or_else(|| panic!("{languages}: {products:?}"));
        assert_eq!(found["options"][0]["title"], title, "{languages}");
        let path = format!("/products/{}", found["id"].as_str().expect("an id"));
        let headers = [("octo-capabilities", "content"), ("accept-language", languages)];
        let one = opera.send_with(Method::GET, &path, &headers, None).await.ok();
        assert_eq!(&one, found, "{languages}");
    }
    for languages in ["*", "", "?!", "xx"] {
        assert!(!products(opera, languages).await.is_empty(), "{languages}");
    }
}

#[tokio::test]
async fn content_has_every_key_and_comes_with_its_capability_only() {
    let sandbox = Sandbox::start();
    let museum = sandbox.reseller(SHOP, MUSEUM);
    let described = products(museum, "").await;
    for product in &described {
        let option = &product["options"][0];
        for key in KEYS {
            assert!(product.get(key).is_some() && option.get(key).is_some(), "{key}: {product}");
        }
        for unit in option["units"].as_array().expect("units") {
            assert!(unit["title"].is_string() && unit["shortDescription"].is_string(), "{unit}");
            assert!(unit["features"].is_array() && unit.get("pricingFrom").is_none(), "{unit}");
        }
    }
    let pictures: Vec<&Value> = described.iter().flat_map(|product| product["media"].as_array()).flatten().collect();
    assert!(
        pictures.iter().any(|picture| picture["rel"] == "COVER" && picture["type"] == "image/jpeg"),
        "{pictures:?}"
    );
    for product in museum.products().await {
        assert!(KEYS.iter().all(|key| product.get(key).is_none()), "{product}");
    }
    let (from, to) = days(30);
    let body = json!({
        "productId": described[0]["id"], "optionId": "DEFAULT", "localDateStart": from, "localDateEnd": to,
    });
    let headers = [("octo-capabilities", "octo/content")];
    let slots = museum.send_with(Method::POST, "/availability", &headers, Some(body.to_string())).await.ok();
    assert_eq!((slots[0].get("title"), &slots[0]["shortDescription"]), (Some(&Value::Null), &json!("")));
    assert_eq!(museum.post("/availability", &body).await.ok()[0].get("title"), None);
}
