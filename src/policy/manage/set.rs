//! `LW.POLICY SET name limit window [limit window ...] [SHADOW] [FOR subject]`
//!
//! Sets the limits of a policy, or, with `FOR`, those for some subjects. The overrides of a policy
//! stay. With `SHADOW` calls are decided and counted, but none is denied. The limits hold from the
//! next call on, also for keys that exist.

use std::fmt::Display;

use crate::server::args::Arg;
use crate::server::call::Call;
use crate::server::command::Command;
use crate::server::error::Refusal;
use crate::server::spec::Spec;
use crate::text::duration;
use crate::text::number;
use crate::text::options::{Given, Malformed};
use crate::text::quoted::Quoted;
use crate::text::syntax::Param;
use crate::window::log::MAX_PAIRS;
use crate::window::verdict::{MAX_LIMIT, Quota};

use super::super::rule::Rule;
use super::super::state::{self, State};
use super::super::store::{MAX_LENGTHS, MAX_OVERRIDES, MAX_POLICIES, Refused};
use super::super::subject::Pattern;
use super::super::wire;
use super::arguments::{self, FOR, NAME, read_name};

pub(crate) struct Set;

const QUOTAS: Param =
    Param::block(c"quota", &[Param::integer(c"limit"), Param::string(c"window")]).repeated();

impl Command for Set {
    const SPEC: &'static Spec = &Spec {
        name: c"LW.POLICY|SET",
        summary: c"Sets the limits of a policy, or those for some subjects.",
        args: &[NAME, QUOTAS, Param::word(c"SHADOW", c"shadow").optional(), FOR],
        ..Spec::ADMIN_WRITE
    };

    fn run(call: &Call<'_>) -> Result<(), Refusal> {
        let mut words = call.args().map(Arg::bytes).peekable();
        let name = words.next().unwrap_or_default();
        let name = read_name(name).map_err(|why| refuse("name", name, &why))?;
        let syntax = Self::SPEC.syntax();
        let mut quotas = Vec::new();
        while let Some(limit) = words.next_if(|word| {
            // The first word must be a limit, unless it is an option.
            let may_be_limit = quotas.is_empty() || !word.first().is_some_and(u8::is_ascii_alphabetic);
            may_be_limit && syntax.option(word).is_none()
        }) {
            if quotas.len() == MAX_PAIRS {
                return Err(Self::SPEC
                    .malformed(format_args!("more than {MAX_PAIRS} limit window pairs"))
                    .into());
            }
            quotas.push(quota(limit, words.next())?);
        }
        let given = Given::options(syntax, words)?;
        let shadow = given.has("SHADOW");
        let subject = arguments::subject(&given)?;
        let Some(rule) = Rule::new(&quotas, shadow) else {
            return Err(Self::SPEC.malformed("limit and window are missing").into());
        };
        call.require_primary()?;
        if !state::can_save() {
            return Err(Refusal::Unavailable(
                "with journal no, Redis 7.0 does not save policies: load the module with journal yes, or \
                 use Redis 7.2 or later"
                    .to_owned(),
            ));
        }
        let mut state = state::lock();
        if change(&mut state, name, subject.map(|(_, pattern)| pattern), rule)? {
            state.changed();
            state::replicate(call, &wire::set(name, subject.map(|(text, _)| text), &rule));
        }
        call.reply_ok();
        Ok(())
    }
}

/// The error of the argument `name`.
#[cold]
fn refuse(name: &str, text: &[u8], why: &dyn Display) -> Malformed {
    Set::SPEC.malformed(format_args!("{name} {} {why}", Quoted(text)))
}

/// Reads a limit and its window.
fn quota(limit: &[u8], window: Option<&[u8]>) -> Result<Quota, Malformed> {
    let count = number::within(0..=MAX_LIMIT)(limit).map_err(|why| refuse("limit", limit, &why))?;
    let window = window.ok_or_else(|| refuse("limit", limit, &"has no window"))?;
    let span = duration::parse(window).map_err(|why| refuse("window", window, &why))?;
    Ok(Quota { limit: count, window: span })
}

/// Returns whether the change changes anything.
fn change(state: &mut State, name: &[u8], pattern: Option<Pattern<'_>>, rule: Rule) -> Result<bool, Refusal> {
    let store = &mut state.store;
    let changed = match pattern {
        None => store.set(name, rule),
        Some(pattern) => store.set_override(name, pattern, rule),
    };
    changed.map_err(|refused| match refused {
        Refused::NoPolicy => state::unknown(store, name),
        Refused::TooManyPolicies => Refusal::Full(format!(
            "there are {MAX_POLICIES} policies, the most that there can be: delete one with LW.POLICY DEL"
        )),
        Refused::TooManyOverrides => Refusal::Full(format!(
            "there are {MAX_OVERRIDES} overrides, the most that there can be: delete one with LW.POLICY DEL"
        )),
        Refused::TooManyLengths => Refusal::Full(format!(
            "the prefixes of this policy's overrides have {MAX_LENGTHS} different lengths, the most that there \
             can be"
        )),
    })
}
