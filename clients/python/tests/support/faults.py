"""What may happen to Redis while requests come in, and the requests."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from os import kill
from typing import Any

import httpx
import redis

from lockwatch.testing import RedisServer

from .proxy import Proxy
from .web import Web

CLIENTS = 6


class Stand:
    """A primary behind one address, and a server that may take its place."""

    def __init__(self, servers: ExitStack) -> None:
        self._servers = servers
        self.primary = servers.enter_context(RedisServer())
        self.proxy = servers.enter_context(Proxy(self.primary.port))

    def admin(self, *words: object) -> None:
        """Sends a command to the primary."""
        with redis.Redis.from_url(self.primary.url, socket_timeout=5) as client:
            client.execute_command(*words)

    def successor(self) -> RedisServer:
        """Another server."""
        return self._servers.enter_context(RedisServer())


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
    successor = stand.successor()
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


def has_limit_headers(response: httpx.Response) -> bool:
    return "x-ratelimit-limit" in response.headers


class Load:
    """Requests from several clients until the end of the block: when each ended, and how."""

    def __init__(
        self, web: Web, is_limited: Callable[[httpx.Response], bool] = has_limit_headers, path: str = "/items"
    ) -> None:
        self._path = path
        self._url = str(web.http.base_url)
        self._is_limited = is_limited
        self._over = threading.Event()
        self.longest = 0.0
        self.statuses: set[int] = set()
        self.errors: list[str] = []
        self.limited = 0
        """Responses that a limit was evaluated for."""
        self.unlimited = 0
        self._threads = [threading.Thread(target=self._run) for _ in range(CLIENTS)]

    def _run(self) -> None:
        with httpx.Client(base_url=self._url, timeout=20) as http:
            while not self._over.is_set():
                began = time.monotonic()
                try:
                    response = http.get(self._path)
                except httpx.TransportError as error:
                    self.errors.append(repr(error))
                    return
                self.longest = max(self.longest, time.monotonic() - began)
                self.statuses.add(response.status_code)
                if self._is_limited(response):
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
