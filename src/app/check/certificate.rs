//! The certificate of the server: its key, validity and names, and its chain to an authority.

use jiff::Timestamp;
use rustls::pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::app::gateway_setup;
use crate::config::{Config, TlsConfig};
use domain::accounts::{AccountCheck, CheckOutcome};

/// Days before the end of a certificate from which on it is a risk.
const RENEW_BEFORE_DAYS: i64 = 14;

/// Checks that the certificate fits its key, is valid now and for a while, names the public address, and leads to an authority that
/// this machine trusts.
pub(super) fn check(config: &Config, files: &TlsConfig, now: Timestamp) -> Vec<AccountCheck> {
    let loaded = gateway_setup::load_tls(files).err();
    let hint = loaded.map(|why| format!("{} and {}: {why}.", files.cert.display(), files.key.display()));
    let mut checks = vec![AccountCheck::new("TLS_KEY", "The certificate fits its key", hint)];
    let host = config.server.public_url.as_ref().and_then(|url| url.host_str());
    let chain = gateway_setup::read_certificates(&files.cert);
    let judged = chain.and_then(|chain| judge(&chain, host, &native_roots(), now));
    checks.extend(judged.unwrap_or_else(|why| {
        let hint = format!("{}: {why}.", files.cert.display());
        vec![AccountCheck::new("TLS_CERTIFICATE", "The certificate can be read", Some(hint))]
    }));
    checks
}

/// Reads the authorities that this machine trusts.
fn native_roots() -> Vec<CertificateDer<'static>> {
    rustls_native_certs::load_native_certs().certs
}

