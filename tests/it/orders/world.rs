//! A small world: a clock that stands still, vendors, and processes that die.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use domain::ordering::{Contact, DeliveryPreference};
use domain::{Clock, Environment, OrderKey, Source, SourceId, TicketTypeKey};
use jiff::Timestamp;
use orders::ledger::{Credential, KeyUse, Lease, Write, Written};
use orders::{
    ActOnOrder, AskedLine, Asker, Change, CreateOrder, Ledger, LedgerError, LocalBus, Order, OrderBy, OrderCursor,
    OrderFilter, OrderPage, Orders, Parts, Policy, Quote, QuoteId, Rules, SellingAccounts, Slice, Transition,
};

use crate::orders::vendor::{Habits, Vendor, key};

pub struct TestClock(Mutex<Timestamp>);

impl TestClock {
    pub fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new("2027-03-01T12:00:00Z".parse().expect("an instant"))))
    }

    pub fn pass(&self, time: Duration) {
        let mut now = self.0.lock().expect("the clock");
        *now += time;
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().expect("the clock")
    }
}

pub struct Resellers;

impl SellingAccounts for Resellers {
    fn knows(&self, reseller: &str) -> bool {
        ["tiqets", "digitick"].contains(&reseller)
    }

    fn account(&self, reseller: &str, source: &SourceId) -> Option<BTreeMap<String, String>> {
        let sells = reseller == "tiqets" || source.as_str() == "b";
        sells.then(|| BTreeMap::from([("organization".to_owned(), format!("{reseller} at {source}"))]))
    }
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
    inner: Arc<dyn Ledger>,
    death: Option<Death>,
    pub writes: AtomicUsize,
    dead: AtomicBool,
}

impl ProcessLedger {
    pub fn new(inner: Arc<dyn Ledger>, death: Option<Death>) -> Arc<Self> {
        Arc::new(Self { inner, death, writes: AtomicUsize::new(0), dead: AtomicBool::new(false) })
    }

    fn check(&self) -> Result<(), LedgerError> {
        if self.dead.load(SeqCst) { Err(LedgerError::Outdated) } else { Ok(()) }
    }
}

#[async_trait]
impl Ledger for ProcessLedger {
    async fn write(&self, write: &Write<'_>) -> Result<Written, LedgerError> {
        self.check()?;
        let count = self.writes.fetch_add(1, SeqCst) + 1;
        if self.death == Some(Death::Before(count)) {
            self.dead.store(true, SeqCst);
            return Err(LedgerError::Outdated);
        }
        let written = self.inner.write(write).await?;
        if self.death == Some(Death::After(count)) {
            self.dead.store(true, SeqCst);
            return Err(LedgerError::Outdated);
        }
        Ok(written)
    }

    async fn claim(&self, now: Timestamp, until: Timestamp, limit: usize) -> Result<Vec<Lease>, LedgerError> {
        self.check()?;
        self.inner.claim(now, until, limit).await
    }

    async fn renew(&self, lease: &Lease, until: Timestamp) -> Result<(), LedgerError> {
        self.check()?;
        self.inner.renew(lease, until).await
    }

    async fn give_up(&self, lease: &Lease) -> Result<(), LedgerError> {
        self.check()?;
        self.inner.give_up(lease).await
    }

    async fn find(&self, by: &OrderBy) -> Result<Option<Order>, LedgerError> {
        self.inner.find(by).await
    }

    async fn list(
        &self,
        filter: &OrderFilter,
        after: Option<&OrderCursor>,
        first: usize,
    ) -> Result<OrderPage, LedgerError> {
        self.inner.list(filter, after, first).await
    }

    async fn find_key(&self, scope: &str, operation: &str, key: &str) -> Result<Option<KeyUse>, LedgerError> {
        self.inner.find_key(scope, operation, key).await
    }

    async fn changes(&self, after: u64, first: usize, reseller: Option<&str>) -> Result<Slice<Change>, LedgerError> {
        self.inner.changes(after, first, reseller).await
    }

    async fn feed_end(&self) -> Result<u64, LedgerError> {
        self.inner.feed_end().await
    }

    async fn transitions(&self, order: OrderKey, after: u64, first: usize) -> Result<Slice<Transition>, LedgerError> {
        self.inner.transitions(order, after, first).await
    }

    async fn credentials(&self, order: OrderKey) -> Result<Vec<Credential>, LedgerError> {
        self.inner.credentials(order).await
    }

    async fn forget_keys(&self, before: Timestamp) -> Result<u64, LedgerError> {
        self.check()?;
        self.inner.forget_keys(before).await
    }

