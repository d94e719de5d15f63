"""LW.BAN, LW.ALLOW, LW.LIFT, LW.BANS, LW.WHY and LW.RULES: guards for operators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .duration import Duration, argument
from .errors import ConfigurationError
from .guard_user import user_argument
from .redis.connection import Arg, Command, Key
from .redis.records import integer, option, record, records, text, timestamp


@dataclass(frozen=True, slots=True)
class GuardEntry:
    """A ban, a challenge or an allow entry of a guard."""

    subject: str
    """An address, a network, a key, or a user as 16 hexadecimal digits that `user_hash` accepts."""
    rule: str | None
    """The rule that decided; `operator` for an entry by LW.BAN or LW.ALLOW."""
    ends_at: datetime | None
    details: Mapping[str, Any] = field(default_factory=dict)
    """Everything that the server tells, by its names."""


@dataclass(frozen=True, slots=True)
class GuardReport:
    """What a guard knows of a subject."""

    verdict: str
    details: Mapping[str, Any] = field(default_factory=dict)
    """Everything that the server tells, by its names."""


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

    `ip` and `user` together are the pair. `user_hash` is a user as `bans` shows it. `forget` drops
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
    """The bans and challenges of a guard; or its allow entries; or what rules only observe.

    For the next page pass the cursor of the last entry, `details["cursor"]`, as `after`. An empty
    page is the end.
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
    entries = []
    for each in records(reply):
        told = {name: _plain(value) for name, value in each.items()}
        ends = told.get("ends_ms")
        entries.append(
            GuardEntry(
                subject=told["subject"],
                rule=told.get("rule"),
                ends_at=timestamp(ends) if isinstance(ends, int) and ends > 0 else None,
                details=told,
            )
        )
    return entries


def _read_why(reply: Any) -> GuardReport:  # noqa: ANN401
    told = {name: _plain(value) for name, value in record(reply).items()}
    return GuardReport(told["verdict"], told)


def _read_rules(reply: Any) -> list[str]:  # noqa: ANN401
    return [text(line) for line in reply]


def _plain(value: Any) -> Any:  # noqa: ANN401
    return text(value) if isinstance(value, bytes) else value
