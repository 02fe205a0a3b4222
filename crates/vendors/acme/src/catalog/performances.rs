//! Instances by day: one day per call, only days that can have instances, and no more of them than needed.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use futures_util::future::join_all;
use jiff::civil::Date;

use crate::catalog::template_cache::CachedTemplate;
use crate::catalog::{AcmeCatalog, HORIZON_DAYS, today};
use crate::client::DayQuery;
use crate::map::keys::InstanceRef;
use crate::map::{availability, days, event, performance};
use crate::wire::catalog::{Instance, Template};
use domain::{
    Batch, EventKey, Observed, Performance, PerformanceKey, PerformanceWindow, TicketType, VendorError, VendorOperation,
};

/// An event whose days are being scanned, with the results so far.
struct EventScan<T> {
    key: EventKey,
    cached: CachedTemplate,
    found: Vec<T>,
    error: Option<VendorError>,
}

impl<T> EventScan<T> {
    fn start_all(events: Vec<(EventKey, CachedTemplate)>) -> Vec<Self> {
        events.into_iter().map(|(key, cached)| Self { key, cached, found: Vec::new(), error: None }).collect()
    }
}

impl AcmeCatalog {
    /// Scans the days of a window, in batches sized by the schedules, until every event has enough performances.
    pub(super) async fn list_window(
        &self,
        events: Vec<(EventKey, CachedTemplate)>,
        window: &PerformanceWindow,
    ) -> Batch<EventKey, Observed<Arc<Vec<Arc<Performance>>>>> {
        let zone = &self.defaults.time_zone;
        let first = days::date_of(window.from, zone);
        let last = window.to.map_or_else(|| last_listed_day(first), |to| days::date_of(to, zone));
        let now = self.clock.now();
        let mut walks = EventScan::start_all(events);
        self.scan_days(
            VendorOperation::ListPerformances,
            &mut walks,
            (first, last),
            window.limit,
            |cached, instances| {
                let read = instances
                    .iter()
                    .filter_map(|one| performance::performance(one, &cached.template, &self.defaults, now));
                read.filter(|performance| performance::is_inside(performance, window, zone)).map(Arc::new).collect()
            },
        )
        .await;
        let finish = |walk: EventScan<Arc<Performance>>| {
            let outcome = match walk.error {
                Some(error) => Err(error),
                None => {
                    Ok(Observed::live(Arc::new(self.sorted_and_limited(walk.found, window.limit)), self.clock.now()))
                }
            };
            (walk.key, outcome)
        };
        walks.into_iter().map(finish).collect()
    }

    fn sorted_and_limited(&self, mut found: Vec<Arc<Performance>>, limit: usize) -> Vec<Arc<Performance>> {
        let mut seen_keys = HashSet::new();
        found.retain(|performance| seen_keys.insert(performance.key.clone()));
        found.sort_by_cached_key(|one| (performance::start_of(one, &self.defaults.time_zone), one.key.clone()));
        found.truncate(limit);
        found
    }

    /// Ticket types of events whose templates name none, read from the price lists of their next instances.
    pub(super) async fn ticket_types_of_instances(
        &self,
        events: Vec<(EventKey, CachedTemplate)>,
    ) -> Batch<EventKey, Observed<Arc<Vec<TicketType>>>> {
        let first = today(&self.defaults, self.clock.now());
        let mut walks = EventScan::start_all(events);
        let op = VendorOperation::LoadTicketTypes;
        self.scan_days(op, &mut walks, (first, last_listed_day(first)), 1, |cached, instances| {
            event::ticket_types(&cached.template.id.to_string(), availability::price_lists(instances), &self.defaults)
        })
        .await;
        let finish = |mut walk: EventScan<TicketType>| {
            let mut seen_keys = HashSet::new();
            walk.found.retain(|kind| seen_keys.insert(kind.key.clone()));
            let outcome = match walk.error {
                Some(error) => Err(error),
                None => Ok(Observed::live(Arc::new(walk.found), self.clock.now())),
            };
            (walk.key, outcome)
        };
        walks.into_iter().map(finish).collect()
    }

