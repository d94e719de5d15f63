"""Requests whose cost depends on their response: `skip_successful`, `skip_failed`, `count_when`.

The first two count a request when it comes, and give its units back after the response. So of
parallel requests no more than the limit are admitted. `count_when` counts nothing before, and
counts what its function says after the response, whatever the limit says then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from ..errors import ConfigurationError
from ..failure_log import FailureLog
from ..limits import ParsedLimits
from ..ratelimit import RateLimitResult, rate_limit_command, refund
from ..redis.connection import Command, Key
from .response import HttpResponse

CountWhen: TypeAlias = Callable[[HttpResponse], bool]

OPTIONS = ("skip_successful", "skip_failed", "count_when")
# The first status of a response that has failed, as in express-rate-limit.
_FAILED = 400


class Corrections(Protocol):
    """A queue of commands that are sent after the response."""

    def record(self, event: Command[Any]) -> None:
        """Adds a command. Never waits."""
        ...


@dataclass(frozen=True, slots=True)
class Charging:
    """Which responses count. By default all do."""

    skip_successful: bool = False
    skip_failed: bool = False
    count_when: CountWhen | None = None

    @property
    def corrects(self) -> bool:
        """Whether something may be left to do after the response."""
        return self.skip_successful or self.skip_failed or self.count_when is not None

    def command(self, key: Key, limits: ParsedLimits, cost: int) -> Command[RateLimitResult]:
        """What asks for the limit before the application is called."""
        if self.count_when is not None:
            return rate_limit_command("LW.PEEK", key, limits, cost)
        with_time = self.skip_successful or self.skip_failed
        return rate_limit_command("LW.RATELIMIT", key, limits, cost, with_time=with_time)

    def pending(
        self, asked: Sequence[tuple[Command[RateLimitResult], RateLimitResult]], cost: int
    ) -> tuple[Command[Any], ...]:
        """What to send after the response if it is one that does not count (or that counts)."""
        if self.count_when is not None:
            # A request that was denied costs nothing, as without this option.
            if not all(result for _, result in asked):
                return ()
            return tuple(
                Command(("LW.RATELIMIT", *command.args[1:], "FORCE"), command.read, command.key) for command, _ in asked
            )
        return tuple(
            refund(command.key or "", cost, result.time_ms) for command, result in asked if result.time_ms is not None
        )

    def applies(self, response: HttpResponse, failures: FailureLog) -> bool:
        """Whether a response is one after which something is sent."""
        if self.count_when is None:
            return (response.status < _FAILED) if self.skip_successful else (response.status >= _FAILED)
        try:
            return bool(self.count_when(response))
        except Exception as error:  # noqa: BLE001  # the response has been sent, so nobody else can answer
            failures.log("count_when", f"a request is not counted, because count_when failed: {error!r}")
            return False


ALWAYS = Charging()


def charging_of(options: Mapping[str, Any], of: str, inherited: Charging = ALWAYS) -> Charging:
    """The three options, or what is inherited if none of them is given. Raises ConfigurationError.

    `of` says in messages whose options they are.
    """
    given = {name: options[name] for name in OPTIONS if name in options}
    if not given:
        return inherited
    chosen = [name for name, value in given.items() if value]
    if len(chosen) > 1:
        raise ConfigurationError(f"{' and '.join(chosen)}{of} are given together: give one of {', '.join(OPTIONS)}")
    return Charging(**given)


@dataclass(frozen=True, slots=True)
class Pending:
    """What a limit has left to do after the response."""

    charging: Charging
    commands: tuple[Command[Any], ...]
    corrections: Corrections
    failures: FailureLog


def finish(pending: Iterable[Pending], response: HttpResponse) -> None:
    """Sends what is left to do after a response. Never waits and never raises."""
    for each in pending:
        if each.charging.applies(response, each.failures):
            for command in each.commands:
                each.corrections.record(command)
