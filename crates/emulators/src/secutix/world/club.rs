//! `CLUB`: a sports club, configured over SOAP in the sandbox. French and English, euros.

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::secutix::world::season::{PerformanceSchedule, day_number, performances, season_around, tariff};
use crate::secutix::world::{
    Institution, ProductContent, Season, SecutixAudienceCategory, SecutixPassItem, SecutixProduct, SecutixSeatCategory,
    TariffKind, localized_text,
};

/// Time zone of the organization.
pub(super) const ZONE: &str = "Europe/Paris";
const ADULT: i64 = 84_111;
const YOUTH: i64 = 84_112;
const GROUP: i64 = 84_121;
const MEMBER: i64 = 84_131;
const STANDARD: i64 = 85_101;
/// Guest teams, in the order of the matches.
const GUESTS: &[&str] =
    &["AS Nord", "Racing du Fleuve", "Olympique des Pins", "US Vallée", "Stade du Phare", "FC Remparts"];

/// Returns the club with the catalog of the day, and matches of some more days before it.
pub(super) fn institution(now: Timestamp, days_back: i32) -> Institution {
    let zone = TimeZone::get(ZONE).unwrap_or(TimeZone::UTC);
    let today = now.to_zoned(zone.clone()).date();
    let (id, code, start, end) = season_around(today, 7, &zone);
    let season = Season {
        id: id + 100,
        name: localized_text(&[("fr", &format!("Saison {code}"))]),
        code,
        start,
        end,
        audience_categories: audiences(),
        price_levels: vec![(STANDARD, "STD", "OCCASIONAL")],
        products: products(&zone, today, days_back),
    };
    Institution {
        code: "CLUB",
        login: "CLUB_DGTK",
        password: "club-sandbox-password",
        zone,
        currency: "EUR",
        symbol: "€",
        min_amount: 10,
        name: localized_text(&[("fr", "FC Rive"), ("en", "FC Rive")]),
        languages: &["fr", "en"],
        point_of_sale: 500_200,
        pending_account: 86_101,
        contacts: &[1_000_042, 1_000_043],
        contingents: &[(88_101, "Partenaires web", 100)],
        site: localized_text(&[("fr", "Stade de la Rive"), ("en", "Riverside Stadium")]),
        season,
    }
}

fn audiences() -> Vec<SecutixAudienceCategory> {
    let individual = vec![
        tariff(ADULT, "ADULTE", TariffKind::Full, &[("fr", "Adulte"), ("en", "Adult")]),
        tariff(YOUTH, "JEUNE", TariffKind::Reduced, &[("fr", "Moins de 18 ans"), ("en", "Under 18")]),
    ];
    let group = vec![tariff(GROUP, "CE", TariffKind::Reduced, &[("fr", "Comité d'entreprise")])];
    let member = vec![tariff(MEMBER, "SOCIO", TariffKind::Reduced, &[("fr", "Socio"), ("en", "Club member")])];
    let category = |id, code, main, secondary, tariffs| SecutixAudienceCategory { id, code, main, secondary, tariffs };
    vec![
        category(84_101, "IND", "OCCASIONAL", "INDIVIDUAL", individual),
        category(84_102, "GRP", "OCCASIONAL", "GROUP", group),
        category(84_103, "MEM", "MEMBER", "INDIVIDUAL", member),
    ]
}

