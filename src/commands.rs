//! The table of commands. A row registers the command with its arity, flags, key specs, COMMAND
//! DOCS and ACL categories, which it declares beside its handler.

#![forbid(unsafe_code)]

use crate::alert::command::RaiseAlert;
use crate::alert::manage as alerts;
use crate::alert::state::State as Alerts;
use crate::audit::command::Audit;
use crate::audit::erase::command::Erase;
use crate::audit::query::command::Query;
use crate::audit::state::State as AuditLog;
use crate::burst::Cooldown;
use crate::burst::detect::Burst;
use crate::cell::apply::Apply as ApplyToCell;
use crate::cell::settings::CL_THROTTLE;
use crate::cell::throttle::Throttle;
use crate::guard::commands::apply::ApplyGuard;
use crate::guard::commands::attempt::Attempt;
use crate::guard::commands::ban::{Allow, Ban};
use crate::guard::commands::bans::Bans;
use crate::guard::commands::check::Check;
use crate::guard::commands::event::Event;
use crate::guard::commands::lift::Lift;
use crate::guard::commands::rules::ListRules;
use crate::guard::commands::why::Why;
use crate::inspect::Inspect;
use crate::lease::commands::acquire::Acquire;
use crate::lease::commands::apply::ApplyLeases;
use crate::lease::commands::release::Release;
use crate::lease::commands::renew::Renew;
use crate::outbox::apply::Apply as ApplyToOutbox;
use crate::outbox::manage::{Dead, Discard, Help, Managed, Replay};
use crate::policy::apply::ApplyPolicy;
use crate::policy::manage as policies;
use crate::purge::Purge;
use crate::ratelimit::limit::RateLimit;
use crate::ratelimit::multi::limit::MRateLimit;
use crate::ratelimit::multi::peek::MPeek;
use crate::ratelimit::peek::Peek;
use crate::ratelimit::refund::Refund;
use crate::ratelimit::settle::Settle;
use crate::reload::Reload;
use crate::server::command::CommandEntry;
use crate::token::commands::apply::ApplyTokens;
use crate::token::commands::claims::SetClaims;
use crate::token::commands::introspect::Introspect;
use crate::token::commands::issue::Issue;
use crate::token::commands::jwks::Jwks;
use crate::token::commands::revoke::Revoke;
use crate::token::commands::revokeall::RevokeAll;
use crate::token::commands::rotate::Rotate;
use crate::token::commands::sessions::Sessions;
use crate::token::commands::verify::Verify;
use crate::top::command::Top;
use crate::window::apply::Apply;
use crate::window::several::ApplySeveral;

