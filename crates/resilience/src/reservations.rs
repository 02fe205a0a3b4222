//! Reservations: requests that were promised and not sent yet, and the waiting list of those that were refused, so that who came
//! first is served first.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Time after the promised one in which a refused caller keeps its place in the waiting list.
pub const WAITING_LIST_GRACE: Duration = Duration::from_secs(5);

/// Requests within one limit: that of all requests, or of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requests {
    /// Endpoint whose limit counts them. `None`: the limit of all requests.
    pub endpoint: Option<&'static str>,
    /// Requests that are sent if nothing goes wrong.
    pub needed: u32,
    /// Requests that are kept in reserve.
    pub spare: u32,
}

/// Wish to reserve requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish<K> {
    /// Holder of the reservation.
    pub key: K,
    /// Identifies the caller when it returns after a refusal.
    pub ticket: String,
    /// Requests within each limit that counts them.
    pub requests: Vec<Requests>,
    /// Time within which the needed requests must fit.
    pub within: Duration,
    /// Time within which all must fit, those in reserve included.
    pub spare_within: Duration,
    /// Time after which an unused reservation is forgotten.
    pub lifetime: Duration,
}

/// Reservations of a source.
pub struct Reservations<K>(Mutex<Ledger<K>>);

struct Ledger<K> {
    held: HashMap<K, Held>,
    waiting: Vec<Waiting>,
}

struct Held {
    left: Vec<Requests>,
    ends_at: Instant,
}

struct Waiting {
    ticket: String,
    requests: Vec<Requests>,
    ends_at: Instant,
}

impl<K> Default for Reservations<K> {
    fn default() -> Self {
        Self(Mutex::new(Ledger { held: HashMap::new(), waiting: Vec::new() }))
    }
}

impl<K: Eq + Hash + Clone> Reservations<K> {
    /// Reserves requests if they fit into every limit, and returns the time until the last needed one can be sent. `time_for`
    /// returns the time until a number of requests from now can have been sent within a limit.
    ///
    /// The error is the time after which the same wish is expected to fit. Until then, and a little longer, the caller keeps its
    /// place in the waiting list; the list holds no more than fits within the time of the wish.
    pub fn reserve(
        &self,
        wish: &Wish<K>,
        time_for: impl Fn(Option<&'static str>, u32) -> Duration,
    ) -> Result<Duration, Duration> {
        let now = Instant::now();
        let mut ledger = self.0.lock();
        ledger.forget_ended(now);
        ledger.held.remove(&wish.key);
        let rank = ledger.waiting.iter().position(|waiting| waiting.ticket == wish.ticket);
        let ahead = &ledger.waiting[..rank.unwrap_or(ledger.waiting.len())];
        let (mut wait, mut later) = (Duration::ZERO, Duration::ZERO);
        for wished in &wish.requests {
            let before = sum(ledger.held_requests().chain(ahead.iter().flat_map(|waiting| &waiting.requests)), wished);
            let needed = before.needed.saturating_add(wished.needed);
            let all = needed.saturating_add(before.spare).saturating_add(wished.spare);
            let (time, time_with_spare) = (time_for(wished.endpoint, needed), time_for(wished.endpoint, all));
            wait = wait.max(time);
            later = later.max(time.saturating_sub(wish.within)).max(time_with_spare.saturating_sub(wish.spare_within));
        }
        if later.is_zero() {
            if let Some(rank) = rank {
                ledger.waiting.remove(rank);
            }
            let held = Held { left: wish.requests.clone(), ends_at: now + wish.lifetime };
            ledger.held.insert(wish.key.clone(), held);
            return Ok(wait);
        }
        let ends_at = now + later + WAITING_LIST_GRACE;
        match rank {
            Some(rank) => ledger.waiting[rank].ends_at = ends_at,
            None if later <= wish.within => {
                let (ticket, requests) = (wish.ticket.clone(), wish.requests.clone());
                ledger.waiting.push(Waiting { ticket, requests, ends_at });
            }
            None => {}
        }
        Err(later)
    }

    /// Uses one request of a reservation: a needed one while there are any, then one in reserve.
    pub fn use_one(&self, key: &K, endpoint: Option<&'static str>) {
        let mut ledger = self.0.lock();
        let Some(held) = ledger.held.get_mut(key) else { return };
        for left in held.left.iter_mut().filter(|left| left.endpoint.is_none() || left.endpoint == endpoint) {
            let count = if left.needed > 0 { &mut left.needed } else { &mut left.spare };
            *count = count.saturating_sub(1);
        }
    }

    /// Gives back what is left of a reservation.
    pub fn release(&self, key: &K) {
        self.0.lock().held.remove(key);
    }

    /// Returns the requests within a limit that are reserved and not sent yet.
    pub fn reserved(&self, endpoint: Option<&'static str>) -> Requests {
        let mut ledger = self.0.lock();
        ledger.forget_ended(Instant::now());
        sum(ledger.held_requests(), &Requests { endpoint, needed: 0, spare: 0 })
    }
}

/// Adds up the requests within the same limit as `of`.
fn sum<'r>(requests: impl Iterator<Item = &'r Requests>, of: &Requests) -> Requests {
    let nothing = Requests { endpoint: of.endpoint, needed: 0, spare: 0 };
    requests.filter(|requests| requests.endpoint == of.endpoint).fold(nothing, |sum, requests| Requests {
        needed: sum.needed.saturating_add(requests.needed),
        spare: sum.spare.saturating_add(requests.spare),
        ..sum
    })
}

