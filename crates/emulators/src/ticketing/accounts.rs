//! Accounts, their wallets and preferences (`ticketing.md §4.4`, `§4.12`).

use std::collections::BTreeMap;

use serde_json::json;

use crate::ticketing::book::{Account, Book, Ticket, UPPER};
use crate::ticketing::door::Ask;
use crate::ticketing::reply::{Fields, Outcome, Refusal};
use crate::ticketing::show;

const PROFILE: [&str; 10] = [
    "firstName",
    "lastName",
    "title",
    "dateOfBirth",
    "phone",
    "country",
    "firstAddressLine",
    "secondAddressLine",
    "city",
    "state",
];

fn not_located() -> Refusal {
    Refusal::new(404, "The requested account could not be located")
}

fn own<'b>(book: &'b Book, ask: &Ask<'_>, number: &str) -> Result<&'b Account, Refusal> {
    let account = book.accounts.get(number).ok_or_else(not_located)?;
    if ask.acts_for(number) { Ok(account) } else { Err(Refusal::restricted()) }
}

pub(super) fn list(book: &Book, ask: &Ask<'_>) -> Outcome {
    let query = &ask.query;
    let is = |name: &str, value: &str| query.get(name).is_none_or(|wanted| wanted.eq_ignore_ascii_case(value));
    let found = book.accounts.values().filter(|account| {
        is("number", &account.number) && is("email", &account.email) && is("username", &account.username)
    });
    query.page(&book.switches, found.collect(), |account: &&Account| show::account(account))
}

pub(super) fn create(book: &mut Book, ask: &Ask<'_>) -> Outcome {
    let fields = ask.fields();
    let names = ["username", "password", "email"];
    if names.iter().all(|name| fields.text(name).is_none()) {
        return Err(Refusal::required(&names[..2]));
    }
    fields.require(&names)?;
    let text = |name: &str| fields.text(name).unwrap_or_default().to_owned();
    let (username, email) = (text("username"), text("email"));
    if !email.contains('@') {
        return Err(Refusal::invalid(&["email"]));
    }
    let taken: Vec<&str> = [("username", &username), ("email", &email)]
        .into_iter()
        .filter(|(_, value)| book.account_by_name(value).is_some())
        .map(|(name, _)| name)
        .collect();
    if !taken.is_empty() {
        return Err(Refusal::duplicate("user", &taken));
    }
    let account = Account {
        number: format!("{}-{}", &book.next_text("account", &UPPER[10..], 2), book.next_text("account", UPPER, 8)),
        username,
        email,
        password: text("password"),
        role: "customer".to_owned(),
        profile: profile(&fields),
        region: None,
    };
    let shown = show::account(&account);
    book.accounts.insert(account.number.clone(), account);
    Ok(shown)
}

fn profile(fields: &Fields<'_>) -> BTreeMap<String, String> {
    let given = PROFILE.iter().filter_map(|name| Some(((*name).to_owned(), fields.text(name)?.to_owned())));
    given.collect()
}

pub(super) fn read(book: &Book, ask: &Ask<'_>, number: &str) -> Outcome {
    own(book, ask, number).map(show::account)
}

pub(super) fn update(book: &mut Book, ask: &Ask<'_>, number: &str) -> Outcome {
    own(book, ask, number)?;
    let profile = profile(&ask.fields());
    if let Some(account) = book.accounts.get_mut(number) {
        account.profile.extend(profile);
    }
    Ok(json!({}))
}

pub(super) fn delete(book: &mut Book, ask: &Ask<'_>, number: &str) -> Outcome {
    own(book, ask, number)?;
    if book.tickets.values().any(|ticket| ticket.owner == number && ticket.status == "Issued") {
        return Err(Refusal::new(409, "An account cannot be deleted while it holds active tickets."));
    }
    book.accounts.remove(number);
    Ok(json!({}))
}

/// Finds an account by user name or e-mail address.
pub(super) fn look_up(book: &Book, ask: &Ask<'_>) -> Outcome {
    let fields = ask.fields();
    fields.require(&["identification"])?;
    let account = book.account_by_name(fields.text("identification").unwrap_or_default()).ok_or_else(not_located)?;
    Ok(json!({
        "number": account.number, "username": account.username,
        "firstName": account.profile.get("firstName"), "lastName": account.profile.get("lastName"),
    }))
}

pub(super) fn preferences(book: &Book, ask: &Ask<'_>, number: &str) -> Outcome {
    let account = own(book, ask, number)?;
    Ok(json!({ "region": account.region }))
}

pub(super) fn set_preferences(book: &mut Book, ask: &Ask<'_>, number: &str) -> Outcome {
    own(book, ask, number)?;
    ask.fields().require(&["region"])?;
    let region = ask.fields().loose("region").filter(|id| book.regions.contains_key(id));
    let region = region.ok_or_else(|| Refusal::invalid(&["region"]))?;
    if let Some(account) = book.accounts.get_mut(number) {
        account.region = Some(region);
    }
    Ok(json!({}))
}

pub(super) fn wallet(book: &Book, ask: &Ask<'_>, number: &str) -> Outcome {
    own(book, ask, number)?;
    let query = &ask.query;
    let held = book.tickets.values().filter(|ticket| {
        ticket.owner == number
            && query.allows("event", &ticket.event)
            && query.allows("section", &ticket.section)
            && query.get("serial").is_none_or(|start| ticket.serial.starts_with(start))
            && query.get("status").is_none_or(|status| ticket.status.eq_ignore_ascii_case(status))
    });
    query.page(&book.switches, held.collect(), |ticket: &&Ticket| show::ticket(book, ticket))
}
