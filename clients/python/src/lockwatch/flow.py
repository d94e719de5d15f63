"""Decisions that are written once for synchronous and asynchronous frameworks.

A flow is a generator. It yields functions that do input or output, and is sent what they return.
`run` calls them, `run_async` awaits what they return. A `LockWatchError` is thrown into the flow;
any other exception ends it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator
from functools import partial
from typing import Any, TypeAlias, TypeVar

from .aio import AsyncLockWatch
from .client import LockWatch
from .errors import ConfigurationError, LockWatchError
from .redis.connection import Command

T = TypeVar("T")
Client: TypeAlias = LockWatch | AsyncLockWatch
Step: TypeAlias = Callable[[], Any]
Flow: TypeAlias = Generator[Step, Any, T]


def execute(lockwatch: Client, command: Command[T]) -> Flow[T]:
    """A flow that sends one command."""
    result: T = yield partial(lockwatch.execute, command)
    return result


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
            except LockWatchError as error:  # noqa: PERF203
                step = flow.throw(error)
            else:
                step = flow.send(value)
    except StopIteration as stop:
        result: T = stop.value
        return result


def _next(flow: Flow[Any], step: Step) -> Step:
    try:
        value = step()
    except LockWatchError as error:
        return flow.throw(error)
    if hasattr(value, "__await__"):
        raise _not_synchronous(value)
    return flow.send(value)


def _not_synchronous(value: Any) -> ConfigurationError:  # noqa: ANN401  # any awaitable
    if inspect.iscoroutine(value):
        value.close()
    return ConfigurationError("functions that are passed to a WSGI application can't be asynchronous")
