"""A Redis that the tests of one file share, and checks of every server's log and every report."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterator

import pytest
import redis
import uvloop

import support.django_project  # noqa: F401  # before a module of Django reads its settings
from lockwatch.testing import RedisServer
from support.logs import log_faults


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fails a test that skips itself, as the fixtures for applications do without the module."""
    report = yield
    if report.skipped:
        report.outcome = "failed"
    return report


@pytest.fixture(scope="session", autouse=True)
def _sound_logs() -> Iterator[None]:
    """Fails the test that stops a server whose log has a panic, a flood of warnings or a secret."""
    stop = RedisServer.stop

    def check_and_stop(server: RedisServer) -> None:
        server.kill()
        faults = log_faults(server)
        stop(server)
        assert not faults, f"faults in the server's log:\n{faults}"

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RedisServer, "stop", check_and_stop)
        yield


@pytest.fixture(scope="module")
def shared_redis() -> Iterator[RedisServer]:
    """A real server. Each test uses its own keys."""
    with RedisServer() as server:
        yield server


@pytest.fixture(params=["asyncio", "uvloop"])
def each_event_loop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, shared_redis: RedisServer) -> None:
    """Runs a test with the event loop of asyncio, and with uvloop, on an empty server."""
    with redis.Redis.from_url(shared_redis.url) as admin:
        admin.flushall()
    if request.param == "uvloop":
        monkeypatch.setattr(asyncio, "run", uvloop.run)
