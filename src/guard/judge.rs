//! What stands against a call: bans, allow entries and challenges. Changes nothing.

use crate::text::time::{Span, Timestamp};

use super::bans::{Entry, Source, Target};
use super::rule::Tag;
use super::state::State;
use super::subject::Who;
use super::value::{Acquaintance, Ask, Guard};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    #[default]
    Allow,
    Challenge,
    Deny,
}

/// What decides. Of equal verdicts, the one that comes first here is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Operator,
    Pair,
    Address,
    User,
}

/// A verdict and what it comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub level: Level,
    /// How long it lasts.
    pub left: Span,
    /// The rule's name; [`OPERATOR`] for an operator's ban.
    pub rule: Option<Box<str>>,
    /// `None` for an operator's ban.
    pub tag: Option<Tag>,
    pub strikes: u8,
}

/// What replies name instead of a rule.
pub(crate) const OPERATOR: &str = "operator";

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Judged {
    pub enforced: Verdict,
    /// The verdict if observed rules were enforced.
    pub would: Verdict,
    /// An allow entry of the address or the key holds, so nothing is counted either.
    pub is_allowed: bool,
    /// Something was set at a later time than now: the clock has stepped back.
    pub is_ahead: bool,
}

/// Collects the strongest of what stands.
struct Strongest {
    now: Timestamp,
    enforced: Option<(Level, Rank, Verdict)>,
    observed: Option<(Level, Rank, Verdict)>,
    is_ahead: bool,
}

impl Strongest {
    fn entry(&mut self, rank: Rank, source: Source, entry: &Entry) {
        let left = entry.left(self.now);
        self.is_ahead |= entry.from > self.now;
        let tag = match source {
            Source::Rule(tag) | Source::Observed(tag) => Some(tag),
            Source::Operator | Source::Allow => None,
        };
        let level = if entry.denies { Level::Deny } else { Level::Challenge };
        let name = if tag.is_some() { &entry.rule } else { OPERATOR };
        let is_observed = matches!(source, Source::Observed(_));
        self.take(is_observed, level, rank, left, (name, tag, entry.strikes));
    }

    fn challenges(&mut self, rank: Rank, state: Option<&State>) {
        for one in state.map_or(&[][..], State::challenges) {
            let level = if one.denies { Level::Deny } else { Level::Challenge };
            self.is_ahead |= one.from > self.now;
            self.take(false, level, rank, one.left(self.now), (&one.rule, Some(one.tag), 0));
        }
    }

    fn take(
        &mut self,
        is_observed: bool,
        level: Level,
        rank: Rank,
        left: Span,
        (rule, tag, strikes): (&str, Option<Tag>, u8),
    ) {
        let best = if is_observed { &mut self.observed } else { &mut self.enforced };
        let is_better = |(old, of, verdict): &(Level, Rank, Verdict)| {
            // The higher level, then the lower rank, then what lasts longer.
            (level, *of, left) > (*old, rank, verdict.left)
        };
        if left > Span(0) && best.as_ref().is_none_or(is_better) {
            let verdict = Verdict { level, left, rule: Some(rule.into()), tag, strikes };
            *best = Some((level, rank, verdict));
        }
    }

    /// The verdicts. With `observe`, everything only observes.
    fn judged(self, observe: bool) -> Judged {
        let (enforced, observed, is_ahead) = (self.enforced, self.observed, self.is_ahead);
        let stronger = match (&enforced, observed) {
            (Some((level, rank, _)), Some((other, of, verdict))) if (other, rank) > (*level, &of) => {
                Some(verdict)
            }
            (None, Some((.., verdict))) => Some(verdict),
            _ => None,
        };
        let enforced = enforced.map(|(.., verdict)| verdict).unwrap_or_default();
        let would = stronger.unwrap_or_else(|| enforced.clone());
        let enforced = if observe { Verdict::default() } else { enforced };
        Judged { enforced, would, is_allowed: false, is_ahead }
    }
}

/// Judges a call by what stands at `now`.
pub(crate) fn judge(guard: &Guard, ask: &Ask, observe: bool, now: Timestamp) -> Judged {
    judge_as(guard, ask, guard.acquaintance(ask, now), observe, now)
}

