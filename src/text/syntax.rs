//! The table of a command's arguments, and what follows from it: the usage text, the arity and the
//! option words.

use std::ffi::CStr;
use std::fmt::{self, Display, Write};
use std::slice;

/// What kind of argument a [`Param`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Key,
    Integer,
    String,
    /// JSON, which is too long to be shown in an error.
    Json,
    /// Several arguments that belong together.
    Block,
    /// One of several arguments.
    OneOf,
    /// An option word without a value.
    Word,
}

/// An argument of a command. Arguments without a `token` come first and in order; options follow in
/// any order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Param {
    /// Its name in COMMAND DOCS and in errors.
    pub name: &'static CStr,
    pub kind: Kind,
    /// The option word in front of the value.
    pub token: Option<&'static CStr>,
    /// What the usage text shows in place of the value.
    pub shown: &'static CStr,
    pub optional: bool,
    pub repeated: bool,
    /// A secret, or a place where one ends up by mistake. Errors of a command with such an argument
    /// show no argument that is long enough to be a token.
    pub secret: bool,
    /// The arguments in a block, or the alternatives of a choice.
    pub parts: &'static [Param],
}

impl Param {
    pub(crate) const KEY: Self = Self::new(c"key", Kind::Key);

    const fn new(name: &'static CStr, kind: Kind) -> Self {
        Self {
            name,
            kind,
            token: None,
            shown: name,
            optional: false,
            repeated: false,
            secret: false,
            parts: &[],
        }
    }

    pub(crate) const fn integer(name: &'static CStr) -> Self {
        Self::new(name, Kind::Integer)
    }

    pub(crate) const fn string(name: &'static CStr) -> Self {
        Self::new(name, Kind::String)
    }

    pub(crate) const fn json(name: &'static CStr) -> Self {
        Self::new(name, Kind::Json).shown(c"json")
    }

    pub(crate) const fn block(name: &'static CStr, parts: &'static [Self]) -> Self {
        Self { parts, ..Self::new(name, Kind::Block) }
    }

    pub(crate) const fn one_of(name: &'static CStr, parts: &'static [Self]) -> Self {
        Self { parts, ..Self::new(name, Kind::OneOf) }
    }

    /// An option word without a value.
    pub(crate) const fn word(token: &'static CStr, name: &'static CStr) -> Self {
        Self { token: Some(token), ..Self::new(name, Kind::Word) }
    }

    /// The same with an option word in front.
    pub(crate) const fn token(self, token: &'static CStr) -> Self {
        Self { token: Some(token), ..self }
    }

    pub(crate) const fn shown(self, shown: &'static CStr) -> Self {
        Self { shown, ..self }
    }

    pub(crate) const fn optional(self) -> Self {
        Self { optional: true, ..self }
    }

    pub(crate) const fn repeated(self) -> Self {
        Self { repeated: true, ..self }
    }

    pub(crate) const fn secret(self) -> Self {
        Self { secret: true, ..self }
    }

