"""What the middleware adds to a request, beside the limiter that users of the framework have.

    LOCKWATCH_MODULE=/path/to/liblockwatch.so python clients/bench/run.py [--rounds 5] [--seconds 3]
        [--frameworks fastapi,flask,…] [--modes bare,…] [--json FILE]

The figure is the CPU time, user and system, of the application's process for each request. Within a
round every row runs once, so that a machine whose speed drifts slows all rows alike, and what a
limiter adds is its row less the bare one of the same round. The peers have the settings with which
they are documented, and limit alone.

More modes of the applications in Python: `pipeline-limit` and `batched-limit` send the commands of
lockwatch through redis-py's public pipeline. They show what the connections of its own save.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from pathlib import Path
from typing import Any

import redis
from apps import FRAMEWORKS, Framework, running
from load import CONNECTIONS, load
from lockwatch.testing import RedisServer

MODES = {
    "bare": "bare",
    "lockwatch-limit": "lockwatch, the limit",
    "lockwatch": "limit, burst, audit",
    "peer": "the peer",
    "peer-store": "the peer with our store",
}
# Commands that limit a request.
LIMITING = ("lw.ratelimit", "eval", "evalsha", "fcall")
AIM = 0.5
# Requests after which the compilers of Node have done most of their work.
WARM_UP = 5000

Measured = dict[str, float]
# The measurements of each mode, one for each round.
Rounds = dict[str, list[Measured]]


def limited(server: RedisServer) -> int:
    """The commands that have limited a request so far."""
    with redis.Redis.from_url(server.url) as client:
        stats: dict[str, Any] = client.info("commandstats")
    return sum(each["calls"] for name, each in stats.items() if name.lower().removeprefix("cmdstat_") in LIMITING)


def measure(framework: Framework, mode: str, seconds: float) -> Measured:
    """Requests a second, latencies in ms, and microseconds of CPU for each request."""
    with RedisServer() as server, running(framework, mode, server.url) as app:
        load(app.port, min(1.0, seconds), WARM_UP)
        asked, busy = limited(server), app.cpu_seconds()
        tally = load(app.port, seconds)
        busy, asked = app.cpu_seconds() - busy, limited(server) - asked
    requests = len(tally.latencies)
    # Otherwise the figures would be those of requests that nothing has limited.
    if (asked < requests) if mode != "bare" else asked:
        raise SystemExit(f"{framework.name}, {mode}: {asked} calls limited {requests} requests")
    p50, p99 = (tally.latencies[int(requests * share)] * 1e3 for share in (0.5, 0.99))
    return {"cpu": busy / requests * 1e6, "rate": requests / tally.seconds, "p50": p50, "p99": p99}


def added(rounds: Rounds, mode: str) -> list[float]:
    """What a mode adds to the bare application, in microseconds, in each round, ascending."""
    return sorted(one["cpu"] - bare["cpu"] for one, bare in zip(rounds[mode], rounds["bare"], strict=True))


def cell(rounds: Rounds, mode: str) -> str:
    """A median with its spread; a dash if the mode was not measured."""
    if mode not in rounds:
        return "-"
    all_rounds = added(rounds, mode)
    return f"{statistics.median(all_rounds):.0f} ({all_rounds[0]:.0f} to {all_rounds[-1]:.0f})"


def ratio(rounds: Rounds) -> float | None:
    """What our limit adds, as a share of what the peer adds. None if either is lost in the noise."""
    if not {"lockwatch-limit", "peer"} <= rounds.keys():
        return None
    own, peer = added(rounds, "lockwatch-limit"), added(rounds, "peer")
    share = statistics.median(own) / statistics.median(peer)
    return share if own[0] > 0 and peer[0] > 0 else None


def report(found: dict[str, Rounds], rounds: int, seconds: float) -> None:
    """Prints the tables, and whether the aim is met."""
    load_average = "/".join(f"{each:.1f}" for each in os.getloadavg())
    print(f"\n{CONNECTIONS} connections, the medians of {rounds} rounds of {seconds:g} s with the least and the most;")
    print(f"load average at the end: {load_average}\n")
    names = [MODES.get(mode, mode) for mode in MODES if mode != "bare"]
    print(f"| us of CPU a request | peer | bare | {' | '.join(names)} | limit / peer |")
    print("|---" * (len(names) + 4) + "|")
    for key, modes in found.items():
        bare = statistics.median(each["cpu"] for each in modes["bare"])
        cells = [cell(modes, mode) for mode in MODES if mode != "bare"]
        share = ratio(modes)
        cells.append("-" if share is None else f"{share:.2f}")
        print(f"| {FRAMEWORKS[key].name} | {FRAMEWORKS[key].peer} | {bare:.0f} | {' | '.join(cells)} |")
    print("\n| requests/s; p50, p99 in ms | " + " | ".join(["bare", *names]) + " |")
    print("|---" * (len(names) + 2) + "|")
    for key, modes in found.items():
        print(f"| {FRAMEWORKS[key].name} | {' | '.join(speed(modes.get(mode)) for mode in MODES)} |")
    for key, modes in found.items():
        for mode in modes:
            if mode not in MODES:
                print(f"{FRAMEWORKS[key].name}, {mode}: adds {cell(modes, mode)} us")
        share = ratio(modes)
        verdict = (
            "no figure: lost in the noise, or not measured"
            if share is None
            else f"{share:.2f}, {'pass' if share < AIM else 'miss'}"
        )
        print(f"{FRAMEWORKS[key].name}: the limit beside {FRAMEWORKS[key].peer}; the aim is below {AIM}: {verdict}")


def speed(rounds: list[Measured] | None) -> str:
    """Medians of what a user of the application notices."""
    if rounds is None:
        return "-"
    rate, p50, p99 = (statistics.median(each[name] for each in rounds) for name in ("rate", "p50", "p99"))
    return f"{rate:.0f}; {p50:.1f}, {p99:.1f}"


def modes_of(framework: Framework, chosen: list[str]) -> list[str]:
    """The modes that a framework has, the bare one first."""
    return ["bare", *(mode for mode in chosen if mode != "bare" and (framework.has_store or mode != "peer-store"))]


def main() -> None:
    """Measures the chosen rows."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--frameworks", default=",".join(FRAMEWORKS))
    parser.add_argument("--modes", default=",".join(MODES))
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    found: dict[str, Rounds] = {}
    for key in given.frameworks.split(","):
        framework = FRAMEWORKS[key]
        rows: Rounds = {mode: [] for mode in modes_of(framework, given.modes.split(","))}
        for number in range(1, given.rounds + 1):
            for mode, measured in rows.items():
                print(f"round {number} of {given.rounds}: {framework.name}, {mode}", file=sys.stderr, flush=True)
                measured.append(measure(framework, mode, given.seconds))
        found[key] = rows
    report(found, given.rounds, given.seconds)
    if given.json:
        given.json.write_text(json.dumps(found, indent=2) + "\n")


main()
