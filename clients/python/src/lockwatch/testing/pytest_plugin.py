"""Fixtures, there as soon as the package is installed: `lockwatch_redis`, `lockwatch_stub`, `lockwatch_async_stub`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

# The package is imported when a fixture is used, so that a test run that uses none pays nothing and sees all coverage.
if TYPE_CHECKING:
    from .server import RedisServer
    from .stub import AsyncStub, Stub


@pytest.fixture
def lockwatch_redis() -> Iterator[RedisServer]:
    """A real Redis with the module that LOCKWATCH_MODULE names, of this test alone: `lockwatch_redis.url`."""
    from .server import RedisServer  # noqa: PLC0415

    with RedisServer() as server:
        yield server


@pytest.fixture
def lockwatch_stub() -> Stub:
    """A stub in place of Redis, for what is synchronous."""
    from .stub import Stub  # noqa: PLC0415

    return Stub()


@pytest.fixture
def lockwatch_async_stub() -> AsyncStub:
    """A stub in place of Redis, for what is asynchronous."""
    from .stub import AsyncStub  # noqa: PLC0415

    return AsyncStub()
