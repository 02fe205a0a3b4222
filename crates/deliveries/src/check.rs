//! Check of a mobile app's address and key.

use domain::ErrorKind;
use domain::accounts::AccountCheck;
use domain::mobile::{AppTicketKey, MobileApp};

/// Key of a ticket that no app has.
const UNKNOWN_TICKET: &str = "ticketgraph-check";

/// Reads a ticket that does not exist: "not found" proves that the address and the key are accepted.
pub async fn check_app(app: &dyn MobileApp) -> AccountCheck {
    let (code, title) = ("APP_REACHED", "The address and the key of the mobile app are accepted");
    match app.load_status(&AppTicketKey::new(UNKNOWN_TICKET)).await {
        Ok(_) => AccountCheck::new(code, title, None),
        Err(error) => match error.kind {
            ErrorKind::NotFound => AccountCheck::new(code, title, None),
            ErrorKind::Unauthorized | ErrorKind::Rejected(_) => {
                let hint = "The app rejects the key: compare it with the one in the app's administration.";
                AccountCheck::new(code, title, Some(hint))
            }
            _ => AccountCheck::unreachable(code, title, error),
        },
    }
}
