"""The commands: their arguments in order, and what their replies become. Both clients are made of these."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Generic, TypeAlias, TypeVar

from . import replies
from .duration import Duration, argument
from .errors import ConfigurationError
from .limits import Limits, LimitsLike, limits_of
from .link import Arg, Call
from .results import AuditEvent, Burst, RateLimit
from .tokens import Claims, Introspection, Session, TokenPair

T = TypeVar("T")
Key: TypeAlias = str | bytes
Text: TypeAlias = str | bytes
# Anything that JSON can say.
Json: TypeAlias = Any


@dataclass(frozen=True, slots=True)
class Command(Generic[T]):
    """A call and how to read its reply."""

    call: Call
    read: Callable[[Any], T]
    patient: bool = False
    """Whether the server may take its time over it: it asks Postgres, makes a key, or goes through many sessions.

    So is what no limit depends on: it must not open the breaker that limits are behind.
    """

    def value(self, reply: Any) -> T:  # noqa: ANN401  # a reply is anything
        """What a reply says. Raises ModuleMissing for one of another shape."""
        try:
            return self.read(reply)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise replies.misshapen() from error


def ratelimit(key: Key, limits: LimitsLike | int, window: Duration | None, cost: int) -> Command[RateLimit]:
    """LW.RATELIMIT key limit window [limit window ...] [COST n]."""
    return _limiter("LW.RATELIMIT", key, limits, window, cost)


def peek(key: Key, limits: LimitsLike | int, window: Duration | None, cost: int) -> Command[RateLimit]:
    """LW.PEEK, with the arguments of LW.RATELIMIT."""
    return _limiter("LW.PEEK", key, limits, window, cost)


def _limiter(name: str, key: Key, limits: LimitsLike | int, window: Duration | None, cost: int) -> Command[RateLimit]:
    if isinstance(limits, int):
        if window is None:
            raise ConfigurationError(f"the limit {limits} has no window: (key, 100, 60) or (key, '100/minute')")
        limits = (limits, window)
    pairs = limits_of(limits)
    return Command(limiter_call(name, key, pairs, cost), lambda reply: replies.rate_limit(reply, pairs))


def limiter_call(name: str, key: Key, limits: Limits, cost: int) -> Call:
    """The call of LW.RATELIMIT or LW.PEEK."""
    words: tuple[Arg, ...] = (name, key, *_pairs(limits))
    return Call(words if cost == 1 else (*words, "COST", str(cost)), key)


@lru_cache(maxsize=1024)
def _pairs(limits: Limits) -> tuple[str, ...]:
    return tuple(word for pair in limits for word in (str(pair.limit), pair.window_text))


def burst(
    key: Key,
    threshold: int,
    window: Duration,
    *,
    cooldown: Duration | None,
    ip: str | None,
    endpoint: Text | None,
    method: str | None,
    agent: Text | None,
) -> Command[Burst]:
    """LW.BURST key threshold window [COOLDOWN d] [IP ip] [ENDPOINT path] [METHOD m] [AGENT ua]."""
    args: list[Arg] = ["LW.BURST", key, str(threshold), argument(window)]
    if cooldown is not None:
        args += ("COOLDOWN", argument(cooldown))
    _options(args, ("IP", ip), ("ENDPOINT", endpoint), ("METHOD", method), ("AGENT", agent))
    return Command(Call(tuple(args), key), replies.burst)


def alert(kind: str, data: Json, dedup: Text | None, cooldown: Duration | None) -> Command[str | None]:
    """LW.ALERT type json [DEDUP text COOLDOWN d]."""
    args: list[Arg] = ["LW.ALERT", kind, _json(data)]
    _options(args, ("DEDUP", dedup), ("COOLDOWN", None if cooldown is None else argument(cooldown)))
    return Command(Call(tuple(args)), replies.optional_text)


def audit(
    *,
    kind: str | None = None,
    user: Text | None = None,
    ip: str | None = None,
    method: str | None = None,
    endpoint: Text | None = None,
    status: int | None = None,
    limited: bool = False,
    anomaly: bool = False,
    latency: timedelta | float | None = None,
    time: datetime | None = None,
    data: Json = None,
) -> Command[str]:
    """LW.AUDIT with the fields that are given."""
    args: list[Arg] = ["LW.AUDIT"]
    _options(args, ("KIND", kind), ("USER", user), ("IP", ip), ("METHOD", method), ("ENDPOINT", endpoint))
    _options(args, ("STATUS", None if status is None else str(status)))
    if limited:
        args.append("LIMITED")
    if anomaly:
        args.append("ANOMALY")
    if latency is not None:
        spent = latency.total_seconds() if isinstance(latency, timedelta) else latency
        args += ("LATENCY", f"{spent * 1000:.3f}ms")
    _options(args, ("TIME", _unix_ms(time)), ("DATA", None if data is None else _json(data)))
    return Command(Call(tuple(args)), replies.text)


def audit_log(
    *,
    kind: str | None,
    user: Text | None,
    ip: str | None,
    endpoint: Text | None,
    since: datetime | None,
    until: datetime | None,
    limited: bool,
    anomaly: bool,
    count: int | None,
    before: str | None,
) -> Command[list[AuditEvent]]:
    """LW.AUDITLOG QUERY with the filters that are given."""
    args: list[Arg] = ["LW.AUDITLOG", "QUERY"]
    _options(args, ("KIND", kind), ("USER", user), ("IP", ip), ("ENDPOINT", endpoint))
    _options(args, ("FROM", _unix_ms(since)), ("TO", _unix_ms(until)))
    if limited:
        args.append("LIMITED")
    if anomaly:
        args.append("ANOMALY")
    _options(args, ("COUNT", None if count is None else str(count)), ("BEFORE", before))
    return Command(Call(tuple(args)), replies.audit_events, patient=True)


def issue(
    store: Key,
    subject: str,
    *,
    claims: Mapping[str, Json] | None,
    audience: str | None,
    access_ttl: Duration | None,
    refresh_ttl: Duration | None,
    meta: Json,
) -> Command[TokenPair]:
    """LW.ISSUE key subject [CLAIMS json] [AUDIENCE aud] [ACCESSTTL d] [REFRESHTTL d] [META json]."""
    args: list[Arg] = ["LW.ISSUE", store, subject]
    _options(args, ("CLAIMS", None if claims is None else _json(claims)), ("AUDIENCE", audience))
    _options(args, ("ACCESSTTL", _ttl(access_ttl)), ("REFRESHTTL", _ttl(refresh_ttl)))
    _options(args, ("META", None if meta is None else _json(meta)))
    return Command(Call(tuple(args), store), replies.token_pair, patient=True)


def rotate(store: Key, refresh_token: str, meta: Json) -> Command[TokenPair]:
    """LW.ROTATE key refresh_token [META json]."""
    args: list[Arg] = ["LW.ROTATE", store, refresh_token]
    _options(args, ("META", None if meta is None else _json(meta)))
    return Command(Call(tuple(args), store), replies.token_pair, patient=True)


def verify(store: Key, access_token: str, audience: str | None) -> Command[Claims]:
    """LW.VERIFY key access_token [AUDIENCE aud]."""
    args: list[Arg] = ["LW.VERIFY", store, access_token]
    _options(args, ("AUDIENCE", audience))
    return Command(Call(tuple(args), store), replies.claims)


def introspect(store: Key, token: str) -> Command[Introspection]:
    """LW.INTROSPECT key token."""
    return Command(Call(("LW.INTROSPECT", store, token), store), replies.introspection, patient=True)


def revoke(
    store: Key, *, token: str | None, session: str | None, subject: str | None, keep: str | None
) -> Command[int]:
    """LW.REVOKE key TOKEN token | SESSION id | SUBJECT subject [EXCEPT id]."""
    if sum(choice is not None for choice in (token, session, subject)) != 1:
        raise ConfigurationError("revoke takes one of token=, session=, subject=")
    if keep is not None and subject is None:
        raise ConfigurationError("revoke takes keep= with subject= only")
    args: list[Arg] = ["LW.REVOKE", store]
    _options(args, ("TOKEN", token), ("SESSION", session), ("SUBJECT", subject), ("EXCEPT", keep))
    return Command(Call(tuple(args), store), int, patient=True)


def revoke_all(store: Key) -> Command[int]:
    """LW.REVOKEALL key."""
    return Command(Call(("LW.REVOKEALL", store), store), int, patient=True)


def sessions(store: Key, subject: str) -> Command[list[Session]]:
    """LW.SESSIONS key subject."""
    return Command(Call(("LW.SESSIONS", store, subject), store), replies.sessions, patient=True)


def jwks() -> Command[dict[str, Any]]:
    """LW.JWKS."""
    return Command(Call(("LW.JWKS",)), json.loads, patient=True)


def _options(args: list[Arg], *options: tuple[str, Arg | None]) -> None:
    for word, value in options:
        if value is not None:
            args += (word, value)


def _json(value: Json) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _unix_ms(time: datetime | None) -> str | None:
    return None if time is None else str(round(time.timestamp() * 1000))


def _ttl(ttl: Duration | None) -> str | None:
    # No token lives for ever, and 0 asks for no refresh token at all: it is not a duration.
    return None if ttl is None else "0" if ttl == 0 else argument(ttl)
