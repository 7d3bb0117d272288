//! Addresses that a webhook must not reach: everything that is not plainly public. A URL that a
//! caller chose must not let it speak to our own network through us.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether an address is not plainly public.
#[must_use]
pub fn is_forbidden(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => forbidden_v4(address),
        IpAddr::V6(address) => forbidden_v6(address),
    }
}

fn forbidden_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    match (a, b) {
        // This network, private use, loopback, multicast and reserved.
        (0 | 10 | 127 | 224..=255, _) => true,
        // Carrier-grade NAT, link-local, private use, benchmarks.
        (100, 64..=127) | (169, 254) | (172, 16..=31) | (192, 168) | (198, 18 | 19) => true,
        // Protocol assignments, relays, documentation.
        (192, 0) => c == 0 || c == 2,
        (192, 88) => c == 99,
        (198, 51) => c == 100,
        (203, 0) => c == 113,
        _ => false,
    }
}

fn forbidden_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    // NAT64 carries an IPv4 address, which is judged instead.
    if (first, second) == (0x64, 0xff9b) {
        let [.., high, low] = address.segments();
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        return forbidden_v4(Ipv4Addr::new(a, b, c, d));
    }
    // Only 2000::/3 is global unicast; of it 6to4, Teredo and documentation are not plainly public.
    (first & 0xe000) != 0x2000 || first == 0x2002 || (first == 0x2001 && (second == 0 || second == 0xdb8)) || first == 0x3fff
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_plainly_public_addresses_are_reached() {
        for (text, forbidden) in [
            ("127.0.0.1", true), ("10.1.2.3", true), ("172.20.0.1", true), ("192.168.1.1", true), ("169.254.169.254", true),
            ("100.64.0.1", true), ("0.0.0.0", true), ("198.18.0.1", true), ("192.0.2.1", true), ("224.0.0.1", true), ("255.255.255.255", true),
            ("::1", true), ("::ffff:127.0.0.1", true), ("::ffff:8.8.8.8", true), ("fe80::1", true), ("fc00::1", true), ("64:ff9b::7f00:1", true),
            ("2002:7f00:1::", true), ("2001::1", true), ("2001:db8::1", true), ("fec0::1", true),
            ("8.8.8.8", false), ("1.1.1.1", false), ("64:ff9b::808:808", false), ("2606:4700::1111", false), ("172.32.0.1", false), ("100.128.0.1", false),
        ] {
            assert_eq!(is_forbidden(text.parse().unwrap()), forbidden, "{text}");
        }
    }
}
