//! Addresses: who the client is behind trusted proxies, and which networks an address belongs to. Pure.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;

/// An address or CIDR block with no host bits below its mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network(pub IpNet);

impl std::str::FromStr for Network {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let block: IpNet = match text.parse::<IpAddr>() {
            Ok(address) => address.to_canonical().into(),
            Err(_) => text.parse().map_err(|_| "not an address and not a CIDR block")?,
        };
        if block.trunc() == block { Ok(Self(block)) } else { Err("bits below the mask must be zero") }
    }
}

/// Whether `address` is inside at least one of `networks`. IPv4-mapped IPv6 counts as IPv4.
pub fn contains(networks: &[IpNet], address: IpAddr) -> bool {
    let address = address.to_canonical();
    networks.iter().any(|network| network.contains(&address))
}

/// From where a key may be used, read once. An empty list allows every address; an entry that cannot be read allows none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowlist {
    everywhere: bool,
    networks: Vec<IpNet>,
}

impl Allowlist {
    /// Reads a key's entries.
    pub fn of(allow_ips: &[String]) -> Self {
        let networks = allow_ips.iter().filter_map(|text| text.parse::<Network>().ok()).map(|network| network.0);
        Self { everywhere: allow_ips.is_empty(), networks: networks.collect() }
    }

    /// Whether a request from `address` may use the key.
    pub fn allows(&self, address: IpAddr) -> bool {
        self.everywhere || contains(&self.networks, address)
    }
}

/// The client's address: the right-most entry of `X-Forwarded-For` that is not a trusted proxy, if the peer is one.
///
/// `forwarded_for` holds the header's values in order. An entry that is no address ends the search: what stands left
/// of it was not written by anybody we trust.
pub fn client<'a>(peer: IpAddr, forwarded_for: impl DoubleEndedIterator<Item = &'a str>, trusted: &[IpNet]) -> IpAddr {
    let mut client = peer.to_canonical();
    if !contains(trusted, client) {
        return client;
    }
    for entry in forwarded_for.rev().flat_map(|value| value.rsplit(',')) {
        let Some(address) = parse_hop(entry.trim()) else { break };
        client = address.to_canonical();
        if !contains(trusted, client) {
            break;
        }
    }
    client
}

/// `1.2.3.4`, `1.2.3.4:5`, `::1`, `[::1]` or `[::1]:5`.
fn parse_hop(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    if let Ok(socket) = text.parse::<std::net::SocketAddr>() {
        return Some(socket.ip());
    }
    text.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

/// What failed authentications are counted under: an IPv4 address, or the /64 an IPv6 address is in.
pub fn limiter_key(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn networks(texts: &[&str]) -> Vec<IpNet> {
        texts.iter().map(|text| text.parse::<Network>().unwrap().0).collect()
    }

    #[test]
    fn nobody_is_believed_who_is_not_a_trusted_proxy() {
        assert_eq!(client(ip("9.9.9.9"), ["1.1.1.1"].into_iter(), &[]), ip("9.9.9.9"));
        assert_eq!(client(ip("9.9.9.9"), ["1.1.1.1"].into_iter(), &networks(&["10.0.0.0/8"])), ip("9.9.9.9"));
    }

    #[test]
    fn the_right_most_untrusted_address_is_the_client() {
        let trusted = networks(&["10.0.0.0/8", "::1"]);
        let from = |values: &[&str]| client(ip("10.0.0.1"), values.iter().copied(), &trusted);
        assert_eq!(from(&["6.6.6.6, 7.7.7.7, 10.2.2.2"]), ip("7.7.7.7"));
        assert_eq!(from(&["6.6.6.6", "7.7.7.7", "10.2.2.2"]), ip("7.7.7.7"));
        assert_eq!(from(&["6.6.6.6, nonsense, 10.2.2.2"]), ip("10.2.2.2"));
        assert_eq!(from(&["[2001:db8::1]:443"]), ip("2001:db8::1"));
        assert_eq!(from(&["::ffff:7.7.7.7"]), ip("7.7.7.7"));
        assert_eq!(from(&[]), ip("10.0.0.1"));
        assert_eq!(client(ip("::ffff:10.0.0.1"), ["8.8.8.8"].into_iter(), &trusted), ip("8.8.8.8"));
    }

    #[test]
    fn allowlists_hold_addresses_and_blocks_of_both_families() {
        let list = ["10.0.0.0/8", "2001:db8::/32", "192.0.2.1"].map(str::to_owned);
        for inside in ["10.255.0.1", "::ffff:10.0.0.1", "2001:db8:1::1", "192.0.2.1"] {
            assert!(Allowlist::of(&list).allows(ip(inside)), "{inside}");
        }
        for outside in ["11.0.0.1", "2001:db9::1", "192.0.2.2", "::1"] {
            assert!(!Allowlist::of(&list).allows(ip(outside)), "{outside}");
        }
        assert!(Allowlist::of(&[]).allows(ip("1.2.3.4")));
        assert!(!Allowlist::of(&["broken".to_owned()]).allows(ip("1.2.3.4")));
    }

    #[test]
    fn host_bits_below_the_mask_are_a_mistake() {
        assert!("10.0.0.1/8".parse::<Network>().is_err());
        assert!("10.0.0.0/33".parse::<Network>().is_err());
        assert!("10.0.0.0/8".parse::<Network>().is_ok());
    }

    #[test]
    fn an_ipv6_client_is_counted_with_its_network() {
        assert_eq!(limiter_key(ip("2001:db8:1:2:3:4:5:6")), ip("2001:db8:1:2::"));
        assert_eq!(limiter_key(ip("::ffff:1.2.3.4")), ip("1.2.3.4"));
    }

    proptest! {
        #[test]
        fn no_text_makes_an_address_reader_panic(text in ".{0,64}", list in prop::collection::vec(".{0,32}", 0..4)) {
            let trusted = networks(&["10.0.0.0/8"]);
            client(ip("10.0.0.1"), [text.as_str()].into_iter(), &trusted);
            Allowlist::of(&list).allows(ip("10.0.0.1"));
        }
    }
}
