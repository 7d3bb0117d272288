//! Which addresses a delivery may reach. The same functions refuse a task that asks for another one
//! and decide when it is sent. A caller chooses the URL, so without this rule it could make the
//! notifier speak to the inside of the network; where a name leads is known, and checked, only when
//! it is sent.

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

/// The longest address, in bytes.
const MAX_ADDRESS_BYTES: usize = 2_048;
/// The longest e-mail address and its longest part before the `@`, in bytes (RFC 5321).
const MAX_MAIL_BYTES: usize = 254;
const MAX_LOCAL_BYTES: usize = 64;
/// The longest label of a host name, in characters.
const MAX_LABEL_CHARACTERS: usize = 63;

/// Why nothing can be delivered to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is too long.
    #[error("the address is longer than 2048 bytes")]
    TooLong,
    /// It could smuggle lines into what is sent.
    #[error("the address contains control characters")]
    Control,
    /// It cannot be read.
    #[error("the address is not a URL with a host")]
    Malformed,
    /// It is not spoken over HTTP.
    #[error("the address is neither http nor https")]
    NotHttp,
    /// It holds a user name or a password, which would be stored and told with the task.
    #[error("the address holds a user name or a password")]
    Credentials,
    /// It is no mailbox.
    #[error("the address is not an e-mail address")]
    NotMail,
    /// It is not encrypted.
    #[error("the address is not https")]
    Scheme,
    /// It is not on the public internet.
    #[error("the address is not public")]
    NotPublic,
}

impl Refused {
    /// What to do about it.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::TooLong => "shorten it",
            Self::Control => "remove them",
            Self::Malformed | Self::NotHttp => "give the full URL, like https://hooks.example/path",
            Self::Credentials => {
                "leave them out; the receiver knows the sender by the signature of the channel's secret"
            }
            Self::NotMail => "give an address like a@b.example",
            Self::Scheme => "use https, or have its host:port added to allowPrivate of the webhook channel",
            Self::NotPublic => "use a public host, or have its host:port added to allowPrivate of the webhook channel",
        }
    }
}

/// The URL of a webhook, wherever it leads.
///
/// # Errors
/// It is none.
pub fn webhook(to: &str) -> Result<Url, Refused> {
    one_line(to)?;
    let url = Url::parse(to).map_err(|_| Refused::Malformed)?;
    match (url.scheme(), url.host()) {
        ("http" | "https", Some(_)) if !url.username().is_empty() || url.password().is_some() => {
            Err(Refused::Credentials)
        }
        ("http" | "https", Some(_)) => Ok(url),
        ("http" | "https", None) => Err(Refused::Malformed),
        _ => Err(Refused::NotHttp),
    }
}

