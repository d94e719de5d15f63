//! What a command declares about itself.

use std::ffi::CStr;
use std::fmt::Display;

use super::args::Arg;
use super::call::Call;
use super::error::Refusal;
use crate::text::options::{Given, Malformed};
use crate::text::syntax::{Param, Syntax};

/// The declaration of a command.
///
/// If the first argument is a key, it is the command's key. If it is a repeated block that begins
/// with a key, the command has several. A command with the flag `write` changes its keys. The ACL
/// categories follow from the flags. Arity and usage text follow from the arguments.
pub(crate) struct Spec {
    /// In capitals. A subcommand is called `CONTAINER|NAME`.
    pub name: &'static CStr,
    /// Redis's command flags: `write`, `readonly`, `fast`, `deny-oom` …
    pub flags: &'static str,
    /// One sentence.
    pub summary: &'static CStr,
    /// In big-O terms.
    pub complexity: &'static CStr,
    /// The first version of lockwatch with the command.
    pub since: &'static CStr,
    pub args: &'static [Param],
    /// The number of required arguments, if each one alone is optional.
    pub at_least: usize,
    /// An effect command, hidden where the server can hide it.
    pub internal: bool,
}

/// Bases for struct update.
impl Spec {
    pub(crate) const BASE: Self = Self {
        name: c"",
        flags: "",
        summary: c"",
        complexity: c"O(1)",
        since: c"0.2.0",
        args: &[],
        at_least: 0,
        internal: false,
    };
    pub(crate) const READ: Self = Self { flags: "readonly", ..Self::BASE };
    pub(crate) const FAST_READ: Self = Self { flags: "readonly fast", ..Self::BASE };
    pub(crate) const WRITE: Self = Self { flags: "write", ..Self::BASE };
    pub(crate) const FAST_WRITE: Self = Self { flags: "write fast", ..Self::BASE };
    pub(crate) const ADMIN_READ: Self = Self { flags: "readonly admin", ..Self::BASE };
    pub(crate) const ADMIN_WRITE: Self = Self { flags: "write admin", ..Self::BASE };
    pub(crate) const EFFECT: Self =
        Self { flags: "write fast admin deny-script", internal: true, ..Self::BASE };
    pub(crate) const CONTAINER: Self =
        Self { complexity: c"Depends on subcommand.", at_least: 1, ..Self::BASE };
    pub(crate) const HELP: Self =
        Self { summary: c"Returns helpful text about the different subcommands.", ..Self::READ };
}

impl Spec {
    pub(crate) fn syntax(&self) -> Syntax {
        Syntax { name: self.name, args: self.args }
    }

    /// Reads the arguments of a call of this command.
    #[inline]
    pub(crate) fn parse<'a>(&self, call: &Call<'a>) -> Result<Given<'a>, Refusal> {
        let syntax = self.syntax();
        let behind_key = call.args().skip(usize::from(syntax.has_key()));
        Ok(Given::parse(syntax, behind_key.map(Arg::bytes))?)
    }

    /// The error of a malformed call: the reason and the usage text.
    #[cold]
    pub(crate) fn malformed(&self, why: impl Display) -> Malformed {
        self.syntax().malformed(why)
    }

    /// Replies to HELP of this container: two lines per subcommand, as in Redis.
    pub(crate) fn reply_help(&self, call: &Call<'_>, subcommands: &[&Self]) {
        let container = self.syntax().to_string();
        call.reply_array(1 + 2 * subcommands.len());
        call.reply_text(&format!("{container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
        for spec in subcommands {
            let usage = spec.syntax().to_string();
            call.reply_text(usage.strip_prefix(&container).unwrap_or(&usage).trim_start());
            call.reply_text(&format!("    {}", spec.summary.to_string_lossy()));
        }
    }

    pub(super) fn has_flag(&self, flag: &str) -> bool {
        self.flags.split(' ').any(|its| its == flag)
    }

    pub(super) const fn words(&self) -> usize {
        let name = self.name.to_bytes();
        let mut i = 0;
        while i < name.len() {
            if name[i] == b'|' {
                return 2;
            }
            i += 1;
        }
        1
    }
}
