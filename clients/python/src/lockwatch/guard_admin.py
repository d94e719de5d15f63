"""LW.BAN, LW.ALLOW, LW.LIFT, LW.BANS, LW.WHY and LW.RULES: guards for operators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias, TypeVar

from .duration import Duration, argument
from .errors import ConfigurationError
from .guard import VERDICTS, Verdict
from .guard_user import user_argument
from .redis.connection import Arg, Command, Key
from .redis.records import integer, option, optional_text, record, records, text, timestamp

Word = TypeVar("Word", bound=str)
EntrySource: TypeAlias = Literal["rule", "operator", "allow", "observed"]


@dataclass(frozen=True, slots=True)
class GuardEntry:
    """A ban, an allow entry, or what a rule that only observes would have banned."""

    subject: str
    """An address, a network (CIDR), or a user, a pair or a key with its hash."""
    hash: str | None
    """The user or the key as 16 hexadecimal digits, which `lift` and `why` take as `user_hash`."""
    source: EntrySource
    rule: str | None
    """The rule that banned; None for an operator's entry."""
    verdict: Verdict
    """What it means: a ban may be weakened to a challenge."""
    began_at: datetime
    ends_at: datetime
    strikes: int
    """Earlier bans that made this one longer."""
    count: int
    """The number of the rule that was exceeded, within `window_ms`."""
    window_ms: int
    reason: str | None
    by: str | None
    """Who did it, as the call said."""
    acl_user: str | None
    """The ACL user of the call."""
    cursor: str | None = None
    """What `bans` takes as `after`."""


@dataclass(frozen=True, slots=True)
class GuardChallenge:
    """A challenge that a rule has set."""

    subject: str
    rule: str
    verdict: Verdict
    """`deny` once a pair has exceeded the rule although it passed the challenge."""
    began_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class GuardCount:
    """What a rule has counted for a subject."""

    subject: str
    rule: str
    units: int
    """At present. The rule decides when they exceed `count`."""
    count: int
    window_ms: int
    strikes: int
    quiet_until: datetime | None
    """Until when the rule decides nothing more for this subject."""


@dataclass(frozen=True, slots=True)
class GuardReport:
    """What a guard knows of a subject."""

    subject: str | None
    """None if the guard holds nothing yet."""
    hash: str | None
    verdict: Verdict
    rule: str | None
    retry_after_ms: int
    would: Verdict
    known_networks: int
    """How many networks and devices of the user are known."""
    known_devices: int
    entries: tuple[GuardEntry, ...]
    challenges: tuple[GuardChallenge, ...]
    counts: tuple[GuardCount, ...]


def ban(
    key: Key,
    duration: Duration,
    *,
    ip: str | None = None,
    user: Arg | int | None = None,
    free_key: Arg | None = None,
    reason: Arg | None = None,
    by: Arg | None = None,
    normalize: bool = True,
) -> Command[datetime]:
    """Bans an address, a network (CIDR), a user or a key. Returns the end of the ban.

    `by` says in the alert and in the audit log who did it.
    """
    subject = _subject("ban", ip=ip, user=user, free_key=free_key, normalize=normalize)
    return _entry(("LW.BAN", key, *subject), duration, reason, by)


def allow(
    key: Key,
    duration: Duration,
    *,
    ip: str | None = None,
    user: Arg | int | None = None,
    free_key: Arg | None = None,
    reason: Arg | None = None,
    by: Arg | None = None,
    normalize: bool = True,
) -> Command[datetime]:
    """Lets an address, a network (CIDR), a user or a key pass. Returns the end of the entry.

    A user can be allowed for seven days at most, and bans of addresses hold for that user still.
    """
    subject = _subject("allow", ip=ip, user=user, free_key=free_key, normalize=normalize)
    return _entry(("LW.ALLOW", key, *subject), duration, reason, by)


def lift(
    key: Key,
    *,
    ip: str | None = None,
    user: Arg | int | None = None,
    free_key: Arg | None = None,
    user_hash: str | None = None,
    everything: bool = False,
    forget: bool = False,
    allowed: bool = False,
    by: Arg | None = None,
    normalize: bool = True,
) -> Command[int]:
    """Ends the bans and challenges of a subject. Returns how many ended.

    `ip` and `user` together are the pair. `user_hash` is the `hash` of an entry. `forget` drops
    counts, strikes and known networks and devices as well, `allowed` ends allow entries too.
    """
    if everything and (ip, user, free_key, user_hash) != (None, None, None, None):
        raise ConfigurationError("lift takes everything=True alone, without a subject")
    subject = ("ALL",) if everything else _any_subject("lift", ip, user, free_key, user_hash, normalize=normalize)
    words = (*(("FORGET",) if forget else ()), *(("ALLOWED",) if allowed else ()))
    return Command(("LW.LIFT", key, *subject, *words, *option("BY", by)), integer, key)


def bans(
    key: Key,
    *,
    allowed: bool = False,
    observed: bool = False,
    count: int | None = None,
    after: Arg | None = None,
) -> Command[list[GuardEntry]]:
    """The bans of a guard; or its allow entries; or what rules that only observe would have banned.

    Pass the `cursor` of the last entry as `after` to get the next page. An empty page is the end.
    """
    if allowed and observed:
        raise ConfigurationError("bans takes one of allowed=True, observed=True")
    args = (
        *("LW.BANS", key),
        *(("ALLOWED",) if allowed else ()),
        *(("OBSERVED",) if observed else ()),
        *option("COUNT", None if count is None else str(count)),
        *option("AFTER", after),
    )
    return Command(args, _read_bans, key)


