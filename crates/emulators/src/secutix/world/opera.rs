//! `OPERA`: an opera house, served over JSON and SOAP. French by default, partly German and English, Swiss francs.

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::secutix::world::season::{PerformanceSchedule, day_number, performances, season_around, tariff};
use crate::secutix::world::{
    Institution, ProductContent, Season, SecutixAudienceCategory, SecutixPassItem, SecutixPerformance, SecutixProduct,
    SecutixSeatCategory, TariffKind, localized_text,
};

/// Time zone of the organization.
pub(super) const ZONE: &str = "Europe/Zurich";
const ADULT: i64 = 84_011;
const STUDENT: i64 = 84_012;
const CHILD: i64 = 84_013;
const SENIOR: i64 = 84_014;
const SUBSCRIBER: i64 = 84_021;
const INSIDE: i64 = 84_031;
const STANDARD: i64 = 85_001;
const WITH_SEASON_TICKET: i64 = 85_002;

/// Returns the opera house with the catalog of the day, and performances of some more days before it.
pub(super) fn institution(now: Timestamp, days_back: i32) -> Institution {
    let zone = TimeZone::get(ZONE).unwrap_or(TimeZone::UTC);
    let today = now.to_zoned(zone.clone()).date();
    let (id, code, start, end) = season_around(today, 9, &zone);
    let season = Season {
        id,
        name: localized_text(&[
            ("fr", &format!("Saison {code}")),
            ("de", &format!("Spielzeit {code}")),
            ("en", &format!("Season {code}")),
        ]),
        code,
        start,
        end,
        audience_categories: audiences(),
        price_levels: vec![(STANDARD, "STD", "OCCASIONAL"), (WITH_SEASON_TICKET, "ABO", "INSIDE_SEASONTICKET")],
        products: products(&zone, today, days_back),
    };
    Institution {
        code: "OPERA",
        login: "OPERA_DGTK",
        password: "opera-sandbox-password",
        zone,
        currency: "CHF",
        symbol: "CHF",
        min_amount: 50,
        name: localized_text(&[("fr", "Opéra du Lac"), ("de", "Oper am See"), ("en", "Lakeside Opera")]),
        languages: &["fr", "de", "en"],
        point_of_sale: 500_100,
        pending_account: 86_001,
        contacts: &[1_000_042],
        contingents: &[(88_001, "Web partners", 70), (88_002, "Subscribers' returns", 30)],
        site: localized_text(&[("fr", "Opéra du Lac, grande salle"), ("de", "Oper am See, grosser Saal")]),
        season,
    }
}

fn audiences() -> Vec<SecutixAudienceCategory> {
    let individual = vec![
        tariff(ADULT, "ADULT", TariffKind::Full, &[("fr", "Plein tarif"), ("de", "Normalpreis"), ("en", "Full price")]),
        tariff(
            STUDENT,
            "STUDENT",
            TariffKind::Reduced,
            &[("fr", "Étudiant"), ("de", "Studierende"), ("en", "Student")],
        ),
        tariff(CHILD, "CHILD", TariffKind::Reduced, &[("fr", "Enfant"), ("en", "Child")]),
        tariff(SENIOR, "AHV", TariffKind::Reduced, &[("fr", "Senior AVS"), ("de", "AHV")]),
    ];
    let subscribers = vec![tariff(SUBSCRIBER, "SUBSCR", TariffKind::Reduced, &[("fr", "Abonné"), ("de", "Abonnent")])];
    let inside = vec![tariff(INSIDE, "INABO", TariffKind::Reduced, &[("fr", "Dans l'abonnement")])];
    let category = |id, code, main, secondary, tariffs| SecutixAudienceCategory { id, code, main, secondary, tariffs };
    vec![
        category(84_001, "IND", "OCCASIONAL", "INDIVIDUAL", individual),
        category(84_002, "SUB", "SUBSCRIBER", "INDIVIDUAL", subscribers),
        category(84_003, "INS", "INSIDE_SEASONTICKET", "INDIVIDUAL", inside),
    ]
}

