//! Checks the address list of a new key (api contract §4.4). Pure. Whether a caller is inside is the proxy's question.

use std::{collections::BTreeSet, net::IpAddr};

use ipnet::{IpNet, Ipv4Net};

/// Most entries that a key may have.
const MAX_ENTRIES: usize = 50;

/// Bits of an IPv6 prefix before the embedded IPv4 address of `::ffff:0:0/96` begins.
const MAPPED_BITS: u8 = 96;

/// Why a list is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AllowlistError {
    /// More entries than a key may have.
    #[error("more than 50 allowed addresses")]
    TooMany,
    /// Neither an address nor a block.
    #[error("`{0}` is neither an address nor a CIDR block")]
    Invalid(String),
    /// The block's address has bits below its mask.
    #[error("`{0}` has host bits below its mask")]
    HostBits(String),
    /// The same block twice, however it is written.
    #[error("`{0}` is there twice")]
    Duplicate(String),
}

/// The list in its one spelling: IPv4-mapped addresses as IPv4, single addresses without a mask.
pub(crate) fn check(entries: &[String]) -> Result<Vec<String>, AllowlistError> {
    if entries.len() > MAX_ENTRIES {
        return Err(AllowlistError::TooMany);
    }
    let mut seen = BTreeSet::new();
    let mut checked = Vec::with_capacity(entries.len());
    for entry in entries {
        let block = parse(entry)?;
        if !seen.insert(block) {
            return Err(AllowlistError::Duplicate(entry.clone()));
        }
        let single = block.prefix_len() == block.max_prefix_len();
        checked.push(if single { block.addr().to_string() } else { block.to_string() });
    }
    Ok(checked)
}

fn parse(entry: &str) -> Result<IpNet, AllowlistError> {
    let block = match entry.parse::<IpAddr>() {
        Ok(address) => IpNet::from(address),
        Err(_) => entry.parse::<IpNet>().map_err(|_| AllowlistError::Invalid(entry.to_owned()))?,
    };
    if block.trunc() != block {
        return Err(AllowlistError::HostBits(entry.to_owned()));
    }
    Ok(unmapped(block))
}

/// A block inside `::ffff:0:0/96` is the IPv4 block it stands for.
fn unmapped(block: IpNet) -> IpNet {
    let IpNet::V6(v6) = block else { return block };
    let address = v6.addr().to_ipv4_mapped();
    let length = v6.prefix_len().checked_sub(MAPPED_BITS);
    let mapped = address.zip(length).and_then(|(address, length)| Ipv4Net::new(address, length).ok());
    mapped.map_or(block, IpNet::V4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(entries: &[&str]) -> Result<Vec<String>, AllowlistError> {
        check(&entries.iter().map(|entry| (*entry).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn addresses_and_blocks_are_kept_in_one_spelling() {
        let given = ["192.0.2.1", "10.0.0.0/8", "2001:DB8::/32", "::1", "::ffff:192.0.2.9", "::ffff:198.51.100.0/120"];
        let kept = ["192.0.2.1", "10.0.0.0/8", "2001:db8::/32", "::1", "192.0.2.9", "198.51.100.0/24"];
        assert_eq!(list(&given), Ok(kept.map(str::to_owned).to_vec()));
        assert_eq!(list(&[]), Ok(vec![]));
    }

    #[test]
    fn invalid_entries_are_refused() {
        for wrong in ["", "host", "1.2.3", "1.2.3.4/33", "1.2.3.4 ", "::1/129", "1.2.3.4/-1", "fe80::1%eth0"] {
            assert!(matches!(list(&[wrong]), Err(AllowlistError::Invalid(_))), "{wrong}");
        }
        for wrong in ["10.0.0.1/8", "2001:db8::1/32", "::ffff:1.2.3.4/120"] {
            assert!(matches!(list(&[wrong]), Err(AllowlistError::HostBits(_))), "{wrong}");
        }
    }

    #[test]
    fn the_same_block_twice_is_refused_however_it_is_written() {
        for twice in [["1.2.3.4", "1.2.3.4/32"], ["1.2.3.4", "::ffff:1.2.3.4"], ["::1", "0:0::1"], ["10.0.0.0/8"; 2]] {
            assert!(matches!(list(&twice), Err(AllowlistError::Duplicate(_))), "{twice:?}");
        }
    }

    #[test]
    fn fifty_entries_are_enough() {
        let entries: Vec<String> = (0..51).map(|index| format!("192.0.2.{index}")).collect();
        assert!(check(&entries[..50]).is_ok());
        assert_eq!(check(&entries), Err(AllowlistError::TooMany));
    }
}
