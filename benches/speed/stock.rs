//! The other baseline: async-graphql as documented, with its `DataLoader`, over the same vendor, without caches and
//! resilience.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::dataloader::{DataLoader, Loader};
use async_graphql::runtime::{TokioSpawner, TokioTimer};
use async_graphql::{Context, EmptyMutation, EmptySubscription, Object, Request, Schema, SimpleObject};
use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::routing::post;
use serde_json::Value;

use crate::plain::listen;

struct Vendor {
    client: reqwest::Client,
    base: String,
}

impl Vendor {
    async fn events(&self) -> Vec<Value> {
        let url = format!("{}/v3/published-events?page=1&records=100", self.base);
        let answer = self.client.get(url).send().await.expect("a response").bytes().await.expect("a body");
        let page: Value = serde_json::from_slice(&answer).expect("JSON");
        page["entries"].as_array().cloned().unwrap_or_default()
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[derive(SimpleObject, Clone)]
struct Money {
    amount: String,
    formatted: String,
}

#[derive(SimpleObject, Clone)]
struct Price {
    retail: Money,
}

#[derive(SimpleObject, Clone)]
struct TicketType {
    id: String,
    name: String,
    description: Option<String>,
    price: Option<Price>,
}

impl TicketType {
    fn of(section: &Value) -> Self {
        let amount = section["price"]["current"].to_string();
        let retail = Money { formatted: format!("{amount} TTD"), amount };
        let description = section["description"].as_str().map(str::to_owned);
        Self { id: text(&section["self"]), name: text(&section["name"]), description, price: Some(Price { retail }) }
    }
}

impl Loader<String> for Vendor {
    type Value = Vec<TicketType>;
    type Error = Arc<str>;

    async fn load(&self, keys: &[String]) -> Result<HashMap<String, Vec<TicketType>>, Arc<str>> {
        let of = |event: &Value| {
            let sections = event["sections"].as_array().map(Vec::as_slice).unwrap_or_default();
            (text(&event["self"]), sections.iter().map(TicketType::of).collect())
        };
        Ok(self.events().await.iter().map(of).filter(|(key, _)| keys.contains(key)).collect())
    }
}

struct Event(Value);

#[Object]
impl Event {
    async fn id(&self) -> String {
        text(&self.0["self"])
    }

    async fn title(&self) -> String {
        text(&self.0["title"])
    }

    async fn description(&self) -> Option<String> {
        self.0["description"].as_str().map(str::to_owned)
    }

    async fn starts_at(&self) -> String {
        text(&self.0["start"])
    }

    async fn ends_at(&self) -> String {
        text(&self.0["end"])
    }

    async fn status(&self) -> String {
        text(&self.0["status"])
    }

    async fn ticket_types(&self, ctx: &Context<'_>) -> Vec<TicketType> {
        let loader = ctx.data_unchecked::<DataLoader<Vendor>>();
        loader.load_one(text(&self.0["self"])).await.ok().flatten().unwrap_or_default()
    }
}

struct Events(Vec<Value>);

#[Object]
impl Events {
    async fn nodes(&self) -> Vec<Event> {
        self.0.iter().cloned().map(Event).collect()
    }
}

struct Query(Arc<Vendor>);

#[Object]
impl Query {
    async fn events(&self, first: i32) -> Events {
        let mut events = self.0.events().await;
        events.truncate(usize::try_from(first).unwrap_or_default());
        Events(events)
    }
}

/// Serves the schema over a vendor.
pub(crate) async fn serve(vendor: &str) {
    let vendor = || Vendor { client: http_client::build_client().expect("a client"), base: format!("http://{vendor}") };
    let schema = Schema::new(Query(Arc::new(vendor())), EmptyMutation, EmptySubscription);
    let shared = Arc::new(vendor());
    let answer = move |body: Bytes| {
        let (schema, shared) = (schema.clone(), Arc::clone(&shared));
        async move {
            let request: Request = serde_json::from_slice(&body).expect("a request");
            let own = Vendor { client: shared.client.clone(), base: shared.base.clone() };
            let loader = DataLoader::new(own, TokioSpawner::current(), TokioTimer::default());
            let answer = schema.execute(request.data(loader)).await;
            ([(CONTENT_TYPE, "application/json")], serde_json::to_vec(&answer).expect("JSON"))
        }
    };
    listen(Router::new().route("/graphql", post(answer))).await;
}
