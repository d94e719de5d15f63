//! The five integers of LW.RATELIMIT and LW.PEEK by name.

use super::{Client, Value};

/// A reply of LW.RATELIMIT or LW.PEEK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Whether the call was denied.
    pub limited: bool,
    /// The limit of the pair that binds.
    pub limit: i64,
    /// Units left in that pair's window.
    pub remaining: i64,
    /// Milliseconds until the call would be admitted; -1 for never.
    pub retry_after: i64,
    /// Milliseconds until the whole quota of that pair is free.
    pub reset_after: i64,
}

impl Reply {
    /// The reply, checked for what holds of every one.
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

impl Client {
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
