//! Instances by days: at most a day a call, only days that can have any, and no more of them than were asked for.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use futures_util::future::join_all;
use jiff::civil::Date;

use crate::catalog::shelf::Seen;
use crate::catalog::{HORIZON_DAYS, Programme, today};
use crate::client::DayQuery;
use crate::map::keys::InstanceRef;
use crate::map::{availability, days, event, performance};
use crate::wire::catalog::{Instance, Template};
use domain::{Batch, EventKey, Observed, Operation, Performance, PerformanceKey, TicketType, VendorError, Window};

/// An event that is being walked, and what was found for it so far.
struct Walk<T> {
    key: EventKey,
    seen: Seen,
    found: Vec<T>,
    failed: Option<VendorError>,
}

impl<T> Walk<T> {
    fn all(events: Vec<(EventKey, Seen)>) -> Vec<Self> {
        events.into_iter().map(|(key, seen)| Self { key, seen, found: Vec::new(), failed: None }).collect()
    }
}

impl Programme {
    /// Walks the days of a window, in waves that the schedules size, until every event has enough.
    pub(super) async fn walk_window(
        &self,
        events: Vec<(EventKey, Seen)>,
        window: &Window,
    ) -> Batch<EventKey, Observed<Arc<Vec<Arc<Performance>>>>> {
        let zone = &self.venue.zone;
        let first = days::of(window.from, zone);
        let last = window.to.map_or_else(|| horizon(first), |to| days::of(to, zone));
        let now = self.clock.now();
        let mut walks = Walk::all(events);
        self.walk_days(Operation::ListPerformances, &mut walks, (first, last), window.limit, |seen, instances| {
            let read =
                instances.iter().filter_map(|one| performance::performance(one, &seen.template, &self.venue, now));
            read.filter(|performance| performance::is_inside(performance, window, zone)).map(Arc::new).collect()
        })
        .await;
        let finish = |walk: Walk<Arc<Performance>>| {
            let outcome = match walk.failed {
                Some(error) => Err(error),
                None => Ok(Observed::live(Arc::new(self.in_order(walk.found, window.limit)), self.clock.now())),
            };
            (walk.key, outcome)
        };
        walks.into_iter().map(finish).collect()
    }

    fn in_order(&self, mut found: Vec<Arc<Performance>>, limit: usize) -> Vec<Arc<Performance>> {
        let mut known = HashSet::new();
        found.retain(|performance| known.insert(performance.key.clone()));
        found.sort_by_cached_key(|one| (performance::begin(one, &self.venue.zone), one.key.clone()));
        found.truncate(limit);
        found
    }

    /// The ticket types of events that name none themselves: from the price lists of their next instances.
    pub(super) async fn ticket_types_of_instances(
        &self,
        events: Vec<(EventKey, Seen)>,
    ) -> Batch<EventKey, Observed<Arc<Vec<TicketType>>>> {
        let first = today(&self.venue, self.clock.now());
        let mut walks = Walk::all(events);
        let op = Operation::LoadTicketTypes;
        self.walk_days(op, &mut walks, (first, horizon(first)), 1, |seen, instances| {
            event::ticket_types(&seen.template.id.to_string(), availability::price_lists(instances), &self.venue)
        })
        .await;
        let finish = |mut walk: Walk<TicketType>| {
            let mut known = HashSet::new();
            walk.found.retain(|kind| known.insert(kind.key.clone()));
            let outcome = match walk.failed {
                Some(error) => Err(error),
                None => Ok(Observed::live(Arc::new(walk.found), self.clock.now())),
            };
            (walk.key, outcome)
        };
        walks.into_iter().map(finish).collect()
    }

    /// Walks days until every walk has `enough`, or the days are over. A failed call fails those that still needed its day.
    async fn walk_days<T>(
        &self,
        op: Operation,
        walks: &mut [Walk<T>],
        (first, last): (Date, Date),
        enough: usize,
        read: impl Fn(&Seen, &[Instance]) -> Vec<T>,
    ) {
        let mut left: VecDeque<Date> = days::span(first, last);
        loop {
            let mut open: Vec<&mut Walk<T>> =
                walks.iter_mut().filter(|walk| walk.failed.is_none() && walk.found.len() < enough).collect();
            let missing: Vec<(&Template, usize)> =
                open.iter().map(|walk| (&*walk.seen.template, enough - walk.found.len())).collect();
            let wave = days::wave(&mut left, &missing, &self.venue.zone);
            if wave.is_empty() {
                return;
            }
            let templates: Vec<Arc<Template>> = open.iter().map(|walk| Arc::clone(&walk.seen.template)).collect();
            let asked = wave.into_iter().map(|day| self.instances_of(op, day, &templates));
            for outcome in join_all(asked).await {
                match outcome {
                    Ok(mut instances) => {
                        for walk in &mut open {
                            let own = instances.remove(&walk.seen.template.id.to_string()).unwrap_or_default();
                            walk.found.extend(read(&walk.seen, &own));
                        }
                    }
                    Err(error) => open.iter_mut().for_each(|walk| walk.failed = Some(error.clone())),
                }
            }
        }
    }

