//! A small world: one clock, an emulated opera house, an emulated app, one database, and processes that die.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use async_graphql::{Request, Variables};
use async_trait::async_trait;
use catalog::Federation;
use deliveries::ledger::{ChannelChange, ChannelLease, DeliveryLedger, Reading, Run, Tally};
use deliveries::{Channel, Deliveries, DeliveryRules, Parcel, Parts as DeliveryParts, Place, Stream};
use domain::mobile::{AppChannel, AppTicketKey};
use domain::ordering::{Contact, DeliveryPreference};
use domain::{Clock, OrderKey, Scope as Shown, Source, SourceId, TicketTypeKey, Window};
use emulators::faults::Twist;
use emulators::tixngo::{OPERA_KEY, Tixngo};
use emulators::{Fault, Rule, Running, SandboxClock, Scenario, Stage};
use http_client::Transport;
use jiff::Timestamp;
use orders::ledger::KeyUse;
use orders::{
    AskedLine, Asker, CancelOrder, CreateOrder, LedgerError, LocalBus, Order, OrderStatus, Orders, Parts, Policy,
    QuoteCancellation, Rules, SellingAccounts,
};
use serde_json::{Value, json};
use store_sql::{CredentialKey, Ledgers, open};
use ticketgraph::graphql::{Ctx, Limits, Scope, Services, Viewer, build, execute};
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;
use vendor_api;
use vendor_api::ChannelStanza;

use crate::contract::bench::{ATTEMPT, Bench, Unlimited, secutix};

/// Between two runs of the streams.
pub const INTERVAL: Duration = Duration::from_secs(300);
/// The name of the channel.
pub const CHANNEL: &str = "opera-app";

struct Nobody;

impl SellingAccounts for Nobody {
    fn knows(&self, _: &str) -> bool {
        false
    }

    fn account(&self, _: &str, _: &SourceId) -> Option<std::collections::BTreeMap<String, String>> {
        None
    }
}

/// An opera house, its app, and what we know of both.
pub struct World {
    pub opera: Bench,
    pub app: Running,
    pub ledgers: Ledgers,
    pub orders: Orders,
    pub deliveries: Deliveries,
    channel: AppChannel,
    keys: AtomicUsize,
}

impl World {
    pub async fn open() -> Self {
        Self::over("sqlite::memory:").await
    }

    pub async fn over(url: &str) -> Self {
        let opera = secutix("OPERA", "json").await;
        let clock = Arc::clone(&opera.clock);
        let stage = Stage::new(Tixngo::new(Arc::clone(&clock), None, false), Arc::clone(&clock));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let app = stage.run(listener, &TaskTracker::new()).expect("an emulator");
        let ledgers = open(url, &[CredentialKey::new([7; 32])], 8).await.expect("the ledger opens");
        let orders = Orders::new(Parts {
            sources: vec![opera.source.clone()],
            ledger: Arc::clone(&ledgers.orders),
            bus: Arc::new(LocalBus::default()),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            accounts: Arc::new(Nobody),
            rules: Rules::default(),
        });
        let channel = connect(&app, &opera.source);
        let deliveries = room(&orders, channel.clone(), &opera, Arc::clone(&ledgers.deliveries));
        Self { opera, app, ledgers, orders, deliveries, channel, keys: AtomicUsize::new(0) }
    }

    pub fn clock(&self) -> &SandboxClock {
        &self.opera.clock
    }

    pub fn pass(&self, time: Duration) {
        self.clock().advance(i64::try_from(time.as_millis()).expect("a time"));
    }

    /// Another process over the same database.
    pub fn process(&self, ledger: Arc<dyn DeliveryLedger>) -> Deliveries {
        room(&self.orders, self.channel.clone(), &self.opera, ledger)
    }

    pub fn asker(&self) -> Asker {
        Asker { caller: "tester".to_owned(), reseller: None }
    }

    pub fn key(&self) -> String {
        format!("key {}", self.keys.fetch_add(1, SeqCst))
    }

