//! The catalogue: seasons and products to events, dates to performances, prices to ticket types (`secutix.md §4.1`, domain mapping).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use crate::inferred;
use crate::map::keys::{self, Occasion, Tariff, Ware};
use crate::map::snapshot::{Row, Show, Snapshot, end_of};
use crate::map::till::Till;
use crate::map::{pass, text, time};
use crate::wire::catalog::{self as wire, Catalog, Product, Season};
use crate::wire::{Label, Words};
use domain::{
    Audience, BookingMode, Event, EventStatus, ExternalRef, Money, Performance, Price, Section, Text, TicketType,
};

/// What could not be taken over. Each costs itself only; the log says how many there were.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Losses {
    /// Products, dates, things or prices of a shape that we do not know, or without an id.
    pub unread: usize,
    /// Prices finer than the smallest amount of the currency.
    pub amounts: usize,
}

/// Who tickets of a season are for.
pub(crate) struct Tariffs<'a> {
    pub(crate) main_language: &'a str,
    by_id: HashMap<i64, (&'a wire::AudienceCategory, &'a wire::AudienceSubCategory)>,
    levels: HashMap<i64, &'a wire::PriceLevel>,
}

/// One product while it is read.
pub(crate) struct Reading<'a> {
    /// The point of sale.
    pub till: &'a Till,
    /// The tariffs of the season.
    pub tariffs: &'a Tariffs<'a>,
    /// The product.
    pub product: &'a Product,
    /// Its id.
    pub id: i64,
    /// Whether season and product are for sale.
    pub is_for_sale: bool,
    /// The ticket types made so far.
    pub ticket_types: BTreeMap<(Ware, i64), Arc<TicketType>>,
    /// What could not be taken over.
    pub losses: Losses,
}

/// Reads a whole catalogue.
pub(crate) fn snapshot(catalog: &Catalog, till: Till, base_url: &str) -> (Snapshot, Losses) {
    let mut losses = Losses::default();
    let venue = venue(catalog, &till);
    let (mut events, mut shows) = (HashMap::new(), HashMap::new());
    for season in &catalog.seasons.0 {
        losses.unread += season.products.unread();
        let tariffs = Tariffs::of(season, &till);
        for product in season.products.readable() {
            let Some(id) = product.id.map(|id| id.0) else {
                losses.unread += 1;
                continue;
            };
            if is_no_visit(product) {
                continue;
            }
            let status = worst(inferred::status(season.state.as_ref()), product_status(product));
            let mut reading = Reading {
                till: &till,
                tariffs: &tariffs,
                product,
                id,
                is_for_sale: status == EventStatus::OnSale,
                ticket_types: BTreeMap::new(),
                losses: Losses::default(),
            };
            let its_shows = reading.shows();
            losses.unread += reading.losses.unread;
            losses.amounts += reading.losses.amounts;
            let event = Arc::new(event(&reading, season, status, &its_shows, (venue.as_deref(), base_url)));
            events.insert(event.key.clone(), event);
            shows.extend(its_shows.into_iter().map(|show| (show.performance.key.clone(), Arc::new(show))));
        }
    }
    let mut listed: Vec<_> = events.values().cloned().collect();
    listed.sort_by(|left, right| left.key.cmp(&right.key));
    (Snapshot { till, listed, events, shows }, losses)
}

impl<'a> Tariffs<'a> {
    fn of(season: &'a Season, till: &'a Till) -> Self {
        let by_id = season
            .audience_categories
            .0
            .iter()
            .flat_map(|category| category.audience_sub_categories.0.iter().map(move |tariff| (category, tariff)))
            .filter_map(|(category, tariff)| Some((tariff.id?.0, (category, tariff))))
            .collect();
        let levels = season.price_levels.0.iter().filter_map(|level| Some((level.id?.0, level))).collect();
        Self { main_language: &till.main_language, by_id, levels }
    }