/// Returns the seat categories. One lacks a German name, one has only a French name, one has only a code.
fn seat_categories() -> Vec<(Option<SecutixSeatCategory>, i64)> {
    let category =
        |id, code, names: &[(&'static str, &str)]| Some(SecutixSeatCategory { id, code, name: localized_text(names) });
    vec![
        (category(83_001, "CAT1", &[("fr", "Orchestre"), ("de", "Parkett"), ("en", "Stalls")]), 220),
        (category(83_002, "CAT2", &[("fr", "Premier balcon"), ("en", "Dress circle")]), 140),
        (category(83_003, "CAT3", &[("fr", "Galerie")]), 90),
        (category(83_004, "CAT4", &[]), 12),
    ]
}

/// Returns the prices of all categories and tariffs, as shares of the best category's full price.
fn prices(best: i64) -> Vec<(Option<i64>, i64, i64, i64)> {
    let categories = [(83_001, 100), (83_002, 80), (83_003, 50), (83_004, 25)];
    let tariffs = [(ADULT, 100), (STUDENT, 50), (CHILD, 40), (SENIOR, 80), (SUBSCRIBER, 70)];
    let francs = |percent: i64| best * percent / 10_000 / 500 * 500;
    let mut rows = Vec::new();
    for (category, share) in categories {
        rows.extend(tariffs.map(|(tariff, part)| (Some(category), tariff, STANDARD, francs(share * part))));
        rows.push((Some(category), INSIDE, WITH_SEASON_TICKET, 0));
    }
    rows
}

#[expect(clippy::too_many_lines, reason = "a table of what the house plays")]
fn products(zone: &TimeZone, today: Date, days_back: i32) -> Vec<SecutixProduct> {
    use Weekday::{Friday, Saturday, Sunday, Thursday, Tuesday, Wednesday};
    let evening =
        |days, from: i32, to| PerformanceSchedule { days, at: (19, 30), from: from - days_back, to, minutes: 165 };
    let play = |id, run: &PerformanceSchedule, best| {
        ProductContent::Performances(performances(id, run, (zone, today), &seat_categories(), &prices(best)))
    };
    let matinee = PerformanceSchedule { days: &[Sunday], at: (15, 0), from: 2 - days_back, to: 90, minutes: 150 };
    vec![
        SecutixProduct {
            description: localized_text(&[
                ("fr", "<p>Une folle journée, <b>quatre actes</b>.</p><script>alert(1)</script>"),
                ("en", "<p>One mad day in <b>four acts</b>.</p>"),
            ]),
            image: Some("https://images.example.org/opera/figaro.jpg"),
            ..product(
                81_001,
                "FIGARO",
                "SINGLE_ENTRY",
                &[("fr", "Les Noces de Figaro"), ("de", "Die Hochzeit des Figaro"), ("en", "The Marriage of Figaro")],
                play(81_001, &evening(&[Tuesday, Friday], -3, 80), 180_000),
            )
        },
        SecutixProduct {
            image: Some("/images/traviata.jpg"),
            ..product(
                81_002,
                "TRAVIATA",
                "SINGLE_ENTRY",
                &[("fr", "La Traviata"), ("en", "La Traviata (in Italian)")],
                play(81_002, &evening(&[Wednesday, Saturday], 1, 60), 195_000),
            )
        },
        product(81_003, "CYGNES", "SINGLE_ENTRY", &[("de", "Schwanensee")], play(81_003, &matinee, 120_000)),
        product(
            81_004,
            "RECITAL",
            "SINGLE_ENTRY",
            &[("fr", "Récital de midi"), ("en", "Lunchtime recital")],
            ProductContent::Performances(recitals(zone, today, days_back)),
        ),
        product(81_005, "VISITE", "PASS", &[("fr", "Visite des coulisses"), ("en", "Backstage tour")], tours(today)),
        product(
            81_006,
            "DECOUVERTE",
            "PASS",
            &[("fr", "Carte découverte"), ("de", "Entdeckerkarte")],
            discovery(today),
        ),
        SecutixProduct {
            state: "SUSPENDED",
            ..product(
                81_007,
                "HANSEL",
                "SINGLE_ENTRY",
                &[("fr", "Hänsel et Gretel"), ("de", "Hänsel und Gretel")],
                play(81_007, &evening(&[Thursday], 20, 60), 90_000),
            )
        },
        product(
            81_008,
            "ABO5",
            "SEASONTICKET",
            &[("fr", "Abonnement 5 soirées"), ("de", "Abonnement 5 Abende")],
            ProductContent::Empty,
        ),
        product(81_009, "PROGRAMME", "GOODS", &[("fr", "Programme de salle")], ProductContent::Empty),
    ]
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

/// Free seating: seats and prices without a category.
fn recitals(zone: &TimeZone, today: Date, days_back: i32) -> Vec<SecutixPerformance> {
    let run = PerformanceSchedule { days: &[Weekday::Thursday], at: (12, 30), from: -days_back, to: 60, minutes: 60 };
    let prices = [(None, ADULT, STANDARD, 25_000), (None, STUDENT, STANDARD, 15_000)];
    performances(81_004, &run, (zone, today), &[(None, 60)], &prices)
}

/// A timed pass: one guided tour per day, at eleven.
fn tours(today: Date) -> ProductContent {
    let tour = |day: Date| SecutixPassItem {
        id: 81_005 * 100_000 + day_number(day),
        name: Vec::new(),
        prices: vec![(ADULT, 18_000), (CHILD, 9_000)],
        first_day: Some(day),
        last_day: Some(day),
        hour: Some("11:00"),
        timeslots: vec![11],
        capacity: 25,
    };
    ProductContent::Pass { date_mandatory: true, items: today.series(1.day()).skip(1).take(14).map(tour).collect() }
}

/// An open pass with two items, valid for a season.
fn discovery(today: Date) -> ProductContent {
    let card = |id, names: &[(&'static str, &str)], price| SecutixPassItem {
        id,
        name: localized_text(names),
        prices: vec![(ADULT, price), (STUDENT, price / 2)],
        first_day: Some(today),
        last_day: Some(today.saturating_add(300.days())),
        hour: None,
        timeslots: Vec::new(),
        capacity: 500,
    };
    ProductContent::Pass {
        date_mandatory: false,
        items: vec![
            card(81_006_001, &[("fr", "Trois spectacles"), ("de", "Drei Vorstellungen")], 120_000),
            card(81_006_002, &[("fr", "Cinq spectacles")], 180_000),
        ],
    }
}
