"""Fixtures: `lockwatch_redis`, `lockwatch_stub`, `lockwatch_async_stub`.

They exist as soon as the package is installed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

# The package is imported only when a fixture is used, so that a test run without them pays nothing,
# and coverage tools see every line run.
if TYPE_CHECKING:
    from .server import RedisServer
    from .stub import AsyncStub, Stub


@pytest.fixture
def lockwatch_redis() -> Iterator[RedisServer]:
    """A real Redis at `lockwatch_redis.url`, with LOCKWATCH_MODULE or lockwatch-server's module.

    Skips the test if there is none.
    """
    from .server import RedisServer, missing  # noqa: PLC0415

    if (reason := missing()) is not None:
        pytest.skip(reason)
    with RedisServer() as server:
        yield server


@pytest.fixture
def lockwatch_stub() -> Stub:
    """A stub for synchronous code."""
    from .stub import Stub  # noqa: PLC0415

    return Stub()


@pytest.fixture
def lockwatch_async_stub() -> AsyncStub:
    """A stub for asynchronous code."""
    from .stub import AsyncStub  # noqa: PLC0415

    return AsyncStub()
