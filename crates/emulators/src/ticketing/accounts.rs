//! Accounts, their wallets and preferences (`ticketing.md §4.4`, `§4.12`).

use std::collections::BTreeMap;

use serde_json::json;

use crate::ticketing::auth::RequestContext;
use crate::ticketing::responses::{BodyFields, EndpointResult, TicketingErrorResponse};
use crate::ticketing::state::{IssuedTicket, TicketingAccount, TicketingState, UPPER};
use crate::ticketing::views;

const PROFILE_FIELDS: [&str; 10] = [
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

fn not_located() -> TicketingErrorResponse {
    TicketingErrorResponse::new(404, "The requested account could not be located")
}

fn own_account<'b>(
    state: &'b TicketingState,
    request: &RequestContext<'_>,
    number: &str,
) -> Result<&'b TicketingAccount, TicketingErrorResponse> {
    let account = state.accounts.get(number).ok_or_else(not_located)?;
    if request.acts_for(number) { Ok(account) } else { Err(TicketingErrorResponse::forbidden()) }
}

pub(super) fn list(state: &TicketingState, request: &RequestContext<'_>) -> EndpointResult {
    let query = &request.query;
    let is = |name: &str, value: &str| query.get(name).is_none_or(|wanted| wanted.eq_ignore_ascii_case(value));
    let found = state.accounts.values().filter(|account| {
        is("number", &account.number) && is("email", &account.email) && is("username", &account.username)
    });
    query.page(&state.quirks, found.collect(), |account: &&TicketingAccount| views::account(account))
}

pub(super) fn create(state: &mut TicketingState, request: &RequestContext<'_>) -> EndpointResult {
    let fields = request.fields();
    let names = ["username", "password", "email"];
    if names.iter().all(|name| fields.text(name).is_none()) {
        return Err(TicketingErrorResponse::required(&names[..2]));
    }
    fields.require(&names)?;
    let text = |name: &str| fields.text(name).unwrap_or_default().to_owned();
    let (username, email) = (text("username"), text("email"));
    if !email.contains('@') {
        return Err(TicketingErrorResponse::invalid(&["email"]));
    }
    let taken: Vec<&str> = [("username", &username), ("email", &email)]
        .into_iter()
        .filter(|(_, value)| state.account_by_name(value).is_some())
        .map(|(name, _)| name)
        .collect();
    if !taken.is_empty() {
        return Err(TicketingErrorResponse::duplicate("user", &taken));
    }
    let account = TicketingAccount {
        number: next_number(state),
        username,
        email,
        password: text("password"),
        role: "customer".to_owned(),
        profile: parse_profile(&fields),
        region: None,
    };
    let shown = views::account(&account);
    state.accounts.insert(account.number.clone(), account);
    Ok(shown)
}

/// Returns an unused account number.
pub(super) fn next_number(state: &mut TicketingState) -> String {
    format!("{}-{}", state.next_text("account", &UPPER[10..], 2), state.next_text("account", UPPER, 8))
}

fn parse_profile(fields: &BodyFields<'_>) -> BTreeMap<String, String> {
    let given = PROFILE_FIELDS.iter().filter_map(|name| Some(((*name).to_owned(), fields.text(name)?.to_owned())));
    given.collect()
}

pub(super) fn read(state: &TicketingState, request: &RequestContext<'_>, number: &str) -> EndpointResult {
    own_account(state, request, number).map(views::account)
}

pub(super) fn update(state: &mut TicketingState, request: &RequestContext<'_>, number: &str) -> EndpointResult {
    own_account(state, request, number)?;
    let profile = parse_profile(&request.fields());
    if let Some(account) = state.accounts.get_mut(number) {
        account.profile.extend(profile);
    }
    Ok(json!({}))
}

pub(super) fn delete(state: &mut TicketingState, request: &RequestContext<'_>, number: &str) -> EndpointResult {
    own_account(state, request, number)?;
    if state.tickets.values().any(|ticket| ticket.owner == number && ticket.status == "Issued") {
        return Err(TicketingErrorResponse::new(409, "An account cannot be deleted while it holds active tickets."));
    }
    state.accounts.remove(number);
    Ok(json!({}))
}

/// Finds an account by user name or e-mail address.
pub(super) fn look_up(state: &TicketingState, request: &RequestContext<'_>) -> EndpointResult {
    let fields = request.fields();
    fields.require(&["identification"])?;
    let account = state.account_by_name(fields.text("identification").unwrap_or_default()).ok_or_else(not_located)?;
    Ok(json!({
        "number": account.number, "username": account.username,
        "firstName": account.profile.get("firstName"), "lastName": account.profile.get("lastName"),
    }))
}

pub(super) fn preferences(state: &TicketingState, request: &RequestContext<'_>, number: &str) -> EndpointResult {
    let account = own_account(state, request, number)?;
    Ok(json!({ "region": account.region }))
}

pub(super) fn set_preferences(
    state: &mut TicketingState,
    request: &RequestContext<'_>,
    number: &str,
) -> EndpointResult {
    own_account(state, request, number)?;
    request.fields().require(&["region"])?;
    let region = request.fields().text_or_number("region").filter(|id| state.regions.contains_key(id));
    let region = region.ok_or_else(|| TicketingErrorResponse::invalid(&["region"]))?;
    if let Some(account) = state.accounts.get_mut(number) {
        account.region = Some(region);
    }
    Ok(json!({}))
}

pub(super) fn wallet(state: &TicketingState, request: &RequestContext<'_>, number: &str) -> EndpointResult {
    own_account(state, request, number)?;
    let query = &request.query;
    let held = state.tickets.values().filter(|ticket| {
        ticket.owner == number
            && query.matches_id("event", &ticket.event)
            && query.matches_id("section", &ticket.section)
            && query.get("serial").is_none_or(|start| ticket.serial.starts_with(start))
            && query.get("status").is_none_or(|status| ticket.status.eq_ignore_ascii_case(status))
    });
    query.page(&state.quirks, held.collect(), |ticket: &&IssuedTicket| views::ticket(state, ticket))
}
