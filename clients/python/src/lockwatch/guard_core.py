"""What the guards of all frameworks share: the question before a login, and its outcomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, TypeAlias

from .aio import AsyncLockWatch
from .device import DeviceCookie
from .errors import AttemptDeniedError, CommandError, ConfigurationError, LockWatchError
from .failure_log import FailureLog
from .flow import Client, Flow, FunctionFailedError, ask, execute, run, run_async
from .guard import GuardResult, check, event, unanswered
from .guard_attempt import Attempt, Trial
from .guard_user import password_digest
from .http.fallback import LoginFailureMode
from .http.reply import CHALLENGE_REQUIRED, SERVICE_UNAVAILABLE, Reply, blocked, denied_reply
from .redis.connection import Arg, Key
from .rules import Rules, read_options

# What a challenge means for the client: it may go on, it may not, or a function that lets it solve
# something and returns whether it did.
Challenge: TypeAlias = Literal["allow", "deny"] | Callable[..., Any]
User: TypeAlias = Arg | int | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """The end of a login: a response, and the error that says the same."""

    reply: Reply
    error: LockWatchError


@dataclass(frozen=True, slots=True)
class GuardSettings:
    """The options of a guard after they are checked."""

    key: Key | Callable[..., Key]
    challenge: Challenge
    on_redis_failure: LoginFailureMode
    normalize: bool
    digest_key: bytes | None
    cookie: DeviceCookie | None

    @classmethod
    def of(cls, options: Mapping[str, Any], rules: Rules) -> GuardSettings:
        """Parses the options. Raises ConfigurationError."""
        given = read_options(options, rules, " of Guard")
        return cls(
            given["key"],
            given["challenge"],
            given.get("on_redis_failure", "deny"),
            given.get("normalize", True),
            given.get("password_digest_key"),
            given.get("device_cookie"),
        )


class GuardCore:
    """Asks a guard about logins, and tells it their outcomes. Knows no framework."""

    def __init__(self, lockwatch: Client, settings: GuardSettings) -> None:
        self.settings = settings
        self.lockwatch = lockwatch
        self._failures = FailureLog.of(lockwatch)

    def trial(
        self,
        *arguments: object,
        ip: str | None,
        user: User,
        device: str | None = None,
        password: str | bytes | None = None,
    ) -> Trial:
        """Who tries to log in. `arguments` are those of the function that finds the key."""
        found, digest_key = self.settings.key, self.settings.digest_key
        key = found(*arguments) if callable(found) else found
        value = None if password is None or digest_key is None else password_digest(digest_key, password)
        return Trial(key, ip, user, device, value, self.settings.normalize)

    def begin(self, trial: Trial, *arguments: object) -> Flow[Attempt | Refusal]:
        """The attempt, or why the login ends here.

        `arguments` are what the challenge function gets in front of the result. Raises NoRuleError
        and CommandError, whatever `on_redis_failure` says.
        """
        result = yield from self._ask(trial, solved=False)
        if isinstance(result, GuardResult) and result.challenged:
            try:
                refusal = yield from self._challenge(result, *arguments)
            except FunctionFailedError as failed:
                result = self._failed(failed.error, failed.reason)
            else:
                # Only a solved attempt is charged when a challenge is demanded.
                result = refusal or (yield from self._ask(trial, solved=True))
        if isinstance(result, Refusal):
            return result
        if not result:
            return Refusal(blocked(result), AttemptDeniedError(result))
        return Attempt(trial, result, self.lockwatch.outcomes.record, self.settings.cookie)

    def _ask(self, trial: Trial, *, solved: bool) -> Flow[GuardResult | Refusal]:
        try:
            return (yield from execute(self.lockwatch, trial.ask(solved=solved)))
        except (CommandError, ConfigurationError):
            # The application asks for something that the server will always refuse.
            raise
        except LockWatchError as error:
            return self._failed(error, self._failures.named(error))

    def _challenge(self, result: GuardResult, *arguments: object) -> Flow[Refusal | None]:
        """Lets the client solve a challenge. None if it did."""
        challenge, error = self.settings.challenge, AttemptDeniedError(result)
        if challenge == "allow":
            return None
        if challenge == "deny" or not callable(challenge):
            return Refusal(blocked(result), error)
        solved = yield from ask("challenge", challenge, *arguments, result)
        if solved is True:
            return None
        if solved is False or solved is None:
            return Refusal(CHALLENGE_REQUIRED, error)
        return Refusal(denied_reply(solved, "challenge") or CHALLENGE_REQUIRED, error)

    def _failed(self, error: LockWatchError, reason: str) -> GuardResult | Refusal:
        goes_on = self.settings.on_redis_failure == "allow"
        done = "logins go on without a guard" if goes_on else "logins are answered 503"
        self._failures.log(f"guard: {error.code}", f"{done}: {reason}")
        return unanswered(error.code.lower()) if goes_on else Refusal(SERVICE_UNAVAILABLE, error)

    def look(self, trial: Trial, free_key: Arg | None) -> Flow[GuardResult]:
        """What holds for a client. Lets it go on if Redis does not answer."""
        command = check(
            trial.key,
            ip=trial.ip,
            user=trial.user,
            free_key=free_key,
            device=trial.device,
            normalize=trial.normalize,
        )
        try:
            return (yield from execute(self.lockwatch, command))
        except (CommandError, ConfigurationError):
            raise
        except LockWatchError as error:
            self._failures.log(f"check: {error.code}", f"a guard is not asked: {self._failures.named(error)}")
            return unanswered(error.code.lower())

    def tell(self, trial: Trial, kind: str, free_key: Arg | None, value: Arg | None) -> None:
        """Reports what happened. Never waits."""
        self.lockwatch.outcomes.record(
            event(
                trial.key,
                kind,
                ip=trial.ip,
                user=trial.user,
                free_key=free_key,
                value=trial.value if value is None else value,
                device=trial.device,
                normalize=trial.normalize,
            )
        )


class AttemptBlock:
    """What `guard.attempt(…)` returns: `with` in synchronous code, `async with` in asynchronous."""

    def __init__(
        self, core: GuardCore, trial: Trial, arguments: tuple[object, ...], refused: Callable[[Refusal], Exception]
    ) -> None:
        self._flow: Flow[Attempt | Refusal] = core.begin(trial, *arguments)
        self._is_asynchronous = isinstance(core.lockwatch, AsyncLockWatch)
        self._refused = refused
        self._attempt: Attempt | None = None
        self._is_used = False

    def __enter__(self) -> Attempt:
        """Asks the guard. Raises what its framework refuses a request with."""
        if self._is_asynchronous:
            raise ConfigurationError("the client is an AsyncLockWatch: write 'async with guard.attempt(…)'")
        return self._enter(run(self._flow_of_block()))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends the attempt. Sends nothing."""
        if self._attempt is not None:
            self._attempt.leave(failed=kind is not None)

    async def __aenter__(self) -> Attempt:
        """Asks the guard. Raises what its framework refuses a request with."""
        if not self._is_asynchronous:
            raise ConfigurationError("the client is a LockWatch: write 'with guard.attempt(…)'")
        return self._enter(await run_async(self._flow_of_block()))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends the attempt. Sends nothing."""
        self.__exit__(kind, error, trace)

    def _flow_of_block(self) -> Flow[Attempt | Refusal]:
        if self._is_used:
            raise RuntimeError("the attempt is in use already: call guard.attempt(…) for each block")
        self._is_used = True
        return self._flow

    def _enter(self, outcome: Attempt | Refusal) -> Attempt:
        if isinstance(outcome, Refusal):
            raise self._refused(outcome)
        self._attempt = outcome
        return outcome
