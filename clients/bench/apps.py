"""The applications that are measured: a hello-world in each framework, as a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lockwatch.testing.server import free_port

HERE = Path(__file__).parent
GO_BINARY = os.environ.get("LOCKWATCH_BENCH_GO", "")
SECONDS_TO_START = 30.0


@dataclass(frozen=True)
class Framework:
    """How an application is started, and what it is compared with."""

    name: str
    peer: str
    """The limiter that it is compared with."""
    command: tuple[str, ...]
    """With `{port}` the application is told its port, otherwise it prints its address."""
    directory: Path
    has_store: bool = True
    """Whether the peer takes a store of ours."""


def _python(words: str) -> tuple[str, ...]:
    return (sys.executable, "-m", *words.split())


FRAMEWORKS = {
    "fastapi": Framework(
        "FastAPI, uvicorn",
        "slowapi",
        _python("uvicorn asgi_app:app --port {port} --no-access-log --log-level warning --no-proxy-headers"),
        HERE / "python",
    ),
    "flask": Framework(
        "Flask, gunicorn with 4 threads",
        "Flask-Limiter",
        _python("gunicorn wsgi_app:app -b 127.0.0.1:{port} -k gthread --threads 4 --keep-alive 30 --log-level warning"),
        HERE / "python",
    ),
    "express": Framework(
        "Express, ioredis", "express-rate-limit, rate-limit-redis", ("node", "express.mjs"), HERE / "node"
    ),
    "fastify": Framework("Fastify, ioredis", "@fastify/rate-limit", ("node", "fastify.mjs"), HERE / "node"),
    "go": Framework(
        "Go net/http, go-redis",
        "redis_rate",
        (GO_BINARY,),
        HERE,
        has_store=False,
    ),
}


@dataclass(frozen=True)
class App:
    """A running application."""

    pid: int
    port: int

    def cpu_seconds(self) -> float:
        """The CPU seconds, user and system, of the process and its children."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        ticks = 0
        for each in [str(self.pid), *children]:
            fields = Path(f"/proc/{each}/stat").read_text().rsplit(")", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def running(framework: Framework, mode: str, redis_url: str) -> Iterator[App]:
    """Starts an application, and ends it afterwards."""
    given = free_port()
    words = [word.format(port=given) for word in framework.command]
    environment = {**os.environ, "NODE_ENV": "production", "MODE": mode, "REDIS_URL": redis_url}
    told = words == list(framework.command)
    process = subprocess.Popen(
        words,
        env=environment,
        cwd=framework.directory,
        stdout=subprocess.PIPE if told else None,
        text=True,
    )
    try:
        port = given
        if told and process.stdout is not None:
            line = process.stdout.readline()
            if ":" not in line:
                raise SystemExit(f"{framework.name} in the mode {mode} did not start")
            port = int(line.rpartition(":")[2])
        _await_port(port, process)
        yield App(process.pid, port)
    finally:
        process.terminate()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _await_port(port: int, process: subprocess.Popen[str]) -> None:
    """Tries every 50 ms whether the application listens."""
    deadline = time.monotonic() + SECONDS_TO_START
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("the application did not start") from None
            time.sleep(0.05)
        else:
            return
