//! Random calls of every kind on a few keys, for the persistence and replication tests.

use super::{Burst, Client, MultiReply, Random, Reply, Value};

/// `window-max-entries` of the servers in these tests, small so that entries are merged.
pub const MAX_ENTRIES: u16 = 16;

/// Pairs of limit and window. Each has one window that outlasts the test, so that no key expires.
const QUOTAS: &[&str] = &[
    "100 1h",
    "7 10m",
    "3 1h",
    "50 2s 500 1h",
    "1 1ms 20 250ms 40 1s 1000 30m 9007199254740991 10d",
    "10 0.05 1000 20m",
    "200 1h 100 10m",
    "30 600",
    "1 1s 2 2s 3 3s 4 4s 5 5s 6 6s 7 7s 1000 1h",
    "0 1h",
    "1000000 1h",
    "9007199254740991 10d",
];

/// Tuples of LW.MRATELIMIT without their key. All have the same cost, so that a key may occur
/// twice.
const TUPLES: &[&str] = &[
    "300 1h 1",
    "1000000 10m 1",
    "9007199254740991 1h 1",
    "9007199254740991 20m 1",
    "9007199254740991 10d 1",
];

/// Arguments of LW.BURST. The window outlasts the test, or the cooldown does, which then starts
/// with the first call.
const WATCHES: &[&str] = &[
    "1 1h",
    "3 1h COOLDOWN 20ms",
    "1 1ms COOLDOWN 1h IP 192.0.2.1",
    "1 50ms cooldown 30m METHOD GET ENDPOINT /login",
    "20 10m AGENT \\",
    "9007199254740991 10d",
];

const COSTS: &[&str] = &["", "", "", " COST 1", " COST 3", " cost 17", " COST 150", " COST 4294967295"];

/// Key names, one of them not UTF-8. Keys of LW.BURST get the prefix `calls:`.
const NAMES: &[&[u8]] =
    &[b"user:1", b"user:2", b"user:3", b"{tag}:a", b"{tag}:b", b"nul\0 crlf\r\n \xff\xfe", b"x", b"hot"];

/// Makes calls and counts their results.
pub struct Workload {
    random: Random,
    /// Calls of LW.RATELIMIT that were admitted.
    pub admitted: i64,
    /// Calls of LW.RATELIMIT that were denied.
    pub denied: i64,
    /// Calls of LW.BURST.
    pub counted: i64,
    /// Calls of LW.MRATELIMIT that were admitted.
    pub together: i64,
    /// Whether to also use keys that expire within milliseconds, and DEL.
    pub short_lived_keys: bool,
}

impl Workload {
    /// By default every key outlasts the test.
    pub fn new(random: Random) -> Self {
        Self { random, admitted: 0, denied: 0, counted: 0, together: 0, short_lived_keys: false }
    }

    /// Fills an empty server with keys of each kind.
    #[track_caller]
    pub fn fill(&mut self, client: &mut Client) {
        self.calls(client, 300);
        for line in ["at-limit 3 1h", "windows 5 100ms 6 1s 7 5s 8 1m 9 10m 10 20m 11 1h 12 2h"] {
            (0..9).for_each(|_| self.line(client, line));
        }
        (1..40).for_each(|cost| self.line(client, &format!("costs 1000 1h COST {cost}")));
        self.pipeline(client, b"burst", 200);
        self.spread(client, b"merged", "100000 1h", 4 * usize::from(MAX_ENTRIES));
        self.spread(client, b"merged-two", "100000 100ms 100000 1h", 4 * usize::from(MAX_ENTRIES));
        self.spread(client, b"renamed-from", "100000 30m", 5);
        self.spread_bursts(client, b"calls:merged", "7 1h COOLDOWN 2h", 4 * usize::from(MAX_ENTRIES));
        self.spread_bursts(client, b"calls:two", "1 1ms COOLDOWN 1h", 5);
        self.spread_bursts(client, b"calls:two", "3 1h COOLDOWN 10ms", 20);
        assert_eq!(client.run("COPY calls:merged calls:copied").int(), 1);
        self.spread_bursts(client, b"calls:copied", "60 1h", 2);
        assert_eq!(client.run("RENAME renamed-from renamed").text(), "OK");
        assert_eq!(client.run("COPY costs copied").int(), 1);
        assert_eq!(client.run("COPY merged copied DB 1").int(), 1);
        for key in [b"renamed".as_slice(), b"copied"] {
            self.spread(client, key, "100000 30m", 3);
        }
        assert!(self.admitted > 100 && self.denied > 20, "{} and {}", self.admitted, self.denied);
        assert_eq!(client.peek("merged 100000 1h COST 0").remaining, 100_000 - 4 * i64::from(MAX_ENTRIES));
    }

