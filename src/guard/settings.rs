//! The directives of guards.

use std::sync::Arc;

use crate::server::directive::{Bytes, Seconds, Text};
use crate::text::quoted::Quoted;
use lockwatch_common::file::read_small;
use lockwatch_common::nearest::nearest;

use super::grammar::{self, Entry};
use super::never_ban::NeverBan;
use super::rule::Mode;
use super::rules;

/// The file of rules. Without one the built-in rules are in force.
pub(crate) static GUARD_RULES_FILE: Text<Option<Arc<[Entry]>>> =
    Text::of_files(c"guard-rules-file", read_rules).on_change(|| rules::set_entries(GUARD_RULES_FILE.get()));

/// Whether rules take effect. With `observe` none does.
pub(crate) static GUARD_MODE: Text<Mode> =
    Text::new(c"guard-mode", c"enforce", read_mode).on_change(|| rules::set_mode(GUARD_MODE.get()));

/// The networks for whose addresses rules of scope `ip` only observe.
pub(crate) static GUARD_NEVER_BAN: Text<Arc<NeverBan>> = Text::new(
    c"guard-never-ban",
    c"127.0.0.0/8 ::1/128 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7 100.64.0.0/10 169.254.0.0/16 fe80::/10",
    |text| NeverBan::parse(text).map(Arc::new),
)
.on_change(|| rules::set_never_ban(GUARD_NEVER_BAN.get()));

/// How much memory a guard may take.
pub(crate) static GUARD_MAX_BYTES: Bytes = Bytes::with_units(c"guard-max-bytes", 20 << 20, 1 << 20, 1 << 30);

/// How long a new guard challenges where it would ban.
pub(crate) static GUARD_LEARN: Seconds = Seconds::new(c"guard-learn", 86_400, 0, 30 * 86_400);

fn read_rules(path: &[u8]) -> Result<Option<Arc<[Entry]>>, String> {
    if path.is_empty() {
        return Ok(None);
    }
    grammar::parse(&read_small(path)?).map(|entries| Some(entries.into()))
}

fn read_mode(text: &[u8]) -> Result<Mode, String> {
    match text {
        b"enforce" => Ok(Mode::Enforce),
        b"observe" => Ok(Mode::Observe),
        _ => {
            let word = String::from_utf8_lossy(text);
            let hint = nearest(&word, &["enforce", "observe"]).map(|mode| format!(", did you mean {mode}?"));
            Err(format!("{} is neither enforce nor observe{}", Quoted(text), hint.unwrap_or_default()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mode_is_one_of_two_words() {
        assert_eq!((read_mode(b"enforce"), read_mode(b"observe")), (Ok(Mode::Enforce), Ok(Mode::Observe)));
        let why = read_mode(b"observed").expect_err("it is misspelt");
        assert_eq!(why, "'observed' is neither enforce nor observe, did you mean observe?");
        assert!(read_mode(b"\xff\r\n").is_err_and(|why| why.starts_with(r"'\xff\x0d\x0a' is neither")));
    }
}
