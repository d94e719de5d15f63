//! Calls of the lease commands, and their replies.

use crate::{Client, Value};

/// A reply of LW.ACQUIRE.
#[derive(Clone, Debug, PartialEq)]
pub struct Acquired {
    pub acquired: i64,
    /// Empty if denied.
    pub id: Vec<u8>,
    pub in_use: i64,
    pub retry_after: i64,
    pub fence: i64,
}

impl Acquired {
    /// Parses a reply and asserts the invariants of all replies.
    #[track_caller]
    pub fn of(value: &Value) -> Self {
        let [acquired, id, in_use, retry_after, fence] = value.items() else { panic!("{value:?}") };
        let reply = Self {
            acquired: acquired.int(),
            id: if *id == Value::Nil { Vec::new() } else { id.bytes().to_vec() },
            in_use: in_use.int(),
            retry_after: retry_after.int(),
            fence: fence.int(),
        };
        assert!((0..=2).contains(&reply.acquired), "{value:?}");
        assert_eq!(reply.acquired == 0, reply.id.is_empty() && reply.fence == 0, "{value:?}");
        assert!((0..1 << 53).contains(&reply.fence), "{value:?}");
        assert!(
            if reply.acquired > 0 { reply.retry_after == 0 } else { reply.retry_after != 0 },
            "{value:?}"
        );
        reply
    }
}

impl Client {
    /// `LW.ACQUIRE` with the words of `args`.
    #[track_caller]
    pub fn acquire(&mut self, args: &str) -> Acquired {
        Acquired::of(&self.run(&format!("LW.ACQUIRE {args}")))
    }

    /// Takes a lease that there must be room for.
    #[track_caller]
    pub fn acquired(&mut self, args: &str) -> Acquired {
        let reply = self.acquire(args);
        assert_eq!(reply.acquired, 1, "{args}");
        reply
    }

    #[track_caller]
    pub fn renew(&mut self, args: &str) -> i64 {
        self.run(&format!("LW.RENEW {args}")).int()
    }

    #[track_caller]
    pub fn release(&mut self, args: &str) -> i64 {
        self.run(&format!("LW.RELEASE {args}")).int()
    }

    /// The number `lockwatch_lease_<name>` of INFO.
    #[track_caller]
    pub fn lease_info(&mut self, name: &str) -> i64 {
        self.info("lockwatch_lease").number(&format!("lockwatch_lease_{name}"))
    }
}