    /// Makes `n` random calls, in pipelines, transactions and scripts.
    #[track_caller]
    pub fn calls(&mut self, client: &mut Client, n: usize) {
        let mut count = 0;
        while count < n {
            let calls: Vec<_> = (0..self.random.within(1..=20)).map(|_| self.call()).collect();
            count += calls.len();
            let answers = match self.random.below(4) {
                0 => client.pipeline(&calls.iter().map(|call| in_lua(call)).collect::<Vec<_>>()),
                1 => {
                    let all = [vec![words("MULTI")], calls.clone(), vec![words("EXEC")]].concat();
                    client.pipeline(&all).pop().expect("there is an answer for each call").items().to_vec()
                }
                _ => client.pipeline(&calls),
            };
            for (call, answer) in calls.iter().zip(&answers) {
                match call[0].as_slice() {
                    b"LW.RATELIMIT" => self.count(answer),
                    b"LW.PEEK" => drop(Reply::of(answer)),
                    b"LW.MRATELIMIT" => self.together += i64::from(!MultiReply::of(answer).limited),
                    b"LW.BURST" => self.count_burst(answer),
                    _ => drop(answer.int()),
                }
            }
        }
    }

    fn call(&mut self) -> Vec<Vec<u8>> {
        if self.short_lived_keys && self.random.one_in(4) {
            let name = self.random.pick(NAMES).to_vec();
            if self.random.one_in(3) {
                return vec![self.random.pick(&[b"DEL".to_vec(), b"UNLINK".to_vec()]).clone(), name];
            }
            if self.random.one_in(4) {
                let watch = *self.random.pick(&["1 5ms COOLDOWN 20ms", "2 60ms COOLDOWN 1ms"]);
                return [vec![b"LW.BURST".to_vec(), [b"brief:calls:", &name[..]].concat()], words(watch)]
                    .concat();
            }
            let window = *self.random.pick(&["5ms", "0.02", "60ms", "20ms 100 40ms COST 2"]);
            let name = [b"brief:", &name[..]].concat();
            return [vec![b"LW.RATELIMIT".to_vec(), name], words(&format!("100 {window}"))].concat();
        }
        if self.random.one_in(6) {
            let name = [b"calls:", &self.random.pick(NAMES)[..]].concat();
            return [vec![b"LW.BURST".to_vec(), name], words(self.random.pick::<&str>(WATCHES))].concat();
        }
        if self.random.one_in(6) {
            let mut call = words("LW.MRATELIMIT");
            for _ in 0..self.random.within(1..=4) {
                call.push(self.random.pick(NAMES).to_vec());
                call.extend(words(self.random.pick::<&str>(TUPLES)));
            }
            return call;
        }
        let command = if self.random.one_in(5) { "LW.PEEK" } else { "LW.RATELIMIT" };
        let name = self.random.pick(NAMES).to_vec();
        let arguments = format!("{}{}", self.random.pick(QUOTAS), self.random.pick(COSTS));
        [vec![command.into(), name], words(&arguments)].concat()
    }

    /// Calls LW.RATELIMIT with `line`.
    #[track_caller]
    pub fn line(&mut self, client: &mut Client, line: &str) {
        let answer = client.run(&format!("LW.RATELIMIT {line}"));
        self.count(&answer);
    }

    /// Calls LW.BURST `n` times, each in another millisecond.
    #[track_caller]
    pub fn spread_bursts(&mut self, client: &mut Client, name: &[u8], watch: &str, n: usize) {
        let call = [vec![b"LW.BURST".to_vec(), name.to_vec()], words(watch)].concat();
        each_in_its_millisecond(client, &call, n).iter().for_each(|answer| self.count_burst(answer));
    }

    /// Calls LW.RATELIMIT `n` times in one pipeline, so that many calls share a millisecond.
    #[track_caller]
    fn pipeline(&mut self, client: &mut Client, name: &[u8], n: usize) {
        let call = [vec![b"LW.RATELIMIT".to_vec(), name.to_vec()], words("150 1h")].concat();
        client.pipeline(&vec![call; n]).iter().for_each(|answer| self.count(answer));
    }

    /// Calls LW.RATELIMIT `n` times, each in another millisecond.
    #[track_caller]
    pub fn spread(&mut self, client: &mut Client, name: &[u8], quotas: &str, n: usize) {
        let call = [vec![b"LW.RATELIMIT".to_vec(), name.to_vec()], words(quotas)].concat();
        each_in_its_millisecond(client, &call, n).iter().for_each(|answer| self.count(answer));
    }

    #[track_caller]
    fn count_burst(&mut self, answer: &Value) {
        Burst::of(answer);
        self.counted += 1;
    }

    #[track_caller]
    fn count(&mut self, answer: &Value) {
        if Reply::of(answer).limited {
            self.denied += 1;
        } else {
            self.admitted += 1;
        }
    }
}

/// Makes a call `n` times, each in another millisecond.
#[track_caller]
fn each_in_its_millisecond(client: &mut Client, call: &[Vec<u8>], n: usize) -> Vec<Value> {
    let mut last = client.time_ms();
    let mut answers = Vec::new();
    for _ in 0..n {
        answers.push(client.call(call));
        // `wait_until` would sleep longer than a millisecond.
        let until = last + 1;
        while last < until {
            last = client.time_ms();
        }
    }
    answers
}

fn words(line: &str) -> Vec<Vec<u8>> {
    line.split_whitespace().map(|word| word.as_bytes().to_vec()).collect()
}

/// Wraps `call`, whose first argument is a key, in a script.
fn in_lua(call: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let script = b"return redis.call(ARGV[1], KEYS[1], unpack(ARGV, 2))".to_vec();
    let head = [b"EVAL".to_vec(), script, b"1".to_vec(), call[1].clone(), call[0].clone()];
    head.iter().chain(&call[2..]).cloned().collect()
}
