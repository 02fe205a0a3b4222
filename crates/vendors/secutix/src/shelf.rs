//! The catalogue in memory: read at most when the set-up changed or once a day, in a task of its own, never for a request
//! (`secutix.md §2.8`, §5.3). Readers that have an older one never wait for a new one.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::client::Client;
use crate::map::catalog;
use crate::map::snapshot::Snapshot;
use crate::map::till::{House, Till};
use crate::map::time;
use domain::{Clock, ErrorKind, Freshness, FreshnessMode, Observed, Operation, VendorError};
use telemetry::explain::carry;

/// How often the vendor is asked whether its set-up changed.
const CHECK_EVERY: SignedDuration = SignedDuration::from_mins(3);
/// How long to leave the vendor alone after a failure.
const AFTER_FAILURE: SignedDuration = SignedDuration::from_secs(30);
/// How long a confirmed catalogue is served as known; an older one is stale, and worth a short wait.
const KNOWN_FOR: SignedDuration = SignedDuration::from_mins(10);
/// That short wait: enough for "nothing changed".
const SHORT_WAIT: Duration = Duration::from_secs(2);
/// How old a catalogue may become, whatever the vendor says.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);
/// How far our clock and the vendor's may be apart.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// Keeps the catalogue.
pub(crate) struct Shelf {
    keeper: Arc<Keeper>,
    tracker: TaskTracker,
    _stop: DropGuard,
    stop: CancellationToken,
}

struct Keeper {
    client: Arc<Client>,
    clock: Arc<dyn Clock>,
    house: House,
    base_url: String,
    held: ArcSwapOption<Held>,
    /// The point of sale: orders need it without a catalogue, as after a restart.
    till: ArcSwapOption<Till>,
    rounds: watch::Sender<Round>,
}

/// A catalogue and what is known about its age.
struct Held {
    snapshot: Arc<Snapshot>,
    read_at: Timestamp,
    confirmed_at: Timestamp,
    /// The set-up that it shows, as the vendor dated it; none until the first check.
    setup: Option<Timestamp>,
}

/// How far refreshing has come.
#[derive(Clone, Default)]
struct Round {
    number: u64,
    is_running: bool,
    failure: Option<(Timestamp, VendorError)>,
}

/// Ends a round even when its task is torn down: nobody may wait for ever.
struct Running<'a> {
    keeper: &'a Keeper,
    outcome: Result<(), VendorError>,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let now = self.keeper.clock.now();
        let failure = self.outcome.clone().err().map(|error| (now, error));
        self.keeper.rounds.send_modify(|round| {
            *round = Round { number: round.number + 1, is_running: false, failure };
        });
    }
}

impl Shelf {
    /// An empty shelf: the first reader fills it.
    pub fn new(
        client: Arc<Client>,
        clock: Arc<dyn Clock>,
        tracker: TaskTracker,
        house: House,
        base_url: String,
    ) -> Self {
        let stop = CancellationToken::new();
        let (held, till) = (ArcSwapOption::empty(), ArcSwapOption::empty());
        let keeper = Keeper { client, clock, house, base_url, held, till, rounds: watch::Sender::default() };
        Self { keeper: Arc::new(keeper), tracker, _stop: stop.clone().drop_guard(), stop }
    }

    /// The catalogue. Only a reader that finds none waits for it; an older one is served while a new one is fetched.
    pub async fn current(&self, operation: Operation) -> Result<Observed<Arc<Snapshot>>, VendorError> {
        let keeper = &self.keeper;
        let now = keeper.clock.now();
        let Some(held) = keeper.held.load_full() else { return self.first(operation).await };
        if keeper.is_due(&held, now) {
            let done = self.kick();
            if now.duration_since(held.confirmed_at) > KNOWN_FOR {
                let _ = tokio::time::timeout(SHORT_WAIT, done.wait()).await;
                let held = keeper.held.load_full().unwrap_or(held);
                return Ok(held.observed(keeper.clock.now()));
            }
        }
        Ok(held.observed(now))
    }

    /// The point of sale, read once and again with each catalogue. Its errors have no effect, whatever they are for.
    pub async fn till(&self, operation: Operation) -> Result<Arc<Till>, VendorError> {
        if let Some(till) = self.known_till() {
            return Ok(till);
        }
        let asked_as = if operation.serves_an_order() { Operation::LookUp } else { Operation::ListEvents };
        self.keeper.read_till(asked_as).await.map_err(|error| VendorError { operation, ..error })
    }

    /// The point of sale, where it was read already.
    pub fn known_till(&self) -> Option<Arc<Till>> {
        self.keeper.till.load_full()
    }

    /// Waits for the first catalogue, or shares the failure with all who wait.
    async fn first(&self, operation: Operation) -> Result<Observed<Arc<Snapshot>>, VendorError> {
        let failure = self.kick().wait().await;
        let now = self.keeper.clock.now();
        match (self.keeper.held.load_full(), failure) {
            (Some(held), _) => {
                Ok(Observed { value: Arc::clone(&held.snapshot), freshness: Freshness::live(held.read_at.min(now)) })
            }
            (None, Some(error)) => Err(VendorError { operation, ..error }),
            (None, None) => Err(self.keeper.client.error(operation, ErrorKind::Unavailable)),
        }
    }

