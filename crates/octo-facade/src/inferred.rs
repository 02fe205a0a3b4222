//! Values that the papers of OCTO leave open (octo.md §11). Each is ours; none is documented.

/// Code formats of a product (octo.md §12.2): at least one is due, and sources do not name theirs in advance.
pub const DELIVERY_FORMATS: &[&str] = &["QRCODE"];

/// Opening hours of a day whose hours are not known (octo.md O12).
pub const OPENING_HOURS: (&str, &str) = ("00:00", "23:59");

/// Youngest and oldest visitor of a unit without limits of age (octo.md §12.2).
pub const AGES: (i64, i64) = (0, 99);

/// The only option of a product (octo.md §12.2).
pub const OPTION: &str = "DEFAULT";

/// Fields of a contact that a confirmation needs (octo.md §12.2).
pub const CONTACT_FIELDS: &[&str] = &["firstName", "lastName", "emailAddress"];
