//! Test environment of deliveries: a clock, an emulated opera house, an emulated app, a database, and processes that
//! crash.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use async_trait::async_trait;
use catalog::UnifiedCatalog;
use deliveries::delivery::PushState;
use deliveries::notice::StreamNotices;
use deliveries::store::{ChannelLease, ChannelWrite, DeliveryStore, FeedPositions, StreamCounts, StreamRun};
use deliveries::{
    Channel, ChannelStream, Deliveries, DeliveriesDependencies as DeliveryParts, Delivery, VenueLocation,
};
use domain::StoreError;
use domain::mobile::{AppChannel, AppTicketKey};
use domain::ordering::{Contact, DeliveryPreference};
use domain::{CatalogScope as Shown, Clock, OrderKey, PerformanceWindow, Source, SourceId, TicketTypeKey};
use emulators::StateChange;
use emulators::tixngo::{OPERA_KEY, TixngoEmulator};
use emulators::{Fault, Rule, RunningEmulator, SandboxClock, Scenario, Stage};
use http_client::VendorHttpClient;
use jiff::Timestamp;
use orders::idempotency::IdempotencyRecord;
use orders::{
    Actor, CancelOrder, CreateOrder, FulfillmentPolicy, LocalChangeBus, Order, OrderLineRequest, OrderStatus, Orders,
    OrdersDependencies, QuoteCancellation, SellingAccounts,
};
use serde_json::{Value, json};
use store_sql::{CredentialKey, Stores, open_stores};
use ticketgraph::graphql::{Ctx, Scope, Services, Viewer};
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;
use vendor_api::ChannelConfig;

use crate::contract::fixture::{ATTEMPT_TIMEOUT, VendorFixture, secutix};
use crate::default_config::default_api_settings;
use crate::default_config::default_store_settings;
use crate::documents::run;
use crate::orders::world::default_settings;

/// Interval between runs of the streams.
pub(super) const INTERVAL: Duration = Duration::from_secs(300);
/// Key of the channel.
pub(super) const CHANNEL: &str = "opera-app";

struct NoResellers;

impl SellingAccounts for NoResellers {
    fn has_reseller(&self, _: &str) -> bool {
        false
    }

    fn contact(&self, _: Option<&str>) -> Option<Contact> {
        None
    }

    fn account(&self, _: &str, _: &SourceId) -> Option<std::collections::BTreeMap<String, String>> {
        None
    }
}

/// Opera house, its app, and the services over both.
pub(super) struct World {
    pub opera: VendorFixture,
    pub app: RunningEmulator,
    pub ledgers: Stores,
    pub orders: Orders,
    pub deliveries: Deliveries,
    channel: AppChannel,
    location: VenueLocation,
    keys: AtomicUsize,
}

impl World {
    pub(super) async fn open() -> Self {
        Self::over("sqlite::memory:").await
    }

    pub(super) async fn over(url: &str) -> Self {
        Self::with(url, "", location()).await
    }

    /// Opens it in memory with more settings of the app.
    pub(super) async fn with_app(settings: &str) -> Self {
        Self::with("sqlite::memory:", settings, location()).await
    }

    /// Opens it with more settings of the app and another location.
    pub(super) async fn with(url: &str, settings: &str, location: VenueLocation) -> Self {
        let opera = secutix("OPERA", "json").await;
        let clock = Arc::clone(&opera.clock);
        let stage = Stage::new(TixngoEmulator::new(Arc::clone(&clock), None, false), Arc::clone(&clock));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let app = stage.run(listener, &TaskTracker::new()).expect("an emulator");
        let ledgers =
            open_stores(url, &[CredentialKey::new([7; 32])], &default_store_settings()).await.expect("the store opens");
        let orders = Orders::new(OrdersDependencies {
            sources: vec![opera.source.clone()],
            store: Arc::clone(&ledgers.orders),
            bus: Arc::new(LocalChangeBus::default()),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            accounts: Arc::new(NoResellers),
            settings: default_settings(),
        });
        let channel = connect(&app, &opera.source, settings);
        let store = Arc::clone(&ledgers.deliveries);
        let deliveries = deliveries(&orders, channel.clone(), &opera, store, location.clone(), None);
        Self { opera, app, ledgers, orders, deliveries, channel, location, keys: AtomicUsize::new(0) }
    }

