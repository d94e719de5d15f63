#!/usr/bin/env python3
"""Sends a server with lockwatch the traffic of a web shop, with an attack on its login.

    scripts/traffic.py PORT               until it is interrupted
    scripts/traffic.py PORT SECONDS       for this long
    scripts/traffic.py PORT --calm        without the attack

About 250 calls a second from this machine: users who log in and browse, API clients with policies,
jobs with leases, a crawler beyond its limit, and bursts at the checkout. The attack is a leaked list of
names and passwords that is tried from ever new addresses, one account guessed by a botnet, names that
do not exist, a scanner, and stolen refresh tokens.

For a server to play with, as scripts/serve.sh starts it: it sets policies, and lets new guards ban
at once (lockwatch.guard-learn 0). PORT may be that of any node of a cluster. Waits for a server that
is away. Needs nothing but Python 3.10. Prints at the end what it has sent, and exits with 1 if the
server has refused a call that it should not.
"""

import argparse
import contextlib
import heapq
import itertools
import random
import signal
import sys
import time

from resp import Client, Connection
from shop import EXPECTED, Actor, Shop, attackers, honest_actors


def prepare(connection: Connection) -> None:
    """Sets up a node: policies belong to the node on which they are set."""
    connection.call("CONFIG", "SET", "lockwatch.guard-learn", 0)
    for words in (
        "pages 30 10s",
        "api 50 10s 1000 10m",
        "api 400 10s FOR key:acme",
        "search 3 1s 40 1m SHADOW",
        "llm 20000 1m",
    ):
        connection.call("LW.POLICY", "SET", *words.split())


def run(actors: list[Actor], until: float) -> None:
    """Lets each actor make its step when its time has come."""
    order = itertools.count()
    due: list[tuple[float, int, Actor]] = [(time.monotonic(), next(order), actor) for actor in actors]
    while due[0][0] < until:
        at, _, actor = heapq.heappop(due)
        time.sleep(max(0.0, at - time.monotonic()))
        wait = next(actor)
        # Steps that were missed for more than a second are not made up for.
        heapq.heappush(due, (max(at, time.monotonic() - 1) + wait, next(order), actor))
    time.sleep(max(0.0, until - time.monotonic()))


def report(shop: Shop, seconds: float) -> None:
    unexpected = {text: count for text, count in shop.errors.items() if text not in EXPECTED}
    print(f"traffic: {shop.calls} calls in {seconds:.0f} s, {shop.errors.total()} refused", file=sys.stderr)
    for text, count in unexpected.items():
        print(f"traffic: {count} times: {text}", file=sys.stderr)
    sys.exit(1 if unexpected else 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("port", type=int)
    parser.add_argument("seconds", type=float, nargs="?", default=365 * 86400.0)
    parser.add_argument("--calm", action="store_true", help="leaves the attack out")
    parser.add_argument("--seed", type=int, help="the same people do the same in the same order")
    options = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    began = time.monotonic()
    shop = Shop(Client(("127.0.0.1", options.port), prepare), random.Random(options.seed), began + options.seconds)
    with contextlib.suppress(KeyboardInterrupt):
        run(honest_actors(shop) + ([] if options.calm else attackers(shop)), shop.until)
    report(shop, time.monotonic() - began)


if __name__ == "__main__":
    main()
