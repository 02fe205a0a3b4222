//! Emulated vendors of a case: one of each kind on one clock, called over HTTP by the real clients.

use std::sync::Arc;
use std::time::Duration;

use domain::{AvailabilityStatus, Catalog, Clock, Offer, Performance, RateLimiter};
use emulators::LoggedCall;
use emulators::acme::AcmeEmulator;
use emulators::octo::OctoEmulator;
use emulators::secutix::SecutixEmulator;
use emulators::ticketing::{ADMINISTRATOR_KEY, TicketingEmulator};
use emulators::{Emulator, Rule, SandboxClock, Scenario};
use jiff::{SignedDuration, Timestamp};
use orders::{OrderLineRequest, OrderStore};
use source_stack::LocalRateLimiter;

use crate::contract::fixture::{
    ACME_RESELLER_KEYS, VendorFixture, acme_config, octo_config, secutix_config, settlement, ticketing_config,
};
use crate::orders::emulated::recorded::RecordedCatalog;
use crate::orders::world::World;

/// Timeout longer than any injected hang.
const ATTEMPT: Duration = Duration::from_secs(60);

/// Lines to buy in a case; together they cover every booking shape and protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BookingStyle {
    /// A timed visit, an opera seat over JSON, a paid night, and a tour: all are held first.
    Held,
    /// An open visit, a club over SOAP, a free night, and an open-dated pass with a voucher: two are held, one is confirmed at once,
    /// one commits at the hold.
    AtOnce,
}

impl BookingStyle {
    pub(super) const ALL: [Self; 2] = [Self::Held, Self::AtOnce];

    fn wants(self, vendor: usize, performance: &Performance, offer: &Offer) -> bool {
        let is_timed = performance.starts_at.is_some();
        match (self, vendor) {
            (Self::Held, 0) => is_timed,
            (Self::AtOnce, 0) => !is_timed,
            (Self::AtOnce, 2) => offer.price.retail.amount == 0,
            // Its tickets are there at once, unlike those of another tour.
            (Self::Held, 3) => {
                performance.event.as_str().starts_with("lagoon-cruise/") && offer.price.retail.amount > 0
            }
            (Self::AtOnce, 3) => !is_timed && performance.date.is_none(),
            _ => offer.price.retail.amount > 0,
        }
    }
}

/// Line to buy, and the recorded catalog of its vendor.
#[derive(Clone)]
pub(super) struct SellableLine {
    pub line: OrderLineRequest,
    pub catalog: Arc<dyn Catalog>,
}

/// Emulated vendors of a case and the environment that buys from them.
pub(super) struct Venues {
    pub world: World,
    pub fixtures: Vec<VendorFixture>,
}

impl Venues {
    /// Starts the vendors without bookings. `lines` were found earlier in an environment of the same style.
    pub(super) async fn open(
        style: BookingStyle,
        ledger: Arc<dyn OrderStore>,
        client: &http_client::ConnectionPools,
        lines: &[SellableLine],
    ) -> Self {
        Self::open_limited(style, ledger, client, lines, None).await
    }

    /// Like [`Venues::open`]. `limited` is our limit of SecuTix, and the calls that SecuTix allows an endpoint in a window.
    pub(super) async fn open_limited(
        style: BookingStyle,
        ledger: Arc<dyn OrderStore>,
        client: &http_client::ConnectionPools,
        lines: &[SellableLine],
        limited: Option<(Arc<LocalRateLimiter>, u32, Duration)>,
    ) -> Self {
        let mut world = World::new(ledger, &[]);
        let clock = Arc::new(SandboxClock::new(Arc::clone(&world.clock) as Arc<dyn Clock>));
        let (institution, transport) = if style == BookingStyle::Held { ("OPERA", "json") } else { ("CLUB", "soap") };
        let acme: Arc<dyn Emulator> = AcmeEmulator::new(Arc::clone(&clock), None, false);
        let secutix: Arc<dyn Emulator> = match &limited {
            Some((_, calls, window)) => {
                SecutixEmulator::limited(Arc::clone(&clock), *calls as usize, *calls as usize, *window)
            }
            None => SecutixEmulator::new(Arc::clone(&clock), None, false),
        };
        let ticketing = TicketingEmulator::new(Arc::clone(&clock), None);
        let vendors = [
            ("acme", acme, acme_config("harbor-sandbox-key", ACME_RESELLER_KEYS)),
            ("secutix", secutix, secutix_config(institution, &format!("transport = \"{transport}\""))),
            ("ticketing", ticketing, ticketing_config(ADMINISTRATOR_KEY, &settlement())),
            ("octo", OctoEmulator::new(Arc::clone(&clock), None, false), octo_config("")),
        ];
        let mut fixtures = Vec::new();
        for (vendor, emulator, config) in vendors {
            let (http, clock) = ((client.clone(), ATTEMPT), Arc::clone(&clock));
            let limiter = limited.as_ref().map(|(limiter, ..)| Arc::clone(limiter)).filter(|_| vendor == "secutix");
            let fixture = match limiter {
                Some(limiter) => {
                    let of_requests = Arc::clone(&limiter) as Arc<dyn RateLimiter>;
                    let mut fixture =
                        VendorFixture::start_limited(vendor, clock, emulator, config, http, of_requests).await;
                    fixture.source.capacity = Some(limiter);
                    fixture
                }
                None => VendorFixture::start_with(vendor, clock, emulator, config, http).await,
            };
            fixtures.push(fixture);
        }
        for (fixture, line) in fixtures.iter_mut().zip(lines) {
            fixture.source.catalog = Arc::clone(&line.catalog);
        }
        world.sources = fixtures.iter().map(|fixture| fixture.source.clone()).collect();
        world.emulated_lines = lines.iter().map(|line| line.line.clone()).collect();
        Self { world, fixtures }
    }

