//! What LW.INSPECT says about each type. A new type implements [`Explain`] and has a row in
//! [`TYPES`].

use crate::burst::Cooldown;
use crate::guard::value::Guard;
use crate::lease::leases::Leases;
use crate::server::call::Call;
use crate::server::key::ReadKey;
use crate::server::native::{Boxed, NativeType};
use crate::text::time::Timestamp;
use crate::token::store::Store;
use crate::window::extra::Extra;
use crate::window::log::Log;
use crate::window::usage::Usage;
use crate::window::value::Window;

use super::Report;

/// A function for each type, which returns `None` if the key holds another one.
pub(super) const TYPES: &[fn(&ReadKey<'_>, Timestamp) -> Option<Report>] = &[
    Report::of::<Window>,
    Report::of::<Log<Cooldown>>,
    Report::of::<Boxed<Leases>>,
    Report::of::<Boxed<Store>>,
    Report::of::<Boxed<Guard>>,
];

/// A type of this module that LW.INSPECT explains.
pub(super) trait Explain: NativeType {
    /// The word for the type in the reply.
    const KIND: &'static str;

    /// How many things it holds.
    fn entries(&self) -> usize;
    /// The fields that only this type has.
    fn details(&self, now: Timestamp) -> Vec<(&'static str, Detail)>;
}

/// The value of such a field.
pub(super) enum Detail {
    Number(u64),
    /// A time, or -1.
    Time(Option<Timestamp>),
    Windows(Vec<Usage>),
}

impl Explain for Window {
    const KIND: &'static str = "limiter";

    fn entries(&self) -> usize {
        self.to_log().entries()
    }

    fn details(&self, now: Timestamp) -> Vec<(&'static str, Detail)> {
        vec![windows(&self.to_log(), now)]
    }
}

impl Explain for Log<Cooldown> {
    const KIND: &'static str = "burst";

    fn entries(&self) -> usize {
        Self::entries(self)
    }

    fn details(&self, now: Timestamp) -> Vec<(&'static str, Detail)> {
        let until = Some(self.extra().quiet_until).filter(|until| *until > now);
        vec![windows(self, now), ("cooldown_until_ms", Detail::Time(until))]
    }
}

impl Explain for Boxed<Leases> {
    const KIND: &'static str = "leases";

    /// Includes leases that have ended and were not removed yet.
    fn entries(&self) -> usize {
        self.len()
    }

    fn details(&self, now: Timestamp) -> Vec<(&'static str, Detail)> {
        let (count, units) = self.running(now);
        vec![("leases", Detail::Number(count as u64)), ("in_use", Detail::Number(units))]
    }
}

impl Explain for Boxed<Store> {
    const KIND: &'static str = "tokens";

    fn entries(&self) -> usize {
        self.len()
    }

    /// Entries are sessions too, but include those that have ended and were not removed yet.
    fn details(&self, now: Timestamp) -> Vec<(&'static str, Detail)> {
        let live = self.len() - self.count_ended(now);
        vec![("sessions", Detail::Number(live as u64))]
    }
}

impl Explain for Boxed<Guard> {
    const KIND: &'static str = "guard";

    /// Includes subjects and bans that have ended and were not removed yet.
    fn entries(&self) -> usize {
        self.subjects() + self.bans.len() + self.known.len()
    }

    fn details(&self, _now: Timestamp) -> Vec<(&'static str, Detail)> {
        vec![
            ("bans", Detail::Number(self.bans.len() as u64)),
            ("subjects", Detail::Number(self.subjects() as u64)),
            ("known_users", Detail::Number(self.known.len() as u64)),
        ]
    }
}

fn windows<X: Extra>(log: &Log<X>, now: Timestamp) -> (&'static str, Detail) {
    ("windows", Detail::Windows(log.usage(now).collect()))
}

impl Detail {
    pub(super) fn reply(&self, call: &Call<'_>) {
        match self {
            Self::Number(number) => call.reply_integer(*number),
            Self::Time(at) => call.reply_integer_or_minus_one(at.map(|at| at.0)),
            Self::Windows(windows) => {
                call.reply_array(windows.len());
                windows.iter().for_each(|usage| reply_usage(call, usage));
            }
        }
    }
}

fn reply_usage(call: &Call<'_>, usage: &Usage) {
    call.reply_map(4);
    for (name, value) in [
        ("window_ms", usage.window.0),
        ("used", usage.used),
        ("first_free_ms", usage.first_free.0),
        ("reset_ms", usage.reset.0),
    ] {
        call.reply_text(name);
        call.reply_integer(value);
    }
}
