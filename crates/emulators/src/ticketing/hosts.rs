//! Hosts and their statistics (`ticketing.md §4.5`, `§4.14`).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::ticketing::book::{Book, Host, Order};
use crate::ticketing::door::Ask;
use crate::ticketing::reply::{Fields, Outcome, Refusal};
use crate::ticketing::show;

const PROFILE: [&str; 12] = [
    "name",
    "contact",
    "email",
    "description",
    "phone",
    "website",
    "country",
    "firstAddressLine",
    "secondAddressLine",
    "city",
    "state",
    "businessNo",
];

fn find<'b>(book: &'b Book, id: &str) -> Result<&'b Host, Refusal> {
    book.hosts.get(id).ok_or_else(|| Refusal::new(404, "The specified host could not be found."))
}

fn managed<'b>(book: &'b Book, ask: &Ask<'_>, id: &str) -> Result<&'b Host, Refusal> {
    let host = find(book, id)?;
    if ask.administers(book, id) { Ok(host) } else { Err(Refusal::restricted()) }
}

fn profile(fields: &Fields<'_>) -> BTreeMap<String, String> {
    PROFILE.iter().filter_map(|name| Some(((*name).to_owned(), fields.text(name)?.to_owned()))).collect()
}

pub(super) fn list(book: &Book, ask: &Ask<'_>) -> Outcome {
    let account = ask.query.get("account");
    let found = book.hosts.values().filter(|host| account.is_none_or(|number| host.administrators.contains(number)));
    ask.query.page(&book.switches, found.collect(), |host: &&Host| show::host(host))
}

pub(super) fn read(book: &Book, id: &str) -> Outcome {
    find(book, id).map(show::host)
}

pub(super) fn create(book: &mut Book, ask: &Ask<'_>) -> Outcome {
    ask.fields().require(&["name", "contact", "email"])?;
    let profile = profile(&ask.fields());
    refuse_twin(book, "", &profile)?;
    let administrators = BTreeSet::from([ask.account().to_owned()]);
    let host = Host { id: book.next_id(ask.now), profile, administrators };
    let shown = show::host(&host);
    book.hosts.insert(host.id.clone(), host);
    Ok(shown)
}

pub(super) fn update(book: &mut Book, ask: &Ask<'_>, id: &str) -> Outcome {
    managed(book, ask, id)?;
    let profile = profile(&ask.fields());
    refuse_twin(book, id, &profile)?;
    if let Some(host) = book.hosts.get_mut(id) {
        host.profile.extend(profile);
    }
    Ok(json!({}))
}

pub(super) fn delete(book: &mut Book, ask: &Ask<'_>, id: &str) -> Outcome {
    managed(book, ask, id)?;
    book.hosts.remove(id);
    Ok(json!({}))
}

fn refuse_twin(book: &Book, id: &str, profile: &BTreeMap<String, String>) -> Result<(), Refusal> {
    let is_twin = |host: &Host| host.id != id && host.profile.get("name") == profile.get("name");
    if profile.contains_key("name") && book.hosts.values().any(is_twin) {
        return Err(Refusal::duplicate("host", &["name"]));
    }
    Ok(())
}

/// Completed orders that hold anything of these events: how many, their tickets, their revenue in hundredths.
fn sales(book: &Book, is_wanted: impl Fn(&str) -> bool) -> (usize, u32, i64) {
    let fulfilled = book.orders.values().filter(|order| order.status == "Fulfilled");
    let of = |order: &Order| -> (u32, i64) {
        let items = order.items.iter().filter(|item| is_wanted(&item.event));
        items
            .fold((0, 0), |(tickets, sum), item| (tickets + item.quantity, sum + item.price * i64::from(item.quantity)))
    };
    let counted = fulfilled.map(of).filter(|(tickets, _)| *tickets > 0);
    counted.fold((0, 0, 0), |(orders, tickets, sum), (more, money)| (orders + 1, tickets + more, sum + money))
}

pub(super) fn statistics(book: &Book, ask: &Ask<'_>, id: &str) -> Outcome {
    managed(book, ask, id)?;
    let is_of_host = |event: &str| book.events.get(event).is_some_and(|event| event.host == id);
    let (orders, tickets, revenue) = sales(book, is_of_host);
    let events = book.events.values().filter(|event| event.host == id).count();
    Ok(json!({ "events": events, "orders": orders, "revenue": show::amount(revenue), "tickets": tickets }))
}

pub(super) fn event_statistics(book: &Book, ask: &Ask<'_>, id: &str) -> Outcome {
    let capacity: u32 = ask.managed(book, id)?.sections.iter().map(|section| section.capacity).sum();
    let (orders, tickets, revenue) = sales(book, |event| event == id);
    Ok(json!({ "capacity": capacity, "orders": orders, "revenue": show::amount(revenue), "tickets": tickets }))
}