    /// Scans days until every scan has `enough` results or no days are left. A failed call fails the scans that still
    /// needed its day.
    async fn scan_days<T>(
        &self,
        op: VendorOperation,
        walks: &mut [EventScan<T>],
        (first, last): (Date, Date),
        enough: usize,
        read: impl Fn(&CachedTemplate, &[Instance]) -> Vec<T>,
    ) {
        let mut left: VecDeque<Date> = days::date_range(first, last);
        loop {
            let mut open: Vec<&mut EventScan<T>> =
                walks.iter_mut().filter(|walk| walk.error.is_none() && walk.found.len() < enough).collect();
            let missing: Vec<(&Template, usize)> =
                open.iter().map(|walk| (&*walk.cached.template, enough - walk.found.len())).collect();
            let wave = days::next_days(&mut left, &missing, &self.defaults.time_zone);
            if wave.is_empty() {
                return;
            }
            let templates: Vec<Arc<Template>> = open.iter().map(|walk| Arc::clone(&walk.cached.template)).collect();
            let requests = wave.into_iter().map(|day| self.instances_by_template(op, day, &templates));
            for outcome in join_all(requests).await {
                match outcome {
                    Ok(mut instances) => {
                        for walk in &mut open {
                            let own = instances.remove(&walk.cached.template.id.to_string()).unwrap_or_default();
                            walk.found.extend(read(&walk.cached, &own));
                        }
                    }
                    Err(error) => open.iter_mut().for_each(|walk| walk.error = Some(error.clone())),
                }
            }
        }
    }

    /// Lists the instances of a day by template. Sends `templateId` if only one template is requested.
    async fn instances_by_template(
        &self,
        op: VendorOperation,
        day: Date,
        templates: &[Arc<Template>],
    ) -> Result<HashMap<String, Vec<Instance>>, VendorError> {
        let only = if let [only] = templates { Some(only.id.to_string()) } else { None };
        let include_private = templates.iter().any(|template| event::is_private(template));
        let query = DayQuery { day, template_id: only.as_deref(), include_private };
        let mut by_template: HashMap<String, Vec<Instance>> = HashMap::new();
        for instance in self.client.list_instances(op, query, &self.defaults.time_zone).await? {
            let owner = instance.template_id.as_ref().map(ToString::to_string).or_else(|| only.clone());
            by_template.entry(owner.unwrap_or_default()).or_default().push(instance);
        }
        Ok(by_template)
    }

    /// Reads performances: a single one of a day by id, several from the day's list, and those missing from it by id.
    pub(super) async fn read_performances(
        &self,
        op: VendorOperation,
        wanted: &[PerformanceKey],
    ) -> Batch<PerformanceKey, Observed<Arc<Performance>>> {
        let mut by_day: BTreeMap<Date, Vec<InstanceRef>> = BTreeMap::new();
        for named in wanted.iter().collect::<HashSet<_>>().into_iter().filter_map(InstanceRef::parse) {
            by_day.entry(named.day).or_default().push(named);
        }
        let requests = by_day.into_iter().map(|(day, named)| self.read_day(op, day, named));
        let instances: Vec<_> = join_all(requests).await.into_iter().flatten().collect();
        let of = |instance: &Instance| instance.template_id.as_ref().map(|id| EventKey::new(id.to_string()));
        let owners: HashSet<EventKey> =
            instances.iter().filter_map(|(_, outcome)| of(outcome.as_ref().ok()?.as_ref()?)).collect();
        let templates = self.cached_or_fetched_templates(op, &owners.into_iter().collect::<Vec<_>>()).await;
        let now = self.clock.now();
        let mut results = Batch::new();
        for (named, outcome) in instances {
            let read = outcome.and_then(|instance| {
                let Some(instance) = instance else { return Ok(None) };
                let Some(owner) = of(&instance).and_then(|key| templates.get(&key)) else { return Ok(None) };
                let template = &owner.as_ref().map_err(Clone::clone)?.template;
                Ok(performance::performance(&instance, template, &self.defaults, now))
            });
            if let Some(outcome) = read.map(|found| found.filter(|found| found.key == named.key())).transpose() {
                results.insert(named.key(), outcome.map(|found| Observed::live(Arc::new(found), now)));
            }
        }
        results
    }

    async fn read_day(
        &self,
        op: VendorOperation,
        day: Date,
        named: Vec<InstanceRef>,
    ) -> Vec<(InstanceRef, Result<Option<Instance>, VendorError>)> {
        let mut listed: HashMap<String, Instance> = HashMap::new();
        if named.len() > 1 {
            let query = DayQuery { day, template_id: None, include_private: true };
            match self.client.list_instances(op, query, &self.defaults.time_zone).await {
                Ok(instances) => listed.extend(instances.into_iter().map(|one| (one.id.to_string(), one))),
                Err(error) => return named.into_iter().map(|named| (named, Err(error.clone()))).collect(),
            }
        }
        let read = named.into_iter().map(|named| {
            let listed_instance = listed.remove(&named.id);
            async move {
                let outcome = match listed_instance {
                    Some(instance) => Ok(Some(instance)),
                    None => self.client.find_instance(op, &named.id).await,
                };
                (named, outcome)
            }
        });
        join_all(read).await
    }
}

fn last_listed_day(first: Date) -> Date {
    first.saturating_add(jiff::Span::new().days(i64::from(HORIZON_DAYS) - 1))
}
