//! The customer account of a leg and the card that pays for it (`ticketing.md §4.4`, `§4.11`).

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::assumptions::PaymentWord;
use crate::settings::{Facts, PaymentCard};
use crate::{settings, wire};
use domain::ordering::Contact;

/// Email address of a leg's account: that of its contact, tagged with our reference, because the vendor allows one
/// account per address. `None` if the address is malformed.
pub(crate) fn tagged_email(contact: &Contact, reference: &str) -> Option<String> {
    let (local, domain) = contact.email.rsplit_once('@')?;
    (!local.is_empty() && !domain.is_empty()).then(|| format!("{local}+{reference}@{domain}"))
}

/// True if an account was opened for a leg: its email address is tagged with its user name.
pub(crate) fn is_leg_account(account: &wire::Account) -> bool {
    let name = account.username.as_deref().filter(|name| !name.is_empty());
    let local = account.email.as_deref().and_then(|email| email.rsplit_once('@')).map(|(local, _)| local);
    name.zip(local).is_some_and(|(name, local)| local.strip_suffix(name).is_some_and(|rest| rest.ends_with('+')))
}

/// Password that nobody needs: the same for each attempt, and not guessable without our key.
pub(crate) fn password(api_key: &SecretString, reference: &str) -> SecretString {
    let digest = Sha256::digest(format!("account password, {}, {reference}", api_key.expose_secret()));
    format!("{digest:x}").into()
}

/// Builds the account of a leg.
pub(crate) fn new_account<'a>(
    reference: &'a str,
    contact: &'a Contact,
    email: &'a str,
    password: &'a str,
) -> wire::NewAccount<'a> {
    wire::NewAccount {
        username: reference,
        password,
        email,
        first_name: &contact.first_name,
        last_name: &contact.last_name,
        phone: contact.phone.as_deref(),
    }
}

/// Builds the payment; email address and phone number of the contact are used if the card has none.
pub(crate) fn card_payment<'a>(card: &'a PaymentCard, contact: &'a Contact) -> wire::Payment<'a> {
    wire::Payment {
        number: card.number.expose_secret(),
        cvv: cvv(card.cvv.expose_secret()),
        expiry_date: card.expiry_date.expose_secret(),
        name: &card.name,
        email: card.email.as_deref().unwrap_or(&contact.email),
        phone: card.phone.as_deref().or(contact.phone.as_deref()),
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

/// Returns what a payment or refund says about itself; `None` for an unknown word. A declined card is a successful response with
/// another status (`§4.11`).
pub(crate) fn payment_word(settled: &wire::PaymentResult, facts: &Facts) -> Option<PaymentWord> {
    settings::meaning(&facts.payment_status_words, settled.status.as_deref()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(username: &str, email: &str) -> wire::Account {
        wire::Account { number: None, username: Some(username.to_owned()), email: Some(email.to_owned()) }
    }

    #[test]
    fn a_leg_account_is_recognized_by_its_email_address() {
        assert!(is_leg_account(&account("TG-1A2B", "ada+TG-1A2B@example.org")));
        assert!(is_leg_account(&account("TG-1A2B", "ada+tours+TG-1A2B@example.org")));
        assert!(!is_leg_account(&account("bea", "bea@example.org")));
        assert!(!is_leg_account(&account("", "ada+@example.org")));
    }

    #[test]
    fn check_digits_that_begin_with_a_zero_stay_text() {
        let json = |digits: &str| serde_json::to_string(&cvv(digits)).expect("json");
        assert_eq!((json("123").as_str(), json("012").as_str()), ("123", "\"012\""));
    }
}
