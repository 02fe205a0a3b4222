//! The section `[sign_in]`.

use sign_in::Role;

use crate::config::{HARBOR, KEY, lines, load};

const RESELLER: &str = "[resellers.tiqets]\nname = \"Tiqets\"\n";

fn with(section: &str) -> String {
    format!("{HARBOR}{RESELLER}{section}")
}

const COMPLETE: &str = r#"
[sign_in]
issuer = "https://login.example.com/"
client_id = "ticketgraph"
client_secret = { env = "SIGN_IN_SECRET" }
public_url = "https://tickets.example.com"
[sign_in.roles.managers]
value = "tiqets-managers"
role = "manager"
reseller = "tiqets"
[sign_in.roles.staff]
value = "staff"
role = "operator"
"#;

const SECRET: (&str, &str) = ("SIGN_IN_SECRET", "planted-client-secret");

#[test]
fn a_complete_section_is_read_and_shows_no_secret() {
    let config = load(&with(COMPLETE), &[KEY, SECRET]).expect("no diagnostics");
    let sign_in = config.sign_in.as_ref().expect("a sign-in");
    assert_eq!(sign_in.issuer, "https://login.example.com/", "as it was written");
    assert_eq!(sign_in.redirect_url().as_str(), "https://tickets.example.com/sign-in/callback");
    assert_eq!(sign_in.provider_name, "login.example.com");
    let roles: Vec<(&str, Role)> = sign_in.roles.iter().map(|rule| (rule.value.as_str(), rule.access.role)).collect();
    assert_eq!(roles, [("tiqets-managers", Role::Manager), ("staff", Role::Operator)]);
    assert!(!format!("{config:?}").contains("planted"));
    let server = "[server]\npublic_url = \"https://other.example.com\"\n";
    let inherited =
        with(&format!("{server}{}", COMPLETE.replace("public_url = \"https://tickets.example.com\"\n", "")));
    let config = load(&inherited, &[KEY, SECRET]).expect("no diagnostics");
    assert_eq!(config.sign_in.expect("a sign-in").public_url.as_str(), "https://other.example.com/");
    assert!(load(&with(""), &[KEY]).expect("no diagnostics").sign_in.is_none(), "off by default");
}

#[test]
fn wrong_settings_are_reported() {
    for (from, to, expected) in [
        ("https://login", "http://login", "sign_in.issuer: must begin with https://"),
        ("https://tickets.example.com", "http://tickets.example.com", "sign_in.public_url: must begin with https://"),
        ("https://tickets.example.com", "https://tickets.example.com/app", "sign_in.public_url: must have no path"),
        ("public_url = \"https://tickets.example.com\"\n", "", "sign_in.public_url: is missing"),
        ("client_id = \"ticketgraph\"\n", "", "sign_in.client_id: is missing"),
        (
            "{ env = \"SIGN_IN_SECRET\" }",
            "\"written\"",
            "sign_in.client_secret: is a secret and must not be written out",
        ),
        ("role = \"manager\"", "role = \"owner\"", "sign_in.roles.managers.role: "),
        ("reseller = \"tiqets\"", "reseller = \"tiqet\"", "sign_in.roles.managers.reseller: "),
        ("reseller = \"tiqets\"\n", "", "sign_in.roles.managers.reseller: is missing: only an operator"),
        (
            "role = \"manager\"",
            "role = \"operator\"",
            "sign_in.roles.managers.reseller: must not be written for an operator",
        ),
        (
            "client_id",
            "lifetime = \"30m\"\nclient_id",
            "sign_in.lifetime: is 30m, must be at least the 1h of `sign_in.idle_timeout`",
        ),
        ("client_id", "sessions_per_user = 0\nclient_id", "sign_in.sessions_per_user: must be"),
    ] {
        let changed = COMPLETE.replacen(from, to, 1);
        assert_ne!(changed, COMPLETE, "{from}");
        let live = with(&changed).replace("\"sandbox\"", "\"live\"");
        let found = lines(load(&live, &[KEY, SECRET]));
        assert!(found.contains(expected), "{expected} in {found}");
    }
    let (without_roles, _) = COMPLETE.split_once("[sign_in.roles.managers]").expect("roles");
    let found = lines(load(&with(without_roles), &[KEY, SECRET]));
    assert!(found.contains("sign_in.roles: is empty: nobody could sign in"), "{found}");
}
