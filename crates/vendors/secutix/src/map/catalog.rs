//! Maps the catalog: seasons and products to events, dates to performances, prices to ticket types (`secutix.md §4.1`).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use domain::{
    Audience, BookingMode, Event, EventStatus, ExternalRef, FirstWebUrl, LocalizedText, Money, Performance, Price,
    Section, TicketType, WebUrl,
};
use jiff::Timestamp;

use crate::assumptions;
use crate::facts::Facts;
use crate::map::family::ProductFamily;
use crate::map::keys::{self, PerformanceRef, ProductItem, TariffRef};
use crate::map::point_of_sale::PointOfSale;
use crate::map::snapshot::{CatalogSnapshot, PerformanceEntry, TariffPrice, end_at};
use crate::map::{pass, text, time};
use crate::wire::catalog::{self as wire, CatalogData, Product, Season};
use crate::wire::{Label, LenientString};

/// Number of parts that could not be mapped. Each is skipped on its own; the log has the counts.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct SkippedParts {
    /// Products, dates, items or prices of unknown structure or without an id.
    pub unreadable: usize,
    /// Prices that do not fit the currency.
    pub invalid_amounts: usize,
}

impl SkippedParts {
    /// Logs prices that are not sold, because the unit of amounts is inferred and may be another one.
    pub(crate) fn report(&self) {
        if self.invalid_amounts > 0 {
            tracing::warn!(
                prices = self.invalid_amounts,
                "prices that do not fit the smallest amount of their currency are not sold: if the venue's amounts have another unit, \
                 set `assumptions.amount_unit`"
            );
        }
    }
}

/// Tariffs and price levels of a season.
pub(crate) struct SeasonTariffs<'a> {
    pub(crate) main_language: &'a str,
    facts: &'a Facts,
    by_id: HashMap<i64, (&'a wire::AudienceCategory, &'a wire::AudienceSubCategory)>,
    levels: HashMap<i64, &'a wire::PriceLevel>,
}

/// Maps one product.
pub(crate) struct ProductReader<'a> {
    /// The point of sale.
    pub point_of_sale: &'a PointOfSale,
    /// Tariffs of the season.
    pub tariffs: &'a SeasonTariffs<'a>,
    /// The product.
    pub product: &'a Product,
    /// Its id.
    pub product_id: i64,
    /// True if season and product are for sale.
    pub is_for_sale: bool,
    /// Ticket types created so far.
    pub ticket_types: BTreeMap<(ProductItem, i64), Arc<TicketType>>,
    /// Parts that could not be mapped.
    pub skipped: SkippedParts,
}

/// Maps a whole catalog.
pub(crate) fn snapshot(
    catalog: &CatalogData,
    point_of_sale: PointOfSale,
    base_url: &str,
    facts: &Facts,
) -> (CatalogSnapshot, SkippedParts) {
    let mut skipped = SkippedParts::default();
    let base_url = url::Url::parse(base_url).ok();
    let venue = venue(catalog, &point_of_sale);
    let (mut events, mut entries) = (HashMap::new(), HashMap::new());
    let mut unsold_families = BTreeMap::new();
    let offered = catalog.seasons.0.iter().filter(|season| facts.is_offered_season(season.names()));
    for season in offered {
        skipped.unreadable += season.products.unreadable_count();
        let tariffs = SeasonTariffs::of_season(season, &point_of_sale, facts);
        for product in season.products.parsed() {
            let Some(id) = product.id.map(|id| id.0) else {
                skipped.unreadable += 1;
                continue;
            };
            if !facts.is_sold_family(product_family(product)) {
                *unsold_families.entry(ProductFamily::parse(product_family(product))).or_insert(0) += 1;
            }
            if is_not_admission(product, facts) {
                continue;
            }
            let status = combined_status(facts.event_status(season.state.as_ref()), product_status(product, facts));
            let mut reader = ProductReader {
                point_of_sale: &point_of_sale,
                tariffs: &tariffs,
                product,
                product_id: id,
                is_for_sale: status == EventStatus::OnSale,
                ticket_types: BTreeMap::new(),
                skipped: SkippedParts::default(),
            };
            let product_entries = reader.performances();
            skipped.unreadable += reader.skipped.unreadable;
            skipped.invalid_amounts += reader.skipped.invalid_amounts;
            let image = image(product, base_url.as_ref());
            skipped.unreadable += image.refused;
            let event = Arc::new(event(&reader, season, status, &product_entries, venue.as_deref(), image.url));
            events.insert(event.key.clone(), event);
            entries.extend(product_entries.into_iter().map(|entry| (entry.performance.key.clone(), Arc::new(entry))));
        }
    }
    let mut listed: Vec<_> = events.values().cloned().collect();
    listed.sort_by(|left, right| left.key.cmp(&right.key));
    let seasons = catalog.seasons.0.iter().filter_map(|season| season.names().next().map(str::to_owned)).collect();
    let unsold_prices = skipped.invalid_amounts;
    let performances = entries;
    (CatalogSnapshot { point_of_sale, listed, events, performances, seasons, unsold_prices, unsold_families }, skipped)
}