    /// Whether anybody may buy at a price; a level or tariff that the season does not list says nothing against it (`secutix.md §7`).
    fn sells(&self, audience: i64, level: Option<i64>) -> bool {
        let category = self.by_id.get(&audience).and_then(|(category, _)| category.main_category.as_ref());
        let level = level.and_then(|id| self.levels.get(&id)).and_then(|level| level.main_category.as_ref());
        inferred::is_for_sale(category) && inferred::is_for_sale(level)
    }
}

impl Reading<'_> {
    fn shows(&mut self) -> Vec<Show> {
        let mut shows = match (&self.product.event, &self.product.pass) {
            (Some(event), _) => {
                self.losses.unread += event.performances.unread();
                event.performances.readable().filter_map(|date| self.date(date)).collect()
            }
            (None, Some(pass)) => pass::shows(self, pass),
            (None, None) => Vec::new(),
        };
        shows.sort_by_key(|show| (show.begins(self.till), show.performance.key.clone()));
        shows
    }

    fn date(&mut self, date: &wire::Performance) -> Option<Show> {
        let (Some(id), Some(start)) = (date.id, time::instant(date.start.as_ref(), &self.till.zone)) else {
            self.losses.unread += 1;
            return None;
        };
        let occasion = Occasion::Date(id.0);
        let performance = Performance {
            key: keys::performance(occasion),
            event: keys::event(self.id),
            refs: vec![ExternalRef::new("secutix.performance", id.0.to_string())],
            starts_at: Some(start),
            ends_at: end_of(Some(start), date.duration.map(|seconds| seconds.0)),
            date: Some(start.to_zoned(self.till.zone.clone()).date()),
            cutoff_at: None,
            listed_availability: None,
        };
        self.losses.unread += date.prices.unread();
        let mut rows: BTreeMap<(Ware, i64), Row> = BTreeMap::new();
        for price in date.prices.readable() {
            let (Some(audience), Some(amount)) = (price.aud_sub_cat_id, price.amount) else {
                self.losses.unread += 1;
                continue;
            };
            let level = price.price_level_id.map(|level| level.0);
            if !self.tariffs.sells(audience.0, level) {
                continue;
            }
            let ware = Ware::Seats(price.seat_cat_id.map(|category| category.0));
            let section = price.seat_cat_id.and_then(|category| self.section(&date.seat_categories.0, category.0));
            // One row for a tariff: orders name no price level, and the first level is the one of single sales.
            if !rows.contains_key(&(ware, audience.0))
                && let Some(row) = self.row(ware, audience.0, amount.0, section)
            {
                rows.insert((ware, audience.0), row);
            }
        }
        Some(Show {
            performance: Arc::new(performance),
            occasion,
            product: self.id,
            is_for_sale: self.is_for_sale && inferred::status(date.state.as_ref()) == EventStatus::OnSale,
            rows: rows.into_values().collect(),
            most_places: self.till.most_places,
        })
    }

    fn section(&self, categories: &[wire::SeatCategory], id: i64) -> Option<Section> {
        let category = categories.iter().find(|category| category.id.is_some_and(|its| its.0 == id))?;
        section(category, &self.till.main_language)
    }

    /// A tariff at a price; the ticket type is made at its first price. `None` where the amount is refused.
    pub fn row(&mut self, ware: Ware, audience: i64, amount: i64, section: Option<Section>) -> Option<Row> {
        let price = match self.till.coin.money(amount) {
            Ok(money) => Price::plain(money),
            Err(fault) => {
                tracing::debug!(product = self.id, %fault, "a price was left out");
                self.losses.amounts += 1;
                return None;
            }
        };
        let known = self.ticket_types.get(&(ware, audience)).map(Arc::clone);
        let ticket_type = known.unwrap_or_else(|| {
            let made = Arc::new(self.ticket_type(ware, audience, section, price.clone()));
            self.ticket_types.insert((ware, audience), Arc::clone(&made));
            made
        });
        Some(Row { ticket_type, ware, price })
    }

    fn ticket_type(&self, ware: Ware, audience: i64, section: Option<Section>, price: Price) -> TicketType {
        let known = self.tariffs.by_id.get(&audience);
        let language = self.tariffs.main_language;
        let tariff = known.map(|(_, tariff)| *tariff);
        let name = tariff
            .and_then(|tariff| text::text(tariff.external_name.as_ref(), tariff.code.as_ref(), language))
            .unwrap_or_else(|| Text::plain(audience.to_string()));
        let mut refs = vec![ExternalRef::new("secutix.audience_sub_category", audience.to_string())];
        refs.extend(match ware {
            Ware::Seats(category) => category.map(|id| ExternalRef::new("secutix.seat_category", id.to_string())),
            Ware::Item(item) => Some(ExternalRef::new("secutix.item", item.to_string())),
        });
        TicketType {
            key: keys::ticket_type(Tariff { product: self.id, ware, audience }),
            event: keys::event(self.id),
            refs,
            audience: known.map_or(Audience::Other, |(category, tariff)| who(category, tariff, &name)),
            name,
            description: tariff.and_then(|tariff| text::html(tariff.external_description.as_ref(), language)),
            min_age: None,
            max_age: None,
            admits: 1,
            section,
            price: Some(price),
            min_per_order: self
                .product
                .min_quantity
                .and_then(|least| u32::try_from(least.0).ok())
                .filter(|least| *least > 0),
            max_per_order: self.till.most_places,
        }
    }
}

