//! Texts of the checks of mappings, in English, French and German.

pub(crate) fn mapping(partner_code: &str) -> [String; 3] {
    [
        format!("{partner_code} means something that the source sells"),
        format!("{partner_code} désigne quelque chose que la source vend"),
        format!("{partner_code} bezeichnet etwas, das die Quelle verkauft"),
    ]
}

pub(crate) fn unknown_event(event: &str) -> [String; 3] {
    [
        format!("The source has no event {event}: check the id, which differs between environments."),
        format!(
            "La source n'a pas d'événement {event} : vérifiez l'identifiant, qui diffère d'un environnement à l'autre."
        ),
        format!("Die Quelle hat keine Veranstaltung {event}: Prüfen Sie die ID, die in jeder Umgebung anders ist."),
    ]
}

pub(crate) fn unknown_ticket_type(wanted: &str) -> [String; 3] {
    [
        format!("Nothing on sale has the ticket type {wanted}: check the id, which differs between environments."),
        format!(
            "Rien en vente n'a le type de billet {wanted} : vérifiez l'identifiant, qui diffère d'un environnement à l'autre."
        ),
        format!("Nichts im Verkauf hat die Ticketart {wanted}: Prüfen Sie die ID, die in jeder Umgebung anders ist."),
    ]
}
