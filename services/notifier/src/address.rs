//! Which address a webhook's URL leads to, decided once and then dialled: a second look-up could
//! give another answer.

use crate::domain::forbidden::is_forbidden;
use std::{net::SocketAddr, time::Duration};
use url::{Host, Url};

/// A name that is not resolved by then will not be.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a URL is not called.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum AddressError {
    /// It is no URL of a web server.
    #[error("not an https URL with a host")]
    NotHttps,
    /// It leads to an address that is not public.
    #[error("leads to an address that is not public; list host:port under the channel's allowPrivate if that is meant")]
    Forbidden,
    /// The name does not resolve right now.
    #[error("the host's name cannot be resolved")]
    Unresolved,
}

/// A URL and the addresses it may be called at.
#[derive(Debug)]
pub struct Target {
    /// The URL.
    pub url: Url,
    /// Host and addresses, when the host is a name.
    pub resolved: Option<(String, Vec<SocketAddr>)>,
}

/// Checks a URL. Whatever is listed in `allow_private` (`host:port`) may be private and unencrypted.
///
/// # Errors
/// Why it is not called.
pub async fn check(text: &str, allow_private: &[String]) -> Result<Target, AddressError> {
    let url = Url::parse(text).map_err(|_| AddressError::NotHttps)?;
    let port = url.port_or_known_default().ok_or(AddressError::NotHttps)?;
    let host = url.host().ok_or(AddressError::NotHttps)?.to_owned();
    let allowed = allow_private.iter().any(|allowed| *allowed == format!("{host}:{port}"));
    if url.scheme() != "https" && !(allowed && url.scheme() == "http") {
        return Err(AddressError::NotHttps);
    }
    let name = match host {
        Host::Ipv4(address) if !allowed && is_forbidden(address.into()) => return Err(AddressError::Forbidden),
        Host::Ipv6(address) if !allowed && is_forbidden(address.into()) => return Err(AddressError::Forbidden),
        Host::Ipv4(_) | Host::Ipv6(_) => return Ok(Target { url, resolved: None }),
        Host::Domain(name) => name,
    };
    let lookup = tokio::time::timeout(LOOKUP_TIMEOUT, tokio::net::lookup_host((name.clone(), port))).await;
    let addresses: Vec<SocketAddr> = lookup.map_err(|_| AddressError::Unresolved)?.map_err(|_| AddressError::Unresolved)?.collect();
    if addresses.is_empty() {
        return Err(AddressError::Unresolved);
    }
    // One forbidden address is enough: which one is dialled is not ours to choose.
    if !allowed && addresses.iter().any(|address| is_forbidden(address.ip())) {
        return Err(AddressError::Forbidden);
    }
    Ok(Target { url, resolved: Some((name, addresses)) })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    async fn check_one(url: &str, wanted: Option<AddressError>) {
        let allow = ["127.0.0.1:9".to_owned(), "localhost:9".to_owned()];
        assert_eq!(check(url, &allow).await.err(), wanted, "{url}");
    }

    #[tokio::test]
    async fn private_addresses_are_reached_only_when_listed() {
        check_one("http://127.0.0.1:9/x", None).await;
        check_one("http://localhost:9/x", None).await;
        check_one("http://127.0.0.1:10/x", Some(AddressError::NotHttps)).await;
        for disguise in ["127.0.0.1:10", "2130706433", "0x7f.1", "0177.0.0.1", "[::ffff:127.0.0.1]", "localhost", "169.254.169.254"] {
            check_one(&format!("https://{disguise}/"), Some(AddressError::Forbidden)).await;
        }
        check_one("ftp://example.com/", Some(AddressError::NotHttps)).await;
        check_one("https://8.8.8.8/", None).await;
    }
}