    /// By what a command asks for the value: the option word, or the name where there is none.
    pub(crate) fn label(&self) -> &'static str {
        text(self.token.unwrap_or(self.name))
    }

    pub(crate) fn is_positional(&self) -> bool {
        match self.kind {
            Kind::Block => self.parts.first().is_some_and(Self::is_positional),
            Kind::OneOf => !self.optional,
            _ => self.token.is_none(),
        }
    }

    /// Whether `label` is [`Self::label`]. Compares bytes: calls look values up by it.
    pub(super) fn has_label(&self, label: &str) -> bool {
        self.token.unwrap_or(self.name).to_bytes() == label.as_bytes()
    }

    pub(super) fn is_token(&self, word: &[u8]) -> bool {
        self.token.is_some_and(|token| word.eq_ignore_ascii_case(token.to_bytes()))
    }

    /// The fewest words it takes in a call, and whether it can take more.
    fn words(&self) -> (usize, bool) {
        let (fewest, varies) = match self.kind {
            Kind::Block => self.parts.iter().fold((0, false), |(sum, varies), part| {
                let (words, more) = part.words();
                (sum + words, varies || more)
            }),
            Kind::OneOf => {
                let words = || self.parts.iter().map(Self::words);
                let fewest = words().map(|(words, _)| words).min().unwrap_or(0);
                (fewest, words().any(|(words, more)| more || words > fewest))
            }
            Kind::Word => (1, false),
            _ => (1 + usize::from(self.token.is_some()), false),
        };
        if self.optional { (0, true) } else { (fewest, varies || self.repeated) }
    }

    /// Usage text without brackets and repetition.
    fn once(&self) -> String {
        let parts = || self.parts.iter().map(ToString::to_string).collect::<Vec<_>>();
        match (self.kind, self.token) {
            (Kind::Block, _) => parts().join(" "),
            (Kind::OneOf, _) if self.parts.iter().all(|part| part.words() == (1, false)) => parts().join("|"),
            (Kind::OneOf, _) => parts().join(" | "),
            (Kind::Word, Some(token)) => text(token).to_owned(),
            (_, Some(token)) => format!("{} {}", text(token), text(self.shown)),
            (_, None) => text(self.shown).to_owned(),
        }
    }
}

impl Display for Param {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let once = self.once();
        match (self.optional, self.repeated) {
            (false, false) => f.write_str(&once),
            (false, true) => write!(f, "{once} [{once} ...]"),
            (true, false) => write!(f, "[{once}]"),
            (true, true) => write!(f, "[{once} [{once} ...]]"),
        }
    }
}

/// Where the keys of a call are. Its first argument is one in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keys {
    /// The first argument.
    One,
    /// The first argument of each block of that many, up to the end of the call.
    FirstOfEach(usize),
}

/// A command's name and arguments. Displayed, it is the usage text of errors and HELP.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Syntax {
    /// In capitals; a subcommand's is `CONTAINER|NAME`.
    pub name: &'static CStr,
    pub args: &'static [Param],
}

impl Syntax {
    /// The arity as Redis defines it: all words of a call, negative if there can be more.
    /// `at_least` is how many arguments a call needs if each of them is optional.
    pub(crate) fn arity(&self, at_least: usize) -> i32 {
        let name = 1 + self.name.to_bytes().iter().filter(|&&byte| byte == b'|').count();
        let words = || self.args.iter().map(Param::words);
        let fewest = words().map(|(fewest, _)| fewest).sum::<usize>();
        let varies = fewest < at_least || words().any(|(_, varies)| varies);
        let arity = i32::try_from(name + fewest.max(at_least)).unwrap_or(i32::MAX);
        if varies { -arity } else { arity }
    }

    /// Whether the first argument is the one key of the command.
    pub(crate) fn has_key(&self) -> bool {
        self.args.first().is_some_and(|arg| arg.kind == Kind::Key)
    }

    /// Where the keys of a call are. `None` for a command without keys.
    pub(crate) fn keys(&self) -> Option<Keys> {
        let first = self.args.first()?;
        match first.kind {
            Kind::Key => Some(Keys::One),
            Kind::Block if first.parts.first()?.kind == Kind::Key => Some(Keys::FirstOfEach(first.words().0)),
            _ => None,
        }
    }

    /// Whether errors must not show an argument that is long enough to be a token.
    pub(super) fn holds_secret(&self) -> bool {
        fn any(args: &[Param]) -> bool {
            args.iter().any(|arg| arg.secret || any(arg.parts))
        }
        any(self.args)
    }