/// The same, where it is known already what the guard knows of the user.
pub(crate) fn judge_as(
    guard: &Guard,
    ask: &Ask,
    Acquaintance { is_known, pair }: Acquaintance,
    observe: bool,
    now: Timestamp,
) -> Judged {
    let operators = if guard.bans.is_empty() { Operators::default() } else { operators(guard, ask, now) };
    let mut strongest = Strongest { now, enforced: None, observed: None, is_ahead: operators.is_ahead };
    if operators.is_allowed {
        return Judged { is_allowed: true, is_ahead: operators.is_ahead, ..Judged::default() };
    }
    if let Some(entry) = operators.ban {
        strongest.entry(Rank::Operator, Source::Operator, entry);
    }
    if let Some(pair) = pair {
        strongest.of(guard, Rank::Pair, pair, operators.allows_user);
    }
    if let Some(key) = ask.key {
        strongest.of(guard, Rank::Address, Who::key(key), false);
    }
    if !is_known {
        strongest.address(guard, ask);
    }
    if let Some(user) = ask.user {
        strongest.of(guard, Rank::User, Who::user(user), is_known || operators.allows_user);
    }
    strongest.judged(observe)
}

impl Strongest {
    /// What rules hold against a user, a pair or a key.
    fn of(&mut self, guard: &Guard, rank: Rank, who: Who, without_challenges: bool) {
        for (source, entry) in guard.bans.of(Target::Who(who)) {
            let is_rule = matches!(source, Source::Rule(_) | Source::Observed(_));
            if is_rule && (entry.denies || !without_challenges) {
                self.entry(rank, source, entry);
            }
        }
        if !without_challenges {
            self.challenges(rank, guard.people.get(&who));
        }
    }

    fn address(&mut self, guard: &Guard, ask: &Ask) {
        let (Some(ip), Some(place)) = (ask.ip, ask.place()) else { return };
        for (_, source, entry) in guard.bans.around(ip) {
            if matches!(source, Source::Rule(_) | Source::Observed(_)) {
                self.entry(Rank::Address, source, entry);
            }
        }
        for place in [Some(place), place.wide()].into_iter().flatten() {
            self.challenges(Rank::Address, guard.places.get(&place));
        }
    }
}

/// What operators have set for a call.
#[derive(Default)]
struct Operators<'a> {
    is_allowed: bool,
    allows_user: bool,
    ban: Option<&'a Entry>,
    is_ahead: bool,
}

fn operators<'a>(guard: &'a Guard, ask: &Ask, now: Timestamp) -> Operators<'a> {
    let (mut allowed, mut banned) = (None::<u8>, None::<(u8, &Entry)>);
    let mut is_ahead = false;
    for (prefix, source, entry) in ask.ip.into_iter().flat_map(|ip| guard.bans.around(ip)) {
        is_ahead |= entry.from > now;
        match source {
            _ if entry.is_over(now) => {}
            Source::Allow => allowed = allowed.max(Some(prefix)),
            Source::Operator if banned.is_none_or(|(longest, _)| prefix > longest) => {
                banned = Some((prefix, entry));
            }
            _ => {}
        }
    }
    // The longest prefix wins, and allow at a tie.
    let by_address = allowed.is_some_and(|prefix| banned.is_none_or(|(longest, _)| prefix >= longest));
    let of = |who: Option<Who>| {
        let entry = |source| guard.bans.get(&(Target::Who(who?), source)).filter(|entry| !entry.is_over(now));
        [entry(Source::Allow), entry(Source::Operator)]
    };
    let [user_allowed, user_banned] = of(ask.user.map(Who::user));
    let [key_allowed, key_banned] = of(ask.key.map(Who::key));
    let mut of_subjects = [user_allowed, user_banned, key_allowed, key_banned].into_iter().flatten();
    let bans = [banned.map(|(_, entry)| entry), user_banned, key_banned].into_iter().flatten();
    Operators {
        is_allowed: by_address || key_allowed.is_some(),
        allows_user: user_allowed.is_some(),
        ban: bans.max_by_key(|entry| entry.left(now)),
        is_ahead: is_ahead || of_subjects.any(|entry| entry.from > now),
    }
}
