"""Asks Redis about a request, and judges the replies."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

from ..errors import LockWatchError, UnavailableError
from ..failure_log import FailureLog
from ..flow import Client, Flow, FunctionFailedError, ask
from ..redis.connection import Command
from ..stats import Outcome
from .bodies import Denial
from .charging import Corrections, Pending
from .fallback import Admitted, AskedLimit, Fallback, LimitDenial, reason_of
from .keys import key_client, key_text
from .options import Settings
from .policies import Policy
from .reply import Reply, denied_reply
from .request import HttpRequest
from .returned import returned_cost, returned_limits
from .round_trip import Commands, RoundTrip
from .site_guard import SiteGuard
from .state import LockWatchState

Send: TypeAlias = Callable[[Sequence[Command[Any]]], "list[Any] | Awaitable[list[Any]]"]
# The state of a request, and the response if it does not go on to the application.
Admission: TypeAlias = Flow[tuple[LockWatchState, Reply | None]]


class RateLimiter:
    """Decides about requests. It does no input or output itself."""

    def __init__(
        self,
        settings: Settings,
        failures: FailureLog,
        lockwatch: Client,
        corrections: Corrections | None = None,
        guard: SiteGuard | None = None,
    ) -> None:
        """`corrections` is needed only if a policy has something to do after the response."""
        self._settings = settings
        self._commands = Commands(settings)
        self._guard = guard
        self._corrections = corrections
        self._failures = failures
        self._counters = lockwatch.counters
        self._local = lockwatch.local
        self._fallback = Fallback(failures, lockwatch.counters, lockwatch.local)

    def exempt(
        self, request: HttpRequest, policy: Policy, outer: LockWatchState | None = None
    ) -> LockWatchState | None:
        """The state of a request of an exempt client; None for any other."""
        if not self._settings.exempt_clients.has(request.address):
            return None
        state = outer or self._commands.state(request, policy)
        state.exempt = True
        return state

    def admit(self, request: HttpRequest, policy: Policy, send: Send, outer: LockWatchState | None = None) -> Admission:
        """Whether a request goes on. `outer` is the state of a middleware that it has passed.

        The two share it.
        """
        # A middleware that a request reaches twice counts once under each policy.
        if outer is not None and not outer.counted.enters(self, policy.name):
            return outer, None
        try:
            return (yield from self._admit(request, policy, send, outer))
        except FunctionFailedError as failed:
            state = outer or self._commands.state(request, policy)
            found = self._fail_early(request, policy, state, failed)
            return state, (yield from self._answer(request, policy, found))

    def _admit(self, request: HttpRequest, policy: Policy, send: Send, outer: LockWatchState | None) -> Admission:
        settings = self._settings
        client: str | None = None
        user: str | None = None
        if policy.key_func is not None:
            key = yield from ask("key_func", policy.key_func, request)
            if key is None:
                return (yield from self._without_limit(request, policy, send, outer))
            client, user = key_client(key) or settings.address_client(request.address), key_text(key)
        limits = policy.limits
        if settings.plan_func is not None and not policy.own_limits:
            plan = returned_limits(
                settings.plan_option, (yield from ask(settings.plan_option, settings.plan_func, request))
            )
            limits = plan or limits
        cost = policy.cost
        if callable(cost):
            cost = returned_cost((yield from ask("cost", cost, request)))
        trip = self._commands.round_trip(request, policy, client, limits, cost)
        trip.state = trip.state if outer is None else outer
        trip.state.key_text = user or trip.state.key_text
        self._count(request, trip)
        try:
            replies = yield partial(send, trip.commands)
        except UnavailableError as error:
            return trip.state, (yield from self._answer(request, policy, self._fail(trip, error)))
        found = self._judged(trip, replies)
        if found is True and trip.check is None:
            # The usual path, on which nothing waits any more.
            return trip.state, None
        refusal = yield from self._judge_guard(request, trip, replies)
        return trip.state, (yield from self._answer(request, policy, found)) if refusal is None else refusal

    def _count(self, request: HttpRequest, trip: RoundTrip) -> None:
        """Leaves out what another middleware has counted, and adds the question to the guard."""
        counted = trip.state.counted
        counted.enters(self, trip.policy.name)
        counted.add_all([str(each.command.key) for each in trip.limits])
        if trip.burst is not None and not counted.claim(str(trip.burst.key)):
            trip.burst = None
        if self._guard is not None:
            trip.check = self._guard.command(request, trip.state)

    def _without_limit(
        self, request: HttpRequest, policy: Policy, send: Send, outer: LockWatchState | None
    ) -> Admission:
        """Counts the burst of a request's address, and no limit. Asks the guard."""
        state = self._commands.state(request, policy) if outer is None else outer
        client = self._settings.address_client(request.address)
        trip = RoundTrip(policy, state, (), self._commands.burst(client, request, state.address), 1)
        self._count(request, trip)
        if not trip.commands:
            return state, None
        try:
            replies = yield partial(send, trip.commands)
        except UnavailableError as error:
            state.failure = error.code.lower()
            self._log_burst(error)
            return state, None
        if trip.burst is not None:
            try:
                state.burst = trip.burst.parse(replies[0])
            except LockWatchError as error:
                if isinstance(error, UnavailableError):
                    state.failure = error.code.lower()
                self._log_burst(error)
        return state, (yield from self._judge_guard(request, trip, replies))

    def _judged(self, trip: RoundTrip, replies: Sequence[Any]) -> Admitted:
        try:
            return self._judge_limits(trip, replies)
        except LockWatchError as error:
            return self._fail(trip, error)

    def _judge_guard(self, request: HttpRequest, trip: RoundTrip, replies: Sequence[Any]) -> Flow[Reply | None]:
        if trip.check is None or self._guard is None:
            return None
        policy = trip.policy
        refusal = yield from self._guard.judge(request, trip.state, trip.check, replies[-1], shadow=policy.shadow)
        if refusal is not None:
            self._counters.guard_denied(policy.route)
        return refusal

    def _judge_limits(self, trip: RoundTrip, replies: Sequence[Any]) -> Admitted:
        """What Redis decided. Raises LockWatchError without an answer."""
        state, policy = trip.state, trip.policy
        results = [
            (each.name, each.command.parse(reply), each.command.key)
            for each, reply in zip(trip.limits, replies, strict=False)
        ]
        self._failures.limit_answered()
        if self._local.is_active:
            self._local.answered(str(key) for _, _, key in results)
        if policy.charging.corrects and self._corrections is not None:
            asked = [(each.command, result) for each, (_, result, _) in zip(trip.limits, results, strict=True)]
            if commands := policy.charging.pending(asked, trip.cost):
                state.pending.append(Pending(policy.charging, commands, self._corrections, self._failures))
        if trip.burst is not None:
            try:
                found = trip.burst.parse(replies[len(trip.limits)])
                state.burst = state.burst if state.burst is not None and state.burst.burst else found
            except LockWatchError as error:
                self._log_burst(error)
        # The longest wait binds; the first limit if no other waits longer.
        name, limit, key = results[0] if len(results) == 1 else max(results, key=lambda each: each[1].retry_after_ms)
        state.judge(limit, name, str(key), shadow=policy.shadow)
        outcome: Outcome = "allowed" if limit.allowed else "shadow" if policy.shadow else "denied"
        self._counters.answered(outcome, policy.name, policy.route)
        return True if limit.allowed or policy.shadow else LimitDenial(name, str(key), limit)

    def _log_burst(self, error: LockWatchError) -> None:
        self._failures.log(f"burst: {error.code}", f"bursts are not counted: {self._failures.named(error)}")

    def _fail(self, trip: RoundTrip, error: LockWatchError) -> Admitted:
        asked = self._commands.for_fallback(trip)
        return self._decide(trip.policy, trip.state, error, asked, trip.cost)

    def _fail_early(
        self, request: HttpRequest, policy: Policy, state: LockWatchState, failed: FunctionFailedError
    ) -> Admitted:
        """A function of the application failed, so that the client and the cost are not known."""
        asked = [self._commands.fallback_of_address(request, policy)]
        return self._decide(policy, state, failed, asked, 1 if callable(policy.cost) else policy.cost)

    def _decide(
        self,
        policy: Policy,
        state: LockWatchState,
        error: LockWatchError | FunctionFailedError,
        asked: Sequence[AskedLimit],
        cost: int,
    ) -> Admitted:
        state.failure = reason_of(error)
        found = self._fallback.decide(
            policy.on_failure, error, asked, cost, shadow=policy.shadow, policy=policy.name, route=policy.route
        )
        if isinstance(found, LimitDenial):
            state.judge_locally(found)
        return found

    def _answer(self, request: HttpRequest, policy: Policy, found: Admitted) -> Flow[Reply | None]:
        """The response to a request that ends here."""
        if found is True:
            return None
        if found is False:
            denial = Denial(503, "service_unavailable", 1, policy.name)
            return (yield from self._settings.error_bodies.reply(request, denial))
        limit = found.result
        if self._settings.on_denied is not None:
            given = denied_reply((yield partial(self._settings.on_denied, request, limit)))
            if given is not None:
                return given
        denial = Denial(429, "rate_limit_exceeded", limit.retry_after_seconds, limit.name(found.name))
        return (yield from self._settings.error_bodies.reply(request, denial))

    def finish(self, request: HttpRequest, state: LockWatchState, status: int) -> None:
        """Tells the guard about the response of the application. Never waits."""
        if self._guard is not None:
            self._guard.report(request, state, status)

    def audit(self, request: HttpRequest, state: LockWatchState, status: int, seconds: float) -> Command[str]:
        """The event of a request, for after its response."""
        return self._commands.audit(request, state, status, seconds)