    /// Every option, those in optional blocks and choices included.
    pub(super) fn options(&self) -> impl Iterator<Item = &'static Param> + use<> {
        let options = self.args.iter().filter(|arg| !arg.is_positional());
        options.flat_map(|arg| if arg.parts.is_empty() { slice::from_ref(arg) } else { arg.parts })
    }

    /// The option with the word `word`, in either case.
    pub(crate) fn option(&self, word: &[u8]) -> Option<&'static Param> {
        // Loops, and not `options()`: every word of every call comes here.
        for arg in self.args {
            if arg.parts.is_empty() {
                if arg.is_token(word) {
                    return Some(arg);
                }
            } else if !arg.is_positional() {
                if let Some(part) = arg.parts.iter().find(|part| part.is_token(word)) {
                    return Some(part);
                }
            }
        }
        None
    }

    /// Everything that has a value of its own, or is a word.
    #[cfg(any(test, debug_assertions))]
    pub(crate) fn leaves(&self) -> Vec<&'static Param> {
        fn collect(args: &'static [Param], leaves: &mut Vec<&'static Param>) {
            for arg in args {
                if arg.parts.is_empty() { leaves.push(arg) } else { collect(arg.parts, leaves) }
            }
        }
        let mut leaves = Vec::new();
        collect(self.args, &mut leaves);
        leaves
    }
}

impl Display for Syntax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text(self.name).replace('|', " "))?;
        self.args.iter().try_for_each(|arg| {
            f.write_char(' ')?;
            arg.fmt(f)
        })
    }
}

fn text(name: &'static CStr) -> &'static str {
    // Tables hold literals in ASCII.
    name.to_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_and_arity_follow_from_the_table() {
        const PAIR: Param = Param::block(c"quota", &[Param::integer(c"limit"), Param::string(c"window")]);
        const AUDIENCE: Param = Param::string(c"audience").token(c"AUDIENCE").shown(c"aud");
        const CASES: &[(&[Param], &str, i32)] = &[
            (&[], "", 1),
            (&[Param::KEY, Param::string(c"subject")], " key subject", 3),
            (
                &[Param::KEY, PAIR.repeated(), Param::word(c"FORCE", c"force").optional()],
                " key limit window [limit window ...] [FORCE]",
                -4,
            ),
            (&[Param::KEY, AUDIENCE.repeated().optional()], " key [AUDIENCE aud [AUDIENCE aud ...]]", -2),
            (&[Param::one_of(c"which", &[Param::string(c"id"), Param::word(c"ALL", c"all")])], " id|ALL", 2),
            (
                &[Param::one_of(c"what", &[AUDIENCE, Param::string(c"id").token(c"SESSION")]), Param::KEY],
                " AUDIENCE aud | SESSION id key",
                4,
            ),
            (&[Param::one_of(c"what", &[AUDIENCE, Param::KEY])], " AUDIENCE aud | key", -2),
            (
                &[Param::block(c"dedup", &[AUDIENCE, Param::json(c"data").token(c"DATA")]).optional()],
                " [AUDIENCE aud DATA json]",
                -1,
            ),
        ];
        for &(args, usage, arity) in CASES {
            let syntax = Syntax { name: c"LW.X", args };
            assert_eq!(syntax.to_string(), format!("LW.X{usage}"));
            assert_eq!(syntax.arity(0), arity, "{syntax}");
        }
        let subcommand = Syntax { name: c"LW.X|SET", args: &[] };
        assert_eq!(subcommand.to_string(), "LW.X SET");
        assert_eq!((subcommand.arity(0), subcommand.arity(1)), (2, -3));
    }

    #[test]
    fn keys_follow_from_the_table() {
        const COST: Param = Param::integer(c"cost");
        const CASES: &[(&[Param], Option<Keys>, &str, i32)] = &[
            (&[], None, "", 1),
            (&[COST, Param::KEY], None, " cost key", 3),
            (&[Param::KEY, COST], Some(Keys::One), " key cost", 3),
            (
                &[Param::block(c"change", &[Param::KEY, COST]).repeated()],
                Some(Keys::FirstOfEach(2)),
                " key cost [key cost ...]",
                -3,
            ),
        ];
        for &(args, keys, usage, arity) in CASES {
            let syntax = Syntax { name: c"LW.X", args };
            assert_eq!(syntax.keys(), keys, "{syntax}");
            assert_eq!((syntax.to_string(), syntax.arity(0)), (format!("LW.X{usage}"), arity));
        }
    }
}
