//! The alert state of a burst key: until when alerts are suppressed, and what happened since the
//! last one.
//!
//! It is the extra of the key's log, so it is saved with the log, and each change carries it to
//! replicas and the AOF. They apply what the primary decided.

use std::ffi::CStr;

use crate::server::gauge::Gauge;
use crate::server::native::TypeHandle;
use crate::text::time::{Span, Timestamp};
use crate::window::entries::Reader;
use crate::window::extra::Extra;
use crate::window::log::Log;
use crate::window::native::{Kind, Plain};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cooldown {
    /// The end of the cooldown after the last alert.
    pub quiet_until: Timestamp,
    /// Calls in a burst since the last alert, none of which raised one.
    pub suppressed: u32,
    flags: u32,
}

/// Set while every call since the last alert was in a burst.
const ONGOING: u32 = 1;

/// The latest possible end of a cooldown.
const LATEST: Timestamp = Timestamp(Timestamp::NEVER.0 + Span::MAX.0);

impl Cooldown {
    pub(crate) fn after_alert(quiet_until: Timestamp) -> Self {
        Self { quiet_until, suppressed: 0, flags: ONGOING }
    }

    /// Whether every call since the last alert was in a burst.
    pub(crate) fn ongoing(self) -> bool {
        self.flags & ONGOING != 0
    }

    /// Moves the end of the cooldown to `end` if it is later.
    pub(crate) fn ending_by(self, end: Timestamp) -> Self {
        Self { quiet_until: self.quiet_until.min(end), ..self }
    }

    pub(crate) fn without_burst(self) -> Self {
        Self { flags: self.flags & !ONGOING, ..self }
    }

    /// Counts one more suppressed call.
    pub(crate) fn suppressing(self) -> Self {
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

    fn bytes() -> &'static Gauge {
        static BYTES: Gauge = Gauge::new();
        &BYTES
    }
}

impl Kind for Cooldown {
    const TYPE: &'static CStr = c"lw-bursts";
    const EFFECT: &'static CStr = c"LW._BURST";
    const EFFECT_SUMMARY: &'static CStr =
        c"Internal: applies a change of a burst detector's key that comes from the primary or the AOF.";

    type Value = Log<Self>;

    fn handle() -> &'static TypeHandle {
        static HANDLE: TypeHandle = TypeHandle::new();
        &HANDLE
    }
}

impl Plain for Cooldown {}
