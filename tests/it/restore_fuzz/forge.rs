//! Values made by someone who knows the format: well-formed, or nearly, with absurd contents.

use super::super::support::Random;
use super::Kind;
use super::mutate::leb128;

/// Windows in milliseconds: most of those in the test's calls, and the smallest and largest
/// allowed.
const WINDOWS: &[u64] = &[
    1,
    2,
    1000,
    10_000,
    60_000,
    120_000,
    180_000,
    300_000,
    480_000,
    3_600_000,
    864_000_000,
    315_360_000_000,
];

/// Returns a random saved value of type `kind` with times around `now`.
pub fn forge(kind: Kind, now: u64, random: &mut Random) -> Vec<u8> {
    let entries = Entries::new(now, random);
    let newest = entries.last_end.wrapping_add(*random.pick(&[0, 1, 5, 100_000]));
    let newest_units = units(random);
    let windows = windows(random);
    let seq = *random.pick(&[0, 1, 77, 1 << 32, 1 << 62, (1 << 63) - 1, 1 << 63, u64::MAX - 1, u64::MAX]);
    let mut numbers = vec![seq, windows.len() as u64];
    numbers.extend(windows);
    numbers.extend([newest, newest_units, entries.count, entries.base]);
    if kind == Kind::Bursts {
        numbers.extend(cooldown(now, random));
    }
    if random.one_in(8) {
        let nth = random.below(numbers.len());
        numbers[nth] = numbers[nth].wrapping_add(random.within(0..=2)).wrapping_sub(1);
    }
    let head: Vec<u8> = numbers.into_iter().flat_map(leb128).collect();
    [&[1], &head[..], &entries.bytes].concat()
}

/// Returns the end of the cooldown, the number of suppressed calls, and the flags.
fn cooldown(now: u64, random: &mut Random) -> [u64; 3] {
    let ends = [0, 1, now - 1000, now, now + 70_000, now + (1 << 40), 1 << 59, 1 << 60];
    let end = match random.below(20) {
        0 => random.pick(&[(1 << 60) + 315_360_000_000, u64::MAX]).wrapping_add(random.within(0..=1)),
        _ => *random.pick(&ends),
    };
    let suppressed = *random.pick(&[0, 1, 500, (1 << 32) - 2, (1 << 32) - 1]);
    [end, suppressed + random.within(0..=1), if random.one_in(20) { 2 } else { random.within(0..=1) }]
}

struct Entries {
    count: u64,
    base: u64,
    last_end: u64,
    bytes: Vec<u8>,
}

impl Entries {
    fn new(now: u64, random: &mut Random) -> Self {
        let most = *random.pick(&[1, 1, 4, 4, 30, 30, 100, 600]);
        let huge = [18_441, 18_442, 18_443, 65_536, 70_000];
        let count = if random.one_in(500) { *random.pick(&huge) } else { random.within(0..=most) };
        let times = [
            now - 864_000_000,
            now - 3_600_000,
            now - 60_000,
            now - 500,
            now,
            now + 70_000,
            1,
            1 << 59,
            u64::MAX,
        ];
        let base = if count == 0 { 0 } else { *random.pick(&times) };
        let gaps = *random.pick(&[1, 2, 50, 1000, 100_000]);
        let leap = random.one_in(20).then(|| random.within(0..=count));
        let (lasting, heavy) = (random.one_in(2), random.one_in(2));
        let mut entries = Self { count, base, last_end: base, bytes: Vec::new() };
        for i in 0..count {
            let gap = if i == 0 && !random.one_in(20) {
                0
            } else if Some(i) == leap {
                (1 << 62) - 1
            } else {
                random.within(0..=gaps)
            };
            let span = if random.one_in(5000) { 0 } else { random.within(1..=gaps) };
            let (lasts, many) = (lasting && random.one_in(2), heavy && random.one_in(2));
            entries.bytes.extend(leb128(gap << 2 | u64::from(lasts) << 1 | u64::from(many)));
            entries.last_end = entries.last_end.wrapping_add(gap);
            if lasts {
                entries.bytes.extend(leb128(span));
                entries.last_end = entries.last_end.wrapping_add(span);
            }
            if many {
                let units = units(random);
                // One unit has a shorter encoding.
                entries.bytes.extend(leb128(if random.one_in(5000) { units } else { units.max(2) }));
            }
        }
        entries
    }
}

fn units(random: &mut Random) -> u64 {
    if random.one_in(40) {
        return *random.pick(&[
            (1 << 53) - 1,
            1 << 60,
            (1 << 62) - 1,
            1 << 62,
            (1 << 62) + 1,
            1 << 63,
            u64::MAX,
        ]);
    }
    let most = *random.pick(&[1, 1, 3, 1000, u64::from(u32::MAX)]);
    random.within(1..=most)
}

fn windows(random: &mut Random) -> Vec<u64> {
    let mut windows: Vec<u64> = (0..random.within(1..=9)).map(|_| *random.pick(WINDOWS)).collect();
    if random.one_in(20) {
        windows.push(*random.pick(&[0, 315_360_000_001, 1 << 62, u64::MAX]));
    }
    windows.sort_unstable();
    windows.dedup();
    windows
}
