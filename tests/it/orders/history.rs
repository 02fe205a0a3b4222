//! Orders of the past: made up, recorded at the emulated vendors, imported, and then as good as any other order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::ordering::{LookupOutcome, TicketState};
use domain::{Clock, SourceId};
use emulators::acme::AcmeEmulator;
use emulators::secutix::SecutixEmulator;
use emulators::ticketing::{ADMINISTRATOR_KEY, TicketingEmulator};
use emulators::{Emulator, SandboxClock};
use jiff::{SignedDuration, Timestamp};
use orders::history::PastOrder;
use orders::{
    CancelOrder, Leg, LegStatus, LocalChangeBus, Order, OrderFilter, OrderLookup, OrderStatus, Orders,
    OrdersDependencies, PageRequest, QuoteCancellation, SellingAccounts,
};
use sandbox_history::{Seller, Venue, make_orders};
use secrecy::ExposeSecret;
use store_sql::{CredentialKey, Stores, open_stores};
use testkit::ManualClock;

use crate::contract::fixture::{
    ACME_RESELLER_KEYS, VendorFixture, acme_config, secutix_config, settlement, ticketing_config,
};
use crate::default_config::default_store_settings;
use crate::orders::database::Postgres;
use crate::orders::world::{default_settings, storefront};

/// A Sunday, after the change of the clocks in America and before it in Europe.
const NOW: &str = "2027-03-14T10:20:00Z";
const SOURCES: [&str; 4] = ["harbor", "opera", "club", "quay"];

/// Accounts of the sandbox configuration.
struct Accounts;

impl SellingAccounts for Accounts {
    fn has_reseller(&self, reseller: &str) -> bool {
        ["tiqets", "digitick"].contains(&reseller)
    }

    fn contact(&self, _: Option<&str>) -> Option<domain::ordering::Contact> {
        None
    }

    fn account(&self, reseller: &str, source: &SourceId) -> Option<BTreeMap<String, String>> {
        let keys: &[(&str, &str)] = match (reseller, source.as_str()) {
            ("tiqets", "harbor") => &[("organization_id", "5120")],
            ("digitick", "opera") => &[("sales_channel", "DGTK"), ("contact_reference", "1000042")],
            _ => return None,
        };
        Some(keys.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
    }
}

/// Emulated vendors with a past, and the orders of it.
struct Sandbox {
    fixtures: Vec<VendorFixture>,
    stores: Stores,
    orders: Orders,
    clock: Arc<SandboxClock>,
    past: Vec<PastOrder>,
}

impl Sandbox {
    async fn open() -> Self {
        Self::open_at(NOW).await
    }

    async fn open_at(time: &str) -> Self {
        let clock = Arc::new(SandboxClock::new(ManualClock::at(time)));
        let opera = SecutixEmulator::new(Arc::clone(&clock), None, false);
        let club = SecutixEmulator::new(Arc::clone(&clock), None, false);
        let vendors: [(&str, Arc<dyn Emulator>, _); 4] = [
            (
                "acme",
                AcmeEmulator::new(Arc::clone(&clock), None, false),
                acme_config("harbor-sandbox-key", ACME_RESELLER_KEYS),
            ),
            ("secutix", opera, secutix_config("OPERA", "transport = \"json\"")),
            ("secutix", club, secutix_config("CLUB", "transport = \"soap\"")),
            (
                "ticketing",
                TicketingEmulator::new(Arc::clone(&clock), None),
                ticketing_config(ADMINISTRATOR_KEY, &settlement()),
            ),
        ];
        let mut fixtures = Vec::new();
        for (vendor, emulator, config) in vendors {
            fixtures.push(VendorFixture::start(vendor, Arc::clone(&clock), emulator, config).await);
        }
        let (keys, settings) = ([CredentialKey::new([7; 32])], default_store_settings());
        let stores = open_stores("sqlite::memory:", &keys, &settings).await.expect("the stores open");
        let orders = Orders::new(OrdersDependencies {
            sources: fixtures.iter().map(|fixture| fixture.source.clone()).collect(),
            store: Arc::clone(&stores.orders),
            bus: Arc::new(LocalChangeBus::default()),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            accounts: Arc::new(Accounts),
            settings: default_settings(),
        });
        let venues: Vec<Venue<'_>> = fixtures.iter().map(venue).collect();
        let past = make_orders(&orders, &venues, &sellers(), clock.now()).expect("orders");
        Self { fixtures, stores, orders, clock, past }
    }

