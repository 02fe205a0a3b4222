//! Books of the vendors at the end of a run, compared with the ledger as clients read it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::process_orders::{SOURCES, VENDORS};

/// All that is read of an order for the comparison.
pub(super) const ORDER: &str = "id number version status isTerminal policy
    legs { id ourReference status unknownOperation unknownSince nextCheckAt source { name } problems { code }
      externalRefs { value } attempts { operation outcome startedAt endedAt vendorCode } }
    lines { id quantity total { retail { amount currency } } leg { id }
      tickets { status externalRefs { value } } }
    totals { currency requested { amount } held { amount } confirmed { amount } refunded { amount } fee { amount } }";

/// Difference between the books, the ledger and what clients were promised.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Difference {
    /// The order, if it concerns one.
    pub order: Option<String>,
    pub text: String,
}

/// Sale at a vendor that is not undone.
#[derive(Debug)]
struct Sale {
    reference: String,
    /// Valid tickets, each with all its references.
    tickets: Vec<Vec<String>>,
    total: i64,
}

/// Places that a vendor holds.
#[derive(Debug)]
struct HeldPlaces {
    reference: Option<String>,
    id: String,
}

/// Books of all vendors.
#[derive(Debug)]
pub(super) struct Books {
    sales: BTreeMap<&'static str, Vec<Sale>>,
    holds: BTreeMap<&'static str, Vec<HeldPlaces>>,
}

impl Books {
    /// Reads the inventories of the vendors.
    pub(super) fn of(inventories: &BTreeMap<&'static str, Value>) -> Self {
        let rows = |vendor: &str, list: &str| inventories[vendor][list].as_array().cloned().unwrap_or_default();
        let sales = |vendor| {
            let sales = rows(vendor, "orders").iter().filter_map(sale).collect();
            if vendor == "octo" { by_reference(sales) } else { sales }
        };
        let holds = |vendor| rows(vendor, "holds").iter().map(held_places).collect();
        Self {
            sales: VENDORS.into_iter().map(|vendor| (vendor, sales(vendor))).collect(),
            holds: VENDORS.into_iter().map(|vendor| (vendor, holds(vendor))).collect(),
        }
    }

    /// Returns the number of sales, and of holds.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.sales.values().map(Vec::len).sum(), self.holds.values().map(Vec::len).sum())
    }

    fn sales_of(&self, leg: &Value) -> Vec<&Sale> {
        self.sales[vendor_of(leg)].iter().filter(|sale| sale.reference == text(&leg["ourReference"])).collect()
    }
}

/// Row of an inventory that a reference of the vendor names.
#[derive(Debug)]
pub(super) struct Booking {
    is_hold: bool,
    row: Value,
}

impl Booking {
    /// Finds a row by the vendor's id.
    pub(super) fn find(inventories: &BTreeMap<&'static str, Value>, id: &str) -> Option<Self> {
        let lists = inventories.values().flat_map(|inventory| ["holds", "orders"].map(|list| (list, &inventory[list])));
        let mut rows = lists.flat_map(|(list, rows)| array(rows).iter().map(move |row| (list == "holds", row)));
        rows.find(|(_, row)| row["id"] == id).map(|(is_hold, row)| Self { is_hold, row: row.clone() })
    }

    /// Returns true if the row carries the reference of a leg of the order.
    pub(super) fn belongs_to(&self, order: &Value) -> bool {
        array(&order["legs"]).iter().any(|leg| self.is_of(leg))
    }

    /// Returns true if the row is a hold whose response the order lost, and that no lookup found.
    pub(super) fn is_lost_hold(&self, order: Option<&Value>) -> bool {
        let legs = order.map_or(&[][..], |order| array(&order["legs"]));
        self.is_hold && legs.iter().filter(|leg| self.is_of(leg)).any(|leg| lost_holds(leg) > 0)
    }

    fn is_of(&self, leg: &Value) -> bool {
        let reference = self.row["reference"].as_str().map(str::to_ascii_uppercase);
        reference.as_deref() == leg["ourReference"].as_str()
    }
}

/// Returns the number of holds whose response was lost, and that no lookup found.
fn lost_holds(leg: &Value) -> usize {
    let is_lost = |attempt: &&Value| attempt["operation"] == "HOLD" && attempt["outcome"] == "UNKNOWN";
    array(&leg["attempts"]).iter().filter(is_lost).count()
}

