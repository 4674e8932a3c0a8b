//! What an IP address is, for one purpose: whether a plugin may be led to it.
//!
//! Comes in: an address, from a literal or from a resolver. Goes out: its class, and whether a grant
//! of a given reach admits that class. Deliberately absent: names, resolving, and any table that an
//! operator could widen: what is neither public nor private is admitted by nobody.
//!
//! Sources: the IANA special-purpose registries for IPv4 and IPv6 (RFC 6890 and its successors), RFC
//! 6052 (NAT64), RFC 3056 (6to4), RFC 4380 (Teredo), and the cloud vendors' metadata addresses.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::fmt;

/// What kind of address it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressClass {
    /// Anywhere on the internet.
    Public,
    /// This machine.
    Loopback,
    /// A private network.
    Private,
    /// This wire only.
    LinkLocal,
    /// A cloud's metadata service, which hands out the machine's own credentials.
    Metadata,
    /// Shared between a carrier and its customers (100.64.0.0/10).
    Carrier,
    /// Many receivers, or everybody.
    Multicast,
    /// For books.
    Documentation,
    /// No address at all, which some systems take for loopback.
    Unspecified,
    /// Set aside for anything else, tunnels among it.
    Reserved,
}

impl fmt::Display for AddressClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Public => "public",
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::LinkLocal => "link-local",
            Self::Metadata => "cloud metadata",
            Self::Carrier => "carrier-shared",
            Self::Multicast => "multicast",
            Self::Documentation => "documentation",
            Self::Unspecified => "unspecified",
            Self::Reserved => "reserved",
        })
    }
}

/// How far a grant reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Public addresses.
    Public,
    /// Also private ones and loopback: a grant with `private: true`.
    Private,
}

impl Reach {
    /// Whether an address of this class may be dialled.
    pub fn admits(self, class: AddressClass) -> bool {
        match class {
            AddressClass::Public => true,
            AddressClass::Private | AddressClass::Loopback => self == Self::Private,
            _ => false,
        }
    }
}

/// Metadata services outside of the link-local range, where a table of ranges would miss them.
const METADATA_V4: [[u8; 4]; 3] = [[168, 63, 129, 16], [100, 100, 100, 200], [192, 0, 0, 192]];
/// The same in link-local space, where they deserve their own name.
const METADATA_LINK_V4: [[u8; 4]; 3] =
    [[169, 254, 169, 254], [169, 254, 170, 2], [169, 254, 170, 23]];
const METADATA_V6: [Ipv6Addr; 3] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
];

/// The class of an address; one that hides another is judged by what it hides.
pub fn classify(address: IpAddr) -> AddressClass {
    match address {
        IpAddr::V4(v4) => classify_v4(v4),
        IpAddr::V6(v6) => classify_v6(v6),
    }
}

fn classify_v4(address: Ipv4Addr) -> AddressClass {
    let octets = address.octets();
    if METADATA_V4.contains(&octets) || METADATA_LINK_V4.contains(&octets) {
        return AddressClass::Metadata;
    }
    match octets {
        [0, 0, 0, 0] => AddressClass::Unspecified,
        [127, ..] => AddressClass::Loopback,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => AddressClass::Private,
        [169, 254, ..] => AddressClass::LinkLocal,
        [100, 64..=127, ..] => AddressClass::Carrier,
        [224..=239, ..] | [255, 255, 255, 255] => AddressClass::Multicast,
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => AddressClass::Documentation,
        [0, ..] | [192, 0, 0, _] | [192, 88, 99, _] | [198, 18..=19, ..] | [240..=255, ..] => {
            AddressClass::Reserved
        }
        _ => AddressClass::Public,
    }
}

