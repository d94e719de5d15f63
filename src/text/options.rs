//! Reads a call's arguments by the table of its command.
//!
//! [`Given::parse`] sorts the words of a call into the table's arguments; then the command asks for
//! each value by its option word, or by its name where it has none, with a function that reads it.

#[cfg(debug_assertions)]
use std::cell::Cell;
use std::fmt::{self, Display};
use std::iter::Peekable;

use super::quoted::Quoted;
use super::syntax::{Kind, Param, Syntax};

/// The most values that a call can have.
const MOST: usize = 24;

/// Longer than any option or number, shorter than any token.
const LONGEST_SHOWN: usize = 40;

/// What is wrong with a call, and the syntax.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed(pub String);

/// The arguments of a call.
pub(crate) struct Given<'a> {
    syntax: Syntax,
    values: [Option<(&'static Param, &'a [u8])>; MOST],
    len: usize,
    /// A bit for each of the table's leaves that was asked for, so that tests find one that is
    /// never read.
    #[cfg(debug_assertions)]
    asked: Cell<u64>,
}

impl<'a> Given<'a> {
    /// Reads `words`, the arguments behind the key.
    pub(crate) fn parse(syntax: Syntax, words: impl Iterator<Item = &'a [u8]>) -> Result<Self, Malformed> {
        let mut given = Self::new(syntax);
        let mut words = words.peekable();
        for param in syntax.args.iter().filter(|arg| arg.kind != Kind::Key && arg.is_positional()) {
            let is_there = |words: &mut Peekable<_>| {
                words.peek().is_some_and(|word: &&[u8]| syntax.option(word).is_none())
            };
            if param.optional && !is_there(&mut words) {
                continue;
            }
            given.take(param, &mut words)?;
            while param.repeated && is_there(&mut words) {
                given.take(param, &mut words)?;
            }
        }
        given.take_options(words)?;
        Ok(given)
    }

    /// Like [`Self::parse`], for a command that has read its positional arguments itself.
    pub(crate) fn options(syntax: Syntax, words: impl Iterator<Item = &'a [u8]>) -> Result<Self, Malformed> {
        let mut given = Self::new(syntax);
        given.take_options(words)?;
        #[cfg(debug_assertions)]
        syntax.leaves().iter().filter(|leaf| leaf.token.is_none()).for_each(|leaf| given.ask(leaf.label()));
        Ok(given)
    }

    fn new(syntax: Syntax) -> Self {
        Self {
            syntax,
            values: [None; MOST],
            len: 0,
            #[cfg(debug_assertions)]
            asked: Cell::new(0),
        }
    }

    fn take(
        &mut self,
        param: &'static Param,
        words: &mut impl Iterator<Item = &'a [u8]>,
    ) -> Result<(), Malformed> {
        if param.kind == Kind::Block {
            return param.parts.iter().try_for_each(|part| self.take(part, words));
        }
        let missing = |param: &Param| self.malformed(format_args!("{} is missing", param.label()));
        let word = words.next().ok_or_else(|| missing(param))?;
        if param.kind != Kind::OneOf {
            return self.put(param, word);
        }
        match param.parts.iter().find(|part| part.is_token(word)) {
            Some(part) => self.take_value(part, words),
            None => match param.parts.iter().find(|part| part.token.is_none()) {
                Some(part) => self.put(part, word),
                None => Err(self.unknown(word, param.parts.iter())),
            },
        }
    }

    fn take_options(&mut self, mut words: impl Iterator<Item = &'a [u8]>) -> Result<(), Malformed> {
        while let Some(word) = words.next() {
            let option = self.syntax.option(word);
            let option = option.ok_or_else(|| self.unknown(word, self.syntax.options()))?;
            if !option.repeated && self.holds(option) {
                return Err(self.malformed(format_args!("{} is given twice", option.label())));
            }
            self.take_value(option, &mut words)?;
        }
        self.check_groups()
    }

