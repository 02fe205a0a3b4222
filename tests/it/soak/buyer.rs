//! One client: buys as planned, repeats what was not answered, leaves, and cancels.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use super::plan::{Cancellation, Flow, OrderPlan};
use super::world::{OfferedLine, World};

/// Longest time for which a client waits for the next state of its order before it leaves it to itself.
const WAIT: Duration = Duration::from_secs(25);
/// Longest time after which a client that was sent away tries once more.
const LONGEST_RETRY: Duration = Duration::from_secs(30);

const PAYLOAD: &str = "order { id status isTerminal } problems { code retryAfterSeconds } replayed";

/// Client with its purchase.
pub(super) struct Buyer {
    pub plan: OrderPlan,
    lines: Vec<Value>,
    experience: Mutex<Experience>,
}

/// Responses that a client has seen.
#[derive(Debug, Clone, Default)]
pub(super) struct Experience {
    /// Global id of the order.
    pub id: Option<String>,
    /// True if the last response named no order.
    pub is_refused: bool,
    /// True once a cancellation was requested.
    pub has_canceled: bool,
    /// The first terminal status since the last request.
    pub end: Option<String>,
    /// Codes of the problems of all responses.
    pub problems: Vec<String>,
}

impl Buyer {
    /// Creates a client that buys what is left.
    pub(super) fn new(plan: &OrderPlan, offers: &mut [Vec<OfferedLine>]) -> Self {
        let mut lines = Vec::new();
        for line in &plan.lines {
            let open: Vec<_> = offers[line.source].iter_mut().filter(|offer| offer.left >= line.quantity).collect();
            let count = open.len();
            // Sold-out sources are left out: their refusals would say nothing.
            let Some(offer) = open.into_iter().nth(line.choice % count.max(1)) else { continue };
            offer.left -= line.quantity;
            lines.push(json!({ "performance": offer.performance, "ticketType": offer.ticket_type,
                "quantity": line.quantity }));
        }
        Self { plan: plan.clone(), lines, experience: Mutex::default() }
    }

    /// Returns true if something was left for the client.
    pub(super) fn wants_something(&self) -> bool {
        !self.lines.is_empty()
    }

    /// Returns what the client has seen.
    pub(super) fn experience(&self) -> Experience {
        self.seen().clone()
    }

    /// Buys as planned.
    pub(super) async fn shop(&self, world: &World) {
        let Some(ms) = self.plan.leaves_after_ms else { return self.purchase(world).await };
        // The request in flight is canceled with its connection.
        let has_left = timeout(Duration::from_millis(ms), self.purchase(world)).await.is_err();
        if has_left && self.plan.returns {
            self.purchase(world).await;
        }
    }

    /// Repeats the first request: it gives the order of a client that received no response, and the same order to all others.
    /// A client that was refused may have left behind a request that was not, and may be admitted now.
    pub(super) async fn identify(&self, world: &World) {
        let (query, variables) = self.first_request();
        if let Some(answer) = world.ask_any(self.plan.number, &query, &variables).await {
            self.accept(world, &answer["it"]);
        }
    }

    async fn purchase(&self, world: &World) {
        let Some(id) = self.create(world).await else { return };
        let steps: &[&str] = match self.plan.flow {
            Flow::Place => &[],
            Flow::Confirm => &["holdOrder", "confirmOrder"],
            Flow::Release => &["holdOrder", "releaseOrder"],
            Flow::Forget => &["holdOrder"],
        };
        for step in steps {
            self.act(world, step, &id).await;
            self.rest(world, &id).await;
        }
        let Some(order) = self.rest(world, &id).await else { return };
        let is_sold = ["CONFIRMED", "PARTIALLY_CONFIRMED"].contains(&order["status"].as_str().unwrap_or_default());
        if let Some(cancellation) = self.plan.cancellation.filter(|_| is_sold) {
            self.cancel(world, &order, cancellation).await;
        }
    }

    fn first_request(&self) -> (String, Value) {
        let operation = if self.plan.flow == Flow::Place { "placeOrder" } else { "createOrder" };
        let input = json!({ "idempotencyKey": self.key("create"), "lines": self.lines, "policy": self.plan.policy,
            "testMode": true, "contact": { "firstName": "Ada", "lastName": "Guest", "email": "ada@example.org",
            "phone": "2025550101", "postalCode": "02110" } });
        let query = format!("mutation($input: CreateOrderInput!) {{ it: {operation}(input: $input) {{ {PAYLOAD} }} }}");
        (query, json!({ "input": input }))
    }