fn sale(order: &Value) -> Option<Sale> {
    let is_void = |ticket: &Value| {
        let state = text(&ticket["state"]).to_ascii_uppercase();
        ["REFUNDED", "VOID", "VOIDED", "CANCELLED", "INVALIDATED"].contains(&state.as_str())
    };
    let names = |ticket: &Value| {
        let names = ["id", "ticket_id"].iter().filter_map(|name| ticket[*name].as_str());
        names.map(str::to_owned).collect()
    };
    let tickets: Vec<Vec<String>> =
        array(&order["tickets"]).iter().filter(|ticket| !is_void(ticket)).map(names).collect();
    // A sale whose tickets are not made yet is a sale.
    let has_none = array(&order["tickets"]).is_empty();
    let is_sold = has_none && ["paid", "CLOSED", "Fulfilled"].contains(&text(&order["state"]));
    (is_sold || !tickets.is_empty()).then(|| Sale {
        reference: text(&order["reference"]).to_ascii_uppercase(),
        tickets,
        total: order["total_minor"].as_i64().unwrap_or(0),
    })
}

/// Merges the bookings of a leg: one for each performance. A second booking of the same places has too many tickets.
fn by_reference(sales: Vec<Sale>) -> Vec<Sale> {
    let mut merged: BTreeMap<String, Sale> = BTreeMap::new();
    for sale in sales {
        match merged.get_mut(&sale.reference) {
            None => drop(merged.insert(sale.reference.clone(), sale)),
            Some(first) => {
                first.tickets.extend(sale.tickets);
                first.total += sale.total;
            }
        }
    }
    merged.into_values().collect()
}

fn held_places(hold: &Value) -> HeldPlaces {
    let reference = hold["reference"].as_str().map(str::to_ascii_uppercase);
    HeldPlaces { reference, id: text(&hold["id"]).to_owned() }
}

/// Compares all orders with the books. An order that is not final is a difference too, because it may still become final.
pub(super) fn differences(orders: &[Value], books: &Books) -> Vec<Difference> {
    let mut found = Vec::new();
    for order in orders {
        let mut add = |text: String| {
            found.push(Difference { order: order["id"].as_str().map(str::to_owned), text });
        };
        array(&order["legs"]).iter().for_each(|leg| check_leg(order, leg, books, &mut add));
        check_order(order, books, &mut add);
        check_totals(order, books, &mut add);
    }
    let legs: Vec<&Value> = orders.iter().flat_map(|order| array(&order["legs"])).collect();
    check_unknown_sales(&legs, books, &mut found);
    check_holds(&legs, books, &mut found);
    found.sort();
    found
}

/// Compares one leg with the sales under its reference.
fn check_leg(order: &Value, leg: &Value, books: &Books, add: &mut impl FnMut(String)) {
    let (sales, source) = (books.sales_of(leg), text(&leg["source"]["name"]));
    if sales.len() > 1 {
        add(format!("sold {} times at {source}", sales.len()));
    }
    match text(&leg["status"]) {
        "CONFIRMED" => match &sales[..] {
            [] => add(format!("reported as confirmed, not sold at {source}")),
            [sale, ..] => check_tickets(order, leg, sale, add),
        },
        // A person is asked only about what no look-up and no repetition has settled.
        "NEEDS_ATTENTION" => {
            let is_open = |attempt: &Value| ["UNKNOWN", "REJECTED"].contains(&text(&attempt["outcome"]));
            if !array(&leg["attempts"]).iter().any(is_open) || array(&leg["problems"]).is_empty() {
                add(format!("a person is asked about {source}, and no attempt is open"));
            }
        }
        "OUTCOME_UNKNOWN" => {
            if !is_unknown_at_acme(leg) || !sales.is_empty() {
                add(format!("unknown at {source}, where {} sales are listed", sales.len()));
            }
        }
        "DRAFT" | "HELD" | "HOLD_FAILED" | "CONFIRM_FAILED" | "RELEASED" | "EXPIRED" | "CANCELLED" => {
            if !sales.is_empty() {
                add(format!("reported as {}, sold at {source}", text(&leg["status"])));
            }
        }
        status => add(format!("still {status} at {source}")),
    }
    let is_open = |attempt: &&Value| attempt["outcome"] == "IN_FLIGHT";
    if array(&leg["attempts"]).iter().any(|attempt| is_open(&attempt)) {
        add(format!("an attempt at {source} stays in flight"));
    }
}

