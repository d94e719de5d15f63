"""The guard of the middleware: it is asked with the limits, and told about failed responses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

from ..errors import ConfigurationError, LockWatchError
from ..failure_log import FailureLog
from ..flow import Flow, FunctionFailedError, ask
from ..guard import GuardResult, check, event
from ..redis.connection import Command, Key
from ..redis.connection import Reply as Answer
from ..redis.records import json_argument, text
from .bodies import Denial, ErrorBodies
from .charging import Corrections
from .reply import CLIENT_CLOSED_REQUEST, Reply, denied_reply
from .request import HttpRequest
from .shortened import shortened
from .state import LockWatchState

# Given the request and the result. Returns whether the client has passed a challenge, or the
# response that asks for one.
SiteChallenge: TypeAlias = Literal["allow", "deny"] | Callable[[HttpRequest, GuardResult], Any]

# The first status of a response that is reported.
_FAILED = 400


class SiteGuard:
    """The guard at one key."""

    def __init__(
        self,
        key: Key,
        challenge: SiteChallenge,
        failures: FailureLog,
        outcomes: Corrections,
        bodies: ErrorBodies,
    ) -> None:
        self._key = key
        self._bodies = bodies
        self._challenge = challenge
        self._failures = failures
        self._outcomes = outcomes

    def command(self, request: HttpRequest, state: LockWatchState) -> Command[GuardResult] | None:
        """LW.CHECK; None if a middleware has asked this guard about the request already.

        None for a client that has neither an address nor a name as well.
        """
        ip, user = _ip(request), _user(state)
        if (ip is None and user is None) or not state.counted.claim(f"guard {self._key!r}"):
            return None
        state.guards.append(self)
        return check(self._key, ip=ip, user=user)

    def judge(
        self,
        request: HttpRequest,
        state: LockWatchState,
        command: Command[GuardResult],
        answer: Answer,
        *,
        shadow: bool,
    ) -> Flow[Reply | None]:
        """The response to a request that ends here. Raises NoRuleError.

        Without an answer, and after any other error, the request goes on.
        """
        try:
            result = state.guard = command.parse(answer)
        except ConfigurationError:
            raise
        except LockWatchError as error:
            self._failures.log(f"check: {error.code}", f"a guard is not asked: {self._failures.named(error)}")
            return None
        refusal = None if result or shadow else (yield from self._refusal(request, result))
        if refusal is not None:
            state.blocked = True
            told = {"guard": text(self._key), "rule": result.rule, "retry_after": result.retry_after_seconds}
            state.denial = state.denial or json_argument(told)
        return refusal

    def _refusal(self, request: HttpRequest, result: GuardResult) -> Flow[Reply | None]:
        if result.denied or self._challenge == "deny":
            blocked = Denial(429, "temporarily_blocked", result.retry_after_seconds, None)
            return (yield from self._bodies.reply(request, blocked))
        if not callable(self._challenge):
            return None
        try:
            solved = yield from ask("challenge", self._challenge, request, result)
        except FunctionFailedError as failed:
            self._failures.log(f"challenge: {failed.error.code}", f"requests go on unchallenged: {failed.reason}")
            return None
        if solved is True:
            return None
        if solved not in (False, None):
            return denied_reply(solved, "challenge")
        return (yield from self._bodies.reply(request, Denial(429, "challenge_required", None, None)))

    def report(self, request: HttpRequest, state: LockWatchState, status: int) -> None:
        """Reports a failed response of the application. Never waits.

        Responses of lockwatch itself are none, and neither is a client that leaves.
        """
        if self not in state.guards:
            return
        is_own = state.blocked or (state.limited and not state.shadowed)
        if status >= _FAILED and status != CLIENT_CLOSED_REQUEST and not is_own and state.failure != "bypassed":
            self._outcomes.record(
                event(self._key, str(status), ip=_ip(request), user=_user(state), value=shortened(request.path) or None)
            )


def _ip(request: HttpRequest) -> str | None:
    return None if request.address is None else str(request.address)


def _user(state: LockWatchState) -> str | int | None:
    return state.key_text if state.user is None else state.user
