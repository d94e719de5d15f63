"""A Redis that accepts connections and does not answer: tokens and other slow commands."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from functools import partial
from os import kill
from typing import Any

import pytest
import redis
from flask import Flask

from lockwatch import LockWatch, UnavailableError
from lockwatch.flask import token_blueprint
from lockwatch.ratelimit import peek
from lockwatch.redis.open import open_connection
from lockwatch.testing import RedisServer
from support.both import Blocking

TIMEOUTS: dict[str, Any] = {"connect_timeout": 0.3, "command_timeout": 0.3, "breaker_seconds": 60}


@pytest.fixture
def hung(shared_redis: RedisServer) -> Iterator[str]:
    """The URL of a server that hangs until the test ends."""
    kill(shared_redis.pid, signal.SIGSTOP)
    try:
        yield shared_redis.url
    finally:
        kill(shared_redis.pid, signal.SIGCONT)


def clients(source: Any) -> list[Any]:
    return [LockWatch(source, **TIMEOUTS), Blocking(source, TIMEOUTS)]


def test_a_handshake_has_the_connect_timeout(hung: str) -> None:
    for client in clients(hung):
        began = time.monotonic()
        with pytest.raises(UnavailableError) as away:
            client.issue("auth", "alice")
        assert away.value.code == "TIMEOUT"
        assert time.monotonic() - began < 2.5
        client.close()


def test_slow_commands_respect_the_breaker(hung: str) -> None:
    for client in clients(hung):
        for _ in range(3):
            with pytest.raises(UnavailableError):
                client.peek("a", 1, 60)
        began = time.monotonic()
        for call in (partial(client.issue, "auth", "alice"), partial(client.rotate, "auth", "lwr_x"), client.audit_log):
            with pytest.raises(UnavailableError) as away:
                call()
            assert away.value.code == "BYPASSED"
        assert time.monotonic() - began < 0.2
        client.close()


def test_a_login_is_answered_503(hung: str) -> None:
    app = Flask(__name__)
    with LockWatch(hung, **TIMEOUTS) as lockwatch:
        app.register_blueprint(token_blueprint(lockwatch, "auth", authenticate=lambda: "alice"))
        began = time.monotonic()
        responses = [app.test_client().post("/auth/login") for _ in range(2)]
        assert time.monotonic() - began < 4
    assert [response.status_code for response in responses] == [503, 503]


def test_slow_commands_do_not_open_the_breaker(shared_redis: RedisServer) -> None:
    with redis.Redis.from_url(shared_redis.url) as admin:
        for client in clients(shared_redis.url):
            client.issue("auth", "alice")
            for call in (
                partial(client.revoke, "auth", subject="nobody"),
                partial(client.revoke_all, "other"),
                partial(client.sessions, "auth", "nobody"),
                client.jwks,
            ):
                call()
                admin.execute_command("CLIENT", "PAUSE", "500", "ALL")
                call()
            assert client.peek("a", 1, 60)
            client.close()


def test_slow_commands_have_a_longer_timeout(shared_redis: RedisServer) -> None:
    with redis.Redis.from_url(shared_redis.url) as admin:
        for client in clients(shared_redis.url):
            assert client.issue("auth", "alice").session_id
            # For a second every command waits.
            admin.execute_command("CLIENT", "PAUSE", "1000", "ALL")
            assert client.issue("auth", "alice").session_id
            client.close()


def test_a_late_reply_is_not_taken_for_that_of_the_next_command(shared_redis: RedisServer) -> None:
    # The handshake's timeout is the shorter one, as for slow commands.
    connection = open_connection(shared_redis.url, 0.5, 0.7)
    first, second = peek("late", 1, 60), peek("late", 2, 60)
    assert first.parse(*connection.send([first])).limit == 1
    kill(shared_redis.pid, signal.SIGSTOP)
    resume = threading.Timer(0.2, kill, (shared_redis.pid, signal.SIGCONT))
    try:
        with pytest.raises(UnavailableError):
            connection.send([first])
        resume.start()
        assert second.parse(*connection.send([second])).limit == 2
    finally:
        resume.join()
        connection.close()