    /// Finds two tickets per vendor, far enough ahead that every fault is resolved before they start.
    pub(super) async fn find_lines(&self, style: BookingStyle) -> Vec<SellableLine> {
        let from: Timestamp = self.world.clock.now() + SignedDuration::from_hours(14 * 24);
        let mut lines = Vec::new();
        for (vendor, fixture) in self.fixtures.iter().enumerate() {
            let fits = |(performance, offer): &(Arc<Performance>, Offer)| {
                let is_open = matches!(offer.status, AvailabilityStatus::Available | AvailabilityStatus::Freesale);
                is_open && offer.vacancies.is_none_or(|left| left >= 10) && style.wants(vendor, performance, offer)
            };
            let offers = fixture.offers(from).await;
            let (performance, offer) = offers.into_iter().find(fits).unwrap_or_else(|| panic!("{}", fixture.source.id));
            let catalog = RecordedCatalog::of(&fixture.source, &performance.key).await;
            let line = OrderLineRequest {
                source: fixture.source.id.clone(),
                performance: performance.key.clone(),
                ticket_type_source: fixture.source.id.clone(),
                ticket_type_event: offer.ticket_type.event.clone(),
                ticket_type: offer.ticket_type.key.clone(),
                quantity: 2,
                expected_unit_price: None,
            };
            lines.push(SellableLine { line, catalog });
        }
        lines
    }

    pub(super) fn fail(&self, vendor: usize, rule: Rule) {
        self.fixtures[vendor].running.stage.faults.add(Scenario { rules: vec![rule] });
    }

    /// Removes all faults.
    pub(super) fn fail_nothing(&self) {
        self.fixtures.iter().for_each(|fixture| fixture.running.stage.faults.clear());
    }

    /// Returns the calls that each vendor received, in order.
    pub(super) fn calls(&self) -> Vec<Vec<LoggedCall>> {
        self.fixtures.iter().map(|fixture| fixture.running.stage.log.all()).collect()
    }
}

/// Returns true if a call may have an effect at its vendor.
pub(super) fn writes(call: &LoggedCall) -> bool {
    const METHODS: [&str; 4] = ["createOrUpdateOrder", "closeOrder", "abandonMovements", "cancelOperations"];
    if is_method(call, "") {
        return METHODS.iter().any(|method| is_method(call, method));
    }
    call.method != "GET" && !call.target.contains("/lookups") && !call.target.starts_with("/octo/availability")
}

/// Returns true if a call is this remote method; all of them are POST requests.
fn is_method(call: &LoggedCall, method: &str) -> bool {
    let is_remote = call.target.contains("/external-remoting/") || call.target.contains("/backend-apis/");
    is_remote && (call.target.contains(method) || call.action.contains(method))
}

/// Returns true if the vendor acts twice on a repeated call, because it carries no key (`acme.md §4.2`, `secutix.md
/// §3.3`, `ticketing.md §4.10`). A client cannot prevent that; each duplicate expires by itself unless it is free.
pub(super) fn doubles(call: &LoggedCall) -> bool {
    let path = call.target.split('?').next().unwrap_or_default();
    path.ends_with("/b2b/reservations") || is_method(call, "createOrUpdateOrder") || path.ends_with("/v3/orders")
}
