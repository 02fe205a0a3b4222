//! Check of a mobile app's address and key.

use domain::accounts::AccountCheck;
use domain::mobile::{AppTicketKey, MobileApp};
use domain::{ErrorKind, SeenResponse, observe_responses};

use crate::channel::VenueLocation;

/// Key of a ticket that no app has.
const UNKNOWN_TICKET: &str = "ticketgraph-check";

/// Checks that the location of the venue is complete: the app shows it to people, and tickets are held back without it.
pub fn check_location(location: &VenueLocation) -> AccountCheck {
    let missing: Vec<&str> = [("country", &location.country), ("postal_code", &location.postal_code)]
        .into_iter()
        .filter(|(_, value)| value.is_none())
        .map(|(key, _)| key)
        .collect();
    let hint = format!("Tickets are held back: set {} of the delivery channel.", missing.join(" and "));
    let title = "The location of the venue is complete";
    AccountCheck::new("APP_LOCATION", title, (!missing.is_empty()).then_some(hint))
}

/// Reads a ticket that does not exist. "Not found" is the app's answer only in its own form, and proves something only if a wrong key
/// is refused.
pub async fn check_app(app: &dyn MobileApp) -> AccountCheck {
    let (code, title) = ("APP_REACHED", "The mobile app knows the key");
    let (read, seen) = observe_responses(app.load_status(&AppTicketKey::new(UNKNOWN_TICKET))).await;
    let is_json = seen.last().is_some_and(SeenResponse::is_json);
    let check = match read {
        Ok(_) => AccountCheck::passed(code, title),
        Err(error) => match error.kind {
            ErrorKind::NotFound if is_json => AccountCheck::passed(code, title),
            ErrorKind::Unauthorized | ErrorKind::Rejected(_) => {
                let hint = "The app rejects the key: compare it with the one in the app's administration.";
                AccountCheck::new(code, title, Some(hint))
            }
            ErrorKind::NotFound | ErrorKind::Malformed | ErrorKind::Internal => {
                AccountCheck::unproven(code, title, "the app", &["the url"])
            }
            _ => AccountCheck::unreachable(code, title, error),
        },
    };
    AccountCheck { seen, ..check }
}

#[cfg(test)]
mod tests {
    use domain::accounts::CheckOutcome;

    use super::*;

    #[test]
    fn each_missing_part_of_the_location_is_named() {
        let country = Some("CH".to_owned());
        let outcome = |location: &VenueLocation| check_location(location).outcome;
        let CheckOutcome::Failed(hint) = outcome(&VenueLocation::default()) else { panic!("nothing is set") };
        assert!(hint.main.contains("country and postal_code"), "{}", hint.main);
        let partial = VenueLocation { country, ..VenueLocation::default() };
        let CheckOutcome::Failed(hint) = outcome(&partial) else { panic!("a part is missing") };
        assert!(hint.main.contains("postal_code") && !hint.main.contains("country"), "{}", hint.main);
        let whole = VenueLocation { postal_code: Some("1005".to_owned()), ..partial };
        assert!(matches!(outcome(&whole), CheckOutcome::Passed));
    }
}
