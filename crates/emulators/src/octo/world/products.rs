//! The products of the sandbox.

use jiff::civil::Weekday;

use crate::octo::world::{Currency, Kind, Price, Product, ProductOption, Unit};

const EUR: Currency = Currency { code: "EUR", precision: 2, rate: (1, 1) };
/// 1.6 yen per cent.
const JPY_PER_CENT: Currency = Currency { code: "JPY", precision: 0, rate: (8, 5) };
const JPY: Currency = Currency { code: "JPY", precision: 0, rate: (1, 1) };

const FREE: Price = Price { original: 0, retail: 0 };

const PRODUCT: Product = Product {
    id: "",
    internal_name: "",
    title: ["", ""],
    description: ["", ""],
    reference: None,
    is_freesale: false,
    confirms_at_once: true,
    delivers_at_once: true,
    needs_availability: true,
    kind: Kind::StartTime,
    formats: &["QRCODE"],
    methods: &["TICKET"],
    redemption: "DIGITAL",
    currencies: &[EUR],
    is_per_booking: false,
    refund: "FULL",
    options: &[],
};

const OPTION: ProductOption = ProductOption {
    id: "DEFAULT",
    internal_name: "Default",
    title: ["Standard", "Standard"],
    reference: None,
    starts: &[],
    minutes: 90,
    hours: None,
    closed_on: None,
    capacity: Some(40),
    sales_end_minutes: 30,
    cutoff: (24, "hour"),
    contact_fields: &["firstName", "lastName", "emailAddress"],
    min_units: 1,
    max_units: Some(9),
    price: FREE,
    units: &[],
};

const UNIT: Unit = Unit {
    id: "",
    internal_name: "",
    title: ["", ""],
    kind: "OTHER",
    ages: (0, 99),
    needs_proof: false,
    quantity: (None, None),
    people: 1,
    accompanied_by: &[],
    contact_fields: &[],
    price: FREE,
};

const fn adult(retail: i64) -> Unit {
    let price = Price { original: retail, retail };
    Unit {
        id: "adult",
        internal_name: "Adult",
        title: ["Adult", "Adulto"],
        kind: "ADULT",
        ages: (18, 99),
        price,
        ..UNIT
    }
}

const fn child(retail: i64) -> Unit {
    let price = Price { original: retail, retail };
    let title = ["Child", "Bambino"];
    Unit { id: "child", internal_name: "Child", title, kind: "CHILD", ages: (4, 17), price, ..UNIT }
}

const CRUISE: Product = Product {
    id: "lagoon-cruise",
    internal_name: "CRUISE 3x daily",
    title: ["Lagoon cruise", "Crociera in laguna"],
    description: ["Ninety minutes on the water.", "Novanta minuti sull'acqua."],
    reference: Some("LC-1"),
    formats: &["QRCODE", "PDF_URL"],
    currencies: &[EUR, JPY_PER_CENT],
    options: &[ProductOption {
        starts: &[(10, 0), (14, 0), (18, 0)],
        units: &[
            Unit { price: Price { original: 3500, retail: 3000 }, ..adult(3000) },
            child(1500),
            Unit {
                id: "infant",
                internal_name: "Infant",
                title: ["Infant", "Neonato"],
                kind: "INFANT",
                ages: (0, 3),
                quantity: (None, Some(2)),
                accompanied_by: &["adult", "family"],
                ..UNIT
            },
            Unit {
                id: "family",
                internal_name: "Family 2+2",
                title: ["Family", "Famiglia"],
                kind: "FAMILY",
                people: 4,
                price: Price { original: 9000, retail: 8000 },
                ..UNIT
            },
        ],
        ..OPTION
    }],
    ..PRODUCT
};

const PALACE: Product = Product {
    id: "palace-entry",
    internal_name: "PALACE day entry",
    title: ["Palace: entry for a day", "Palazzo: ingresso di un giorno"],
    description: ["Any time in the opening hours.", "A qualsiasi ora di apertura."],
    kind: Kind::OpeningHours,
    formats: &["CODE128"],
    redemption: "PRINT",
    options: &[ProductOption {
        hours: Some(("09:00", "18:00")),
        closed_on: Some(Weekday::Monday),
        capacity: Some(200),
        sales_end_minutes: 60,
        cutoff: (2, "hour"),
        max_units: None,
        units: &[adult(1800), child(900)],
        ..OPTION
    }],
    ..PRODUCT
};