fn classify_v6(address: Ipv6Addr) -> AddressClass {
    if METADATA_V6.contains(&address) {
        return AddressClass::Metadata;
    }
    let s = address.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        classify_v4(Ipv4Addr::new(a, b, c, d))
    };
    // A tunnel's far end is not where the packet is seen to go: named if it is metadata, never open.
    let tunnel = |hidden: AddressClass| match hidden {
        AddressClass::Metadata => AddressClass::Metadata,
        _ => AddressClass::Reserved,
    };
    match s {
        [0, 0, 0, 0, 0, 0, 0, 0] => AddressClass::Unspecified,
        [0, 0, 0, 0, 0, 0, 0, 1] => AddressClass::Loopback,
        [0, 0, 0, 0, 0, 0xffff, high, low] => v4(high, low),
        [0, 0, 0, 0, 0, 0, high, low] => tunnel(v4(high, low)),
        // NAT64's own prefix is how an IPv6-only house reaches the public IPv4 internet.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => match v4(high, low) {
            AddressClass::Public => AddressClass::Public,
            hidden => tunnel(hidden),
        },
        [0x64, 0xff9b, 1, _, _, _, high, low] => tunnel(v4(high, low)),
        [0x2002, high, low, ..] => tunnel(v4(high, low)),
        // Teredo writes the far end inverted.
        [0x2001, 0, _, _, _, _, high, low] => tunnel(v4(!high, !low)),
        // ISATAP writes it behind a fixed mark.
        [_, _, _, _, 0 | 0x200, 0x5efe, high, low] => tunnel(v4(high, low)),
        [0xff00..=0xffff, ..] => AddressClass::Multicast,
        [0xfe80..=0xfebf, ..] => AddressClass::LinkLocal,
        [0xfc00..=0xfdff, ..] => AddressClass::Private,
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => AddressClass::Documentation,
        [0x2001, 0..=0x1ff, ..] => AddressClass::Reserved,
        [0x2000..=0x3fff, ..] => AddressClass::Public,
        _ => AddressClass::Reserved,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_address_is_known_by_name() {
        use AddressClass::*;
        let table = [
            ("8.8.8.8", Public),
            ("1.1.1.1", Public),
            ("172.15.255.255", Public),
            ("172.32.0.0", Public),
            ("100.63.255.255", Public),
            ("100.128.0.0", Public),
            ("2606:4700::1111", Public),
            ("::ffff:8.8.8.8", Public),
            ("64:ff9b::808:808", Public),
            ("127.0.0.1", Loopback),
            ("127.255.255.254", Loopback),
            ("::1", Loopback),
            ("::ffff:127.0.0.1", Loopback),
            ("10.0.0.1", Private),
            ("172.16.0.1", Private),
            ("172.31.255.255", Private),
            ("192.168.0.1", Private),
            ("::ffff:192.168.0.1", Private),
            ("fc00::1", Private),
            ("fdff::1", Private),
            ("169.254.0.1", LinkLocal),
            ("fe80::1", LinkLocal),
            ("febf::1", LinkLocal),
            ("169.254.169.254", Metadata),
            ("169.254.170.2", Metadata),
            ("168.63.129.16", Metadata),
            ("100.100.100.200", Metadata),
            ("192.0.0.192", Metadata),
            ("::ffff:169.254.169.254", Metadata),
            ("::169.254.169.254", Metadata),
            ("64:ff9b::a9fe:a9fe", Metadata),
            ("64:ff9b:1::a9fe:a9fe", Metadata),
            ("2002:a9fe:a9fe::1", Metadata),
            ("2001:0:1:2:3:4:5601:5601", Metadata),
            ("2620::5efe:a9fe:a9fe", Metadata),
            ("fd00:ec2::254", Metadata),
            ("fd20:ce::254", Metadata),
            ("100.64.0.1", Carrier),
            ("100.127.255.255", Carrier),
            ("224.0.0.1", Multicast),
            ("239.255.255.255", Multicast),
            ("255.255.255.255", Multicast),
            ("ff02::1", Multicast),
            ("192.0.2.1", Documentation),
            ("198.51.100.1", Documentation),
            ("203.0.113.1", Documentation),
            ("2001:db8::1", Documentation),
            ("3fff::1", Documentation),
            ("0.0.0.0", Unspecified),
            ("::", Unspecified),
            ("::ffff:0.0.0.0", Unspecified),
            ("0.1.2.3", Reserved),
            ("192.0.0.1", Reserved),
            ("192.88.99.1", Reserved),
            ("198.18.0.1", Reserved),
            ("198.19.255.255", Reserved),
            ("240.0.0.1", Reserved),
            ("::8.8.8.8", Reserved),
            ("::127.0.0.1", Reserved),
            ("64:ff9b::7f00:1", Reserved),
            ("64:ff9b::a00:1", Reserved),
            ("64:ff9b:1::808:808", Reserved),
            ("2002:808:808::1", Reserved),
            ("2001::1", Reserved),
            ("2001:10::1", Reserved),
            ("100::1", Reserved),
            ("fec0::1", Reserved),
            ("5f00::1", Reserved),
            ("4000::1", Reserved),
        ];
        for (text, want) in table {
            assert_eq!(classify(text.parse().unwrap()), want, "{text}");
        }
    }

    #[test]
    fn a_private_grant_opens_private_and_loopback_and_nothing_else() {
        use AddressClass::*;
        let all = [
            Public,
            Loopback,
            Private,
            LinkLocal,
            Metadata,
            Carrier,
            Multicast,
            Documentation,
            Unspecified,
            Reserved,
        ];
        let admitted =
            |reach: Reach| all.into_iter().filter(|c| reach.admits(*c)).collect::<Vec<_>>();
        assert_eq!(admitted(Reach::Public), [Public]);
        assert_eq!(admitted(Reach::Private), [Public, Loopback, Private]);
    }
}