    /// Two seats for the last night of the first opera.
    pub async fn buy(&self, delivery: DeliveryPreference) -> Order {
        let catalog = &self.opera.source.catalog;
        let events = catalog.list_events(Shown::Public).await.expect("events").value;
        let event = events.iter().find(|event| event.key.as_str() == "81001").expect("the opera");
        let window = Window { from: self.clock().now(), to: None, limit: 10 };
        let mut lists = catalog.list_performances(std::slice::from_ref(&event.key), &window).await;
        let performances = lists.remove(&event.key).expect("an answer").expect("a list").value;
        let source = SourceId::new("opera");
        let line = AskedLine {
            source: source.clone(),
            performance: performances.last().expect("a date").key.clone(),
            ticket_type_source: source,
            ticket_type: TicketTypeKey::new("81001.s83001.84011"),
            quantity: 2,
            expected_unit_price: None,
        };
        let input = CreateOrder {
            key: self.key(),
            reseller: None,
            reseller_reference: None,
            policy: Policy::AllOrNothing,
            is_test: true,
            lines: vec![line],
            contact: Contact {
                first_name: "Bea".to_owned(),
                last_name: "Holder".to_owned(),
                email: "bea@example.org".to_owned(),
                phone: None,
                postal_code: None,
            },
            locale: None,
            delivery,
        };
        let outcome = self.orders.place(&self.asker(), &input).await.expect("the ledger");
        assert!(outcome.problems.is_empty(), "{:?}", outcome.problems);
        let order = outcome.order.expect("an order");
        assert_eq!(order.status(), OrderStatus::Confirmed);
        self.orders.settled().await;
        order
    }

    /// Undoes a whole order.
    pub async fn cancel(&self, order: OrderKey) {
        let asked = QuoteCancellation { order, lines: None };
        let quote = self.orders.quote(&self.asker(), &asked).await.expect("the ledger").expect("a quote");
        let asked = CancelOrder { key: self.key(), quote: quote.id, reason: None };
        let outcome = self.orders.cancel(&self.asker(), &asked).await.expect("the ledger");
        assert_eq!(outcome.order.expect("an order").status(), OrderStatus::Cancelled);
        self.orders.settled().await;
    }

    /// One run of all streams.
    pub async fn cycle(&self) {
        self.deliveries.cycle().await.expect("the ledger");
    }

    pub async fn parcels(&self, order: OrderKey) -> Vec<Parcel> {
        self.ledgers.deliveries.parcels_of(order).await.expect("the ledger")
    }

    pub async fn failed(&self, stream: Stream) -> Tally {
        self.ledgers.deliveries.tally(CHANNEL, stream).await.expect("the ledger")
    }

    /// What the app holds: ticket and status.
    pub fn app_holds(&self) -> Vec<(String, String)> {
        let holdings = self.app.stage.holdings();
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let tickets = holdings["tickets"].as_array().expect("tickets");
        tickets.iter().map(|ticket| (text(&ticket["ticketId"]), text(&ticket["status"]))).collect()
    }

    /// How many pushes the app has seen.
    pub fn pushes(&self) -> usize {
        self.app.stage.log.all().iter().filter(|call| call.method == "POST").count()
    }

    pub fn fail(&self, path: &str, fault: Fault) {
        self.app.stage.faults.clear();
        self.app.stage.faults.add(Scenario { rules: vec![Rule::on(path, fault).times(1)] });
    }

    pub fn twist(&self, what: &str, id: Option<&str>, value: Value) {
        let twist = Twist { what: what.to_owned(), id: id.map(str::to_owned), value };
        self.app.stage.twist(&twist).expect("a twist that is understood");
    }

    /// Runs a document as a viewer with some scopes.
    pub async fn ask_as(&self, scopes: &[Scope], document: &str, variables: Value) -> Value {
        let clock: Arc<dyn Clock> = Arc::clone(&self.opera.clock) as _;
        let sources = vec![Arc::new(self.opera.source.clone())];
        let federation = Arc::new(Federation::new(sources, Duration::from_secs(5), clock));
        let (orders, deliveries) = (Some(self.orders.clone()), Some(self.deliveries.clone()));
        let services = Arc::new(Services { federation, orders, deliveries, edits: None, partners: None });
        let scopes: HashSet<Scope> = scopes.iter().copied().collect();
        let viewer = Viewer { id: "tester".to_owned(), name: "A tester".to_owned(), reseller: None, scopes };
        let ctx = Ctx::new(&services, Arc::new(viewer), Arc::from("r-1"));
        let request = Request::new(document).variables(Variables::from_json(variables));
        let answer = execute(&build(&Limits::default()), request, Arc::new(ctx)).await;
        serde_json::to_value(&answer).expect("JSON")
    }

    pub async fn ask(&self, document: &str, variables: Value) -> Value {
        let answer = self.ask_as(&[Scope::Admin], document, variables).await;
        assert_eq!(answer["errors"], json!(null), "{answer}");
        answer["data"].clone()
    }
}

