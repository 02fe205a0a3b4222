//! Test environment of orders: a manual clock, fake vendors, and processes that crash.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use change_feed::FeedSlice;
use domain::StoreError;
use domain::ordering::{Contact, DeliveryPreference};
use domain::{Clock, Currency, Environment, EventKey, OrderKey, Source, SourceId, TicketTypeKey};
use jiff::Timestamp;
use orders::idempotency::IdempotencyRecord;
use orders::lease::Lease;
use orders::store::{OrderWrite, TicketCredential, WriteReceipt};
use orders::{
    Actor, CreateOrder, Feed, FulfillmentPolicy, LocalChangeBus, OperatorAction, OperatorStore, Order,
    OrderActionRequest, OrderChange, OrderFilter, OrderLineRequest, OrderLookup, OrderPage, OrderSettings, OrderStore,
    Orders, OrdersDependencies, PageRequest, Quote, QuoteId, ResolvedOrphan, SalesGrouping, SalesPart, SalesPeriod,
    SalesScope, SalesSum, SellingAccounts, SourcePause, Transition, UnresolvedSum,
};
use testkit::ManualClock;
use ticketgraph::app;
use tokio::sync::Notify;

use crate::default_config::default_config;
use crate::orders::vendor::{Vendor, VendorTraits, key};

pub(crate) struct TestResellers;

impl SellingAccounts for TestResellers {
    fn has_reseller(&self, reseller: &str) -> bool {
        ["tiqets", "digitick"].contains(&reseller)
    }

    fn contact(&self, reseller: Option<&str>) -> Option<Contact> {
        let email = format!("{}@example.org", reseller.filter(|reseller| *reseller == "tiqets")?);
        Some(Contact { email, ..contact() })
    }

    fn account(&self, reseller: &str, source: &SourceId) -> Option<BTreeMap<String, String>> {
        let sells = reseller == "tiqets" || source.as_str() == "b";
        sells.then(|| BTreeMap::from([("organization".to_owned(), format!("{reseller} at {source}"))]))
    }
}

/// Point at which a process crashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CrashPoint {
    /// Before its nth write reaches the store.
    Before(usize),
    /// After its nth write, before it receives the result.
    After(usize),
}

/// View of one process on the store. After the crash, nothing it does reaches the store.
pub(crate) struct ProcessStore {
    inner: Arc<dyn OrderStore>,
    crash: Option<CrashPoint>,
    pub writes: AtomicUsize,
    dead: AtomicBool,
    /// Number of the write that is slow: it waits for `resumed`. 0 for none.
    pub slow_write: AtomicUsize,
    /// Notified when the slow write or list begins.
    pub slowed: Notify,
    /// Lists of orders so far.
    pub lists: AtomicUsize,
    /// Number of counts so far.
    pub counts: AtomicUsize,
    /// Number of the list from which on all fail. 0 for none.
    pub failing_list: AtomicUsize,
    /// Number of the list that is slow: it waits for `resumed`. 0 for none.
    pub slow_list: AtomicUsize,
    /// Lets the slow write or list go on.
    pub resumed: Notify,
}

impl ProcessStore {
    pub(crate) fn new(inner: Arc<dyn OrderStore>, death: Option<CrashPoint>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            crash: death,
            writes: AtomicUsize::new(0),
            dead: AtomicBool::new(false),
            slow_write: AtomicUsize::new(0),
            lists: AtomicUsize::new(0),
            counts: AtomicUsize::new(0),
            failing_list: AtomicUsize::new(0),
            slow_list: AtomicUsize::new(0),
            slowed: Notify::new(),
            resumed: Notify::new(),
        })
    }

    fn check(&self) -> Result<(), StoreError> {
        if self.dead.load(SeqCst) { Err(StoreError::Outdated) } else { Ok(()) }
    }
}

#[async_trait]
impl OperatorStore for ProcessStore {
    async fn find_action(&self, scope: &str, operation: &str, key: &str) -> Result<Option<OperatorAction>, StoreError> {
        self.inner.find_action(scope, operation, key).await
    }

    async fn insert_action(&self, action: &OperatorAction) -> Result<(), StoreError> {
        self.check()?;
        self.inner.insert_action(action).await
    }

    async fn insert_pause(&self, action: &OperatorAction, pause: &SourcePause) -> Result<(), StoreError> {
        self.check()?;
        self.inner.insert_pause(action, pause).await
    }

    async fn delete_pause(&self, action: &OperatorAction, source: &SourceId) -> Result<(), StoreError> {
        self.check()?;
        self.inner.delete_pause(action, source).await
    }

    async fn list_pauses(&self) -> Result<Vec<SourcePause>, StoreError> {
        self.inner.list_pauses().await
    }

    async fn write_orphan(&self, action: &OperatorAction, orphan: &ResolvedOrphan) -> Result<(), StoreError> {
        self.check()?;
        self.inner.write_orphan(action, orphan).await
    }

    async fn delete_orphan(&self, action: &OperatorAction) -> Result<(), StoreError> {
        self.check()?;
        self.inner.delete_orphan(action).await
    }

