"""Decisions that are written once for synchronous and asynchronous frameworks.

A flow is a generator. It yields functions that do input or output, and is sent what they return.
`run` calls them, `run_async` awaits what they return. A `LockWatchError` is thrown into the flow,
and so is an `UnavailableError` in place of an exception of redis-py that means that Redis is away.
Any other exception ends the flow.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator
from functools import partial
from typing import Any, TypeAlias, TypeVar

from .aio import AsyncLockWatch
from .client import LockWatch
from .errors import ConfigurationError, LockWatchError, UnavailableError
from .redis.connection import Command
from .redis.failures import redis_failure

T = TypeVar("T")
ClientT = TypeVar("ClientT")
Client: TypeAlias = LockWatch | AsyncLockWatch
_URL = "redis://localhost:6379"
Step: TypeAlias = Callable[[], Any]
Flow: TypeAlias = Generator[Step, Any, T]


def check_client(given: object, kind: type[ClientT], write: str) -> ClientT:
    """The client that a function of a framework is given. Raises ConfigurationError for another.

    `write` shows the right call, in which `lw` is the client.
    """
    if isinstance(given, kind):
        return given
    what = f"the function {given.__name__!r}" if inspect.isroutine(given) else f"a {type(given).__name__}"
    needed = f"an AsyncLockWatch, as in FastAPI: lw = AsyncLockWatch({_URL!r})"
    if kind is LockWatch:
        needed = f"a LockWatch, as in Flask: lw = LockWatch({_URL!r})"
    raise ConfigurationError(f"{write} needs {needed}; the first argument is {what}")


def execute(lockwatch: Client, command: Command[T]) -> Flow[T]:
    """A flow that sends one command."""
    result: T = yield partial(lockwatch.execute, command)
    return result


class FunctionFailedError(Exception):
    """A function of the application failed because Redis is away."""

    def __init__(self, option: str, error: UnavailableError) -> None:
        super().__init__(option)
        self.option = option
        self.error = error

    @property
    def reason(self) -> str:
        """For the log."""
        return f"{self.option} failed because Redis is away: {self.error}"


def ask(option: str, function: Callable[..., Any], *arguments: object) -> Flow[Any]:
    """Calls a function of the application, which is the value of an option.

    Raises FunctionFailedError if Redis is away.
    """
    try:
        return (yield partial(function, *arguments))
    except UnavailableError as error:
        raise FunctionFailedError(option, error) from error


def run(flow: Flow[T]) -> T:
    """Runs a flow in a synchronous framework."""
    try:
        step = next(flow)
        while True:
            step = _next(flow, step)
    except StopIteration as stop:
        result: T = stop.value
        return result


async def run_async(flow: Flow[T]) -> T:
    """Runs a flow in an asynchronous framework."""
    try:
        step = next(flow)
        while True:
            # Not in a function of its own: StopIteration cannot leave a coroutine.
            try:
                value = step()
                if hasattr(value, "__await__"):
                    value = await value
            except Exception as error:  # noqa: PERF203
                if (known := _for_flow(error)) is None:
                    raise
                step = flow.throw(known)
            else:
                step = flow.send(value)
    except StopIteration as stop:
        result: T = stop.value
        return result


def _next(flow: Flow[Any], step: Step) -> Step:
    try:
        value = step()
    except Exception as error:
        if (known := _for_flow(error)) is None:
            raise
        return flow.throw(known)
    if hasattr(value, "__await__"):
        raise _not_synchronous(value)
    return flow.send(value)


def _for_flow(error: Exception) -> LockWatchError | None:
    if isinstance(error, LockWatchError):
        return error
    if (away := redis_failure(error)) is not None:
        away.__cause__ = error
    return away


def _not_synchronous(value: Any) -> ConfigurationError:  # noqa: ANN401  # any awaitable
    if inspect.iscoroutine(value):
        value.close()
    return ConfigurationError("functions that are passed to a WSGI application can't be asynchronous")
