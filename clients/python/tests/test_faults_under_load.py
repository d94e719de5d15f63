"""Redis killed, hung, failed over, read-only and out of memory, while requests come in.

In each case no request waits longer than the timeouts allow, and limits are back soon afterwards.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from os import kill
from typing import Any

import httpx
import pytest
import redis

from lockwatch.testing import RedisServer
from support.proxy import Proxy
from support.waiting import wait_for
from support.web import Web

TIMEOUTS: dict[str, Any] = {"connect_timeout": 0.4, "command_timeout": 0.3, "breaker_seconds": 0.5}
# The timeouts and the time that a busy machine may take for the rest.
LONGEST_WAIT = 0.7 + 2.3
# Limits are back within this time in seconds.
BACK_AFTER = 2.0
# How long a fault lasts, so that the breaker opens and tries more than once. A server hangs for
# longer than a request may wait.
HELD_FOR = {"hung": LONGEST_WAIT + 1}
CLIENTS = 6


class Stand:
    """A primary behind one address, and a server that may take its place."""

    def __init__(self, servers: ExitStack) -> None:
        self._servers = servers
        self.primary = servers.enter_context(RedisServer())
        self.proxy = servers.enter_context(Proxy(self.primary.port))

    def admin(self, *words: object) -> None:
        with redis.Redis.from_url(self.primary.url, socket_timeout=5) as client:
            client.execute_command(*words)


@contextmanager
def killed(stand: Stand) -> Iterator[None]:
    stand.primary.kill()
    yield
    stand.primary.start()


@contextmanager
def hung(stand: Stand) -> Iterator[None]:
    kill(stand.primary.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        kill(stand.primary.pid, signal.SIGCONT)


@contextmanager
def failed_over(stand: Stand) -> Iterator[None]:
    """The old primary stays up as a replica, and open connections still lead to it."""
    successor = stand._servers.enter_context(RedisServer())
    stand.admin("REPLICAOF", "127.0.0.1", successor.port)
    yield
    stand.proxy.target = successor.port


@contextmanager
def read_only(stand: Stand) -> Iterator[None]:
    stand.admin("REPLICAOF", "127.0.0.1", 1)
    yield
    stand.admin("REPLICAOF", "NO", "ONE")


@contextmanager
def out_of_memory(stand: Stand) -> Iterator[None]:
    stand.admin("CONFIG", "SET", "maxmemory", 1)
    yield
    stand.admin("CONFIG", "SET", "maxmemory", 0)


FAULTS: dict[str, Callable[[Stand], Any]] = {
    each.__name__: each for each in (killed, hung, failed_over, read_only, out_of_memory)
}


class Load:
    """Requests from several clients until the end of the block: when each ended, and how."""

    def __init__(self, web: Web) -> None:
        self._url = str(web.http.base_url)
        self._over = threading.Event()
        self.longest = 0.0
        self.statuses: set[int] = set()
        self.errors: list[str] = []
        self.limited = 0
        """Responses with the headers of a limit."""
        self.unlimited = 0
        self._threads = [threading.Thread(target=self._run) for _ in range(CLIENTS)]

    def _run(self) -> None:
        with httpx.Client(base_url=self._url, timeout=20) as http:
            while not self._over.is_set():
                began = time.monotonic()
                try:
                    response = http.get("/items")
                except httpx.TransportError as error:
                    self.errors.append(repr(error))
                    return
                self.longest = max(self.longest, time.monotonic() - began)
                self.statuses.add(response.status_code)
                if "x-ratelimit-limit" in response.headers:
                    self.limited += 1
                else:
                    self.unlimited += 1

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()


# What answers while Redis is away, by the mode.
MODES: dict[str, dict[str, Any]] = {
    "allow": {"limits": "1000000/hour", "on_redis_failure": "allow"},
    "local": {"limits": "1000000/hour", "on_redis_failure": "local", "local_limits": "5/hour"},
}
STATUSES = {"allow": {200}, "local": {200, 429}}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("framework", ["fastapi", "flask"])
def test_no_request_waits_for_long_and_limits_are_back_soon(framework: str, fault: str, mode: str) -> None:
    with ExitStack() as servers:
        stand = Stand(servers)
        web = servers.enter_context(Web(framework, redis_url=stand.proxy.url, **MODES[mode], **TIMEOUTS))
        with Load(web) as load:
            wait_for("limits", lambda: load.limited > 20)
            with FAULTS[fault](stand):
                before = load.unlimited
                wait_for("requests without Redis", lambda: load.unlimited > before + 20)
                lasts_until = time.monotonic() + HELD_FOR.get(fault, 1.0)
                wait_for("the end of the fault", lambda: time.monotonic() > lasts_until)
            ended, limited = time.monotonic(), load.limited
            wait_for("limits again", lambda: load.limited > limited)
            took = time.monotonic() - ended
    assert load.errors == []
    assert load.statuses == STATUSES[mode]
    assert load.longest < LONGEST_WAIT
    assert took < BACK_AFTER


@pytest.mark.parametrize("framework", ["fastapi", "flask"])
def test_the_process_limits_exactly_while_redis_is_away(framework: str) -> None:
    options: dict[str, Any] = {"redis_url": "redis://127.0.0.1:1", "on_redis_failure": "local"}
    with Web(framework, limits="40/hour", local_share=0.5, **options, **TIMEOUTS) as web:
        statuses: list[int] = []

        def ask() -> None:
            with httpx.Client(base_url=str(web.http.base_url), timeout=20) as http:
                statuses.extend(http.get("/items").status_code for _ in range(10))

        threads = [threading.Thread(target=ask) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(statuses) == [200] * 20 + [429] * 40