impl<'a> SeasonTariffs<'a> {
    fn of_season(season: &'a Season, point_of_sale: &'a PointOfSale, facts: &'a Facts) -> Self {
        let by_id = season
            .audience_categories
            .0
            .iter()
            .flat_map(|category| category.audience_sub_categories.0.iter().map(move |tariff| (category, tariff)))
            .filter_map(|(category, tariff)| Some((tariff.id?.0, (category, tariff))))
            .collect();
        let levels = season.price_levels.0.iter().filter_map(|level| Some((level.id?.0, level))).collect();
        Self { main_language: &point_of_sale.main_language, facts, by_id, levels }
    }

    /// Returns true if a price is on public sale. A level or tariff that the season does not list does not exclude it
    /// (`secutix.md §7`).
    fn is_for_sale(&self, audience: i64, level: Option<i64>) -> bool {
        let category = self.by_id.get(&audience).and_then(|(category, _)| category.main_category.as_ref());
        let level = level.and_then(|id| self.levels.get(&id)).and_then(|level| level.main_category.as_ref());
        self.facts.is_for_sale(category) && self.facts.is_for_sale(level)
    }
}

impl ProductReader<'_> {
    fn performances(&mut self) -> Vec<PerformanceEntry> {
        let mut entries = match (&self.product.event, &self.product.pass) {
            (Some(event), _) => {
                self.skipped.unreadable += event.performances.unreadable_count();
                event.performances.parsed().filter_map(|date| self.performance(date)).collect()
            }
            (None, Some(pass)) => pass::performances(self, pass),
            (None, None) => Vec::new(),
        };
        entries.sort_by_key(|entry| (entry.begins_at(self.point_of_sale), entry.performance.key.clone()));
        entries
    }

    fn performance(&mut self, date: &wire::CatalogPerformance) -> Option<PerformanceEntry> {
        let (Some(id), Some(start)) =
            (date.id, time::parse_instant(date.start.as_ref(), &self.point_of_sale.time_zone))
        else {
            self.skipped.unreadable += 1;
            return None;
        };
        let reference = PerformanceRef::Date(id.0);
        let performance = Performance {
            key: keys::performance(reference),
            event: keys::event(self.product_id),
            refs: vec![ExternalRef::new("secutix.performance", id.0.to_string())],
            starts_at: Some(start),
            ends_at: end_at(Some(start), date.duration.map(|seconds| seconds.0)),
            date: Some(start.to_zoned(self.point_of_sale.time_zone.clone()).date()),
            cutoff_at: None,
            listed_availability: None,
        };
        self.skipped.unreadable += date.prices.unreadable_count();
        let mut rows: BTreeMap<(ProductItem, i64), TariffPrice> = BTreeMap::new();
        for price in date.prices.parsed() {
            let (Some(audience), Some(amount)) = (price.aud_sub_cat_id, price.amount) else {
                self.skipped.unreadable += 1;
                continue;
            };
            let level = price.price_level_id.map(|level| level.0);
            if !self.tariffs.is_for_sale(audience.0, level) {
                continue;
            }
            let item = ProductItem::SeatCategory(price.seat_cat_id.map(|category| category.0));
            let section = price.seat_cat_id.and_then(|category| self.section(&date.seat_categories.0, category.0));
            // One row per tariff: orders contain no price level, and the first level is that of single sales.
            if !rows.contains_key(&(item, audience.0))
                && let Some(row) = self.tariff_price(item, audience.0, amount.0, section)
            {
                rows.insert((item, audience.0), row);
            }
        }
        Some(PerformanceEntry {
            performance: Arc::new(performance),
            reference,
            product_id: self.product_id,
            is_for_sale: self.is_for_sale
                && self.tariffs.facts.event_status(date.state.as_ref()) == EventStatus::OnSale,
            prices: rows.into_values().collect(),
            max_per_order: self.point_of_sale.max_per_order,
        })
    }

    fn section(&self, categories: &[wire::SeatCategory], id: i64) -> Option<Section> {
        let category = categories.iter().find(|category| category.id.is_some_and(|category_id| category_id.0 == id))?;
        section(category, &self.point_of_sale.main_language)
    }

    /// Maps a tariff at a price. The ticket type is created at its first price. `None` if the amount is invalid.
    pub(crate) fn tariff_price(
        &mut self,
        item: ProductItem,
        audience: i64,
        amount: i64,
        section: Option<Section>,
    ) -> Option<TariffPrice> {
        let price = match self.point_of_sale.currency.money(amount) {
            Ok(money) => Price::from_retail(money),
            Err(error) => {
                tracing::debug!(product = self.product_id, %error, "price skipped");
                self.skipped.invalid_amounts += 1;
                return None;
            }
        };
        let existing = self.ticket_types.get(&(item, audience)).map(Arc::clone);
        let ticket_type = existing.unwrap_or_else(|| {
            let ticket_type = Arc::new(self.ticket_type(item, audience, section, price.clone()));
            self.ticket_types.insert((item, audience), Arc::clone(&ticket_type));
            ticket_type
        });
        Some(TariffPrice { ticket_type, item, price })
    }

    fn ticket_type(&self, item: ProductItem, audience_id: i64, section: Option<Section>, price: Price) -> TicketType {
        let entry = self.tariffs.by_id.get(&audience_id);
        let language = self.tariffs.main_language;
        let tariff = entry.map(|(_, tariff)| *tariff);
        let name = tariff
            .and_then(|tariff| text::localized_text(tariff.external_name.as_ref(), tariff.code.as_ref(), language))
            .unwrap_or_else(|| LocalizedText::monolingual(audience_id.to_string()));
        let mut refs = vec![ExternalRef::new("secutix.audience_sub_category", audience_id.to_string())];
        refs.extend(match item {
            ProductItem::SeatCategory(category) => {
                category.map(|id| ExternalRef::new("secutix.seat_category", id.to_string()))
            }
            ProductItem::PassItem(item) => Some(ExternalRef::new("secutix.item", item.to_string())),
        });
        TicketType {
            key: keys::ticket_type(TariffRef { product_id: self.product_id, item, audience_id }),
            event: keys::event(self.product_id),
            refs,
            audience: entry.map_or(Audience::Other, |(category, tariff)| audience(category, tariff, &name)),
            name,
            description: tariff.and_then(|tariff| text::sanitized_html(tariff.external_description.as_ref(), language)),
            min_age: None,
            max_age: None,
            admits: 1,
            section,
            price: Some(price),
            min_per_order: self
                .product
                .min_quantity
                .and_then(|quantity| u32::try_from(quantity.0).ok())
                .filter(|quantity| *quantity > 0),
            max_per_order: self.point_of_sale.max_per_order,
        }
    }
}