    pub(super) fn clock(&self) -> &SandboxClock {
        &self.opera.clock
    }

    pub(super) fn advance(&self, time: Duration) {
        self.clock().advance(i64::try_from(time.as_millis()).expect("a time"));
    }

    /// Returns another process over the same database.
    pub(super) fn process(&self, ledger: Arc<dyn DeliveryStore>) -> Deliveries {
        deliveries(&self.orders, self.channel.clone(), &self.opera, ledger, self.location.clone(), None)
    }

    /// Returns another process over the same database that sends notices.
    pub(super) fn notifying_process(&self, notices: StreamNotices) -> Deliveries {
        let store = Arc::clone(&self.ledgers.deliveries);
        deliveries(&self.orders, self.channel.clone(), &self.opera, store, self.location.clone(), Some(notices))
    }

    pub(super) fn actor(&self) -> Actor {
        Actor { caller: "tester".to_owned(), reseller: None }
    }

    pub(super) fn key(&self) -> String {
        format!("key {}", self.keys.fetch_add(1, SeqCst))
    }

    /// Buys two seats for the last performance of the first opera.
    pub(super) async fn buy(&self, delivery: DeliveryPreference) -> Order {
        self.buy_of(delivery, "81001", "81001.s83001.84011", 0).await
    }

    /// Buys two tickets of an event, for a performance counted from the last one.
    pub(super) async fn buy_of(
        &self,
        delivery: DeliveryPreference,
        event: &str,
        ticket_type: &str,
        from_last: usize,
    ) -> Order {
        let catalog = &self.opera.source.catalog;
        let events = catalog.list_events(Shown::Public).await.expect("events").value;
        let event = events.iter().find(|one| one.key.as_str() == event).expect("the event");
        let window = PerformanceWindow { from: self.clock().now(), to: None, limit: 10 };
        let mut lists = catalog.list_performances(std::slice::from_ref(&event.key), &window).await;
        let performances = lists.remove(&event.key).expect("a response").expect("a list").value;
        let source = SourceId::new("opera");
        let line = OrderLineRequest {
            source: source.clone(),
            performance: performances.iter().rev().nth(from_last).expect("a date").key.clone(),
            ticket_type_source: source,
            ticket_type_event: event.key.clone(),
            ticket_type: TicketTypeKey::new(ticket_type),
            quantity: 2,
            expected_unit_price: None,
        };
        let input = CreateOrder {
            key: self.key(),
            reseller: None,
            reseller_reference: None,
            policy: FulfillmentPolicy::AllOrNothing,
            is_test: true,
            lines: vec![line],
            contact: Some(Contact {
                first_name: "Bea".to_owned(),
                last_name: "Holder".to_owned(),
                email: "bea@example.org".to_owned(),
                phone: None,
                postal_code: None,
            }),
            locale: None,
            delivery,
        };
        let outcome = self.orders.place(&self.actor(), &input).await.expect("the store");
        assert!(outcome.problems.is_empty(), "{:?}", outcome.problems);
        let order = outcome.order.expect("an order");
        assert_eq!(order.status(), OrderStatus::Confirmed);
        self.orders.wait_until_idle().await;
        order
    }

    /// Cancels a whole order.
    pub(super) async fn cancel(&self, order: OrderKey) {
        let request = QuoteCancellation { order, lines: None };
        let quote = self.orders.quote(&self.actor(), &request).await.expect("the store").expect("a quote");
        let request = CancelOrder { key: self.key(), quote: quote.id, reason: None };
        let outcome = self.orders.cancel(&self.actor(), &request).await.expect("the store");
        assert_eq!(outcome.order.expect("an order").status(), OrderStatus::Cancelled);
        self.orders.wait_until_idle().await;
    }

    /// Runs all streams once.
    pub(super) async fn cycle(&self) {
        self.deliveries.run_cycle().await.expect("the store");
    }

    pub(super) async fn deliveries_of(&self, order: OrderKey) -> Vec<Delivery> {
        self.ledgers.deliveries.list_by_order(order).await.expect("the store")
    }

