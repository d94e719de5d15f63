//! Slots of a cluster: which one a key is in, and which node has it according to CLUSTER NODES.

use super::dial::Place;

/// The number of hash slots of a cluster.
const SLOTS: u16 = 16384;

/// The slot of a key: of the text between its first `{` and the next `}`, if there is some, else of
/// the whole key.
pub fn slot_of(key: &[u8]) -> u16 {
    let open = key.iter().position(|byte| *byte == b'{').map(|at| &key[at + 1..]);
    let tag = open.and_then(|rest| Some(&rest[..rest.iter().position(|byte| *byte == b'}')?]));
    let hashed = tag.filter(|tag| !tag.is_empty()).unwrap_or(key);
    crc16::State::<crc16::XMODEM>::calculate(hashed) % SLOTS
}

/// One node of a cluster, as another one sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterNode {
    pub id: String,
    pub place: Place,
    pub primary: bool,
    /// Whether the others hold it for dead.
    pub failed: bool,
    /// First and last slot of each range.
    pub slots: Vec<(u16, u16)>,
}

/// Parses lines such as `id ip:port@bus[,hostname] flags primary ping pong epoch state slots…`.
/// Nodes without an address and those that are not part of the cluster yet are left out.
/// `asked` is the host of a node that does not know its own address.
pub fn parse(reply: &str, asked: &str) -> Vec<ClusterNode> {
    reply.lines().filter_map(|line| parse_line(line, asked)).collect()
}

fn parse_line(line: &str, asked: &str) -> Option<ClusterNode> {
    let mut words = line.split_ascii_whitespace();
    let (id, address, flags) = (words.next()?, words.next()?, words.next()?);
    let flags: Vec<&str> = flags.split(',').collect();
    if flags.contains(&"noaddr") || flags.contains(&"handshake") {
        return None;
    }
    let address = address.split(',').next()?;
    let (host, port) = address.split('@').next()?.rsplit_once(':')?;
    let host = if host.is_empty() { asked } else { host };
    Some(ClusterNode {
        id: id.to_owned(),
        place: Place::tcp(host, port.parse().ok()?),
        primary: flags.contains(&"master"),
        failed: flags.contains(&"fail"),
        slots: words.skip(5).filter_map(range).collect(),
    })
}

/// `0-5460` or `7`. Slots that are being moved, `[7->-id]`, are no range.
fn range(word: &str) -> Option<(u16, u16)> {
    let (first, last) = word.split_once('-').unwrap_or((word, word));
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last && last < SLOTS).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_in_the_slot_of_its_tag() {
        assert_eq!(slot_of(b"123456789"), 0x31c3);
        assert_eq!(slot_of(b"a{123456789}b{x}"), 0x31c3);
        assert_eq!(slot_of(b"{}foo"), crc16::State::<crc16::XMODEM>::calculate(b"{}foo") % SLOTS);
        assert_eq!(slot_of(b"foo{{bar}}"), slot_of(b"{bar"));
    }

    #[test]
    fn nodes_have_places_roles_and_slots() {
        let reply = "\
            07c3 127.0.0.1:30004@31004,host slave e7d1 0 1426238317239 4 connected\n\
            67ed 127.0.0.1:30002@31002 master - 0 1426238316232 2 connected 5461-10922 11000 [93->-292f]\n\
            e7d1 :30001@31001 myself,master - 0 0 1 connected 0-5460\n\
            aaaa [2001:db8::1]:30005@31005 master,fail - 0 0 1 disconnected\n\
            bbbb :0@0 noaddr - 0 0 1 disconnected\nnonsense\n";
        let nodes = parse(reply, "10.0.0.1");
        let of = |id: &str| nodes.iter().find(|node| node.id == id).unwrap();
        assert_eq!(nodes.len(), 4);
        assert_eq!((of("07c3").primary, of("07c3").slots.len()), (false, 0));
        assert_eq!(of("67ed").slots, [(5461, 10922), (11000, 11000)]);
        assert_eq!(of("e7d1").place, Place::tcp("10.0.0.1", 30001));
        assert!(of("aaaa").failed);
    }
}