fn connect(app: &Running, source: &Source) -> AppChannel {
    let stanza = ChannelStanza {
        id: CHANNEL.to_owned(),
        source: source.id.clone(),
        url: format!("{}/v3/organizer/tickets", app.base_url()),
        own: format!("api_key = \"{OPERA_KEY}\"").parse().expect("TOML"),
    };
    let client = http_client::client().expect("a client");
    let transport = Transport::new(client, source.id.clone(), Arc::new(Unlimited), ATTEMPT);
    (vendor_registry::APPS[0].connect)(stanza, transport).unwrap_or_else(|findings| panic!("{findings:?}"))
}

fn room(orders: &Orders, app: AppChannel, opera: &Bench, ledger: Arc<dyn DeliveryLedger>) -> Deliveries {
    let place = Place { city: Some("Lausanne".to_owned()), country: Some("CH".to_owned()), postal_code: None };
    Deliveries::new(DeliveryParts {
        channels: vec![Channel { app, source: opera.source.clone(), interval: INTERVAL, place }],
        orders: orders.clone(),
        ledger,
        clock: Arc::clone(&opera.clock) as Arc<dyn Clock>,
        rules: DeliveryRules::default(),
    })
}

/// When a process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// Before its nth write reaches the ledger.
    Before(usize),
    /// After its nth write, before it hears of it.
    After(usize),
}

/// The ledger as one process sees it. Once the process is dead, nothing of it reaches the ledger any more.
pub struct ProcessLedger {
    inner: Arc<dyn DeliveryLedger>,
    death: Death,
    writes: AtomicUsize,
    dead: AtomicBool,
}

impl ProcessLedger {
    pub fn new(inner: &Arc<dyn DeliveryLedger>, death: Death) -> Arc<Self> {
        Arc::new(Self { inner: Arc::clone(inner), death, writes: AtomicUsize::new(0), dead: AtomicBool::new(false) })
    }

    pub fn is_dead(&self) -> bool {
        self.dead.load(SeqCst)
    }

    fn die(&self) -> LedgerError {
        self.dead.store(true, SeqCst);
        LedgerError::Outdated
    }

    fn check(&self) -> Result<(), LedgerError> {
        if self.is_dead() { Err(LedgerError::Outdated) } else { Ok(()) }
    }
}

#[async_trait]
impl DeliveryLedger for ProcessLedger {
    async fn claim(
        &self,
        channel: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<ChannelLease>, LedgerError> {
        self.check()?;
        self.inner.claim(channel, now, until).await
    }

    async fn give_up(&self, lease: &ChannelLease) -> Result<(), LedgerError> {
        self.check()?;
        self.inner.give_up(lease).await
    }

    async fn write(
        &self,
        lease: &ChannelLease,
        until: Timestamp,
        change: &ChannelChange<'_>,
    ) -> Result<(), LedgerError> {
        self.check()?;
        let count = self.writes.fetch_add(1, SeqCst) + 1;
        if self.death == Death::Before(count) {
            return Err(self.die());
        }
        self.inner.write(lease, until, change).await?;
        if self.death == Death::After(count) {
            return Err(self.die());
        }
        Ok(())
    }

    async fn reading(&self, channel: &str) -> Result<Reading, LedgerError> {
        self.inner.reading(channel).await
    }

    async fn last_run(&self, channel: &str, stream: Stream) -> Result<Run, LedgerError> {
        self.inner.last_run(channel, stream).await
    }

    async fn due(
        &self,
        channel: &str,
        stream: Stream,
        with_refused: bool,
        after: Option<&AppTicketKey>,
        limit: usize,
    ) -> Result<Vec<Parcel>, LedgerError> {
        self.check()?;
        self.inner.due(channel, stream, with_refused, after, limit).await
    }

    async fn parcels(&self, channel: &str, keys: &[AppTicketKey]) -> Result<Vec<Parcel>, LedgerError> {
        self.inner.parcels(channel, keys).await
    }

    async fn parcels_of(&self, order: OrderKey) -> Result<Vec<Parcel>, LedgerError> {
        self.inner.parcels_of(order).await
    }

    async fn to_check(&self, channel: &str, by: Timestamp, limit: usize) -> Result<Vec<OrderKey>, LedgerError> {
        self.check()?;
        self.inner.to_check(channel, by, limit).await
    }

    async fn tally(&self, channel: &str, stream: Stream) -> Result<Tally, LedgerError> {
        self.inner.tally(channel, stream).await
    }

    async fn use_key(&self, used: &KeyUse, now: Timestamp) -> Result<Option<KeyUse>, LedgerError> {
        self.check()?;
        self.inner.use_key(used, now).await
    }
}
