//! Settings and their validation.

use super::config;
use crate::settings::{BookingEnv, Settings};

fn invalid(base_url: &str, lines: &str) -> Vec<String> {
    let read = Settings::from_config(&config(base_url, lines)).err().unwrap_or_default();
    read.into_iter().map(|one| one.key).collect()
}

const URL: &str = "https://octo.example/octo";

#[test]
fn each_invalid_setting_is_named() {
    for (base_url, lines, key) in [
        ("nowhere", "", "base_url"),
        (URL, "env = \"staging\"", "env"),
        (URL, "env = \"live\"\nenv_header = false", "env"),
        (URL, "supplier_path = \"path\"", "supplier_id"),
        (URL, "supplier_id = \"..\"", "supplier_id"),
        (URL, "supplier_id = 7", "supplier_id"),
        (URL, "cancel_by = \"mail\"", "assumptions.cancel_by"),
        (URL, "honors_uuid = \"yes\"", "assumptions.honors_uuid"),
        (URL, "hold_minutes = 0", "assumptions.hold_minutes"),
        (URL, "assumptions.nonsense = 1", "assumptions.nonsense"),
    ] {
        assert_eq!(invalid(base_url, lines), [key], "{lines}");
    }
    assert_eq!(invalid(URL, ""), Vec::<String>::new());
}

#[test]
fn a_key_is_missing_or_unusable_without_being_quoted() {
    for own in ["", "api_key = \"\"", "api_key = \"two words\"", "api_key = 7"] {
        let mut config = config(URL, "");
        config.vendor_settings = own.parse().expect("TOML");
        let errors = Settings::from_config(&config).err().expect("an error");
        assert_eq!(errors.len(), 1, "{own}");
        assert!(errors[0].key == "api_key" && !errors[0].message.contains("two words"), "{own}");
    }
}

#[test]
fn bookings_are_tests_unless_the_environment_is_live() {
    let env = |lines: &str, is_live: bool| {
        let mut config = config(URL, lines);
        if is_live {
            config.environment = domain::Environment::Live;
        }
        Settings::from_config(&config).expect("valid settings").env
    };
    assert_eq!((env("", false), env("", true)), (Some(BookingEnv::Test), Some(BookingEnv::Live)));
    assert_eq!((env("env = \"live\"", false), env("env_header = false", true)), (Some(BookingEnv::Live), None));
}

#[test]
fn lost_calls_are_not_repeated_unless_the_source_says_so() {
    let honors = |lines: &str| {
        let settings = Settings::from_config(&config(URL, lines)).expect("valid settings");
        crate::traits(&settings.defaults.facts).honors_idempotency_keys
    };
    assert_eq!((honors(""), honors("honors_uuid = true")), (false, true));
}
