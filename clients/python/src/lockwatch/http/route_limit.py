"""A limit on one route, for what only the application knows: the user, the account."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias, TypedDict, cast

from ..aio import AsyncLockWatch
from ..client import LockWatch
from ..errors import ConfigurationError, LockWatchError
from ..failure_log import FailureLog
from ..flow import Client, Flow, FunctionFailedError, ask, check_client, execute
from ..limits import Limits, ParsedLimits, parse_limits
from ..ratelimit import DEFAULT_HEADERS, HeaderKind, RateLimitResult
from ..redis.connection import Command
from ..rules import read_options
from ..stats import Outcome
from .charging import CountWhen, Pending, charging_of
from .client_address import limited_address
from .counted import Counted
from .fallback import AskedLimit, FailureMode, Fallback, LimitDenial, on_failure_of
from .keys import ADDRESS, Keys, address_client, key_client, key_text
from .option_rules import ASYNC_ROUTE_LIMIT, ROUTE_LIMIT
from .policies import Cost
from .policy_name import policy_name
from .reply import SERVICE_UNAVAILABLE, Reply, denied_reply, rate_limit_exceeded
from .returned import returned_cost, returned_limits
from .state import LockWatchState, limit_headers

# Returns limits, or None for a request to which the limit does not apply.
LimitsFunction: TypeAlias = Callable[..., Any]


class RouteLimitOptions(TypedDict, total=False):
    """The options of `limit`."""

    key: Callable[..., Any]
    """Whom to limit.

    Without it, and if it returns ADDRESS or an empty text, the address is limited. If it returns
    None, the limit does not apply.
    """
    name: str
    """Part of the key and of the `RateLimit` header.

    Derived from the route's method and pattern unless given.
    """
    cost: Cost
    shadow: bool
    on_redis_failure: FailureMode
    local_share: float
    """The share of each limit that this process allows by itself with "local"."""
    local_limits: str
    """Limits that "local" uses in place of the others."""
    headers: HeaderKind | Iterable[HeaderKind]
    """Which headers describe the limit, if the request has passed no middleware."""
    on_denied: Callable[[RateLimitResult], Any]
    """Returns a Reply, or a dict, a text or a tuple as Flask takes it.

    May be asynchronous in FastAPI.
    """
    key_prefix: str
    skip_successful: bool
    """Gives a request's units back if the status of its response is below 400."""
    skip_failed: bool
    """Gives a request's units back if the status is 400 or above, or if the client left."""
    count_when: CountWhen
    """Counts a request after its response, if this function of the response returns true."""


def route_limit(
    lockwatch: object,
    limits: Limits | LimitsFunction | None,
    options: RouteLimitOptions,
    kind: type[LockWatch] | type[AsyncLockWatch],
) -> RouteLimit:
    """The limit of a framework's `limit`, which needs a client of a kind.

    Raises ConfigurationError.
    """
    client: Client = check_client(lockwatch, kind, 'limit(lw, "5/minute")')
    rules = ASYNC_ROUTE_LIMIT if kind is AsyncLockWatch else ROUTE_LIMIT
    checked = read_options({"limits": limits, **options}, rules, " of limit")
    return RouteLimit(client, checked.pop("limits"), cast("RouteLimitOptions", checked))


