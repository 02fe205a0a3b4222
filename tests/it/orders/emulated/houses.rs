//! The emulated vendors of a case: one of each, on one clock, reached over real HTTP through the vendors' own clients.

use std::sync::Arc;
use std::time::Duration;

use domain::{AvailabilityStatus, Catalog, Clock, Offer, Performance};
use emulators::acme::Acme;
use emulators::log::LoggedCall;
use emulators::secutix::Secutix;
use emulators::ticketing::{ADMINISTRATOR_KEY, TicketingSandbox};
use emulators::{Emulator, Rule, SandboxClock, Scenario};
use jiff::{SignedDuration, Timestamp};
use orders::{AskedLine, Ledger};

use crate::contract::bench::{ACME_IDS, Bench, acme_stanza, secutix_stanza, settlement, ticketing_stanza};
use crate::orders::emulated::remembered::Remembered;
use crate::orders::world::World;

/// Longer than any call of a case may hang.
const ATTEMPT: Duration = Duration::from_secs(60);

/// Who sells what in a case: every shape of a leg, every transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cast {
    /// A timed visit, an opera seat over JSON, a paid night: all three are held first.
    Held,
    /// An open visit, a club over SOAP, a free night: one is held, one is sold at once, one is sold by placing it.
    AtOnce,
}

impl Cast {
    pub const ALL: [Self; 2] = [Self::Held, Self::AtOnce];

    fn wants(self, vendor: usize, performance: &Performance, offer: &Offer) -> bool {
        let is_timed = performance.starts_at.is_some();
        match (self, vendor) {
            (Self::Held, 0) => is_timed,
            (Self::AtOnce, 0) => !is_timed,
            (Self::AtOnce, 2) => offer.price.retail.amount == 0,
            _ => offer.price.retail.amount > 0,
        }
    }
}

/// What a case buys of a vendor, and what that vendor told of it.
#[derive(Clone)]
pub struct Ware {
    pub line: AskedLine,
    pub catalog: Arc<dyn Catalog>,
}

/// The vendors of a case, and the world that buys from them.
pub struct Houses {
    pub world: World,
    pub benches: Vec<Bench>,
}

impl Houses {
    /// Opens them, empty. `wares` is what was found before at a world of the same cast.
    pub async fn open(cast: Cast, ledger: Arc<dyn Ledger>, client: &reqwest::Client, wares: &[Ware]) -> Self {
        let mut world = World::new(ledger, &[]);
        let clock = Arc::new(SandboxClock::new(Arc::clone(&world.clock) as Arc<dyn Clock>));
        let (institution, transport) = if cast == Cast::Held { ("OPERA", "json") } else { ("CLUB", "soap") };
        let acme: Arc<dyn Emulator> = Acme::new(Arc::clone(&clock), None, false);
        let secutix = Secutix::new(Arc::clone(&clock), None, false);
        let ticketing = TicketingSandbox::new(Arc::clone(&clock), None, false);
        let houses = [
            ("acme", acme, acme_stanza("harbor-sandbox-key", ACME_IDS)),
            ("secutix", secutix, secutix_stanza(institution, &format!("transport = \"{transport}\""))),
            ("ticketing", ticketing, ticketing_stanza(ADMINISTRATOR_KEY, &settlement())),
        ];
        let mut benches = Vec::new();
        for (vendor, emulator, stanza) in houses {
            let limits = (client.clone(), ATTEMPT);
            benches.push(Bench::raise_with(vendor, Arc::clone(&clock), emulator, stanza, limits).await);
        }
        for (bench, ware) in benches.iter_mut().zip(wares) {
            bench.source.catalog = Arc::clone(&ware.catalog);
        }
        world.sources = benches.iter().map(|bench| bench.source.clone()).collect();
        world.wares = wares.iter().map(|ware| ware.line.clone()).collect();
        Self { world, benches }
    }

    /// Two tickets of each vendor, far enough ahead that whatever goes wrong is over before they begin.
    pub async fn find_wares(&self, cast: Cast) -> Vec<Ware> {
        let from: Timestamp = self.world.clock.now() + SignedDuration::from_hours(14 * 24);
        let mut wares = Vec::new();
        for (vendor, bench) in self.benches.iter().enumerate() {
            let fits = |(performance, offer): &(Arc<Performance>, Offer)| {
                let is_open = offer.status == AvailabilityStatus::Available;
                is_open && offer.vacancies.is_none_or(|left| left >= 10) && cast.wants(vendor, performance, offer)
            };
            let offers = bench.offers(from).await;
            let (performance, offer) = offers.into_iter().find(fits).unwrap_or_else(|| panic!("{}", bench.source.id));
            let catalog = Remembered::of(&bench.source, &performance.key).await;
            let line = AskedLine {
                source: bench.source.id.clone(),
                performance: performance.key.clone(),
                ticket_type_source: bench.source.id.clone(),
                ticket_type: offer.ticket_type.key.clone(),
                quantity: 2,
                expected_unit_price: None,
            };
            wares.push(Ware { line, catalog });
        }
        wares
    }

    pub fn fail(&self, vendor: usize, rule: Rule) {
        self.benches[vendor].running.stage.faults.add(Scenario { rules: vec![rule] });
    }

    /// What each vendor was asked, in order.
    pub fn calls(&self) -> Vec<Vec<LoggedCall>> {
        self.benches.iter().map(|bench| bench.running.stage.log.all()).collect()
    }
}

/// Whether a call may change something at its vendor.
pub fn writes(call: &LoggedCall) -> bool {
    const METHODS: [&str; 4] = ["createOrUpdateOrder", "closeOrder", "abandonMovements", "cancelOperations"];
    if is_method(call, "") {
        return METHODS.iter().any(|method| is_method(call, method));
    }
    call.method != "GET" && !call.target.contains("/lookups")
}

/// Whether a call is this method of S-360, whose calls are all posts.
fn is_method(call: &LoggedCall, method: &str) -> bool {
    let is_remote = call.target.contains("/external-remoting/") || call.target.contains("/backend-apis/");
    is_remote && (call.target.contains(method) || call.action.contains(method))
}

/// Whether a vendor that gets this call twice does two things, by its papers: none of these carries a key
/// (`acme.md §4.2`, `secutix.md §3.3`, `ticketing.md §4.10`). No client can mend that, and each ends by itself unless it is free.
pub fn doubles(call: &LoggedCall) -> bool {
    let path = call.target.split('?').next().unwrap_or_default();
    path.ends_with("/b2b/reservations") || is_method(call, "createOrUpdateOrder") || path.ends_with("/v3/orders")
}
