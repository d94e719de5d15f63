"""A limit on one route, for what only the application knows: the user, the account."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias, TypedDict

from ..aio import AsyncLockWatch
from ..client import LockWatch
from ..errors import LockWatchError
from ..failure_log import FailureLog
from ..flow import Client, Flow, FunctionFailedError, ask, check_client, execute
from ..limits import Limits, parse_limits
from ..ratelimit import RateLimitResult
from ..redis.connection import Command
from ..rules import read_options
from .charging import CountWhen, Pending, charging_of
from .client_address import limited_address
from .counted import Counted
from .keys import ADDRESS, Keys, address_client, key_client, key_text
from .option_rules import ASYNC_ROUTE_LIMIT, ROUTE_LIMIT
from .policies import Cost, FailureMode
from .policy_name import policy_name
from .rate_limiter import log_failure, log_function_failure
from .reply import Reply, denied_reply, rate_limit_exceeded
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
    return RouteLimit(client, **read_options({"limits": limits, **options}, rules, " of limit"))


class RouteLimit:
    """A limit on one route, without a framework."""

    def __init__(
        self,
        lockwatch: Client,
        limits: Limits | LimitsFunction,
        *,
        key: Callable[..., Any] | None = None,
        name: str | None = None,
        cost: Cost = 1,
        shadow: bool = False,
        on_redis_failure: FailureMode = "allow",
        on_denied: Callable[[RateLimitResult], Any] = rate_limit_exceeded,
        key_prefix: str | None = None,
        skip_successful: bool = False,
        skip_failed: bool = False,
        count_when: CountWhen | None = None,
    ) -> None:
        charging = {"skip_successful": skip_successful, "skip_failed": skip_failed, "count_when": count_when}
        self._charging = charging_of(charging, " of limit")
        self._lockwatch = lockwatch
        self._limits_of = limits if callable(limits) else None
        self._limits = None if callable(limits) else parse_limits(limits)
        self._key = key
        self._name = name
        self._cost = cost
        self._shadow = shadow
        self._goes_on = shadow or on_redis_failure == "allow"
        self._on_denied = on_denied
        self._keys = Keys(key_prefix, lockwatch.service)
        self._failures = FailureLog.of(lockwatch)

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
        own_name, name = counted.name_of(
            lambda each: self._keys.limit("", f"limit:{each}"),
            self._name or policy_name(route()),
            self,
            given=self._name is not None,
        )
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
            return log_function_failure(self._failures, failed, goes_on=self._goes_on)
        client = key_client(key) or address_client(limited_address(state, peer))
        if state is not None:
            state.key_text = key_text(key) or state.key_text
        # Names of policies have no colon, so a route limit never counts into one of them.
        redis_key = self._keys.limit(client, f"limit:{own_name}")
        command = self._charging.command(redis_key, limits, cost)
        after = after_response if state is None else state.pending.append
        outcome: RateLimitResult | Reply | None = yield from counted.once(
            redis_key, partial(self._ask, command, name, state, add_headers, cost=cost, after=after)
        )
        return outcome

    def _ask(
        self,
        command: Command[RateLimitResult],
        name: str,
        state: LockWatchState | None,
        add_headers: Callable[[Mapping[str, str]], object],
        *,
        cost: int,
        after: Callable[[Pending], object],
    ) -> Flow[RateLimitResult | Reply | None]:
        try:
            limit = yield from execute(self._lockwatch, command)
        except LockWatchError as error:
            return log_failure(self._failures, error.code.lower(), error, goes_on=self._goes_on)
        self._failures.limit_answered()
        if self._charging.corrects and (commands := self._charging.pending([(command, limit)], cost)):
            after(Pending(self._charging, commands, self._lockwatch.corrections, self._failures))
        if state is not None:
            state.judge(limit, name, str(command.key), shadow=self._shadow)
        if limit.allowed or self._shadow:
            if state is None:
                add_headers(limit_headers(limit, name, shadow=self._shadow))
            return limit
        reply = denied_reply((yield partial(self._on_denied, limit))) or rate_limit_exceeded(limit)
        return Reply(reply.status, reply.body, {**limit.headers(name), **reply.headers}, reply.cookies)