    fn take_value(
        &mut self,
        option: &'static Param,
        words: &mut impl Iterator<Item = &'a [u8]>,
    ) -> Result<(), Malformed> {
        if option.kind == Kind::Word {
            return self.put(option, &[]);
        }
        let value = words.next();
        let value = value.ok_or_else(|| self.malformed(format_args!("{} has no value", option.label())))?;
        self.put(option, value)
    }

    fn put(&mut self, param: &'static Param, value: &'a [u8]) -> Result<(), Malformed> {
        let Some(slot) = self.values.get_mut(self.len) else {
            return Err(self.malformed("there are too many arguments"));
        };
        *slot = Some((param, value));
        self.len += 1;
        Ok(())
    }

    /// The options of a block go together, and those of a choice exclude each other.
    fn check_groups(&self) -> Result<(), Malformed> {
        for group in self.syntax.args.iter().filter(|arg| !arg.is_positional() && !arg.parts.is_empty()) {
            let given = group.parts.iter().filter(|part| self.holds(part)).count();
            let is_whole = given == 0 || given == group.parts.len();
            let labels = || group.parts.iter().map(Param::label).collect::<Vec<_>>().join(" and ");
            match group.kind {
                Kind::Block if !is_whole => {
                    return Err(self.malformed(format_args!("{} go together", labels())));
                }
                Kind::OneOf if given > 1 => {
                    return Err(self.malformed(format_args!("{} exclude each other", labels())));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn holds(&self, param: &Param) -> bool {
        self.values[..self.len].iter().flatten().any(|(held, _)| std::ptr::eq(*held, param))
    }

    fn get(&self, label: &str) -> Option<(&'static Param, &'a [u8])> {
        #[cfg(debug_assertions)]
        self.ask(label);
        self.values[..self.len].iter().flatten().copied().find(|(param, _)| param.has_label(label))
    }

    /// What the arguments that are given are asked for by.
    pub(crate) fn labels(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.values[..self.len].iter().flatten().map(|(param, _)| param.label())
    }

    /// Whether an option is given.
    pub(crate) fn has(&self, label: &str) -> bool {
        self.get(label).is_some()
    }

    /// The bytes of an argument that can be anything.
    pub(crate) fn bytes(&self, label: &str) -> Option<&'a [u8]> {
        self.get(label).map(|(_, value)| value)
    }

    /// An argument that may be absent. What `read` answers follows the argument's name in an error:
    /// `is not …`.
    pub(crate) fn optional<T, E: Display>(
        &self,
        label: &str,
        read: impl FnOnce(&'a [u8]) -> Result<T, E>,
    ) -> Result<Option<T>, Malformed> {
        let Some((param, value)) = self.get(label) else { return Ok(None) };
        read(value).map(Some).map_err(|why| self.unreadable(param, value, &why))
    }

    /// Like [`Self::optional`], for an argument that has to be there.
    pub(crate) fn required<T, E: Display>(
        &self,
        label: &str,
        read: impl FnOnce(&'a [u8]) -> Result<T, E>,
    ) -> Result<T, Malformed> {
        self.optional(label, read)?.ok_or_else(|| self.malformed(format_args!("{label} is missing")))
    }

    /// Every value of an argument that may be repeated, in the order of the call.
    pub(crate) fn all<T, E: Display>(
        &self,
        label: &str,
        read: impl Fn(&'a [u8]) -> Result<T, E>,
    ) -> Result<Vec<T>, Malformed> {
        #[cfg(debug_assertions)]
        self.ask(label);
        let values = self.values[..self.len].iter().flatten().filter(|(param, _)| param.has_label(label));
        values.map(|(param, value)| read(value).map_err(|why| self.unreadable(param, value, &why))).collect()
    }

    /// The call is malformed: why, and the syntax.
    #[cold]
    pub(crate) fn malformed(&self, why: impl Display) -> Malformed {
        #[cfg(debug_assertions)]
        self.asked.set(u64::MAX);
        self.syntax.malformed(why)
    }

    #[cold]
    fn unreadable(&self, param: &Param, value: &[u8], why: &dyn Display) -> Malformed {
        let name = param.name.to_string_lossy();
        match param.kind {
            Kind::Json => self.malformed(format_args!("{name} {why}")),
            _ => self.malformed(format_args!("{name} {} {why}", self.show(value))),
        }
    }

    #[cold]
    fn unknown(&self, word: &[u8], options: impl Iterator<Item = &'static Param>) -> Malformed {
        let shown = self.show(word);
        let hint = match nearest(word, options.filter(|option| option.token.is_some()).map(Param::label)) {
            Some(option) if !shown.is_hidden => format!(", did you mean {option}?"),
            _ => String::new(),
        };
        self.malformed(format_args!("unknown option {shown}{hint}"))
    }

    fn show<'v>(&self, value: &'v [u8]) -> Shown<'v> {
        Shown { value, is_hidden: value.len() > LONGEST_SHOWN && self.syntax.holds_secret() }
    }

    #[cfg(debug_assertions)]
    fn ask(&self, label: &str) {
        let mut leaves = self.syntax.leaves().into_iter();
        let Some(bit) = leaves.position(|leaf| leaf.label() == label) else {
            panic!("there is no {label} in {}", self.syntax)
        };
        self.asked.set(self.asked.get() | 1 << bit);
    }
}

#[cfg(debug_assertions)]
impl Drop for Given<'_> {
    /// Every argument in the table has been asked for, unless the call is malformed.
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        for (bit, leaf) in
            self.syntax.leaves().into_iter().enumerate().filter(|(_, leaf)| leaf.kind != Kind::Key)
        {
            assert!(self.asked.get() & 1 << bit != 0, "nobody reads {} of {}", leaf.label(), self.syntax);
        }
    }
}

impl Syntax {
    /// A call is malformed: why, and the syntax.
    #[cold]
    pub(crate) fn malformed(&self, why: impl Display) -> Malformed {
        Malformed(format!("{why}: {self}"))
    }
}

/// An argument in an error, or its length only if it may be a secret.
struct Shown<'a> {
    value: &'a [u8],
    is_hidden: bool,
}

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_hidden { write!(f, "of {} bytes", self.value.len()) } else { Quoted(self.value).fmt(f) }
    }
}