    async fn list_orphans(&self, source: &SourceId) -> Result<Vec<ResolvedOrphan>, StoreError> {
        self.inner.list_orphans(source).await
    }
}

#[async_trait]
impl OrderStore for ProcessStore {
    async fn write(&self, write: &OrderWrite<'_>) -> Result<WriteReceipt, StoreError> {
        self.check()?;
        let count = self.writes.fetch_add(1, SeqCst) + 1;
        if self.crash == Some(CrashPoint::Before(count)) {
            self.dead.store(true, SeqCst);
            return Err(StoreError::Outdated);
        }
        if self.slow_write.load(SeqCst) == count {
            self.slowed.notify_one();
            self.resumed.notified().await;
        }
        let written = self.inner.write(write).await?;
        if self.crash == Some(CrashPoint::After(count)) {
            self.dead.store(true, SeqCst);
            return Err(StoreError::Outdated);
        }
        Ok(written)
    }

    async fn find_written(&self, write: &OrderWrite<'_>) -> Result<Option<WriteReceipt>, StoreError> {
        self.inner.find_written(write).await
    }

    async fn claim(&self, now: Timestamp, lease: Duration, limit: usize) -> Result<Vec<Lease>, StoreError> {
        self.check()?;
        self.inner.claim(now, lease, limit).await
    }

    async fn renew(&self, lease: &Lease, now: Timestamp, extension: Duration) -> Result<(), StoreError> {
        self.check()?;
        self.inner.renew(lease, now, extension).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        self.check()?;
        self.inner.release(lease).await
    }

    async fn find(&self, by: &OrderLookup) -> Result<Option<Order>, StoreError> {
        self.inner.find(by).await
    }

    async fn list(&self, filter: &OrderFilter, page: &PageRequest) -> Result<OrderPage, StoreError> {
        let count = self.lists.fetch_add(1, SeqCst) + 1;
        if self.slow_list.load(SeqCst) == count {
            self.slowed.notify_one();
            self.resumed.notified().await;
        }
        let failing = self.failing_list.load(SeqCst);
        if failing > 0 && count >= failing {
            return Err(StoreError::Outdated);
        }
        self.inner.list(filter, page).await
    }

    async fn count(&self, filter: &OrderFilter) -> Result<Option<u64>, StoreError> {
        self.counts.fetch_add(1, SeqCst);
        self.inner.count(filter).await
    }

    async fn find_idempotency_record(
        &self,
        scope: &str,
        operation: &str,
        key: &str,
    ) -> Result<Option<IdempotencyRecord>, StoreError> {
        self.inner.find_idempotency_record(scope, operation, key).await
    }

    async fn list_changes(
        &self,
        after: u64,
        first: usize,
        reseller: Option<&str>,
    ) -> Result<FeedSlice<OrderChange>, StoreError> {
        self.inner.list_changes(after, first, reseller).await
    }

    async fn feed_end(&self) -> Result<u64, StoreError> {
        self.inner.feed_end().await
    }

    async fn list_transitions(
        &self,
        order: OrderKey,
        after: u64,
        first: usize,
    ) -> Result<FeedSlice<Transition>, StoreError> {
        self.inner.list_transitions(order, after, first).await
    }

    fn encode_cursor(&self, feed: Feed, position: u64) -> Result<String, StoreError> {
        self.inner.encode_cursor(feed, position)
    }

    fn decode_cursor(&self, feed: Feed, cursor: &str) -> Option<u64> {
        self.inner.decode_cursor(feed, cursor)
    }

    async fn load_credentials(&self, order: OrderKey) -> Result<Vec<TicketCredential>, StoreError> {
        self.inner.load_credentials(order).await
    }

    async fn prune_idempotency_records(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.check()?;
        self.inner.prune_idempotency_records(before).await
    }

    async fn insert_quote(&self, quote: &Quote) -> Result<(), StoreError> {
        self.check()?;
        self.inner.insert_quote(quote).await
    }

    async fn find_quote(&self, id: &QuoteId) -> Result<Option<Quote>, StoreError> {
        self.inner.find_quote(id).await
    }

    async fn sum_sales(&self, scope: SalesScope<'_>, periods: &[SalesPeriod]) -> Result<Vec<SalesSum>, StoreError> {
        self.inner.sum_sales(scope, periods).await
    }

    async fn sum_unresolved(
        &self,
        scope: SalesScope<'_>,
        created: SalesPeriod,
    ) -> Result<Vec<UnresolvedSum>, StoreError> {
        self.inner.sum_unresolved(scope, created).await
    }

    async fn list_sales_parts(
        &self,
        scope: SalesScope<'_>,
        period: SalesPeriod,
        currency: Currency,
        wanted: (SalesGrouping, u32),
    ) -> Result<Vec<SalesPart>, StoreError> {
        self.inner.list_sales_parts(scope, period, currency, wanted).await
    }

    async fn list_sources(&self) -> Result<Vec<SourceId>, StoreError> {
        self.inner.list_sources().await
    }

