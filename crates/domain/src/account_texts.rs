//! Texts of account checks, in English, French and German.

/// Hint of a check whose response is not one that the service gives.
pub(crate) fn foreign_response(service: &str, settings: &str) -> [String; 3] {
    [
        format!(
            "The response does not come from {service}: check {settings}, and whether something in between answers in its place."
        ),
        format!(
            "La réponse ne vient pas de {service} : vérifiez {settings}, et si un intermédiaire répond à sa place."
        ),
        format!(
            "Die Antwort stammt nicht von {service}: Prüfen Sie {settings}, und ob etwas dazwischen an dessen Stelle antwortet."
        ),
    ]
}
