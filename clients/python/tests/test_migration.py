"""Applications of other limiters that move to lockwatch by changing a few lines."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lockwatch.testing import RedisServer
from support.load import statuses_of
from support.web import Web

PLACE = Path(__file__).resolve().parent / "migration"
# How many lines are added and changed.
MOVES = {
    "slowapi": ("slowapi_before.py", "slowapi_after.py", 1, 1),
    "flask-limiter": ("flask_limiter_before.py", "flask_limiter_after.py", 1, 1),
    "drf": ("drf_shop/settings_before.py", "drf_shop/settings_after.py", 1, 2),
}


@contextmanager
def moved(app: str, server: RedisServer, when: str = "after", workers: int = 1) -> Iterator[Web]:
    # On a busy machine an answer must not become a timeout, after which a request is let through.
    slow = "?connect_timeout=10&command_timeout=10" if when == "after" and app != "drf" else ""
    environment = {"REDIS_ADDRESS": f"127.0.0.1:{server.port}{slow}"}
    environment["DJANGO_SETTINGS_MODULE"] = f"migration.drf_shop.settings_{when if when == 'before' else 'slow'}"
    with Web(app if app == "drf" else f"{app} {when}", workers=workers, environment=environment) as web:
        yield web


@pytest.mark.parametrize("app", MOVES)
def test_a_move_adds_and_changes_a_few_lines(app: str) -> None:
    before, after, added, changed = MOVES[app]
    old, new = ((PLACE / name).read_text("utf-8").splitlines() for name in (before, after))
    lines = difflib.ndiff(old, new)
    kinds = [line[0] for line in lines if line[2:].strip()]
    assert (kinds.count("-"), kinds.count("+")) == (changed, changed + added)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("app", MOVES)
def test_the_limiters_interface_stays(app: str, when: str) -> None:
    with RedisServer() as server, moved(app, server, when) as web:
        asked = [web.http.post("/orders", headers={"X-Account": "alice"}) for _ in range(11)]
        assert [each.status_code for each in asked] == [200] * 10 + [429]
        assert 50 <= int(asked[-1].headers["retry-after"]) <= 61
        if app != "drf":
            assert asked[0].headers["x-ratelimit-remaining"] == "9"
            assert web.http.post("/orders", headers={"X-Account": "bob"}).status_code == 200
            login = "/login?user=alice&password="
            guesses = [web.http.post(f"{login}{'wonderland' if n == 4 else 'x'}").status_code for n in range(6)]
            assert guesses == [401] * 4 + [200, 429]


@pytest.mark.parametrize(("app", "workers"), [("slowapi", 2), ("flask-limiter", 2), ("drf", 2)])
def test_each_then_limits_exactly_under_fifty_connections(app: str, workers: int) -> None:
    with RedisServer() as server, moved(app, server, workers=workers) as web:
        assert statuses_of(web.port, 2000, 50) == {200: 200, 429: 1800}
