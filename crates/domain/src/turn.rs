//! Turn of a vendor request in the queue of its source, and the scope that gives it to all requests of one order call.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use strum::{EnumString, IntoStaticStr};
use tokio::sync::{OnceCell, mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::error::VendorOperation;
use crate::ids::OrderKey;

/// Urgency of a request, most urgent first. Within a class, the earliest due time comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum RequestClass {
    /// Ends something that is held or sold: a confirmation, a release, a cancellation, or the lookup of an outcome. They compete
    /// by due time only, so that neither kind starves the other.
    Settle,
    /// Holds tickets of a new order.
    Hold,
    /// Reads the tickets of a completed sale.
    Tickets,
    /// Reads the facts that a new order is planned with.
    Plan,
    /// Everything else.
    Read,
}

impl RequestClass {
    /// Returns the name in metrics and stores.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Returns the class of a request that no order call sends.
    pub fn of(operation: VendorOperation) -> Self {
        match operation {
            VendorOperation::Hold => Self::Hold,
            VendorOperation::Extend
            | VendorOperation::Confirm
            | VendorOperation::Release
            | VendorOperation::Cancel
            | VendorOperation::LookUp => Self::Settle,
            _ => Self::Read,
        }
    }

    /// Returns true if the request may use the part of the quota that is reserved for orders, and takes one of the places for
    /// order requests.
    pub fn serves_an_order(self) -> bool {
        matches!(self, Self::Settle | Self::Hold | Self::Tickets)
    }
}

/// Leg whose calls were reserved before anything was held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReservationKey {
    /// Order.
    pub order: OrderKey,
    /// Index of the leg.
    pub leg: usize,
}

/// Endpoint of a request, as far as the vendor limits it by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Endpoint {
    /// Endpoint whose limit counts the request, besides the limit of the whole source.
    pub limit: Option<&'static str>,
    /// Endpoint that a rate-limit response pauses. `None`: the whole source.
    pub pause: Option<&'static str>,
}

/// Turn of a request: its place in the queue, and how long it may wait there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestTurn {
    /// Urgency.
    pub class: RequestClass,
    /// Time by which the request has to be sent: the end of its hold, for example. `None`: as soon as possible.
    pub due: Option<Instant>,
    /// Time after which the request is not sent any more. `None`: the usual longest wait of reads.
    pub latest: Option<Instant>,
    /// Reservation that the request uses, if any.
    pub reservation: Option<ReservationKey>,
    /// Endpoint that the request calls.
    pub endpoint: Endpoint,
}

impl RequestTurn {
    /// Returns the turn of a request that is due as soon as possible, waits no longer than reads do, and was not reserved.
    pub fn of(class: RequestClass) -> Self {
        Self { class, due: None, latest: None, reservation: None, endpoint: Endpoint::default() }
    }

    /// Returns the turn of the next request of the current call, or the usual turn of the operation outside of one.
    ///
    /// An order call that has begun competes with what is held and sold, by due time: otherwise long queues would put off its last
    /// request again and again, and each time it would use up the limit with its first ones.
    pub fn current(operation: VendorOperation) -> Self {
        let Some(scope) = TurnScope::current() else { return Self::of(RequestClass::of(operation)) };
        if scope.turn.class.serves_an_order() && scope.has_begun() {
            return Self { class: RequestClass::Settle, ..scope.turn };
        }
        scope.turn
    }
}

tokio::task_local! {
    static SCOPE: Arc<TurnScope>;
}

/// One order call. All its requests share a turn, and the time they wait in the queue counts for no timeout.
#[derive(Debug)]
pub struct TurnScope {
    turn: RequestTurn,
    /// True once a request of the call may be sent.
    has_begun: AtomicBool,
    write_ahead: Option<WriteAhead>,
    stopwatch: Mutex<Stopwatch>,
}

/// Holds a call back after its first request got its turn, until its step is in the ledger. A crash while it waits for its
/// turn leaves nothing unknown then.
#[derive(Debug)]
struct WriteAhead {
    leg: usize,
    ready: mpsc::UnboundedSender<ReadyCall>,
    is_written: OnceCell<()>,
}

/// Call that got its turn. It is sent once its step is written; if this is dropped, it is not sent.
#[derive(Debug)]
pub struct ReadyCall {
    /// Index of the leg.
    pub leg: usize,
    written: oneshot::Sender<()>,
}

impl ReadyCall {
    /// Lets the call be sent: its step is written.
    pub fn send(self) {
        // A call that ended meanwhile needs nothing.
        let _ = self.written.send(());
    }
}

/// Sum of the time in which at least one request waited.
#[derive(Debug, Default)]
struct Stopwatch {
    total: Duration,
    waiting: usize,
    since: Option<Instant>,
}

