//! `CL.THROTTLE key max_burst count period [quantity]`
//!
//! Admits `count` units in `period` seconds at an even rate, and `max_burst` more at once. Admits
//! or denies `quantity` units (default 1): 0 only asks, and a negative number gives back. Replies
//! with five integers, as redis-cell 0.5 does:
//!
//! 0. `limited`: 0 admitted, 1 denied
//! 1. `limit`: `max_burst + 1`
//! 2. `remaining` units
//! 3. `retry_after` in seconds: -1 if admitted, or if it never will be
//! 4. `reset_after` in seconds: the time until `limit` units are free

use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::spec::Spec;

use super::gcra::judge;
use super::request::{ARGS, Request};
use super::tat::{self, Digits};
use super::{apply, counters, reply};

pub(crate) struct Throttle;

impl Command for Throttle {
    const SPEC: &'static Spec = &Spec {
        name: c"CL.THROTTLE",
        flags: "write fast deny-oom",
        summary: c"Admits or denies a call as redis-cell does, by the generic cell rate algorithm.",
        args: ARGS,
        ..Spec::BASE
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let (name, args) = call.key_and_args();
        let Request { rate, increment } = Request::parse(Self::SPEC, args)?;
        let now = call.now_ns();
        let mut key = call.write(name);
        let stored = match key.string()? {
            Some(text) => Some(tat::parse(text).ok_or(Refusal::WrongType)?),
            None => None,
        };
        // To give back needs a key: nothing was taken from one that does not exist.
        let (verdict, change) = judge(&rate, increment, stored, now);
        if let Some(tat) = change {
            let (digits, expires) = (Digits::of(tat), tat::expiry(tat));
            key.set_string(digits.as_slice());
            key.expire_at(expires);
            key.replicate_string(apply::NAME, digits.as_slice(), expires);
        }
        counters::CALLS.count();
        if !verdict.admitted {
            counters::DENIED.count();
        }
        call.reply_integers(reply::integers(&verdict));
        Ok(())
    }
}
