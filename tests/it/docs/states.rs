//! The state diagrams of docs/orders.md match the code.

use std::collections::BTreeSet;

use orders::state_machine::{LEG_TRANSITIONS, ORDER_TRANSITIONS};
use orders::{LegStatus, OrderStatus};

use crate::docs::{blocks, chapter, read};

/// Returns the transitions drawn in a section, without the initial one.
fn drawn(heading: &str) -> BTreeSet<(String, String)> {
    let page = read("docs/orders.md");
    let diagrams = blocks(chapter(&page, heading)).into_iter().filter(|block| block.is("mermaid"));
    let text: String = diagrams.map(|block| block.text).collect();
    let mut arrows = BTreeSet::new();
    for line in text.lines().filter(|line| line.contains("-->") && !line.contains("[*]")) {
        let (from, rest) = line.split_once("-->").expect("an arrow");
        let to = rest.split(':').next().expect("where it leads");
        let is_new = arrows.insert((from.trim().to_owned(), to.trim().to_owned()));
        assert!(is_new, "drawn twice: {line}");
    }
    arrows
}

fn arrows<S: Copy>(table: &[(S, &[S])], name: fn(S) -> &'static str) -> BTreeSet<(String, String)> {
    let pairs = table.iter().flat_map(|(from, to)| to.iter().map(|to| (*from, *to)));
    pairs.map(|(from, to)| (name(from).to_owned(), name(to).to_owned())).collect()
}

#[test]
fn the_diagram_of_a_leg_shows_every_allowed_transition() {
    assert_eq!(drawn("## States of a leg"), arrows(&LEG_TRANSITIONS, LegStatus::name), "left: drawn, right: the code");
}

#[test]
fn the_diagrams_of_an_order_show_every_allowed_transition() {
    assert_eq!(
        drawn("## States of an order"),
        arrows(&ORDER_TRANSITIONS, OrderStatus::name),
        "left: drawn, right: the code"
    );
}

#[test]
fn the_page_names_every_terminal_status() {
    let page = read("docs/orders.md");
    let section = chapter(&page, "## States of an order");
    let sentence = section.split("`isTerminal`").nth(1).and_then(|rest| rest.split(". ").next()).expect("the sentence");
    let named: BTreeSet<&str> = sentence.split('`').skip(1).step_by(2).collect();
    let ends: BTreeSet<&str> =
        OrderStatus::ALL.iter().filter(|status| status.is_terminal()).map(|status| status.name()).collect();
    assert_eq!(named, ends);
}