/// How `to` may be reached. `allowed` holds `host:port` pairs that may be private or not encrypted.
///
/// # Errors
/// It may not.
pub fn reach(to: &str, allowed: &[String]) -> Result<Reach, Refused> {
    let url = webhook(to)?;
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

/// Checks the recipient of an e-mail: `a@b.example`, or `Ann <a@b.example>`.
///
/// # Errors
/// It is none.
pub fn mailbox(to: &str) -> Result<(), Refused> {
    one_line(to)?;
    let address = match to.trim().strip_suffix('>').and_then(|to| to.split_once('<')) {
        Some((name, address)) if is_display_name(name.trim()) => address,
        Some(_) => return Err(Refused::NotMail),
        None => to.trim(),
    };
    let (local, domain) = address.rsplit_once('@').ok_or(Refused::NotMail)?;
    let fits = address.len() <= MAX_MAIL_BYTES && local.len() <= MAX_LOCAL_BYTES;
    if fits && local.split('.').all(is_atom) && domain.split('.').all(is_label) {
        Ok(())
    } else {
        Err(Refused::NotMail)
    }
}

/// What may stand before an address in angle brackets.
fn is_display_name(name: &str) -> bool {
    let quoted = name.strip_prefix('"').and_then(|name| name.strip_suffix('"'));
    quoted.map_or_else(|| !name.contains(['<', '>', ',', ';', ':', '@', '"', '\\']), |name| !name.contains(['"', '\\']))
}

/// What may stand between the dots before the `@` (RFC 5322; letters of any script by RFC 6531).
fn is_atom(text: &str) -> bool {
    let allowed = |character: char| character.is_alphanumeric() || "!#$%&'*+/=?^_`{|}~-".contains(character);
    !text.is_empty() && text.chars().all(allowed)
}

/// What may stand between the dots of a host name.
fn is_label(text: &str) -> bool {
    let allowed = |character: char| character.is_alphanumeric() || character == '-';
    let length = text.chars().count();
    (1..=MAX_LABEL_CHARACTERS).contains(&length)
        && text.chars().all(allowed)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

fn one_line(to: &str) -> Result<(), Refused> {
    if to.len() > MAX_ADDRESS_BYTES {
        return Err(Refused::TooLong);
    }
    if to.chars().any(char::is_control) { Err(Refused::Control) } else { Ok(()) }
}

/// Whether an address is on the public internet.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// Whether a single machine can be behind an address, on the public internet or in a network of the
/// operator's own. Link-local addresses are none: clouds hand out credentials there.
#[must_use]
pub fn is_host(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_host_v4(address),
        IpAddr::V6(address) => {
            let carried = address.to_ipv4_mapped();
            let [first, second, .., last] = address.segments();
            let is_metadata = (first, second, last) == (0xfd00, 0x0ec2, 0x0254);
            let is_special = address.is_unspecified() || address.is_multicast() || first & 0xffc0 == 0xfe80;
            carried.map_or(!is_special && !is_metadata, is_host_v4)
        }
    }
}

const fn is_host_v4(address: Ipv4Addr) -> bool {
    !(address.is_unspecified() || address.is_multicast() || address.is_broadcast() || address.is_link_local())
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

    #[test]
    fn where_clouds_hand_out_credentials_is_no_host() {
        for (address, wanted) in [
            ("127.0.0.1", true),
            ("10.1.2.3", true),
            ("8.8.8.8", true),
            ("::1", true),
            ("fd12::1", true),
            ("169.254.169.254", false),
            ("::ffff:169.254.169.254", false),
            ("fe80::1", false),
            ("fd00:ec2::254", false),
            ("0.0.0.0", false),
            ("::", false),
            ("224.0.0.1", false),
            ("ff02::1", false),
        ] {
            assert_eq!(is_host(address.parse().unwrap()), wanted, "{address}");
        }
    }

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
        check("ftp://hooks.example/a", Err(Refused::NotHttp));
        check("file:///etc/passwd", Err(Refused::NotHttp));
        check("nonsense", Err(Refused::Malformed));
        check("https://", Err(Refused::Malformed));
        check("https://hooks.example/\r\nX-Forged: 1", Err(Refused::Control));
        check(&format!("https://hooks.example/{}", "x".repeat(2_048)), Err(Refused::TooLong));
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
        // A public address through NAT64.
        assert!(is_public("64:ff9b::5db8:d70e".parse().unwrap()));
    }

    #[test]
    fn mailboxes_are_told_from_what_is_none() {
        for good in [
            "a@b.example",
            "first.last+tag@sub.b-c.example",
            "Ann Lee <ann@b.example>",
            "\"Lee, Ann\" <ann@b.example>",
            "<ann@b.example>",
            "ann@intranet",
            "zoë@bücher.example",
        ] {
            assert_eq!(mailbox(good), Ok(()), "{good}");
        }
        let long = format!("{}@b.example", "a".repeat(65));
        for bad in [
            "nobody",
            "@b.example",
            "a@",
            "a@@b.example",
            "a b@c.example",
            ".a@b.example",
            "a..b@c.example",
            "a@b..example",
            "a@-b.example",
            "a@[127.0.0.1]",
            "a@b.example, c@d.example",
            "a@b.example>",
            "x@y.example <a@b.example>",
            "\"x\" <y@z.example>, \"w\" <a@b.example>",
            "<a@b.example> <c@d.example>",
            long.as_str(),
        ] {
            assert_eq!(mailbox(bad), Err(Refused::NotMail), "{bad}");
        }
        assert_eq!(mailbox("a@b.example\r\nBcc: x@y.example"), Err(Refused::Control));
    }
}
