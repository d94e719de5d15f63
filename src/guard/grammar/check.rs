//! Refuses rules that can never fire or by which an attacker could lock users out.

use crate::text::duration;

use super::super::rule::{Action, Count, Kind, Of, PAIR_BAN, Rule, Scope};

/// Says what is wrong with a rule by itself.
pub(super) fn check(rule: &Rule) -> Result<(), String> {
    check_kinds(rule)?;
    check_distinct(rule)?;
    check_action(rule)
}

fn check_kinds(rule: &Rule) -> Result<(), String> {
    let has = |kind: Kind| rule.kinds.contains(&kind);
    if rule.scope == Scope::Key && (has(Kind::Attempt) || has(Kind::Open)) {
        return Err("scope key can't count attempt or open: LW.ATTEMPT takes no KEY".into());
    }
    let users = matches!(rule.count, Count::Distinct { of: Of::Users, .. });
    // An outcome takes its user out again, which only this count can do.
    if has(Kind::Open) && (rule.kinds.len() > 1 || rule.scope != Scope::Ip || !users) {
        return Err("the kind open stands alone and needs scope ip and a count of users: \
                    ip open N users leak d"
            .into());
    }
    Ok(())
}

/// Refuses a distinct count that never exceeds one.
fn check_distinct(rule: &Rule) -> Result<(), String> {
    let Count::Distinct { of, .. } = rule.count else { return Ok(()) };
    match (of, rule.scope) {
        (Of::Users, Scope::User | Scope::Pair) => {
            Err("users can't be counted in scope user or pair, which has one user: use ip or key".into())
        }
        (Of::Networks, Scope::Ip) => {
            Err("networks can't be counted in scope ip, because an address is in one network: \
                 use user, pair or key"
                .into())
        }
        _ => Ok(()),
    }
}

fn check_action(rule: &Rule) -> Result<(), String> {
    if *rule.kinds == [Kind::Unknown] && rule.action != Action::Alert {
        return Err("a rule on unknown alone can only alert, because anybody can make up names: \
                    count failure, which counts unknown too"
            .into());
    }
    let Action::Ban { base, most } = rule.action else { return Ok(()) };
    if rule.scope == Scope::User && *rule.kinds != [Kind::Mfa] {
        return Err("a rule of scope user can ban on mfa alone, because anybody could lock any user out \
                    otherwise: use challenge"
            .into());
    }
    if rule.scope == Scope::Pair && most.unwrap_or(base).max(base) > PAIR_BAN {
        return Err(format!("a rule of scope pair bans at most {}", duration::shown(PAIR_BAN)));
    }
    if most.is_some_and(|most| most < base) {
        return Err("the max of the ban is shorter than the ban".into());
    }
    Ok(())
}
