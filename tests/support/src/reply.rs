//! Parsed replies of the commands of the limiter and of LW.BURST.

use super::{Client, Value};

/// A reply of LW.RATELIMIT or LW.PEEK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Whether the call was denied.
    pub limited: bool,
    /// The limit of the pair that the reply describes.
    pub limit: i64,
    /// Units left in that pair's window.
    pub remaining: i64,
    /// Milliseconds until the call would be admitted; -1 for never.
    pub retry_after: i64,
    /// Milliseconds until the whole quota of that pair is free.
    pub reset_after: i64,
}

impl Reply {
    /// Parses a reply and asserts the invariants of all replies.
    #[track_caller]
    pub fn of(value: &Value) -> Self {
        let ints = value.ints();
        let [limited, limit, remaining, retry_after, reset_after] = ints[..] else {
            panic!("not five integers: {value:?}")
        };
        assert!(matches!(limited, 0 | 1), "{ints:?}");
        assert!((0..1 << 53).contains(&limit), "{ints:?}");
        assert!((0..=limit).contains(&remaining), "{ints:?}");
        assert!(
            if limited == 1 { retry_after == -1 || retry_after > 0 } else { retry_after == 0 },
            "{ints:?}"
        );
        assert!(reset_after >= 0, "{ints:?}");
        Self { limited: limited == 1, limit, remaining, retry_after, reset_after }
    }
}

/// A reply of LW.MRATELIMIT or LW.MPEEK.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MultiReply {
    /// Whether the call was denied.
    pub limited: bool,
    /// The index of the binding tuple.
    pub binding: usize,
    /// Milliseconds until the call would be admitted; -1 for never.
    pub retry_after: i64,
    /// When the units were recorded; 0 if none were.
    pub time: i64,
    /// Limit, remaining units and milliseconds until the whole quota is free, for each tuple.
    pub tuples: Vec<[i64; 3]>,
}

impl MultiReply {
    /// Parses a reply and asserts the invariants of all replies.
    #[track_caller]
    pub fn of(value: &Value) -> Self {
        let ints = value.ints();
        let [limited, binding, retry_after, time, ref tuples @ ..] = ints[..] else { panic!("{value:?}") };
        assert!(tuples.len() % 3 == 0 && (1..=16).contains(&(tuples.len() / 3)), "{ints:?}");
        let tuples: Vec<[i64; 3]> = tuples.chunks(3).map(|tuple| [tuple[0], tuple[1], tuple[2]]).collect();
        assert!(matches!(limited, 0 | 1), "{ints:?}");
        assert!((0..tuples.len() as i64).contains(&binding), "{ints:?}");
        assert!(
            if limited == 1 { (retry_after == -1 || retry_after > 0) && time == 0 } else { retry_after == 0 },
            "{ints:?}"
        );
        let sound = |[limit, remaining, reset]: &[i64; 3]| {
            (0..1 << 53).contains(limit) && (0..=*limit).contains(remaining) && *reset >= 0
        };
        assert!(tuples.iter().all(sound), "{ints:?}");
        Self { limited: limited == 1, binding: binding as usize, retry_after, time, tuples }
    }

    /// The remaining units of each tuple.
    pub fn remaining(&self) -> Vec<i64> {
        self.tuples.iter().map(|tuple| tuple[1]).collect()
    }
}

/// A reply of LW.BURST.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Burst {
    /// Whether the calls in the window reach the threshold.
    pub burst: bool,
    /// The calls in the window.
    pub count: i64,
    /// Whether the call raised an alert.
    pub alerted: bool,
}

impl Burst {
    /// Parses a reply and asserts the invariants of all replies.
    #[track_caller]
    pub fn of(value: &Value) -> Self {
        let ints = value.ints();
        let [burst, count, alerted] = ints[..] else { panic!("not three integers: {value:?}") };
        assert!(matches!((burst, alerted), (0, 0) | (1, 0 | 1)), "{ints:?}");
        assert!((1..=1 << 62).contains(&count), "{ints:?}");
        Self { burst: burst == 1, count, alerted: alerted == 1 }
    }
}

impl Client {
    /// `LW.MRATELIMIT` with the words of `args`.
    #[track_caller]
    pub fn mratelimit(&mut self, args: &str) -> MultiReply {
        MultiReply::of(&self.run(&format!("LW.MRATELIMIT {args}")))
    }

    /// `LW.MPEEK` with the words of `args`.
    #[track_caller]
    pub fn mpeek(&mut self, args: &str) -> MultiReply {
        MultiReply::of(&self.run(&format!("LW.MPEEK {args}")))
    }

    /// `LW.BURST` with the words of `args`.
    #[track_caller]
    pub fn burst(&mut self, args: &str) -> Burst {
        Burst::of(&self.run(&format!("LW.BURST {args}")))
    }

    /// `LW.RATELIMIT` with the words of `args`.
    #[track_caller]
    pub fn ratelimit(&mut self, args: &str) -> Reply {
        Reply::of(&self.run(&format!("LW.RATELIMIT {args}")))
    }

    /// `LW.PEEK` with the words of `args`.
    #[track_caller]
    pub fn peek(&mut self, args: &str) -> Reply {
        Reply::of(&self.run(&format!("LW.PEEK {args}")))
    }
}