    /// Opens the sandbox and imports its orders.
    async fn start() -> Self {
        let sandbox = Self::open().await;
        assert!(sandbox.stores.import.import(&sandbox.past).await.expect("an import"));
        sandbox
    }

    async fn read(&self, order: &Order) -> Order {
        self.stores.orders.find(&OrderLookup::Key(order.key)).await.expect("the store").expect("the order")
    }

    fn fixture(&self, source: &SourceId) -> &VendorFixture {
        self.fixtures.iter().find(|fixture| fixture.source.id == *source).expect("the vendor")
    }

    /// Asserts that a source and the ledger agree about a window, and returns the number of matches.
    async fn reconcile(&self, source: &str, from: Timestamp, to: Timestamp) -> u64 {
        let report = self.orders.reconcile(&SourceId::new(source), from, to).await.expect("a report");
        assert_eq!((report.orphans, report.missing), (Vec::new(), Vec::new()), "{source} from {from} to {to}");
        report.matched
    }
}

fn venue(fixture: &VendorFixture) -> Venue<'_> {
    let source = &fixture.source;
    let contact = if source.id.as_str() == "club" { "1000043" } else { "1000042" };
    let own = [("organization_id", "5120"), ("contact_reference", contact)];
    Venue {
        source: source.id.clone(),
        vendor: source.vendor,
        institution: source.id.as_str().to_uppercase(),
        time_zone: source.time_zone.clone(),
        currency: source.currency.expect("a currency"),
        account: own.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        sales: fixture.running.stage.past_sales().expect("sales of the past"),
    }
}

fn sellers() -> Vec<Seller> {
    let adult = ["66f0aa10c3d2e4b5a6978001", "66f0ff60c3d2e4b5a6970001"];
    let seller = |caller: &str, reseller: Option<&str>, sources: &[&str], limits: &[&str]| Seller {
        caller: caller.to_owned(),
        reseller: reseller.map(str::to_owned),
        sources: sources
            .iter()
            .map(|source| (SourceId::new(*source), limits.iter().map(|id| (*id).to_owned()).collect()))
            .collect(),
    };
    vec![
        seller("digitick-dashboard", Some("digitick"), &["opera"], &[]),
        seller("storefront", None, &SOURCES, &[]),
        seller("tiqets-dashboard", Some("tiqets"), &["harbor"], &adult),
    ]
}

fn now() -> Timestamp {
    NOW.parse().expect("a time")
}

fn days_ago(days: i64) -> Timestamp {
    now() - SignedDuration::from_hours(24 * days)
}

#[tokio::test]
async fn two_starts_on_a_day_make_the_same_orders() {
    let (first, second) = (Sandbox::open().await, Sandbox::open().await);
    let orders = |sandbox: &Sandbox| sandbox.past.iter().map(|past| past.order.clone()).collect::<Vec<_>>();
    assert!(first.past.len() > 250, "{}", first.past.len());
    assert_eq!(orders(&first), orders(&second));
}

#[tokio::test]
async fn orders_can_be_made_up_on_any_day() {
    let days = ["2026-01-01T00:00:01Z", "2026-03-29T01:30:00Z", "2026-07-04T23:59:59Z", "2026-09-01T04:00:00Z"];
    for day in days.into_iter().chain(["2026-10-25T12:00:00Z", "2026-12-31T23:00:00Z", "2028-02-29T08:15:00Z"]) {
        let sandbox = Sandbox::open_at(day).await;
        assert!(sandbox.past.len() > 250, "{day}: {}", sandbox.past.len());
        assert!(sandbox.stores.import.import(&sandbox.past).await.expect("an import"), "{day}");
    }
}