    /// Creates or places the order, again after a refusal that names a time. Returns its id.
    async fn create(&self, world: &World) -> Option<String> {
        let (query, variables) = self.first_request();
        for _ in 0..2 {
            let answer = if self.plan.is_doubled {
                let other = world.ask(self.plan.number + 1, &query, &variables);
                let (one, other) = tokio::join!(world.ask_any(self.plan.number, &query, &variables), other);
                if let Some(other) = other {
                    self.accept(world, &other["it"]);
                }
                one
            } else {
                world.ask_any(self.plan.number, &query, &variables).await
            };
            let answer = answer?;
            let id = self.accept(world, &answer["it"]);
            if id.is_some() {
                if self.plan.repeats {
                    let again = world.ask(self.plan.number + 1, &query, &variables).await;
                    again.and_then(|again| self.accept(world, &again["it"]));
                }
                return id;
            }
            let problems = answer["it"]["problems"].as_array().into_iter().flatten();
            let wait = problems.filter_map(|problem| problem["retryAfterSeconds"].as_u64()).max()?;
            sleep(Duration::from_secs(wait).min(LONGEST_RETRY)).await;
        }
        None
    }

    /// Acts on the order.
    async fn act(&self, world: &World, action: &str, id: &str) {
        let query = format!("mutation($input: OrderActionInput!) {{ it: {action}(input: $input) {{ {PAYLOAD} }} }}");
        let variables = json!({ "input": { "idempotencyKey": self.key(action), "order": id } });
        for _ in 0..1 + usize::from(self.plan.repeats) {
            if let Some(answer) = world.ask_any(self.plan.number, &query, &variables).await {
                self.accept(world, &answer["it"]);
            }
        }
    }

    /// Requests a quote and cancels with it.
    async fn cancel(&self, world: &World, order: &Value, cancellation: Cancellation) {
        let lines = match cancellation {
            Cancellation::Whole => Value::Null,
            Cancellation::FirstLine => json!([order["lines"][0]["id"]]),
        };
        let query = "mutation($input: QuoteCancellationInput!) { it: quoteCancellation(input: $input) {
            quote { id } problems { code } } }";
        let variables = json!({ "input": { "order": order["id"], "lines": lines } });
        let Some(quoted) = world.ask_any(self.plan.number, query, &variables).await else { return };
        let Some(quote) = quoted["it"]["quote"]["id"].as_str() else { return };
        let query = format!("mutation($input: CancelOrderInput!) {{ it: cancelOrder(input: $input) {{ {PAYLOAD} }} }}");
        let variables = json!({ "input": { "idempotencyKey": self.key(quote), "quote": quote } });
        {
            let mut seen = self.seen();
            (seen.has_canceled, seen.end) = (true, None);
        }
        for _ in 0..1 + usize::from(self.plan.repeats) {
            if let Some(answer) = world.ask_any(self.plan.number, &query, &variables).await {
                self.accept(world, &answer["it"]);
            }
        }
        self.rest(world, order["id"].as_str().expect("an id")).await;
    }

    /// Waits until the order rests, and returns it. `None` if it does not within the time of the client.
    async fn rest(&self, world: &World, id: &str) -> Option<Value> {
        let end = Instant::now() + WAIT;
        let query = "query($id: ID!) { order(id: $id) { id status isTerminal lines { id } } }";
        while Instant::now() < end {
            let order = world.ask_any(self.plan.number, query, &json!({ "id": id })).await?["order"].take();
            let is_waiting = ["DRAFT", "HELD", "PARTIALLY_HELD"].contains(&order["status"].as_str()?);
            if order["isTerminal"] == true || is_waiting && self.plan.flow != Flow::Place {
                self.see_status(&order);
                return Some(order);
            }
            sleep(Duration::from_millis(300)).await;
        }
        None
    }

    /// Records a response to a mutation. The same key must always give the same order.
    fn accept(&self, world: &World, payload: &Value) -> Option<String> {
        let codes = payload["problems"].as_array().into_iter().flatten().filter_map(|problem| problem["code"].as_str());
        self.seen().problems.extend(codes.map(str::to_owned));
        let id = payload["order"]["id"].as_str().map(str::to_owned);
        {
            let mut seen = self.seen();
            seen.is_refused = id.is_none() && seen.id.is_none();
            if let (Some(known), Some(id)) = (&seen.id, &id)
                && known != id
            {
                world.add_violation(format!("client {}: one key gave {known} and {id}", self.plan.number));
            }
            seen.id = seen.id.take().or_else(|| id.clone());
        }
        self.see_status(&payload["order"]);
        id
    }

    fn see_status(&self, order: &Value) {
        if order["isTerminal"] == true {
            let mut seen = self.seen();
            seen.end = seen.end.take().or_else(|| order["status"].as_str().map(str::to_owned));
        }
    }

    fn key(&self, step: &str) -> String {
        format!("client {} {step}", self.plan.number)
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Experience> {
        self.experience.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
