//! Which addresses a webhook may reach. A caller chooses the URL, so without this rule it could
//! make the notifier speak to the inside of the network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use url::{Host, Url};

/// How a URL may be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Only at public addresses, to be checked again after its name is resolved.
    Public(Url),
    /// At any address: the operator allowed this host and port.
    Allowed(Url),
}

/// Why a URL may not be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It cannot be read.
    #[error("the address is not a URL with a host")]
    Malformed,
    /// It is not encrypted.
    #[error("the address is not https")]
    Scheme,
    /// It is not on the public internet.
    #[error("the address is not public")]
    NotPublic,
}

/// How `to` may be reached. `allowed` holds `host:port` pairs that may be private or not encrypted.
///
/// # Errors
/// It may not.
pub fn reach(to: &str, allowed: &[String]) -> Result<Reach, Refused> {
    let url = Url::parse(to).map_err(|_| Refused::Malformed)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Refused::Scheme);
    }
    let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else { return Err(Refused::Malformed) };
    let place = format!("{host}:{port}");
    if allowed.iter().any(|pair| pair.eq_ignore_ascii_case(&place)) {
        return Ok(Reach::Allowed(url));
    }
    // The URL parser has turned every spelling of an IPv4 address (0x7f.1, 2130706433) into one.
    let public = match host {
        Host::Domain(_) => true,
        Host::Ipv4(address) => is_public_v4(address),
        Host::Ipv6(address) => is_public_v6(address),
    };
    match (public, url.scheme()) {
        (false, _) => Err(Refused::NotPublic),
        (true, "https") => Ok(Reach::Public(url)),
        (true, _) => Err(Refused::Scheme),
    }
}

/// Whether an address is on the public internet.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !matches!(
        (a, b, c),
        (0 | 10 | 127 | 224..=255, _, _)     // this network, private, loopback, multicast and reserved
        | (100, 64..=127, _)                 // carrier-grade NAT
        | (169, 254, _)                      // link-local, cloud metadata
        | (172, 16..=31, _) | (192, 168, _)  // private
        | (192, 0, 0 | 2)                    // protocol assignments, documentation
        | (192, 88, 99)                      // 6to4 relay
        | (198, 18..=19, _)                  // benchmarks
        | (198, 51, 100) | (203, 0, 113) // documentation
    )
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, high, low] = address.segments();
    if (a, b, c, d, e, f) == (0x64, 0xff9b, 0, 0, 0, 0) {
        // NAT64 carries an IPv4 address.
        let ([one, two], [three, four]) = (high.to_be_bytes(), low.to_be_bytes());
        return is_public_v4(Ipv4Addr::new(one, two, three, four));
    }
    let global = (0x2000..=0x3fff).contains(&a);
    let special = match a {
        0x2001 => b < 0x0200 || b == 0x0db8, // protocol assignments with Teredo, documentation
        0x2002 => true,                      // 6to4
        0x3fff => b < 0x1000,                // documentation
        _ => false,
    };
    global && !special
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn check(to: &str, expected: Result<bool, Refused>) {
        let allowed = ["127.0.0.1:7090".to_owned(), "[::1]:80".to_owned(), "Sink.example:8080".to_owned()];
        let found = reach(to, &allowed).map(|reach| matches!(reach, Reach::Allowed(_)));
        assert_eq!(found, expected, "{to}");
    }

    #[test]
    fn only_public_https_is_reached_unless_allowed() {
        check("https://hooks.example/a", Ok(false));
        check("https://93.184.215.14/", Ok(false));
        check("https://[2606:2800:220:1::1]/", Ok(false));
        check("http://hooks.example/a", Err(Refused::Scheme));
        check("ftp://hooks.example/a", Err(Refused::Scheme));
        check("file:///etc/passwd", Err(Refused::Scheme));
        check("nonsense", Err(Refused::Malformed));
        check("http://127.0.0.1:7090/x", Ok(true));
        check("https://127.0.0.1:7090/x", Ok(true));
        check("http://[::1]/x", Ok(true));
        check("http://sink.EXAMPLE:8080/x", Ok(true));
        check("http://127.0.0.1:7091/x", Err(Refused::NotPublic));
        check("http://sink.example:8081/x", Err(Refused::Scheme));
    }

    #[test]
    fn no_spelling_of_an_inner_address_is_reached() {
        for host in [
            "127.0.0.1",
            "2130706433",
            "0x7f.1",
            "0177.0.0.1",
            "[::ffff:127.0.0.1]",
            "[::1]",
            "[::]",
            "0.0.0.0",
            "10.1.2.3",
            "172.31.0.1",
            "192.168.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "198.19.0.1",
            "192.88.99.1",
            "224.0.0.1",
            "255.255.255.255",
            "[fe80::1]",
            "[fec0::1]",
            "[fc00::1]",
            "[ff02::1]",
            "[64:ff9b::7f00:1]",
            "[64:ff9b:1::7f00:1]",
            "[::ffff:0:7f00:1]",
            "[2002:7f00:1::]",
            "[2001::1]",
            "[2001:db8::1]",
            "[100::1]",
            "[3fff::1]",
            "[5f00::1]",
        ] {
            check(&format!("https://{host}/"), Err(Refused::NotPublic));
        }
        assert!(is_public("64:ff9b::5db8:d70e".parse().unwrap()), "a public address through NAT64");
    }
}