    /// Starts a round unless one is running.
    fn kick(&self) -> Done {
        let mut round = self.keeper.rounds.subscribe();
        let mut starts = false;
        self.keeper.rounds.send_if_modified(|round| {
            starts = !round.is_running;
            round.is_running = true;
            starts
        });
        let number = round.borrow_and_update().number;
        if starts {
            let (keeper, stop) = (Arc::clone(&self.keeper), self.stop.clone());
            let refreshing = async move {
                let torn = keeper.client.error(Operation::ListEvents, ErrorKind::Unavailable);
                let mut running = Running { keeper: &keeper, outcome: Err(torn) };
                tokio::select! {
                    outcome = keeper.refresh() => running.outcome = outcome,
                    () = stop.cancelled() => {}
                }
            };
            // Told to whoever came first; the others only wait.
            self.tracker.spawn(carry(refreshing.in_current_span()));
        }
        Done { round, number }
    }
}

/// The end of a round.
struct Done {
    round: watch::Receiver<Round>,
    number: u64,
}

impl Done {
    /// Waits for the end; the failure, if it was one.
    async fn wait(mut self) -> Option<VendorError> {
        let number = self.number;
        let round = self.round.wait_for(|round| round.number > number).await.ok()?;
        round.failure.as_ref().map(|(_, error)| error.clone())
    }
}

impl Held {
    fn observed(&self, now: Timestamp) -> Observed<Arc<Snapshot>> {
        let expires_at = self.confirmed_at.checked_add(KNOWN_FOR).unwrap_or(self.confirmed_at);
        let mode = if now <= expires_at { FreshnessMode::Cached } else { FreshnessMode::Stale };
        let freshness = Freshness { mode, observed_at: self.confirmed_at, expires_at: Some(expires_at) };
        Observed { value: Arc::clone(&self.snapshot), freshness }
    }
}

impl Keeper {
    fn is_due(&self, held: &Held, now: Timestamp) -> bool {
        let rests = self
            .rounds
            .borrow()
            .failure
            .as_ref()
            .is_some_and(|(failed_at, _)| now.duration_since(*failed_at) < AFTER_FAILURE);
        now.duration_since(held.confirmed_at) >= CHECK_EVERY && !rests
    }

    /// One round: is it still the same set-up? If not, everything anew.
    async fn refresh(&self) -> Result<(), VendorError> {
        let held = self.held.load_full();
        let mut setup = None;
        if let Some(held) = &held {
            setup = self.setup_changed_at().await?;
            let now = self.clock.now();
            let is_young = now.duration_since(held.read_at) < LONGEST;
            if is_young && !is_newer(setup, held) {
                self.held.store(Some(Arc::new(Held {
                    snapshot: Arc::clone(&held.snapshot),
                    read_at: held.read_at,
                    confirmed_at: now,
                    setup: setup.or(held.setup),
                })));
                return Ok(());
            }
        }
        let snapshot = self.read().await?;
        let now = self.clock.now();
        let snapshot = match &held {
            Some(held) => snapshot.remembering(&held.snapshot),
            None => snapshot,
        };
        self.held.store(Some(Arc::new(Held { snapshot: Arc::new(snapshot), read_at: now, confirmed_at: now, setup })));
        Ok(())
    }

    async fn read_till(&self, operation: Operation) -> Result<Arc<Till>, VendorError> {
        let pos = self.client.pos_config(operation).await?;
        let till = Till::read(&pos, &self.house)
            .map_err(|fault| self.client.error(operation, ErrorKind::Malformed).because(fault))?;
        let till = Arc::new(till);
        self.till.store(Some(Arc::clone(&till)));
        Ok(till)
    }

    async fn setup_changed_at(&self) -> Result<Option<Timestamp>, VendorError> {
        let told = self.client.last_setup_update(Operation::ListEvents).await?;
        Ok(time::instant(told.as_ref(), &self.house.zone))
    }

    async fn read(&self) -> Result<Snapshot, VendorError> {
        let operation = Operation::ListEvents;
        let till = self.read_till(operation).await?;
        let catalog = self.client.catalog(operation).await?;
        let (snapshot, losses) = catalog::snapshot(&catalog, Till::clone(&till), &self.base_url);
        if losses != catalog::Losses::default() {
            let (unread, amounts) = (losses.unread, losses.amounts);
            tracing::warn!(unread, amounts, "parts of the catalogue could not be taken over");
        }
        Ok(snapshot)
    }
}

/// Whether the set-up is a later one than the catalogue shows. A vendor that does not say is asked anew once a day.
fn is_newer(setup: Option<Timestamp>, held: &Held) -> bool {
    match (setup, held.setup) {
        (None, _) => false,
        (Some(now), Some(then)) => now > then,
        // The first check after reading: a change shortly before it, by a clock that may be off, counts as one.
        (Some(now), None) => held.read_at.duration_since(now) < CLOCK_SKEW,
    }
}
