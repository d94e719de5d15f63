//! A few numbers that one kind of log carries in addition to its admissions, so that other commands
//! than the limiter's can build on the window. They are saved with the log, and each change sets
//! them.

use std::fmt::Debug;

use crate::server::gauge::Gauge;
use crate::text::time::Timestamp;

use super::entries::Reader;

pub(crate) const MAX_NUMBERS: usize = 3;

/// A small value in the header of a log. The limiter's extra is `()`, which takes no bytes in
/// memory, in files or in effects.
pub(crate) trait Extra: Copy + Debug + Default + 'static {
    /// Its encoding: at most [`MAX_NUMBERS`] numbers.
    fn numbers(self) -> impl AsRef<[u64]>;
    /// Decodes numbers that may be damaged or hostile. `None` if they are out of range.
    fn read(reader: &mut Reader<'_>) -> Option<Self>;
    /// When the value loses its meaning. The key is kept until then.
    fn matters_until(self) -> Timestamp;
    /// The memory of all logs of this kind, in bytes.
    fn bytes() -> &'static Gauge;
}

impl Extra for () {
    #[inline]
    fn numbers(self) -> impl AsRef<[u64]> {
        [0; 0]
    }

    #[inline]
    fn read(_: &mut Reader<'_>) -> Option<Self> {
        Some(())
    }

    #[inline]
    fn matters_until(self) -> Timestamp {
        Timestamp(0)
    }

    #[inline]
    fn bytes() -> &'static Gauge {
        static BYTES: Gauge = Gauge::new();
        &BYTES
    }
}

#[cfg(test)]
mod tests {
    use crate::text::time::{Span, Timestamp};
    use crate::window::effect::{Step, Windows};
    use crate::window::log::{Header, Log};

    fn step(seq: u64, at: u64, units: u64) -> Step {
        Step {
            seq,
            at: Timestamp(at),
            units,
            expires: None,
            max_entries: 512,
            windows: Windows::new([Span(100)].into_iter()),
            by_policy: false,
            extra: (),
        }
    }

    #[test]
    fn an_extra_of_nothing_takes_no_byte() {
        assert_eq!(size_of::<Header<()>>(), 72);
        let mut log = Log::new();
        assert_eq!(log.allocated(), 112);
        assert_eq!(step(2, 1, 5).encode().as_slice(), b"\x01\x02\x01\x05\x00\x80\x04\x01\x64");
        assert!(log.apply(&step(1, 300, 5)) && log.apply(&step(2, 302, 1)));
        assert_eq!(log.to_bytes(), b"\x01\x02\x01\x64\xae\x02\x01\x01\xac\x02\x01\x05");
    }
}
