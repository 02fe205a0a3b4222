//! Buys one ticket at each vendor of a running sandbox in one order: `make run`, then `cargo run --example place_order`.

use std::error::Error;

use serde_json::{Value, json};

const KEY: &str = "sandbox-storefront";
const LIST: &str = "query Sellable {
  events(first: 20) { nodes {
    source { name }
    ticketTypes { id name }
    performances(first: 3) { nodes { id availability { status offers { ticketType { id } } } } }
  } }
}";
const BUY: &str = "mutation Buy($input: CreateOrderInput!) {
  placeOrder(input: $input) {
    order { number status legs { source { name } status } tickets { status } }
    problems { code message }
  }
}";

#[tokio::main]
#[expect(clippy::print_stdout, reason = "the output of the example")]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:4000/graphql".to_owned());
    let client = http_client::build_client()?;
    let listed = post(&client, &url, json!({ "query": LIST })).await?;
    let events = listed["data"]["events"]["nodes"].as_array().ok_or("no events: is the sandbox running?")?;

    let mut lines: Vec<Value> = Vec::new();
    let mut sources: Vec<&str> = Vec::new();
    for event in events {
        let source = event["source"]["name"].as_str().unwrap_or_default();
        let performances = event["performances"]["nodes"].as_array().into_iter().flatten();
        let on_sale = performances.filter(|one| one["availability"]["status"] == "AVAILABLE");
        let offer = on_sale.flat_map(|one| {
            let offers = one["availability"]["offers"].as_array().into_iter().flatten();
            offers.map(move |offer| (&one["id"], &offer["ticketType"]["id"]))
        });
        if let Some((performance, ticket_type)) = offer.into_iter().next()
            && !sources.contains(&source)
        {
            sources.push(source);
            lines.push(json!({ "performance": performance, "ticketType": ticket_type, "quantity": 1 }));
        }
    }
    // The same key never buys twice: a repeated request returns the same order.
    let key = format!("example-{}", std::process::id());
    let contact = json!({
        "firstName": "Ada", "lastName": "Guest", "email": "ada@example.org", "phone": "2025550101", "postalCode": "02110",
    });
    let input = json!({ "idempotencyKey": key, "contact": contact, "policy": "ALL_OR_NOTHING", "lines": lines });
    let bought = post(&client, &url, json!({ "query": BUY, "variables": { "input": input } })).await?;
    println!("{}", serde_json::to_string_pretty(&bought)?);
    Ok(())
}

async fn post(client: &reqwest::Client, url: &str, body: Value) -> Result<Value, Box<dyn Error>> {
    let response = client.post(url).bearer_auth(KEY).json(&body).send().await?;
    Ok(response.json().await?)
}
