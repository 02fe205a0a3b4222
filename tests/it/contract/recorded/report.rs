//! The report of a target that deviates from the contract: something to send to the vendor, or to correct a setting by.

use std::fmt::Write;

use domain::{VendorKind, VendorOperation};
use recording::{Recording, shape};

use crate::contract::recorded::checks::Deviation;

/// Returns the section of the vendor's contract, and the settings that correct an inferred fact of it. Without a vendor it
/// is the mobile app.
fn section(vendor: Option<VendorKind>, operation: VendorOperation) -> (&'static str, &'static str) {
    use VendorOperation::{CheckConnection, Hold, ListPerformances, LoadAvailability, LoadTicketTypes, Release};
    match (vendor, operation) {
        (Some(VendorKind::Acme), CheckConnection) => ("acme.md §5", "api_key, tenant_id"),
        (Some(VendorKind::Acme), ListPerformances | LoadAvailability) => ("acme.md §4.1", "time_zone, assumptions"),
        (Some(VendorKind::Acme), Hold | Release) => ("acme.md §4.2", "organization_id, assumptions"),
        (Some(VendorKind::Acme), _) => ("acme.md §3.1", "base_url, assumptions"),
        (Some(VendorKind::Secutix), CheckConnection) => {
            ("secutix.md §3.1", "login, password, contact_reference, transport")
        }
        (Some(VendorKind::Secutix), LoadAvailability) => ("secutix.md §3.2", "contingents, api_version"),
        (Some(VendorKind::Secutix), Hold | Release) => {
            ("secutix.md §3.3", "contact_reference, payment_method, assumptions")
        }
        (Some(VendorKind::Secutix), LoadTicketTypes) => ("secutix.md §2.10", "currency, assumptions"),
        (Some(VendorKind::Secutix), _) => ("secutix.md §3.1", "transport, api_version"),
        (Some(VendorKind::Ticketing), CheckConnection) => ("ticketing.md §4.5", "api_key, host, client_version"),
        (Some(VendorKind::Ticketing), _) => ("ticketing.md §4.6", "host, client_version, assumptions"),
        (Some(VendorKind::Octo), CheckConnection) => ("octo.md §4.2", "api_key, supplier_path, env"),
        (Some(VendorKind::Octo), _) => ("octo.md §6.4", "base_url, capability_prefix, assumptions"),
        (None, _) => ("tixngo.md §4", "url, api_key, auth_header, assumptions"),
    }
}

/// Writes one paragraph for each deviation. Contains keys and types of bodies, and no values.
pub(crate) fn paragraphs(
    source: &str,
    vendor: Option<VendorKind>,
    deviations: &[Deviation],
    recording: Option<&Recording>,
) -> String {
    let mut text = String::new();
    for deviation in deviations {
        let (section, setting) = section(vendor, deviation.operation);
        let operation = deviation.operation.name();
        let samples = recording.into_iter().flat_map(|recording| recording.samples_of(source));
        let sample = samples.filter(|(_, sample)| sample.operation == operation).last();
        let file = sample.map_or("none", |(file, _)| file);
        let body = sample.map_or_else(String::new, |(_, sample)| format!("; the answer is {}", shape(&sample.body)));
        let _ = writeln!(
            text,
            "{source}: {section} ({operation})\n  expected: {}\n  seen:     {}{body}\n  sample:   {file}\n  settings: {setting}\n",
            deviation.expected, deviation.seen
        );
    }
    text
}
