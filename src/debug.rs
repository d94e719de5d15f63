//! `LW.DEBUG`, for tests only: the cargo feature `debug-commands` enables it, and no release has
//! that.
//!
//! - `PANIC` panics inside the handler.
//! - `THREAD name` makes the next thread panic whose name begins with that.
//! - `CLOCK ms` moves the clock that commands read by an offset.
//! - `STOP ms` stops that clock at a time; 0 lets it run.
//! - `ROOM n` limits the signatures in flight.

#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicI64, Ordering};

use crate::server::call::Call;
use crate::server::clock::debug as clock;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::spec::Spec;
use crate::server::thread::debug as thread;
use crate::text::syntax::Param;
use crate::token::signer;

pub(crate) struct Debug;

impl Command for Debug {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.DEBUG",
        flags: "admin",
        summary: c"Panics inside the handler, or moves the clock. For tests.",
        args: &[Param::string(c"what"), Param::string(c"value").optional()],
        ..Spec::BASE
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        match call.args().next() {
            Some(what) if what.bytes().eq_ignore_ascii_case(b"PANIC") => {
                panic!("asked for: {}", String::from_utf8_lossy(what.bytes()))
            }
            Some(what) if what.bytes().eq_ignore_ascii_case(b"CLOCK") => set(call, &clock::STEP),
            Some(what) if what.bytes().eq_ignore_ascii_case(b"STOP") => set(call, &clock::STOPPED),
            Some(what) if what.bytes().eq_ignore_ascii_case(b"ROOM") => set(call, &signer::TEST_LIMIT),
            Some(what) if what.bytes().eq_ignore_ascii_case(b"THREAD") => {
                let name = call.args().nth(1).map(|name| String::from_utf8_lossy(name.bytes()).into_owned());
                thread::ask(name.unwrap_or_default());
                call.reply_ok();
                Ok(())
            }
            _ => Err(Refusal::malformed("LW.DEBUG PANIC | THREAD name | CLOCK ms | STOP ms | ROOM n")),
        }
    }
}

fn set(call: &Call<'_>, what: &AtomicI64) -> Result<(), Refusal> {
    let ms = call.args().nth(1).and_then(|ms| std::str::from_utf8(ms.bytes()).ok()?.parse().ok());
    what.store(ms.unwrap_or(0), Ordering::Relaxed);
    call.reply_ok();
    Ok(())
}
