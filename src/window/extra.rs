//! What a kind of log carries besides its admissions, so that commands other than the limiter's can build on the
//! window: a few numbers in the header, saved with the log and set by each of its changes.

use std::fmt::Debug;

use crate::text::time::Timestamp;

use super::entries::Reader;

/// The most numbers an extra consists of.
pub const MAX_NUMBERS: usize = 3;

/// A small value in the header of a log. The rate limiter needs none: its extra is `()`, which takes no byte in memory
/// and none in what is saved or replicated.
pub trait Extra: Copy + Debug + Default + 'static {
    /// It as numbers: at most [`MAX_NUMBERS`].
    fn numbers(self) -> impl AsRef<[u64]>;
    /// Reads the numbers back. `None` if they can't be: they may be damaged or hostile.
    fn read(reader: &mut Reader<'_>) -> Option<Self>;
    /// The moment from which it does not matter any more; the key is kept until then.
    fn matters_until(self) -> Timestamp;
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