fn audience(category: &wire::AudienceCategory, tariff: &wire::AudienceSubCategory, name: &LocalizedText) -> Audience {
    let plain = |words: &Option<LenientString>| words.as_ref().map(|words| words.0.trim().to_owned());
    let mut words = plain(&tariff.code).unwrap_or_default();
    for text in name.translations.values().chain([&name.main]) {
        words.push(' ');
        words.push_str(text);
    }
    let (main, secondary) = (plain(&category.main_category), plain(&category.secondary_category));
    let kind = plain(&tariff.audience_category_kind);
    assumptions::audience(main.as_deref(), secondary.as_deref(), kind.as_deref(), &words)
}

/// Maps a seat category to a section.
pub(crate) fn section(category: &wire::SeatCategory, main_language: &str) -> Option<Section> {
    let id = category.id?.0;
    let name = text::localized_text(category.external_name.as_ref(), category.code.as_ref(), main_language);
    Some(Section {
        key: keys::section(id),
        name: name.unwrap_or_else(|| LocalizedText::monolingual(id.to_string())),
        capacity: None,
        refs: vec![ExternalRef::new("secutix.seat_category", id.to_string())],
    })
}

/// Returns true for goods, services and transport, which are not events unless the settings say that they are sold.
fn is_not_admission(product: &Product, facts: &Facts) -> bool {
    let family = product_family(product);
    matches!(family, "GOODS" | "SERVICE" | "TRANSPORT") && !facts.is_sold_family(family)
}

fn product_family(product: &Product) -> &str {
    product.product_family_type.as_ref().map(|words| words.0.trim()).unwrap_or_default()
}

/// Returns the status of a product. Single entries and passes are sold; season tickets, packages and others are only shown,
/// because their orders are not documented.
fn product_status(product: &Product, facts: &Facts) -> EventStatus {
    match facts.event_status(product.state.as_ref()) {
        EventStatus::OnSale if !facts.is_sold_family(product_family(product)) => EventStatus::OffSale,
        status => status,
    }
}