/// Compares the tickets of a confirmed leg: as many as bought and not canceled, and the same ones.
fn check_tickets(order: &Value, leg: &Value, sale: &Sale, add: &mut impl FnMut(String)) {
    let lines = lines_of(order, leg);
    let wanted: i64 = lines.iter().filter(|line| !is_canceled(line)).filter_map(|line| line["quantity"].as_i64()).sum();
    let ours: Vec<&Value> = lines.iter().flat_map(|line| array(&line["tickets"])).filter(|one| !is_void(one)).collect();
    let is_ours = |names: &&Vec<String>| {
        let is_named = |ticket: &&Value| {
            array(&ticket["externalRefs"]).iter().any(|external| names.iter().any(|name| external["value"] == **name))
        };
        ours.iter().any(is_named)
    };
    let counts = [sale.tickets.iter().filter(is_ours).count(), ours.len(), sale.tickets.len()];
    if counts.iter().any(|count| i64::try_from(*count) != Ok(wanted)) {
        let source = text(&leg["source"]["name"]);
        add(format!("of {wanted} tickets at {source}: the same, in the ledger, at the vendor {counts:?}"));
    }
    if ours.iter().any(|ticket| ticket["status"] == "PENDING") {
        add(format!("a ticket at {} has no code", text(&leg["source"]["name"])));
    }
}

/// Checks that the status of an order is the truth about its legs, and that it is whole if that was promised.
fn check_order(order: &Value, books: &Books, add: &mut impl FnMut(String)) {
    let legs = array(&order["legs"]);
    let status = text(&order["status"]);
    let sold = legs.iter().filter(|leg| !books.sales_of(leg).is_empty()).count();
    let is_unknown = legs.iter().any(is_unknown_at_acme);
    let waits_for_its_client = ["DRAFT", "HELD", "PARTIALLY_HELD"].contains(&status);
    if order["isTerminal"] != true && status != "NEEDS_ATTENTION" && !waits_for_its_client && !is_unknown {
        add(format!("still {status}"));
    }
    let is_true = match status {
        "CONFIRMED" => sold == legs.len(),
        "PARTIALLY_CONFIRMED" => sold > 0,
        "FAILED" | "RELEASED" | "EXPIRED" | "CANCELLED" | "DRAFT" | "HELD" | "PARTIALLY_HELD" => sold == 0,
        _ => true,
    };
    if !is_true {
        add(format!("reported as {status}, {sold} of {} legs sold", legs.len()));
    }
    let may_be_partial =
        is_unknown || order["policy"] == "BEST_EFFORT" || ["NEEDS_ATTENTION", "PARTIALLY_CANCELLED"].contains(&status);
    if sold > 0 && sold < legs.len() && !may_be_partial {
        add(format!("half done: {sold} of {} legs sold", legs.len()));
    }
}

/// Expected totals in a currency.
#[derive(Default)]
struct ExpectedTotals {
    requested: i64,
    canceled: i64,
    confirmed: i64,
    booked: i64,
    /// True if a person decides about one of the legs.
    is_open: bool,
}

/// Compares the totals with the lines and with the vendors' totals, by currency.
fn check_totals(order: &Value, books: &Books, add: &mut impl FnMut(String)) {
    let mut expected: BTreeMap<&str, ExpectedTotals> = BTreeMap::new();
    for leg in array(&order["legs"]) {
        let lines = lines_of(order, leg);
        let totals = expected.entry(text(&lines[0]["total"]["retail"]["currency"])).or_default();
        let sum = |lines: Vec<&&Value>| -> i64 {
            lines.iter().filter_map(|line| line["total"]["retail"]["amount"].as_i64()).sum()
        };
        // A leg that was undone at once never had tickets.
        let is_undone = |line: &&&Value| leg["status"] == "CANCELLED" || is_canceled(line);
        let (requested, canceled) = (sum(lines.iter().collect()), sum(lines.iter().filter(is_undone).collect()));
        totals.requested += requested;
        totals.canceled += canceled;
        totals.confirmed += if leg["status"] == "CONFIRMED" { requested - canceled } else { 0 };
        totals.booked += books.sales_of(leg).iter().map(|sale| sale.total).sum::<i64>();
        totals.is_open |= leg["status"] == "NEEDS_ATTENTION";
    }
    for (currency, expected) in expected.into_iter().filter(|(_, expected)| !expected.is_open) {
        let Some(totals) = array(&order["totals"]).iter().find(|totals| totals["currency"] == currency) else {
            add(format!("no totals in {currency}"));
            continue;
        };
        let total = |name: &str| totals[name]["amount"].as_i64();
        let amounts =
            [("requested", expected.requested), ("confirmed", expected.confirmed), ("confirmed", expected.booked)];
        for (name, amount) in amounts {
            if total(name) != Some(amount) {
                add(format!("{name} {:?} {currency}, expected {amount}", total(name)));
            }
        }
        let undone = total("refunded").unwrap_or(0) + total("fee").unwrap_or(0);
        if undone != expected.canceled {
            add(format!("refunded and kept {undone} {currency}, expected {}", expected.canceled));
        }
    }
}