pub(crate) static COMMANDS: &[CommandEntry] = &[
    CommandEntry::of::<RateLimit>(),
    CommandEntry::of::<Peek>(),
    CommandEntry::of::<Refund>(),
    CommandEntry::of::<Settle>(),
    CommandEntry::container(policies::CONTAINER),
    CommandEntry::of::<policies::set::Set>(),
    CommandEntry::of::<policies::show::Get>(),
    CommandEntry::of::<policies::show::Which>(),
    CommandEntry::of::<policies::delete::Delete>(),
    CommandEntry::of::<policies::list::List>(),
    CommandEntry::of::<policies::Help>(),
    CommandEntry::of::<Throttle>().only_with(&CL_THROTTLE),
    CommandEntry::of::<Top>(),
    CommandEntry::of::<Inspect>(),
    CommandEntry::of::<MRateLimit>(),
    CommandEntry::of::<MPeek>(),
    CommandEntry::of::<Burst>(),
    CommandEntry::of::<Acquire>(),
    CommandEntry::of::<Renew>(),
    CommandEntry::of::<Release>(),
    CommandEntry::of::<RaiseAlert>(),
    CommandEntry::container(<Alerts as Managed>::CONTAINER),
    CommandEntry::of::<alerts::list::List>(),
    CommandEntry::of::<alerts::recent::Recent>(),
    CommandEntry::of::<Dead<Alerts>>(),
    CommandEntry::of::<Replay<Alerts>>(),
    CommandEntry::of::<Discard<Alerts>>(),
    CommandEntry::of::<alerts::test::Test>(),
    CommandEntry::of::<Help<Alerts>>(),
    CommandEntry::of::<Audit>(),
    CommandEntry::container(<AuditLog as Managed>::CONTAINER),
    CommandEntry::of::<Query>(),
    CommandEntry::of::<Dead<AuditLog>>(),
    CommandEntry::of::<Replay<AuditLog>>(),
    CommandEntry::of::<Discard<AuditLog>>(),
    CommandEntry::of::<Erase>(),
    CommandEntry::of::<Help<AuditLog>>(),
    CommandEntry::of::<Issue>(),
    CommandEntry::of::<Rotate>(),
    CommandEntry::of::<SetClaims>(),
    CommandEntry::of::<Verify>(),
    CommandEntry::of::<Introspect>(),
    CommandEntry::of::<Revoke>(),
    CommandEntry::of::<RevokeAll>(),
    CommandEntry::of::<Sessions>(),
    CommandEntry::of::<Jwks>(),
    CommandEntry::of::<Attempt>(),
    CommandEntry::of::<Event>(),
    CommandEntry::of::<Check>(),
    CommandEntry::of::<Ban>(),
    CommandEntry::of::<Allow>(),
    CommandEntry::of::<Lift>(),
    CommandEntry::of::<Bans>(),
    CommandEntry::of::<Why>(),
    CommandEntry::of::<ListRules>(),
    CommandEntry::of::<Reload>(),
    CommandEntry::of::<Purge>(),
    CommandEntry::of::<Apply<()>>(),
    CommandEntry::of::<ApplySeveral>(),
    CommandEntry::of::<Apply<Cooldown>>(),
    CommandEntry::of::<ApplyToCell>(),
    CommandEntry::of::<ApplyToOutbox<Alerts>>(),
    CommandEntry::of::<ApplyToOutbox<AuditLog>>(),
    CommandEntry::of::<ApplyTokens>(),
    CommandEntry::of::<ApplyLeases>(),
    CommandEntry::of::<ApplyPolicy>(),
    CommandEntry::of::<ApplyGuard>(),
    #[cfg(feature = "debug-commands")]
    CommandEntry::of::<crate::debug::Debug>(),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::COMMANDS;
    use crate::text::syntax::{Keys, Kind, Param, Syntax};

    /// Blocks and choices consist of plain arguments; a value has one word in front at most.
    fn check(arg: &Param) {
        assert!(arg.name.to_bytes().is_ascii() && arg.shown.to_bytes().is_ascii(), "{arg}");
        assert_eq!(arg.parts.is_empty(), !matches!(arg.kind, Kind::Block | Kind::OneOf), "{arg}");
        assert!(arg.kind != Kind::Word || arg.token.is_some(), "{arg}");
        arg.parts.iter().for_each(check);
    }

    #[test]
    fn every_table_of_arguments_is_sound() {
        for entry in COMMANDS {
            let syntax = entry.spec().syntax();
            syntax.args.iter().for_each(check);
            // The key is never asked for by its name.
            let mut leaves = syntax.leaves();
            leaves.retain(|leaf| leaf.kind != Kind::Key);
            let labels: Vec<_> = leaves.iter().map(|leaf| leaf.label()).collect();
            let distinct: BTreeSet<_> = labels.iter().map(|label| label.to_ascii_uppercase()).collect();
            assert_eq!(distinct.len(), labels.len(), "two arguments of {syntax} have one name");
            // Arguments without an option word come first.
            let mut kinds = syntax.args.iter().map(Param::is_positional);
            assert!(kinds.all(|positional| positional) || kinds.all(|positional| !positional), "{syntax}");
            check_keys(&syntax);
        }
    }

    /// There is one key, which is the first argument, or a block of words that begins with one is
    /// all that the command takes.
    fn check_keys(syntax: &Syntax) {
        let is_key = |arg: &&&'static Param| arg.kind == Kind::Key;
        let keys = syntax.leaves().iter().filter(is_key).count();
        match syntax.keys() {
            None => assert_eq!(keys, 0, "the key of {syntax} is not first"),
            Some(Keys::One) => assert_eq!(keys, 1, "{syntax} has a second key"),
            Some(Keys::FirstOfEach(words)) => {
                let [block] = syntax.args else { panic!("{syntax} has arguments behind its keys") };
                let is_plain = |part: &Param| part.parts.is_empty() && part.token.is_none() && !part.optional;
                assert!(block.repeated && !block.optional && block.parts.iter().all(is_plain), "{syntax}");
                assert_eq!((keys, words), (1, block.parts.len()), "{syntax}");
            }
        }
    }

    #[test]
    fn usage_texts_and_arities_are_those_of_the_reference() {
        let expected = "\
            -3 LW.RATELIMIT key limit window [limit window ...] | @policy [COST n] [FORCE] [WITHTIME]\n\
            -3 LW.PEEK key limit window [limit window ...] | @policy [COST n]\n\
            5 LW.REFUND key units AT ms\n\
            6 LW.SETTLE key reserved actual AT ms\n\
            -2 LW.POLICY\n\
            -5 LW.POLICY SET name limit window [limit window ...] [SHADOW] [FOR subject]\n\
            3 LW.POLICY GET name\n\
            4 LW.POLICY WHICH name key\n\
            -3 LW.POLICY DEL name [FOR subject]\n\
            2 LW.POLICY LIST\n\
            2 LW.POLICY HELP\n\
            -5 CL.THROTTLE key max_burst count period [quantity]\n\
            -1 LW.TOP [COUNT n]\n\
            2 LW.INSPECT key\n\
            -5 LW.MRATELIMIT key limit window cost [key limit window cost ...]\n\
            -5 LW.MPEEK key limit window cost [key limit window cost ...]\n\
            -4 LW.BURST key threshold window [COOLDOWN d] [IP ip] [ENDPOINT path] [METHOD m] [AGENT ua]\n\
            -4 LW.ACQUIRE key limit ttl [ID id] [COST n] [ONCLOSE]\n\
            4 LW.RENEW key id ttl\n\
            3 LW.RELEASE key id\n\
            -3 LW.ALERT type json [DEDUP text COOLDOWN d]\n\
            -2 LW.ALERTS\n\
            -2 LW.ALERTS LIST [COUNT n] [BEFORE id]\n\
            -2 LW.ALERTS RECENT [COUNT n] [BEFORE id]\n\
            -2 LW.ALERTS DEAD [COUNT n] [BEFORE id]\n\
            3 LW.ALERTS REPLAY id|ALL\n\
            3 LW.ALERTS DISCARD id|ALL\n\
            2 LW.ALERTS TEST\n\
            2 LW.ALERTS HELP\n\
            -2 LW.AUDIT [KIND k] [USER id] [IP ip] [METHOD m] [ENDPOINT path] [STATUS code] [LIMITED] [ANOMALY] \
            [LATENCY d] [TIME ms] [DATA json]\n\
            -2 LW.AUDITLOG\n\
            -2 LW.AUDITLOG QUERY [KIND k|prefix*] [USER id] [IP ip|cidr] [METHOD m] [ENDPOINT prefix] \
            [STATUS code] [FROM ms] [TO ms] [LIMITED] [ANOMALY] [LOCAL] [COUNT n] [BEFORE id]\n\
            -2 LW.AUDITLOG DEAD [COUNT n] [BEFORE id]\n\
            3 LW.AUDITLOG REPLAY id|ALL\n\
            3 LW.AUDITLOG DISCARD id|ALL\n\
            -4 LW.AUDITLOG ERASE USER id [BY text]\n\
            2 LW.AUDITLOG HELP\n\
            -3 LW.ISSUE key subject [CLAIMS json] [AUDIENCE aud [AUDIENCE aud ...]] [ACCESSTTL d] \
            [REFRESHTTL d] [META json]\n\
            -3 LW.ROTATE key refresh_token [CLAIMS json] [META json]\n\
            5 LW.CLAIMS key SESSION id | SUBJECT subject json\n\
            -3 LW.VERIFY key access_token [AUDIENCE aud]\n\
            3 LW.INTROSPECT key token\n\
            -4 LW.REVOKE key TOKEN token | SESSION id | SUBJECT subject [EXCEPT id]\n\
            2 LW.REVOKEALL key\n\
            3 LW.SESSIONS key subject\n\
            1 LW.JWKS\n\
            -3 LW.ATTEMPT key [IP ip] [USER user] [DEVICE id] [VALUE v] [SOLVED]\n\
            -3 LW.EVENT key kind [IP ip] [USER user] [KEY k] [VALUE v] [DEVICE id]\n\
            -3 LW.CHECK key [IP ip] [USER user] [KEY k] [DEVICE id]\n\
            -6 LW.BAN key IP ip|cidr | USER user | KEY k FOR d [REASON text] [BY text]\n\
            -6 LW.ALLOW key IP ip|cidr | USER user | KEY k FOR d [REASON text] [BY text]\n\
            -3 LW.LIFT key [IP ip|cidr] [USER user] [KEY k] [HASH h] [ALL] [FORGET] [ALLOWED] [BY text]\n\
            -2 LW.BANS key [ALLOWED|OBSERVED] [COUNT n] [AFTER cursor]\n\
            -3 LW.WHY key [IP ip] [USER user] [KEY k] [HASH h]\n\
            -1 LW.RULES [name]\n\
            1 LW.RELOAD\n\
            2 LW.PURGE CONFIRM";
        let specs = COMMANDS.iter().map(|entry| entry.spec());
        let of_callers = specs.filter(|spec| !spec.internal && spec.name != c"LW.DEBUG");
        let lines: Vec<_> = of_callers
            .map(|spec| format!("{} {}", spec.syntax().arity(spec.at_least), spec.syntax()))
            .collect();
        assert_eq!(lines.join("\n"), expected);
    }
}
