//! The messages of one webhook that wait: a lane for each order, of which the first message is sent.

use std::collections::{BTreeSet, HashMap, VecDeque};

use change_feed::ChangeSubject;
use jiff::Timestamp;

use crate::delivery::WebhookDelivery;

#[derive(Debug)]
struct Lane {
    /// In the order of the feed.
    waiting: VecDeque<WebhookDelivery>,
    is_in_flight: bool,
}

/// Messages that wait, in memory. Their number is bounded by who adds them.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    lanes: HashMap<String, Lane>,
    /// First messages of the lanes that are not in flight, by the time of their next attempt.
    due: BTreeSet<(Timestamp, Option<u64>, String)>,
    count: usize,
}

fn due_key(lane: &str, first: &WebhookDelivery) -> (Timestamp, Option<u64>, String) {
    (first.next_attempt_at, first.position, lane.to_owned())
}

impl Lanes {
    /// Returns the number of messages, with those in flight.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Adds a message behind those of its lane.
    pub(crate) fn push(&mut self, delivery: WebhookDelivery) {
        let name = delivery.lane();
        let lane =
            self.lanes.entry(name.clone()).or_insert_with(|| Lane { waiting: VecDeque::new(), is_in_flight: false });
        if lane.waiting.is_empty() {
            self.due.insert(due_key(&name, &delivery));
        }
        lane.waiting.push_back(delivery);
        self.count += 1;
    }

    /// Returns the number of messages of a lane.
    pub(crate) fn len_of(&self, name: &str) -> usize {
        self.lanes.get(name).map_or(0, |lane| lane.waiting.len())
    }

    /// Returns the first message of a lane.
    pub(crate) fn first_of(&self, name: &str) -> Option<&WebhookDelivery> {
        self.lanes.get(name)?.waiting.front()
    }

    /// Removes the last message of a lane about an object, or about any if there is none. The first one stays.
    pub(crate) fn remove_last(&mut self, name: &str, subject: Option<&ChangeSubject>) -> Option<WebhookDelivery> {
        let waiting = &mut self.lanes.get_mut(name)?.waiting;
        let last = waiting.len().checked_sub(1).filter(|last| *last > 0)?;
        let index = (1..=last).rev().find(|index| waiting[*index].subject.as_ref() == subject).unwrap_or(last);
        let removed = waiting.remove(index)?;
        self.count -= 1;
        Some(removed)
    }

    /// Returns the time of the next attempt of the message that is due first.
    pub(crate) fn next_attempt_at(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, ..)| *at)
    }

    /// Takes the message that is due first for an attempt. Its lane waits until it is put back or removed.
    pub(crate) fn take_due(&mut self, now: Timestamp) -> Option<WebhookDelivery> {
        let (at, ..) = self.due.first()?;
        if *at > now {
            return None;
        }
        let (_, _, name) = self.due.pop_first()?;
        let lane = self.lanes.get_mut(&name)?;
        lane.is_in_flight = true;
        lane.waiting.front().cloned()
    }

    /// Ends the attempt of the first message of a lane: it is replaced, or removed if it was accepted, and the lane goes on.
    pub(crate) fn finish(&mut self, name: &str, replaced: Option<WebhookDelivery>) {
        let Some(lane) = self.lanes.get_mut(name).filter(|lane| lane.is_in_flight) else { return };
        lane.is_in_flight = false;
        match replaced {
            Some(delivery) => {
                if let Some(first) = lane.waiting.front_mut() {
                    *first = delivery;
                }
            }
            None => {
                lane.waiting.pop_front();
                self.count -= 1;
            }
        }
        match lane.waiting.front() {
            Some(first) => drop(self.due.insert(due_key(name, first))),
            None => drop(self.lanes.remove(name)),
        }
    }

    /// Returns the time of the change of the oldest message.
    pub(crate) fn oldest(&self) -> Option<Timestamp> {
        self.lanes.values().filter_map(|lane| lane.waiting.front()).map(|delivery| delivery.at).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::tests::delivery;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn positions(lanes: &mut Lanes, now: i64) -> Vec<u64> {
        std::iter::from_fn(|| lanes.take_due(at(now))).filter_map(|delivery| delivery.position).collect()
    }

    #[test]
    fn one_message_of_an_order_is_in_flight_and_the_next_follows_only_when_it_was_accepted() {
        let mut lanes = Lanes::default();
        for (order, position) in [("a", 1), ("b", 2), ("a", 3), ("a", 4)] {
            lanes.push(delivery(order, position));
        }
        assert_eq!(positions(&mut lanes, 0), [1, 2]);
        let (a, b) = (delivery("a", 1).lane(), delivery("b", 2).lane());
        lanes.finish(&a, Some(WebhookDelivery { next_attempt_at: at(60), ..delivery("a", 1) }));
        lanes.finish(&b, None);
        assert_eq!(positions(&mut lanes, 59), Vec::<u64>::new(), "a later message does not pass");
        assert_eq!(lanes.next_attempt_at(), Some(at(60)));
        assert_eq!(positions(&mut lanes, 60), [1]);
        lanes.finish(&a, None);
        assert_eq!((positions(&mut lanes, 60), lanes.len()), (vec![3], 2));
    }

    #[test]
    fn an_attempt_ends_once() {
        let mut lanes = Lanes::default();
        lanes.push(delivery("a", 1));
        lanes.push(delivery("a", 2));
        let lane = delivery("a", 1).lane();
        lanes.finish(&lane, None);
        assert_eq!(lanes.len(), 2, "nothing was in flight");
        assert_eq!(positions(&mut lanes, 0), [1]);
        lanes.finish(&lane, None);
        lanes.finish(&lane, None);
        assert_eq!((lanes.len(), lanes.oldest()), (1, Some(Timestamp::UNIX_EPOCH)));
    }
}