fn seat_categories() -> Vec<(Option<SecutixSeatCategory>, i64)> {
    let category =
        |id, code, names: &[(&'static str, &str)]| Some(SecutixSeatCategory { id, code, name: localized_text(names) });
    vec![
        (category(83_101, "HONNEUR", &[("fr", "Tribune d'honneur"), ("en", "Main stand")]), 400),
        (category(83_102, "LATERALE", &[("fr", "Tribune latérale")]), 900),
        (category(83_103, "VIRAGE", &[("fr", "Virage"), ("en", "Terrace")]), 1_500),
    ]
}

fn prices(best: i64) -> Vec<(Option<i64>, i64, i64, i64)> {
    let tariffs = [(ADULT, 100), (YOUTH, 50), (GROUP, 80), (MEMBER, 75)];
    let euros = |share: i64, part: i64| best * share * part / 10_000 / 10 * 10;
    [(83_101, 100), (83_102, 60), (83_103, 35)]
        .into_iter()
        .flat_map(|(stand, share)| tariffs.map(|(tariff, part)| (Some(stand), tariff, STANDARD, euros(share, part))))
        .collect()
}

fn products(zone: &TimeZone, today: Date, days_back: i32) -> Vec<SecutixProduct> {
    let mut products = match_products(zone, today, days_back);
    let friendly = PerformanceSchedule { days: &[Weekday::Wednesday], at: (18, 0), from: 10, to: 16, minutes: 105 };
    products.push(SecutixProduct {
        state: "SUSPENDED",
        ..product(
            81_190,
            "AMICAL",
            "SINGLE_ENTRY",
            &[("fr", "Match amical"), ("en", "Friendly")],
            ProductContent::Performances(performances(
                81_190,
                &friendly,
                (zone, today),
                &seat_categories(),
                &prices(20_000),
            )),
        )
    });
    products.push(product(81_191, "MUSEE", "PASS", &[("fr", "Musée du club"), ("en", "Club museum")], museum(today)));
    products.push(product(
        81_192,
        "PASS3",
        "PASS",
        &[("fr", "Pass trois matchs"), ("en", "Three-match pass")],
        three_matches(today),
    ));
    products.push(product(81_193, "ABONNEMENT", "SEASONTICKET", &[("fr", "Abonnement saison")], ProductContent::Empty));
    products
}

/// Returns the matches. Each is a product with one performance, every second Saturday; the number of the fortnight selects the guest.
fn match_products(zone: &TimeZone, today: Date, days_back: i32) -> Vec<SecutixProduct> {
    let first = today.saturating_sub((6 + days_back).days());
    let days = first.series(1.day()).take_while(|day| *day < today.saturating_add(114.days()));
    let saturdays = days.filter(|day| day.weekday() == Weekday::Saturday && (day_number(*day) / 7) % 2 == 0);
    saturdays
        .map(|day| {
            let fortnight = day_number(day) / 14;
            let id = 8_110_000 + fortnight;
            let guest = GUESTS[usize::try_from(fortnight).unwrap_or(0) % GUESTS.len()];
            let ahead = today.until(day).map_or(0, |span| span.get_days());
            let run =
                PerformanceSchedule { days: &[Weekday::Saturday], at: (20, 45), from: ahead, to: ahead, minutes: 110 };
            let performances = performances(id, &run, (zone, today), &seat_categories(), &prices(45_000));
            let code = format!("MATCH{fortnight}");
            let names = format!("FC Rive – {guest}");
            let match_of = product(
                id,
                &code,
                "SINGLE_ENTRY",
                &[("fr", &names), ("en", &names)],
                ProductContent::Performances(performances),
            );
            SecutixProduct { image: Some("https://images.example.org/club/match.jpg"), ..match_of }
        })
        .collect()
}

fn product(
    id: i64,
    code: &str,
    family: &'static str,
    names: &[(&'static str, &str)],
    content: ProductContent,
) -> SecutixProduct {
    SecutixProduct {
        id,
        code: code.to_owned(),
        family,
        state: "RUNNING",
        name: localized_text(names),
        description: Vec::new(),
        image: None,
        content,
    }
}

/// A dated pass with one item per day.
fn museum(today: Date) -> ProductContent {
    let entry = |day: Date| SecutixPassItem {
        id: 81_191 * 100_000 + day_number(day),
        name: Vec::new(),
        prices: vec![(ADULT, 12_000), (YOUTH, 6_500)],
        first_day: Some(day),
        last_day: Some(day),
        hour: None,
        timeslots: Vec::new(),
        capacity: 150,
    };
    ProductContent::Pass { date_mandatory: true, items: today.series(1.day()).take(21).map(entry).collect() }
}

/// An open pass with one item; in SOAP a list of one element.
fn three_matches(today: Date) -> ProductContent {
    let item = SecutixPassItem {
        id: 81_192_001,
        name: localized_text(&[("fr", "Virage")]),
        prices: vec![(ADULT, 39_000)],
        first_day: Some(today),
        last_day: Some(today.saturating_add(150.days())),
        hour: None,
        timeslots: Vec::new(),
        capacity: 200,
    };
    ProductContent::Pass { date_mandatory: false, items: vec![item] }
}