def why(
    key: Key,
    *,
    ip: str | None = None,
    user: Arg | int | None = None,
    free_key: Arg | None = None,
    user_hash: str | None = None,
    normalize: bool = True,
) -> Command[GuardReport]:
    """What a guard knows of a subject, and why it decides as it does. Changes nothing.

    `ip` and `user` together are the pair.
    """
    subject = _any_subject("why", ip, user, free_key, user_hash, normalize=normalize)
    return Command(("LW.WHY", key, *subject), _read_why, key)


def rules(name: str | None = None) -> Command[list[str]]:
    """The rules of all guards, or of one, as lines of a rules file."""
    return Command(("LW.RULES", *(() if name is None else (name,))), _read_rules)


def _entry(words: tuple[Arg, ...], duration: Duration, reason: Arg | None, by: Arg | None) -> Command[datetime]:
    args = (*words, "FOR", argument(duration), *option("REASON", reason), *option("BY", by))
    return Command(args, timestamp, words[1])


def _subject(
    method: str, *, ip: str | None, user: Arg | int | None, free_key: Arg | None, normalize: bool
) -> tuple[Arg, ...]:
    words = (
        *option("IP", ip),
        *option("USER", user_argument(user, normalize=normalize)),
        *option("KEY", free_key),
    )
    if len(words) != 2:
        raise ConfigurationError(f"{method} takes one of ip=, user=, free_key=")
    return words


def _any_subject(
    method: str,
    ip: str | None,
    user: Arg | int | None,
    free_key: Arg | None,
    user_hash: str | None,
    *,
    normalize: bool,
) -> tuple[Arg, ...]:
    if ip is not None and user is not None and free_key is None and user_hash is None:
        name = user_argument(user, normalize=normalize)
        return ("IP", ip, *option("USER", name))
    if user_hash is None:
        return _subject(method, ip=ip, user=user, free_key=free_key, normalize=normalize)
    if (ip, user, free_key) != (None, None, None):
        raise ConfigurationError(f"{method} takes user_hash= alone")
    return ("HASH", user_hash)


def _read_bans(reply: Any) -> list[GuardEntry]:  # noqa: ANN401  # a reply is anything
    return [_read_entry(each) for each in records(reply)]


def _read_entry(found: Mapping[str, Any]) -> GuardEntry:
    return GuardEntry(
        subject=text(found["subject"]),
        hash=optional_text(found["hash"]),
        source=_word(found["source"], ("rule", "operator", "allow", "observed")),
        rule=optional_text(found["rule"]),
        verdict=_word(found["verdict"], VERDICTS),
        began_at=timestamp(found["from_ms"]),
        ends_at=timestamp(found["until_ms"]),
        strikes=integer(found["strikes"]),
        count=integer(found["count"]),
        window_ms=integer(found["window_ms"]),
        reason=optional_text(found["reason"]),
        by=optional_text(found["by"]),
        acl_user=optional_text(found["acl_user"]),
        cursor=optional_text(found.get("cursor")),
    )


def _read_why(reply: Any) -> GuardReport:  # noqa: ANN401
    found = record(reply)
    return GuardReport(
        subject=optional_text(found["subject"]),
        hash=optional_text(found["hash"]),
        verdict=_word(found["verdict"], VERDICTS),
        rule=optional_text(found["rule"]),
        retry_after_ms=integer(found["retry_after_ms"]),
        would=_word(found["would"], VERDICTS),
        known_networks=integer(found["known_networks"]),
        known_devices=integer(found["known_devices"]),
        entries=tuple(_read_entry(each) for each in records(found["entries"])),
        challenges=tuple(_read_challenge(each) for each in records(found["challenges"])),
        counts=tuple(_read_count(each) for each in records(found["counts"])),
    )


def _read_challenge(found: Mapping[str, Any]) -> GuardChallenge:
    return GuardChallenge(
        subject=text(found["subject"]),
        rule=text(found["rule"]),
        verdict=_word(found["verdict"], VERDICTS),
        began_at=timestamp(found["from_ms"]),
        ends_at=timestamp(found["until_ms"]),
    )


def _read_count(found: Mapping[str, Any]) -> GuardCount:
    quiet_until = integer(found["quiet_until_ms"])
    return GuardCount(
        subject=text(found["subject"]),
        rule=text(found["rule"]),
        units=integer(found["units"]),
        count=integer(found["count"]),
        window_ms=integer(found["window_ms"]),
        strikes=integer(found["strikes"]),
        quiet_until=timestamp(quiet_until) if quiet_until else None,
    )


def _read_rules(reply: Any) -> list[str]:  # noqa: ANN401
    if not isinstance(reply, (list, tuple)):
        raise ValueError("the reply is no array of lines")  # noqa: TRY004  # read by Command.parse
    return [text(line) for line in reply]


def _word(value: Any, words: tuple[Word, ...]) -> Word:  # noqa: ANN401
    """One of some words. Raises ValueError for another."""
    return words[words.index(text(value))]
