//! Texts in English, French and German.

use domain::Texts;

/// Hint of a check whose request failed.
pub(super) const UNREACHABLE: Texts = [
    "The vendor could not be reached: try again later.",
    "Le fournisseur n'a pas pu être joint : réessayez plus tard.",
    "Der Anbieter war nicht erreichbar: Versuchen Sie es später noch einmal.",
];