    pub(super) async fn failed(&self, stream: ChannelStream) -> StreamCounts {
        self.ledgers.deliveries.load_counts(CHANNEL, stream).await.expect("the store")
    }

    /// Returns ticket and status of everything that the app holds.
    pub(super) fn app_holds(&self) -> Vec<(String, String)> {
        let holdings = self.app.stage.inventory();
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let tickets = holdings["tickets"].as_array().expect("tickets");
        tickets.iter().map(|ticket| (text(&ticket["ticketId"]), text(&ticket["status"]))).collect()
    }

    /// Counts the pushes that the app received.
    pub(super) fn pushes(&self) -> usize {
        self.app.stage.log.all().iter().filter(|call| call.method == "POST").count()
    }

    pub(super) fn fail(&self, path: &str, fault: Fault) {
        self.app.stage.faults.clear();
        // The app is asked about tickets below the path that they are pushed to.
        let method = (path == "/tickets").then(|| "POST".to_owned());
        let rule = Rule { method, ..Rule::for_path(path, fault).times(1) };
        self.app.stage.faults.add(Scenario { rules: vec![rule] });
    }

    pub(super) fn inject_state(&self, what: &str, id: Option<&str>, value: Value) {
        let change = StateChange { name: what.to_owned(), id: id.map(str::to_owned), value };
        self.app.stage.change_state(&change).expect("a valid state change");
    }

    /// Runs a document as a viewer with these scopes.
    pub(super) async fn query_as(&self, scopes: &[Scope], document: &str, variables: Value) -> Value {
        let scopes: HashSet<Scope> = scopes.iter().copied().collect();
        let viewer = Viewer { id: "tester".to_owned(), name: "A tester".to_owned(), reseller: None, scopes };
        self.query_by(viewer, document, variables).await
    }

    /// Runs a document as a viewer.
    pub(super) async fn query_by(&self, viewer: Viewer, document: &str, variables: Value) -> Value {
        let clock: Arc<dyn Clock> = Arc::clone(&self.opera.clock) as _;
        let sources = vec![Arc::new(self.opera.source.clone())];
        let catalog = Arc::new(UnifiedCatalog::new(sources, Duration::from_secs(5), clock));
        let (orders, deliveries) = (Some(self.orders.clone()), Some(self.deliveries.clone()));
        let services = Arc::new(Services {
            catalog,
            orders,
            deliveries,
            edits: None,
            resellers: None,
            changes: None,
            audit: None,
            webhooks: None,
        });
        let ctx = Ctx::new(&services, Arc::new(viewer), Arc::from("r-1"), default_api_settings().response_fields);
        serde_json::to_value(run(document, &variables, ctx).await).expect("JSON")
    }

    pub(super) async fn query(&self, document: &str, variables: Value) -> Value {
        let answer = self.query_as(&[Scope::Admin], document, variables).await;
        assert_eq!(answer["errors"], json!(null), "{answer}");
        answer["data"].clone()
    }
}

/// Location of the opera house.
fn location() -> VenueLocation {
    VenueLocation {
        city: Some("Lausanne".to_owned()),
        country: Some("CH".to_owned()),
        postal_code: Some("1005".to_owned()),
    }
}

fn connect(app: &RunningEmulator, source: &Source, settings: &str) -> AppChannel {
    let config = ChannelConfig {
        id: CHANNEL.to_owned(),
        source: source.id.clone(),
        url: format!("{}/v3/organizer/tickets", app.base_url()),
        app_settings: format!("api_key = \"{OPERA_KEY}\"\n{settings}").parse().expect("TOML"),
    };
    let client = http_client::ConnectionPools::new(Duration::from_secs(4)).expect("a client");
    let transport =
        VendorHttpClient::new(client, source.id.clone(), Arc::new(testkit::UnlimitedRateLimiter), ATTEMPT_TIMEOUT);
    (vendor_registry::APPS[0].connect)(config, transport).unwrap_or_else(|findings| panic!("{findings:?}"))
}

