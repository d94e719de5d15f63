#!/usr/bin/env python3
"""Draws the charts of docs/explanation/window.md.

  scripts/charts.py                   takes half a minute, most of which is waiting for real time
  scripts/charts.py --server PATH     with another server: Redis 7.0 or later, or Valkey

The chart shows what four limiters admit of the same calls: 100 calls per window, and a client that
is silent at first and calls without a pause from shortly before the boundary of two fixed windows.
The figures of lockwatch come from a real server with the module of `LOCKWATCH_MODULE` or, if that
is not set, target/release/liblockwatch.so. The other three are simulated here, from the times that
the server's clock showed at each of those calls.

For each limiter the script prints the most calls that it admitted in any trailing window. It fails
if that is more than the limit for lockwatch.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from svg import DARK, FONT, LIGHT, Theme, head

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "docs" / "explanation"

LIMIT = 100
WINDOW = 10_000
"""Milliseconds. Long, so that an uncertainty of one millisecond is not visible."""
PAUSE = 2.5
"""Milliseconds between two calls of the client."""
FIRST = 0.97
LAST = 3.2
"""The first and the last call, in windows."""


@dataclass(frozen=True)
class Call:
    """A call to the real server."""

    earliest: int
    latest: int
    """The server's clock in milliseconds just before the call and just after it, nearly always the
    same."""
    admitted: bool


# --- the real server ---


class Redis:
    """Just enough of the Redis protocol for this script."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._file = self._socket.makefile("rb")

    def __call__(self, *commands: str) -> list[object]:
        """Sends the commands in one write. Returns their replies."""
        text = ""
        for command in commands:
            words = command.split()
            text += f"*{len(words)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
        self._socket.sendall(text.encode())
        return [self._reply() for _ in commands]

    def _reply(self) -> object:
        line = self._file.readline().rstrip(b"\r\n").decode()
        kind, rest = line[:1], line[1:]
        if kind == ":":
            return int(rest)
        if kind == "$":
            return self._file.read(int(rest) + 2)[:-2].decode()
        if kind == "*":
            return [self._reply() for _ in range(int(rest))]
        if kind == "+":
            return rest
        raise SystemExit(f"charts.py: the server replied {line!r}")


