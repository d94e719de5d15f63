"""The timeout of commands holds for each kind of socket that redis-py may open."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from redis.connection import Connection

from lockwatch import LockWatch, UnavailableError
from lockwatch.redis.channels import has_kernel_timeout
from lockwatch.testing import RedisServer

CALLS = Path(__file__).parent / "apps" / "gevent_calls.py"


class OtherSocket(socket.socket):
    """A class of another module, as that of gevent is."""


def test_only_sockets_that_wait_in_the_kernel_have_its_timeout() -> None:
    with socket.socket() as plain, OtherSocket() as other:
        assert has_kernel_timeout(plain, 0.2) == sys.platform.startswith("linux")
        assert not has_kernel_timeout(other, 0.2)


@pytest.mark.parametrize("seconds", [0.15, 1.0])
def test_a_call_ends_after_the_timeout_of_the_kernel(seconds: float) -> None:
    here, there = socket.socketpair()
    with here, there:
        assert has_kernel_timeout(here, seconds)
        began = time.monotonic()
        with pytest.raises(BlockingIOError):
            here.recv(1)
        assert seconds <= time.monotonic() - began < seconds + 1
        with pytest.raises(BlockingIOError):
            here.sendall(bytes(1 << 24))


@pytest.mark.parametrize("kind", [socket.socket, OtherSocket])
def test_a_server_that_hangs_holds_a_call_up_no_longer_than_the_timeout(
    kind: type[socket.socket], shared_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # redis-py has no other place for a socket of one's own.
    connect: Callable[[Connection], socket.socket] = Connection._connect

    def connect_with(self: Connection) -> socket.socket:
        plain = connect(self)
        found = kind(plain.family, plain.type, plain.proto, plain.detach())
        found.settimeout(self.socket_timeout)
        return found

    monkeypatch.setattr(Connection, "_connect", connect_with)
    with LockWatch(shared_redis.url, connect_timeout=5, command_timeout=0.3) as lockwatch:
        assert lockwatch.ratelimit(f"hung {kind.__name__}", 5, 60).remaining == 4
        os.kill(shared_redis.pid, signal.SIGSTOP)
        began = time.monotonic()
        try:
            with pytest.raises(UnavailableError) as failure:
                lockwatch.ratelimit(f"hung {kind.__name__}", 5, 60)
        finally:
            os.kill(shared_redis.pid, signal.SIGCONT)
        assert failure.value.code == "TIMEOUT"
        assert 0.3 <= time.monotonic() - began < 2


def test_greenlets_of_gevent_go_on_while_one_waits(shared_redis: RedisServer) -> None:
    ran = subprocess.run(
        [sys.executable, str(CALLS), shared_redis.url, str(shared_redis.pid)],
        check=True, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    told = json.loads(ran.stdout)
    assert (told["remaining"], told["code"]) == (49, "TIMEOUT")
    assert told["turns"] > 10
    assert 1 <= told["seconds"] < 3
