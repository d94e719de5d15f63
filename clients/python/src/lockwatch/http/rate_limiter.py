"""Asks Redis about a request, and judges the replies."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from .. import burst
from ..errors import LockWatchError, NoPolicyError, UnavailableError
from ..failure_log import FailureLog
from ..flow import Flow, FunctionFailedError, ask
from ..guard import GuardResult
from ..limits import ParsedLimits, address_limits
from ..notices import say_once
from ..ratelimit import RateLimitResult
from ..redis.connection import Arg, Command
from ..redis.records import option, text
from .charging import Charging, Corrections, Pending
from .keys import address_client, credential_client, key_client, key_text
from .options import Settings
from .policies import Policy
from .reply import SERVICE_UNAVAILABLE, Reply, denied_reply, rate_limit_exceeded
from .request import HttpRequest
from .returned import returned_cost, returned_limits
from .site_guard import SiteGuard
from .state import LockWatchState

Send: TypeAlias = Callable[[Sequence[Command[Any]]], "list[Any] | Awaitable[list[Any]]"]


@dataclass(slots=True)
class RoundTrip:
    """The commands for a request: one for each limit, then maybe LW.BURST, then maybe LW.CHECK."""

    policy: Policy
    state: LockWatchState
    limits: tuple[tuple[str, Command[RateLimitResult]], ...]
    burst: Command[burst.BurstResult] | None
    cost: int
    check: Command[GuardResult] | None = None

    @property
    def commands(self) -> tuple[Command[Any], ...]:
        """The commands in their order."""
        limits = tuple(command for _, command in self.limits)
        return (*limits, *(each for each in (self.burst, self.check) if each is not None))


class RateLimiter:
    """Decides about requests. It does no input or output itself."""

    def __init__(
        self,
        settings: Settings,
        failures: FailureLog,
        corrections: Corrections | None = None,
        guard: SiteGuard | None = None,
    ) -> None:
        """`corrections` is needed only if a policy has something to do after the response."""
        self._settings = settings
        self._guard = guard
        self._corrections = corrections
        self._failures = failures

    def admit(
        self, request: HttpRequest, policy: Policy, send: Send, outer: LockWatchState | None = None
    ) -> Flow[tuple[LockWatchState, Reply | None]]:
        """The state of a request, and the response if it does not go on to the application.

        `outer` is the state of a middleware that the request has passed. The two share it.
        """
        # A middleware that a request reaches twice counts once under each policy.
        if outer is not None and not outer.counted.enters(self, policy.name):
            return outer, None
        try:
            return (yield from self._admit(request, policy, send, outer))
        except FunctionFailedError as failed:
            state = outer or _state(request, policy, address_client(request.address))
            state.failure = failed.error.code.lower()
            goes_on = policy.shadow or policy.on_redis_failure == "allow"
            return state, log_function_failure(self._failures, failed, goes_on=goes_on)

    def _admit(
        self, request: HttpRequest, policy: Policy, send: Send, outer: LockWatchState | None
    ) -> Flow[tuple[LockWatchState, Reply | None]]:
        settings = self._settings
        client: str | None = None
        user: str | None = None
        if policy.key_func is not None:
            key = yield from ask("key_func", policy.key_func, request)
            if key is None:
                return (yield from self._without_limit(request, policy, send, outer))
            client, user = key_client(key) or address_client(request.address), key_text(key)
        limits = policy.limits
        if settings.plan_func is not None and not policy.own_limits:
            plan = returned_limits(
                settings.plan_option, (yield from ask(settings.plan_option, settings.plan_func, request))
            )
            limits = plan or limits
        cost = policy.cost
        if callable(cost):
            cost = returned_cost((yield from ask("cost", cost, request)))
        trip = self._round_trip(request, policy, client, limits, cost)
        trip.state = trip.state if outer is None else outer
        trip.state.key_text = user or trip.state.key_text
        counted = trip.state.counted
        counted.enters(self, policy.name)
        counted.add_all(str(command.key) for _, command in trip.limits)
        if trip.burst is not None and not counted.claim(str(trip.burst.key)):
            # Another middleware has counted the burst of this client.
            trip.burst = None
        if self._guard is not None:
            trip.check = self._guard.command(request, trip.state)
        try:
            replies = yield partial(send, trip.commands)
        except UnavailableError as error:
            return trip.state, self._fail(trip, error)
        return trip.state, (yield from self._judge(request, trip, replies))

    def _without_limit(
        self, request: HttpRequest, policy: Policy, send: Send, outer: LockWatchState | None
    ) -> Flow[tuple[LockWatchState, Reply | None]]:
        """Counts the burst of a request's address, and no limit. Asks the guard."""
        client = address_client(request.address)
        state = _state(request, policy, client) if outer is None else outer
        burst_command = self._burst(client, request, state.address)
        state.counted.enters(self, policy.name)
        if burst_command is not None and not state.counted.claim(str(burst_command.key)):
            burst_command = None
        check = None if self._guard is None else self._guard.command(request, state)
        commands = [each for each in (burst_command, check) if each is not None]
        if not commands:
            return state, None
        try:
            replies = yield partial(send, commands)
        except UnavailableError as error:
            state.failure = error.code.lower()
            self._log_burst(error)
            return state, None
        if burst_command is not None:
            try:
                state.burst = burst_command.parse(replies[0])
            except LockWatchError as error:
                if isinstance(error, UnavailableError):
                    state.failure = error.code.lower()
                self._log_burst(error)
        if check is None or self._guard is None:
            return state, None
        return state, (yield from self._guard.judge(request, state, check, replies[-1], shadow=policy.shadow))

    def _round_trip(
        self, request: HttpRequest, policy: Policy, client: str | None, limits: ParsedLimits, cost: int
    ) -> RoundTrip:
        """The commands for a request; of the address or credential if there is no `client`."""
        settings = self._settings
        address = address_client(request.address)
        credential = self._credential(request) if client is None and policy.by_credential else None
        client = client or credential or address
        state = _state(request, policy, client)
        charging = policy.charging
        named = [(policy.name, self._limit(client, policy.name, limits, cost, charging))]
        if credential is not None:
            # The credential is not verified, and a client can make up any number of values. So the
            # address is limited as well.
            own = None if policy.own_limits else settings.address_limits
            command = self._limit(address, f"{policy.name}:unverified", own or address_limits(limits), cost, charging)
            named.append((f"{policy.name}-unverified", command))
        counted = client if credential is None else address
        return RoundTrip(policy, state, tuple(named), self._burst(counted, request, state.address), cost)

    def _credential(self, request: HttpRequest) -> str | None:
        header = self._settings.credential_header
        value = request.header(header)
        return None if value is None else credential_client(header, value)

    def _limit(
        self, client: str, policy: str, limits: ParsedLimits, cost: int, charging: Charging
    ) -> Command[RateLimitResult]:
        return charging.command(self._settings.keys.limit(client, policy), limits, cost)

    def _burst(self, client: str, request: HttpRequest, ip: str | None) -> Command[burst.BurstResult] | None:
        if self._settings.burst_arguments is None:
            return None
        key = self._settings.keys.burst(client)
        agent = request.header("user-agent")
        args: tuple[Arg, ...] = (
            *("LW.BURST", key, *self._settings.burst_arguments),
            *option("IP", ip),
            *("ENDPOINT", request.path),
            *option("METHOD", request.method_argument),
            *option("AGENT", None if agent is None else agent.encode("latin-1", "replace")),
        )
        return Command(args, burst.read_burst, key)

    def _judge(self, request: HttpRequest, trip: RoundTrip, replies: Sequence[Any]) -> Flow[Reply | None]:
        limit = self._judge_limits(trip, replies)
        if trip.check is not None and self._guard is not None:
            shadow = trip.policy.shadow
            refusal = yield from self._guard.judge(request, trip.state, trip.check, replies[-1], shadow=shadow)
            if refusal is not None:
                return refusal
        if not isinstance(limit, RateLimitResult):
            return limit
        if limit.allowed or trip.policy.shadow:
            return None
        return denied_reply((yield partial(self._settings.on_denied, request, limit))) or rate_limit_exceeded(limit)

    def _judge_limits(self, trip: RoundTrip, replies: Sequence[Any]) -> RateLimitResult | Reply | None:
        """The limit that binds; without an answer the response, or None if the request goes on."""
        state = trip.state
        try:
            results = [
                (name, command.parse(reply), command.key)
                for (name, command), reply in zip(trip.limits, replies, strict=False)
            ]
        except LockWatchError as error:
            return self._fail(trip, error)
        self._failures.limit_answered()
        if trip.policy.charging.corrects and self._corrections is not None:
            asked = [(command, result) for (_, command), (_, result, _) in zip(trip.limits, results, strict=True)]
            if commands := trip.policy.charging.pending(asked, trip.cost):
                state.pending.append(Pending(trip.policy.charging, commands, self._corrections, self._failures))
        if trip.burst is not None:
            try:
                found = trip.burst.parse(replies[len(trip.limits)])
                state.burst = state.burst if state.burst is not None and state.burst.burst else found
            except LockWatchError as error:
                self._log_burst(error)
        # The longest wait binds; the first limit if no other waits longer.
        name, limit, key = results[0] if len(results) == 1 else max(results, key=lambda each: each[1].retry_after_ms)
        state.judge(limit, name, str(key), shadow=trip.policy.shadow)
        return limit

    def _log_burst(self, error: LockWatchError) -> None:
        self._failures.log(f"burst: {error.code}", f"bursts are not counted: {self._failures.named(error)}")

    def _fail(self, trip: RoundTrip, error: LockWatchError) -> Reply | None:
        trip.state.failure = error.code.lower()
        goes_on = trip.policy.shadow or trip.policy.on_redis_failure == "allow"
        return log_failure(self._failures, trip.state.failure, error, goes_on=goes_on)

    def finish(self, request: HttpRequest, state: LockWatchState, status: int) -> None:
        """Tells the guard about the response of the application. Never waits."""
        if self._guard is not None:
            self._guard.report(request, state, status)

    def audit(self, request: HttpRequest, state: LockWatchState, status: int, seconds: float) -> Command[str]:
        """The event of a request, for after its response."""
        user = state.key_text if state.user is None else state.user
        args: tuple[Arg, ...] = (
            "LW.AUDIT",
            *option("USER", None if user is None else str(user)),
            *option("IP", state.address),
            *option("METHOD", request.method_argument),
            *("ENDPOINT", request.path),
            *(("STATUS", str(status)) if 100 <= status <= 599 else ()),
            *(("LIMITED",) if state.limited else ()),
            *(("ANOMALY",) if state.burst else ()),
            *("LATENCY", f"{seconds * 1000:.3f}ms"),
            *option("DATA", state.denial),
        )
        # LW.AUDIT has no key. In a cluster it goes to the node that holds the request's limit,
        # whose connection is open.
        return Command(args, text, self._settings.keys.limit(state.client, state.policy))


def _state(request: HttpRequest, policy: Policy, client: str) -> LockWatchState:
    return LockWatchState(policy.name, client, None if request.address is None else str(request.address))


def log_failure(failures: FailureLog, kind: str, error: LockWatchError, *, goes_on: bool) -> Reply | None:
    """Logs that a limit could not be evaluated. The response is None if the request goes on."""
    if isinstance(error, NoPolicyError):
        say_once(
            f"policy: {error}",
            logging.ERROR,
            f"a limit is not enforced, because the server does not have its policy: {error}: set it with LW.POLICY SET",
        )
    failures.limit_failed(kind, error, goes_on=goes_on)
    return None if goes_on else SERVICE_UNAVAILABLE


def log_function_failure(failures: FailureLog, failed: FunctionFailedError, *, goes_on: bool) -> Reply | None:
    """`log_failure` for a function of the application, which may use another Redis."""
    done = "requests are let through without a limit" if goes_on else "requests are answered 503"
    failures.log(f"{failed.option}: {failed.error.code}", f"{done}: {failed.reason}")
    return None if goes_on else SERVICE_UNAVAILABLE