fn who(category: &wire::AudienceCategory, tariff: &wire::AudienceSubCategory, name: &Text) -> Audience {
    let plain = |words: &Option<Words>| words.as_ref().map(|words| words.0.trim().to_owned());
    let mut words = plain(&tariff.code).unwrap_or_default();
    for text in name.translations.values().chain([&name.main]) {
        words.push(' ');
        words.push_str(text);
    }
    let (main, secondary) = (plain(&category.main_category), plain(&category.secondary_category));
    let kind = plain(&tariff.audience_category_kind);
    inferred::audience(main.as_deref(), secondary.as_deref(), kind.as_deref(), &words)
}

/// A seat category as a section.
pub(crate) fn section(category: &wire::SeatCategory, main_language: &str) -> Option<Section> {
    let id = category.id?.0;
    let name = text::text(category.external_name.as_ref(), category.code.as_ref(), main_language);
    Some(Section {
        key: keys::section(id),
        name: name.unwrap_or_else(|| Text::plain(id.to_string())),
        capacity: None,
        refs: vec![ExternalRef::new("secutix.seat_category", id.to_string())],
    })
}

/// Goods, services and transport are nothing that one visits.
fn is_no_visit(product: &Product) -> bool {
    matches!(family(product), "GOODS" | "SERVICE" | "TRANSPORT")
}

fn family(product: &Product) -> &str {
    product.product_family_type.as_ref().map(|words| words.0.trim()).unwrap_or_default()
}

/// Single entries and passes are sold; season tickets, packages and the like are shown, since their orders are not documented.
fn product_status(product: &Product) -> EventStatus {
    match (family(product), inferred::status(product.state.as_ref())) {
        ("SINGLE_ENTRY" | "PASS" | "", status) => status,
        (_, EventStatus::OnSale) => EventStatus::OffSale,
        (_, status) => status,
    }
}

/// A suspended season suspends its products.
fn worst(season: EventStatus, product: EventStatus) -> EventStatus {
    if product == EventStatus::OnSale { season } else { product }
}

