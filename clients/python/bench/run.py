"""Measures what the middleware adds to a hello-world application, beside other limiters.

LOCKWATCH_MODULE=/path/to/liblockwatch.so python bench/run.py [--rounds 5] [--requests 8000]

Within a round every row runs once, so that a machine whose speed drifts slows all rows alike. Each
row's median counts. Some rows send the same commands through redis-py's public pipeline: the
client's own connections are kept only if they save more than a third of the CPU that those rows
add.
"""

import argparse
import asyncio
import os
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

from load import load

from lockwatch.testing import RedisServer
from lockwatch.testing.server import free_port

MODES = {
    "bare": "bare",
    "lockwatch-limit": "lockwatch, the limit alone",
    "lockwatch": "lockwatch: limit, burst, audit",
    "pipeline-limit": "lockwatch over redis-py's pipeline, the limit alone",
    "pipeline": "lockwatch over redis-py's pipeline: limit, burst, audit",
    "batched-limit": "the same, one pipeline for several requests, the limit alone",
    "batched": "the same, one pipeline for several requests: limit, burst, audit",
    "sorted-set": "sorted set in MULTI, the limit alone",
}
CONNECTIONS = 50
HERE = Path(__file__).parent
COMMANDS = {
    "FastAPI, uvicorn": "uvicorn asgi_app:app --port {port} --no-access-log --log-level warning --no-proxy-headers",
    "Flask, gunicorn": "gunicorn wsgi_app:app -b 127.0.0.1:{port} -k gthread --threads 4 --keep-alive 30 --log-level warning",
}

Measured = tuple[float, float, float, float]


def cpu_seconds(pid: int) -> float:
    """The CPU seconds of a process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    ticks = 0
    for each in [str(pid), *children]:
        fields = Path(f"/proc/{each}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def await_port(port: int, process: "subprocess.Popen[bytes]") -> None:
    """Tries every 50 ms whether the application listens, for 30 s at most."""
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("the application did not start") from None
            time.sleep(0.05)
        else:
            return


def measure(server: str, mode: str, requests: int) -> Measured:
    """Requests per second, p50 and p99 of the latency in ms, microseconds of CPU per request."""
    port = free_port()
    with RedisServer() as redis:
        environment = {**os.environ, "MODE": mode, "REDIS_URL": redis.url}
        words = [sys.executable, "-m", *COMMANDS[server].format(port=port).split()]
        process = subprocess.Popen(words, env=environment, cwd=HERE)
        try:
            await_port(port, process)
            asyncio.run(load(port, requests // 10, CONNECTIONS))
            before = cpu_seconds(process.pid)
            rate, latencies = asyncio.run(load(port, requests, CONNECTIONS))
            cpu = cpu_seconds(process.pid) - before
        finally:
            process.terminate()
            process.wait()
    p50, p99 = (latencies[int(len(latencies) * share)] * 1e3 for share in (0.5, 0.99))
    return rate, p50, p99, cpu / requests * 1e6


def report(server: str, rows: dict[str, list[Measured]]) -> None:
    """Prints a table, and how lockwatch compares with the other rows."""
    median = {mode: [statistics.median(each) for each in zip(*rounds, strict=True)] for mode, rounds in rows.items()}
    print(f"\n| {server} | requests/s | p50 ms | p99 ms | CPU us a request | of it the limiter |")
    print("|---|---|---|---|---|---|")
    for mode, (rate, p50, p99, cpu) in median.items():
        extra = cpu - median["bare"][3]
        print(f"| {MODES[mode]} | {rate:.0f} | {p50:.2f} | {p99:.2f} | {cpu:.0f} | {extra:.0f} |")
    for own in ("lockwatch-limit", "lockwatch"):
        of = (median[own][3] - median["bare"][3]) / (median["sorted-set"][3] - median["bare"][3])
        verdict = "pass" if of < 0.5 else "miss"
        print(f"{MODES[own]}: {of:.2f} of the sorted set's CPU; the aim is below 0.5: {verdict}")
    for suffix in ("-limit", ""):
        for other in ("pipeline", "batched"):
            if (mode := other + suffix) in median:
                saved = 1 - extra_cpu(median, f"lockwatch{suffix}") / extra_cpu(median, mode)
                print(f"{MODES[f'lockwatch{suffix}']}: saves {saved:.0%} of the added CPU of {MODES[mode]!r}")


def extra_cpu(median: dict[str, list[float]], mode: str) -> float:
    """Microseconds of CPU that a mode adds to a request."""
    return median[mode][3] - median["bare"][3]


def main() -> None:
    """Measures every row."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=8000)
    given = parser.parse_args()
    for server in COMMANDS:
        # Threads that block have no event loop to gather requests in.
        modes = [mode for mode in MODES if server.startswith("FastAPI") or not mode.startswith("batched")]
        rows: dict[str, list[Measured]] = {mode: [] for mode in modes}
        for _ in range(given.rounds):
            for mode, rounds in rows.items():
                rounds.append(measure(server, mode, given.requests))
        report(server, rows)


main()