/// Checks a chain that begins with the certificate of the server. Fails if that cannot be read.
fn judge(
    chain: &[CertificateDer<'_>],
    host: Option<&str>,
    roots: &[CertificateDer<'_>],
    now: Timestamp,
) -> Result<Vec<AccountCheck>, String> {
    let (first, others) = chain.split_first().ok_or_else(|| "it holds no certificate".to_owned())?;
    let (_, parsed) = X509Certificate::from_der(first).map_err(|error| error.to_string())?;
    let certificate = EndEntityCert::try_from(first).map_err(|error| error.to_string())?;
    let validity = judge_validity(&parsed, now);
    let mut checks = vec![AccountCheck::with_outcome("TLS_VALIDITY", "The certificate is valid", validity)];
    if let Some(host) = host {
        let name = ServerName::try_from(host).map_err(|error| error.to_string())?;
        let is_named = certificate.verify_is_valid_for_subject_name(&name).is_ok();
        let hint = "It is none of its subject alternative names, so clients refuse it: check server.public_url and the certificate.";
        let title = format!("The certificate names {host}");
        checks.push(AccountCheck::new("TLS_NAME", title, (!is_named).then_some(hint)));
    }
    let outcome = judge_chain(&certificate, others, roots, now);
    checks.push(AccountCheck::with_outcome("TLS_CHAIN", "The certificate leads to a trusted authority", outcome));
    Ok(checks)
}

fn judge_validity(certificate: &X509Certificate<'_>, now: Timestamp) -> CheckOutcome {
    let now = now.as_second();
    let (from, until) = (certificate.validity().not_before.timestamp(), certificate.validity().not_after.timestamp());
    let days = (until - now).div_euclid(24 * 3600);
    match () {
        () if now < from => CheckOutcome::Failed("It is not valid yet.".into()),
        () if now >= until => CheckOutcome::Failed("It has expired: renew it.".into()),
        () if days < RENEW_BEFORE_DAYS => CheckOutcome::Risk(format!("It expires in {days} days: renew it.").into()),
        () => CheckOutcome::Passed,
    }
}

/// Verifies a chain as clients do (RFC 5280 §6).
fn judge_chain(
    certificate: &EndEntityCert<'_>,
    others: &[CertificateDer<'_>],
    roots: &[CertificateDer<'_>],
    now: Timestamp,
) -> CheckOutcome {
    let anchors: Vec<TrustAnchor<'_>> =
        roots.iter().filter_map(|root| webpki::anchor_from_trusted_cert(root).ok()).collect();
    if anchors.is_empty() {
        return CheckOutcome::Unproven("This machine has no list of authorities, such as ca-certificates.".into());
    }
    let since = std::time::Duration::from_secs(u64::try_from(now.as_second()).unwrap_or_default());
    let (now, usage) = (UnixTime::since_unix_epoch(since), KeyUsage::server_auth());
    let algorithms = webpki::ALL_VERIFICATION_ALGS;
    match certificate.verify_for_usage(algorithms, &anchors, others, now, usage, None, None) {
        Ok(_) => CheckOutcome::Passed,
        // Public services need a public authority; a service in a private network may have its own.
        Err(webpki::Error::UnknownIssuer) => CheckOutcome::Risk(
            "It does not lead to an authority that this machine trusts: server.tls.cert must hold the certificate of the server, \
             then those of the authorities in between. Clients of a private authority need its root."
                .into(),
        ),
        Err(error) => CheckOutcome::Failed(format!("Clients refuse it or its chain: {error}.").into()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};

    use super::*;

    type Authority = CertifiedIssuer<'static, KeyPair>;

    fn authority(name: &str, above: Option<&Authority>) -> Authority {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2040, 1, 1));
        let key = KeyPair::generate().expect("a key");
        match above {
            Some(above) => CertifiedIssuer::signed_by(params, key, above),
            None => CertifiedIssuer::self_signed(params, key),
        }
        .expect("a certificate")
    }

    fn server(names: &[&str], issuer: &Authority) -> CertificateDer<'static> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("parameters");
        (params.not_before, params.not_after) = (date_time_ymd(2026, 1, 1), date_time_ymd(2027, 1, 1));
        params.signed_by(&KeyPair::generate().expect("a key"), issuer).expect("a certificate").into()
    }

    fn outcomes(chain: &[CertificateDer<'_>], roots: &[CertificateDer<'_>], now: &str) -> Vec<(String, CheckOutcome)> {
        let now = now.parse().expect("a time");
        let checks = judge(chain, Some("tickets.example.com"), roots, now).expect("a certificate");
        checks.into_iter().map(|check| (check.code.to_string(), check.outcome)).collect()
    }

    #[test]
    fn a_chain_is_trusted_only_if_it_is_complete_and_its_root_is_known() {
        let root = authority("root", None);
        let between = authority("between", Some(&root));
        let (roots, other) = ([root.der().clone()], [authority("other", None).der().clone()]);
        let own = server(&["*.example.com"], &between);
        let chain = [own.clone(), between.der().clone()];
        let now = "2026-06-01T00:00:00Z";
        let all = |outcomes: &[(String, CheckOutcome)]| {
            outcomes.iter().map(|(_, outcome)| matches!(outcome, CheckOutcome::Passed)).collect::<Vec<_>>()
        };
        assert_eq!(all(&outcomes(&chain, &roots, now)), [true, true, true]);
        for (chain, roots) in [(&chain[..1], &roots), (&chain[..], &other)] {
            let seen = outcomes(chain, roots, now);
            assert!(
                matches!(&seen[2].1, CheckOutcome::Risk(text) if text.main.contains("then those of the authorities")),
                "{seen:?}"
            );
        }
        assert!(matches!(outcomes(&chain, &[], now)[2].1, CheckOutcome::Unproven(_)));
        // Of another host, and at other times.
        let foreign = [server(&["example.org"], &between), between.der().clone()];
        assert_eq!(all(&outcomes(&foreign, &roots, now)), [true, false, true]);
        for (now, is_risk) in
            [("2025-12-31T00:00:00Z", false), ("2026-12-25T00:00:00Z", true), ("2027-01-02T00:00:00Z", false)]
        {
            let validity = &outcomes(&chain, &roots, now)[0].1;
            assert_eq!(matches!(validity, CheckOutcome::Risk(_)), is_risk, "{validity:?}");
            assert!(!matches!(validity, CheckOutcome::Passed), "{now}");
        }
    }

    #[test]
    fn what_is_no_certificate_is_an_error() {
        let now = Timestamp::UNIX_EPOCH.checked_add(Duration::from_secs(1)).expect("a time");
        assert!(judge(&[], None, &[], now).is_err());
        assert!(judge(&[CertificateDer::from(vec![1, 2, 3])], None, &[], now).is_err());
    }
}