fn event(
    reading: &Reading<'_>,
    season: &Season,
    status: EventStatus,
    shows: &[Show],
    place: (Option<&str>, &str),
) -> Event {
    let Reading { till, product, id, ticket_types, .. } = reading;
    let (venue, base_url) = place;
    let language = till.main_language.as_str();
    let mut refs = vec![ExternalRef::new("secutix.product", id.to_string())];
    refs.extend(product.code.as_ref().map(|code| ExternalRef::new("secutix.product_code", code.0.clone())));
    refs.extend(season.id.map(|season| ExternalRef::new("secutix.season", season.0.to_string())));
    let first = shows.iter().find_map(|show| Some((show.performance.starts_at?, show.performance.ends_at?)));
    let duration = first.map(|(start, end)| end.duration_since(start).as_mins());
    Event {
        key: keys::event(*id),
        refs,
        title: text::text(product.external_name.as_ref(), product.code.as_ref(), language)
            .unwrap_or_else(|| Text::plain(id.to_string())),
        summary: None,
        description: text::html(product.description.as_ref(), language),
        image: image(product, base_url),
        venue: venue.map(str::to_owned),
        categories: Vec::new(),
        time_zone: till.zone.iana_name().unwrap_or("UTC").to_owned(),
        booking_mode: booking_mode(product),
        status,
        is_private: false,
        starts_at: shows.iter().filter_map(|show| show.begins(till)).min(),
        ends_at: run_end(shows, till),
        duration_minutes: duration.and_then(|minutes| u32::try_from(minutes).ok()),
        capacity: None,
        sold_quantity: None,
        price_from: lowest(shows),
        sections: sections(product, language),
        listed_ticket_types: Some(Arc::new(ticket_types.values().map(|one| TicketType::clone(one)).collect())),
        listed_performances: Some(Arc::new(shows.iter().map(|show| Arc::clone(&show.performance)).collect())),
    }
}

fn booking_mode(product: &Product) -> BookingMode {
    match (&product.event, &product.pass) {
        (None, Some(pass)) => pass::booking_mode(pass),
        (Some(_), _) => BookingMode::Timed,
        (None, None) => BookingMode::Open,
    }
}

/// When the last date is over; none as long as one of them has no end.
fn run_end(shows: &[Show], till: &Till) -> Option<Timestamp> {
    let ends = shows.iter().map(|show| show.performance.ends_at.or_else(|| show.begins(till)));
    ends.collect::<Option<Vec<_>>>()?.into_iter().max()
}

fn lowest(shows: &[Show]) -> Option<Money> {
    let rows = shows.iter().filter(|show| show.is_for_sale).flat_map(|show| &show.rows);
    rows.map(|row| row.price.retail).min_by_key(|money| money.amount)
}

fn sections(product: &Product, language: &str) -> Vec<Section> {
    let dates = product.event.iter().flat_map(|event| event.performances.readable());
    let mut sections: BTreeMap<i64, Section> = BTreeMap::new();
    for category in dates.flat_map(|date| &date.seat_categories.0) {
        if let (Some(id), Some(section)) = (category.id, section(category, language)) {
            sections.entry(id.0).or_insert(section);
        }
    }
    sections.into_values().collect()
}

/// An absolute address; a relative one is taken from the vendor's host.
fn image(product: &Product, base_url: &str) -> Option<String> {
    let address = product.large_image_url.as_ref().or(product.medium_image_url.as_ref())?.0.trim();
    let base = url::Url::parse(base_url).ok()?;
    let joined = base.join(address).ok().filter(|_| !address.is_empty())?;
    matches!(joined.scheme(), "http" | "https").then(|| joined.to_string())
}

/// The one site of the catalogue; else the organisation: which date is where was not documented.
fn venue(catalog: &Catalog, till: &Till) -> Option<String> {
    let name = |label: &Option<Label>| text::text(label.as_ref(), None, &till.main_language).map(|text| text.main);
    let mut sites = catalog.physical_configurations.0.iter().filter_map(|place| name(&place.site_external_name));
    match sites.next() {
        Some(site) if sites.all(|other| other == site) => Some(site),
        _ => till.organization.clone(),
    }
}
