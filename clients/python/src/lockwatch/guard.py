"""LW.ATTEMPT, LW.EVENT and LW.CHECK: whether a guard lets a client go on, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, TypeAlias

from .duration import seconds_rounded_up
from .guard_user import user_argument
from .redis.connection import Arg, Command, Key
from .redis.records import integer, option, optional_text

Verdict: TypeAlias = Literal["allow", "challenge", "deny"]

# In the order of their numbers in replies.
VERDICTS: tuple[Verdict, ...] = ("allow", "challenge", "deny")


@dataclass(frozen=True, slots=True)
class GuardResult:
    """True if the client may go on without a challenge."""

    verdict: Verdict
    retry_after_ms: int
    """How long the client stays denied. 0 unless it is denied."""
    rule: str | None
    """The rule that decided; `operator` for a ban by LW.BAN, None if all is well."""
    strikes: int
    """Earlier bans that made this one longer."""
    would: Verdict
    """What the verdict would be if the rules that only observe were enforced."""
    alerted: bool
    """Whether this call raised an alert."""
    failure: str | None = None
    """Why Redis did not answer (`timeout`, `connection`), so that nothing was judged."""

    def __bool__(self) -> bool:
        """Whether the client may go on without a challenge."""
        return self.verdict == "allow"

    @property
    def challenged(self) -> bool:
        """Whether the client may go on once it has passed a challenge."""
        return self.verdict == "challenge"

    @property
    def denied(self) -> bool:
        """Whether the client may not go on."""
        return self.verdict == "deny"

    @property
    def retry_after(self) -> timedelta:
        """`retry_after_ms` as a timedelta."""
        return timedelta(milliseconds=self.retry_after_ms)

    @property
    def retry_after_seconds(self) -> int | None:
        """Whole seconds, at least one; None unless the client is denied."""
        return max(1, seconds_rounded_up(self.retry_after_ms)) if self.denied else None


def unanswered(failure: str) -> GuardResult:
    """The result of a call that goes on although Redis did not answer."""
    return GuardResult("allow", 0, None, 0, "allow", alerted=False, failure=failure)


def attempt(
    key: Key,
    *,
    ip: str | None = None,
    user: Arg | int | None = None,
    device: Arg | None = None,
    value: Arg | None = None,
    solved: bool = False,
    normalize: bool = True,
) -> Command[GuardResult]:
    """Judges a login before its password is checked, and charges the rules that count attempts.

    At least one of `ip` and `user` is needed. `value` is a short keyed digest of the password, and
    `solved` says that the client has passed a challenge. A user's name is normalised unless
    `normalize` is False.
    """
    args = (
        *("LW.ATTEMPT", key),
        *option("IP", ip),
        *option("USER", user_argument(user, normalize=normalize)),
        *option("DEVICE", device),
        *option("VALUE", value),
        *(("SOLVED",) if solved else ()),
    )
    return Command(args, read_guard, key)


def event(
    key: Key,
    kind: str,
    *,
    ip: str | None = None,
    user: Arg | int | None = None,
    free_key: Arg | None = None,
    value: Arg | None = None,
    device: Arg | None = None,
    normalize: bool = True,
) -> Command[GuardResult]:
    """Reports what happened, and returns what holds for the client from now on.

    Of a login `kind` is `success`, `password`, `failure`, `unknown`, `mfa` or `reset`. Other kinds
    are the application's own: `404`, `scraped`. `free_key` is the subject of rules of the scope
    `key`. Never sent twice, since a second event would count.
    """
    args = (
        *("LW.EVENT", key, kind),
        *option("IP", ip),
        *option("USER", user_argument(user, normalize=normalize)),
        *option("KEY", free_key),
        *option("VALUE", value),
        *option("DEVICE", device),
    )
    return Command(args, read_guard, key)


def check(
    key: Key,
    *,
    ip: str | None = None,
    user: Arg | int | None = None,
    free_key: Arg | None = None,
    device: Arg | None = None,
    normalize: bool = True,
) -> Command[GuardResult]:
    """What holds for a client at present. Counts nothing."""
    args = (
        *("LW.CHECK", key),
        *option("IP", ip),
        *option("USER", user_argument(user, normalize=normalize)),
        *option("KEY", free_key),
        *option("DEVICE", device),
    )
    return Command(args, read_guard, key)


def _verdict(reply: Any) -> Verdict:  # noqa: ANN401  # a reply is anything
    number = integer(reply)
    if number < 0:
        raise IndexError("no verdict has a negative number")
    return VERDICTS[number]


def read_guard(reply: Any) -> GuardResult:  # noqa: ANN401  # a reply is anything
    """Reads the six values that a guard answers."""
    verdict, retry_after, rule, strikes, would, alerted = reply
    return GuardResult(
        verdict=_verdict(verdict),
        retry_after_ms=integer(retry_after),
        rule=optional_text(rule),
        strikes=integer(strikes),
        would=_verdict(would),
        alerted=integer(alerted) == 1,
    )