fn deliveries(
    orders: &Orders,
    app: AppChannel,
    opera: &VendorFixture,
    ledger: Arc<dyn DeliveryStore>,
    location: VenueLocation,
    notices: Option<StreamNotices>,
) -> Deliveries {
    Deliveries::new(DeliveryParts {
        channels: vec![Channel { app, source: opera.source.clone(), interval: INTERVAL, location }],
        orders: orders.clone(),
        store: ledger,
        clock: Arc::clone(&opera.clock) as Arc<dyn Clock>,
        notices,
    })
}

/// Point at which a process crashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CrashPoint {
    /// Before its nth write reaches the store.
    Before(usize),
    /// After its nth write, before it receives the result.
    After(usize),
}

/// View of one process on the store. After the crash, nothing it does reaches the store.
pub(super) struct ProcessStore {
    inner: Arc<dyn DeliveryStore>,
    crash: CrashPoint,
    writes: AtomicUsize,
    dead: AtomicBool,
}

impl ProcessStore {
    pub(super) fn new(inner: &Arc<dyn DeliveryStore>, crash: CrashPoint) -> Arc<Self> {
        Arc::new(Self { inner: Arc::clone(inner), crash, writes: AtomicUsize::new(0), dead: AtomicBool::new(false) })
    }

    pub(super) fn is_dead(&self) -> bool {
        self.dead.load(SeqCst)
    }

    fn crash(&self) -> StoreError {
        self.dead.store(true, SeqCst);
        StoreError::Outdated
    }

    fn check(&self) -> Result<(), StoreError> {
        if self.is_dead() { Err(StoreError::Outdated) } else { Ok(()) }
    }
}

#[async_trait]
impl DeliveryStore for ProcessStore {
    async fn claim(&self, channel: &str, now: Timestamp, lease: Duration) -> Result<Option<ChannelLease>, StoreError> {
        self.check()?;
        self.inner.claim(channel, now, lease).await
    }

    async fn release(&self, lease: &ChannelLease) -> Result<(), StoreError> {
        self.check()?;
        self.inner.release(lease).await
    }

    async fn write(
        &self,
        lease: &ChannelLease,
        now: Timestamp,
        extension: Duration,
        change: &ChannelWrite<'_>,
    ) -> Result<(), StoreError> {
        self.check()?;
        let count = self.writes.fetch_add(1, SeqCst) + 1;
        if self.crash == CrashPoint::Before(count) {
            return Err(self.crash());
        }
        self.inner.write(lease, now, extension, change).await?;
        if self.crash == CrashPoint::After(count) {
            return Err(self.crash());
        }
        Ok(())
    }

    async fn load_positions(&self, channel: &str) -> Result<FeedPositions, StoreError> {
        self.inner.load_positions(channel).await
    }

    async fn load_last_run(&self, channel: &str, stream: ChannelStream) -> Result<StreamRun, StoreError> {
        self.inner.load_last_run(channel, stream).await
    }

    async fn list_in_states(
        &self,
        channel: &str,
        stream: ChannelStream,
        states: &[PushState],
        after: Option<&AppTicketKey>,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        self.check()?;
        self.inner.list_in_states(channel, stream, states, after, limit).await
    }

    async fn load_deliveries(&self, channel: &str, keys: &[AppTicketKey]) -> Result<Vec<Delivery>, StoreError> {
        self.inner.load_deliveries(channel, keys).await
    }

    async fn list_by_order(&self, order: OrderKey) -> Result<Vec<Delivery>, StoreError> {
        self.inner.list_by_order(order).await
    }

    async fn list_orders_to_refresh(
        &self,
        channel: &str,
        by: Timestamp,
        limit: usize,
    ) -> Result<Vec<OrderKey>, StoreError> {
        self.check()?;
        self.inner.list_orders_to_refresh(channel, by, limit).await
    }

    async fn load_counts(&self, channel: &str, stream: ChannelStream) -> Result<StreamCounts, StoreError> {
        self.inner.load_counts(channel, stream).await
    }

    async fn insert_idempotency_record(
        &self,
        used: &IdempotencyRecord,
        now: Timestamp,
    ) -> Result<Option<IdempotencyRecord>, StoreError> {
        self.check()?;
        self.inner.insert_idempotency_record(used, now).await
    }
}
