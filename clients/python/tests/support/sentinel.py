"""A sentinel that watches a primary under the name `main`."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import redis

from lockwatch.testing import RedisServer
from lockwatch.testing.server import free_port

from .waiting import wait_for


@contextlib.contextmanager
def sentinel(primary: RedisServer, replicas: int = 0) -> Iterator[int]:
    """The port of the sentinel, once it knows the primary and this many replicas."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="lockwatch-sentinel-") as directory:
        configuration = Path(directory) / "sentinel.conf"
        configuration.write_text(f"port {port}\nsentinel monitor main 127.0.0.1 {primary.port} 1\n")
        process = subprocess.Popen(
            [os.environ.get("LOCKWATCH_SERVER", "redis-server"), str(configuration), "--sentinel"],
            stdout=subprocess.DEVNULL,
            cwd=directory,
        )
        try:
            wait_for("the sentinel to know the servers", lambda: _known_replicas(port) == replicas)
            yield port
        finally:
            process.kill()
            process.wait()


def _known_replicas(port: int) -> int | None:
    with contextlib.suppress(redis.RedisError), redis.Redis(port=port) as client:
        return int(client.sentinel_master("main")["num-slaves"])
    return None
