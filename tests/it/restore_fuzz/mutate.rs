//! Mutations of bytes that tend to find bugs in parsers.

use super::super::support::Random;

/// Integers at boundaries: of an encoding size, a type, or a limit of the format.
const EDGES: &[u64] = &[
    0,
    1,
    2,
    3,
    9,
    10,
    127,
    128,
    16_383,
    16_384,
    18_442,
    18_443,
    65_535,
    65_536,
    (1 << 32) - 1,
    1 << 32,
    315_360_000_000,
    315_360_000_001,
    1_700_000_000_000,
    (1 << 53) - 1,
    (1 << 60) - 1,
    1 << 60,
    (1 << 62) - 1,
    1 << 62,
    (1 << 62) + 1,
    (1 << 63) - 1,
    1 << 63,
    u64::MAX - 1,
    u64::MAX,
];

/// Mutates `bytes` in one to three places. `other` is another value of the same format, to splice
/// from.
pub fn mutate(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    for _ in 0..random.within(1..=3) {
        if bytes.is_empty() {
            bytes.push(random.number() as u8);
        }
        let at = random.below(bytes.len());
        match random.below(12) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = random.number() as u8,
            2 => bytes[at] = *random.pick(&[0, 1, 2, 0x3f, 0x40, 0x7f, 0x80, 0x81, 0xc0, 0xc3, 0xfe, 0xff]),
            3 => bytes.truncate(at),
            4 => insert(bytes, at, random),
            5 => duplicate(bytes, at, random),
            6 => drop(bytes.drain(at..(at + 1 + random.below(16)).min(bytes.len()))),
            7 => drop(bytes.splice(at.., other[random.below(other.len())..].iter().copied())),
            8 => bytes.extend_from_slice(&other[..random.below(other.len())]),
            _ => replace_integer(bytes, random),
        }
    }
}

fn insert(bytes: &mut Vec<u8>, at: usize, random: &mut Random) {
    let fill: Vec<u8> = (0..random.within(1..=24)).map(|_| random.number() as u8).collect();
    bytes.splice(at..at, fill);
}

fn duplicate(bytes: &mut Vec<u8>, from: usize, random: &mut Random) {
    let slice = bytes[from..(from + 1 + random.below(64)).min(bytes.len())].to_vec();
    let times = *random.pick(&[1, 1, 2, 30]);
    bytes.splice(from..from, slice.repeat(times));
}

/// Replaces one of the LEB128 integers after the first byte. It prefers the first few, which hold
/// lengths and counts.
fn replace_integer(bytes: &mut Vec<u8>, random: &mut Random) {
    let mut starts = vec![1];
    starts.extend(bytes.iter().enumerate().skip(1).filter(|(_, byte)| **byte < 0x80).map(|(i, _)| i + 1));
    starts.retain(|start| *start < bytes.len());
    let Some(&last) = starts.last() else { return };
    let from =
        if random.one_in(3) { *random.pick(&starts) } else { starts[random.below(starts.len().min(16))] };
    let to =
        starts.iter().copied().find(|start| *start > from).unwrap_or(last.max(from + 1).min(bytes.len()));
    let value = match random.below(4) {
        0 => random.number() >> random.below(64),
        1 => random.pick(EDGES).wrapping_add(random.within(0..=4)).wrapping_sub(2),
        _ => *random.pick(EDGES),
    };
    let form = if random.one_in(10) { overlong_leb128(value, random) } else { leb128(value) };
    bytes.splice(from..to, form);
}

/// Encodes `value` as LEB128.
pub fn leb128(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

/// Encodes `value` as LEB128 with redundant bytes, possibly too long for 64 bits.
fn overlong_leb128(value: u64, random: &mut Random) -> Vec<u8> {
    let mut out = leb128(value);
    if let Some(last) = out.last_mut() {
        *last |= 0x80;
    }
    out.extend(vec![0x80; random.below(9)]);
    out.push(random.below(2) as u8);
    out
}
