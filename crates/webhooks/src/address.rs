//! Addresses that may be called: a stranger chooses the URL, so none of the network of the service is reached by it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, LazyLock};

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// Longest URL of a destination, in bytes.
pub const MAX_URL_BYTES: usize = 2_048;

/// Ranges that are no addresses of the public internet (IANA, "IPv4 Special-Purpose Address Registry" and "IPv6 Special-Purpose Address
/// Registry"), with multicast, and with the ranges that embed IPv4 addresses.
const FORBIDDEN: &[&str] = &[
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    // The address of services of a host in Azure, which is not reserved by IANA.
    "168.63.129.16/32",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/96",
    "::ffff:0:0/96",
    "::ffff:0:0:0/96",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
];

static FORBIDDEN_RANGES: LazyLock<Vec<IpNet>> =
    LazyLock::new(|| FORBIDDEN.iter().filter_map(|range| range.parse().ok()).collect());

/// Parses the URL of a webhook: http or https, with a host.
pub fn parse_url(text: &str) -> Option<Url> {
    Url::parse(text.trim()).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// Returns true for an address of the public internet.
pub fn is_public(address: IpAddr) -> bool {
    !FORBIDDEN_RANGES.iter().any(|range| range.contains(&address))
}

/// The host has no address that may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the host has no public address")]
pub struct ForbiddenAddress;

/// Reason that a URL is not a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Not a URL, too long, or with a user.
    #[error("not a URL of a destination")]
    Invalid,
    /// Not encrypted.
    #[error("the URL must begin with https://")]
    NotEncrypted,
    /// An address of a private network.
    #[error("the URL has an address of a private network")]
    Forbidden,
}

/// Rule for the addresses of destinations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressPolicy {
    /// True to call private addresses, and without encryption.
    pub allows_private: bool,
}

impl AddressPolicy {
    /// Parses the URL of a destination and checks what can be checked without a lookup.
    ///
    /// # Errors
    ///
    /// The URL cannot be a destination, or its address is forbidden.
    pub fn check_url(self, text: &str) -> Result<Url, UrlError> {
        let url = parse_url(text).filter(|_| text.len() <= MAX_URL_BYTES).ok_or(UrlError::Invalid)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(UrlError::Invalid);
        }
        if self.allows_private {
            return Ok(url);
        }
        let address = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            _ => None,
        };
        match address {
            Some(address) if !is_public(address) => Err(UrlError::Forbidden),
            _ if url.scheme() != "https" => Err(UrlError::NotEncrypted),
            _ => Ok(url),
        }
    }
}

/// Resolves names for the HTTP client, without the addresses that are forbidden. The client connects to these addresses only, so a name
/// that changes between two lookups gains nothing.
#[derive(Debug, Clone, Copy)]
pub struct PublicResolver(pub AddressPolicy);

impl Resolve for PublicResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = self.0;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(allowed(policy, found)?)
        })
    }
}

fn allowed(policy: AddressPolicy, found: impl Iterator<Item = SocketAddr>) -> Result<Addrs, io::Error> {
    let addresses: Vec<SocketAddr> = found.filter(|address| policy.allows_private || is_public(address.ip())).collect();
    if addresses.is_empty() {
        return Err(io::Error::other(ForbiddenAddress));
    }
    Ok(Box::new(addresses.into_iter()))
}

/// Returns true if a lookup found forbidden addresses only.
pub(crate) fn is_forbidden(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if error.is::<ForbiddenAddress>() || inner.is_some_and(|inner| inner.is::<ForbiddenAddress>()) {
            return true;
        }
        next = error.source();
    }
    false
}

/// Creates the resolver for a client.
pub fn resolver(policy: AddressPolicy) -> Arc<PublicResolver> {
    Arc::new(PublicResolver(policy))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: AddressPolicy = AddressPolicy { allows_private: false };

    #[test]
    fn every_range_is_read() {
        assert_eq!(FORBIDDEN_RANGES.len(), FORBIDDEN.len());
    }

    #[test]
    fn addresses_of_private_networks_are_recognized_in_all_their_forms() {
        let private = [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.9.9.9",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:0:4136:e378::",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001:db8::1",
        ];
        for address in private {
            assert!(!is_public(address.parse().expect("an address")), "{address}");
        }
        for address in [
            "1.1.1.1",
            "93.184.216.34",
            "168.63.129.17",
            "172.32.0.1",
            "100.128.0.1",
            "2606:4700:4700::1111",
            "2a00:1450::1",
        ] {
            assert!(is_public(address.parse().expect("an address")), "{address}");
        }
    }

    #[test]
    fn a_url_is_checked_before_anything_is_looked_up() {
        let forbidden = [
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://0177.0.0.1/",
            "https://[::1]/",
            "http://10.0.0.1/",
            "https://[::ffff:10.0.0.1]/",
            "https://169.254.169.254/latest/meta-data",
        ];
        for url in forbidden {
            assert_eq!(STRICT.check_url(url), Err(UrlError::Forbidden), "{url}");
        }
        assert_eq!(STRICT.check_url("http://hooks.example.com/"), Err(UrlError::NotEncrypted));
        let long = format!("https://hooks.example.com/{}", "x".repeat(MAX_URL_BYTES));
        for url in ["", "hooks", "ftp://hooks.example.com", "https://ada:pw@hooks.example.com/", long.as_str()] {
            assert_eq!(STRICT.check_url(url), Err(UrlError::Invalid), "{url}");
        }
        assert!(STRICT.check_url("https://hooks.example.com:8443/x?key=1").is_ok());
        let open = AddressPolicy { allows_private: true };
        assert!(open.check_url("http://127.0.0.1:9000/").is_ok());
        assert_eq!(open.check_url("ftp://127.0.0.1/"), Err(UrlError::Invalid));
    }

    #[test]
    fn forbidden_addresses_of_a_name_are_dropped() {
        let addresses = ["10.0.0.1:0", "93.184.216.34:0", "[::1]:0"].map(|text| text.parse().expect("an address"));
        let left: Vec<SocketAddr> = allowed(STRICT, addresses.into_iter()).expect("one is left").collect();
        assert_eq!(left, [addresses[1]]);
        let none = allowed(STRICT, [addresses[0]].into_iter()).err().expect("none is left");
        assert!(is_forbidden(&none));
        assert!(!is_forbidden(&io::Error::other("another error")));
    }
}
