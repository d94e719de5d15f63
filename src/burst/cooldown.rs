//! What a key remembers of its alerts: until when it is quiet, and what happened since the last one.
//!
//! It is the extra of the key's log, so it is saved with the log, and every change carries it whole to replicas and the
//! AOF: they are told what was decided and decide nothing.

use std::ffi::CStr;

use crate::server::native::TypeHandle;
use crate::text::time::{Span, Timestamp};
use crate::window::entries::Reader;
use crate::window::extra::Extra;
use crate::window::native::Kind;

/// The memory of a key's alerts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cooldown {
    /// The end of the cooldown behind the last alert.
    pub quiet_until: Timestamp,
    /// Calls in a burst since the last alert, all of them without one.
    pub suppressed: u32,
    flags: u32,
}

/// The burst of the last alert has gone on: no call since has seen fewer calls than its threshold.
const ONGOING: u32 = 1;

/// The latest end of a cooldown: one that began at the end of time and took the longest.
const LATEST: Timestamp = Timestamp(Timestamp::NEVER.0 + Span::MAX.0);

impl Cooldown {
    /// A cooldown of which nothing has been suppressed yet.
    pub fn after_alert(quiet_until: Timestamp) -> Self {
        Self { quiet_until, suppressed: 0, flags: ONGOING }
    }

    /// Whether the burst of the last alert has gone on ever since.
    pub fn ongoing(self) -> bool {
        self.flags & ONGOING != 0
    }

    /// The same, with the cooldown over at `end` at the latest.
    pub fn ending_by(self, end: Timestamp) -> Self {
        Self { quiet_until: self.quiet_until.min(end), ..self }
    }

    /// The same, with the burst over.
    pub fn without_burst(self) -> Self {
        Self { flags: self.flags & !ONGOING, ..self }
    }

    /// The same, with one call in a burst more.
    pub fn suppressing(self) -> Self {
        Self { suppressed: self.suppressed.saturating_add(1), ..self }
    }
}

impl Extra for Cooldown {
    #[inline]
    fn numbers(self) -> impl AsRef<[u64]> {
        [self.quiet_until.0, u64::from(self.suppressed), u64::from(self.flags)]
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let quiet_until = Some(Timestamp(reader.integer()?)).filter(|until| *until <= LATEST)?;
        let suppressed = u32::try_from(reader.integer()?).ok()?;
        let flags = u32::try_from(reader.integer()?).ok().filter(|flags| flags & !ONGOING == 0)?;
        Some(Self { quiet_until, suppressed, flags })
    }

    #[inline]
    fn matters_until(self) -> Timestamp {
        self.quiet_until
    }
}

impl Kind for Cooldown {
    const TYPE: &'static CStr = c"lw-bursts";
    const EFFECT: &'static CStr = c"LW._BURST";
    const EFFECT_SUMMARY: &'static CStr =
        c"Internal: applies a change of a burst detector's key that comes from the primary or the AOF.";

    fn handle() -> &'static TypeHandle {
        static HANDLE: TypeHandle = TypeHandle::new();
        &HANDLE
    }
}