const ISLANDS: Product = Product {
    id: "island-tour",
    internal_name: "ISLANDS two routes",
    title: ["Islands of the lagoon", "Isole della laguna"],
    description: ["By boat to two islands.", "In barca verso due isole."],
    options: &[
        ProductOption {
            id: "north",
            internal_name: "North",
            title: ["Northern islands", "Isole del nord"],
            starts: &[(9, 30)],
            minutes: 240,
            cutoff: (2, "day"),
            max_units: None,
            units: &[adult(4900), child(2500)],
            ..OPTION
        },
        ProductOption {
            id: "9f3c2a7e51d04b68",
            internal_name: "South",
            title: ["Southern islands", "Isole del sud"],
            reference: Some("IS-S"),
            starts: &[(13, 0), (15, 30)],
            minutes: 150,
            cutoff: (90, "minute"),
            units: &[adult(3900), child(1900)],
            ..OPTION
        },
    ],
    ..PRODUCT
};

const PASS: Product = Product {
    id: "city-pass",
    internal_name: "PASS open",
    title: ["City pass", "Tessera della città"],
    description: ["One day of your choice.", "Un giorno a scelta."],
    is_freesale: true,
    needs_availability: false,
    kind: Kind::OpeningHours,
    formats: &["AZTECCODE"],
    methods: &["VOUCHER"],
    options: &[ProductOption {
        hours: Some(("00:00", "23:59")),
        capacity: None,
        sales_end_minutes: 0,
        min_units: 0,
        max_units: None,
        units: &[adult(5500), child(2700)],
        ..OPTION
    }],
    ..PRODUCT
};

const PRIVATE_BOAT: Product = Product {
    id: "private-boat",
    internal_name: "BOAT per group",
    title: ["Private boat", "Barca privata"],
    description: ["The whole boat, with a skipper.", "Tutta la barca, con lo skipper."],
    formats: &["PDF_URL"],
    methods: &["VOUCHER"],
    is_per_booking: true,
    refund: "PARTIAL",
    options: &[ProductOption {
        starts: &[(11, 0), (16, 0)],
        minutes: 120,
        capacity: Some(8),
        max_units: Some(8),
        price: Price { original: 32_000, retail: 28_000 },
        units: &[Unit { id: "guest", internal_name: "Guest", title: ["Guest", "Ospite"], kind: "TRAVELLER", ..UNIT }],
        ..OPTION
    }],
    ..PRODUCT
};

/// Starts before and after a change of the clocks, which Italy makes at 02:00 or 03:00.
const NIGHT: Product = Product {
    id: "opera-night",
    internal_name: "OPERA guest list",
    title: ["Opera behind the scenes", "Opera dietro le quinte"],
    description: ["Your name is on the list.", "Il tuo nome è sulla lista."],
    formats: &["QRCODE"],
    redemption: "MANIFEST",
    options: &[ProductOption { starts: &[(0, 30), (20, 30)], units: &[adult(2500)], ..OPTION }],
    ..PRODUCT
};

const GLASS: Product = Product {
    id: "workshop",
    internal_name: "GLASS delivered later",
    title: ["Workshop at a glass furnace", "Laboratorio alla fornace del vetro"],
    description: ["Blow a glass of your own.", "Soffia il tuo bicchiere."],
    delivers_at_once: false,
    formats: &["PKPASS_URL", "QRCODE"],
    methods: &["TICKET", "VOUCHER"],
    refund: "PARTIAL",
    options: &[ProductOption { starts: &[(10, 30), (15, 0)], units: &[adult(6500), child(4500)], ..OPTION }],
    ..PRODUCT
};

const DINNER: Product = Product {
    id: "vineyard-dinner",
    internal_name: "DINNER on request",
    title: ["Dinner in the vineyard", "Cena in vigna"],
    description: ["The cook confirms each table.", "Il cuoco conferma ogni tavolo."],
    confirms_at_once: false,
    refund: "NONE",
    options: &[ProductOption {
        starts: &[(19, 30)],
        capacity: Some(24),
        min_units: 2,
        cutoff: (3, "day"),
        units: &[adult(7900)],
        ..OPTION
    }],
    ..PRODUCT
};

/// Its id must be percent-encoded in a path, and its currency has no minor unit.
const LANTERNS: Product = Product {
    id: "lantern/walk:2+",
    internal_name: "WALK by lantern",
    title: ["Lantern walk", "Passeggiata con lanterne"],
    description: ["Through the dark alleys.", "Nelle calli buie."],
    currencies: &[JPY],
    options: &[ProductOption {
        starts: &[(21, 0)],
        units: &[
            adult(2400),
            Unit {
                id: "student",
                internal_name: "Student",
                title: ["Student", "Studente"],
                kind: "STUDENT",
                ages: (18, 27),
                needs_proof: true,
                contact_fields: &["firstName", "lastName"],
                price: Price { original: 2400, retail: 1800 },
                ..UNIT
            },
        ],
        ..OPTION
    }],
    ..PRODUCT
};

/// All products, in the order of the list.
pub(crate) static PRODUCTS: [Product; 9] =
    [CRUISE, PALACE, ISLANDS, PASS, PRIVATE_BOAT, NIGHT, GLASS, DINNER, LANTERNS];
