//! The order webhook of the emulated SecuTix, over HTTP to a gateway: a lost sale is looked up at once, and what a webhook claims is
//! read from the vendor.

use std::sync::Arc;
use std::time::Duration;

use domain::{Source, SourceId};
use emulators::{Fault, Rule};
use orders::{FulfillmentPolicy, LegStatus, Order, OrderStatus, Orders};
use serde_json::{Value, json};
use ticketgraph::app;

use crate::contract::fixture::VendorFixture;
use crate::default_config::default_config;
use crate::gateway::{GatewayOptions, TestGateway, start_with};
use crate::orders::audit::statuses;
use crate::orders::database::Stage;
use crate::orders::emulated::audit::audit;
use crate::orders::emulated::venues::{BookingStyle, Venues};
use crate::orders::world::storefront;

const SECRET: &str = "0123456789abcdefghijklmnopqrstuv";
const DETAILS: &str = "getOrderDetails";

/// An order at an institution whose sale was lost, and a gateway that takes the webhooks of the institution.
struct LostSale {
    venues: Venues,
    orders: Orders,
    gateway: TestGateway,
    order: Order,
}

impl LostSale {
    /// Loses the response of `closeOrder` as `fault` says, and fails all look-ups until the next one is a quarter of an hour away. `webhook`
    /// returns the webhook of the institution from its URL.
    async fn new(style: BookingStyle, fault: Fault, webhook: impl Fn(&str) -> Value) -> Self {
        let client = http_client::ConnectionPools::new(Duration::from_secs(4)).expect("a client");
        let lines = Venues::open(style, Stage::Sqlite.ledger().await, &client, &[]).await.find_lines(style).await;
        let mut venues = Venues::open(style, Stage::Sqlite.ledger().await, &client, &lines).await;
        let source = venues.fixtures[1].source.id.clone();
        venues.world.emulated_lines.retain(|line| line.source == source);
        let orders = venues.world.process();
        let gateway = gateway(&venues.world.sources, &source, &orders).await;
        let url = format!("http://{}/hooks/{source}/{SECRET}", gateway.address);
        let institution = source.as_str().to_uppercase();
        venues.fixtures[1].change_state("webhook", Some(&institution), webhook(&url));
        venues.fixtures[1].change_state("hold_webhooks", None, json!(true));
        let lost = Rule { body: None, ..Rule::for_path("", fault).times(1) };
        let unavailable = || Fault::Status { status: 503, retry_after: None, body: None };
        for (method, rule) in [("closeOrder", lost), (DETAILS, Rule::for_path("", unavailable()))] {
            // JSON has the method in the path, SOAP in the body.
            let is_json = style == BookingStyle::Held;
            let (path, body) = if is_json { (Some(method), None) } else { (None, Some(method)) };
            venues.fail(1, Rule { path: path.map(str::to_owned), body: body.map(str::to_owned), ..rule });
        }
        let input = venues.world.input(FulfillmentPolicy::AllOrNothing);
        let placed = orders.place(&storefront(), &input).await.expect("the store");
        let key = placed.order.unwrap_or_else(|| panic!("{:?}", placed.problems)).key;
        orders.wait_until_idle().await;
        for _ in 0..31 {
            venues.world.clock.advance(Duration::from_secs(60));
            orders.resume_due().await.expect("the store");
            orders.wait_until_idle().await;
        }
        let order = venues.world.read(key).await;
        assert_eq!(statuses(&order), [LegStatus::OutcomeUnknown]);
        venues.fail_nothing();
        Self { venues, orders, gateway, order }
    }

    fn secutix(&self) -> &VendorFixture {
        &self.venues.fixtures[1]
    }

    fn number(&self) -> &str {
        let refs = &self.order.legs[0].refs;
        &refs.iter().find(|one| one.kind == "secutix.order").expect("a number").value
    }

    /// Lets the vendor send what it held back: with its next call, whatever that is.
    async fn send_held_webhooks(&self) {
        self.secutix().change_state("hold_webhooks", None, json!(false));
        let url = format!("{}/anything", self.secutix().running.base_url());
        self.gateway.client.get(url).send().await.expect("a response");
    }

    /// Posts a webhook to the gateway.
    async fn post(&self, body: &Value) -> u16 {
        let url = format!("http://{}/hooks/{}/{SECRET}", self.gateway.address, self.order.legs[0].source);
        let request = self.gateway.client.post(url).body(body.to_string());
        request.send().await.expect("a response").status().as_u16()
    }