/// The option that `word` was probably meant to be: at most two letters away.
fn nearest<'o>(word: &[u8], options: impl Iterator<Item = &'o str>) -> Option<&'o str> {
    const FAR: usize = 3;
    let closest = options.map(|option| (distance(word, option.as_bytes()), option)).min()?;
    (closest.0 < FAR).then_some(closest.1)
}

/// The Levenshtein distance between `a` and `b`, whatever their case.
fn distance(a: &[u8], b: &[u8]) -> usize {
    if a.len() > 2 * b.len() {
        return a.len();
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let change = diagonal + usize::from(!x.eq_ignore_ascii_case(y));
            let least = change.min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], least);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::text::number;

    const TABLE: Syntax = Syntax {
        name: c"LW.X",
        args: &[
            Param::KEY,
            Param::string(c"name"),
            Param::block(c"quota", &[Param::integer(c"limit"), Param::string(c"window")]).repeated(),
            Param::integer(c"cost").token(c"COST").shown(c"n").optional(),
            Param::string(c"audience").token(c"AUDIENCE").shown(c"aud").repeated().optional(),
            Param::word(c"FORCE", c"force").optional(),
            Param::block(
                c"dedup",
                &[Param::string(c"text").token(c"DEDUP"), Param::string(c"wait").token(c"WAIT").shown(c"d")],
            )
            .optional(),
            Param::one_of(c"which", &[Param::word(c"OLD", c"old"), Param::word(c"NEW", c"new")]).optional(),
            Param::json(c"data").token(c"DATA").optional(),
        ],
    };
    const USAGE: &str = "LW.X key name limit window [limit window ...] [COST n] [AUDIENCE aud [AUDIENCE aud ...]] \
                         [FORCE] [DEDUP text WAIT d] [OLD|NEW] [DATA json]";
    const CHOICE: Syntax = Syntax {
        name: c"LW.Y",
        args: &[
            Param::KEY,
            Param::one_of(
                c"what",
                &[Param::string(c"token").token(c"TOKEN").secret(), Param::string(c"id").token(c"SESSION")],
            ),
            Param::string(c"except").token(c"EXCEPT").optional(),
        ],
    };

    /// The arguments that are given, as `label=value`.
    fn sorted(syntax: Syntax, line: &str) -> Result<String, String> {
        let words = line.split(' ').filter(|word| !word.is_empty()).map(str::as_bytes);
        let given = Given::parse(syntax, words).map_err(|Malformed(why)| why)?;
        // All of them are read.
        syntax.leaves().iter().for_each(|leaf| _ = given.has(leaf.label()));
        let text = |value| String::from_utf8_lossy(value).into_owned();
        let values = given.values[..given.len].iter().flatten();
        let values: Vec<_> =
            values.map(|(param, value)| format!("{}={}", param.label(), text(value))).collect();
        Ok(values.join(" "))
    }

    fn refused(syntax: Syntax, line: &str) -> String {
        let why = sorted(syntax, line).expect_err(line);
        let why = why.strip_suffix(&format!(": {syntax}")).expect("the syntax is named");
        why.to_owned()
    }

    #[test]
    fn words_are_sorted_into_the_arguments_of_the_table() {
        assert_eq!(TABLE.to_string(), USAGE);
        for (line, expected) in [
            ("a 1 60", "name=a limit=1 window=60"),
            ("a 1 60 2 1h force cost 3", "name=a limit=1 window=60 limit=2 window=1h FORCE= COST=3"),
            ("a 1 60 AUDIENCE b audience AUDIENCE", "name=a limit=1 window=60 AUDIENCE=b AUDIENCE=AUDIENCE"),
            ("a 1 60 WAIT 1 DEDUP x NEW", "name=a limit=1 window=60 WAIT=1 DEDUP=x NEW="),
            ("COST COST FORCE", "name=COST limit=COST window=FORCE"),
        ] {
            assert_eq!(sorted(TABLE, line).as_deref(), Ok(expected), "{line}");
        }
        for (line, expected) in
            [("token t", "TOKEN=t"), ("SESSION s EXCEPT SESSION", "SESSION=s EXCEPT=SESSION")]
        {
            assert_eq!(sorted(CHOICE, line).as_deref(), Ok(expected), "{line}");
        }
        const WHICH: Syntax = Syntax {
            name: c"LW.Z",
            args: &[Param::one_of(c"which", &[Param::string(c"id"), Param::word(c"ALL", c"all")])],
        };
        assert_eq!(sorted(WHICH, "all").as_deref(), Ok("ALL="));
        assert_eq!(sorted(WHICH, "al").as_deref(), Ok("id=al"));
    }

    #[test]
    fn an_error_names_the_argument() {
        for (line, expected) in [
            ("", "name is missing"),
            ("a", "limit is missing"),
            ("a 1", "window is missing"),
            ("a 1 60 2", "window is missing"),
            ("a 1 60 COST", "COST has no value"),
            ("a 1 60 COST 1 cost", "COST is given twice"),
            ("a 1 60 FORCE force", "FORCE is given twice"),
            ("a 1 60 COST 1 FORSE", "unknown option 'FORSE', did you mean FORCE?"),
            ("a 1 60 COST 1 nonsense", "unknown option 'nonsense'"),
            ("a 1 60 DEDUP x", "DEDUP and WAIT go together"),
            ("a 1 60 OLD NEW", "OLD and NEW exclude each other"),
            (&format!("a {}", "1 60 ".repeat(12)), "there are too many arguments"),
        ] {
            assert_eq!(refused(TABLE, line), expected, "{line}");
        }
        assert_eq!(refused(CHOICE, "SESION x"), "unknown option 'SESION', did you mean SESSION?");
        assert_eq!(refused(CHOICE, "TOKEN"), "TOKEN has no value");
    }

    #[test]
    fn a_value_that_cannot_be_read_is_named_and_shown_unless_it_is_json() {
        let words = "a 1 60 COST 0 DATA {".split(' ').map(str::as_bytes);
        let given = Given::parse(TABLE, words).unwrap();
        let why = |result: Result<_, Malformed>| result.map(|_: Option<u64>| ()).unwrap_err().0;
        assert_eq!(
            why(given.optional("COST", number::within(1..=9))),
            format!("cost '0' is not an integer from 1 to 9: {USAGE}")
        );
        assert_eq!(why(given.optional("DATA", |_| Err("is not JSON"))), format!("data is not JSON: {USAGE}"));
        assert_eq!(given.optional("FORCE", |_| Ok::<_, &str>(1)).unwrap(), None);
    }

    #[test]
    fn all_values_of_a_repeated_option_are_read_in_order() {
        let given = |line: &'static str| {
            let given = Given::parse(TABLE, line.split(' ').map(str::as_bytes)).unwrap();
            TABLE.leaves().iter().for_each(|leaf| _ = given.has(leaf.label()));
            given
        };
        let read = |value| number::within(1..=9)(value);
        assert_eq!(given("a 1 60 FORCE").all("AUDIENCE", read), Ok(vec![]));
        assert_eq!(given("a 1 60 audience 3 COST 5 AUDIENCE 1").all("AUDIENCE", read), Ok(vec![3, 1]));
        assert_eq!(
            given("a 1 60 AUDIENCE 3 AUDIENCE x AUDIENCE y").all("AUDIENCE", read),
            Err(Malformed(format!("audience 'x' is not an integer from 1 to 9: {USAGE}")))
        );
        assert_eq!(refused(TABLE, "a 1 60 AUDIENCE 1 AUDIENCE"), "AUDIENCE has no value");
        let line = format!("a 1 60{}", " AUDIENCE x".repeat(MOST));
        assert_eq!(refused(TABLE, &line), "there are too many arguments");
    }

    #[test]
    fn where_a_secret_may_be_given_nothing_long_is_shown() {
        let long = "x".repeat(41);
        assert_eq!(refused(CHOICE, &format!("TOKEN t {long}")), "unknown option of 41 bytes");
        assert_eq!(refused(CHOICE, &long), "unknown option of 41 bytes");
        assert_eq!(refused(CHOICE, &long[1..]), format!("unknown option '{}'", &long[1..]));
        assert_eq!(refused(TABLE, &format!("a 1 60 FORCE {long}")), format!("unknown option '{long}'"));
    }

    #[test]
    #[should_panic(expected = "there is no COTS in LW.Y")]
    fn to_ask_for_an_argument_that_is_not_in_the_table_panics_in_tests() {
        Given::parse(CHOICE, [&b"TOKEN"[..], b"t"].into_iter()).unwrap().has("COTS");
    }

    #[test]
    #[should_panic(expected = "nobody reads SESSION of LW.Y")]
    fn an_argument_that_is_never_read_panics_in_tests() {
        let given = Given::parse(CHOICE, [&b"TOKEN"[..], b"t"].into_iter()).unwrap();
        given.has("TOKEN");
    }

    #[test]
    fn a_misspelt_option_is_recognised() {
        let nearest = |word: &[u8]| nearest(word, ["COOLDOWN", "ENDPOINT", "IP"].into_iter());
        assert_eq!(nearest(b"cooldwn"), Some("COOLDOWN"));
        assert_eq!(nearest(b"ENDPIONT"), Some("ENDPOINT"));
        assert_eq!(nearest(b"something else"), None);
    }

    proptest! {
        #[test]
        fn any_words_are_sorted_or_refused_on_one_printable_line(
            words in prop::collection::vec(
                prop_oneof![
                    prop::sample::select(vec!["1", "60", "COST", "force", "audience", "DEDUP", "WAIT", "OLD", "TOKEN", "SESSION"])
                        .prop_map(|word| word.as_bytes().to_vec()),
                    any::<Vec<u8>>(),
                ],
                0..12,
            ),
        ) {
            for syntax in [TABLE, CHOICE] {
                match Given::parse(syntax, words.iter().map(Vec::as_slice)) {
                    Ok(given) => {
                        prop_assert!(given.len <= words.len());
                        syntax.leaves().iter().for_each(|leaf| _ = given.has(leaf.label()));
                    }
                    Err(Malformed(why)) => {
                        prop_assert!(why.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{}", why);
                    }
                }
            }
        }
    }
}