#[tokio::test]
async fn every_seller_sells_in_each_month_and_orders_end_in_every_way() {
    let sandbox = Sandbox::open().await;
    let mut sold: BTreeMap<(Option<&str>, i64), usize> = BTreeMap::new();
    let mut ends: BTreeMap<OrderStatus, usize> = BTreeMap::new();
    for past in &sandbox.past {
        let order = &past.order;
        *ends.entry(order.status()).or_default() += 1;
        assert!(
            order.is_test && (order.is_terminal() || order.status() == OrderStatus::NeedsAttention),
            "{}",
            order.number
        );
        assert!(order.created_at <= order.updated_at && order.updated_at < now(), "{}", order.updated_at);
        assert!(
            order.contact.as_ref().is_some_and(|contact| contact.email.ends_with("@example.com")),
            "{:?}",
            order.contact
        );
        assert_eq!(order.reseller.is_some(), order.reseller_reference.is_some());
        let month = now().duration_since(order.created_at).as_hours() / (24 * 30);
        *sold.entry((order.reseller.as_deref(), month)).or_default() +=
            usize::from(order.status() == OrderStatus::Confirmed);
        let permitted = order.reseller.as_deref() != Some("tiqets")
            || order
                .lines
                .iter()
                .all(|line| line.ticket_type.as_str() == "66f0aa10c3d2e4b5a6978001:66f0ff60c3d2e4b5a6970001");
        assert!(permitted, "the connection sells adults only");
    }
    for seller in [None, Some("tiqets"), Some("digitick")] {
        for month in 0..3 {
            assert!(sold[&(seller, month)] >= 15, "{seller:?} in month {month}: {sold:?}");
        }
    }
    assert!(ends[&OrderStatus::Confirmed] * 4 > sandbox.past.len() * 3, "{ends:?}");
    for end in [OrderStatus::Cancelled, OrderStatus::PartiallyCancelled, OrderStatus::Expired, OrderStatus::Failed] {
        assert!(ends.get(&end).is_some_and(|count| *count > 1), "{end:?}: {ends:?}");
    }
    assert_eq!(ends[&OrderStatus::NeedsAttention], 2, "orders for a person: {ends:?}");
    let several = sandbox.past.iter().filter(|past| past.order.legs.len() > 1).count();
    assert!(several > 10, "{several} orders over several sources");
    let used = sandbox.past.iter().flat_map(|past| &past.order.tickets);
    assert!(used.filter(|ticket| matches!(ticket.state, TicketState::Used(_))).count() > 100, "visits of the past");
    let coming = sandbox.past.iter().filter(|past| past.order.lines.iter().any(|line| line.starts_at > Some(now())));
    assert!(coming.count() > 20, "visits to come");
    for source in SOURCES {
        let legs = sandbox.past.iter().flat_map(|past| &past.order.legs).filter(|leg| leg.source.as_str() == source);
        assert!(legs.count() > 15, "{source}");
    }
}

#[tokio::test]
async fn the_import_calls_no_source_and_leaves_nothing_to_do() {
    let sandbox = Sandbox::start().await;
    assert_eq!(sandbox.orders.resume_due().await.expect("the store"), 0);
    let calls: Vec<usize> = sandbox.fixtures.iter().map(VendorFixture::calls).collect();
    assert_eq!(calls, [0; 4]);
    let store = &sandbox.stores.orders;
    let end = store.feed_end().await.expect("the feed");
    let changed: usize = sandbox.past.iter().map(|past| 1 + past.order.tickets.len()).sum();
    assert_eq!(end, changed as u64, "one change for each order and each of its tickets");
    assert!(store.list_changes(end, 10, None).await.expect("the feed").lines.is_empty());
    for past in &sandbox.past {
        assert_eq!(sandbox.read(&past.order).await, past.order, "stored as it was made");
    }
}

#[tokio::test]
async fn a_ledger_with_orders_gets_no_others() {
    let sandbox = Sandbox::open().await;
    let (first, rest) = sandbox.past.split_at(1);
    let import = &sandbox.stores.import;
    assert!(import.import(first).await.expect("an import"));
    assert!(!import.import(rest).await.expect("an import"));
    let page =
        sandbox.stores.orders.list(&OrderFilter::default(), &PageRequest::newest(None, 10)).await.expect("the store");
    assert_eq!(page.orders.len(), 1);
    let Some(server) = Postgres::start() else { return };
    let keys = [CredentialKey::new([7; 32])];
    let shared = open_stores(server.url(), &keys, &default_store_settings()).await.expect("the stores open");
    assert!(shared.import.import(first).await.is_err(), "other processes may use it");
}

