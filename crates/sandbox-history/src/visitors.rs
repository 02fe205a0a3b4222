//! Visitors, whose names are obviously made up, at addresses that exist nowhere.

use domain::Locale;
use domain::ordering::Contact;
use fastrand::Rng;

/// First names, and how they are written in an address.
const FIRST_NAMES: [(&str, &str); 24] = [
    ("Ada", "ada"),
    ("Ben", "ben"),
    ("Chloé", "chloe"),
    ("David", "david"),
    ("Emma", "emma"),
    ("Farid", "farid"),
    ("Greta", "greta"),
    ("Hugo", "hugo"),
    ("Iris", "iris"),
    ("Jonas", "jonas"),
    ("Klara", "klara"),
    ("Léa", "lea"),
    ("Milo", "milo"),
    ("Nora", "nora"),
    ("Oskar", "oskar"),
    ("Pia", "pia"),
    ("Quentin", "quentin"),
    ("Rosa", "rosa"),
    ("Sami", "sami"),
    ("Tara", "tara"),
    ("Ugo", "ugo"),
    ("Vera", "vera"),
    ("Yara", "yara"),
    ("Zoe", "zoe"),
];
/// Last names with the language of the visitor.
const LAST_NAMES: [(&str, &str, &str); 12] = [
    ("Example", "example", "en"),
    ("Sample", "sample", "en"),
    ("Placeholder", "placeholder", "en"),
    ("Testcase", "testcase", "en"),
    ("Specimen", "specimen", "en"),
    ("Nobody", "nobody", "en"),
    ("Inconnu", "inconnu", "fr"),
    ("Dupont-Fictif", "dupont-fictif", "fr"),
    ("Personne", "personne", "fr"),
    ("Beispiel", "beispiel", "de"),
    ("Mustermann", "mustermann", "de"),
    ("Niemand", "niemand", "de"),
];
/// Telephone numbers reserved for fiction begin like this.
const FICTIONAL_PHONE: &str = "20255501";

/// Draws a visitor and the language of the visitor.
pub(crate) fn draw(random: &mut Rng) -> (Contact, Option<Locale>) {
    let (first_name, first) = FIRST_NAMES[random.usize(..FIRST_NAMES.len())];
    let (last_name, last, language) = LAST_NAMES[random.usize(..LAST_NAMES.len())];
    let phone = random.bool().then(|| format!("{FICTIONAL_PHONE}{:02}", random.u8(..100)));
    let contact = Contact {
        first_name: first_name.to_owned(),
        last_name: last_name.to_owned(),
        email: format!("{first}.{last}@example.com"),
        phone,
        postal_code: None,
    };
    (contact, Locale::parse(language))
}
