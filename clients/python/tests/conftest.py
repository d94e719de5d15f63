"""A Redis that the tests of a module share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lockwatch.testing import RedisServer


@pytest.fixture(scope="module")
def shared_redis() -> Iterator[RedisServer]:
    """Each test uses keys of its own."""
    with RedisServer() as server:
        yield server
