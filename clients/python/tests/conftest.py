"""A Redis that the tests of one file share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lockwatch.testing import RedisServer


@pytest.fixture(scope="module")
def shared_redis() -> Iterator[RedisServer]:
    """A real server. Each test uses its own keys."""
    with RedisServer() as server:
        yield server