    /// The instances of a day by template: asked with `templateId` where only one is wanted.
    async fn instances_of(
        &self,
        op: Operation,
        day: Date,
        templates: &[Arc<Template>],
    ) -> Result<HashMap<String, Vec<Instance>>, VendorError> {
        let only = if let [only] = templates { Some(only.id.to_string()) } else { None };
        let with_private = templates.iter().any(|template| event::is_private(template));
        let query = DayQuery { day, template: only.as_deref(), with_private };
        let mut by_template: HashMap<String, Vec<Instance>> = HashMap::new();
        for instance in self.client.list_instances(op, query, &self.venue.zone).await? {
            let owner = instance.template_id.as_ref().map(ToString::to_string).or_else(|| only.clone());
            by_template.entry(owner.unwrap_or_default()).or_default().push(instance);
        }
        Ok(by_template)
    }

    /// Reads performances: a single one of a day by its id, several from the list of the day, what that leaves out by id.
    pub(super) async fn read_performances(
        &self,
        op: Operation,
        wanted: &[PerformanceKey],
    ) -> Batch<PerformanceKey, Observed<Arc<Performance>>> {
        let mut by_day: BTreeMap<Date, Vec<InstanceRef>> = BTreeMap::new();
        for named in wanted.iter().collect::<HashSet<_>>().into_iter().filter_map(InstanceRef::read) {
            by_day.entry(named.day).or_default().push(named);
        }
        let asked = by_day.into_iter().map(|(day, named)| self.read_day(op, day, named));
        let instances: Vec<_> = join_all(asked).await.into_iter().flatten().collect();
        let of = |instance: &Instance| instance.template_id.as_ref().map(|id| EventKey::new(id.to_string()));
        let owners: HashSet<EventKey> =
            instances.iter().filter_map(|(_, outcome)| of(outcome.as_ref().ok()?.as_ref()?)).collect();
        let templates = self.recall_templates(op, &owners.into_iter().collect::<Vec<_>>()).await;
        let now = self.clock.now();
        let mut answers = Batch::new();
        for (named, outcome) in instances {
            let read = outcome.and_then(|instance| {
                let Some(instance) = instance else { return Ok(None) };
                let Some(owner) = of(&instance).and_then(|key| templates.get(&key)) else { return Ok(None) };
                let template = &owner.as_ref().map_err(Clone::clone)?.template;
                Ok(performance::performance(&instance, template, &self.venue, now))
            });
            if let Some(outcome) = read.map(|found| found.filter(|found| found.key == named.key())).transpose() {
                answers.insert(named.key(), outcome.map(|found| Observed::live(Arc::new(found), now)));
            }
        }
        answers
    }

    async fn read_day(
        &self,
        op: Operation,
        day: Date,
        named: Vec<InstanceRef>,
    ) -> Vec<(InstanceRef, Result<Option<Instance>, VendorError>)> {
        let mut listed: HashMap<String, Instance> = HashMap::new();
        if named.len() > 1 {
            let query = DayQuery { day, template: None, with_private: true };
            match self.client.list_instances(op, query, &self.venue.zone).await {
                Ok(instances) => listed.extend(instances.into_iter().map(|one| (one.id.to_string(), one))),
                Err(error) => return named.into_iter().map(|named| (named, Err(error.clone()))).collect(),
            }
        }
        let read = named.into_iter().map(|named| {
            let known = listed.remove(&named.instance);
            async move {
                let outcome = match known {
                    Some(instance) => Ok(Some(instance)),
                    None => self.client.find_instance(op, &named.instance).await,
                };
                (named, outcome)
            }
        });
        join_all(read).await
    }
}

fn horizon(first: Date) -> Date {
    first.saturating_add(jiff::Span::new().days(i64::from(HORIZON_DAYS) - 1))
}
