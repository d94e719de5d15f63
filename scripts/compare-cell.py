#!/usr/bin/env python3
"""Compares CL.THROTTLE with that of redis-cell: the same random calls at the same times.

    scripts/compare-cell.py --redis-cell REDIS_CELL.so [--module LOCKWATCH.so] [--calls 50000] [--seed N]

Starts two servers whose clock stands still and is moved between calls (stopped-clock.c), and fails
at the first reply that differs. Three things are left out, because redis-cell does not work there:

- a negative quantity that gives back more than was taken: redis-cell writes it and then replies with
  an error, or leaves a key that never expires. Here the reply must be that of a free key
- the millisecond in which redis-cell has dropped a key whose time has not come: it rounds the expiry
  down twice. The clock moves on to that time
- a free key that quantity 0 of redis-cell has written. It is deleted
"""

from __future__ import annotations

import argparse
import mmap
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

START = 1_800_000_000_000_000_000
MILLISECOND = 1_000_000


class Server:
    """A server that sees the clock of the file `clock`."""

    def __init__(self, directory: Path, clock: Path, *load: str) -> None:
        self.socket_path = directory / "socket"
        preload = {"LD_PRELOAD": str(clock.with_suffix(".so")), "STOPPED_CLOCK": str(clock)}
        command = [os.environ.get("LOCKWATCH_SERVER", "redis-server"), "--port", "0", "--save", ""]
        command += ["--unixsocket", str(self.socket_path), "--dir", str(directory), "--loadmodule", *load]
        self.process = subprocess.Popen(command, env=os.environ | preload, stdout=subprocess.DEVNULL)
        self.socket = socket.socket(socket.AF_UNIX)
        for _ in range(1000):
            try:
                self.socket.connect(str(self.socket_path))
                break
            except OSError:
                time.sleep(0.01)
        self.replies = self.socket.makefile("rb")

    def call(self, *words: str) -> list[int] | str:
        text = "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
        self.socket.sendall(f"*{len(words)}\r\n{text}".encode())
        return self.read()

    def read(self) -> list[int] | str:
        line = self.replies.readline().decode().rstrip()
        if line[0] == "*":
            return [int(self.replies.readline()[1:]) for _ in range(int(line[1:]))]
        if line[0] == "$" and line != "$-1":
            return self.replies.read(int(line[1:]) + 2).decode().rstrip()
        return line


def numbers(chance: random.Random) -> tuple[int, int, int]:
    burst = chance.choice([0, chance.randrange(20), chance.randrange(2000), 1 << 31])
    count = chance.choice([chance.randrange(1, 100), chance.randrange(1, 100_000), chance.randrange(1, 1_000_000_000)])
    period = chance.choice([1, chance.randrange(1, 5), chance.randrange(1, 4000), chance.randrange(1, 40_000_000)])
    return burst, count, period


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--redis-cell", required=True, type=Path)
    parser.add_argument("--module", default=Path("target/release/liblockwatch.so"), type=Path)
    parser.add_argument("--calls", default=50_000, type=int)
    parser.add_argument("--seed", default=random.randrange(1 << 32), type=int)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary)
        clock = directory / "clock"
        clock.write_bytes(START.to_bytes(8, "little"))
        source = Path(__file__).parent / "stopped-clock.c"
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", clock.with_suffix(".so"), source], check=True)
        for name in ("theirs", "ours"):
            (directory / name).mkdir()
        theirs = Server(directory / "theirs", clock, str(options.redis_cell.resolve()))
        ours = Server(directory / "ours", clock, str(options.module.resolve()), "cl-throttle", "yes")
        try:
            with clock.open("r+b") as file:
                compare(theirs, ours, mmap.mmap(file.fileno(), 8), options)
        finally:
            theirs.process.kill()
            ours.process.kill()


def compare(theirs: Server, ours: Server, clock: mmap.mmap, options: argparse.Namespace) -> None:
    chance = random.Random(options.seed)
    seen: Counter[str] = Counter()
    now = START
    rates: list[tuple[int, int, int]] = []
    while seen["calls"] < options.calls:
        if seen["calls"] % 500 == 0 or not rates:
            rates = [numbers(chance) for _ in range(8)]
            rates = [rate for rate in rates if rate[2] * 10**9 // rate[1] >= 1] or [(4, 60, 60)]
            for server in (theirs, ours):
                server.call("FLUSHALL")
        which = chance.randrange(len(rates))
        burst, count, period = rates[which]
        interval = period * 10**9 // count
        step = chance.choice([0, 0, interval, interval // 2, chance.randrange(interval * 3 + 1)])
        step = chance.choice([step, step, chance.randrange(3_000_000), chance.randrange(3), 3 * interval * (burst + 1)])
        step = min(step, 10**17 // options.calls)
        if chance.random() < 0.03:
            step = -chance.randrange(min(interval * 5, 10**13) + 1)
            seen["steps back"] += 1
        now += step
        # Sometimes a key that was used with another rate.
        key = f"k{chance.choice([which] * 9 + [0])}"
        quantity = chance.choice([1, 1, 1, 0, 2, chance.randrange(8), -1, -chance.randrange(6), burst + 1, burst + 2])
        quantity = min(quantity, 1 << 31)
        if interval * max(abs(quantity), burst + 1) >= 1 << 63:
            continue
        clock[:] = now.to_bytes(8, "little")
        stored = ours.call("GET", key)
        tat = int(stored) if isinstance(stored, str) and stored.isdecimal() else None
        if tat is not None and theirs.call("GET", key) == "$-1":
            seen["moved past an early expiry"] += 1
            now = (tat // MILLISECOND + 1) * MILLISECOND
            clock[:] = now.to_bytes(8, "little")
            tat = None
        call = ["CL.THROTTLE", key, str(burst), str(count), str(period), str(quantity)]
        expected, got = theirs.call(*call), ours.call(*call)
        seen["calls"] += 1
        if quantity < 0 and max(tat or now, now) + interval * quantity < now and not is_denied(got):
            seen["gave back more than was taken"] += 1
            assert got == [0, burst + 1, got[2], -1, 0], (options.seed, now, call, tat, got)
            theirs.call("DEL", key)
            ours.call("DEL", key)
            continue
        seen["denied" if is_denied(got) else "admitted"] += 1
        seen["quantity 0"] += quantity == 0
        seen["negative"] += quantity < 0
        if expected != got:
            sys.exit(f"seed {options.seed}: at {now}, {call} with {tat}: redis-cell {expected}, lockwatch {got}")
        held = theirs.call("GET", key), ours.call("GET", key)
        if held[0] != held[1]:
            if quantity > 0 or held[0] != str(now):
                sys.exit(f"seed {options.seed}: at {now}, after {call} with {tat}: they hold {held}")
            seen["wrote a free key"] += 1
            theirs.call("DEL", key)
            ours.call("DEL", key)
    print(f"seed {options.seed}: the same replies.", ", ".join(f"{count} {what}" for what, count in seen.items()))


def is_denied(reply: list[int] | str) -> bool:
    return isinstance(reply, list) and reply[0] == 1


if __name__ == "__main__":
    main()
