//! Everything visible about a server's keys, for comparison with a later state or another server.
//!
//! LW.PEEK replies with milliseconds from now, and time passes between two comparisons. The replies
//! are therefore compared as absolute times, which must be equal to the millisecond.

use std::collections::BTreeMap;

use super::{Bracket, Client, Reply, Value};

/// Arguments of LW.PEEK for every limiter key. All windows are long, so that no unit leaves one
/// during a test.
const QUESTIONS: &[&str] = &[
    "9007199254740991 1d COST 0",
    "1000 1h COST 0",
    "100 1h",
    "20 1h COST 3",
    "5 20m COST 5",
    "2 1h COST 7",
    "0 1h",
    "60 10m 100 1h 5000 1d COST 2",
    "40 1h 40 1d",
];

/// The database and the name of a key.
pub type Place = (i64, Vec<u8>);

#[derive(Debug, PartialEq)]
pub struct State(pub BTreeMap<Place, KeyState>);

/// Everything visible about one key.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyState {
    /// TYPE.
    pub kind: String,
    /// DEBUG DIGEST-VALUE.
    pub digest: String,
    /// DUMP.
    pub dump: Vec<u8>,
    /// PEXPIRETIME.
    pub expires: i64,
    answers: Vec<Answer>,
}

impl State {
    /// Reads the state of all keys in databases 0 and 1. Leaves `client` at database 0.
    #[track_caller]
    pub fn of(client: &mut Client) -> Self {
        let mut keys = BTreeMap::new();
        for db in 0..2 {
            assert_eq!(client.run(&format!("SELECT {db}")).text(), "OK");
            for name in client.run("KEYS *").items() {
                keys.insert((db, name.bytes().to_vec()), KeyState::of(client, name.bytes()));
            }
        }
        client.run("SELECT 0");
        Self(keys)
    }

    /// Asserts that `later` looks the same to a caller.
    #[track_caller]
    pub fn assert_same(&self, later: &Self) {
        assert_eq!(
            self.0.keys().map(show).collect::<Vec<_>>(),
            later.0.keys().map(show).collect::<Vec<_>>(),
            "the keys"
        );
        for (place, state) in &self.0 {
            state.assert_same(&show(place), &later.0[place]);
        }
    }
}

fn show((db, name): &Place) -> String {
    format!("db {db} {}", name.escape_ascii())
}

impl KeyState {
    #[track_caller]
    pub fn of(client: &mut Client, name: &[u8]) -> Self {
        let kind = client.call(&[b"TYPE", name]).text();
        // No command reads a burst key without changing it, so only its bytes are compared.
        let questions = match kind.as_str() {
            "lw-window" => QUESTIONS,
            "lw-bursts" => &[],
            _ => panic!("{} is a {kind}", name.escape_ascii()),
        };
        let digest = client.call(&[b"DEBUG".as_slice(), b"DIGEST-VALUE", name]).texts().remove(0);
        let dump = client.call(&[b"DUMP", name]).bytes().to_vec();
        let expires = client.call(&[b"PEXPIRETIME", name]).int();
        let answers = questions.iter().map(|question| ask(client, name, question)).collect();
        Self { kind, digest, dump, expires, answers }
    }

    /// Asserts that `later` looks the same to a caller.
    #[track_caller]
    pub fn assert_same(&self, key: &str, later: &Self) {
        self.assert_same_value(key, later);
        assert_eq!(self.expires, later.expires, "PEXPIRETIME of {key}");
    }

    /// Asserts that `later` has the same value. The expiry may differ.
    #[track_caller]
    pub fn assert_same_value(&self, key: &str, later: &Self) {
        assert_eq!(self.kind, later.kind, "TYPE of {key}");
        for ((question, answer), later) in QUESTIONS.iter().zip(&self.answers).zip(&later.answers) {
            answer.assert_same(&format!("LW.PEEK {key} {question}"), *later);
        }
        assert_eq!(self.digest, later.digest, "DEBUG DIGEST-VALUE of {key}");
        assert!(
            self.dump == later.dump,
            "DUMP of {key}: {} {}",
            self.dump.escape_ascii(),
            later.dump.escape_ascii()
        );
    }
}

/// A reply of LW.PEEK and its time.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Answer {
    reply: Reply,
    at: Bracket,
    /// Whether `reset_after` counts from the time of the call. This holds for admitted calls with a
    /// cost above 0.
    resets_from_now: bool,
}

#[track_caller]
fn ask(client: &mut Client, name: &[u8], question: &str) -> Answer {
    let mut peek = vec![b"LW.PEEK".as_slice(), name];
    peek.extend(question.split(' ').map(str::as_bytes));
    let time = vec![b"TIME".as_slice()];
    let answers = client.pipeline(&[time.clone(), peek, time]);
    let [before, answer, after] = &answers[..] else { panic!("not three answers: {answers:?}") };
    let reply = Reply::of(answer);
    Answer {
        reply,
        at: Bracket { from: before.micros() / 1000, to: after.micros() / 1000 },
        resets_from_now: !reply.limited && !question.ends_with("COST 0"),
    }
}

impl Answer {
    #[track_caller]
    fn assert_same(self, call: &str, later: Self) {
        let decision = |reply: Reply| (reply.limited, reply.limit, reply.remaining);
        assert_eq!(decision(self.reply), decision(later.reply), "{call}: {self:?} became {later:?}");
        let same_moment = |was: i64, is: i64| {
            if was <= 0 {
                assert_eq!(was, is, "{call}: {self:?} became {later:?}");
            } else {
                self.at.plus(was).and(later.at.plus(is));
            }
        };
        same_moment(self.reply.retry_after, later.reply.retry_after);
        if self.resets_from_now {
            assert_eq!(self.reply.reset_after, later.reply.reset_after, "{call}");
        } else {
            same_moment(self.reply.reset_after, later.reply.reset_after);
        }
    }
}

impl Value {
    #[track_caller]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Bulk(bytes) => bytes,
            other => panic!("not a bulk string: {other:?}"),
        }
    }
}