/// A suspended season suspends its products.
fn combined_status(season: EventStatus, product: EventStatus) -> EventStatus {
    if product == EventStatus::OnSale { season } else { product }
}

fn event(
    reader: &ProductReader<'_>,
    season: &Season,
    status: EventStatus,
    entries: &[PerformanceEntry],
    venue: Option<&str>,
    image: Option<WebUrl>,
) -> Event {
    let ProductReader { point_of_sale, product, product_id: id, ticket_types, .. } = reader;
    let language = point_of_sale.main_language.as_str();
    let mut refs = vec![ExternalRef::new("secutix.product", id.to_string())];
    refs.extend(product.code.as_ref().map(|code| ExternalRef::new("secutix.product_code", code.0.clone())));
    refs.extend(season.id.as_ref().map(|season| ExternalRef::new("secutix.season", season.0.clone())));
    let first = entries.iter().find_map(|entry| Some((entry.performance.starts_at?, entry.performance.ends_at?)));
    let duration = first.map(|(start, end)| end.duration_since(start).as_mins());
    Event {
        key: keys::event(*id),
        refs,
        title: text::localized_text(product.external_name.as_ref(), product.code.as_ref(), language)
            .unwrap_or_else(|| LocalizedText::monolingual(id.to_string())),
        summary: None,
        description: text::sanitized_html(product.description.as_ref(), language),
        image,
        venue: venue.map(str::to_owned),
        categories: Vec::new(),
        time_zone: point_of_sale.time_zone.iana_name().unwrap_or("UTC").to_owned(),
        booking_mode: booking_mode(product),
        status,
        is_private: false,
        starts_at: entries.iter().filter_map(|entry| entry.begins_at(point_of_sale)).min(),
        ends_at: run_end(entries, point_of_sale),
        duration_minutes: duration.and_then(|minutes| u32::try_from(minutes).ok()),
        capacity: None,
        sold_quantity: None,
        price_from: lowest_price(entries),
        sections: sections(product, language),
        listed_ticket_types: Some(Arc::new(ticket_types.values().map(|one| TicketType::clone(one)).collect())),
        listed_performances: Some(Arc::new(entries.iter().map(|entry| Arc::clone(&entry.performance)).collect())),
    }
}

fn booking_mode(product: &Product) -> BookingMode {
    match (&product.event, &product.pass) {
        (None, Some(pass)) => pass::booking_mode(pass),
        (Some(_), _) => BookingMode::Timed,
        (None, None) => BookingMode::Open,
    }
}

/// Returns the end of the last date; `None` if any date has no end.
fn run_end(entries: &[PerformanceEntry], point_of_sale: &PointOfSale) -> Option<Timestamp> {
    let ends = entries.iter().map(|entry| entry.performance.ends_at.or_else(|| entry.begins_at(point_of_sale)));
    ends.collect::<Option<Vec<_>>>()?.into_iter().max()
}

fn lowest_price(entries: &[PerformanceEntry]) -> Option<Money> {
    let rows = entries.iter().filter(|entry| entry.is_for_sale).flat_map(|entry| &entry.prices);
    rows.map(|row| row.price.retail).min_by_key(|money| money.amount)
}

fn sections(product: &Product, language: &str) -> Vec<Section> {
    let dates = product.event.iter().flat_map(|event| event.performances.parsed());
    let mut sections: BTreeMap<i64, Section> = BTreeMap::new();
    for category in dates.flat_map(|date| &date.seat_categories.0) {
        if let (Some(id), Some(section)) = (category.id, section(category, language)) {
            sections.entry(id.0).or_insert(section);
        }
    }
    sections.into_values().collect()
}

/// Returns the URL of the large image, otherwise of the medium one.
fn image(product: &Product, base_url: Option<&url::Url>) -> FirstWebUrl {
    let addresses = [&product.large_image_url, &product.medium_image_url].into_iter().flatten();
    WebUrl::first(addresses.map(|address| address.0.as_str()), base_url)
}

/// Returns the site of the catalog if there is only one, otherwise the organization. The site of a single date is not
/// documented.
fn venue(catalog: &CatalogData, point_of_sale: &PointOfSale) -> Option<String> {
    let name = |label: &Option<Label>| {
        text::localized_text(label.as_ref(), None, &point_of_sale.main_language).map(|text| text.main)
    };
    let mut sites =
        catalog.physical_configurations.0.iter().filter_map(|configuration| name(&configuration.site_external_name));
    match sites.next() {
        Some(site) if sites.all(|other| other == site) => Some(site),
        _ => point_of_sale.organization.clone(),
    }
}