#[tokio::test]
async fn the_vendors_have_every_past_sale_as_the_ledger_has_it() {
    let sandbox = Sandbox::start().await;
    let mut sold = 0;
    for past in &sandbox.past {
        let codes = sandbox.stores.orders.load_credentials(past.order.key).await.expect("the codes");
        for leg in past.order.legs.iter().filter(|leg| leg.confirmed_at.is_some()) {
            sold += 1;
            compare_sale(&sandbox, &past.order, leg, &codes).await;
        }
    }
    assert!(sold > 250, "{sold}");
}

async fn compare_sale(sandbox: &Sandbox, order: &Order, leg: &Leg, codes: &[orders::store::TicketCredential]) {
    let ordering = sandbox.fixture(&leg.source).source.ordering.as_ref().expect("it sells");
    let context = format!("{} at {}", order.number, leg.source);
    let request = order.leg_request(leg);
    let found = ordering.find_confirmation(&leg.attempts[0].key, &request, &leg.refs).await.expect("a look-up");
    let LookupOutcome::Done(found) = found else { panic!("{context}: {found:?}") };
    let known: BTreeSet<_> = leg.refs.iter().collect();
    assert_eq!(found.refs.iter().collect::<BTreeSet<_>>(), known, "{context}");
    let issued = ordering.load_tickets(&request, &leg.refs).await.expect("tickets");
    let lines: Vec<usize> = order.lines_of(leg.number).map(|(line, _)| line).collect();
    let own = order.tickets.iter().enumerate().filter(|(_, ticket)| lines.contains(&ticket.line));
    assert_eq!(own.clone().count(), issued.len(), "{context}");
    for (number, ticket) in own {
        let same = issued.iter().find(|other| other.refs == ticket.refs && other.line == ticket.line);
        let same = same.unwrap_or_else(|| panic!("{context}: {:?} is not among {issued:?}", ticket.refs));
        assert_eq!(same.state, ticket.state, "{context}");
        let code = codes.iter().find(|code| code.ticket == number).expect("a code");
        if let Some(barcode) = &same.barcode {
            let equal = barcode.value.expose_secret() == code.barcode.value.expose_secret();
            assert!(equal && barcode.symbology == code.barcode.symbology, "{context}");
        }
    }
}

#[tokio::test]
async fn the_reconciliation_of_each_past_week_and_of_some_days_agrees_at_each_source() {
    let sandbox = Sandbox::start().await;
    for source in SOURCES {
        let mut matched = 0;
        for week in 0..14 {
            matched += sandbox.reconcile(source, days_ago(7 * week + 7), days_ago(7 * week)).await;
        }
        assert!(matched > 10, "{source}: {matched}");
        for day in [1, 2, 5, 17, 40, 66, 91] {
            sandbox.reconcile(source, days_ago(day + 1), days_ago(day)).await;
        }
    }
}

#[tokio::test]
async fn a_coming_visit_that_was_sold_in_the_past_is_quoted_and_canceled_like_any_other() {
    let sandbox = Sandbox::start().await;
    for source in SOURCES {
        let is_coming = |order: &&Order| {
            order.legs.len() == 1
                && order.legs[0].source.as_str() == source
                && order.status() == OrderStatus::Confirmed
                && order.lines.iter().all(|line| line.starts_at > Some(now() + SignedDuration::from_hours(24)))
        };
        let order = sandbox.past.iter().map(|past| &past.order).find(is_coming).expect("a coming visit");
        let request = QuoteCancellation { order: order.key, lines: None };
        let quote = sandbox.orders.quote(&storefront(), &request).await.expect("the store").expect("a quote");
        assert_eq!(quote.refund, order.legs[0].charged.into_iter().collect::<Vec<_>>(), "{source}");
        let cancel = CancelOrder { key: format!("cancel at {source}"), quote: quote.id, reason: None };
        sandbox.orders.cancel(&storefront(), &cancel).await.expect("the store");
        sandbox.orders.wait_until_idle().await;
        let canceled = sandbox.read(order).await;
        assert_eq!(canceled.status(), OrderStatus::Cancelled, "{source}: {:?}", canceled.problems());
        assert_eq!(canceled.legs[0].status, LegStatus::Cancelled);
        assert!(canceled.tickets.iter().all(|ticket| ticket.state == TicketState::Void), "{source}");
        let sold_at = order.legs[0].confirmed_at.expect("sold");
        sandbox.reconcile(source, sold_at - SignedDuration::from_hours(12), sandbox.clock.now()).await;
    }
}