    async fn keep_quote(&self, quote: &Quote) -> Result<(), LedgerError> {
        self.check()?;
        self.inner.keep_quote(quote).await
    }

    async fn find_quote(&self, id: &QuoteId) -> Result<Option<Quote>, LedgerError> {
        self.inner.find_quote(id).await
    }

    async fn orders_at(&self, source: &SourceId, from: Timestamp, to: Timestamp) -> Result<Vec<Order>, LedgerError> {
        self.inner.orders_at(source, from, to).await
    }
}

static KEYS: AtomicUsize = AtomicUsize::new(0);

pub struct World {
    pub clock: Arc<TestClock>,
    pub vendors: Vec<Arc<Vendor>>,
    /// Sources of emulated vendors.
    pub sources: Vec<Source>,
    /// What is bought of them.
    pub wares: Vec<AskedLine>,
    pub ledger: Arc<dyn Ledger>,
    pub rules: Rules,
}

impl World {
    /// Vendors `a`, `b`, `c` … with these habits.
    pub fn new(ledger: Arc<dyn Ledger>, habits: &[Habits]) -> Self {
        let clock = TestClock::new();
        let names = ["a", "b", "c", "d"];
        let vendor =
            |(name, habits): (&&str, &Habits)| Vendor::new(name, *habits, Arc::clone(&clock) as Arc<dyn Clock>);
        let vendors = names.iter().zip(habits).map(vendor).collect();
        // The tests wait for the runners themselves.
        let rules = Rules { answer_within: Duration::ZERO, ..Rules::default() };
        Self { clock, vendors, sources: Vec::new(), wares: Vec::new(), ledger, rules }
    }

    /// A process that lives.
    pub fn process(&self) -> Orders {
        self.process_on(ProcessLedger::new(Arc::clone(&self.ledger), None))
    }

    /// A process with its own view of the ledger.
    pub fn process_on(&self, ledger: Arc<dyn Ledger>) -> Orders {
        let own = self.vendors.iter().map(|vendor| vendor.source(Environment::Sandbox));
        Orders::new(Parts {
            sources: own.chain(self.sources.iter().cloned()).collect(),
            ledger,
            bus: Arc::new(LocalBus::default()),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            accounts: Arc::new(Resellers),
            rules: self.rules.clone(),
        })
    }

    /// Two tickets at each vendor that a test made, and the wares of the others.
    pub fn input(&self, policy: Policy) -> CreateOrder {
        CreateOrder {
            key: self.next_key(),
            reseller: None,
            reseller_reference: None,
            policy,
            is_test: true,
            lines: self.vendors.iter().map(|vendor| line(vendor, 2)).chain(self.wares.iter().cloned()).collect(),
            contact: contact(),
            locale: None,
            delivery: DeliveryPreference::Barcode,
        }
    }

    pub fn act(&self, order: OrderKey) -> ActOnOrder {
        ActOnOrder { key: self.next_key(), order, if_version: None }
    }

    pub fn next_key(&self) -> String {
        // Several worlds may share one ledger, so keys are counted over all of them.
        format!("key {}", KEYS.fetch_add(1, SeqCst))
    }

    pub async fn read(&self, order: OrderKey) -> Order {
        self.ledger.find(&OrderBy::Key(order)).await.expect("the ledger").expect("the order")
    }

    /// Lets time pass in steps, with a living process that takes over whatever is due, until the order ends.
    pub async fn finish(&self, orders: &Orders, order: OrderKey) -> Order {
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        let seconds = [3, 3, 10, 15, 31, 61, 121].map(Duration::from_secs);
        let long = [5, 10, 15, 15, 60, 360, 720, 720, 1440].map(minutes);
        for step in seconds.into_iter().chain(long) {
            orders.recover().await.expect("the ledger");
            orders.settled().await;
            let now = self.read(order).await;
            if now.status().is_terminal() && now.legs.iter().all(|leg| leg.tickets.is_none()) {
                return now;
            }
            self.clock.pass(step);
        }
        self.read(order).await
    }
}

pub fn contact() -> Contact {
    Contact {
        first_name: "Ada".to_owned(),
        last_name: "Guest".to_owned(),
        email: "ada@example.org".to_owned(),
        phone: None,
        postal_code: None,
    }
}

pub fn line(vendor: &Vendor, quantity: i64) -> AskedLine {
    AskedLine {
        source: vendor.id.clone(),
        performance: key("show 1"),
        ticket_type_source: vendor.id.clone(),
        ticket_type: TicketTypeKey::new("adult"),
        quantity,
        expected_unit_price: None,
    }
}

pub fn storefront() -> Asker {
    Asker { caller: "storefront".to_owned(), reseller: None }
}