@contextmanager
def running_server(server: str, module: Path) -> Iterator[int]:
    """A server with the module on a free port of the loopback interface."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as directory:
        options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", directory]
        log = Path(directory, "log")
        command = [server, *options, "--logfile", str(log), "--loadmodule", str(module)]
        process = subprocess.Popen(command)
        try:
            deadline = time.monotonic() + 10
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    if process.poll() is not None or time.monotonic() > deadline:
                        raise SystemExit(f"charts.py: {server} does not start: {log.read_text()}") from None
                    time.sleep(0.02)
            yield port
        finally:
            process.terminate()
            process.wait()


def real_calls(port: int) -> tuple[int, list[Call]]:
    """Makes the calls. Returns them and the start of a fixed window that is before the first."""
    redis = Redis(port)
    command = f"LW.RATELIMIT key {LIMIT} {WINDOW}ms"
    start = (int(time.time() * 1000) // WINDOW + 1) * WINDOW
    calls = []
    for number in range(int((LAST - FIRST) * WINDOW / PAUSE)):
        due = (start + FIRST * WINDOW + number * PAUSE) / 1000
        time.sleep(max(0.0, due - time.time()))
        before, reply, after = redis("TIME", command, "TIME")
        assert isinstance(reply, list)
        calls.append(Call(milliseconds(before), milliseconds(after), reply[0] == 0))
    return start, calls


def milliseconds(reply: object) -> int:
    """The reply to TIME."""
    assert isinstance(reply, list)
    return int(reply[0]) * 1000 + int(reply[1]) // 1000


# --- the other limiters ---

Limiter = Callable[[int], bool]
"""Given the time in milliseconds, admits a call or not."""


def fixed_window() -> Limiter:
    """A counter for each window of the clock."""
    counts: dict[int, int] = {}

    def admits(now: int) -> bool:
        window = now // WINDOW
        admitted = counts.get(window, 0) < LIMIT
        counts[window] = counts.get(window, 0) + admitted
        return admitted

    return admits


def two_buckets() -> Limiter:
    """Counters of this window and the one before, weighted by its part in the sliding window."""
    counts: dict[int, int] = {}

    def admits(now: int) -> bool:
        window, elapsed = divmod(now, WINDOW)
        before = counts.get(window - 1, 0) * (WINDOW - elapsed) // WINDOW
        admitted = before + counts.get(window, 0) < LIMIT
        counts[window] = counts.get(window, 0) + admitted
        return admitted

    return admits


def gcra() -> Limiter:
    """A theoretical arrival time, as `CL.THROTTLE key 99 100 period` keeps it."""
    interval = WINDOW / LIMIT
    arrival = 0.0

    def admits(now: int) -> bool:
        nonlocal arrival
        later = max(arrival, now) + interval
        admitted = later - LIMIT * interval <= now
        if admitted:
            arrival = later
        return admitted

    return admits


# --- counting ---


def trailing_counts(admitted: list[Call], times: list[int]) -> list[int]:
    """The number of calls in the window that ends at each time, `(time - WINDOW, time]`."""
    counts, first, last = [], 0, 0
    for now in times:
        while last < len(admitted) and admitted[last].earliest <= now:
            last += 1
        while first < last and admitted[first].earliest <= now - WINDOW:
            first += 1
        counts.append(last - first)
    return counts


def most(admitted: list[Call]) -> int:
    """The most calls in any trailing window.

    If the clock moved on during a call, the call is made at the later time and counts from the
    earlier one. So the figure may miss calls of one millisecond, and is never too high.
    """
    best, first = 0, 0
    for index, call in enumerate(admitted):
        while admitted[first].earliest <= call.latest - WINDOW:
            first += 1
        best = max(best, index - first + 1)
    return best


# --- drawing ---


@dataclass(frozen=True)
class Palette:
    """The further colours of a chart."""

    grid: str
    line: str
    over: str


PALETTES = {
    LIGHT: Palette("#d1d9e0", "#0969da", "#cf222e"),
    DARK: Palette("#30363d", "#4493f8", "#f85149"),
}

WIDTH, PANEL, GAP, LEFT, TOP = 640, 90, 44, 44, 74
RIGHT = WIDTH - 20
TALLEST = 210
"""The count at the upper edge of a panel."""
STEPS = 480
"""Points of a curve."""


def chart(theme: Theme, start: int, panels: list[tuple[str, str, list[Call]]]) -> str:
    """The chart as SVG: a panel for each limiter, with its name, a note and what it admitted."""
    height = TOP + len(panels) * (PANEL + GAP) + 22
    heading = f"Calls admitted in the trailing window, with a limit of {LIMIT}"
    subtitle = "One client, which calls without a pause from just before time 1"
    text = "; ".join(f"{name}: at most {most(calls)} calls in a trailing window" for name, _, calls in panels)
    parts = [
        f'<rect width="{WIDTH}" height="{height}" fill="{theme.page}"/>',
        f'<g font-family="{FONT}" font-size="14" fill="{theme.ink}">',
        f'<text x="{LEFT}" y="26" font-size="16" font-weight="600">{heading}</text>',
        f'<text x="{LEFT}" y="48" fill="{theme.soft}">{subtitle}</text>',
    ]
    for row, (name, note, calls) in enumerate(panels):
        top = TOP + row * (PANEL + GAP) + 18
        parts.append(label(theme, top, name, note, most(calls)))
        parts += panel(theme, start, top, calls)
    bottom = TOP + len(panels) * (PANEL + GAP) - GAP + 18
    style = f'text-anchor="middle" fill="{theme.soft}"'
    parts += [f'<text x="{x_of(tick)}" y="{bottom + 20}" {style}>{tick}</text>' for tick in (0, 1, 2, 3)]
    parts.append(
        f'<text x="{RIGHT}" y="{bottom + 38}" text-anchor="end" fill="{theme.soft}">time, in windows</text></g></svg>\n'
    )
    return head(WIDTH, height, heading, f"{text}.") + "\n".join(parts)


def label(theme: Theme, top: int, name: str, note: str, highest: int) -> str:
    """The line above a panel."""
    colours = PALETTES[theme]
    colour = colours.over if highest > LIMIT else colours.line
    return (
        f'<text x="{LEFT}" y="{top - 6}" font-weight="600">{name}</text>'
        f'<text x="{RIGHT}" y="{top - 6}" text-anchor="end"><tspan fill="{theme.soft}">{note} </tspan>'
        f'<tspan font-weight="600" fill="{colour}">at most {highest}</tspan></text>'
    )


def panel(theme: Theme, start: int, top: int, calls: list[Call]) -> list[str]:
    """The curve of a limiter, with its axes."""
    colours = PALETTES[theme]

    def y_of(count: float) -> float:
        return round(top + PANEL * (1 - count / TALLEST), 1)

    times = [start + round(step * LAST * WINDOW / STEPS) for step in range(STEPS + 1)]
    counts = trailing_counts(calls, times)
    points = list(zip((x_of((now - start) / WINDOW) for now in times), counts, strict=True))
    # A curve needs a point only where it bends.
    kept = [
        here
        for before, here, after in zip([points[0], *points], points, [*points[1:], points[-1]], strict=False)
        if not before[1] == here[1] == after[1] or here in (points[0], points[-1])
    ]
    curve = " ".join(f"{x},{y_of(count)}" for x, count in kept)
    above = " ".join(f"{x},{y_of(max(count, LIMIT))}" for x, count in kept)
    base, limit = y_of(0), y_of(LIMIT)
    grid = [f'<path d="M{x_of(tick)} {top}V{base}" stroke="{colours.grid}"/>' for tick in (0, 1, 2, 3)]
    style = f'text-anchor="end" font-size="12" fill="{theme.soft}"'
    numbers = [f'<text x="{LEFT - 8}" y="{y_of(n) + 5}" {style}>{n}</text>' for n in (0, LIMIT, 2 * LIMIT)]
    return [
        *grid,
        *numbers,
        f'<polygon points="{LEFT},{base} {curve} {RIGHT},{base}" fill="{theme.blue}"/>',
        f'<polygon points="{LEFT},{limit} {above} {RIGHT},{limit}" fill="{colours.over}" fill-opacity="0.3"/>',
        f'<path d="M{LEFT} {base}H{RIGHT}" stroke="{colours.grid}"/>',
        f'<path d="M{LEFT} {limit}H{RIGHT}" stroke="{theme.soft}" stroke-dasharray="5 4"/>',
        f'<polyline points="{curve}" fill="none" stroke="{colours.line}" stroke-width="2" stroke-linejoin="round"/>',
    ]


def x_of(windows: float) -> float:
    """The place of a time in a panel."""
    return round(LEFT + (RIGHT - LEFT) * windows / LAST, 1)


def main() -> None:
    """Makes the calls and draws the charts."""
    parser = argparse.ArgumentParser(usage="scripts/charts.py [--server PATH]")
    parser.add_argument("--server", default="redis-server")
    server: str = parser.parse_args().server
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    module = Path(os.environ.get("LOCKWATCH_MODULE", target / "release" / "liblockwatch.so")).resolve()
    if not module.exists():
        raise SystemExit(f"charts.py: {module} is missing: run cargo build --release, or set LOCKWATCH_MODULE")

    with running_server(server, module) as port:
        start, calls = real_calls(port)

    def simulated(limiter: Limiter) -> list[Call]:
        return [call for call in calls if limiter(call.earliest)]

    panels = [
        ("Fixed window", "one counter:", simulated(fixed_window())),
        ("GCRA with a burst of 100", "one timestamp:", simulated(gcra())),
        ("Two buckets", "two counters, weighted:", simulated(two_buckets())),
        ("lockwatch", "the time of each call:", [call for call in calls if call.admitted]),
    ]
    for name, _, admitted in panels:
        print(f"{name}: {len(admitted)} of {len(calls)} calls admitted, at most {most(admitted)} in a trailing window")
    for theme in (LIGHT, DARK):
        (OUT / f"window-edge-{theme.name}.svg").write_text(chart(theme, start, panels))
    if most(panels[-1][2]) > LIMIT:
        sys.exit("charts.py: lockwatch admitted more than its limit")


if __name__ == "__main__":
    main()