/// Finds sales that no leg explains.
fn check_unknown_sales(legs: &[&Value], books: &Books, found: &mut Vec<Difference>) {
    for (vendor, sales) in &books.sales {
        let ours: BTreeSet<&str> =
            legs.iter().filter(|leg| vendor_of(leg) == *vendor).map(|leg| text(&leg["ourReference"])).collect();
        let unknown = sales.iter().filter(|sale| !ours.contains(sale.reference.as_str()));
        found.extend(
            unknown.map(|sale| Difference { order: None, text: format!("sold, not stored: {vendor} {sale:?}") }),
        );
    }
}

/// Finds holds that no leg explains. A lost hold that cannot be looked up stays at the vendor until it expires: its response is
/// recorded as unknown, once for each.
fn check_holds(legs: &[&Value], books: &Books, found: &mut Vec<Difference>) {
    for leg in legs.iter().filter(|leg| leg["status"] == "HELD") {
        if !books.holds[vendor_of(leg)].iter().any(|hold| names(leg, hold)) {
            let source = text(&leg["source"]["name"]);
            found.push(Difference { order: None, text: format!("not held at {source}: {}", leg["ourReference"]) });
        }
    }
    for (vendor, holds) in &books.holds {
        let mut lost: BTreeMap<Option<&str>, usize> = BTreeMap::new();
        for leg in legs.iter().filter(|leg| vendor_of(leg) == *vendor) {
            let reference = (*vendor != "acme").then(|| text(&leg["ourReference"]));
            *lost.entry(reference).or_default() += lost_holds(leg);
        }
        for hold in holds {
            let may_hold = |leg: &&&Value| {
                ["HELD", "OUTCOME_UNKNOWN", "NEEDS_ATTENTION"].contains(&text(&leg["status"]))
                    && vendor_of(leg) == *vendor
            };
            if legs.iter().filter(may_hold).any(|leg| names(leg, hold)) {
                continue;
            }
            // Holds at ACME carry no reference.
            match lost.get_mut(&hold.reference.as_deref()) {
                Some(left) if *left > 0 => *left -= 1,
                _ => found.push(Difference { order: None, text: format!("a stray hold: {vendor} {hold:?}") }),
            }
        }
    }
}

fn names(leg: &Value, hold: &HeldPlaces) -> bool {
    array(&leg["externalRefs"]).iter().any(|external| external["value"] == hold.id)
}

/// Returns true if a check-out at ACME may never have arrived. Its reservation and its absence from the lists prove nothing
/// (`acme.md §4.5`), so it stays unknown until a person settles it.
fn is_unknown_at_acme(leg: &Value) -> bool {
    vendor_of(leg) == "acme" && leg["status"] == "OUTCOME_UNKNOWN" && leg["unknownOperation"] == "CONFIRM"
}

fn lines_of<'a>(order: &'a Value, leg: &Value) -> Vec<&'a Value> {
    array(&order["lines"]).iter().filter(|line| line["leg"]["id"] == leg["id"]).collect()
}

fn is_canceled(line: &Value) -> bool {
    let tickets = array(&line["tickets"]);
    !tickets.is_empty() && tickets.iter().all(is_void)
}

fn is_void(ticket: &Value) -> bool {
    ticket["status"] == "VOID"
}

fn vendor_of(leg: &Value) -> &'static str {
    let name = text(&leg["source"]["name"]);
    SOURCES.iter().find(|(source, _)| *source == name).map(|(_, vendor)| *vendor).expect("a source")
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