    /// Follows the hints once their source may be read again, and resumes what is due a moment later. Returns the number of look-ups that came forward, and the order.
    async fn follow(&self) -> (usize, Order) {
        self.venues.world.clock.advance(self.venues.world.settings.hint_interval / 2);
        let scheduled = self.orders.follow_hints().await.expect("the store");
        self.venues.world.clock.advance(Duration::from_millis(1));
        self.orders.resume_due().await.expect("the store");
        self.orders.wait_until_idle().await;
        (scheduled, self.venues.world.read(self.order.key).await)
    }

    fn reads(&self) -> usize {
        self.secutix().running.stage.log.count(DETAILS)
    }
}

async fn gateway(sources: &[Source], takes_webhooks: &SourceId, orders: &Orders) -> TestGateway {
    let mut config = default_config().clone();
    config.sources.get_mut(takes_webhooks).expect("a source of the sandbox").webhook_secret = Some(SECRET.into());
    let sources: Vec<Arc<Source>> = sources.iter().cloned().map(Arc::new).collect();
    let incoming_webhooks = app::incoming_webhooks(&config, &sources, Some(orders));
    start_with(GatewayOptions { incoming_webhooks, ..GatewayOptions::default() }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_sale_is_confirmed_by_each_form_of_the_webhook_before_its_next_look_up() {
    type Form = fn(&str) -> Value;
    let forms: [(BookingStyle, Form); 4] = [
        (BookingStyle::Held, |url| json!({"version": "v1", "url": format!("{url}?orderId=${{orderId}}")})),
        (
            BookingStyle::Held,
            |url| json!({"version": "v1", "url": format!("{url}?orderId=${{orderId}}"), "body": "closed"}),
        ),
        (BookingStyle::AtOnce, |url| json!({"version": "v1", "url": url, "body": "{\"orderId\": \"${orderId}\"}"})),
        (BookingStyle::AtOnce, |url| json!({"version": "v2", "url": url})),
    ];
    for (style, form) in forms {
        let lost = LostSale::new(style, Fault::CommitThenDrop, form).await;
        let (scheduled, waiting) = lost.follow().await;
        assert_eq!((scheduled, waiting.status()), (0, OrderStatus::Confirming), "nothing is due by itself");
        let reads = lost.reads();
        lost.send_held_webhooks().await;
        assert_eq!(lost.reads(), reads, "a webhook calls nobody by itself");
        let (scheduled, sold) = lost.follow().await;
        assert_eq!((scheduled, sold.status()), (1, OrderStatus::Confirmed), "{:?}", form("URL"));
        assert_eq!(lost.reads(), reads + 1);
        assert_eq!(audit(&lost.venues, &sold), Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_lies_changes_nothing_that_the_vendor_does_not_confirm() {
    let silent = |url: &str| json!({"version": "v2", "url": url});
    let claim = |number: &Value, state: &str| {
        let tickets = json!([{"movementId": 1, "ticketState": state, "barcode": "FORGED"}]);
        json!({"orderDetailsData": {"orderId": number, "orderState": state, "saleAmount": 1, "movementDatas": tickets}})
    };
    let sold = LostSale::new(BookingStyle::Held, Fault::CommitThenDrop, silent).await;
    let reads = sold.reads();
    for number in [json!(1), json!(10_229_000_009_999_i64)] {
        assert_eq!(sold.post(&claim(&number, "CANCELLED")).await, 204);
    }
    let (scheduled, same) = sold.follow().await;
    assert_eq!((scheduled, sold.reads(), same), (0, reads, sold.order.clone()), "orders of others");
    for _ in 0..100 {
        assert_eq!(sold.post(&claim(&json!(sold.number()), "CANCELLED")).await, 204);
    }
    let (scheduled, order) = sold.follow().await;
    assert_eq!((scheduled, sold.reads()), (1, reads + 1), "one look-up, however many webhooks");
    assert_eq!((order.status(), order.problems()), (OrderStatus::Confirmed, Vec::new()));
    assert_eq!(audit(&sold.venues, &order), Vec::<String>::new());
    let codes = sold.orders.load_tickets(&order).await.expect("the store");
    assert!(codes.iter().all(|code| code.barcode.is_some()) && !format!("{order:?}").contains("FORGED"));
    assert_eq!(sold.post(&claim(&json!(sold.number()), "CANCELLED")).await, 204);
    assert_eq!(sold.follow().await, (0, order), "the sale stands");

    let unsold = LostSale::new(BookingStyle::Held, Fault::DropBefore, silent).await;
    assert_eq!(unsold.post(&claim(&json!(unsold.number()), "CLOSED")).await, 204);
    let (scheduled, order) = unsold.follow().await;
    assert_eq!((scheduled, order.status()), (1, OrderStatus::Failed), "{:?}", statuses(&order));
    assert_eq!((order.tickets.len(), audit(&unsold.venues, &order)), (0, Vec::new()));
}