class RouteLimit:
    """A limit on one route, without a framework."""

    def __init__(self, lockwatch: Client, limits: Limits | LimitsFunction, options: RouteLimitOptions) -> None:
        """`options` are checked."""
        self._charging = charging_of(options, " of limit")
        self._lockwatch = lockwatch
        self._limits_of = limits if callable(limits) else None
        self._limits = None if callable(limits) else parse_limits(limits)
        self._key = options.get("key")
        self._name = options.get("name")
        self._cost = options.get("cost", 1)
        self._shadow = options.get("shadow", False)
        self._on_failure = on_failure_of(options, " of limit", self._limits)
        self._headers = cast("tuple[HeaderKind, ...]", options.get("headers", DEFAULT_HEADERS))
        self._on_denied = options.get("on_denied", rate_limit_exceeded)
        self._keys = Keys(options.get("key_prefix"), lockwatch.service)
        self._failures = FailureLog.of(lockwatch)
        self._fallback = Fallback(self._failures, lockwatch.counters, lockwatch.local)

    def admit(
        self,
        *key_arguments: object,
        state: LockWatchState | None,
        peer: str | None,
        counted: Counted,
        route: Callable[[], str],
        add_headers: Callable[[Mapping[str, str]], object],
        after_response: Callable[[Pending], object],
    ) -> Flow[RateLimitResult | Reply | None]:
        """The result, or the response to a request that ends here.

        None if Redis did not answer, or if the limit does not apply.

        `state` is None without the middleware. Then `add_headers` is called with the headers of a
        request that goes on, and `after_response` with what is to be done once the response has
        been sent. `route` returns the text that the name is derived from.
        """
        if state is not None and state.exempt:
            return None
        own_name, name = counted.name_of(
            lambda each: self._keys.limit("", f"limit:{each}"),
            self._name or policy_name(route()),
            self,
            given=self._name is not None,
        )
        asking = _Asking(name, f"limit:{own_name}", state, peer, route, add_headers, after_response)
        try:
            key = ADDRESS if self._key is None else (yield from ask("key", self._key, *key_arguments))
            if key is None:
                return None
            limits = self._limits
            if self._limits_of is not None:
                limits = returned_limits("limits", (yield from ask("limits", self._limits_of, *key_arguments)))
            if limits is None:
                return None
            cost = self._cost
            if callable(cost):
                cost = returned_cost((yield from ask("cost", cost, *key_arguments)))
        except FunctionFailedError as failed:
            return (yield from self._fail(asking, failed))
        client = key_client(key) or asking.address
        if state is not None:
            state.key_text = key_text(key) or state.key_text
        # Names of policies have no colon, so a route limit never counts into one of them.
        redis_key = self._keys.limit(client, asking.policy)
        command = self._charging.command(redis_key, limits, cost)
        outcome: RateLimitResult | Reply | None = yield from counted.once(
            redis_key, partial(self._ask, asking, command, limits, cost)
        )
        return outcome

    def _ask(
        self, asking: _Asking, command: Command[RateLimitResult], limits: ParsedLimits, cost: int
    ) -> Flow[RateLimitResult | Reply | None]:
        state, name = asking.state, asking.name
        try:
            limit = yield from execute(self._lockwatch, command)
        except LockWatchError as error:
            return (yield from self._fail(asking, error, str(command.key), limits, cost))
        self._failures.limit_answered()
        if self._lockwatch.local.is_active:
            self._lockwatch.local.answered((str(command.key),))
        if self._charging.corrects and (commands := self._charging.pending([(command, limit)], cost)):
            asking.after(Pending(self._charging, commands, self._lockwatch.corrections, self._failures))
        if state is not None:
            state.judge(limit, name, str(command.key), shadow=self._shadow)
        outcome: Outcome = "allowed" if limit.allowed else "shadow" if self._shadow else "denied"
        self._lockwatch.counters.answered(outcome, name, self._route(asking))
        kinds = self._headers if state is None else state.header_kinds
        if limit.allowed or self._shadow:
            if state is None:
                asking.add_headers(limit_headers(limit, name, kinds, shadow=self._shadow))
            return limit
        return (yield from self._deny(limit, limit.headers(name, kinds)))

    def _deny(self, limit: RateLimitResult, headers: Mapping[str, str]) -> Flow[Reply]:
        reply = denied_reply((yield partial(self._on_denied, limit))) or rate_limit_exceeded(limit)
        return Reply(reply.status, reply.body, {**headers, **reply.headers}, reply.cookies)

    def _fail(
        self,
        asking: _Asking,
        error: LockWatchError | FunctionFailedError,
        key: str | None = None,
        limits: ParsedLimits | None = None,
        cost: int | None = None,
    ) -> Flow[Reply | None]:
        """What happens without an answer. The address counts if the key is not known."""
        if key is None:
            key, limits = self._keys.limit(asking.address, asking.policy), self._limits
            cost = 1 if callable(self._cost) else self._cost
        asked = AskedLimit(asking.name, key, self._on_failure.numbers(limits))
        found = self._fallback.decide(
            self._on_failure,
            error,
            (asked,),
            cost or 1,
            shadow=self._shadow,
            policy=asking.name,
            route=self._route(asking),
        )
        if not isinstance(found, LimitDenial):
            return None if found else SERVICE_UNAVAILABLE
        if asking.state is not None:
            asking.state.judge_locally(found)
        return (yield from self._deny(found.result, found.result.headers(found.name, ())))

    def _route(self, asking: _Asking) -> str | None:
        """The template of the route, if somebody wants to know it and it is known."""
        if not self._lockwatch.counters.listened:
            return None
        try:
            return asking.route()
        except ConfigurationError:
            return None


@dataclass(frozen=True, slots=True)
class _Asking:
    """A limit that is evaluated for a request."""

    name: str
    """In headers and counters."""
    policy: str
    """In the key."""
    state: LockWatchState | None
    peer: str | None
    route: Callable[[], str]
    add_headers: Callable[[Mapping[str, str]], object]
    after_response: Callable[[Pending], object]

    @property
    def address(self) -> str:
        """The client that the address counts as."""
        if self.state is not None and self.state.network is not None:
            return self.state.network
        return address_client(limited_address(self.state, self.peer))

    @property
    def after(self) -> Callable[[Pending], object]:
        """Where to put a function that is to be called after the response."""
        return self.after_response if self.state is None else self.state.pending.append
