//! `LW.BANS key [ALLOWED|OBSERVED] [COUNT n] [AFTER cursor]`
//!
//! Lists the bans in force, or the allow entries, or what observed rules would have done, by
//! subject. Each record is a map: `cursor`, and the fields of [`super::reply::entry`]. The next page
//! begins after the cursor of the last record.

use crate::journal::wire;
use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::native::Boxed;
use crate::server::spec::Spec;
use crate::text::number;
use crate::text::syntax::Param;

use super::super::address::Block;
use super::super::bans::{BanKey, Entry, Source, Target};
use super::super::rules;
use super::super::value::Guard;
use super::reply;

const DEFAULT_COUNT: u64 = 100;
/// The most records of a page, so that it takes the main thread a few milliseconds.
const MOST_COUNT: u64 = 1000;
/// The version of cursors.
const CURSOR: u8 = 1;

pub(crate) struct Bans;

impl Command for Bans {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.BANS",
        summary: c"Lists the bans in force, the allow entries, or what observed rules would have done.",
        complexity: c"O(log N + M) with N the number of entries and M those passed over and listed.",
        args: &[
            Param::KEY,
            Param::one_of(
                c"what",
                &[Param::word(c"ALLOWED", c"allowed"), Param::word(c"OBSERVED", c"observed")],
            )
            .optional(),
            Param::integer(c"count").token(c"COUNT").shown(c"n").optional(),
            Param::string(c"after").token(c"AFTER").shown(c"cursor").optional(),
        ],
        ..Spec::ADMIN_READ
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let (name, _) = call.key_and_args();
        let given = Self::SPEC.parse(call)?;
        let count = given.optional("COUNT", number::within(1..=MOST_COUNT))?.unwrap_or(DEFAULT_COUNT);
        let after = given.optional("AFTER", read_cursor)?;
        let (allowed, observed) = (given.has("ALLOWED"), given.has("OBSERVED"));
        rules::current().set.of_key(name.bytes())?;
        let is_listed = |source: Source| match source {
            Source::Allow => allowed,
            Source::Observed(_) => observed,
            Source::Operator | Source::Rule(_) => !allowed && !observed,
        };
        let key = call.read(name);
        let guard = key.value::<Boxed<Guard>>()?;
        let now = call.now();
        let page: Vec<(BanKey, &Entry)> = match &guard {
            Some(guard) => entries(guard, after)
                .filter(|((_, source), entry)| is_listed(*source) && !entry.is_over(now))
                .take(usize::try_from(count).unwrap_or(usize::MAX))
                .collect(),
            None => Vec::new(),
        };
        call.reply_array(page.len());
        for (key, entry) in page {
            call.reply_map(reply::ENTRY_FIELDS + 1);
            reply::text(call, "cursor", Some(&cursor(&key)));
            reply::entry(call, key, entry, now);
        }
        Ok(())
    }
}

/// The entries behind `after`, or all.
fn entries(guard: &Guard, after: Option<BanKey>) -> impl Iterator<Item = (BanKey, &Entry)> {
    let from = after.unwrap_or(LOWEST);
    guard.bans.from(from).skip_while(move |(key, _)| Some(*key) == after)
}

const LOWEST: BanKey = (Target::Block(Block::LOWEST), Source::Allow);

fn cursor(key: &BanKey) -> String {
    wire::write(CURSOR, key).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn read_cursor(text: &[u8]) -> Result<BanKey, &'static str> {
    let malformed = "is no cursor of LW.BANS";
    let digits = std::str::from_utf8(text).ok().filter(|text| text.len() <= 128 && text.is_ascii());
    let digits = digits.filter(|text| text.len() % 2 == 0).ok_or(malformed)?;
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).ok();
    let bytes: Option<Vec<u8>> = (0..digits.len()).step_by(2).map(byte).collect();
    match bytes.ok_or(malformed)?.split_first() {
        Some((&CURSOR, rest)) => wire::read(rest).ok_or(malformed),
        _ => Err(malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::rule::Tag;
    use super::super::super::subject::Who;
    use super::*;

    #[test]
    fn a_cursor_is_read_again_and_others_are_refused() {
        let block = Block::read(b"203.0.113.7").unwrap();
        for key in
            [(Target::Block(block), Source::Rule(Tag(u32::MAX))), (Target::Who(Who::LOWEST), Source::Allow)]
        {
            assert_eq!(read_cursor(cursor(&key).as_bytes()), Ok(key));
        }
        for bad in ["", "0", "zz", "02", "01", "\u{e9}\u{e9}", "+1+1"] {
            assert!(read_cursor(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