impl<K> Ledger<K> {
    fn held_requests(&self) -> impl Iterator<Item = &Requests> {
        self.held.values().flat_map(|held| &held.left)
    }

    fn forget_ended(&mut self, now: Instant) {
        self.held.retain(|_, held| held.ends_at > now);
        self.waiting.retain(|waiting| waiting.ends_at > now);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;
    use crate::rate_limit::{Endpoint, Gcra, GcraLimits, GcraRateLimiter};

    const SECOND: Duration = Duration::from_secs(1);

    /// A limit of ten requests a second in all and of one a second for each endpoint, without bursts.
    fn limiter() -> GcraRateLimiter {
        let all = Gcra { interval: SECOND / 10, burst: 1, reserved: 0 };
        GcraRateLimiter::new(GcraLimits { all, each_endpoint: Some(Gcra { interval: SECOND, ..all }) })
    }

    /// Four requests to one endpoint within ten seconds, and none in reserve.
    fn wish(key: u32) -> Wish<u32> {
        let requests = |endpoint| Requests { endpoint, needed: 4, spare: 0 };
        Wish {
            key,
            ticket: format!("caller {key}"),
            requests: vec![requests(None), requests(Some("orders"))],
            within: SECOND * 10,
            spare_within: SECOND * 10,
            lifetime: SECOND * 600,
        }
    }

    /// Sends one reserved request each second.
    async fn send(limiter: &GcraRateLimiter, reservations: &Reservations<u32>, key: u32, requests: u32) {
        for _ in 0..requests {
            let endpoint = Endpoint { limit: Some("orders"), pause: None };
            while let Err(refusal) = limiter.try_acquire(true, endpoint) {
                advance(refusal.wait).await;
            }
            reservations.use_one(&key, endpoint.limit);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_fit_is_refused_and_fits_after_the_named_time() {
        let (limiter, reservations) = (limiter(), Reservations::default());
        let reserve = |key| reservations.reserve(&wish(key), |limit, requests| limiter.time_for(limit, requests));
        assert_eq!((reserve(1), reserve(2)), (Ok(SECOND * 3), Ok(SECOND * 7)));
        assert_eq!(reserve(3), Err(SECOND), "the eleventh second");
        assert_eq!(reserve(3), Err(SECOND), "asking again changes nothing");
        send(&limiter, &reservations, 1, 2).await;
        assert!(reserve(3).is_ok());
        assert_eq!(reservations.reserved(Some("orders")).needed, 10);
        assert_eq!(reservations.reserved(Some("catalog")).needed, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_kept_in_reserve_may_come_later_but_has_to_fit_too() {
        let (limiter, reservations) = (limiter(), Reservations::default());
        let reserve = |key| {
            let requests = Requests { endpoint: Some("orders"), needed: 2, spare: 6 };
            let wish = Wish { requests: vec![requests], spare_within: SECOND * 20, ..wish(key) };
            reservations.reserve(&wish, |limit, requests| limiter.time_for(limit, requests))
        };
        assert_eq!((reserve(1), reserve(2)), (Ok(SECOND), Ok(SECOND * 3)));
        assert_eq!(reserve(3), Err(SECOND * 3), "the needed ones would fit within six seconds, all of them not");
        send(&limiter, &reservations, 1, 3).await;
        let left = Requests { endpoint: Some("orders"), needed: 2, spare: 11 };
        assert_eq!(reservations.reserved(Some("orders")), left);
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_were_refused_are_served_in_the_order_in_which_they_came() {
        let (limiter, reservations) = (limiter(), Reservations::default());
        let reserve = |key| reservations.reserve(&wish(key), |limit, requests| limiter.time_for(limit, requests));
        assert!(reserve(1).is_ok() && reserve(2).is_ok());
        let (third, fourth) = (reserve(3).expect_err("full"), reserve(4).expect_err("full"));
        assert_eq!((third, fourth), (SECOND, SECOND * 5));
        send(&limiter, &reservations, 1, 2).await;
        assert!(reserve(5).is_err(), "a newcomer waits for those before it");
        assert!(reserve(3).is_ok());
        send(&limiter, &reservations, 1, 2).await;
        send(&limiter, &reservations, 2, 2).await;
        assert!(reserve(4).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_return_loses_the_place_and_an_unused_reservation_ends() {
        let (limiter, reservations) = (limiter(), Reservations::default());
        let reserve = |key| reservations.reserve(&wish(key), |limit, requests| limiter.time_for(limit, requests));
        assert!(reserve(1).is_ok() && reserve(2).is_ok() && reserve(3).is_err());
        reservations.release(&1);
        assert!(reserve(4).is_err(), "the place is kept");
        advance(SECOND + WAITING_LIST_GRACE).await;
        assert!(reserve(4).is_ok());
        advance(SECOND * 601).await;
        assert_eq!(reservations.reserved(None).needed, 0);
    }
}
