"""Limits that the application places itself, for what only it knows: who has signed in, which account pays.

`lw.limit("5/minute", key=…)` is a decorator in Flask and a dependency in FastAPI; this is what they share.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypedDict

from . import replies
from .commands import limiter_call
from .errors import LockWatchError, ModuleMissing, RedisAway
from .limits import Limits, LimitsLike, limits_of
from .link import Call, Reply
from .middleware.address import client_key, peer_address
from .middleware.answers import Answer, away, denied
from .middleware.complaints import Complaints
from .middleware.identity import of_key
from .middleware.patterns import name_of
from .middleware.policy import OnFailure, check_cost, check_mode, check_name, check_prefix
from .middleware.state import State
from .results import RateLimit


class Placement(TypedDict, total=False):
    """The options of `lw.limit`."""

    key: Callable[..., Any]
    """Whose call it is, as a text; without, and where it says None, the address. FastAPI's is given the request."""
    name: str
    """What the limit is called in keys and headers; made of the route's method and pattern unless given."""
    cost: int
    on_redis_failure: OnFailure
    on_denied: Callable[[RateLimit], Answer]
    key_prefix: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """The request ends here."""

    answer: Answer


class PlacedLimit:
    """The decisions, without any input or output."""

    def __init__(
        self,
        limits: LimitsLike,
        *,
        key: Callable[..., Any] | None = None,
        name: str | None = None,
        cost: int = 1,
        on_redis_failure: OnFailure = "allow",
        on_denied: Callable[[RateLimit], Answer] = denied,
        key_prefix: str = "lw",
    ) -> None:
        check_mode(on_redis_failure)
        check_cost(cost)
        check_prefix(key_prefix)
        if name is not None:
            check_name("the limit", name)
        self.key = key
        self._limits: Limits = limits_of(limits)
        self._name = name
        self._cost = cost
        self._on_failure = on_redis_failure
        self._on_denied = on_denied
        self._prefix = key_prefix
        self._complaints = Complaints(10.0)

    def name_for(self, method: str, route: str) -> str:
        """What the limit is called on a route. HEAD is what GET is."""
        return self._name or name_of(f"{'GET' if method == 'HEAD' else method} {route}")

    def call(self, key: object, state: State | None, peer: str | None, name: str) -> Call:
        """What is asked for a request."""
        client = of_key(key)
        if client is None:
            address = peer if state is None else state.address
            client = client_key(peer_address(address) if address else None)
        return limiter_call("LW.RATELIMIT", f"{self._prefix}:{{{client}}}:limit:{name}", self._limits, self._cost)

    def judge(self, reply: Reply, state: State | None, name: str) -> RateLimit | Refusal | None:
        """The verdict; a refusal; or None, where Redis did not say and the request goes on all the same."""
        if isinstance(reply, LockWatchError):
            return self._fail(reply)
        try:
            verdict = replies.rate_limit(reply, self._limits, name)
        except ModuleMissing as error:
            return self._fail(error)
        if state is not None:
            # The middleware sets its headers from what is said last.
            state.rate_limit = verdict
            if not verdict:
                state.limited, state.shadow = True, False
        if verdict:
            return verdict
        answer = self._on_denied(verdict)
        return Refusal(Answer(answer.status, answer.body, {**verdict.headers(), **answer.headers}))

    def _fail(self, error: LockWatchError) -> Refusal | None:
        reason = error.reason if isinstance(error, RedisAway) else error.code
        goes_on = self._on_failure == "allow"
        done = "requests are let through without a limit" if goes_on else "requests are answered 503"
        self._complaints.about(reason, f"{done}: {error}")
        return None if goes_on else Refusal(away())
