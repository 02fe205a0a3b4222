//! The account of a leg and the card that pays for it (`ticketing.md §4.4`, `§4.11`).

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::settings::Instrument;
use crate::wire;
use domain::ordering::LegRequest;

/// The e-mail address of a leg's account: the visitor's own with our reference after a plus, because the vendor lets one address have
/// one account only. `None` where the visitor's is no address.
pub(crate) fn email(leg: &LegRequest) -> Option<String> {
    let (local, domain) = leg.contact.email.rsplit_once('@')?;
    (!local.is_empty() && !domain.is_empty()).then(|| format!("{local}+{}@{domain}", leg.reference))
}

/// Whether an account was opened by us for a leg: its address carries its own name.
pub(crate) fn is_ours(account: &wire::Account) -> bool {
    let name = account.username.as_deref().filter(|name| !name.is_empty());
    let local = account.email.as_deref().and_then(|email| email.rsplit_once('@')).map(|(local, _)| local);
    name.zip(local).is_some_and(|(name, local)| local.strip_suffix(name).is_some_and(|rest| rest.ends_with('+')))
}

/// A password that nobody needs to know: the same for each attempt, and not to be guessed without our key.
pub(crate) fn password(api_key: &SecretString, reference: &str) -> SecretString {
    let digest = Sha256::digest(format!("account password, {}, {reference}", api_key.expose_secret()));
    format!("{digest:x}").into()
}

/// What opens the account of a leg.
pub(crate) fn new<'a>(leg: &'a LegRequest, email: &'a str, password: &'a str) -> wire::NewAccount<'a> {
    wire::NewAccount {
        username: &leg.reference,
        password,
        email,
        first_name: &leg.contact.first_name,
        last_name: &leg.contact.last_name,
        phone: leg.contact.phone.as_deref(),
    }
}

/// The card, with the visitor's address for mail and telephone where the card has none of its own.
pub(crate) fn payment<'a>(card: &'a Instrument, leg: &'a LegRequest) -> wire::Payment<'a> {
    wire::Payment {
        number: card.number.expose_secret(),
        cvv: cvv(card.cvv.expose_secret()),
        expiry_date: card.expiry_date.expose_secret(),
        name: &card.name,
        email: card.email.as_deref().unwrap_or(&leg.contact.email),
        phone: card.phone.as_deref().or(leg.contact.phone.as_deref()),
        address1: &card.address1,
        address2: card.address2.as_deref(),
        city: &card.city,
        district: &card.district,
        country: &card.country,
    }
}

fn cvv(digits: &str) -> wire::Cvv<'_> {
    match digits.parse() {
        Ok(number) if !digits.starts_with('0') => wire::Cvv::Number(number),
        _ => wire::Cvv::Text(digits),
    }
}

/// Whether a payment or refund went through. A declined card is a success with another status (`§4.11`).
pub(crate) fn is_authorised(settled: &wire::Settled) -> bool {
    settled.status.as_deref().is_some_and(|status| status.eq_ignore_ascii_case("Authorised"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(username: &str, email: &str) -> wire::Account {
        wire::Account { number: None, username: Some(username.to_owned()), email: Some(email.to_owned()) }
    }

    #[test]
    fn an_account_of_ours_is_known_by_its_address() {
        assert!(is_ours(&account("TG-1A2B", "ada+TG-1A2B@example.org")));
        assert!(is_ours(&account("TG-1A2B", "ada+tours+TG-1A2B@example.org")));
        assert!(!is_ours(&account("bea", "bea@example.org")));
        assert!(!is_ours(&account("", "ada+@example.org")));
    }

    #[test]
    fn check_digits_that_begin_with_a_zero_stay_text() {
        let json = |digits: &str| serde_json::to_string(&cvv(digits)).expect("json");
        assert_eq!((json("123").as_str(), json("012").as_str()), ("123", "\"012\""));
    }
}
