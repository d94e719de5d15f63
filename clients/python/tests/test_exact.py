"""Exact limits and an event for each request, under concurrent load."""

from __future__ import annotations

import pytest

from lockwatch.testing import RedisServer
from support.audit import recorded
from support.load import statuses_of
from support.waiting import wait_for
from support.web import Web


@pytest.mark.parametrize(("framework", "workers"), [("fastapi", 1), ("flask", 2), ("django", 2), ("django-asgi", 2)])
def test_exactly_a_thousand_of_ten_thousand(framework: str, workers: int) -> None:
    with (
        RedisServer() as server,
        Web(
            framework,
            workers=workers,
            redis_url=server.url,
            limits="1000/hour",
            connect_timeout=10,
            command_timeout=10,
        ) as web,
    ):
        assert statuses_of(web.port, 10_000, 50) == {200: 1000, 429: 9000}
        wait_for("10 000 audit events", lambda: recorded(server.url) >= 10_000)
        assert recorded(server.url) == 10_000