impl TurnScope {
    /// Creates the scope of a call that changes nothing, or whose step is written already.
    pub fn new(turn: RequestTurn) -> Arc<Self> {
        Arc::new(Self { turn, has_begun: AtomicBool::new(false), write_ahead: None, stopwatch: Mutex::default() })
    }

    /// Creates the scope of a call that is `ready` once it got its turn, and is sent after its step is written.
    pub fn with_write_ahead(turn: RequestTurn, leg: usize, ready: mpsc::UnboundedSender<ReadyCall>) -> Arc<Self> {
        let write_ahead = Some(WriteAhead { leg, ready, is_written: OnceCell::new() });
        Arc::new(Self { turn, has_begun: AtomicBool::new(false), write_ahead, stopwatch: Mutex::default() })
    }

    /// Returns the scope of the current call, if there is one.
    pub fn current() -> Option<Arc<Self>> {
        SCOPE.try_with(Arc::clone).ok()
    }

    /// Runs a call in this scope.
    pub async fn run<F: Future>(self: &Arc<Self>, call: F) -> F::Output {
        SCOPE.scope(Arc::clone(self), call).await
    }

    /// Returns the time that requests of the call have waited in the queue so far.
    pub fn queued(&self) -> Duration {
        let stopwatch = self.stopwatch();
        stopwatch.total + stopwatch.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Returns true once a request of the call may have been sent.
    pub fn has_begun(&self) -> bool {
        self.has_begun.load(Relaxed)
    }

    /// Waits in the queue, and before the first request until the step of the call is written. The wait counts as
    /// [`queued`](Self::queued).
    ///
    /// # Errors
    ///
    /// The time after which the turn is expected. Zero if nobody runs the order any more.
    pub async fn wait<T>(&self, queue: impl Future<Output = Result<T, Duration>>) -> Result<T, Duration> {
        let _waiting = Waiting::start(self);
        let turn = queue.await?;
        if self.begin().await { Ok(turn) } else { Err(Duration::ZERO) }
    }

    /// Waits until the step of the call is written. False if nobody runs the order any more, so that nothing may be sent.
    pub async fn begin(&self) -> bool {
        let is_written = match &self.write_ahead {
            Some(write_ahead) => write_ahead.is_written.get_or_try_init(|| write_ahead.write()).await.is_ok(),
            None => true,
        };
        self.has_begun.fetch_or(is_written, Relaxed);
        is_written
    }

    /// Runs `call` until `deadline`, which moves by the time that requests of the call wait in the queue. `None` if it passed.
    /// A call goes on only before its deadline: after a freeze of the process it sends nothing more, whatever it was waiting for.
    pub async fn run_until<F: Future>(&self, deadline: Instant, call: F) -> Option<F::Output> {
        let before = self.queued();
        let moved_deadline = || deadline + self.queued().saturating_sub(before);
        let mut call = std::pin::pin!(call);
        loop {
            let in_time = poll_fn(|context| {
                if Instant::now() > moved_deadline() {
                    return Poll::Ready(None);
                }
                call.as_mut().poll(context).map(Some)
            });
            tokio::select! {
                biased;
                output = in_time => return output,
                () = sleep_until(moved_deadline()) => {
                    if Instant::now() >= moved_deadline() {
                        return None;
                    }
                }
            }
        }
    }

    /// As [`run_until`](Self::run_until) in the scope of the current call. Outside of one, the deadline does not move.
    pub async fn run_current_until<F: Future>(deadline: Instant, call: F) -> Option<F::Output> {
        match Self::current() {
            Some(scope) => scope.run_until(deadline, call).await,
            None => timeout_at(deadline, call).await.ok(),
        }
    }

    /// Returns work that runs in the scope of the current call, if there is one, also when it is spawned as a task.
    pub fn propagate<F: Future>(work: F) -> impl Future<Output = F::Output> {
        let scope = Self::current();
        async move {
            match scope {
                Some(scope) => scope.run(work).await,
                None => work.await,
            }
        }
    }

    fn stopwatch(&self) -> MutexGuard<'_, Stopwatch> {
        self.stopwatch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WriteAhead {
    async fn write(&self) -> Result<(), oneshot::error::RecvError> {
        let (written, is_written) = oneshot::channel();
        // Without a receiver, the sender is dropped at once.
        let _ = self.ready.send(ReadyCall { leg: self.leg, written });
        is_written.await
    }
}

/// A request that waits. A canceled wait counts as well.
struct Waiting<'s>(&'s TurnScope);

impl<'s> Waiting<'s> {
    fn start(scope: &'s TurnScope) -> Self {
        let mut stopwatch = scope.stopwatch();
        stopwatch.waiting += 1;
        stopwatch.since.get_or_insert_with(Instant::now);
        Self(scope)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut stopwatch = self.0.stopwatch();
        stopwatch.waiting -= 1;
        if stopwatch.waiting == 0
            && let Some(since) = stopwatch.since.take()
        {
            stopwatch.total += since.elapsed();
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    async fn turn_after(wait: Duration) -> Result<(), Duration> {
        sleep(wait).await;
        Ok(())
    }

    fn scope() -> Arc<TurnScope> {
        TurnScope::new(RequestTurn::of(RequestClass::Settle))
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_in_the_queue_does_not_count_for_the_timeout_of_a_call() {
        let call = async |queued: Duration, sent: Duration| {
            let scope = scope();
            let inner = async {
                let own = TurnScope::current().expect("the scope");
                own.wait(turn_after(queued)).await.expect("a turn");
                sleep(sent).await;
            };
            let ended = scope.run_until(Instant::now() + SECOND * 10, scope.run(inner)).await;
            (ended.is_some(), scope.queued())
        };
        assert_eq!(call(SECOND * 30, SECOND * 9).await, (true, SECOND * 30));
        assert_eq!(call(SECOND * 30, SECOND * 11).await, (false, SECOND * 30));
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_of_a_process_that_was_frozen_past_its_deadline_does_not_go_on() {
        let scope = scope();
        let sent = AtomicBool::new(false);
        let call = async {
            sleep(SECOND).await;
            sent.store(true, Relaxed);
        };
        let mut running = std::pin::pin!(scope.run_until(Instant::now() + SECOND * 10, call));
        tokio::select! {
            biased;
            _ = &mut running => panic!("it has to wait"),
            () = std::future::ready(()) => {}
        }
        tokio::time::advance(SECOND * 20).await;
        assert_eq!((running.await, sent.load(Relaxed)), (None, false));
    }

    #[tokio::test(start_paused = true)]
    async fn requests_that_wait_together_wait_once() {
        let scope = scope();
        let (one, other) = tokio::join!(scope.wait(turn_after(SECOND * 2)), scope.wait(turn_after(SECOND * 5)));
        assert!(one.is_ok() && other.is_ok());
        assert_eq!(scope.queued(), SECOND * 5);
    }

    #[tokio::test(start_paused = true)]
    async fn an_order_call_that_has_begun_comes_before_others_that_are_not_due_earlier() {
        let turn = RequestTurn { due: Some(Instant::now() + SECOND * 75), ..RequestTurn::of(RequestClass::Hold) };
        let scope = TurnScope::new(turn);
        let next = || RequestTurn::current(VendorOperation::Hold);
        let (before, refused, after) = scope
            .run(async {
                let before = next();
                scope.wait(async { Err::<(), _>(SECOND) }).await.expect_err("no turn");
                let refused = next();
                scope.wait(turn_after(SECOND)).await.expect("a turn");
                (before, refused, next())
            })
            .await;
        assert_eq!((before, refused), (turn, turn));
        assert_eq!(after, RequestTurn { class: RequestClass::Settle, ..turn });
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_sent_before_the_step_is_written() {
        let (ready, mut calls) = mpsc::unbounded_channel();
        let scope = TurnScope::with_write_ahead(RequestTurn::of(RequestClass::Hold), 1, ready.clone());
        let (one, other) = (scope.wait(turn_after(SECOND)), scope.wait(turn_after(SECOND * 2)));
        let ledger = async {
            let call = calls.recv().await.expect("a call");
            assert_eq!((call.leg, scope.has_begun()), (1, false));
            sleep(SECOND * 5).await;
            assert!(calls.try_recv().is_err(), "requests of one call are written once");
            call.send();
        };
        let (one, other, ()) = tokio::join!(one, other, ledger);
        assert_eq!((one, other, scope.has_begun(), scope.queued()), (Ok(()), Ok(()), true, SECOND * 6));
        assert_eq!(scope.wait(turn_after(SECOND)).await, Ok(()));

        let scope = TurnScope::with_write_ahead(RequestTurn::of(RequestClass::Hold), 1, ready);
        let superseded = async { drop(calls.recv().await) };
        let (result, ()) = tokio::join!(scope.wait(turn_after(SECOND)), superseded);
        assert_eq!((result, scope.has_begun()), (Err(Duration::ZERO), false));
        drop(calls);
        assert_eq!(scope.wait(turn_after(SECOND)).await, Err(Duration::ZERO));
    }

    #[tokio::test]
    async fn outside_of_an_order_call_the_operation_decides() {
        let class = |operation| RequestTurn::current(operation).class;
        assert_eq!(class(VendorOperation::LoadEvents), RequestClass::Read);
        assert_eq!(class(VendorOperation::Hold), RequestClass::Hold);
        assert_eq!(class(VendorOperation::LookUp), RequestClass::Settle);
    }
}
