"""Runs the tests of the package limits with the storage of lockwatch in place of all others.

`scripts/peers.sh limits` copies it over the `conftest.py` of those tests. Test modules of limits
get their storages as parameters, which are replaced here while the modules are collected.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import redis

from lockwatch.limits_storage import AsyncLockWatchStorage, LockWatchStorage
from lockwatch.testing import RedisServer
from support.cluster import cluster
from support.sentinel import sentinel

# Tests that expect what an exact window does not do.
DIFFERENT = {
    "sliding_window_counter_previous_window": "the estimate of limits gives units back evenly, and not as they were "
    "taken",
}
# How the tests call parameters that are storages.
STORAGES = ("uri, args, fixture", "uri, args, expected_instance, fixture")
# A name, a URI, and the servers' own URLs.
PLACES: list[tuple[str, str, list[str]]] = []
_servers = ExitStack()


def pytest_configure(config: pytest.Config) -> None:
    """Starts the servers, whose URIs are parameters of the tests."""
    config.addinivalue_line("markers", "flaky: of limits")
    single = _servers.enter_context(RedisServer("--unixsocket", "limits.sock"))
    address = f"127.0.0.1:{single.port}"
    PLACES.append(("single", f"lockwatch://{address}", [single.url]))
    PLACES.append(("unix", f"lockwatch+unix://{Path(single.directory) / 'limits.sock'}", [single.url]))
    nodes = _servers.enter_context(cluster()).nodes
    named = ",".join(f"127.0.0.1:{node.port}" for node in nodes)
    PLACES.append(("cluster", f"lockwatch+cluster://{named}", [node.url for node in nodes]))
    watching = _servers.enter_context(sentinel(single))
    PLACES.append(("sentinel", f"lockwatch+sentinel://127.0.0.1:{watching}/main", [single.url]))


def pytest_unconfigure() -> None:
    """Stops them."""
    _servers.close()


def _parameters(of: str, *, asynchronous: bool) -> pytest.MarkDecorator:
    kind: Any = AsyncLockWatchStorage if asynchronous else LockWatchStorage
    # On a busy machine an answer must not become a timeout.
    options = {"connect_timeout": 10, "command_timeout": 10}
    uris = [("async+" if asynchronous else "") + uri for _, uri, _ in PLACES]
    values = {"uri": uris, "args": [options] * len(uris), "fixture": [None] * len(uris)}
    values["expected_instance"] = [kind] * len(uris)
    names = [name.strip() for name in of.split(",")]
    rows = zip(*(values[name] for name in names), strict=True)
    return pytest.mark.parametrize(of, list(rows), ids=[name for name, _, _ in PLACES])


def pytest_pycollect_makeitem(name: str, obj: object) -> None:
    """Replaces the parameters of a class or function of tests that are storages."""
    marks = getattr(obj, "pytestmark", None)
    if not name.lower().startswith("test") or not isinstance(marks, list):
        return
    for at, mark in enumerate(marks):
        if mark.name == "parametrize" and mark.args[0] in STORAGES:
            asynchronous = any(str(row).find("async+") > 0 for row in mark.args[1])
            marks[at] = _parameters(mark.args[0], asynchronous=asynchronous).mark


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keeps the tests that use the storage of lockwatch."""
    kept = [item for item in items if "uri" in getattr(item, "fixturenames", ())]
    for item in kept:
        for text, reason in DIFFERENT.items():
            if text in item.name:
                item.add_marker(pytest.mark.xfail(reason=reason, strict=True))
    if not kept:
        raise pytest.UsageError("no test was found that uses a storage")
    items[:] = kept


@pytest.fixture(autouse=True)
def _empty() -> None:
    for url in {url for _, _, urls in PLACES for url in urls}:
        with redis.Redis.from_url(url) as admin:
            admin.flushall()