    async fn list_orders_at(
        &self,
        source: &SourceId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Order>, StoreError> {
        self.inner.list_orders_at(source, from, to).await
    }
}

/// Returns the settings of `config/default.toml`, without cancellation policies.
pub(crate) fn default_settings() -> OrderSettings {
    static SETTINGS: LazyLock<OrderSettings> = LazyLock::new(|| {
        let settings = app::order_settings(default_config());
        OrderSettings { cancellation_policies: BTreeMap::new(), ..settings }
    });
    SETTINGS.clone()
}

static KEYS: AtomicUsize = AtomicUsize::new(0);

pub(crate) struct World {
    pub clock: Arc<ManualClock>,
    pub vendors: Vec<Arc<Vendor>>,
    /// Sources of emulated vendors.
    pub sources: Vec<Source>,
    /// Lines to buy from the emulated vendors.
    pub emulated_lines: Vec<OrderLineRequest>,
    pub store: Arc<dyn OrderStore>,
    pub settings: OrderSettings,
}

impl World {
    /// Creates vendors `a`, `b`, `c` … with these traits.
    pub(crate) fn new(store: Arc<dyn OrderStore>, habits: &[VendorTraits]) -> Self {
        let clock = ManualClock::at("2027-03-01T12:00:00Z");
        let names = ["a", "b", "c", "d"];
        let vendor =
            |(name, habits): (&&str, &VendorTraits)| Vendor::new(name, *habits, Arc::clone(&clock) as Arc<dyn Clock>);
        let vendors = names.iter().zip(habits).map(vendor).collect();
        // The tests wait for the runners themselves.
        let settings = OrderSettings { response_timeout: Duration::ZERO, ..default_settings() };
        Self { clock, vendors, sources: Vec::new(), emulated_lines: Vec::new(), store, settings }
    }

    /// Returns a process that does not crash.
    pub(crate) fn process(&self) -> Orders {
        self.process_on(ProcessStore::new(Arc::clone(&self.store), None))
    }

    /// Returns a process with its own view of the store.
    pub(crate) fn process_on(&self, ledger: Arc<dyn OrderStore>) -> Orders {
        let own = self.vendors.iter().map(|vendor| vendor.source(Environment::Sandbox));
        Orders::new(OrdersDependencies {
            sources: own.chain(self.sources.iter().cloned()).collect(),
            store: ledger,
            bus: Arc::new(LocalChangeBus::default()),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            accounts: Arc::new(TestResellers),
            settings: self.settings.clone(),
        })
    }

    /// Returns an order of two tickets per fake vendor, plus the lines of the emulated vendors.
    pub(crate) fn input(&self, policy: FulfillmentPolicy) -> CreateOrder {
        CreateOrder {
            key: self.next_key(),
            reseller: None,
            reseller_reference: None,
            policy,
            is_test: true,
            lines: self
                .vendors
                .iter()
                .map(|vendor| line(vendor, 2))
                .chain(self.emulated_lines.iter().cloned())
                .collect(),
            contact: Some(contact()),
            locale: None,
            delivery: DeliveryPreference::Barcode,
        }
    }

    pub(crate) fn act(&self, order: OrderKey) -> OrderActionRequest {
        OrderActionRequest { key: self.next_key(), order, if_version: None }
    }

    pub(crate) fn next_key(&self) -> String {
        // Several environments may share one store, so keys are counted globally.
        format!("key {}", KEYS.fetch_add(1, SeqCst))
    }

    pub(crate) async fn read(&self, order: OrderKey) -> Order {
        self.store.find(&OrderLookup::Key(order)).await.expect("the store").expect("the order")
    }

    /// Advances the clock in steps, with a process that resumes due orders, until the order is final.
    pub(crate) async fn run_until_final(&self, orders: &Orders, order: OrderKey) -> Order {
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        let seconds = [3, 3, 10, 15, 31, 61, 121].map(Duration::from_secs);
        let long = [5, 10, 15, 15, 60, 360, 720, 720, 1440].map(minutes);
        for step in seconds.into_iter().chain(long) {
            orders.resume_due().await.expect("the store");
            orders.wait_until_idle().await;
            let now = self.read(order).await;
            if now.status().is_terminal() && now.legs.iter().all(|leg| !leg.awaits_tickets()) {
                return now;
            }
            self.clock.advance(step);
        }
        self.read(order).await
    }
}

pub(crate) fn contact() -> Contact {
    Contact {
        first_name: "Ada".to_owned(),
        last_name: "Guest".to_owned(),
        email: "ada@example.org".to_owned(),
        phone: None,
        postal_code: None,
    }
}

pub(crate) fn line(vendor: &Vendor, quantity: i64) -> OrderLineRequest {
    OrderLineRequest {
        source: vendor.id.clone(),
        performance: key("show 1"),
        ticket_type_source: vendor.id.clone(),
        ticket_type_event: EventKey::new("visit"),
        ticket_type: TicketTypeKey::new("adult"),
        quantity,
        expected_unit_price: None,
    }
}

pub(crate) fn storefront() -> Actor {
    Actor { caller: "storefront".to_owned(), reseller: None }
}
