//! Reservations: requests that were promised and not sent yet, and the waiting list of those that were refused, so that who came
//! first is served first.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Time after the promised one in which a refused caller keeps its place in the waiting list.
pub const WAITING_LIST_GRACE: Duration = Duration::from_secs(5);

/// Wish to reserve requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish<K> {
    /// Holder of the reservation.
    pub key: K,
    /// Identifies the caller when it returns after a refusal.
    pub ticket: String,
    /// Number of requests.
    pub requests: u32,
    /// Time within which all requests must fit.
    pub within: Duration,
    /// Time after which an unused reservation is forgotten.
    pub lifetime: Duration,
}

/// Reservations of one limit.
pub struct Reservations<K>(Mutex<Ledger<K>>);

struct Ledger<K> {
    held: HashMap<K, Held>,
    waiting: Vec<Waiting>,
}

struct Held {
    left: u32,
    ends_at: Instant,
}

struct Waiting {
    ticket: String,
    requests: u32,
    ends_at: Instant,
}

impl<K> Default for Reservations<K> {
    fn default() -> Self {
        Self(Mutex::new(Ledger { held: HashMap::new(), waiting: Vec::new() }))
    }
}

impl<K: Eq + Hash + Clone> Reservations<K> {
    /// Reserves requests if they fit, and returns the time until the last one can be sent. `time_for` returns that time for a
    /// number of requests from now.
    ///
    /// The error is the time after which the same wish is expected to fit. Until then, and a little longer, the caller keeps its
    /// place in the waiting list; the list holds no more than fits within the time of the wish.
    pub fn reserve(&self, wish: &Wish<K>, time_for: impl Fn(u32) -> Duration) -> Result<Duration, Duration> {
        let now = Instant::now();
        let mut ledger = self.0.lock();
        ledger.forget_ended(now);
        ledger.held.remove(&wish.key);
        let rank = ledger.waiting.iter().position(|waiting| waiting.ticket == wish.ticket);
        let ahead = &ledger.waiting[..rank.unwrap_or(ledger.waiting.len())];
        let ahead: u32 = ahead.iter().map(|waiting| waiting.requests).sum();
        let wait = time_for(ledger.reserved().saturating_add(ahead).saturating_add(wish.requests));
        if wait <= wish.within {
            if let Some(rank) = rank {
                ledger.waiting.remove(rank);
            }
            let held = Held { left: wish.requests, ends_at: now + wish.lifetime };
            ledger.held.insert(wish.key.clone(), held);
            return Ok(wait);
        }
        let later = wait - wish.within;
        let ends_at = now + later + WAITING_LIST_GRACE;
        match rank {
            Some(rank) => ledger.waiting[rank].ends_at = ends_at,
            None if later <= wish.within => {
                ledger.waiting.push(Waiting { ticket: wish.ticket.clone(), requests: wish.requests, ends_at });
            }
            None => {}
        }
        Err(later)
    }

    /// Uses one request of a reservation.
    pub fn use_one(&self, key: &K) {
        if let Some(held) = self.0.lock().held.get_mut(key) {
            held.left = held.left.saturating_sub(1);
        }
    }

    /// Gives back what is left of a reservation.
    pub fn release(&self, key: &K) {
        self.0.lock().held.remove(key);
    }

    /// Returns the number of requests that are reserved and not sent yet.
    pub fn reserved(&self) -> u32 {
        let mut ledger = self.0.lock();
        ledger.forget_ended(Instant::now());
        ledger.reserved()
    }
}

impl<K> Ledger<K> {
    fn reserved(&self) -> u32 {
        self.held.values().map(|held| held.left).sum()
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
    use crate::rate_limit::{Gcra, GcraRateLimiter};

    const SECOND: Duration = Duration::from_secs(1);

    /// A limit of one request a second, without a burst.
    fn limiter() -> GcraRateLimiter {
        GcraRateLimiter::new(Gcra { interval: SECOND, burst: 1, reserved: 0 })
    }

    /// Four requests within ten seconds.
    fn wish(key: u32) -> Wish<u32> {
        Wish { key, ticket: format!("caller {key}"), requests: 4, within: SECOND * 10, lifetime: SECOND * 600 }
    }

    /// Sends one reserved request each second.
    async fn send(limiter: &GcraRateLimiter, reservations: &Reservations<u32>, key: u32, requests: u32) {
        for _ in 0..requests {
            while let Err(refusal) = limiter.try_acquire(true, None) {
                advance(refusal.wait).await;
            }
            reservations.use_one(&key);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_fit_is_refused_and_fits_after_the_named_time() {
        let (limiter, reservations) = (limiter(), Reservations::default());
        let reserve = |key| reservations.reserve(&wish(key), |requests| limiter.time_for(requests));
        assert_eq!((reserve(1), reserve(2)), (Ok(SECOND * 3), Ok(SECOND * 7)));
        assert_eq!(reserve(3), Err(SECOND), "the eleventh second");
        assert_eq!(reserve(3), Err(SECOND), "asking again changes nothing");
        send(&limiter, &reservations, 1, 2).await;
        assert!(reserve(3).is_ok());
        assert_eq!(reservations.reserved(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_were_refused_are_served_in_the_order_in_which_they_came() {
        let (limiter, reservations) = (limiter(), Reservations::default());
        let reserve = |key| reservations.reserve(&wish(key), |requests| limiter.time_for(requests));
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
        let reserve = |key| reservations.reserve(&wish(key), |requests| limiter.time_for(requests));
        assert!(reserve(1).is_ok() && reserve(2).is_ok() && reserve(3).is_err());
        reservations.release(&1);
        assert!(reserve(4).is_err(), "the place is kept");
        advance(SECOND + WAITING_LIST_GRACE).await;
        assert!(reserve(4).is_ok());
        advance(SECOND * 601).await;
        assert_eq!(reservations.reserved(), 0);
    }
}
