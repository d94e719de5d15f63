"""Calls in greenlets of gevent to a server that then hangs: `gevent_calls.py URL PID`.

Prints JSON: what remains of the limit before, the code of the failure, how many seconds it took,
and how many turns another greenlet had meanwhile.
"""

# ruff: noqa: E402  # gevent wants to come before all else

from gevent import monkey

monkey.patch_all()

import json
import os
import signal
import sys
import threading
import time

from lockwatch import LockWatch, UnavailableError


def main(url: str, pid: int) -> None:
    """Makes the calls."""
    with LockWatch(url, connect_timeout=5, command_timeout=1) as lockwatch:
        threads = [threading.Thread(target=lockwatch.ratelimit, args=("greenlets", 100, 60)) for _ in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        remaining = lockwatch.ratelimit("greenlets", 100, 60).remaining
        turns = threading.Thread(target=take_turns, daemon=True)
        turns.start()
        os.kill(pid, signal.SIGSTOP)
        before, began = taken[0], time.monotonic()
        try:
            lockwatch.ratelimit("greenlets", 100, 60)
        except UnavailableError as error:
            code, seconds = error.code, time.monotonic() - began
            print(json.dumps({"remaining": remaining, "code": code, "seconds": seconds, "turns": taken[0] - before}))
        finally:
            os.kill(pid, signal.SIGCONT)


taken = [0]


def take_turns() -> None:
    """Counts the turns that this greenlet gets."""
    while True:
        taken[0] += 1
        time.sleep(0.01)


main(sys.argv[1], int(sys.argv[2]))
